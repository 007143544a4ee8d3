"""Compiled twin of `scratchdae.layers.correlation`.

What it does differently: there is no matrix of windows. A band of rows of one image, as many as stay in the cache, is
copied with its padding; in it the pixels of a window's row are neighbours, so `tile` reads windows where they stand,
ROWS at a time, and adds their products with the kernels in registers. The gradient of the kernels is the same tile,
with the pixels of a window for rows and a sum over all windows.

A vector runs across the channels of the result, which are filled up with zeros to a multiple of its length. With one or
a few channels (`_NARROW`) most of it would be empty: then it runs along the window instead.
"""

from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.machine import threads
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.machine.registers import Rows, lanes, pointer
from scratchdae.kernels.machine.tile import ROWS, Walk, Windows, tile
from scratchdae.layers import correlation as reference
from scratchdae.layers.windows import Grid

_BAND_BYTES = 256 * 1024  # of the copied rows; a second-level cache holds them, the kernels and the results
_NARROW = 4
_GROUPS = 16  # of partial sums of a gradient: fixed, so that the sum does not depend on the number of threads
_GROUPS_BYTES = 8 * 1024 * 1024
_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit()
def _copy_band(image: Array, top: int, left: int, rows: int, columns: int, band: Array) -> None:
    """Copy a rectangle of an image, zeros where it lies outside."""
    H, W, C = image.shape
    flat = image.reshape(H * W * C)
    begin, end = min(max(-left, 0), columns), max(min(W - left, columns), 0)  # columns of the band inside the image
    for r in range(rows):
        line, h = band[r * columns * C : (r + 1) * columns * C], top + r
        if 0 <= h < H and begin < end:
            line[: begin * C] = 0
            line[begin * C : end * C] = flat[(h * W + left + begin) * C : (h * W + left + end) * C]
            line[end * C :] = 0
        else:
            line[:] = 0


@njit()
def _window_starts(rows: int, columns: int, r_step: int, c_step: int) -> Array:
    """Return where the windows begin in a band, followed by zeros up to a multiple of ROWS."""
    starts = np.zeros((rows * columns + ROWS - 1) // ROWS * ROWS, np.int64)
    for r in range(rows):
        for c in range(columns):
            starts[r * columns + c] = r * r_step + c * c_step
    return starts


# An index of unsigned integers cannot mean "from the end": without that test the loops become vector loops.
@njit(fastmath=_FAST)
def _dot(a: Array, i: int, b: Array, j: int, n: int) -> Any:
    a_start, b_start, total = np.uintp(i), np.uintp(j), a.dtype.type(0)
    for k in range(n):
        total += a[a_start + np.uintp(k)] * b[b_start + np.uintp(k)]
    return total


@njit(fastmath=_FAST)
def _add_scaled(total: Array, i: int, x: Array, j: int, n: int, factor: Any) -> None:
    start, x_start = np.uintp(i), np.uintp(j)
    for k in range(n):
        total[start + np.uintp(k)] += factor * x[x_start + np.uintp(k)]


@njit()
def _copy(a: Array, i: int, b: Array, j: int, n: int) -> None:
    """Copy b[j : j + n] to a[i : i + n]."""
    start, b_start = np.uintp(i), np.uintp(j)
    for k in range(n):
        a[start + np.uintp(k)] = b[b_start + np.uintp(k)]


@njit()
def _add_tiles(sums: Rows, x: Windows, w: Walk, outer: int, inner: int, width: int) -> None:
    """Add tile after tile, side by side."""
    vector, f = lanes(sums.flat), 0
    while f + 2 * vector <= width:
        to, begin = Rows(sums.flat, sums.at + f, sums.pitch), Walk(w.flat, w.at + f, w.outer, w.inner)
        tile(2, to, x, begin, outer, inner)
        f += 2 * vector
    if f < width:
        tile(1, Rows(sums.flat, sums.at + f, sums.pitch), x, Walk(w.flat, w.at + f, w.outer, w.inner), outer, inner)


@njit()
def _correlate(x: Array, matrix: Array, bias: Array, y: Array, shape: Any, width: int, begin: int, end: int) -> None:
    """Correlate the bands from `begin` to `end`, counted through all images."""
    kh, kw, sh, sw, top, left, band_rows = shape
    C, (_, Ho, Wo, F) = x.shape[3], y.shape
    columns, bands = (Wo - 1) * sw + kw, (Ho + band_rows - 1) // band_rows
    line, run = columns * C, kw * C
    band = np.empty(((band_rows - 1) * sh + kh) * line, x.dtype)
    starts = _window_starts(band_rows, Wo, sh * line, sw * C)
    sums = np.empty(ROWS * width, x.dtype)
    for unit in range(begin, end):
        image, first = unit // bands, unit % bands * band_rows
        rows = min(band_rows, Ho - first)
        _copy_band(x[image], first * sh - top, -left, (rows - 1) * sh + kh, columns, band)
        for p in range(0, rows * Wo, ROWS):
            for q in range(ROWS):
                _copy(sums, q * width, bias, 0, width)
            if F <= _NARROW:
                for q in range(ROWS):
                    for f in range(F):
                        for i in range(kh):
                            at, row = starts[p + q] + i * line, (f * kh + i) * run
                            sums[q * width + f] += _dot(band, at, matrix, row, run)
            else:
                windows = Windows(pointer(band), pointer(starts), p, line, 1)
                kernels = Walk(pointer(matrix), 0, run * width, width)
                _add_tiles(Rows(pointer(sums), 0, width), windows, kernels, kh, run, width)
            for q in range(min(ROWS, rows * Wo - p)):
                _copy(y[image, first + (p + q) // Wo, (p + q) % Wo], 0, sums, q * width, F)


@njit()
def _kernel_gradient(
    x: Array, dy: Array, sums: Array, shape: Any, width: int, units: int, begin: int, end: int
) -> None:
    """Sum the groups of bands from `begin` to `end`, each into its own row of `sums`."""
    kh, kw, sh, sw, top, left, band_rows = shape
    C, (_, Ho, Wo, F) = x.shape[3], dy.shape
    columns, bands = (Wo - 1) * sw + kw, (Ho + band_rows - 1) // band_rows
    line, run, size = columns * C, kw * C, kh * kw * C
    band = np.empty(((band_rows - 1) * sh + kh) * line, x.dtype)
    block = np.zeros(band_rows * Wo * width, dy.dtype)
    starts = _window_starts(kh, run, line, 1)  # of the numbers in a window, here
    for group in range(begin, end):
        total = sums[group]
        for unit in range(units * group // len(sums), units * (group + 1) // len(sums)):
            image, first = unit // bands, unit % bands * band_rows
            rows = min(band_rows, Ho - first)
            _copy_band(x[image], first * sh - top, -left, (rows - 1) * sh + kh, columns, band)
            for w in range(rows * Wo):
                _copy(block, w * width, dy[image, first + w // Wo, w % Wo], 0, F)
            if F <= _NARROW:
                for w in range(rows * Wo):
                    window = w // Wo * sh * line + w % Wo * sw * C
                    for f in range(F):
                        for i in range(kh):
                            at, row = window + i * line, (f * kh + i) * run
                            _add_scaled(total, row, band, at, run, block[w * width + f])
                continue
            for p in range(0, size, ROWS):
                pixels = Windows(pointer(band), pointer(starts), p, sh * line, sw * C)
                gradients = Walk(pointer(block), 0, Wo * width, width)
                _add_tiles(Rows(pointer(total), p * width, width), pixels, gradients, rows, Wo, width)


@njit()
def _channel_sums(flat: Array, sums: Array, begin: int, end: int) -> None:
    """Sum the pixels of each image, several pixels side by side where there are few channels."""
    width = sums.shape[1]
    size = len(flat) // len(sums)
    whole = size // width * width
    for image in range(begin, end):
        total, pixels = sums[image], flat[image * size : (image + 1) * size]
        for at in range(0, whole, width):
            part = pixels[at : at + width]
            for k in range(width):
                total[k] += part[k]
        for k in range(size - whole):
            total[k] += pixels[whole + k]


def _shape(x: Array, kernel: tuple[int, int], grid: Grid) -> tuple[tuple[int, ...], int]:
    """Return kernel, stride, padding and rows of a band in one tuple, and the number of bands in all images."""
    (kh, kw), (Ho, Wo), (sh, sw) = kernel, grid.size, grid.stride
    line_bytes = ((Wo - 1) * sw + kw) * x.shape[3] * x.itemsize
    rows = min(max((_BAND_BYTES // line_bytes - kh) // sh + 1, 1), Ho)
    return (kh, kw, sh, sw, *grid.before, rows), len(x) * -(-Ho // rows)


def _width(F: int, dtype: Any) -> int:
    """Return F filled up to a multiple of a vector's length; narrow results are not filled up."""
    vector = lanes(dtype)
    return F if F <= _NARROW else -(-F // vector) * vector


def correlate(x: Array, kernels: Array, bias: Array, grid: Grid, out: Array | None = None) -> Array:
    x, F = np.ascontiguousarray(x), kernels.shape[3]
    if out is None:
        out = np.empty((len(x), *grid.size, F), x.dtype)  # (B, rows, columns, F)
    shape, units = _shape(x, kernels.shape[:2], grid)
    ends = threads.parts(units)
    width = _width(F, x.dtype)
    matrix = np.zeros((kernels.size // F, width), x.dtype)  # (kh·kw·C, F filled up)
    matrix[:, :F] = kernels.reshape(-1, F)
    if F <= _NARROW:
        matrix = np.ascontiguousarray(matrix.T)
    wide_bias = np.zeros(width, x.dtype)
    wide_bias[:F] = bias
    threads.run(_correlate, *ends, x, matrix.ravel(), wide_bias, out, shape, width)
    return out


def spread(y: Array, kernels: Array, bias: Array, grid: Grid, size: tuple[int, int]) -> Array:
    return reference.spread(y, kernels, bias, grid, size, correlate)


def kernel_gradient(x: Array, dy: Array, kernel: tuple[int, int], grid: Grid) -> Array:
    x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    C, F = x.shape[3], dy.shape[3]
    size = kernel[0] * kernel[1] * C
    shape, units = _shape(x, kernel, grid)
    width = _width(F, x.dtype)
    rows = -(-size // ROWS) * ROWS
    groups = min(units, max(4, min(_GROUPS, _GROUPS_BYTES // (rows * width * x.itemsize))))
    sums = np.zeros((groups, rows * width), x.dtype)
    ends = list(range(groups)), list(range(1, groups + 1))
    threads.run(_kernel_gradient, *ends, x, dy, sums, shape, width, units)
    total = sums.sum(axis=0)
    total = total[: F * size].reshape(F, size).T if F <= _NARROW else total.reshape(rows, width)[:size, :F]
    return np.ascontiguousarray(total).reshape(*kernel, C, F)  # (kh, kw, C, F)


def channel_sums(dy: Array) -> Array:
    F = dy.shape[3]
    sums = np.zeros((len(dy), F * max(1, 16 // F)), dy.dtype)
    threads.run(_channel_sums, *threads.parts(len(dy)), np.ascontiguousarray(dy).ravel(), sums)
    total: Array = sums.sum(axis=0).reshape(-1, F).sum(axis=0)
    return total
