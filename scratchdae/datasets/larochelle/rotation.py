"""Rotate many small images, each by its own angle, with bilinear interpolation.

A pixel of the result is looked up where it came from: its centre, turned back about the centre of the image, falls
between four pixels of the source, and takes their mean, weighted by how near each of them is. The weights are
non-negative and sum to one, so the result stays within the range of the source without being clipped to it.
"""

import numpy as np

from scratchdae.arguments import Array, array, numbers, shown

_BATCH = 2000  # images at a time, so that the coordinates of all pixels stay in the cache


def rotate(images: Array, angles: Array) -> Array:
    """Rotate square images about their centres, counter-clockwise as they are looked at.

    What turns out of the image is lost; what turns in is black.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, side, side)
        Grey levels.
    angles : ndarray of float, shape (N,)
        In radians.

    Returns
    -------
    ndarray of uint8, shape (N, side, side)
        Rounded to the nearest grey level. Multiples of a right angle give back every pixel exactly.
    """
    images, angles = array("images", images), numbers("angles", angles)
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.dtype != np.uint8:
        raise ValueError(
            f"images must be uint8 of shape (N, side, side), found shape {images.shape}, dtype {images.dtype}"
        )
    if angles.shape != (len(images),) or not np.isrealobj(angles) or not np.isfinite(angles).all():
        raise ValueError(f"angles must hold one angle for each of the {len(images)} images, found {shown(angles)}")
    rotated = np.empty_like(images)
    for start in range(0, len(images), _BATCH):
        part = slice(start, start + _BATCH)
        rotated[part] = _rotate_batch(images[part], angles[part])
    return rotated


def _rotate_batch(images: Array, angles: Array) -> Array:
    n, side = len(images), images.shape[1]
    wide = side + 2
    framed = np.zeros((n, wide, wide), np.float32)  # a black frame, so that a neighbour outside is there to be read
    framed[:, 1:-1, 1:-1] = images
    offset = np.arange(side) - (side - 1) / 2  # from the centre of the image to those of its pixels
    y, x = offset[:, None], offset[None, :]
    cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    # Rows run down, so turning back a counter-clockwise rotation takes (x, y) to (x cos − y sin, x sin + y cos).
    row, row_weight = _between(x * sin + y * cos, side)
    column, column_weight = _between(x * cos - y * sin, side)
    corner = (np.arange(n)[:, None, None] * wide + row) * wide + column  # the upper left of the four neighbours
    flat = framed.ravel()
    upper = _mix(flat[corner], flat[corner + 1], column_weight)
    lower = _mix(flat[corner + wide], flat[corner + wide + 1], column_weight)
    return np.rint(_mix(upper, lower, row_weight)).astype(np.uint8)


def _between(offset: Array, side: int) -> tuple[Array, Array]:
    """Return the pixel of the framed image before a position, and how far past it towards the next the position is."""
    position = np.clip(offset + (side + 1) / 2, 0, side + 1)  # farther out it is as black as in the frame
    before = np.minimum(position.astype(np.intp), side)
    return before, (position - before).astype(np.float32)


def _mix(first: Array, second: Array, weight: Array) -> Array:
    return np.asarray(first + weight * (second - first))
