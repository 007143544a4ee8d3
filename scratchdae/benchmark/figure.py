"""The figure of a benchmark: throughput against batch size, a panel for every number of hidden units."""

from textwrap import fill
from typing import TYPE_CHECKING

from scratchdae import plots
from scratchdae.benchmark.report import SUBJECT, Result, finding
from scratchdae.plots import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = {  # colour, marker, line: any one of the three tells them apart
    SUBJECT: (BLUE, "o", "-"),
    "torch-inplace": (ORANGE, "s", "--"),
    "torch": ("#b8860b", "D", "-."),
    "numpy": ("#3a7d44", "^", ":"),
    "jax": ("#7b3f8c", "v", (0, (6, 1.5, 1, 1.5, 1, 1.5))),
}
_LEGEND, _PANEL = 3.2, 3.4  # inches
_LARGE, _SMALL = 0.1, 0.062  # inches of a letter of the title and of the line below


def draw(result: Result) -> "Figure":
    """Draw a benchmark, of which at least one row was timed: a panel for every H, on common axes."""
    hidden = sorted({setting.n_hidden for setting in result.settings})
    width = _LEGEND + _PANEL * max(len(hidden), 1.4)
    figure = plots.sheet(width, 5.0)
    panels = figure.subplots(1, len(hidden), sharey=True, squeeze=False)[0]
    for ax, H in zip(panels, hidden, strict=True):
        _panel(ax, result, H)
    panels[0].set_ylabel("training samples a second")
    plots.legend(figure, "outside right center", handlelength=3.5)
    threads, setting = result.about["threads"], result.settings[0]
    details = (
        f"{result.kind.title}, {setting.dtype}, {threads} thread{'s' * (threads > 1)}, "
        f"{result.about['machine']['processor']}; median, bars from least to most"
    )
    figure.suptitle(fill(finding(result), int(width / _LARGE)), fontsize=12, fontweight="bold", x=0.01, ha="left")
    figure.supxlabel(fill(details, int(width / _SMALL)), fontsize=8.5, x=0.01, ha="left", color="#444444")
    return figure


def _panel(ax: "Axes", result: Result, H: int) -> None:
    settings = sorted((s for s in result.settings if s.n_hidden == H), key=lambda setting: setting.batch_size)
    gflops = result.limits.gflops[result.limits.fastest]
    limit = (
        f"dense limit: matrix product\nat {gflops:,.0f} GFLOP/s ({result.limits.fastest}),\n"
        f"{result.kind.work.cost.replace(', ', ',' + chr(10))}"
    )
    plots.floor_line(ax, result.dense(settings[0]), color=GREY, linewidth=1.6, linestyle=(0, (1, 1)), label=limit)
    for name, (colour, marker, line) in STYLES.items():
        rows = [row for s in settings for row in result.rows if row.name == name and row.setting == s and row.rates]
        if rows:
            plots.points(
                ax,
                [row.setting.batch_size for row in rows],
                [row.median for row in rows],
                [(min(row.rates), max(row.rates)) for row in rows],
                color=colour,
                marker=marker,
                line=line,
                linewidth=2.2 if name == SUBJECT else 1.4,
                markersize=6.5,
                capsize=3,
                label=name,
                zorder=3 if name == SUBJECT else 2,
            )
    plots.logarithmic(ax, "x", [setting.batch_size for setting in settings])
    ax.tick_params("x", which="minor", bottom=False)
    plots.logarithmic(ax, "y", form=",.0f")
    ax.set(xlabel="batch size B")
    ax.set_title(f"H = {H}", fontsize=11)
    ax.grid(alpha=0.3)
