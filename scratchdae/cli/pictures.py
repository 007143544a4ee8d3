"""The three pictures that a run leaves: its filters, its reconstructions and its losses."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scratchdae import plots
from scratchdae.arguments import Array
from scratchdae.cli.results import printable
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES = ("filters.png", "reconstructions.png", "loss.png")
_WIDTH = 10.0  # inches
_STRIP_COLUMNS = 4  # at most; strips of many numbers get a row each
_BEHIND = "#dce6f2"  # between the pictures: neither a grey level nor the sign of a weight


@contextmanager
def _axes(path: Path, height: float, title: str, behind: str = "white") -> Iterator["Axes"]:
    """Give axes to draw on; what is drawn becomes the file."""
    figure = plots.sheet(_WIDTH, height, behind)
    ax = figure.subplots()
    ax.set_facecolor(behind)
    ax.set_title(printable(title), fontsize=11, parse_math=False)
    yield ax
    plots.save(figure, path, 120, bbox_inches="tight", pad_inches=0.1)


def draw_filters(path: Path, model: DenoisingAutoencoder, image_shape: tuple[int, int] | None) -> None:
    """Draw the hundred filters of largest norm as images, or fifty as strips where the data are no images."""
    n = min(100 if image_shape else 50, model.n_hidden)
    columns = _columns(n) if image_shape else max(1, min(_STRIP_COLUMNS, n, 60 // model.n_visible))
    rows = -(-n // columns)
    inches = _grid(image_shape, rows, columns) if image_shape else 0.16 * rows
    which = f"The {n} of {model.n_hidden} filters of largest norm" if n < model.n_hidden else f"All {n} filters"
    what = "" if image_shape else ", each a strip of its weights from the first input to the last"
    title = f"{which}{what}: black is negative, white positive"
    with _axes(path, 0.6 + min(max(inches, 0.5), 3 * _WIDTH), title, _BEHIND) as ax:
        plots.filters(ax, model.params["W"], image_shape, n, columns)


def draw_reconstructions(
    path: Path,
    model: DenoisingAutoencoder,
    clean: Array,  # (N, D), floating-point; some of the first are drawn
    noisy: Array | None,  # the same, corrupted; None if the run had no corruption
    image_shape: tuple[int, int] | None,
    title: str,
) -> None:
    """Draw corrupted inputs, their reconstructions and the clean examples, one above the other."""
    n = min(len(clean), 15 if image_shape else max(1, min(15, 120 // model.n_visible)))
    first = "input" if noisy is None else "corrupted"
    clean, noisy = clean[:n], (clean if noisy is None else noisy)[:n]
    pictures = [noisy, model.reconstruct(noisy), clean]
    low, high = float(clean.min()), float(clean.max())
    if low < 0 or high > 1:  # real-valued data: grey levels from the least clean value to the greatest
        pictures = [(picture - low) / ((high - low) or 1.0) for picture in pictures]
        title += f" (black is {low:.3g} or less, white {high:.3g} or more)"
    inches = _grid(image_shape, 3, n) if image_shape else 1.5
    with _axes(path, 0.6 + min(inches, _WIDTH), title, _BEHIND) as ax:
        labels = (first, "reconstructed", "clean")
        plots.reconstructions(ax, pictures[0], pictures[1], pictures[2], image_shape, n, labels)


def draw_losses(path: Path, history: History, unit: str, title: str, labels: tuple[str, str]) -> None:
    """Draw the losses against the epoch; `labels` say what those of training and of validation were measured on."""
    with _axes(path, 5.0, title) as ax:
        plots.curves(ax, history, unit, labels)


def _grid(image_shape: tuple[int, int], rows: int, columns: int) -> float:
    """Return the inches of height of a grid of images that is as wide as the page."""
    height, width = image_shape
    return _WIDTH * rows * (height + 1) / (columns * (width + 1))


def _columns(n: int) -> int:
    """Return how many of `n` pictures to put in a row, for a grid about four times as wide as high."""
    return math.ceil(n / math.ceil(math.sqrt(n / 4)))
