"""Filters, reconstructions, curves: each takes a matplotlib Axes, draws on it, and returns it. Nothing else draws."""

from typing import TYPE_CHECKING

import numpy as np

from scratchdae.arguments import Array, integer
from scratchdae.floors import Survey, wiener
from scratchdae.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY = "#1f5fa8", "#d9622b", "#8a8a8a"  # told apart in print and by colour-blind readers


def tile(images: Array, image_shape: tuple[int, int], columns: int, gap: float = np.nan) -> Array:
    """Lay images out on a grid, row by row, one pixel apart.

    Parameters
    ----------
    images : ndarray, shape (N, D)
        One image a row.
    image_shape : (int, int)
        Rows and columns of each; their product is D.
    columns : int
        Images a row of the grid.
    gap : float
        The value between images; NaN is drawn as background.

    Returns
    -------
    ndarray
        The picture; places left over hold `gap`.

    Raises
    ------
    ValueError
        If the images are not of that shape.
    """
    height, width = image_shape
    if images.ndim != 2 or images.shape[1] != height * width or len(images) == 0:
        raise ValueError(
            f"images must have shape (N, {height * width}) for image_shape {image_shape}, found {images.shape}"
        )
    columns = min(integer("columns", columns), len(images))
    rows = -(-len(images) // columns)
    picture = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), gap)
    for k, image in enumerate(images):
        top, left = (k // columns) * (height + 1), (k % columns) * (width + 1)
        picture[top : top + height, left : left + width] = image.reshape(height, width)
    return picture


def filters(ax: "Axes", W: Array, image_shape: tuple[int, int], n: int = 100, columns: int = 20) -> "Axes":
    """Draw the weights of hidden units as images, the units of largest norm first, each on its own grey scale.

    As in figure 3 of Vincent et al. 2008: black is the most negative weight of a filter, white the most positive,
    mid-grey is zero.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    W : ndarray, shape (D, H)
        Weights of the encoder.
    image_shape : (int, int)
        Rows and columns of an input image.
    n : int
        How many units to show.
    columns : int
        Units a row.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    norms = np.linalg.norm(W, axis=0)
    chosen = np.argsort(-norms, kind="stable")[:n]
    images = W.T[chosen] / np.maximum(np.abs(W.T[chosen]).max(axis=1, keepdims=True), np.finfo(W.dtype).tiny)
    ax.imshow(tile(images, image_shape, columns), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    return ax


def reconstructions(
    ax: "Axes",
    corrupted: Array,
    reconstructed: Array,
    clean: Array,
    image_shape: tuple[int, int],
    n: int = 15,
    labels: tuple[str, str, str] = ("corrupted", "reconstructed", "clean"),
) -> "Axes":
    """Draw triples in three rows: corrupted input, reconstruction, clean target.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    corrupted, reconstructed, clean : ndarray, shape (N, D)
        The images, in [0, 1].
    image_shape : (int, int)
        Rows and columns of an image.
    n : int
        How many to show.
    labels : (str, str, str)
        What to call the rows.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    n = min(n, len(clean))
    images = np.concatenate([corrupted[:n], reconstructed[:n], clean[:n]])
    ax.imshow(tile(images, image_shape, n), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    height = image_shape[0]
    ax.set_yticks([row * (height + 1) + (height - 1) / 2 for row in range(3)], labels)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def curves(
    ax: "Axes",
    history: History,
    unit: str = "nats per example",
    labels: tuple[str, str] = ("training, corrupted inputs", "validation"),
) -> "Axes":
    """Draw training and validation loss against the epoch.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    history : History
        A run's epochs.
    unit : str
        What the loss is measured in.
    labels : (str, str)
        What to call the training and the validation loss.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    ax.plot(history["epoch"], history["loss"], "o-", color=BLUE, markersize=3, label=labels[0])
    if not np.isnan(history["validation_loss"]).all():
        ax.plot(history["epoch"], history["validation_loss"], "s--", color=ORANGE, markersize=3, label=labels[1])
    ax.set_xlabel("epoch")
    ax.set_ylabel(f"loss ({unit})")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def code_floors(ax: "Axes", survey: Survey) -> "Axes":
    """Draw what a linear code leaves against its units, beside what it leaves once each column was shuffled.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    survey : Survey
        The floors of a data set.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    k = np.arange(survey.d + 1)
    ax.plot(k, survey.codes, "-", color=BLUE, linewidth=2, label="these data")
    ax.plot(k, survey.shuffled, "--", color=GREY, linewidth=2, label="each column shuffled by itself")
    ax.axhline(survey.codes[0], color="black", linewidth=1, linestyle=":")
    ax.annotate(
        f"best constant {survey.codes[0]:.4g}",
        (survey.d, survey.codes[0]),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
    )
    marks = [(floor.level, floor.value) for floor in survey.floors if floor.kind == "code" and floor.level is not None]
    if marks:
        ax.plot(*zip(*marks, strict=True), "o", color=BLUE, markersize=5)
    ax.set_xlabel("units of the linear code, k")
    ax.set_ylabel("squared error per component")
    ax.set_title("What a linear code of k units leaves")
    ax.set_ylim(0, 1.12 * survey.codes[0] or 1.0)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def noise_floors(ax: "Axes", survey: Survey) -> "Axes":
    """Draw what linear denoisers leave against the noise: Gaussian in standard deviations of the data, and masking.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    survey : Survey
        The floors of a data set whose variance is not 0.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    deviation = survey.variance**0.5
    points = {
        kind: [(floor.level / unit, floor.value) for floor in survey.floors if floor.kind == kind and floor.level]
        for kind, unit in (("gaussian", deviation), ("masking", 1.0))
    }
    level = np.linspace(0, max([1.0, *(x for x, _ in points["gaussian"])]), 60)
    for values, line, color, label in (
        (survey.eigenvalues, "-", BLUE, "Gaussian, these data"),
        (survey.shuffled_eigenvalues, "--", GREY, "Gaussian, each column shuffled"),
    ):
        ax.plot(level, [wiener(values, s * deviation) for s in level], line, color=color, linewidth=2, label=label)
    if points["gaussian"]:
        ax.plot(*zip(*points["gaussian"], strict=True), "o", color=BLUE, markersize=5)
    if points["masking"]:
        ax.plot(*zip(*sorted(points["masking"]), strict=True), "s--", color=ORANGE, label="masking, these data")
    ax.axhline(survey.variance, color="black", linewidth=1, linestyle=":")
    ax.set_xlabel("noise over the data's standard deviation, or fraction masked")
    ax.set_ylabel("squared error per component")
    ax.set_title("What the best linear denoiser leaves")
    ax.set_ylim(0, 1.12 * survey.variance or 1.0)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def floor_bars(ax: "Axes", survey: Survey) -> "Axes":
    """Draw every floor as a share of the best constant's loss, a bar each, with its value beside it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    survey : Survey
        The floors of a data set.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.
    """
    hatches = {"squared_error": "", "absolute_error": "..", "cross_entropy": "//"}
    colors = {"constant": GREY, "gaussian": ORANGE, "masking": ORANGE}
    for row, floor in enumerate(survey.floors):
        share = survey.share(floor)
        length = min(share or 0.0, 1.0)  # an output out of reach of the targets costs many times the constant
        ax.barh(row, length, color=colors.get(floor.kind, BLUE), hatch=hatches[floor.loss], edgecolor="white")
        more = f" ({share:.3g} times)" if share is not None and share > 1.0005 else ""
        ax.text(length + 0.01, row, f"{floor.value:.4g}{more}", va="center", fontsize=8)
    names = [
        floor.name if floor.loss == "squared_error" else f"{floor.name} ({floor.loss.replace('_', ' ')})"
        for floor in survey.floors
    ]
    ax.set_yticks(range(len(survey.floors)), names, fontsize=8)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.45 if max(survey.share(floor) or 0 for floor in survey.floors) > 1.0005 else 1.15)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.set_xlabel("share of the best constant's loss")
    ax.set_title("Every floor, with its mean per component")
    return ax
