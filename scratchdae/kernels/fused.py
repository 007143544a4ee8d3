"""Compiled twin of `scratchdae.autoencoder.sgd_step` for tied weights, without a gradient of W in memory.

What it does differently: the reference makes five products, each a pass over W or its gradient, and a dozen passes over
what lies between them. Here W is read three times and written once:

1. encode: y = s(x̃ W + b), a panel of columns of W at a time, which stays in the second-level cache. Inputs that are
   zero in all examples of a group are neither read nor multiplied; four fifths of MNIST's pixels are.
2. decode: a block of rows of W gives a_z, loss and da_z, and while it is still in the cache, its part of dy.
3. update: each row of W takes its decoder's part, equation (8), and its encoder's part, (12), in one go, as the sum of
   the rows of y and da_y times −lr da_z and −lr x̃. dW never exists; zeros of x̃ are left out here too.

Nothing is written before pass 3, so a step that must not be taken has changed nothing. By then y, da_z and da_y are
known, and as y ≤ 1 no entry of a gradient can exceed Σ|da_z| + Σ|x̃| Σ|da_y|. If that sum is well below the largest
number, everything is finite. If not, this step is not taken here: the general one looks at each entry. A weight that is
NaN or inf shows in a_z or dy, because every weight takes part in both.

Groups of examples are 8 when there are many, where each number that is read is used 8 times, and fewer when there are
few or the inputs are mostly zeros: the smaller the group, the more of its inputs are zero in all of it.
"""

from functools import lru_cache
from typing import Any

import numba
import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels import threads
from scratchdae.kernels.output import cross_entropy_row, sigmoid_row, squared_error_row
from scratchdae.kernels.packing import _buffer, _count, _pack_gradient, _pack_inputs, _pack_pixels
from scratchdae.kernels.panels import VECTORS, add_rows, dots
from scratchdae.kernels.tile import lanes

_BLOCK_BYTES = 256 * 1024  # of rows or columns of W, for the second-level cache
_DENSE = 0.5  # share of inputs that are not zero from which groups are as large as can be
_COPIED = 8  # examples from which rows of W are copied to where the lines of the cache begin
_CHUNK = 64  # registers of a row of y that stay in the first-level cache while rows of W pass by
_FLOPS = 12_000_000  # from which a second thread saves more time than it takes to wake


@numba.njit(cache=True, nogil=True)
def _encode(
    group: Any, y: Array, packed: Array, rows: Array, counts: Array, W: Array, b: Array, shape: Any, panel: int,
    begin: int, end: int,
) -> None:  # fmt: skip
    """Encode all examples, from one panel of columns of W to another."""
    D, H = W.shape
    stride, size, flat, w = y.shape[1], len(group), y.ravel(), W.ravel()
    for first in range(begin * panel, min(end * panel, H), panel):
        columns = min(panel, H - first)
        for g in range(len(counts)):
            at = g * size * stride + first
            for p in range(size):
                flat[at + p * stride : at + p * stride + columns] = 0
            if counts[g]:
                add_rows(
                    group,
                    flat,
                    at,
                    stride,
                    packed,
                    g * size * D,
                    size,
                    1,
                    rows,
                    g * D,
                    w,
                    first,
                    counts[g],
                    columns,
                    shape,
                )
            for p in range(size):
                here = at + p * stride
                sigmoid_row(flat[here : here + columns], b[first : first + columns])


@numba.njit(cache=True, nogil=True)
def _copy_row(target: Array, source: Array) -> None:
    for j in range(len(target)):
        target[j] = source[j]


@numba.njit(cache=True, nogil=True)
def _decode(
    group: Any, updating: Any, y: Array, da_z: Array, dys: Array, copies: Array, coefficients: Array, totals: Array,
    W: Array, b_prime: Array, x: Array, lr: Any, scale: Any, kind: int, shape: Any, block: int, begins: Array,
    begin: int, end: int,
) -> None:  # fmt: skip
    """Decode, and add to dy, from one part of the rows of W to another; each part has its own dy and totals."""
    (B, D), H = x.shape, W.shape[1]
    size, stride, width = len(group), y.shape[1], shape[1]
    vectors = stride // width
    y_flat, w, da_flat = y.ravel(), W.ravel(), da_z.ravel()
    rows = np.empty(block, np.int64)
    for part in range(begin, end):
        dy = dys[part].ravel()
        dy[:] = 0
        loss, magnitude = 0.0, 0.0
        for first in range(begins[part], begins[part + 1], block):
            n = min(block, begins[part + 1] - first)
            source, at, row = w, first * H, H
            if B >= _COPIED or (first + n - 1) * H + stride > D * H:
                source, at, row = copies[part], 0, stride
                for k in range(n):
                    _copy_row(source[k * stride : k * stride + H], w[(first + k) * H : (first + k + 1) * H])
                    source[k * stride + H : (k + 1) * stride] = 0
            for t in range(n):
                rows[t] = at + t * row
            for i in range(B):
                da_z[i, first : first + n] = 0
            for c in range(0, vectors, _CHUNK):
                length, begin_at, y_at = min(_CHUNK, vectors - c), at + c * width, c * width
                for i in range(0, B - B % 4, 4):
                    to, y_i = i * D + first, i * stride + y_at
                    for k in range(0, n - n % 5, 5):
                        dots(4, 5, da_flat, to + k, D, y_flat, y_i, stride, source, begin_at + k * row, row, length)
                    for k in range(n - n % 5, n):
                        dots(4, 1, da_flat, to + k, D, y_flat, y_i, stride, source, begin_at + k * row, row, length)
                for i in range(B - B % 4, B):
                    to, y_i = i * D + first, i * stride + y_at
                    for k in range(0, n - n % 5, 5):
                        dots(1, 5, da_flat, to + k, D, y_flat, y_i, stride, source, begin_at + k * row, row, length)
                    for k in range(n - n % 5, n):
                        dots(1, 1, da_flat, to + k, D, y_flat, y_i, stride, source, begin_at + k * row, row, length)
            for i in range(B):
                a, bias, target = da_z[i, first : first + n], b_prime[first : first + n], x[i, first : first + n]
                if kind == 0:
                    value, sum_of_da = cross_entropy_row(a, bias, target, scale)
                else:
                    value, sum_of_da = squared_error_row(a, bias, target, scale, kind == 2)
                loss += value
                magnitude += sum_of_da
            for i in range(0, B, size):
                add_rows(group, dy, i * stride, stride, da_flat, i * D + first, 1, D, rows, 0, source, 0, n, H, shape)
            if first < len(coefficients) * len(updating):
                _pack_gradient(updating, da_z, B, first, n, lr, coefficients)
        totals[part, 0], totals[part, 1] = loss, magnitude


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def _add(total: Array, part: Array) -> None:
    for j in range(len(total)):
        total[j] += part[j]


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def _hidden_row(dy: Array, y: Array, db: Array) -> float:
    """Replace dy by da_y, equation (10), and add it to db; return the sum of the magnitudes."""
    one, total = dy.dtype.type(1), dy.dtype.type(0)
    for j in range(len(dy)):
        da = dy[j] * (y[j] * (one - y[j]))
        dy[j] = da
        db[j] += da
        total += abs(da)
    return float(total)


@numba.njit(cache=True, nogil=True)
def _hidden(hidden: Array, db: Array, B: int) -> float:
    """Sum the parts of dy into the first and make da_y of it; return the sum of the magnitudes."""
    H, total = len(db), 0.0
    for i in range(B):
        dy = hidden[1, i, :H]
        for part in range(2, len(hidden)):
            _add(dy, hidden[part, i, :H])
        total += _hidden_row(dy, hidden[0, i, :H], db)
    return total


@numba.njit(cache=True, nogil=True)
def _update(
    group: Any, W: Array, hidden: Array, x: Array, lr: Any, coefficients: Array, rows: Array, counts: Array, keep: Any,
    shape: Any, panel: int, offset: int, begin: int, end: int,
) -> None:  # fmt: skip
    """Update the rows of W from one group to another, last first: the last rows are still in the cache."""
    H, size = W.shape[1], len(group)
    w, source, a, flat_rows = W.ravel(), hidden.ravel(), coefficients.ravel(), rows.ravel()
    (B, D), entries, (_, capacity, stride) = x.shape, rows.shape[1], hidden.shape
    inputs = x.ravel()
    for g in range(begin, end):
        for i in range(B):
            flat_rows[g * entries + i] = i * stride
        counts[g] = _pack_pixels(
            group, inputs, D, offset + g * size, lr, capacity * stride, stride, a, flat_rows, g * entries, B
        )
    for first in range(0, H, panel):
        columns = min(panel, H - first)
        for g in range(end - 1, begin - 1, -1):
            k = offset + g * size
            if keep != 1:
                for p in range(size):
                    row = w[(k + p) * H + first : (k + p) * H + first + columns]
                    for j in range(columns):
                        row[j] *= keep
            add_rows(
                group, w, k * H + first, H, a, g * entries * size, size, 1, flat_rows, g * entries, source, first,
                counts[g], columns, shape,
            )  # fmt: skip


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def _update_biases(b: Array, db: Array, b_prime: Array, da_z: Array, lr: Any) -> None:
    """Update both biases, equations (7) and (11)."""
    for j in range(len(b)):
        b[j] -= lr * db[j]
    sums = np.zeros_like(b_prime)
    for i in range(len(da_z)):
        _add(sums, da_z[i])
    for k in range(len(sums)):
        b_prime[k] -= lr * sums[k]


@lru_cache
def _shape(group: int, dtype: Any) -> tuple[int, int]:
    """Return how many columns a panel in registers has, and one register."""
    return VECTORS[group] * lanes(dtype), lanes(dtype)


@lru_cache
def _columns(rows: int, group: int, dtype: Any) -> int:
    """Return how many columns of so many rows stay in the second-level cache, in whole panels."""
    panel = _shape(group, dtype)[0]
    fitting: int = _BLOCK_BYTES // (rows * np.dtype(dtype).itemsize * panel)
    return max(1, fitting) * panel


def _parts(n: int, flops: int) -> tuple[list[int], list[int]]:
    """Cut n units for the threads, or not if the work is not worth waking one."""
    return threads.parts(n) if flops > _FLOPS else ([0], [n])


def fitting_group(examples: int, density: float = 1.0) -> int:
    """Choose the size of a group.

    Parameters
    ----------
    examples : int
        How many examples, or rows, there are to group.
    density : float
        The share of numbers that are not zero.

    Returns
    -------
    int
        A size that `add_rows` knows.
    """
    few = density <= _DENSE or (examples <= 32 and examples % 8 > 0)  # then 8 would multiply many zeros
    most = min(examples, 4 if few else 8)
    return 8 if most >= 8 else 4 if most >= 4 else 2 if most >= 2 else 1


def step(
    W: Array, b: Array, b_prime: Array, x_tilde: Array, x: Array, lr: Any, decay: Any, scale: Any, kind: int,
    groups: tuple[int, int, int] | None = None,
) -> float | None:  # fmt: skip
    """Take a step, unless something may not be finite.

    Parameters
    ----------
    W, b, b_prime : ndarray, shapes (D, H), (H,), (D,)
        The parameters, C-contiguous, which are overwritten.
    x_tilde, x : ndarray, shape (B, D)
        Corrupted inputs and clean targets, C-contiguous.
    lr, decay, scale : number of W's type
        The learning rate, that of the weights' decay (a gradient of ``decay * W``) and the factor before the loss.
    kind : {0, 1, 2}
        Cross-entropy, squared error, squared error of linear outputs.
    groups : (int, int, int), optional
        Sizes of the groups of examples in encoding, of examples in decoding and of inputs in updating. Chosen by the
        batch and its zeros if left out.

    Returns
    -------
    float or None
        The loss; None if the step was not taken, and nothing changed, because the general step has to decide.
    """
    (B, D), H, dtype = x.shape, W.shape[1], W.dtype
    used, x_sum = _count(x_tilde)
    density = used / x_tilde.size
    if groups is None:
        groups = fitting_group(B, density), fitting_group(B), fitting_group(D)
    encoding, decoding, updating = groups
    width = lanes(dtype)
    capacity, stride = -(-B // 8) * 8, -(-H // width) * width

    block = max(1, _BLOCK_BYTES // (H * dtype.itemsize * 40)) * 40  # a multiple of all sizes of groups, and of 5
    decode_starts, decode_stops = _parts(-(-D // block), 4 * B * D * H)

    # Pass 1: encode.
    n_groups, panel = -(-B // encoding), _columns(D, encoding, dtype)
    packed, rows = _buffer("packed", (n_groups * encoding * D,), dtype), _buffer("rows", (n_groups * D,), np.int64)
    counts = np.empty(n_groups, np.int64)
    threads.run(_pack_inputs, *_parts(n_groups, 200 * B * D), (0,) * encoding, x_tilde, H, packed, rows, counts)
    starts, stops = _parts(-(-H // panel), 2 * used * H)
    hidden = _buffer(
        "hidden", (1 + len(decode_starts), capacity, stride), dtype
    )  # y and the parts of dy, the first of them later da_y
    y, da_z = hidden[0], _buffer("da_z", (capacity, D), dtype)
    y[:, H:] = 0
    da_z[B:] = 0
    threads.run(
        _encode, starts, stops, (0,) * encoding, y, packed, rows, counts, W, b, _shape(encoding, dtype), panel
    )  # fmt: skip

    # Pass 2: decode.
    starts, stops = decode_starts, decode_stops
    begins = np.array([min(unit * block, D) for unit in [*starts, stops[-1]]])
    copies = _buffer("copies", (len(starts), block * stride), dtype)
    totals = np.empty((len(starts), 2))
    groups_of_rows = D // updating
    coefficients = _buffer("coefficients", (groups_of_rows, 2 * B + 1, updating), dtype)  # odd: not all in one set
    threads.run(
        _decode, list(range(len(starts))), list(range(1, len(starts) + 1)),
        (0,) * decoding, (0,) * updating, y, da_z, hidden[1:], copies, coefficients, totals, W, b_prime, x, lr,
        scale, kind, _shape(decoding, dtype), block, begins,
    )  # fmt: skip
    db = np.zeros(H, dtype)
    loss, da_z_sum = totals.sum(axis=0)
    bound = da_z_sum + x_sum * _hidden(hidden, db, B)
    if not (np.isfinite(loss * scale) and bound < np.finfo(dtype).max / 4):
        return None

    # Pass 3: update.
    keep = dtype.type(1 - lr * decay)
    offset = groups_of_rows * updating
    rest = np.empty((D - offset, 2 * B + 1, 1), dtype)  # rows of W that fill no group
    rest[:, :B, 0] = -lr * da_z[:B, offset:].T
    for group, first, a in ((updating, 0, coefficients), (1, offset, rest)):
        n = len(a)
        if n:
            rows, counts = _buffer("rows", (n, 2 * B + 1), np.int64), np.empty(n, np.int64)
            threads.run(
                _update, *_parts(n, 2 * B * D * H),
                (0,) * group, W, hidden, x_tilde, lr, a, rows, counts, keep, _shape(group, dtype),
                _columns(2 * B, group, dtype), first,
            )  # fmt: skip
    _update_biases(b, db, b_prime, da_z[:B], lr)
    return float(loss * scale)
