"""Pooling: one number for each window of each channel, its largest or its mean.

Both loop over the kh·kw places of a window, and take that place of all windows at once: a strided slice of the image.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scratchdae import backend
from scratchdae.arguments import Array, Params, choice, keep
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.parameterless import Parameterless
from scratchdae.layers.windows import PADDINGS, Grid, grid, image_shape, pair

_LOOPS = sys.modules[__name__]  # its functions have compiled twins


def max_pool(x: Array, pool: tuple[int, int], grid: Grid) -> tuple[Array, Array]:
    """Return the largest pixel of each window, of equal ones the first, row by row; and where it stood, i·kw + j.

    NaN is larger than any number; of complex pixels the real parts are compared; those outside the image do not count.
    """
    kh, kw = pool
    shape = (len(x), *grid.size, x.shape[3])  # (B, rows, columns, C)
    y = np.full(shape, -np.inf, x.dtype)
    first = [np.maximum(b - np.arange(m) * s, 0) for m, s, b in zip(*grid, strict=True)]  # inside the image
    place = np.empty(shape, np.min_scalar_type(kh * kw - 1))
    place[...] = (first[0][:, None] * kw + first[1])[:, :, None]  # for a window of nothing but -inf
    for index, windows, pixels in _places(pool, grid, x.shape[1:3]):
        candidate, best, where = x[pixels], y[windows], place[windows]
        larger = (candidate.real > best.real) | np.isnan(candidate)
        np.copyto(best, candidate, where=larger)
        where[larger] = index
    return y, place


def max_pool_gradient(dy: Array, place: Array, pool: tuple[int, int], grid: Grid, size: tuple[int, int]) -> Array:
    """Give each window's gradient to the pixel that was its largest."""
    dx = np.zeros((len(dy), *size, dy.shape[3]), dy.dtype)  # (B, H, W, C)
    for index, windows, pixels in _places(pool, grid, size):
        dx[pixels] += np.where(place[windows] == index, dy[windows], 0)  # overlapping windows add up
    return dx


def _places(
    pool: tuple[int, int], grid: Grid, size: tuple[int, ...]
) -> Iterator[tuple[int, tuple[slice, ...], tuple[slice, ...]]]:
    """Yield each place of a window, row by row: its index, the windows that have it in the image, and their pixels."""
    for i in range(pool[0]):
        for j in range(pool[1]):
            windows, pixels = [slice(None)], [slice(None)]
            for k, n, m, s, before in zip((i, j), size, *grid, strict=True):
                start = max(-((k - before) // s), 0)  # the first window whose pixel is not above the image
                stop = min((n - 1 + before - k) // s + 1, m)
                first = start * s + k - before
                windows.append(slice(start, stop))
                pixels.append(slice(first, first + (stop - start - 1) * s + 1, s))
            if all(w.stop > w.start for w in windows[1:]):
                yield i * pool[1] + j, tuple(windows), tuple(pixels)


@dataclass(frozen=True)
class _Pool2D(Parameterless):
    pool: int | tuple[int, int] = 2  # height and width of a window
    stride: int | tuple[int, int] | None = None  # pixels from one window to the next; the window's size if left out
    padding: str = "valid"  # only whole windows, so that the last rows may go unseen; "same": ceil(H / s) windows

    def __post_init__(self) -> None:
        object.__setattr__(self, "stride", self.pool if self.stride is None else self.stride)
        keep(self, pair, "pool", "stride")
        keep(self, choice, "padding", choices=PADDINGS)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        height, width, channels = image_shape(input_shape)
        return (*self._grid((height, width)).size, channels)

    def _grid(self, size: tuple[int, int]) -> Grid:
        return grid(size, pair("pool", self.pool), pair("stride", self.stride), self.padding)


class _MaxCache(NamedTuple):
    place: Array  # (B, rows, columns, C)
    grid: Grid
    size: tuple[int, int]
    dtype: np.dtype


@dataclass(frozen=True)
class MaxPool2D(_Pool2D):
    """The largest pixel of each window, channel by channel: (H, W, C) to (rows, columns, C).

    ::

        y_rck = max_ij x_{rs+i−p, cs+j−p, k}                               (1)
        dx_hwk = Σ dy_rck over the windows whose largest pixel it is       (2)

    Of equal pixels the first, row by row, has the whole gradient, as in PyTorch and TensorFlow on a CPU; after a
    rectifier equal zeros are the rule. Padding does not count: it is never the largest. NaN wins. Not to be confused
    with a convolution's stride, which leaves pixels out unseen. PyTorch's symmetric ``padding`` puts the windows
    elsewhere than `same`, which is TensorFlow's and Keras'.
    """

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _MaxCache]:
        """Take the largest pixels, equation (1)."""
        del params, rng
        x = batch("x", x, (None, None, None))
        size = (x.shape[1], x.shape[2])
        windows = self._grid(size)
        y, place = backend.twin(_LOOPS, x).max_pool(x, self.pool, windows)  # (1)
        return y, _MaxCache(place, windows, size, x.dtype)

    def backward(self, cache: _MaxCache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equation (2)."""
        dy = cotangent(d_output, cache.place.shape, cache.dtype)
        gradient = backend.twin(_LOOPS, dy).max_pool_gradient
        return gradient(dy, cache.place, self.pool, cache.grid, cache.size), {}  # (2)


class _AverageCache(NamedTuple):
    shape: tuple[int, ...]  # of the outputs
    grid: Grid
    size: tuple[int, int]
    dtype: np.dtype


@dataclass(frozen=True)
class AveragePool2D(_Pool2D):
    """The mean pixel of each window, channel by channel: (H, W, C) to (rows, columns, C).

    ::

        y_rck = (1/n_rc) Σ_ij x_{rs+i−p, cs+j−p, k}                        (1)
        dx_hwk = Σ dy_rck / n_rc over the windows that see the pixel       (2)

    n_rc counts the pixels of the window that lie in the image: padding does not count, as in Keras; PyTorch counts it
    unless told ``count_include_pad=False``. Linear, and so a convolution with a fixed kernel.
    """

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _AverageCache]:
        """Take the means, equation (1)."""
        del params, rng
        x = batch("x", x, (None, None, None))
        size = (x.shape[1], x.shape[2])
        windows = self._grid(size)
        y = np.zeros((len(x), *windows.size, x.shape[3]), x.dtype)  # (B, rows, columns, C)
        for _, which, pixels in _places(pair("pool", self.pool), windows, size):
            y[which] += x[pixels]
        y /= self._counts(windows, size, x.dtype)  # (1)
        return y, _AverageCache(y.shape, windows, size, x.dtype)

    def backward(self, cache: _AverageCache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equation (2)."""
        share = cotangent(d_output, cache.shape, cache.dtype) / self._counts(cache.grid, cache.size, cache.dtype)
        dx = np.zeros((cache.shape[0], *cache.size, cache.shape[3]), share.dtype)  # (B, H, W, C)
        for _, windows, pixels in _places(pair("pool", self.pool), cache.grid, cache.size):
            dx[pixels] += share[windows]  # (2)
        return dx, {}

    def _counts(self, windows: Grid, size: tuple[int, int], dtype: np.dtype) -> Array:
        counts = np.zeros((1, *windows.size), dtype)
        for _, which, _ in _places(pair("pool", self.pool), windows, size):
            counts[which] += 1
        return counts[0, :, :, None]  # (rows, columns, 1): how many pixels of the image each window sees
