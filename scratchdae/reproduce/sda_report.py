"""What `scratchdae.reproduce.sda` found, as lines, as a table beside the tutorial's numbers, and as a figure."""

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchdae import plots
from scratchdae.plots import BLUE, GREY, ORANGE
from scratchdae.reproduce.sda import TUTORIAL_ERROR, TUTORIAL_MINUTES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"tutorial": BLUE, "fast": ORANGE}


def line(setting: str, run: dict[str, Any]) -> str:
    """Say how one run ended: errors, epochs and minutes."""
    pretraining, finetuning = _minutes(run)
    return (
        f"{setting}, seed {run['seed']}: test error {run['test_error']:.2%}, validation {run['validation_error']:.2%} "
        f"(epoch {run['best_epoch']} of {run['epochs']}); {pretraining:.1f} + {finetuning:.1f} minutes"
    )


def table(found: dict[str, Any]) -> list[str]:
    """Lay the runs out beside the tutorial's, in Markdown, with minutes of the clock and of the processor.

    A run that shared its processor took longer by the clock than by the processor.
    """
    pretraining, finetuning = TUTORIAL_MINUTES
    lines = [
        "| setting | seed | validation % | test % | pretraining, min | fine-tuning, min | processor, min | epochs |",
        "|---|---|---|---|---|---|---|---|",
        f"| the Theano tutorial | | | {100 * TUTORIAL_ERROR:.1f} | {pretraining} | {finetuning} | | |",
    ]
    for setting, one in found.items():
        for run in one["runs"]:
            minutes = _minutes(run)
            lines.append(
                f"| {setting} | {run['seed']} | {100 * run['validation_error']:.2f} | {100 * run['test_error']:.2f} "
                f"| {minutes[0]:.1f} | {minutes[1]:.1f} | {_processor(run):.1f} | {run['epochs']} |"
            )
        average = np.mean([_minutes(run) for run in one["runs"]], axis=0)
        lines.append(
            f"| {setting} | mean | {100 * np.mean([run['validation_error'] for run in one['runs']]):.2f} "
            f"| **{100 * one['mean_test_error']:.2f}** | {average[0]:.1f} | {average[1]:.1f} "
            f"| {np.mean([_processor(run) for run in one['runs']]):.1f} | |"
        )
    return lines


def draw(found: dict[str, Any]) -> "Figure":
    """Draw validation error by epoch, and test error by minutes of a processor."""
    figure = plots.sheet(10.5, 4.4)
    left, right = figure.subplots(1, 2)
    for setting, one in found.items():
        colour = _COLOURS.get(setting, GREY)
        for k, run in enumerate(one["runs"]):
            errors = 100 * np.array(run["validation_errors"])
            label = f"{setting}, B = {one['recipe']['finetune']['batch_size']}" if k == 0 else None
            epochs, best = np.arange(1, len(errors) + 1), run["best_epoch"]
            style: dict[str, Any] = {"marker": "", "line": "-", "linewidth": 1.3, "alpha": 0.85, "label": label}
            plots.points(left, epochs, errors, color=colour, **style)
            plots.points(left, best, errors[best - 1], color=colour, markersize=4)
    plots.logarithmic(left, "y", (1, 1.5, 2, 3, 5)).set(xlabel="epoch of fine-tuning", ylabel="validation error, %")
    left.legend(frameon=False)
    _against_time(right, found)
    reached = ", ".join(f"{setting} {100 * one['mean_test_error']:.2f} %" for setting, one in found.items())
    figure.suptitle(f"Mean test error: {reached}; the tutorial says {100 * TUTORIAL_ERROR:.1f} %", x=0.01, ha="left")
    return figure


def _against_time(ax: "Axes", found: dict[str, Any]) -> None:
    """Draw the test errors against the minutes they took of a processor, the tutorial's among them."""
    for setting, one in found.items():
        minutes = [_processor(run) for run in one["runs"]]
        errors = [100 * run["test_error"] for run in one["runs"]]
        plots.points(ax, minutes, errors, color=_COLOURS.get(setting, GREY), label=setting)
    theirs = 100 * TUTORIAL_ERROR
    plots.points(ax, sum(TUTORIAL_MINUTES), theirs, color=GREY, marker="D", label="the tutorial's own")
    plots.floor_line(ax, theirs, color=GREY, linewidth=0.8)
    plots.logarithmic(ax, "x", (2, 5, 10, 20, 50, 100, 200, 500, 1000))
    ax.set(xlabel="minutes of a processor", ylabel="test error, %")
    ax.legend(frameon=False)


def _processor(run: dict[str, Any]) -> float:
    """Return the minutes that the run had a processor, all threads together; other programs do not lengthen them."""
    return float(sum(run["processor_seconds"].values())) / 60


def _minutes(run: dict[str, Any]) -> tuple[float, float]:
    """Return the minutes of pretraining and of fine-tuning."""
    seconds = run["seconds"]
    return sum(v for stage, v in seconds.items() if stage != "finetune") / 60, seconds["finetune"] / 60
