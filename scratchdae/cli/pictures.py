"""The three pictures that a run leaves: its filters, its reconstructions and its losses."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scratchdae import atomic, plots
from scratchdae.arguments import Array
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES = ("filters.png", "reconstructions.png", "loss.png")
_WIDTH = 10.0  # inches
_STRIP = 3  # pixels of height for an example that is no image
_STRIP_COLUMNS = 4  # at most; strips of many numbers get a row each
_BEHIND = "#dce6f2"  # between the pictures: neither a grey level nor the sign of a weight


@contextmanager
def _axes(path: Path, height: float, behind: str = "white") -> Iterator["Axes"]:
    """Give axes to draw on; what is drawn becomes the file."""
    from matplotlib.figure import Figure  # without pyplot, which keeps state and may look for a display

    figure = Figure(figsize=(_WIDTH, height), layout="constrained", facecolor=behind)
    ax = figure.subplots()
    ax.set_facecolor(behind)
    yield ax
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=120, bbox_inches="tight", pad_inches=0.1, metadata={"Software": None})


def draw_filters(path: Path, model: DenoisingAutoencoder, image_shape: tuple[int, int] | None) -> None:
    """Draw the hundred filters of largest norm as images, or fifty as strips where the data are no images."""
    W = model.params["W"]
    n = min(100 if image_shape else 50, model.n_hidden)
    columns = _columns(n) if image_shape else max(1, min(_STRIP_COLUMNS, n, 60 // model.n_visible))
    rows = -(-n // columns)
    height, width = image_shape or (_STRIP, model.n_visible)
    inches = _WIDTH * rows * (height + 1) / (columns * (width + 1)) if image_shape else 0.16 * rows
    with _axes(path, 0.6 + min(max(inches, 0.5), 3 * _WIDTH), _BEHIND) as ax:
        plots.filters(ax, W if image_shape else np.tile(W, (_STRIP, 1)), (height, width), n, columns)
        which = f"The {n} of {model.n_hidden} filters of largest norm" if n < model.n_hidden else f"All {n} filters"
        what = "" if image_shape else ", each a strip of its weights from the first input to the last"
        ax.set_title(f"{which}{what}: black is negative, white positive", fontsize=11)
        if not image_shape:
            ax.set_aspect("auto")


def draw_reconstructions(
    path: Path,
    model: DenoisingAutoencoder,
    clean: Array,  # (N, D)
    noisy: Array | None,  # (N, D); None if the run had no corruption
    image_shape: tuple[int, int] | None,
    title: str,
) -> None:
    """Draw corrupted inputs, their reconstructions and the clean examples, some of the first, one above the other."""
    n = min(len(clean), 15 if image_shape else max(1, min(15, 120 // model.n_visible)))
    first = "input" if noisy is None else "corrupted"
    clean, noisy = clean[:n], (clean if noisy is None else noisy)[:n]
    pictures = [noisy, model.reconstruct(noisy), clean]
    low, high = float(clean.min()), float(clean.max())
    if low < 0 or high > 1:  # real-valued data: grey levels from the least clean value to the greatest
        pictures = [(picture - low) / ((high - low) or 1.0) for picture in pictures]
        title += f" (black is {low:.3g} or less, white {high:.3g} or more)"
    if not image_shape:
        pictures = [np.tile(picture, (1, _STRIP)) for picture in pictures]
    height, width = image_shape or (_STRIP, model.n_visible)
    inches = _WIDTH * 3 * (height + 1) / (n * (width + 1)) if image_shape else 1.5
    with _axes(path, 0.6 + min(inches, _WIDTH), _BEHIND) as ax:
        labels = (first, "reconstructed", "clean")
        plots.reconstructions(ax, pictures[0], pictures[1], pictures[2], (height, width), n, labels)
        ax.set_title(title, fontsize=11)
        if not image_shape:
            ax.set_aspect("auto")


def draw_losses(path: Path, history: History, unit: str, title: str, labels: tuple[str, str]) -> None:
    """Draw the losses against the epoch; the labels say what the training and the validation loss were measured on."""
    from matplotlib.ticker import MaxNLocator

    with _axes(path, 5.0) as ax:
        plots.curves(ax, history, unit, labels)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_title(title, fontsize=11)


def _columns(n: int) -> int:
    """Return how many of `n` pictures to put in a row, for a grid about four times as wide as high."""
    return math.ceil(n / math.ceil(math.sqrt(n / 4)))
