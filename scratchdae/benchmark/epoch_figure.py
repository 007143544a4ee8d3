"""The figure of a benchmark of epochs: throughput against batch size, a panel for every number of hidden units."""

from textwrap import fill
from typing import TYPE_CHECKING, Any

from scratchdae import plots
from scratchdae.benchmark.epoch_report import BARE, EpochResult, finding
from scratchdae.benchmark.figure import STYLES
from scratchdae.benchmark.report import SUBJECT
from scratchdae.plots import BLUE, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEGEND, _PANEL = 3.2, 3.4  # inches
_LARGE, _SMALL = 0.1, 0.062  # inches of a letter of the title and of the line below


def draw(result: EpochResult) -> "Figure":
    """Draw a benchmark, of which at least one row was timed: a panel for every H, on common axes."""
    hidden = sorted({setting.n_hidden for setting in result.settings})
    width = _LEGEND + _PANEL * max(len(hidden), 1.4)
    figure = plots.sheet(width, 5.0)
    for ax, H in zip(figure.subplots(1, len(hidden), sharey=True, squeeze=False)[0], hidden, strict=True):
        _panel(ax, result, H)
    figure.axes[0].set_ylabel("samples a second, from bytes to weights")
    plots.legend(figure, "outside right center", handlelength=3.5)
    threads, first = result.about["threads"], result.settings[0]
    details = (
        f"{result.kind.title}, {first.corruption}, {first.dtype}, {threads} thread{'s' * (threads > 1)}, "
        f"{result.about['machine']['processor']}; median, bars from least to most"
    )
    figure.suptitle(fill(finding(result), int(width / _LARGE)), fontsize=12, fontweight="bold", x=0.01, ha="left")
    figure.supxlabel(fill(details, int(width / _SMALL)), fontsize=8.5, x=0.01, ha="left", color="#444444")
    return figure


def _panel(ax: "Axes", result: EpochResult, H: int) -> None:
    """Draw who was timed with the first corruption, and `fit` without, which is its limit."""
    first = result.settings[0].corruption
    styles: dict[tuple[str, str], tuple[Any, ...]] = {(name, first): (name, *style) for name, style in STYLES.items()}
    if first != "none":
        styles[SUBJECT, "none"] = (f"{SUBJECT}, no corruption", BLUE, "P", ":")
    styles[BARE, first] = (f"{SUBJECT}'s bare steps", GREY, "x", (0, (1, 1)))
    for (name, corruption), (label, colour, marker, line) in styles.items():
        rows = sorted(
            (row for row in result.rows if row.rates and row.name == name and row.setting.n_hidden == H
             and row.setting.corruption == corruption),
            key=lambda row: row.setting.batch_size,
        )  # fmt: skip
        if rows:
            plots.points(
                ax,
                [row.setting.batch_size for row in rows],
                [row.median for row in rows],
                [(min(row.rates), max(row.rates)) for row in rows],
                color=colour,
                marker=marker,
                line=line,
                linewidth=2.2 if (name, corruption) == (SUBJECT, first) else 1.4,
                markersize=6.5,
                capsize=3,
                label=label,
                zorder=3 if name == SUBJECT else 2,
            )
    plots.logarithmic(ax, "x", sorted({s.batch_size for s in result.settings if s.n_hidden == H}))
    ax.tick_params("x", which="minor", bottom=False)
    plots.logarithmic(ax, "y", form=",.0f")
    ax.set(xlabel="batch size B")
    ax.set_title(f"H = {H}", fontsize=11)
    ax.grid(alpha=0.3)
