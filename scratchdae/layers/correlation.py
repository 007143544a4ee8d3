"""The correlation of images with kernels, and its two adjoints: all that convolutions are made of.

With images x (B, H, W, C), kernels K (kh, kw, C, F), windows that begin at pixel (r s − p, c s − p) for the window in
row r and column c, and zeros outside the image::

    y_rcf = b_f + Σ_ijk x_{rs+i−p, cs+j−p, k} K_ijkf                   (1)  correlate
    x_hwk = b_k + Σ_{rcij f: rs+i−p=h, cs+j−p=w} y_rcf K_ijkf          (2)  spread, the transpose of (1) in x
    dK_ijkf = Σ_rc x_{rs+i−p, cs+j−p, k} dy_rcf   (and over B)         (3)  kernel_gradient

The kernel is not flipped: the field says convolution and computes a correlation. (1) is a product of matrices: one row
for each window, its kh·kw·C pixels, times K as a (kh·kw·C, F) matrix; (3) is the transpose of those rows times dy. The
rows take kh·kw times the memory of the images, so they are made for few windows at a time, few enough to stay in the
cache between the copy and the product.

(2) is again a sum of correlations: a pixel h meets the kernel rows i = a, a + s, a + 2s, … only, with
a = (h + p) mod s. The pixels of one a are one image, the correlation of y with every s-th kernel row, in reverse
order. There are s² such phases, one correlation each (4); for s = 1 it is the one with the flipped kernel.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from scratchdae.arguments import Array
from scratchdae.layers.windows import Grid

_ROWS_BYTES = 512 * 1024  # of the matrix of windows: half of a usual second-level cache


def correlate(
    x: Array,  # (B, H, W, C)
    kernels: Array,  # (kh, kw, C, F)
    bias: Array,  # (F,), added to every window
    grid: Grid,
    out: Array | None = None,  # (B, rows, columns, F), any strides: where to put the result
) -> Array:
    """Correlate images with kernels, equation (1)."""
    kh, kw, _, F = kernels.shape
    if out is None:
        out = np.empty((len(x), *grid.size, F), np.result_type(x, kernels))
    matrix = kernels.reshape(-1, F)
    for place, windows in _windows(x, (kh, kw), grid):
        values = windows @ matrix
        values += bias
        out[place] = values.reshape(out[place].shape)
    return out


def spread(
    y: Array,  # (B, rows, columns, F)
    kernels: Array,  # (kh, kw, C, F)
    bias: Array,  # (C,), added to every pixel
    grid: Grid,
    size: tuple[int, int],  # (H, W)
    correlate: Callable[..., Array] = correlate,  # the twin puts its own here
) -> Array:
    """Spread every window's value over the pixels it saw, equation (2) by way of (4)."""
    (sh, sw), (top, left) = grid.stride, grid.before
    out = np.empty((len(y), *size, kernels.shape[2]), np.result_type(y, kernels))  # (B, H, W, C)
    for a in range(sh):
        for b in range(sw):
            phase = kernels[a::sh, b::sw]
            h, w = (a - top) % sh, (b - left) % sw  # the first pixel of the phase
            target = out[:, h::sh, w::sw]
            if phase.size == 0:  # the stride is longer than the kernel: no window sees these pixels
                target[...] = bias
            elif target.size:
                flipped = np.ascontiguousarray(phase[::-1, ::-1].swapaxes(2, 3))
                before = len(phase) - 1 - (h + top - a) // sh, phase.shape[1] - 1 - (w + left - b) // sw
                correlate(y, flipped, bias, Grid((target.shape[1], target.shape[2]), (1, 1), before), target)  # (4)
    return out


def kernel_gradient(x: Array, dy: Array, kernel: tuple[int, int], grid: Grid) -> Array:
    """Return the gradient with respect to the kernels, equation (3)."""
    C, F = x.shape[3], dy.shape[3]
    gradient = np.zeros((kernel[0] * kernel[1] * C, F), np.result_type(x, dy))  # (kh·kw·C, F)
    for place, windows in _windows(x, kernel, grid):
        gradient += windows.T @ dy[place].reshape(-1, F)
    return gradient.reshape(*kernel, C, F)


def channel_sums(dy: Array) -> Array:
    """Sum over examples, rows and columns: the gradient with respect to the bias of (1)."""
    sums: Array = dy.sum(axis=(0, 1, 2))  # (F,)
    return sums


def _windows(x: Array, kernel: tuple[int, int], grid: Grid) -> Iterator[tuple[tuple[slice, slice], Array]]:
    """Yield the windows of some examples and rows as a matrix, one window a row, and which they are."""
    (kh, kw), (rows, columns), (sh, sw) = kernel, grid.size, grid.stride
    C = x.shape[3]
    padded = _padded(x, kernel, grid)
    # A window's row of kw pixels with C channels is one run of memory: (B, rows, columns, kh, kw·C).
    runs = sliding_window_view(padded.reshape(*padded.shape[:2], -1), (kh, kw * C), axis=(1, 2))
    runs = runs[:, ::sh, :: sw * C][:, :rows, :columns]
    row_bytes = columns * kh * kw * C * x.itemsize
    n_rows = max(1, min(rows, _ROWS_BYTES // row_bytes))
    n_examples = max(1, _ROWS_BYTES // (row_bytes * rows))
    for first in range(0, len(x), n_examples):
        for row in range(0, rows, n_rows):
            place = slice(first, first + n_examples), slice(row, row + n_rows)
            yield place, runs[place].reshape(-1, kh * kw * C)


def _padded(x: Array, kernel: tuple[int, int], grid: Grid) -> Array:
    """Return what the windows see of the images, zeros outside them included."""
    cuts, fills = [slice(None)], [(0, 0)]
    for n, k, m, s, before in zip(x.shape[1:3], kernel, *grid, strict=True):
        after = (m - 1) * s + k - before  # one past the last pixel that is seen
        cuts.append(slice(max(-before, 0), max(after, 0)))
        fills.append((max(before, 0), max(after - n, 0)))
    x = x[tuple(cuts)]
    if not any(max(fill) for fill in fills):
        return np.ascontiguousarray(x)
    return np.pad(x, [*fills, (0, 0)])
