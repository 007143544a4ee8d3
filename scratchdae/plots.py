"""Pictures: each function takes a matplotlib Axes, draws on it, and returns it. Nothing else draws.

`sheet`, `legend` and `save` are for the figure around them.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from scratchdae import arguments, atomic
from scratchdae.arguments import Array, instance, integer, matrix, number, numbers, sequence, shown, sides
from scratchdae.floors import Survey, wiener
from scratchdae.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#1f5fa8", "#d9622b", "#8a8a8a"  # told apart in print and by colour-blind readers
_STRIP = 3  # pixels of height for an example that is no image


def sheet(width: float, height: float, behind: str = "white") -> "Figure":
    """Return an empty figure, in inches; without pyplot, which keeps state and may look for a display."""
    from matplotlib.figure import Figure

    width, height = number("width", width, above=0), number("height", height, above=0)
    return Figure(figsize=(width, height), layout="constrained", facecolor=behind)


def legend(figure: "Figure", loc: Any, **style: Any) -> "Figure":
    """Give all panels of a figure one legend, in which a label that several of them have stands once."""
    named: dict[str, Any] = {}
    for ax in figure.axes:
        handles, labels = ax.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    figure.legend(named.values(), named.keys(), loc=loc, frameon=False, **style)
    return figure


def save(figure: "Figure", path: str | os.PathLike[str], dpi: int = 110, **options: Any) -> None:
    """Write a figure as PNG, whole or not at all; the same figure is the same bytes."""
    with atomic.replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata={"Software": None}, **options)


def _axes(ax: "Axes") -> "Axes":
    return arguments.having("ax", ax, "a matplotlib Axes", "plot", "imshow", "xaxis")


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
    """
    images, (height, width) = numbers("images", images), sides("image_shape", image_shape, (2,), "be (rows, columns)")
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


def tiles(
    ax: "Axes", images: Array, image_shape: tuple[int, int] | None, columns: int, low: float = 0.0, high: float = 1.0
) -> "Axes":
    """Draw examples side by side in grey: as images, or as strips of their numbers where they are none.

    Parameters
    ----------
    images : ndarray, shape (N, D)
        One example a row.
    image_shape : (int, int) or None
        Rows and columns of an image; None for strips.
    columns : int
        Examples a row.
    low, high : float
        What is black and what is white.
    """
    ax, images, low, high = _axes(ax), numbers("images", images), number("low", low), number("high", high)
    if images.ndim != 2:
        raise ValueError(f"images must have shape (N, D), found {images.shape}")
    if image_shape is None:
        images, image_shape = np.tile(images, (1, _STRIP)), (_STRIP, images.shape[1])
        aspect: Literal["auto", "equal"] = "auto"
    else:
        aspect = "equal"
    picture = tile(images, image_shape, columns)
    ax.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect=aspect)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    return ax


def filters(ax: "Axes", W: Array, image_shape: tuple[int, int] | None, n: int = 100, columns: int = 20) -> "Axes":
    """Draw the weights of hidden units as images, the units of largest norm first, each on its own grey scale.

    As in figure 3 of Vincent et al. 2008: black is the most negative weight of a filter, white the most positive,
    mid-grey is zero.

    Parameters
    ----------
    W : ndarray, shape (D, H)
        Weights of the encoder.
    image_shape : (int, int) or None
        Rows and columns of an input image; None for strips.
    n : int
        How many units to show.
    columns : int
        Units a row.
    """
    W, n = matrix("W", W), integer("n", n)
    norms = np.linalg.norm(W, axis=0)
    chosen = np.argsort(-norms, kind="stable")[:n]
    images = W.T[chosen] / np.maximum(np.abs(W.T[chosen]).max(axis=1, keepdims=True), np.finfo(W.dtype).tiny)
    tiles(ax, images, image_shape, columns, -1, 1).set_axis_off()
    return ax


def reconstructions(
    ax: "Axes",
    corrupted: Array,
    reconstructed: Array,
    clean: Array,
    image_shape: tuple[int, int] | None,
    n: int = 15,
    labels: tuple[str, str, str] = ("corrupted", "reconstructed", "clean"),
) -> "Axes":
    """Draw triples in three rows: corrupted input, reconstruction, clean target.

    Parameters
    ----------
    corrupted, reconstructed, clean : ndarray, shape (N, D)
        The images, in [0, 1].
    image_shape : (int, int) or None
        Rows and columns of an image; None for strips.
    n : int
        How many to show.
    labels : (str, str, str)
        What to call the rows.
    """
    if len(sequence("labels", labels, "three names")) != 3:
        raise ValueError(f"labels must be three names, found {shown(labels)}")
    clean = matrix("clean", clean)
    corrupted = matrix("corrupted", corrupted, clean.shape[1])
    reconstructed = matrix("reconstructed", reconstructed, clean.shape[1])
    n = min(integer("n", n), len(clean))
    tiles(ax, np.concatenate([corrupted[:n], reconstructed[:n], clean[:n]]), image_shape, n)
    height = image_shape[0] if image_shape else _STRIP
    ax.set_yticks([row * (height + 1) + (height - 1) / 2 for row in range(3)], labels)
    ax.tick_params(length=0)
    return ax


def picture_rows(
    ax: "Axes", rows: Mapping[str, Array], image_shape: tuple[int, int], columns: int = 8, high: float = 1.0
) -> "Axes":
    """Draw the first `columns` images of each entry in a row, black at 0 and white at `high`, its name beside it."""
    height, width = image_shape
    chosen = [numbers("rows", images)[:columns].reshape(-1, height * width) for images in rows.values()]
    picture = tile(np.concatenate(chosen), image_shape, columns, gap=high / 2)
    ax.imshow(picture, cmap="gray", vmin=0, vmax=high, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([row * (height + 1) + (height - 1) / 2 for row in range(len(rows))], list(rows))
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
    history : History
        A run's epochs.
    unit : str
        What the loss is measured in.
    labels : (str, str)
        What to call the training and the validation loss.
    """
    from matplotlib.ticker import MaxNLocator

    instance("history", history, History)
    if len(sequence("labels", labels, "two names")) != 2:
        raise ValueError(f"labels must be two names, found {shown(labels)}")
    points(ax, history["epoch"], history["loss"], line="-", color=BLUE, markersize=3, label=labels[0])
    if not np.isnan(history["validation_loss"]).all():
        style: dict[str, Any] = {"line": "--", "marker": "s", "color": ORANGE, "markersize": 3, "label": labels[1]}
        points(ax, history["epoch"], history["validation_loss"], **style)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="epoch", ylabel=f"loss ({unit})")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def points(
    ax: "Axes",
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    ends: Sequence[tuple[float, float]] | None = None,
    *,
    along: Literal["x", "y"] = "y",
    color: str,
    marker: str = "o",
    line: Any = "none",
    **style: Any,
) -> "Axes":
    """Draw points, with their intervals where there are any.

    Parameters
    ----------
    x, y : array_like, shape (N,)
        The points.
    ends : sequence of (float, float), optional
        From where to where each one's interval goes.
    along : {"x", "y"}
        Which way the intervals go.
    color, marker, line : str
        How to draw points, and the line that joins them.
    **style
        More of it, as ``Axes.plot`` and ``Axes.errorbar`` take it.
    """
    ax, _ = _axes(ax), arguments.choice("along", along, ("x", "y"))
    x, y = numbers("x", x), numbers("y", y)
    arguments.same_shape("y", y, "x", x)
    style |= {"color": color, "marker": marker, "linestyle": line}
    if ends is None:
        ax.plot(x, y, **style)
    else:
        between = numbers("ends", ends)
        if between.shape != (len(x), 2):
            raise ValueError(f"ends must be a pair for each of {len(x)} points, found shape {between.shape}")
        style[f"{along}err"] = np.abs(between.T - (x if along == "x" else y))
        ax.errorbar(x, y, **style)
    return ax


def floor_line(ax: "Axes", value: float, **style: Any) -> "Axes":
    """Draw a level that curves are held against, a floor or a limit, dotted; `style` is that of ``Axes.axhline``."""
    _axes(ax).axhline(number("value", value), **{"color": "black", "linewidth": 1, "linestyle": ":", **style})
    return ax


def logarithmic(ax: "Axes", axis: Literal["x", "y"], ticks: Sequence[float] | None = None, form: str = "g") -> "Axes":
    """Make an axis logarithmic and label it in plain numbers, at `ticks` or at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

    ax, form = _axes(ax), instance("form", form, str, "a format of a number")
    ticks = None if ticks is None else [number("ticks", tick) for tick in sequence("ticks", ticks)]
    if arguments.choice("axis", axis, ("x", "y")) == "x":
        ax.set_xscale("log")
    else:
        ax.set_yscale("log")
    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_major_locator(LogLocator(subs=(1, 2, 5)) if ticks is None else FixedLocator(ticks))
    which.set_major_formatter(FuncFormatter(lambda value, _: f"{value:{form}}"))
    which.set_minor_formatter(NullFormatter())
    return ax


def code_floors(ax: "Axes", survey: Survey) -> "Axes":
    """Draw what a linear code leaves against its units, beside what it leaves once each column was shuffled."""
    ax, k = _axes(ax), np.arange(instance("survey", survey, Survey).d + 1)
    ax.plot(k, survey.codes, "-", color=BLUE, linewidth=2, label="these data")
    ax.plot(k, survey.shuffled, "--", color=GREY, linewidth=2, label="each column shuffled by itself")
    ax.annotate(
        f"best constant {survey.codes[0]:.4g}",
        (survey.d, survey.codes[0]),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
    )
    marks = [(floor.level, floor.value) for floor in survey.floors if floor.kind == "code" and floor.level is not None]
    if marks:
        points(ax, *zip(*marks, strict=True), color=BLUE, markersize=5)
    ax.set(xlabel="units of the linear code, k", title="What a linear code of k units leaves")
    return _below(ax, float(survey.codes[0]))


def noise_floors(ax: "Axes", survey: Survey) -> "Axes":
    """Draw what linear denoisers leave against the noise: Gaussian in standard deviations of the data, and masking.

    The data's variance must not be 0.
    """
    ax, deviation = _axes(ax), instance("survey", survey, Survey).variance ** 0.5
    found = {
        kind: [(floor.level / unit, floor.value) for floor in survey.floors if floor.kind == kind and floor.level]
        for kind, unit in (("gaussian", deviation), ("masking", 1.0))
    }
    level = np.linspace(0, max([1.0, *(x for x, _ in found["gaussian"])]), 60)
    for values, line, color, label in (
        (survey.eigenvalues, "-", BLUE, "Gaussian, these data"),
        (survey.shuffled_eigenvalues, "--", GREY, "Gaussian, each column shuffled"),
    ):
        ax.plot(level, [wiener(values, s * deviation) for s in level], line, color=color, linewidth=2, label=label)
    if found["gaussian"]:
        points(ax, *zip(*found["gaussian"], strict=True), color=BLUE, markersize=5)
    if found["masking"]:
        x, y = zip(*sorted(found["masking"]), strict=True)
        points(ax, x, y, color=ORANGE, marker="s", line="--", label="masking, these data")
    ax.set(xlabel="noise over the data's standard deviation, or fraction masked")
    ax.set(title="What the best linear denoiser leaves")
    return _below(ax, survey.variance)


def _below(ax: "Axes", constant: float) -> "Axes":
    """Finish a picture of squared errors, which lie below that of the best constant."""
    floor_line(ax, constant)
    ax.set(ylabel="squared error per component", ylim=(0, 1.12 * constant or 1.0))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def floor_bars(ax: "Axes", survey: Survey) -> "Axes":
    """Draw every floor as a share of the best constant's loss, a bar each, with its value beside it."""
    hatches = {"squared_error": "", "absolute_error": "..", "cross_entropy": "//"}
    colors = {"constant": GREY, "gaussian": ORANGE, "masking": ORANGE}
    ax = _axes(ax)
    for row, floor in enumerate(instance("survey", survey, Survey).floors):
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
