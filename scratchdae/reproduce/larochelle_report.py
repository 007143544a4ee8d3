"""What the benchmark's trials found, as a table beside the paper's, and as a figure."""

from itertools import permutations
from typing import TYPE_CHECKING, Any

from scratchdae import plots
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.reproduce.interval import interval
from scratchdae.reproduce.methods import NAMES
from scratchdae.reproduce.published import TABLE, TEST_EXAMPLES, published

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def table(found: dict[str, Any]) -> list[str]:
    """Lay the test errors out in Markdown, a row a problem, a column a method; `notes` says what is in a cell."""
    methods = _methods(found)
    lines = [
        "| test error, % | " + " | ".join(map(_head, methods)) + " |",
        "|---" * (len(methods) + 1) + "|",
    ]
    for problem, row in found.items():
        least = min((one["test_error"] for one in _finished(row).values()), default=None)
        cells = [_cell(problem, name, row.get(name), least) for name in methods]
        lines.append(f"| {problem} | " + " | ".join(cells) + " |")
    return lines


def notes(found: dict[str, Any]) -> list[str]:
    """Explain the table's cells, and name what is above the paper's interval, and what is not in the paper's order."""
    above = {name: [problem for problem in found if _above(problem, name, found[problem])] for name in _methods(found)}
    named = [f"{NAMES[name]} on {', '.join(problems)}" for name, problems in above.items() if problems]
    drawn = [len(one["draws"]["seeds"]) for row in found.values() for one in row.values() if "draws" in one]
    scatter = f"; in square brackets is the mean of {max(drawn, default=1)} draws of the problem, and their range"
    return [
        "Bold is the least error here of a row. Behind ± is half of the 95 % interval of the test sample"
        f"{scatter if drawn else ''}; in round brackets is the paper's error.",
        f"Above the paper's 95 % interval: {'; '.join(named) or 'none'}.",
        f"Not in the paper's order, where its intervals do not overlap: {'; '.join(_turned(found)) or 'none'}.",
    ]


def _turned(found: dict[str, Any]) -> list[str]:
    """Name the pairs of which the paper's first errs less than its second, beyond their intervals, and ours more."""
    turned = []
    for problem, row in found.items():
        for one, other in permutations(_finished(row), 2):
            theirs = published(problem, one), published(problem, other)
            if theirs[0] is not None and theirs[1] is not None:
                first, second = (interval(error, TEST_EXAMPLES) for error in (theirs[0], theirs[1]))
                if first.high < second.low and row[one]["test_error"] > row[other]["test_error"]:
                    turned.append(f"{NAMES[other]} before {NAMES[one]} on {problem}")
    return turned


def _above(problem: str, method: str, row: dict[str, Any]) -> bool:
    one, theirs = _finished(row).get(method), published(problem, method)
    return one is not None and theirs is not None and one["test_error"] > interval(theirs, TEST_EXAMPLES).high


def _head(method: str) -> str:
    """Name a column, and the paper's numbers where it has any."""
    return NAMES[method] + (" (paper)" if any(published(problem, method) is not None for problem in TABLE) else "")


def _methods(found: dict[str, Any]) -> list[str]:
    return [name for name in NAMES if any(name in row for row in found.values())]


def _finished(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out the methods of which no trial ended well."""
    return {name: one for name, one in row.items() if one["test_error"] is not None}


def _cell(problem: str, method: str, one: dict[str, Any] | None, least: float | None) -> str:
    theirs = published(problem, method)
    beside = "" if theirs is None else f" ({100 * theirs:.2f})"
    if one is None or one["test_error"] is None:
        return f"{'–' if one is None else 'failed'}{beside}"
    low, high = interval(one["test_error"], one["test_examples"])
    ours = f"{100 * one['test_error']:.2f} ± {50 * (high - low):.2f}"
    return (f"**{ours}**" if one["test_error"] == least else ours) + _scatter(one) + beside


def _scatter(one: dict[str, Any]) -> str:
    """Show the mean and the range over draws, of those that did not fail."""
    if "draws" not in one or one["draws"]["mean"] is None:
        return ""
    average, low, high = (100 * error for error in (one["draws"]["mean"], *one["draws"]["range"]))
    return f" [{average:.2f}: {low:.2f}–{high:.2f}]"


def details(found: dict[str, Any]) -> list[str]:
    """List what was chosen for each problem and method, and by which errors, a line each."""
    lines = []
    for problem, row in found.items():
        for name, one in row.items():
            if one["test_error"] is None:
                why = next((trial["failed"] for trial in one["trials"] if trial["failed"]), "its test failed")
                lines.append(f"{problem:<11} {NAMES[name]:<9}failed; {why}")
                continue
            errors = f"{100 * one['test_error']:6.2f} %, validation {100 * one['validation_error']:6.2f} %"
            chosen = ", ".join(f"{key} {value:g}" for key, value in one["chosen"].items())
            lines.append(f"{problem:<11} {NAMES[name]:<9}{errors}; best of {one['tried']}: {chosen}")
    return lines


def draw(found: dict[str, Any]) -> "Figure":
    """Draw our test errors over the paper's (grey), with 95 % intervals: a panel a problem, a row a method."""
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    figure = plots.sheet(2.9 * columns + 0.8, 2.6 * rows + 0.7)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    methods = _methods(found)
    for ax, (problem, row) in zip(panels, found.items(), strict=False):
        for height, name in enumerate(reversed(methods)):
            one, theirs = _finished(row).get(name), published(problem, name)
            if one is not None:
                colour = BLUE if name == "sda" else ORANGE
                _mark(ax, one["test_error"], one["test_examples"], height + 0.18, colour)
            if theirs is not None:
                _mark(ax, theirs, TEST_EXAMPLES, height - 0.18, GREY)
        ax.set_yticks(range(len(methods)), [NAMES[name] for name in reversed(methods)])
        ax.set_ylim(-0.6, len(methods) - 0.4)
        ax.set_title(problem, fontsize=10)
        ax.grid(axis="x", alpha=0.3)
    for ax in panels[len(found) :]:
        ax.set_axis_off()
    for ax in panels[max(0, len(found) - columns) : len(found)]:
        ax.set_xlabel("test error, %")
    for colour, label in ((BLUE, "here, SdA-3"), (ORANGE, "here, others"), (GREY, "Vincent et al. 2008")):
        plots.points(panels[0], [], [], color=colour, line="-", label=label)
    plots.legend(figure, "outside upper right", ncols=3)
    return figure


def _mark(ax: "Axes", error: float, n: int, height: float, colour: str) -> None:
    low, high = interval(error, n)
    ends = [(100 * low, 100 * high)]
    plots.points(ax, [100 * error], [height], ends, along="x", color=colour, linewidth=1.5, markersize=5)


def finding(found: dict[str, Any]) -> str:
    """Say on how many problems the stacked denoising autoencoder has a lower test error than each other method."""
    parts = []
    for name in NAMES:
        rows = [row for row in map(_finished, found.values()) if "sda" in row and name in row]
        if name != "sda" and rows:
            better = sum(row["sda"]["test_error"] < row[name]["test_error"] for row in rows)
            parts.append(f"{NAMES[name]} on {better} of {len(rows)}")
    return f"SdA-3 errs less than {', '.join(parts)} problems" if parts else "nothing to compare yet"
