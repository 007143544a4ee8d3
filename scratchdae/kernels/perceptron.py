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

import numpy as np

from scratchdae.arguments import Array, shown
from scratchdae.kernels.autoencoder.output import sigmoid_gradient_row, sigmoid_row
from scratchdae.kernels.machine import team, threads
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.machine.panels import ROWS
from scratchdae.kernels.machine.products import (
    MANY,
    PANEL,
    across,
    descend,
    down,
    listed,
    multiply_weights,
    padded,
    shift,
    store,
    sum_products,
)
from scratchdae.kernels.machine.registers import Rows, lanes, pointer
from scratchdae.kernels.machine.room import pitch, room
from scratchdae.kernels.machine.team import Team, add, add_parts, most, share, total, wait
from scratchdae.kernels.machine.zeros import Lists, list_used, of_thread, some
from scratchdae.kernels.rule import Rule, largest

_BLOCK, _MANY_BLOCK = 64, 128  # rows of W that stay in a cache between two uses; the second from `MANY` examples on
_ALONE = 1_000_000  # operations of a step below which threads would wait for each other longer than they work
_N_IN, _N_OUT, _ROWS, _WIDTH, _PITCH, _IN_PITCH, _W, _B, _H, _DA = range(10)  # columns of the plan, see `_lay_out`
_LOSS, _INPUTS, _LAYERS = 0, 1, 2  # places in the totals; from the last on a place for each layer


class Room(NamedTuple):
    """Where a team works. W to da hold all layers one after the other, in rows that begin with a line of the cache."""

    W: Array
    b: Array
    h: Array  # outputs of all but the last
    da: Array  # gradients of their pre-activations
    parts: Array  # (threads, examples × largest pitch): what each thread has summed of a layer's pre-activations
    inputs: Lists  # of the first layer: (threads, groups of examples, ...)
    pixels: Lists  # and the same by groups of rows of its W
    panel: Array  # (threads, numbers of a panel)


@njit()
def _weights(room: Room, plan: Array, layer: int) -> Rows:
    return Rows(pointer(room.W), plan[layer, _W], plan[layer, _PITCH])


@njit()
def _inputs(room: Room, plan: Array, layer: int, k: int) -> Rows:
    """Return what a layer is fed with, from a column on."""
    return Rows(pointer(room.h), plan[layer, _H] + k, plan[layer, _IN_PITCH])


@njit()
def _gradients(room: Room, plan: Array, layer: int, k: int) -> Rows:
    """Return the gradients of a layer's pre-activations, from a column on."""
    return Rows(pointer(room.da), plan[layer, _DA] + k, plan[layer, _PITCH])


@njit()
def _row(flat: Array, rows: Rows, i: int, n: int) -> Array:
    """Return the first n numbers of a row; `flat` is the array of all."""
    return flat[rows.at + i * rows.pitch : rows.at + i * rows.pitch + n]


@njit()
def _bias(room: Room, plan: Array, layer: int, begin: int, end: int) -> Array:
    return room.b[plan[layer, _B] + begin : plan[layer, _B] + end]


@njit()
def _forward(team: Team, room: Room, plan: Array, layer: int, B: int) -> None:
    """Sum a layer's pre-activations over this thread's rows of its W."""
    begin, end = share(team, plan[layer, _ROWS] // ROWS, ROWS)
    groups, width, W = -(-B // ROWS), plan[layer, _WIDTH], _weights(room, plan, layer)
    sums, update = Rows(pointer(room.parts[team.rank]), 0, W.pitch), store(True, room.W.dtype.type(1))
    if layer == 0:
        lists = of_thread(room.inputs, team.rank)
        sum_products(sums, listed(lists), W, lists, lists.places.shape[1], groups, update, width)
    else:
        h = across(_inputs(room, plan, layer, begin))
        sum_products(sums, h, shift(W, begin, 0), None, end - begin, groups, update, width)


@njit()
def _activate(team: Team, room: Room, plan: Array, layer: int, B: int) -> None:
    """Add up what all threads have summed, in some columns; the sigmoid follows, but not after the last layer."""
    lane, last = lanes(room.W), layer + 1 == len(plan)
    begin, end = share(team, plan[layer, _WIDTH] // lane, lane)
    bias, n = _bias(room, plan, layer, begin, end), end - begin
    flat, outputs = room.da, _gradients(room, plan, layer, begin)
    if not last:
        flat, outputs = room.h, _inputs(room, plan, layer + 1, begin)
    for i in range(B):
        a = _row(flat, outputs, i, n)
        add_parts(a, room.parts, i * plan[layer, _PITCH] + begin)
        if last:
            add(a, bias)
        else:
            sigmoid_row(a, bias)


@njit()
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


@njit()
def _descend(team: Team, room: Room, plan: Array, layer: int, B: int, rule: Rule) -> None:
    """Go back through a layer: a block of rows of W gives the gradients of its inputs, and takes its update."""
    begin, end = share(team, plan[layer, _ROWS] // ROWS, ROWS)
    groups, width, da = -(-B // ROWS), plan[layer, _WIDTH], _gradients(room, plan, layer, 0)
    update, block = descend(rule.lr, rule.decay, room.W.dtype.type(1)), _BLOCK
    if B >= MANY:
        block = _MANY_BLOCK
    for near in range(begin, end, block):
        far = min(near + block, end)
        n, W = far - near, shift(_weights(room, plan, layer), near, 0)
        if layer > 0:
            to = _gradients(room, plan, layer - 1, near)
            multiply_weights(to, da, W, n, groups, room.panel[team.rank], width)
            sum_products(W, down(_inputs(room, plan, layer, near)), da, None, B, n // ROWS, update, width)
        else:
            lists = some(room.pixels, near // ROWS, far // ROWS)
            sum_products(W, listed(lists), da, lists, lists.places.shape[1], n // ROWS, update, width)


@njit()
def _descend_bias(team: Team, room: Room, plan: Array, layer: int, B: int, lr: Any) -> None:
    lane = lanes(room.W)
    begin, end = share(team, plan[layer, _WIDTH] // lane, lane)
    bias, sums = _bias(room, plan, layer, begin, end), np.zeros(end - begin, room.b.dtype)
    for i in range(B):
        add(sums, _row(room.da, _gradients(room, plan, layer, begin), i, end - begin))
    for j in range(len(sums)):
        bias[j] -= lr * sums[j]


@njit()
def _certain(inputs: float, weights: Array, biases: Array, sizes: Array, rule: Rule) -> bool:
    """Tell whether all that a step computes must be finite, from bounds on what it begins with."""
    lr, limit = float(rule.lr), rule.limit
    most, certain = inputs, inputs < limit  # of the inputs of a layer, then of the gradients of its outputs
    for layer in range(len(weights)):
        certain &= sizes[layer] * most * weights[layer] + biases[layer] < limit
        most = 1.0
    most = 2.0  # the magnitudes of a softmax's gradient do not sum to more, over the batch whose mean is taken
    for layer in range(len(weights) - 1, -1, -1):
        certain &= (1 + lr) * most * max(1.0, inputs) < limit
        most *= sizes[layer] * weights[layer]
    return certain


@njit()
def _begin(team: Team, room: Room, plan: Array) -> tuple[Array, Array]:
    """Return the largest weight and bias of each layer."""
    weights, biases = np.zeros(len(plan)), np.zeros(len(plan))
    for layer in range(len(plan)):
        begin, end = share(team, plan[layer, _ROWS] // ROWS, ROWS * plan[layer, _PITCH])
        team.totals[team.rank, _LAYERS + layer] = largest(room.W[plan[layer, _W] + begin : plan[layer, _W] + end])
    wait(team)
    for layer in range(len(plan)):
        weights[layer] = most(team, _LAYERS + layer)
        biases[layer] = largest(_bias(room, plan, layer, 0, plan[layer, _N_OUT]))
    return weights, biases


@njit()
def _list_inputs(team: Team, room: Room, plan: Array, x: Array) -> float:
    """List what is not zero in this thread's columns of a batch; return their largest magnitude."""
    first, last = share(team, plan[0, _ROWS] // ROWS, 1)
    (B, D), begin, inputs = x.shape, first * ROWS, 0.0
    stop = max(begin, min(last * ROWS, D))
    list_used(of_thread(room.inputs, team.rank), x, 0, -(-B // ROWS), begin, stop, plan[0, _PITCH])
    list_used(room.pixels, x.T, first, last, 0, B, plan[0, _PITCH])
    for i in range(B):
        inputs = max(inputs, largest(x[i, begin:stop]))
    return inputs


@njit()
def _hidden(team: Team, room: Room, plan: Array, layer: int, B: int) -> float:
    """Take gradients through the sigmoid before a layer, in this thread's columns; return the sum of the magnitudes."""
    (begin, end), magnitude = share(team, plan[layer, _ROWS] // ROWS, ROWS), 0.0
    da, h = _gradients(room, plan, layer - 1, begin), _inputs(room, plan, layer, begin)
    for i in range(B):
        magnitude += sigmoid_gradient_row(_row(room.da, da, i, end - begin), _row(room.h, h, i, end - begin))
    return magnitude


@njit()
def _train(team: Team, room: Room, plan: Array, x: Array, t: Array, rule: Rule, losses: Array) -> int:
    """Take a step on each batch, as one thread of a team; stop before the first that might not be finite."""
    if not wait(team):
        return 0
    (S, B, _), L, mine, taken = x.shape, len(plan), team.totals[team.rank], 0
    (weights, biases), lr = _begin(team, room, plan), float(rule.lr)
    grown, sizes = max(1.0, abs(float(x.dtype.type(1) - rule.lr * rule.decay))), plan[:, _N_IN].astype(np.float64)
    for s in range(S):
        mine[_INPUTS] = _list_inputs(team, room, plan, x[s])
        for layer in range(L):
            _forward(team, room, plan, layer, B)
            wait(team)
            _activate(team, room, plan, layer, B)
            wait(team)
        loss, magnitude = 0.0, 0.0
        for i in range(*share(team, B, 1)):
            logits = _row(room.da, _gradients(room, plan, L - 1, 0), i, plan[L - 1, _N_OUT])
            if not 0 <= t[s, i] < len(logits):  # changed since it was checked: for the reference to say
                mine[_INPUTS] = np.inf
                continue
            one, other = _softmax(logits, t[s, i], rule.scale)
            loss, magnitude = loss + one, magnitude + other
        mine[_LOSS], mine[_LAYERS + L - 1] = loss, magnitude
        wait(team)
        inputs = most(team, _INPUTS)
        if not _certain(inputs, weights, biases, sizes, rule):
            break
        losses[s] = total(team, _LOSS) / B
        for layer in range(L - 1, -1, -1):
            _descend(team, room, plan, layer, B, rule)
            _descend_bias(team, room, plan, layer, B, rule.lr)
            if layer > 0:
                mine[_LAYERS + layer - 1] = _hidden(team, room, plan, layer, B)
                wait(team)
        for layer in range(L):
            change = lr * total(team, _LAYERS + layer)
            weights[layer] = weights[layer] * grown + change * (inputs if layer == 0 else 1.0)
            biases[layer] += change
        taken += 1
        wait(team)  # the totals are read: they may be written
    return taken


def steps(
    weights: list[Array], biases: list[Array], x: Array, t: Array, lr: float, l2: float = 0.0
) -> tuple[Array, int]:
    """Take a step on each batch, in place, until something may not be finite: that step is for the reference to decide.

    Returns the losses of the steps that were taken, without the penalty, and how many they are.
    """
    # of each layer W (n_in, n_out) and b (n_out,), all of x's dtype (S, B, D); labels t (S, B) below the last n_out
    _check(weights, biases, x, t)
    (S, B, D), dtype, n_layers = x.shape, weights[0].dtype, len(weights)
    size = threads.count() if 6 * B * sum(W.size for W in weights) >= _ALONE else 1
    plan = _lay_out(weights, B, dtype)
    groups, units, ends = -(-B // ROWS), -(-D // ROWS), plan[-1]
    found = room(
        dtype, {"inputs": (size, groups, -(-units // size) * ROWS + 1, ROWS), "pixels": (units, B + 1, ROWS)},
        W=(ends[_W] + ends[_ROWS] * ends[_PITCH],), b=(ends[_B] + ends[_PITCH],),
        h=(ends[_H] + groups * ROWS * ends[_IN_PITCH],), da=(ends[_DA] + groups * ROWS * ends[_PITCH],),
        parts=(size, groups * ROWS * plan[:, _PITCH].max()), panel=(size, PANEL // x.itemsize),
        totals=(size, 2 * (_LAYERS + n_layers)),
    )  # fmt: skip
    totals = found.pop("totals").view(np.float64)
    mine = Room(**found)
    mine.h[:] = 0  # also of examples that fill up a group
    mine.da[:] = 0
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        W_mine, b_mine = _views(mine, plan, layer)
        W_mine[: len(W), : W.shape[1]], W_mine[len(W) :], W_mine[: len(W), W.shape[1] :] = W, 0, 0
        b_mine[: len(b)], b_mine[len(b) :] = b, -np.inf if layer + 1 < n_layers else 0  # so that h is 0 beyond them
    rule = Rule(dtype.type(lr), dtype.type(2 * l2), dtype.type(1 / B), float(np.finfo(dtype).max) / 4)
    losses = np.empty(S)
    taken = team.run(_train, totals, mine, plan, x, np.ascontiguousarray(t, np.int64), rule, losses)
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        W_mine, b_mine = _views(mine, plan, layer)
        W[:], b[:] = W_mine[: len(W), : W.shape[1]], b_mine[: len(b)]
    return losses, taken


def _check(weights: list[Array], biases: list[Array], x: Array, t: Array) -> None:
    """Refuse arrays that do not fit each other: what follows goes by their sizes alone."""
    if x.ndim != 3 or 0 in x.shape[1:] or x.dtype.char not in "fd" or not x.dtype.isnative:
        raise ValueError(f"x must hold batches (S, B, D) of float32 or float64, found {x.dtype} of shape {x.shape}")
    n_in = x.shape[-1]
    for k, (W, b) in enumerate(zip(weights, biases, strict=True), start=1):
        if W.ndim != 2 or len(W) != n_in or b.shape != W.shape[1:] or not W.dtype == b.dtype == x.dtype:
            found = f"W {W.dtype} {W.shape}, b {b.dtype} {b.shape}"
            raise ValueError(f"layer {k} must have W ({n_in}, n) and b (n,) of {x.dtype}, found {found}")
        n_in = W.shape[1]
    if not isinstance(t, np.ndarray) or t.dtype.kind not in "iu" or t.shape != x.shape[:2]:
        raise ValueError(f"t must hold integer labels of shape {x.shape[:2]}, found {shown(t)}")


def _lay_out(weights: list[Array], B: int, dtype: Any) -> Array:
    """Say for each layer its sizes, rows, columns and pitches, and where its W, b, inputs and gradients begin."""
    examples = -(-B // ROWS) * ROWS
    plan = np.zeros((len(weights), 10), np.int64)
    W_at = b_at = h_at = da_at = in_pitch = 0  # the first layer's inputs are in lists
    for layer, W in enumerate(weights):
        n_in, n_out = W.shape
        rows, width = -(-n_in // ROWS) * ROWS, padded(n_out, lanes(dtype))
        step = pitch(-(-n_out // ROWS) * ROWS, dtype)
        plan[layer] = n_in, n_out, rows, width, step, in_pitch, W_at, b_at, h_at, da_at
        W_at, b_at, da_at = W_at + rows * step, b_at + step, da_at + examples * step
        h_at, in_pitch = h_at + examples * in_pitch, step
    return plan


def _views(room: Room, plan: Array, layer: int) -> tuple[Array, Array]:
    """Return a layer's padded weights and biases."""
    rows, step, W_at, b_at = plan[layer, [_ROWS, _PITCH, _W, _B]]
    return room.W[W_at : W_at + rows * step].reshape(rows, step), room.b[b_at : b_at + step]
