"""Supervised steps of a network of sigmoid layers under a softmax: the fine-tuning of a stack, compiled.

Its reference is the `Sequential` of Dense and Sigmoid layers, softmax cross-entropy, and plain gradient descent. What
it does differently: no gradient of a weight is kept. Going forward each thread sums over its own rows of W, as in
`minibatch`. Going back, a block of rows of W gives the gradient of its inputs and then, still in the cache, takes its
update. So W is read twice and written once a step; the first layer's rows whose inputs are zero in all of four
examples only where weights decay.

A layer is thus written before the gradient of the one below it is known. That it will be finite is decided beforehand,
as in `online`, from bounds on the weights that are found when they are copied and grow with each update.
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.autoencoder.online import largest
from scratchdae.kernels.autoencoder.output import sigmoid_row
from scratchdae.kernels.machine import team, threads
from scratchdae.kernels.machine.panels import ROWS, VECTORS
from scratchdae.kernels.machine.products import (
    MANY,
    TERMS,
    descend,
    descend_listed,
    multiply_weights,
    sum_listed_weights,
    sum_weights,
)
from scratchdae.kernels.machine.room import memory, multiple, padded, row_pitch
from scratchdae.kernels.machine.team import share, wait
from scratchdae.kernels.machine.tile import lanes
from scratchdae.kernels.machine.zeros import Lists, list_inputs, list_pixels, room_for_lists

_FAST = {"reassoc", "contract", "arcp", "nsz"}
_BLOCK, _MANY_BLOCK = 64, 128  # rows of W that stay in a cache between two uses; the second from `MANY` examples on
_ALONE = 1_000_000  # operations of a step below which threads would wait for each other longer than they work
_N_IN, _ROWS, _WIDTH, _PITCH, _IN_PITCH, _W, _B, _H, _DA = range(9)  # columns of the plan, see `_lay_out`
_LOSS, _INPUTS, _LAYERS = 0, 1, 2  # places in the totals; from the last on a place for each layer


class Room(NamedTuple):
    """Where a team works. W to da hold all layers one after the other, in rows that begin with a line of the cache."""

    W: Array
    b: Array
    h: Array  # outputs of all but the last
    da: Array  # gradients of their pre-activations
    parts: Array  # (threads, examples, largest pitch): what each thread has summed of a layer's pre-activations
    lists: Lists  # of the first layer
    panel: Array  # (threads, numbers of a panel)
    totals: Array  # (threads, ...)


@numba.njit(cache=True, nogil=True)
def _forward(room: Any, plan: Array, layer: int, rank: int, groups: int, begin: int, end: int, lanes: int) -> None:
    """Sum a layer's pre-activations over some rows of its W."""
    pitch, width, W_at, part = plan[layer, _PITCH], plan[layer, _WIDTH], plan[layer, _W], room.parts[rank].ravel()
    if layer == 0:
        inputs, rows, counts = room.lists.inputs[rank], room.lists.input_rows[rank], room.lists.input_counts[rank]
        sum_listed_weights(part, pitch, inputs, rows, counts, room.W, W_at, width, lanes)
    else:
        sum_weights(
            part, 0, pitch, room.h, plan[layer, _H] + begin, plan[layer, _IN_PITCH], room.W, W_at + begin * pitch,
            pitch, end - begin, groups, True, width, lanes,
        )  # fmt: skip


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _add(total: Array, part: Array) -> None:
    for j in range(len(total)):
        total[j] += part[j]


@numba.njit(cache=True, nogil=True)
def _activate(room: Any, plan: Array, layer: int, B: int, begin: int, end: int) -> None:
    """Add up what all threads have summed, in some columns; the sigmoid follows, but not after the last layer."""
    pitch, bias = plan[layer, _PITCH], room.b[plan[layer, _B] + begin : plan[layer, _B] + end]
    parts, last = room.parts.reshape(room.parts.shape[0], -1), layer + 1 == len(plan)
    outputs, first = (room.da, plan[layer, _DA]) if last else (room.h, plan[layer + 1, _H])
    for i in range(B):
        a = outputs[first + i * pitch + begin : first + i * pitch + end]
        a[:] = parts[0, i * pitch + begin : i * pitch + end]
        for part in range(1, len(parts)):
            _add(a, parts[part, i * pitch + begin : i * pitch + end])
        if last:
            _add(a, bias)
        else:
            sigmoid_row(a, bias)


@numba.njit(cache=True, nogil=True)
def _softmax(da: Array, label: int, scale: Any) -> tuple[float, float]:
    """Replace the logits of an example by their gradient; return the loss and the sum of the gradient's magnitudes."""
    best = 0
    for k in range(len(da)):
        if da[k] > da[best]:
            best = k
    top, target, rest = da[best], da[label], 0.0
    for k in range(len(da)):
        da[k] = np.exp(da[k] - top)
        if k != best:
            rest += da[k]
    total, magnitude = da.dtype.type(1 + rest), 0.0
    for k in range(len(da)):
        da[k] = (da[k] / total - (1 if k == label else 0)) * scale
        magnitude += abs(da[k])
    return float(np.log1p(rest) - (target - top)), magnitude


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _hidden_row(da: Array, h: Array) -> float:
    """Make the gradient of a pre-activation of that of its sigmoid; return the sum of the magnitudes."""
    one, total = h.dtype.type(1), h.dtype.type(0)
    for k in range(len(h)):
        da[k] *= h[k] * (one - h[k])
        total += abs(da[k])
    return float(total)


@numba.njit(cache=True, nogil=True)
def _backward(room: Any, plan: Array, layer: int, rank: int, groups: int, begin: int, end: int, lanes: int) -> None:
    """Multiply the gradients of a layer with some rows of its W: the gradients of its inputs."""
    pitch, width, W_at, da_at = plan[layer, _PITCH], plan[layer, _WIDTH], plan[layer, _W], plan[layer, _DA]
    multiply_weights(
        room.da, plan[layer - 1, _DA] + begin, plan[layer, _IN_PITCH], room.da, da_at, pitch, room.W,
        W_at + begin * pitch, pitch, end - begin, groups, room.panel[rank], width, lanes,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _update(room: Any, plan: Array, layer: int, B: int, begin: int, end: int, lr: Any, keep: Any, lanes: int) -> None:
    """Update some rows of W with the products of their inputs and the gradients."""
    pitch, width, W_at, da_at = plan[layer, _PITCH], plan[layer, _WIDTH], plan[layer, _W], plan[layer, _DA]
    if layer == 0:
        pixels, rows, counts = room.lists.pixels, room.lists.pixel_rows, room.lists.pixel_counts
        first, last = begin // ROWS, end // ROWS
        descend_listed(room.W, W_at, pitch, first, last, pixels, rows, counts, room.da, da_at, keep, lr, width, lanes)
    else:
        descend(
            room.W, W_at + begin * pitch, pitch, end - begin, room.h, plan[layer, _H] + begin, plan[layer, _IN_PITCH],
            room.da, da_at, pitch, B, keep, lr, width, lanes,
        )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _update_bias(room: Any, plan: Array, layer: int, B: int, begin: int, end: int, lr: Any) -> None:
    bias, sums = room.b[plan[layer, _B] + begin : plan[layer, _B] + end], np.zeros(end - begin, room.b.dtype)
    for i in range(B):
        at = plan[layer, _DA] + i * plan[layer, _PITCH]
        _add(sums, room.da[at + begin : at + end])
    for j in range(len(sums)):
        bias[j] -= lr * sums[j]


@numba.njit(cache=True, nogil=True)
def _certain(inputs: float, weights: Array, biases: Array, sizes: Array, lr: float, limit: float) -> bool:
    """Tell whether all that a step computes must be finite, from bounds on what it begins with."""
    most, certain = inputs, inputs < limit  # of the inputs of a layer, then of the gradients of its outputs
    for layer in range(len(weights)):
        certain &= sizes[layer] * most * weights[layer] + biases[layer] < limit
        most = 1.0
    most = 2.0  # the magnitudes of a softmax's gradient do not sum to more, over the batch whose mean is taken
    for layer in range(len(weights) - 1, -1, -1):
        certain &= (1 + lr) * most * max(1.0, inputs) < limit
        most *= sizes[layer] * weights[layer]
    return certain


@numba.njit(cache=True, nogil=True)
def _train(
    gate: Array, size: int, rank: int, x: Array, t: Array, plan: Array, lr: Any, decay: Any, lanes: int, classes: int,
    limit: float, losses: Array, taken: Array, room: Any,
) -> None:  # fmt: skip
    """Take a step on each batch, as one thread of a team; stop before the first that might not be finite."""
    S, B, D = x.shape
    L, groups, scale = len(plan), -(-B // ROWS), x.dtype.type(1 / B)
    keep, block = x.dtype.type(1) - lr * decay, _MANY_BLOCK if B >= MANY else _BLOCK
    weights, biases, sizes = np.zeros(L), np.zeros(L), plan[:, _N_IN].astype(np.float64)
    for layer in range(L):
        begin, end = share(plan[layer, _ROWS] // ROWS, size, rank)
        at = plan[layer, _W]
        room.totals[rank, _LAYERS + layer] = largest(
            room.W[at + begin * ROWS * plan[layer, _PITCH] : at + end * ROWS * plan[layer, _PITCH]]
        )
    wait(gate, size)
    for layer in range(L):
        for part in range(size):
            weights[layer] = max(weights[layer], room.totals[part, _LAYERS + layer])
        bias = room.b[plan[layer, _B] : plan[layer, _B] + (classes if layer + 1 == L else plan[layer + 1, _N_IN])]
        biases[layer] = largest(bias)
    first, last = share(plan[0, _ROWS] // ROWS, size, rank)
    begin, stop = first * ROWS, max(first * ROWS, min(last * ROWS, D))
    done = S
    for s in range(S):
        pitch, lists = plan[0, _PITCH], room.lists
        list_inputs(x[s], begin, stop, pitch, lists.inputs[rank], lists.input_rows[rank], lists.input_counts[rank])
        list_pixels(x[s], first, last, pitch, lists.pixels, lists.pixel_rows, lists.pixel_counts)
        inputs = 0.0
        for i in range(B):
            inputs = max(inputs, largest(x[s, i, begin:stop]))
        room.totals[rank, _INPUTS] = inputs
        for layer in range(L):
            row_begin, row_end = share(plan[layer, _ROWS] // ROWS, size, rank)
            _forward(room, plan, layer, rank, groups, row_begin * ROWS, row_end * ROWS, lanes)
            wait(gate, size)
            column_begin, column_end = share(plan[layer, _WIDTH] // lanes, size, rank)
            _activate(room, plan, layer, B, column_begin * lanes, column_end * lanes)
            wait(gate, size)
        loss, magnitude = 0.0, 0.0
        example_begin, example_end = share(B, size, rank)
        for i in range(example_begin, example_end):
            at = plan[L - 1, _DA] + i * plan[L - 1, _PITCH]
            one, other = _softmax(room.da[at : at + classes], t[s, i], scale)
            loss, magnitude = loss + one, magnitude + other
        room.totals[rank, _LOSS], room.totals[rank, _LAYERS + L - 1] = loss, magnitude
        wait(gate, size)
        loss, inputs = 0.0, 0.0
        for part in range(size):
            loss += room.totals[part, _LOSS]
            inputs = max(inputs, room.totals[part, _INPUTS])
        if not _certain(inputs, weights, biases, sizes, float(lr), limit):
            done = s
            break
        for layer in range(L - 1, -1, -1):
            row_begin, row_end = share(plan[layer, _ROWS] // ROWS, size, rank)
            row_begin, row_end = row_begin * ROWS, row_end * ROWS
            for near in range(row_begin, row_end, block):
                end = min(near + block, row_end)
                if layer > 0:
                    _backward(room, plan, layer, rank, groups, near, end, lanes)
                _update(room, plan, layer, B, near, end, lr, keep, lanes)
            column_begin, column_end = share(plan[layer, _WIDTH] // lanes, size, rank)
            _update_bias(room, plan, layer, B, column_begin * lanes, column_end * lanes, lr)
            if layer > 0:
                magnitude = 0.0
                for i in range(B):
                    at = i * plan[layer, _IN_PITCH]
                    da, h = plan[layer - 1, _DA] + at, plan[layer, _H] + at
                    magnitude += _hidden_row(
                        room.da[da + row_begin : da + row_end], room.h[h + row_begin : h + row_end]
                    )
                room.totals[rank, _LAYERS + layer - 1] = magnitude
                wait(gate, size)
        for layer in range(L):
            magnitude = 0.0
            for part in range(size):
                magnitude += room.totals[part, _LAYERS + layer]
            change = float(lr) * magnitude * (inputs if layer == 0 else 1.0)
            weights[layer] = weights[layer] * max(1.0, abs(float(keep))) + change
            biases[layer] += float(lr) * magnitude
        if rank == 0:
            losses[s] = loss / B
        wait(gate, size)  # the totals are read: they may be written
    if rank == 0:
        taken[0] = done


def steps(
    weights: list[Array], biases: list[Array], x: Array, t: Array, lr: float, l2: float = 0.0
) -> tuple[Array, int]:
    """Take a step on each batch, until something may not be finite.

    Parameters
    ----------
    weights, biases : list of ndarray, shapes (n_in, n_out), (n_out,)
        Of the layers, the first one's first, all of one floating-point dtype; they are overwritten.
    x : ndarray, shape (S, B, D)
        Inputs, of the same dtype.
    t : ndarray of int, shape (S, B)
        Labels, from 0 to the number of outputs of the last layer, not included.
    lr : float
        Learning rate.
    l2 : float
        Coefficient of ``Σ W²`` over the weights.

    Returns
    -------
    losses : ndarray of float64, shape (S,)
        Of the steps that were taken, without the penalty.
    taken : int
        How many; the next one, if there is one, is for the reference to decide.
    """
    S, B, _ = x.shape
    dtype, register = weights[0].dtype, lanes(weights[0].dtype)
    size = threads.count() if 6 * B * sum(W.size for W in weights) >= _ALONE else 1
    plan = _lay_out(weights, B, dtype)
    examples, n_layers = multiple(B, ROWS), len(weights)
    ends = plan[-1]
    room = Room(
        W=memory("W", (ends[_W] + ends[_ROWS] * ends[_PITCH],), dtype),
        b=memory("b", (ends[_B] + ends[_PITCH],), dtype),
        h=memory("h", (ends[_H] + examples * ends[_IN_PITCH],), dtype),
        da=memory("da", (ends[_DA] + examples * ends[_PITCH],), dtype),
        parts=memory("parts", (size, examples, plan[:, _PITCH].max()), dtype),
        lists=room_for_lists(B, len(weights[0]), size, dtype),
        panel=memory("panel", (size, TERMS * VECTORS * register), dtype),
        totals=memory("totals", (size, multiple(_LAYERS + n_layers, 8)), np.float64),
    )
    room.h[:] = 0  # also of examples that fill up a group
    room.da[:] = 0
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        mine, bias = _views(room, plan, layer)
        mine[: len(W), : W.shape[1]], mine[len(W) :], mine[: len(W), W.shape[1] :] = W, 0, 0
        bias[: len(b)], bias[len(b) :] = b, -np.inf if layer + 1 < n_layers else 0  # so that h is 0 beyond the outputs
    losses, taken = np.empty(S), np.zeros(1, np.int64)
    team.run(
        _train, size, x, np.ascontiguousarray(t, np.int64), plan, dtype.type(lr), dtype.type(2 * l2), register,
        len(biases[-1]), float(np.finfo(dtype).max) / 4, losses, taken, room,
    )  # fmt: skip
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        mine, bias = _views(room, plan, layer)
        W[:], b[:] = mine[: len(W), : W.shape[1]], bias[: len(b)]
    return losses, int(taken[0])


def _lay_out(weights: list[Array], B: int, dtype: Any) -> Array:
    """Say for each layer its inputs, rows, columns and pitches, and where its W, b, inputs and gradients begin."""
    examples, register = multiple(B, ROWS), lanes(dtype)
    plan = np.zeros((len(weights), 9), np.int64)
    W_at = b_at = h_at = da_at = 0
    in_pitch = row_pitch(multiple(len(weights[0]), ROWS), dtype)
    for layer, W in enumerate(weights):
        rows, width = multiple(len(W), ROWS), padded(W.shape[1], register, VECTORS)
        pitch = row_pitch(max(width, multiple(W.shape[1], ROWS)), dtype)
        plan[layer] = len(W), rows, width, pitch, in_pitch, W_at, b_at, h_at, da_at
        W_at, b_at, da_at = W_at + rows * pitch, b_at + pitch, da_at + examples * pitch
        h_at += examples * in_pitch if layer else 0  # the first layer's inputs are in lists
        in_pitch = pitch
    return plan


def _views(room: Room, plan: Array, layer: int) -> tuple[Array, Array]:
    """Return a layer's padded weights and biases."""
    rows, pitch, W_at, b_at = plan[layer, [_ROWS, _PITCH, _W, _B]]
    return room.W[W_at : W_at + rows * pitch].reshape(rows, pitch), room.b[b_at : b_at + pitch]
