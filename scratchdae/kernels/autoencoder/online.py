"""Steps on one example at a time, for tied weights, in one pass over W.

What it does differently from `minibatch`: with a single example the products are too small to pay for reading W. So a
few rows of W, while they are in the cache, are decoded, give their part of dy, and take the decoder's part of their
update, equation (8). Before that the encoder has read the rows whose input is not zero, and after it they take the
encoder's part, (12). Nothing else of W is touched: it is read and written once a step.

A row is therefore written before the step is known to be finite. That is decided beforehand: from a bound on every
weight, which is found while W is copied and then grows with each update, follow bounds on all that the step computes.
If one of them comes near to the largest number the team stops before the step, and the general step decides.
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.autoencoder.output import cross_entropy_row, sigmoid_row, squared_error_row
from scratchdae.kernels.machine.panels import STORE, VECTORS, descend_rows, dots, sum_listed
from scratchdae.kernels.machine.team import share, wait

_FAST = {"reassoc", "contract", "arcp", "nsz"}
ROWS = 8  # of W, decoded together
WIDE = 2 * VECTORS  # registers of a panel where only one row is summed
_TOGETHER = 32  # of whose outputs the gradients are taken together: whole registers, or the loop has a remainder
_NEAR = 256 * 1024  # bytes of rows of W that stay in the cache between decoding and updating


class Room(NamedTuple):
    """Where a team works: all arrays begin with a line of the cache; each thread has a row of those with threads."""

    W: Array  # (rows, pitch), a copy of the weights
    b: Array  # (threads, pitch): every thread keeps a copy of its own, so that it need not wait for another's
    y: Array  # (threads, pitch)
    da_y: Array  # (threads, pitch)
    a_y_parts: Array  # (threads, pitch): what each has summed of a_y
    dy_parts: Array  # (threads, pitch): and of dy
    da_z: Array  # (threads, rows of a block)
    inputs: Array  # (threads, rows of a thread): x̃ that is not zero
    input_rows: Array  # (threads, rows of a thread): where its weights begin
    totals: Array  # (threads, 8): largest |W|, |b'|; loss, Σ|da_z|; for even and odd steps Σ|x̃|, max |x|


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def largest(x: Array) -> float:
    """Return the largest magnitude; inf if there is a number that is not finite.

    Parameters
    ----------
    x : ndarray, shape (n,)
        The numbers.

    Returns
    -------
    float
        Also inf where the magnitudes are so large that their sum is.
    """
    most, total = x.dtype.type(0), x.dtype.type(0)
    for k in range(len(x)):
        value = abs(x[k])
        most = value if value > most else most
        total += value
    return float(most) if np.isfinite(total) else np.inf


@numba.njit(cache=True, nogil=True)
def _list_inputs(x: Array, first: int, pitch: int, inputs: Array, rows: Array) -> tuple[int, float]:
    """List the inputs that are not zero; return how many there are and the sum of their magnitudes."""
    n, total = 0, x.dtype.type(0)
    for k in range(len(x)):
        inputs[n] = x[k]
        rows[n] = (first + k) * pitch
        n += x[k] != 0
        total += abs(x[k])
    return n, float(total)


@numba.njit(cache=True, nogil=True)
def _encode(part: Array, W: Array, inputs: Array, rows: Array, n: int, width: int, lanes: int) -> None:
    one, panel = W.dtype.type(1), WIDE * lanes
    for j in range(0, width - panel + 1, panel):
        sum_listed(STORE, 1, WIDE, part, j, 0, inputs, 0, 1, 0, W, j, rows, 0, n, one, one)
    for j in range(width - width % panel, width, lanes):
        sum_listed(STORE, 1, 1, part, j, 0, inputs, 0, 1, 0, W, j, rows, 0, n, one, one)


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _add_parts(total: Array, parts: Array) -> None:
    for j in range(len(total)):
        total[j] = parts[0, j]
    for part in range(1, len(parts)):
        row = parts[part, : len(total)]
        for j in range(len(total)):
            total[j] += row[j]


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _hidden_gradient(da_y: Array, y: Array, b: Array, lr: Any) -> float:
    """Make da_y of dy, equation (10), and update b with it, (11); return the sum of the magnitudes."""
    one, total = y.dtype.type(1), y.dtype.type(0)
    for j in range(len(y)):
        da = da_y[j] * (y[j] * (one - y[j]))
        da_y[j] = da
        total += abs(da)
        b[j] -= lr * da
    return float(total)


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _add_multiple(row: Array, factor: Any, other: Array) -> None:
    for j in range(len(row)):
        row[j] += factor * other[j]


@numba.njit(cache=True, nogil=True)
def _decode(
    room: Any, rank: int, first: int, last: int, stop: int, b_prime: Array, x: Array, lr: Any, keep: Any, scale: Any,
    kind: int, width: int, lanes: int,
) -> tuple[float, float]:  # fmt: skip
    """Decode some rows of W, add their part of dy and update them; return the sums of losses and of |da_z|."""
    W, y, dy, a_z = room.W.ravel(), room.y[rank], room.dy_parts[rank], room.da_z[rank]
    pitch, panel = room.W.shape[1], VECTORS * lanes
    for k in range(first, last, ROWS):
        dots(STORE, 1, ROWS, a_z, k - first, 0, y, 0, 0, W, k * pitch, pitch, width // lanes)
    n = min(last, stop) - first  # without the rows of the padding
    da_z, bias = a_z[:n], b_prime[first : first + n]
    if kind == 0:
        loss, magnitude = cross_entropy_row(da_z, bias, x[first : first + n], scale)
    else:
        loss, magnitude = squared_error_row(da_z, bias, x[first : first + n], scale, kind == 2)
    for j in range(0, width - panel + 1, panel):
        descend_rows(VECTORS, dy, j, a_z, 0, W, first * pitch, pitch, y, n, keep, -lr)
    for j in range(width - width % panel, width, lanes):
        descend_rows(1, dy, j, a_z, 0, W, first * pitch, pitch, y, n, keep, -lr)
    for k in range(n):
        bias[k] -= lr * da_z[k]
    return loss, magnitude


@numba.njit(cache=True, nogil=True)
def _certain(
    used: float, largest: float, weight: float, bias: float, visible_bias: float, D: int, H: int, lr: float,
    scale: float, kind: int, limit: float,
) -> bool:  # fmt: skip
    """Tell whether all that a step computes must be finite, from bounds on what it begins with."""
    a_y, a_z = used * weight + bias, H * weight + visible_bias  # no y is larger than 1
    error = a_z + 1 if kind == 0 else 1 + largest if kind == 1 else a_z + largest
    loss = D * error if kind == 0 else D * error * error
    da_z = scale if kind == 0 else 2 * scale * error
    dy = D * da_z * weight
    change = da_z + (1 + used) * dy
    return a_y < limit and a_z < limit and loss * (1 + scale) < limit and dy < limit and (1 + lr) * change < limit


@numba.njit(cache=True, nogil=True)
def steps(
    gate: Array, size: int, rank: int, W: Array, b_prime: Array, x_tilde: Array, x: Array, lr: Any, decay: Any,
    scale: Any, kind: int, width: int, lanes: int, limit: float, losses: Array, taken: Array, room: Any,
) -> None:  # fmt: skip
    """Take a step on each example, as one thread of a team; stop before the first that might not be finite.

    Parameters
    ----------
    gate, size, rank : ndarray, int, int
        The team's, see `team.run`.
    W, b_prime : ndarray, shapes (D, H), (D,)
        Parameters, which are overwritten; `room` holds the padded b.
    x_tilde, x : ndarray, shape (S, D)
        Corrupted inputs and clean targets.
    lr, decay, scale : number of W's type
        The learning rate, that of the weights' decay (a gradient of ``decay * W``) and the factor before the loss.
    kind : {0, 1, 2}
        Cross-entropy, squared error, squared error of linear outputs.
    width, lanes : int
        Columns that are computed, a multiple of a register's lanes.
    limit : float
        Nothing may come near to it.
    losses : ndarray of float64, shape (S,)
        Where the losses are left.
    taken : ndarray of int64, shape (1,)
        Where is left how many steps were taken.
    room : Room
        The team's memory.
    """
    (S, D), H, pitch = x.shape, W.shape[1], room.W.shape[1]
    begin, end = share(room.W.shape[0] // ROWS, size, rank)
    begin, end = begin * ROWS, end * ROWS
    stop = max(begin, min(end, D))
    block = max(1, _NEAR // (pitch * W.itemsize * _TOGETHER)) * _TOGETHER
    keep, flat = W.dtype.type(1) - lr * decay, room.W.ravel()
    inputs, rows = room.inputs[rank], room.input_rows[rank]
    y, da_y, b = room.y[rank], room.da_y[rank], room.b[rank]
    weight = 0.0
    for k in range(begin, stop):
        for j in range(H):
            room.W[k, j] = W[k, j]
        room.W[k, H:] = 0
        weight = max(weight, largest(room.W[k]))
    for k in range(stop, end):
        room.W[k] = 0
    room.totals[rank, 0], room.totals[rank, 1] = weight, largest(b_prime[begin:stop])
    wait(gate, size)
    bias, visible_bias = largest(b[:H]), 0.0
    for part in range(size):
        weight = max(weight, room.totals[part, 0])
        visible_bias = max(visible_bias, room.totals[part, 1])
    done = S
    for s in range(S):
        mine = 4 + 2 * (s % 2)  # in turn: a slower thread may still be reading those of the step before
        n, used = _list_inputs(x_tilde[s, begin:stop], begin, pitch, inputs, rows)
        room.totals[rank, mine], room.totals[rank, mine + 1] = used, largest(x[s, begin:stop])
        _encode(room.a_y_parts[rank], flat, inputs, rows, n, width, lanes)
        wait(gate, size)
        used, bound = 0.0, 0.0
        for part in range(size):
            used += room.totals[part, mine]
            bound = max(bound, room.totals[part, mine + 1])
        if not _certain(used, bound, weight, bias, visible_bias, D, H, float(lr), float(scale), kind, limit):
            done = s
            break
        _add_parts(y[:width], room.a_y_parts)
        sigmoid_row(y[:width], b[:width])
        room.dy_parts[rank] = 0
        loss, magnitude = 0.0, 0.0
        for first in range(begin, stop, block):
            one, other = _decode(
                room, rank, first, min(first + block, end), stop, b_prime, x[s], lr, keep, scale, kind, width, lanes
            )
            loss, magnitude = loss + one, magnitude + other
        room.totals[rank, 2], room.totals[rank, 3] = loss, magnitude
        wait(gate, size)
        _add_parts(da_y[:width], room.dy_parts)
        hidden = _hidden_gradient(da_y[:width], y[:width], b[:width], lr)
        for t in range(n):
            _add_multiple(flat[rows[t] : rows[t] + width], -lr * inputs[t], da_y[:width])
        loss, magnitude = 0.0, 0.0
        for part in range(size):
            loss += room.totals[part, 2]
            magnitude += room.totals[part, 3]
        weight = weight * max(1.0, abs(float(keep))) + float(lr) * (magnitude + used * hidden)
        bias, visible_bias = bias + float(lr) * hidden, visible_bias + float(lr) * magnitude
        if rank == 0:
            losses[s] = loss * scale
    for k in range(begin, stop):
        for j in range(H):
            W[k, j] = room.W[k, j]
    if rank == 0:
        taken[0] = done
