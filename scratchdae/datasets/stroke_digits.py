"""Digits as a hand draws them: a trembling pen on 28×28 pixels, white on black.

A drawing is (1) a variant of its digit, (2) bent by a smooth random warp and a tremble of each control point, (3)
slanted, rotated and stretched, (4) fitted into 20×20 pixels and set down by its centre of mass, as MNIST is, and (5)
inked by a round nib whose radius swells and thins along the stroke. Everything is linear algebra on a batch, up to the
ink: a pixel's grey level is a function of its distance to the nearest stamp of the nib.
"""

from functools import cache

import numpy as np

from scratchdae.arguments import Array, generator, integer
from scratchdae.datasets.glyphs import GLYPHS
from scratchdae.datasets.splines import arc_length_samples

SIDE = 28  # pixels a side of the image
GREY_STEP = 17  # grey levels are 0, 17, ..., 255: sixteen, which is fine enough to look smooth and packs well
_BOX = 20.0  # pixels a side of the box that the ink fills
_MARGIN = 2.0  # pixels between the ink and every border, at least
_BATCH = 64  # drawings inked at once: their 28×28 distances stay in the processor's cache
_SPACING = 0.018  # between stamps, in units of a digit's height: under half a pixel, so that no thin line is beaded

# The spread of hands. What shapes a whole drawing is uniform on a range, so that no drawing is illegible.
_TREMBLE = 0.027  # of a control point, in units of the digit's height, standard deviation
_WARP = 0.055  # of each wave of the smooth warp, likewise
_SLANT = (-0.22, 0.48)  # the shear: most hands lean to the right
_ROTATION = (-0.25, 0.25)  # radians
_STRETCH = (-0.32, 0.32)  # log(width / height)
_RADIUS = (0.85, 1.55)  # of the nib, in pixels
_SWELL = (0.0, 0.14)  # the largest relative change of the nib along a stroke
_EDGE = 1.3  # pixels from black to white across the edge of the ink
_SHIFT = (-0.6, 0.6)  # pixels by which the centring fails, in x and in y


@cache
def _designs() -> list[tuple[int, Array, Array]]:
    """Return every variant as (digit, its distinct control points (P, 2), the matrix (S, P) from them to stamps)."""
    designs = []
    for digit, variants in GLYPHS.items():
        for strokes in variants:
            points, index = np.unique(np.concatenate(strokes), axis=0, return_inverse=True)
            ends = np.cumsum([len(stroke) for stroke in strokes])[:-1]
            stamps = []
            for stroke in np.split(index.reshape(-1), ends):
                selection = np.eye(len(points))[stroke]
                stamps.append(arc_length_samples(points[stroke], _SPACING) @ selection)
            designs.append((digit, points, np.concatenate(stamps)))
    return designs


def draw_digits(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw n digits whose labels are independent and uniform; another n is another sequence, not a longer one.

    Returns
    -------
    x : ndarray of uint8, shape (n, 784)
        Images, row by row; grey levels 0 (paper) to 255 (ink) in steps of 17.
    t : ndarray of uint8, shape (n,)
        The digit that each shows.
    """
    t = generator("rng", rng).integers(0, 10, integer("n", n), dtype=np.uint8)
    return draw_labelled_digits(t, rng), t


def draw_labelled_digits(t: Array, rng: np.random.Generator) -> Array:
    """Draw the digits asked for.

    Parameters
    ----------
    t : ndarray of int, shape (n,)
        Digits from 0 to 9.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of uint8, shape (n, 784)
        Images, as `draw_digits` returns them.
    """
    generator("rng", rng)
    t = np.asarray(t)
    if t.ndim != 1 or t.dtype.kind not in "iu":
        raise ValueError(f"t must be a vector of integers, found shape {t.shape}, dtype {t.dtype}")
    if t.size and not (t.min() >= 0 and t.max() <= 9):
        raise ValueError(f"t must hold digits from 0 to 9, found values from {t.min()} to {t.max()}")
    designs = _designs()
    variant = np.empty(len(t), np.intp)
    for digit in range(10):
        of_digit = [i for i, design in enumerate(designs) if design[0] == digit]
        rows = np.flatnonzero(t == digit)
        variant[rows] = rng.choice(of_digit, len(rows))
    x = np.empty((len(t), SIDE * SIDE), np.uint8)
    for i, (_, points, stamps) in enumerate(designs):
        rows = np.flatnonzero(variant == i)
        for start in range(0, len(rows), _BATCH):  # a batch at a time, so memory does not grow with n
            batch = rows[start : start + _BATCH]
            radius = _nib(len(batch), len(stamps), rng)
            curve = _fit(stamps @ _written(points, len(batch), rng), radius, rng)
            x[batch] = _ink(curve, radius)
    return x


def _written(points: Array, n: int, rng: np.random.Generator) -> Array:
    """Return control points (n, P, 2) as `n` hands would set those of a variant (P, 2)."""
    centred = points - [0.4, 0.5]
    # The warp: two waves, each mostly longer than the digit, so that neighbouring points move together.
    wave = rng.normal(0, 3.0, (n, 2, 2))
    phase = rng.uniform(0, 2 * np.pi, (n, 2, 1))
    push = rng.normal(0, _WARP, (n, 2, 2))
    warp = np.einsum("nwp,nwc->npc", np.sin(wave @ centred.T + phase), push)
    bent = centred + warp + rng.normal(0, _TREMBLE, (n, *points.shape))
    angle = rng.uniform(*_ROTATION, n)
    slant = rng.uniform(*_SLANT, n)
    stretch = np.exp(rng.uniform(*_STRETCH, n) / 2)
    # y runs down, so a digit that leans to the right has its small y pushed to larger x.
    shear = np.stack([np.stack([stretch, -slant], -1), np.stack([np.zeros(n), 1 / stretch], -1)], -2)
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    return np.asarray(bent @ np.swapaxes(rotation @ shear, 1, 2))


def _nib(n: int, stamps: int, rng: np.random.Generator) -> Array:
    """Return the radius (n, S, 1) of the nib in pixels at every stamp: one pen a drawing, pressed unevenly."""
    pen = rng.uniform(*_RADIUS, (n, 1))
    swell = rng.uniform(*_SWELL, (n, 1))
    pressure = np.sin(rng.uniform(2, 9, (n, 1)) * np.linspace(0, 1, stamps) + rng.uniform(0, 2 * np.pi, (n, 1)))
    return np.asarray((pen * (1 + swell * pressure))[..., None])


def _fit(curve: Array, radius: Array, rng: np.random.Generator) -> Array:
    """Return curves (n, S, 2) in pixels: fitted to the box, their centre of mass near the centre of the image."""
    low, high = curve.min(axis=1, keepdims=True), curve.max(axis=1, keepdims=True)
    thickest = radius.max(axis=1, keepdims=True)
    scale = (_BOX - 2 * thickest) / (high - low).max(axis=2, keepdims=True)
    shift = rng.uniform(*_SHIFT, (len(curve), 1, 2))
    mass = np.sum(radius * curve, axis=1, keepdims=True) / np.sum(radius, axis=1, keepdims=True)
    origin = SIDE / 2 + shift - scale * mass
    # A digit whose mass lies off the middle of its box (a 7) must not run into the border.
    origin = np.clip(origin, _MARGIN + thickest - scale * low, SIDE - _MARGIN - thickest - scale * high)
    return np.asarray(origin + scale * curve)


def _ink(curve: Array, radius: Array) -> Array:
    """Return the images (n, 784) of round nibs of `radius` (n, S, 1) stamped along curves (n, S, 2), in pixels."""
    centre = np.arange(SIDE, dtype=np.float32)[:, None] + np.float32(0.5)
    x, y, r = (a.T[:, None, :].astype(np.float32) for a in (curve[..., 0], curve[..., 1], radius[..., 0]))  # (S, 1, n)
    # A pixel at distance d from a stamp of radius r lies in the ink where d² − r² < 0, so the smallest d² − r² over the
    # stamps has the union of all stamps as its inside. It splits into a part for the column and one for the row.
    across = (centre - x) ** 2 - r**2  # (S, 28, n)
    down = (centre - y) ** 2
    nearest = np.full((SIDE, SIDE, len(curve)), np.inf, np.float32)
    # All drawings here are of one variant, so a stamp falls near the same place in each: only pixels there can change.
    reach = r.max() + _EDGE / 2
    columns, rows = _windows(x, reach), _windows(y, reach)
    for s, (column, row) in enumerate(zip(columns, rows, strict=True)):
        part = nearest[row, column]
        np.minimum(part, down[s, row, None] + across[s, column], out=part)
    # Near the edge d² − r² is a distance times the pen's width: undo that with the drawing's mean radius.
    mean = r.mean(axis=0)
    inside = mean - np.sqrt(np.maximum(nearest + mean**2, 0))  # pixels from the edge, positive in the ink
    white = np.clip(inside / np.float32(_EDGE) + np.float32(0.5), 0, 1)
    grey = np.rint(white * (255 // GREY_STEP)).astype(np.uint8) * np.uint8(GREY_STEP)
    return np.ascontiguousarray(grey.reshape(SIDE * SIDE, -1).T)


def _windows(positions: Array, reach: float) -> list[slice]:
    """Return for every stamp, positions (S, 1, n), the pixels within `reach` of it in any of the n drawings."""
    first = np.clip(np.floor(positions.min(axis=(1, 2)) - reach), 0, SIDE).astype(int)
    last = np.clip(np.ceil(positions.max(axis=(1, 2)) + reach), 0, SIDE).astype(int)
    return [slice(a, b) for a, b in zip(first, last, strict=True)]
