"""Patches of photographs, to put behind digits and into rectangles.

The originals cut them out of 20 pictures found on the internet, which were not published, and left out those whose
pixels vary little; how little is not told. Here the photographs are the user's, and the threshold is ours: high enough
that the digits are hard to tell from them, not so high that any of our twelve photographs is left without a patch.

Behind digits the photographs are lightened: a grey level p in [0, 1] becomes p to the power of 0.6. Our twelve are
dark, 0.39 on average, and would hide less of a white digit than the originals did. The power was calibrated, before any
network saw these images, on the published errors of support vectors with a Gaussian kernel: here they are 21.3 % on
bg-img (published 22.61) and 57.8 % on rot-bg-img (55.18). Photographs as they are give 16.8 and 50.6, their square
roots 22.8 and 59.9; inverted ones, with 1,000 examples to learn from, 43 on bg-img in place of 27.
"""

import os
from collections.abc import Sequence

import numpy as np

from scratchdae.arguments import Array, generator, integer
from scratchdae.datasets.folders import at_home, search_folders
from scratchdae.datasets.reading.pictures import read_image

LEAST_DEVIATION = 35.0  # grey levels: patches that vary less are left out

_BATCH = 4096  # patches at a time
_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pgm")
_LIGHTER = np.rint(255 * (np.arange(256) / 255) ** 0.6).astype(np.uint8)


def photographs(root: str | os.PathLike[str] | None = None) -> list[Array]:
    """Read the photographs of the folder ``natural`` in `root`, in $SCRATCHDAE_DATA or in the cache, by their names.

    They are uint8 (rows, columns), each of its own size; colours become their luminance.
    """
    folders = list(search_folders("natural", None if root is None else at_home(root) / "natural"))
    for folder in folders:
        paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
        if paths:
            return [read_image(path, "L") for path in paths]
    raise FileNotFoundError(
        f"photographs were not found in {' or '.join(map(str, folders))}: put a few grey or colour pictures there"
    )


def lightened(images: Sequence[Array]) -> list[Array]:
    """Return photographs, uint8, in which a grey level p in [0, 1] has become p to the power of 0.6."""
    return [_LIGHTER[image] for image in images]


def draw_patches(
    images: Sequence[Array], n: int, side: int, rng: np.random.Generator, least_deviation: float = LEAST_DEVIATION
) -> Array:
    """Cut square patches (n, side, side) out of photographs, each uint8 (rows, columns), at random.

    First a photograph is chosen, uniformly among those with any patch whose grey levels have a standard deviation of at
    least `least_deviation`, then one of its patches that do, uniformly.
    """
    n, side = integer("n", n), integer("side", side)
    places = [np.argwhere(deviations(image, side) >= least_deviation) for image in images]
    usable = [i for i, corners in enumerate(places) if len(corners)]
    if not usable:
        raise ValueError(
            f"images must hold a patch of {side}×{side} whose grey levels deviate by at least {least_deviation:g}, "
            f"found none in {len(images)} images"
        )
    chosen = generator("rng", rng).choice(usable, n)
    where = rng.random(n)
    patches = np.empty((n, side, side), np.uint8)
    for i in usable:
        windows = np.lib.stride_tricks.sliding_window_view(images[i], (side, side))
        rows = np.flatnonzero(chosen == i)
        corners = places[i][(where[rows] * len(places[i])).astype(np.intp)]
        for start in range(0, len(rows), _BATCH):
            part = slice(start, start + _BATCH)
            patches[rows[part]] = windows[corners[part, 0], corners[part, 1]]
    return patches


def deviations(image: Array, side: int) -> Array:
    """Return the standard deviation of the grey levels of every patch, at the place of its upper left corner.

    Empty where the image is too small. Sums over all patches come from running sums, in integers, so they are exact.
    """
    levels = image.astype(np.int64)  # (rows, columns); the result is (rows − side + 1, columns − side + 1)
    if min(levels.shape) < side:
        return np.empty((0, 0))
    mean, mean_square = (_patch_sums(values, side) / side**2 for values in (levels, levels**2))
    return np.asarray(np.sqrt(np.maximum(mean_square - mean**2, 0)))


def _patch_sums(values: Array, side: int) -> Array:
    running = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    return np.asarray(running[side:, side:] - running[:-side, side:] - running[side:, :-side] + running[:-side, :-side])
