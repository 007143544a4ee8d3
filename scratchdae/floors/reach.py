"""What an architecture cannot say, whatever its weights: values beyond its output's range, detail within a block."""

import math

import numpy as np

from scratchdae.arguments import Array, integer, number, numbers
from scratchdae.floors.examples import finite_matrix


def output_range(x: Array, low: float = -math.inf, high: float = math.inf) -> float:
    """Return the least squared error of an output that lies between two limits: ``E[dist(x, [low, high])²]``.

    Reached by setting every value beyond a limit to that limit. [0, 1] for a sigmoid, [-1, 1] for tanh, [0, ∞) for a
    ReLU; 0 where the output covers the targets.

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Targets.
    low, high : float
        The limits of the output; either may be infinite.

    Returns
    -------
    float
        Mean over elements, in squared units of `x`.
    """
    x = finite_matrix("x", x)
    low, high = _limit("low", low), _limit("high", high)
    if not (low <= high and low < math.inf and high > -math.inf):  # written so that NaN fails it
        raise ValueError(f"low must be at most high, found low = {low:g}, high = {high:g}")
    distance = np.maximum(low - x, 0) + np.maximum(x - high, 0)
    return float(np.square(distance).mean())


def _limit(name: str, value: float) -> float:
    return value if isinstance(value, float) and not math.isfinite(value) else number(name, value)


def average_pooling(images: Array, k: int) -> float:
    """Return the squared error that k×k average pooling leaves if every block is filled with one value again.

    It is the mean variance within a block: pooling keeps the block's mean, nearest-neighbour upsampling repeats it, and
    no other single value does better. A floor for that pair alone: channels that code the detail before pooling go
    below it, and so does a decoder that guesses detail from neighbouring blocks.

    Parameters
    ----------
    images : ndarray, shape (N, height, width)
        Images of one channel, floating-point; for several, put the channels along the first axis.
    k : int
        Side of a block; height and width must be multiples of it.

    Returns
    -------
    float
        Mean over pixels, in squared units of the grey levels.
    """
    images, k = numbers("images", images), integer("k", k)
    if images.ndim != 3 or images.size == 0:
        raise ValueError(f"images must have shape (N, height, width), at least one, found {images.shape}")
    n, height, width = images.shape
    if height % k or width % k:
        raise ValueError(f"k must divide height and width of images of {height}×{width}, found {k}")
    pixels = finite_matrix("images", images.reshape(n, -1))
    blocks = pixels.reshape(n, height // k, k, width // k, k)
    return float(np.square(blocks - blocks.mean(axis=(2, 4), keepdims=True)).mean())
