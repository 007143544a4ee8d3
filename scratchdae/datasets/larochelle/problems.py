"""The eight problems of Larochelle et al. 2007, drawn from a seed.

What is drawn here follows the recipes that the authors published; it is not their files, which `larochelle_original`
reads. Errors measured on the two can be compared only as far as the recipes are alike: each module beside this one says
what is known of its recipe and what is ours. What is not known was calibrated, before any network saw these images, on
the column of the paper's table that needs none, the errors of support vectors with a Gaussian kernel: here they are
within a tenth of those published, or within half a point.

Source: H. Larochelle, D. Erhan, A. Courville, J. Bergstra and Y. Bengio, An empirical evaluation of deep architectures
on problems with many factors of variation, ICML 2007, and the page of the data sets that accompanies it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from scratchdae.arguments import Array, choice, integer
from scratchdae.datasets.dataset import ThreePartDataset

SHAPE = (28, 28)


@dataclass(frozen=True)
class Problem:
    """What is asked, and of how many images."""

    title: str  # what is to be told from the images
    classes: int  # the labels are 0, 1, … classes − 1
    sizes: tuple[int, int, int]  # how many images there are for training, for validation and for testing


_DIGITS = (10_000, 2_000, 50_000)

PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        "basic": Problem("digits", 10, _DIGITS),
        "rot": Problem("rotated digits", 10, _DIGITS),
        "bg-rand": Problem("digits on random grey", 10, _DIGITS),
        "bg-img": Problem("digits on photographs", 10, _DIGITS),
        "rot-bg-img": Problem("rotated digits on photographs", 10, _DIGITS),
        "rect": Problem("outlines: taller or wider", 2, (1_000, 200, 50_000)),
        "rect-img": Problem("photographs in photographs: taller or wider", 2, (10_000, 2_000, 50_000)),
        "convex": Problem("white regions: convex or not", 2, (6_000, 2_000, 50_000)),
    }
)


def larochelle(
    problem: str,
    seed: int = 0,
    root: str | os.PathLike[str] | None = None,
    sizes: tuple[int, int, int] | None = None,
) -> ThreePartDataset:
    """Draw one of the eight problems; the same seed draws the same images.

    The digits of the five problems that have digits are the same for the same seed and sizes, and so are the angles of
    the two that rotate them and the photographs of the two that put these behind. No digit is in two parts of a data
    set. The same photographs are used for all parts, as in the originals, so patches of one part may overlap those
    of another.

    Parameters
    ----------
    problem : str
        ``basic``: digits of MNIST. ``rot``: each rotated by an angle uniform in [0, 2π). ``bg-rand``: on uniformly
        random grey levels. ``bg-img``: on a patch of a photograph. ``rot-bg-img``: rotated, on a patch. ``rect``,
        ``rect-img`` and ``convex``: label 1 for rectangles taller than wide and for convex regions.
    seed : int
        At least 0.
    root : path-like, optional
        The folder that holds the folders ``mnist`` and ``natural`` (photographs). Without it: ``$SCRATCHDAE_DATA``,
        then the cache. ``rect`` and ``convex`` need neither.
    sizes : (int, int, int), optional
        How many images to draw for training, validation and testing, instead of the problem's own numbers.

    Returns
    -------
    ThreePartDataset
        Named as the problem, labels uint8.

    Notes
    -----
    Ours: the digits are drawn from all 70,000 of MNIST without replacement, whichever of its two parts they are from;
    a digit is put on its background by taking the lighter of the two at each pixel, photographs being lightened first;
    everything is rounded to 256 grey levels.
    """
    choice("problem", problem, PROBLEMS)
    parts = _sizes(PROBLEMS[problem].sizes if sizes is None else sizes)
    # A stream for each purpose, so that what one of them uses does not disturb the others.
    streams = np.random.default_rng(integer("seed", seed, at_least=0)).spawn(4)
    x, t = _draw(problem, sum(parts), root, *streams)
    ends = np.cumsum(parts)[:-1]
    (x_train, x_valid, x_test), (t_train, t_valid, t_test) = np.split(x, ends), np.split(t, ends)
    return ThreePartDataset(problem, x_train, t_train, x_test, t_test, SHAPE, x_valid, t_valid)


def _sizes(sizes: object) -> tuple[int, int, int]:
    if not isinstance(sizes, tuple) or len(sizes) != 3:
        raise ValueError(f"sizes must be three numbers (training, validation, test), found {sizes!r}")
    train, valid, test = (integer("sizes", size) for size in sizes)
    return train, valid, test


def _draw(
    problem: str,
    n: int,
    root: str | os.PathLike[str] | None,
    shapes: np.random.Generator,
    digits: np.random.Generator,
    angles: np.random.Generator,
    backgrounds: np.random.Generator,
) -> tuple[Array, Array]:
    # Here, since whoever imports `scratchdae.datasets` imports this module, and hardly ever draws a problem.
    from scratchdae.datasets.larochelle.convex import draw_convex_or_not
    from scratchdae.datasets.larochelle.patches import draw_patches, lightened, photographs
    from scratchdae.datasets.larochelle.rectangles import draw_outlines, draw_rectangles_of_images
    from scratchdae.datasets.larochelle.rotation import rotate

    if problem == "convex":
        return draw_convex_or_not(n, shapes)
    if problem == "rect":
        return draw_outlines(n, shapes)
    if problem == "rect-img":
        return draw_rectangles_of_images(n, photographs(root), shapes)
    x, t = _digits(n, root, digits)
    if problem in ("rot", "rot-bg-img"):
        x = rotate(x, angles.uniform(0, 2 * np.pi, n))
    if problem == "bg-rand":
        np.maximum(x, backgrounds.integers(0, 256, x.shape, np.uint8), out=x)
    if problem in ("bg-img", "rot-bg-img"):
        np.maximum(x, draw_patches(lightened(photographs(root)), n, SHAPE[0], backgrounds), out=x)
    return x.reshape(n, -1), t


def _digits(n: int, root: str | os.PathLike[str] | None, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return digits (n, 28, 28) of MNIST, no two the same, and their labels."""
    from scratchdae.datasets.folders import at_home
    from scratchdae.datasets.mnist_images import mnist

    data = mnist(None if root is None else at_home(root) / "mnist")
    there = len(data.x_train) + len(data.x_test)
    if n > there:
        raise ValueError(f"sizes must add up to at most the {there} digits of MNIST, found {n}")
    chosen = rng.permutation(there)[:n]
    x, t = np.concatenate([data.x_train, data.x_test])[chosen], np.concatenate([data.t_train, data.t_test])[chosen]
    return x.reshape(n, *SHAPE), t
