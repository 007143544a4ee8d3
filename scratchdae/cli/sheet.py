"""A sheet of samples: the first examples of data sets, each in a panel with its labels, in one picture."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scratchdae import plots
from scratchdae.arguments import Array
from scratchdae.cli.results import printable

ROWS, COLUMNS = 4, 8  # images of a panel
_ACROSS = 2  # panels beside each other
_PANEL = 5.0  # inches, the width of a panel's images
_BEHIND = "#dce6f2"  # between the images: no grey level


class Panel(NamedTuple):
    """The first examples of a data set."""

    title: str
    x: Array  # (n, D), uint8 or floating-point
    image_shape: tuple[int, int] | None  # None: they are no images, and are drawn as the rows of one
    labels: Array | None  # (n,)


def draw_sheet(path: Path, panels: Sequence[Panel], title: str) -> None:
    """Draw the panels, the labels of each below it in the order of its examples."""
    down = math.ceil(len(panels) / _ACROSS)
    across = min(_ACROSS, len(panels))
    height = _PANEL * ROWS / COLUMNS
    figure = plots.sheet(across * _PANEL, 0.5 + down * (height + 0.55))
    figure.suptitle(printable(title), fontsize=11, parse_math=False)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax, panel in zip(axes, panels, strict=False):
        x, shape = panel.x, panel.image_shape
        low, high = (0, 255) if x.dtype == np.uint8 else (float(x.min()), float(x.max()))
        picture = x if shape is None else plots.tile(x, shape, COLUMNS)
        aspect = "auto" if shape is None else "equal"
        ax.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect=aspect)
        ax.set_facecolor(_BEHIND)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        ax.set_title(printable(panel.title), fontsize=10, parse_math=False)
        labels = [] if panel.labels is None else [str(label) for label in panel.labels]
        rows = [" ".join(labels[i : i + COLUMNS]) for i in range(0, len(labels), COLUMNS)]
        ax.set_xlabel(printable("labels  " + "  |  ".join(rows)) if rows else "", fontsize=7, parse_math=False)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    plots.save(figure, path, 130)
