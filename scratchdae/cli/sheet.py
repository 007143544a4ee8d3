"""A sheet of samples: the first training images of each problem of Larochelle et al. 2007, in one picture."""

import math
from collections.abc import Sequence
from pathlib import Path

from scratchdae import plots
from scratchdae.datasets import ThreePartDataset
from scratchdae.datasets.larochelle import PROBLEMS

_ROWS, _COLUMNS = 4, 8  # images of a problem
_ACROSS = 2  # problems beside each other
_PANEL = 5.0  # inches, the width of a problem's images
_BEHIND = "#dce6f2"  # between the images: no grey level


def draw_sheet(
    path: Path,
    problems: Sequence[ThreePartDataset],  # each named by a key of PROBLEMS
    source: str,  # where the images come from
) -> None:
    """Draw the first training images of several problems, the labels below them in the same order."""
    down = math.ceil(len(problems) / _ACROSS)
    across = min(_ACROSS, len(problems))
    height = _PANEL * _ROWS / _COLUMNS
    figure = plots.sheet(across * _PANEL, 0.5 + down * (height + 0.55))
    figure.suptitle(f"The problems of Larochelle et al. 2007: {source}", fontsize=11)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for ax, data in zip(panels, problems, strict=False):
        images, labels = data.x_train[: _ROWS * _COLUMNS], data.t_train[: _ROWS * _COLUMNS]
        picture = plots.tile(images, data.image_shape, _COLUMNS)
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        ax.set_facecolor(_BEHIND)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        ax.set_title(f"{data.name}: {PROBLEMS[data.name].title}", fontsize=10)
        rows = [" ".join(map(str, labels[i : i + _COLUMNS])) for i in range(0, len(labels), _COLUMNS)]
        ax.set_xlabel("labels  " + "  |  ".join(rows), fontsize=7)
    for ax in panels[len(problems) :]:
        ax.set_axis_off()
    plots.save(figure, path, 130)
