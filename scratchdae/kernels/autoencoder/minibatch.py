"""Steps on batches of several examples, for tied weights, without a gradient of W in memory.

What it does differently from `scratchdae.autoencoder.sgd_steps`: the reference makes five products, each a pass over W
or its gradient, and a dozen passes over what lies between them. Here W is read three times and written once a step:

1. encode: a_y = x̃ W. Inputs that are zero in all of four examples are neither read nor multiplied, if at least half
   of the inputs are zero; lists of fewer zeros cost more than they save.
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
from scratchdae.kernels.autoencoder.output import cross_entropy_row, sigmoid_row, squared_error_row
from scratchdae.kernels.machine.panels import ROWS
from scratchdae.kernels.machine.products import (
    descend,
    descend_listed,
    multiply_weights,
    sum_listed_weights,
    sum_weights,
)
from scratchdae.kernels.machine.team import share, wait
from scratchdae.kernels.machine.zeros import Lists, list_inputs, list_pixels

_FAST = {"reassoc", "contract", "arcp", "nsz"}
_BLOCK = 128  # rows of W between a_z and dy, which stay in the second-level cache


class Room(NamedTuple):
    """Where a team works: all arrays but the last begin with a line of the cache and are padded with zeros."""

    W: Array  # (rows, pitch), a copy of the weights
    y: Array  # (examples, pitch)
    da_y: Array  # (examples, pitch)
    parts: Array  # (threads, examples, pitch): of a_y, then of dy
    da_z: Array  # (examples, pitch of da_z)
    b: Array  # (pitch,)
    x: Array  # (examples, pitch of da_z): copied inputs, of a batch where most are not zero
    lists: Lists  # listed inputs, of another
    panel: Array  # (threads, numbers of a panel)
    totals: Array  # (threads, 4 + padding): loss, Σ|da_z|, Σ|x̃|, Σ|da_y|


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _look_over(row: Array) -> tuple[float, int]:
    """Return the sum of the inputs' magnitudes, and how many are not zero."""
    magnitude, used = row.dtype.type(0), np.int32(0)
    for k in range(len(row)):
        magnitude += abs(row[k])
        used += np.int32(row[k] != 0)
    return float(magnitude), int(used)


@numba.njit(cache=True, nogil=True)
def _take_inputs(room: Any, x: Array, rank: int, begin: int, stop: int) -> tuple[float, bool]:
    """Copy a thread's columns of x̃ (B, D) if most are not zero, or list them; return their Σ|x̃|, and whether copied."""
    pitch, lists, total, used = room.W.shape[1], room.lists, 0.0, 0
    for i in range(len(x)):
        magnitude, n = _look_over(x[i, begin:stop])
        total, used = total + magnitude, used + n
    if 2 * used > len(x) * (stop - begin):
        room.x[: len(x), begin:stop] = x[:, begin:stop]
        return total, True
    list_inputs(x, begin, stop, pitch, lists.inputs[rank], lists.input_rows[rank], lists.input_counts[rank])
    list_pixels(x, begin // ROWS, -(-stop // ROWS), pitch, lists.pixels, lists.pixel_rows, lists.pixel_counts)
    return total, False


@numba.njit(cache=True, nogil=True)
def _encode(room: Any, rank: int, dense: bool, begin: int, end: int, groups: int, width: int, lanes: int) -> None:
    """Sum x̃ W, of equation (1), over a thread's rows of W."""
    pitch, sums, W, lists = room.W.shape[1], room.parts[rank].ravel(), room.W.ravel(), room.lists
    if dense:
        sum_weights(
            sums, 0, pitch, room.x.ravel(), begin, room.x.shape[1], W, begin * pitch, pitch, end - begin, groups, True,
            width, lanes,
        )  # fmt: skip
    else:
        inputs, rows, counts = lists.inputs[rank], lists.input_rows[rank], lists.input_counts[rank]
        sum_listed_weights(sums, pitch, inputs, rows, counts, W, 0, width, lanes)


@numba.njit(cache=True, nogil=True)
def _descend_encoder(room: Any, dense: bool, begin: int, end: int, B: int, lr: Any, width: int, lanes: int) -> None:
    """Update some rows of W with the encoder's part of the gradient, equation (12)."""
    pitch, W, da_y, lists, one = room.W.shape[1], room.W.ravel(), room.da_y.ravel(), room.lists, room.W.dtype.type(1)
    if dense:
        descend(
            W, begin * pitch, pitch, end - begin, room.x.ravel(), begin, room.x.shape[1], da_y, 0, pitch, B, one, lr,
            width, lanes,
        )  # fmt: skip
    else:
        pixels, rows, counts = lists.pixels, lists.pixel_rows, lists.pixel_counts
        descend_listed(W, 0, pitch, begin // ROWS, end // ROWS, pixels, rows, counts, da_y, 0, one, lr, width, lanes)


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


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _descend_bias(bias: Array, gradient: Array, lr: Any) -> None:
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
    begin, end = share(units, size, rank)
    begin, end = begin * ROWS, end * ROWS  # of this thread's rows, padding included
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
    room.x[:, begin:end] = 0
    flat, sums, da_z, y = room.W.ravel(), room.parts[rank].ravel(), room.da_z.ravel(), room.y.ravel()
    z_pitch = room.da_z.shape[1]
    done = S
    for s in range(S):
        used, dense = _take_inputs(room, x_tilde[s], rank, begin, stop)
        _encode(room, rank, dense, begin, end, groups, width, lanes)
        wait(gate, size)
        _hidden(room, B, column_begin, column_end)
        wait(gate, size)
        loss, magnitude = 0.0, 0.0
        if begin == end:  # more threads than groups of rows
            room.parts[rank] = 0
        for first in range(begin, end, _BLOCK):
            last = min(first + _BLOCK, end)
            n, at = last - first, first * pitch
            multiply_weights(
                da_z, first, z_pitch, y, 0, pitch, flat, at, pitch, n, groups, room.panel[rank], width, lanes
            )
            value, other = _output(room, x[s], b_prime, first, min(last, stop), scale, kind)
            loss, magnitude = loss + value, magnitude + other
            sum_weights(sums, 0, pitch, da_z, first, z_pitch, flat, at, pitch, n, groups, first == begin, width, lanes)
        # Not before: until the last meeting of the step before, a slower thread may still be reading its totals.
        room.totals[rank, 0], room.totals[rank, 1], room.totals[rank, 2] = loss, magnitude, used
        wait(gate, size)
        db[:] = 0
        magnitude = 0.0
        for i in range(B):
            dy = _add_parts(room.parts, i, column_begin, column_end)
            y_row, da_y = room.y[i, column_begin:column_end], room.da_y[i, column_begin:column_end]
            magnitude += _hidden_row(dy, y_row, da_y, db)
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
        descend(flat, begin * pitch, pitch, end - begin, da_z, begin, z_pitch, y, 0, pitch, B, keep, lr, width, lanes)
        _descend_encoder(room, dense, begin, end, B, lr, width, lanes)
        _descend_bias(room.b[column_begin:column_end], db, lr)
        db_prime[:] = 0
        for i in range(B):
            _add(db_prime, room.da_z[i, begin:stop])
        _descend_bias(b_prime[begin:stop], db_prime, lr)
    for k in range(begin, stop):
        for j in range(H):
            W[k, j] = room.W[k, j]
    if rank == 0:
        taken[0] = done
