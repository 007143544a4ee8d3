"""Steps on batches of several examples, for tied weights, without a gradient of W in memory.

What it does differently from `scratchdae.autoencoder.sgd_steps`: the reference makes five products, each a pass over W
or its gradient, and a dozen passes over what lies between them. Here W is read three times and written once a step:

1. encode: a_y = x̃ W. Inputs that are zero in all of four examples are neither read nor multiplied.
2. decode: a block of rows of W gives a_z, loss and da_z, and while it is still in the cache, its part of dy.
3. update: each row of W takes its decoder's part, equation (8), and its encoder's part, (12), straight into the
   registers that hold it. dW never exists; zeros of x̃ are left out here too.

Each thread owns some rows of W, which stay in the cache of its core from step to step. What is summed over rows (a_y
and dy) each thread sums over its own; the threads meet, and each adds up some of the columns.

Nothing is written to a parameter before everything is known to be finite: y ≤ 1, so no entry of a gradient can exceed
Σ|da_z| + Σ|x̃| Σ|da_y|, and if that sum is well below the largest number, the step is taken. If not, the team stops
before it, and the general step looks at each entry. A weight that is NaN or inf shows in a_z or dy, because every
weight takes part in both.
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.output import cross_entropy_row, sigmoid_row, squared_error_row
from scratchdae.kernels.panels import (
    ADD,
    COUNT,
    ROWS,
    STEP,
    STORE,
    VECTORS,
    dots,
    sum_listed,
    sum_rows,
)
from scratchdae.kernels.team import share, wait
from scratchdae.kernels.zeros import list_inputs, list_pixels

_FAST = {"reassoc", "contract", "arcp", "nsz"}
_BLOCK = 128  # rows of W between a_z and dy, which stay in the second-level cache
_NEAR = 16  # rows of W that stay in the first-level cache while all examples pass by
_CHUNK = 32  # registers of them
_SOME = 24  # groups of examples whose y stays in the second-level cache while the rows of a block pass by
_TERMS = 128  # examples whose columns of y stay in the first-level cache while rows of W are updated


class Room(NamedTuple):
    """Where a team works: all arrays but the last begin with a line of the cache and are padded with zeros."""

    W: Array  # (rows, pitch), a copy of the weights
    y: Array  # (examples, pitch)
    da_y: Array  # (examples, pitch)
    parts: Array  # (threads, examples, pitch): of a_y, then of dy
    da_z: Array  # (examples, pitch of da_z)
    b: Array  # (pitch,)
    inputs: Array  # (threads, groups of examples, rows of a thread, ROWS): x̃ that is not zero throughout the group
    input_rows: Array  # the same without the last axis: where the weights of those inputs begin
    input_counts: Array  # (threads, groups of examples)
    pixels: Array  # (groups of rows, examples, ROWS): x̃ that is not zero throughout the group of rows
    pixel_rows: Array  # (groups of rows, examples): where da_y of those examples begins
    pixel_counts: Array  # (groups of rows,)
    totals: Array  # (threads, 4 + padding): loss, Σ|da_z|, Σ|x̃|, Σ|da_y|


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _sum_of_magnitudes(x: Array, begin: int, end: int) -> float:
    total = x.dtype.type(0)
    for i in range(x.shape[0]):
        row = x[i, begin:end]
        for k in range(len(row)):
            total += abs(row[k])
    return float(total)


@numba.njit(cache=True, nogil=True)
def _encode(room: Any, rank: int, width: int, lanes: int) -> None:
    """Sum a_y over the thread's rows of W: a panel of columns at a time, which stays in the second-level cache."""
    W, part, pitch = room.W.ravel(), room.parts[rank].ravel(), room.W.shape[1]
    one, panel = W.dtype.type(1), VECTORS * lanes
    inputs, rows, counts = room.inputs[rank], room.input_rows[rank], room.input_counts[rank]
    a, listed, step = inputs.ravel(), rows.ravel(), rows.shape[1]
    for j in range(0, width - panel + 1, panel):
        for g in range(len(counts)):
            sum_listed(
                STORE, ROWS, VECTORS, part, g * ROWS * pitch + j, pitch, a, g * step * ROWS, ROWS, 1,
                W, j, listed, g * step, counts[g], one, one,
            )  # fmt: skip
    for j in range(width - width % panel, width, lanes):
        for g in range(len(counts)):
            sum_listed(
                STORE, ROWS, 1, part, g * ROWS * pitch + j, pitch, a, g * step * ROWS, ROWS, 1,
                W, j, listed, g * step, counts[g], one, one,
            )  # fmt: skip


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _add(total: Array, part: Array) -> None:
    for j in range(len(total)):
        total[j] += part[j]


@numba.njit(cache=True, nogil=True)
def _add_parts(parts: Array, i: int, begin: int, end: int) -> Array:
    """Add up what all threads have summed, for one example and some columns, in the first one's place."""
    total = parts[0, i, begin:end]
    for part in range(1, len(parts)):
        _add(total, parts[part, i, begin:end])
    return total


@numba.njit(cache=True, nogil=True)
def _hidden(room: Any, B: int, begin: int, end: int) -> None:
    """Make y of the sums, equation (1), in some columns."""
    for i in range(B):
        total = _add_parts(room.parts, i, begin, end)
        y = room.y[i, begin:end]
        for j in range(len(y)):
            y[j] = total[j]
        sigmoid_row(y, room.b[begin:end])


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _hidden_row(dy: Array, y: Array, da_y: Array, db: Array) -> float:
    """Compute da_y, equation (10), and add it to db; return the sum of the magnitudes."""
    one, total = dy.dtype.type(1), dy.dtype.type(0)
    for j in range(len(dy)):
        da = dy[j] * (y[j] * (one - y[j]))
        da_y[j] = da
        db[j] += da
        total += abs(da)
    return float(total)


@numba.njit(cache=True, nogil=True)
def _output(room: Any, x: Array, b_prime: Array, first: int, last: int, scale: Any, kind: int) -> tuple[float, float]:
    """Make da_z of a_z in some columns; return the sums of the losses and of the magnitudes."""
    loss, magnitude = 0.0, 0.0
    for i in range(len(x)):
        a, bias, target = room.da_z[i, first:last], b_prime[first:last], x[i, first:last]
        if kind == 0:
            value, size = cross_entropy_row(a, bias, target, scale)
        else:
            value, size = squared_error_row(a, bias, target, scale, kind == 2)
        loss += value
        magnitude += size
    return loss, magnitude


@numba.njit(cache=True, nogil=True)
def _products(room: Any, groups: int, first: int, last: int, lanes: int, width: int) -> None:
    """Multiply all examples of y with some rows of W: a_z, without its bias."""
    W, y, a_z, pitch, z_pitch = room.W.ravel(), room.y.ravel(), room.da_z.ravel(), room.W.shape[1], room.da_z.shape[1]
    vectors = width // lanes
    for some in range(0, groups, _SOME):
        more = min(some + _SOME, groups)
        for near in range(first, last, _NEAR):
            end = min(near + _NEAR, last)
            for g in range(some, more):
                to, row = g * ROWS * z_pitch, g * ROWS * pitch
                n = min(_CHUNK, vectors)
                for k in range(near, end, COUNT):
                    dots(STORE, ROWS, COUNT, a_z, to + k, z_pitch, y, row, pitch, W, k * pitch, pitch, n)
            for c in range(_CHUNK, vectors, _CHUNK):
                n, j = min(_CHUNK, vectors - c), c * lanes
                for g in range(some, more):
                    to, row = g * ROWS * z_pitch, g * ROWS * pitch + j
                    for k in range(near, end, COUNT):
                        dots(ADD, ROWS, COUNT, a_z, to + k, z_pitch, y, row, pitch, W, k * pitch + j, pitch, n)


@numba.njit(cache=True, nogil=True)
def _hidden_gradient(
    room: Any, rank: int, groups: int, first: int, last: int, fresh: bool, width: int, lanes: int
) -> None:
    """Add to dy the part of some rows of W, equation (9)."""
    W, da_z, part = room.W.ravel(), room.da_z.ravel(), room.parts[rank].ravel()
    pitch, z_pitch, one, panel = room.W.shape[1], room.da_z.shape[1], room.W.dtype.type(1), VECTORS * lanes
    n = last - first
    for j in range(0, width - panel + 1, panel):
        for g in range(groups):
            at, factors = g * ROWS * pitch + j, g * ROWS * z_pitch + first
            if fresh:
                sum_rows(
                    STORE, ROWS, VECTORS, part, at, pitch, da_z, factors, 1, z_pitch, W, first * pitch + j, pitch, 0, n,
                    one, one,
                )  # fmt: skip
            else:
                sum_rows(
                    ADD, ROWS, VECTORS, part, at, pitch, da_z, factors, 1, z_pitch, W, first * pitch + j, pitch, 0, n,
                    one, one,
                )  # fmt: skip
    for j in range(width - width % panel, width, lanes):
        for g in range(groups):
            at, factors = g * ROWS * pitch + j, g * ROWS * z_pitch + first
            if fresh:
                sum_rows(
                    STORE, ROWS, 1, part, at, pitch, da_z, factors, 1, z_pitch, W, first * pitch + j, pitch, 0, n,
                    one, one,
                )  # fmt: skip
            else:
                sum_rows(
                    ADD, ROWS, 1, part, at, pitch, da_z, factors, 1, z_pitch, W, first * pitch + j, pitch, 0, n,
                    one, one,
                )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _update(room: Any, B: int, begin: int, end: int, lr: Any, keep: Any, width: int, lanes: int) -> None:
    """Update some groups of rows of W with both parts of the gradient, equations (8) and (12)."""
    W, y, da_y, da_z = room.W.ravel(), room.y.ravel(), room.da_y.ravel(), room.da_z.ravel()
    a, rows, counts, entries = room.pixels.ravel(), room.pixel_rows.ravel(), room.pixel_counts, room.pixel_rows.shape[1]
    pitch, z_pitch, one, panel = room.W.shape[1], room.da_z.shape[1], room.W.dtype.type(1), VECTORS * lanes
    for j in range(0, width - panel + 1, panel):
        for i in range(0, B, _TERMS):
            n, kept = min(_TERMS, B - i), keep if i == 0 else one
            for g in range(begin, end):
                at, k = g * ROWS * pitch + j, g * ROWS + i * z_pitch
                sum_rows(
                    STEP, ROWS, VECTORS, W, at, pitch, da_z, k, z_pitch, 1, y, i * pitch + j, pitch, 0, n, kept, -lr
                )  # fmt: skip
        for g in range(begin, end):
            sum_listed(
                STEP, ROWS, VECTORS, W, g * ROWS * pitch + j, pitch, a, g * entries * ROWS, ROWS, 1, da_y, j, rows,
                g * entries, counts[g], one, -lr,
            )  # fmt: skip
    for j in range(width - width % panel, width, lanes):
        for g in range(begin, end):
            at, k = g * ROWS * pitch + j, g * ROWS
            sum_rows(STEP, ROWS, 1, W, at, pitch, da_z, k, z_pitch, 1, y, j, pitch, 0, B, keep, -lr)
            sum_listed(
                STEP, ROWS, 1, W, at, pitch, a, g * entries * ROWS, ROWS, 1, da_y, j, rows, g * entries,
                counts[g], one, -lr,
            )  # fmt: skip


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _descend(bias: Array, gradient: Array, lr: Any) -> None:
    for j in range(len(bias)):
        bias[j] -= lr * gradient[j]


@numba.njit(cache=True, nogil=True)
def steps(
    gate: Array, size: int, rank: int, W: Array, b_prime: Array, x_tilde: Array, x: Array, lr: Any, decay: Any,
    scale: Any, kind: int, width: int, lanes: int, limit: float, losses: Array, taken: Array, room: Any,
) -> None:  # fmt: skip
    """Take a step on each batch, as one thread of a team; stop before the first that might not be finite.

    Parameters
    ----------
    gate, size, rank : ndarray, int, int
        The team's, see `team.run`.
    W, b_prime : ndarray, shapes (D, H), (D,)
        Parameters, which are overwritten; `room` holds the padded b.
    x_tilde, x : ndarray, shape (S, B, D)
        Corrupted inputs and clean targets.
    lr, decay, scale : number of W's type
        The learning rate, that of the weights' decay (a gradient of ``decay * W``) and the factor before the loss.
    kind : {0, 1, 2}
        Cross-entropy, squared error, squared error of linear outputs.
    width, lanes : int
        Columns that are computed, a multiple of a register's lanes.
    limit : float
        No gradient may come near to it.
    losses : ndarray of float64, shape (S,)
        Where the losses are left.
    taken : ndarray of int64, shape (1,)
        Where is left how many steps were taken.
    room : Room
        The team's memory.
    """
    S, B, D = x.shape
    H, pitch = W.shape[1], room.W.shape[1]
    groups, units = -(-B // ROWS), room.W.shape[0] // ROWS
    unit_begin, unit_end = share(units, size, rank)
    begin, end = unit_begin * ROWS, unit_end * ROWS  # of this thread's rows, padding included
    stop = min(end, D)
    column_begin, column_end = share(width // lanes, size, rank)
    column_begin, column_end = column_begin * lanes, column_end * lanes
    keep = W.dtype.type(1) - lr * decay
    db, db_prime = np.empty(column_end - column_begin, W.dtype), np.empty(max(stop - begin, 0), W.dtype)
    for k in range(begin, stop):
        for j in range(H):
            room.W[k, j] = W[k, j]
        room.W[k, H:] = 0
    for k in range(max(begin, stop), end):
        room.W[k] = 0
    room.da_z[:, begin:end] = 0
    done = S
    for s in range(S):
        inputs = x_tilde[s]
        list_inputs(inputs, begin, stop, pitch, room.inputs[rank], room.input_rows[rank], room.input_counts[rank])
        list_pixels(inputs, unit_begin, unit_end, pitch, room.pixels, room.pixel_rows, room.pixel_counts)
        used = _sum_of_magnitudes(inputs, begin, stop)
        _encode(room, rank, width, lanes)
        wait(gate, size)
        _hidden(room, B, column_begin, column_end)
        wait(gate, size)
        loss, magnitude = 0.0, 0.0
        if begin == end:  # more threads than groups of rows
            room.parts[rank] = 0
        for first in range(begin, end, _BLOCK):
            last = min(first + _BLOCK, end)
            _products(room, groups, first, last, lanes, width)
            one, other = _output(room, x[s], b_prime, first, min(last, stop), scale, kind)
            loss, magnitude = loss + one, magnitude + other
            _hidden_gradient(room, rank, groups, first, last, first == begin, width, lanes)
        # Not before: until the last meeting of the step before, a slower thread may still be reading its totals.
        room.totals[rank, 0], room.totals[rank, 1], room.totals[rank, 2] = loss, magnitude, used
        wait(gate, size)
        db[:] = 0
        magnitude = 0.0
        for i in range(B):
            dy = _add_parts(room.parts, i, column_begin, column_end)
            y, da_y = room.y[i, column_begin:column_end], room.da_y[i, column_begin:column_end]
            magnitude += _hidden_row(dy, y, da_y, db)
        room.totals[rank, 3] = magnitude
        wait(gate, size)
        totals = np.zeros(4)
        for part in range(size):
            for q in range(4):
                totals[q] += room.totals[part, q]
        losses[s] = totals[0] * scale
        if not (np.isfinite(losses[s]) and totals[1] + totals[2] * totals[3] < limit):
            done = s
            break
        _update(room, B, unit_begin, unit_end, lr, keep, width, lanes)
        _descend(room.b[column_begin:column_end], db, lr)
        db_prime[:] = 0
        for i in range(B):
            _add(db_prime, room.da_z[i, begin:stop])
        _descend(b_prime[begin:stop], db_prime, lr)
    for k in range(begin, stop):
        for j in range(H):
            W[k, j] = room.W[k, j]
    if rank == 0:
        taken[0] = done
