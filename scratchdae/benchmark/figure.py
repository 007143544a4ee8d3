"""The figure of a benchmark: throughput against batch size, a panel for every number of hidden units."""

from typing import TYPE_CHECKING

import numpy as np

from scratchdae.benchmark.report import SUBJECT, Result
from scratchdae.plots import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLES = {  # colour, marker, line: any one of the three tells them apart
    SUBJECT: (BLUE, "o", "-"),
    "torch-inplace": (ORANGE, "s", "--"),
    "torch": ("#b8860b", "D", "-."),
    "numpy": ("#3a7d44", "^", ":"),
    "jax": ("#7b3f8c", "v", (0, (6, 1.5, 1, 1.5, 1, 1.5))),
}


def draw(result: Result) -> "Figure":
    """Draw a benchmark.

    Parameters
    ----------
    result : Result
        At least one of its rows was timed.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for every H, on common axes.
    """
    from matplotlib.figure import Figure  # without pyplot, which keeps state and may look for a display

    hidden = sorted({row.setting.n_hidden for row in result.rows})
    figure = Figure(figsize=(3.2 + 3.4 * len(hidden), 5.0), layout="constrained")
    panels = figure.subplots(1, len(hidden), sharey=True, squeeze=False)[0]
    for ax, H in zip(panels, hidden, strict=True):
        _panel(ax, result, H)
    panels[0].set_ylabel("training samples a second")
    handles, labels = panels[0].get_legend_handles_labels()
    in_order = sorted(range(len(labels)), key=lambda i: list(_STYLES).index(labels[i]) if labels[i] in _STYLES else -1)
    figure.legend(
        [handles[i] for i in in_order],
        [labels[i] for i in in_order],
        loc="outside right center",
        frameon=False,
        handlelength=3.5,
    )
    threads, dtype = result.about["threads"], result.rows[0].setting.dtype
    figure.suptitle(
        f"Steps of a denoising autoencoder, D = {result.n_visible}, {dtype}, {threads} thread{'s' * (threads > 1)}\n"
        f"{result.about['machine']['processor']}; median, bars from least to most",
        fontsize=10,
    )
    return figure


def _panel(ax: "Axes", result: Result, H: int) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    batches = sorted({row.setting.batch_size for row in result.rows})
    for name, (colour, marker, line) in _STYLES.items():
        rows = [row for row in result.rows if row.name == name and row.setting.n_hidden == H and row.rates]
        if not rows:
            continue
        medians = np.array([row.median for row in rows])
        spread = np.array([[row.median - min(row.rates), max(row.rates) - row.median] for row in rows]).T
        ax.errorbar(
            [row.setting.batch_size for row in rows],
            medians,
            yerr=spread,
            color=colour,
            marker=marker,
            linestyle=line,
            linewidth=2.2 if name == SUBJECT else 1.4,
            markersize=6.5,
            capsize=3,
            label=name,
            zorder=3 if name == SUBJECT else 2,
        )
    dense = result.limits.dense(result.n_visible, H)
    fastest = result.limits.fastest
    label = (
        f"dense limit: matrix product\nat {result.limits.gflops[fastest]:,.0f} GFLOP/s ({fastest})\nby 10·D·H a sample"
    )
    ax.axhline(dense, color=GREY, linewidth=1.2, linestyle=(0, (1, 1)), label=label)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(batches, [str(B) for B in batches])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("batch size B")
    ax.set_title(f"H = {H}", fontsize=11)
    ax.grid(alpha=0.3)
