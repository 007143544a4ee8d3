"""Steps on batches of several examples, for tied weights, without a gradient of W in memory.

What it does differently from `scratchdae.autoencoder.sgd_steps`: the reference makes five products, each a pass over W
or its gradient, and a dozen passes over what lies between them. Here W is read in three phases a step:

1. encode: a_y = x̃ W. Inputs that are zero in all of four examples are neither read nor multiplied, if at least half
   of the inputs are zero; lists of fewer zeros cost more than they save.
2. decode: a block of rows of W gives a_z, loss and da_z, and while it is still in the cache, its part of dy.
3. update: each row of W takes its decoder's part, equation (8), and then its encoder's part, (12), straight into the
   registers that hold it. dW never exists; zeros of x̃ are left out here too. (To take both in one go, a block of rows
   at a time, has been tried: it was no faster at H = 500 and 1000.) A rule that remembers something, such as
   Adam, needs the sum of both: dW of a few rows at a time, whose step follows while it is in the cache.

Each thread owns some rows of W, which stay in the cache of its core from step to step. What is summed over rows (a_y
and dy) each thread sums over its own; the threads meet, and each adds up some of the columns.

Nothing is written to a parameter before everything is known to be finite: y ≤ 1, so no entry of a gradient can exceed
Σ|da_z| + Σ|x̃| Σ|da_y|, and if that sum is well below the largest number, the step is taken. If not, the team stops
before it, and the general step looks at each entry. A weight that is NaN or inf shows in a_z or dy, because every
weight takes part in both.
"""

from typing import Any, NamedTuple

import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.autoencoder.output import output_row, sigmoid_gradient_row, sigmoid_row
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.machine.panels import ROWS, Update
from scratchdae.kernels.machine.products import (
    across,
    descend,
    down,
    listed,
    multiply_weights,
    padded,
    rows,
    store,
    sum_products,
)
from scratchdae.kernels.machine.registers import Rows, lanes
from scratchdae.kernels.machine.team import Team, add, add_parts, copy, share, total, wait
from scratchdae.kernels.machine.zeros import Lists, list_used, of_thread, some
from scratchdae.kernels.rule import Rule
from scratchdae.kernels.update import update

_FAST = {"reassoc", "contract", "arcp", "nsz"}
BLOCK = 128  # rows of W between a_z and dy, which stay in the second-level cache
LOSS, OUTPUTS, INPUTS, HIDDEN = range(4)  # places in the totals: the loss, Σ|da_z|, Σ|x̃|, Σ|da_y|


class Room(NamedTuple):
    """Where a team works: rows that begin with a line of the cache and are padded with zeros."""

    W: Array  # (D, H), a copy of the weights; D and B are filled up to whole groups
    y: Array  # (B, H)
    da_y: Array  # (B, H)
    parts: Array  # (threads, B, H): of a_y, then of dy
    da_z: Array  # (B, D)
    b: Array  # (1, H)
    db: Array  # (H,)
    db_prime: Array  # (D,)
    x: Array  # (B, D): copied inputs, of a batch where most are not zero
    inputs: Lists  # listed inputs, of another: (threads, groups of examples, ...)
    pixels: Lists  # and the same by groups of rows of W
    panel: Array  # (threads, numbers of a panel)
    dW: Array  # (threads, some rows, H): a gradient on the way to a rule that remembers


class Memory(NamedTuple):
    """A rule that remembers, see `update`; None stands for the plain rule."""

    numbers: Array  # (2, S, n): of every step, for weights and for biases
    columns: int  # H
    W: Any
    b: Any
    b_prime: Any


@njit()
def take_rows(mine: Array, W: Array, begin: int, end: int) -> None:
    """Copy a thread's rows of W, and fill them up with zeros."""
    stop = max(begin, min(end, len(W)))
    for k in range(begin, stop):
        for j in range(W.shape[1]):
            mine[k, j] = W[k, j]
        mine[k, W.shape[1] :] = 0
    for k in range(stop, end):
        mine[k] = 0


@njit()
def give_rows(W: Array, mine: Array, begin: int, end: int) -> None:
    """Copy them back."""
    for k in range(begin, min(end, len(W))):
        for j in range(W.shape[1]):
            W[k, j] = mine[k, j]


@njit(fastmath=_FAST)
def _look_over(row: Array) -> tuple[float, int]:
    """Return the sum of the inputs' magnitudes, and how many are not zero."""
    magnitude, used = row.dtype.type(0), np.int32(0)
    for k in range(len(row)):
        magnitude += abs(row[k])
        used += np.int32(row[k] != 0)
    return float(magnitude), int(used)


@njit(inline="always")
def take_inputs(team: Team, room: Room, x: Array, begin: int, stop: int) -> tuple[float, bool]:
    """Copy a thread's columns of x̃ (B, D) if most are not zero, or list them; return their Σ|x̃|, and whether copied."""
    pitch, found, used, B = room.W.shape[1], 0.0, 0, len(x)
    for i in range(B):
        magnitude, n = _look_over(x[i, begin:stop])
        found, used = found + magnitude, used + n
    if 2 * used > B * (stop - begin):
        for i in range(B):
            copy(room.x[i, begin:stop], x[i, begin:stop])
        return found, True
    list_used(of_thread(room.inputs, team.rank), x, 0, -(-B // ROWS), begin, stop, pitch)
    list_used(room.pixels, x.T, begin // ROWS, -(-stop // ROWS), 0, B, pitch)
    return found, False


@njit(inline="always")
def encode(team: Team, room: Room, dense: bool, begin: int, end: int, groups: int, width: int) -> None:
    """Sum x̃ W, of equation (1), over a thread's rows of W."""
    sums, one = rows(room.parts[team.rank], 0, 0), room.W.dtype.type(1)
    if dense:
        x = across(rows(room.x, 0, begin))
        sum_products(sums, x, rows(room.W, begin, 0), None, end - begin, groups, store(True, one), width)
    else:
        lists = of_thread(room.inputs, team.rank)
        entries = lists.places.shape[1]
        sum_products(sums, listed(lists), rows(room.W, 0, 0), lists, entries, groups, store(True, one), width)


@njit()
def encoder_part(room: Room, to: Rows, dense: bool, begin: int, end: int, B: int, update: Update, width: int) -> None:
    """Sum the encoder's part of the gradient of some rows of W, equation (12)."""
    da_y, groups = rows(room.da_y, 0, 0), (end - begin) // ROWS
    if dense:
        sum_products(to, down(rows(room.x, 0, begin)), da_y, None, B, groups, update, width)
    else:
        lists = some(room.pixels, begin // ROWS, end // ROWS)
        sum_products(to, listed(lists), da_y, lists, lists.places.shape[1], groups, update, width)


@njit(inline="always")
def descend_weights(room: Room, dense: bool, begin: int, end: int, B: int, rule: Rule, width: int) -> None:
    """Take a plain step with some rows of W."""
    W, one = rows(room.W, begin, 0), room.W.dtype.type(1)
    da_z, groups, now = down(rows(room.da_z, 0, begin)), (end - begin) // ROWS, descend(rule.lr, rule.decay, one)
    sum_products(W, da_z, rows(room.y, 0, 0), None, B, groups, now, width)  # (8)
    encoder_part(room, W, dense, begin, end, B, Update(False, one, -rule.lr, one), width)


@njit(inline="always")
def _descend_by_rule(
    room: Room, dW: Array, memory: Memory, s: int, dense: bool, begin: int, end: int, stop: int, B: int, width: int
) -> None:
    """Take a step with some rows of W, a block at a time; those from `stop` on are padding."""
    to, y, n, one, H = rows(dW, 0, 0), rows(room.y, 0, 0), memory.numbers[0, s], room.W.dtype.type(1), memory.columns
    for near in range(begin, end, len(dW)):
        far = min(near + len(dW), end)
        da_z, groups = down(rows(room.da_z, 0, near)), (far - near) // ROWS
        sum_products(to, da_z, y, None, B, groups, store(True, one), width)  # (8)
        encoder_part(room, to, dense, near, far, B, store(False, one), width)
        for k in range(near, min(far, stop)):
            update(room.W[k, :H], dW[k - near], n, k * H, memory.W)


@njit(inline="always")
def _output(room: Room, x: Array, b_prime: Array, first: int, last: int, scale: Any, kind: int) -> tuple[float, float]:
    """Make da_z of a_z in some columns; return the sums of the losses and of the magnitudes."""
    loss, magnitude = 0.0, 0.0
    for i in range(len(x)):
        value, size = output_row(room.da_z[i, first:last], b_prime[first:last], x[i, first:last], scale, kind)
        loss, magnitude = loss + value, magnitude + size
    return loss, magnitude


@njit(fastmath=_FAST)
def descend_bias(bias: Array, gradient: Array, lr: Any) -> None:
    """Take a step with a bias, equations (7) and (11)."""
    for j in range(len(bias)):
        bias[j] -= lr * gradient[j]


@njit(inline="always")
def _step(
    team: Team, room: Room, b_prime: Array, x_tilde: Array, x: Array, rule: Rule, memory: Memory | None,
    plain: bool | None, s: int, kind: int, width: int,
) -> tuple[float, bool]:  # fmt: skip
    """Take a step, the one of number s; return its loss, and whether it was taken."""
    (B, D), one, pitch, lane = x.shape, room.W.dtype.type(1), room.W.shape[1], lanes(room.W)
    groups, sums, y = -(-B // ROWS), rows(room.parts[team.rank], 0, 0), rows(room.y, 0, 0)
    begin, end = share(team, len(room.W) // ROWS, ROWS)  # of this thread's rows, padding included
    stop = min(end, D)
    first, last = share(team, width // lane, lane)  # and of its columns
    parts = room.parts.reshape(team.size, -1)
    used, dense = take_inputs(team, room, x_tilde, begin, stop)
    encode(team, room, dense, begin, end, groups, width)
    wait(team)
    for i in range(B):
        add_parts(room.y[i, first:last], parts, i * pitch + first)
        sigmoid_row(room.y[i, first:last], room.b[0, first:last])  # (1)
    wait(team)
    loss, magnitude = 0.0, 0.0
    if begin == end:  # more threads than groups of rows
        room.parts[team.rank] = 0
    for near in range(begin, end, BLOCK):
        far = min(near + BLOCK, end)
        n, W, da_z = far - near, rows(room.W, near, 0), rows(room.da_z, 0, near)
        multiply_weights(da_z, y, W, n, groups, room.panel[team.rank], width)
        value, other = _output(room, x, b_prime, near, min(far, stop), rule.scale, kind)
        loss, magnitude = loss + value, magnitude + other
        if rule.learns:
            sum_products(sums, across(da_z), W, None, n, groups, store(near == begin, one), width)
    # Not before: until the last meeting of the step before, a slower thread may still be reading its totals.
    mine = team.totals[team.rank]
    mine[LOSS], mine[OUTPUTS], mine[INPUTS] = loss, magnitude, used
    wait(team)
    if not rule.learns:
        return total(team, LOSS) * rule.scale, True
    db, db_prime, magnitude = room.db[first:last], room.db_prime[begin:stop], 0.0
    db[:] = 0
    for i in range(B):
        da_y = room.da_y[i, first:last]
        add_parts(da_y, parts, i * pitch + first)
        magnitude += sigmoid_gradient_row(da_y, room.y[i, first:last])  # (10)
        add(db, da_y)
    mine[HIDDEN] = magnitude
    wait(team)
    loss = total(team, LOSS) * rule.scale
    bound = total(team, OUTPUTS) + total(team, INPUTS) * total(team, HIDDEN)
    if not (np.isfinite(loss) and bound < rule.limit):
        return loss, False
    db_prime[:] = 0
    for i in range(B):
        add(db_prime, room.da_z[i, begin:stop])  # (7)
    if plain is not None:
        descend_weights(room, dense, begin, end, B, rule, width)
        descend_bias(room.b[0, first:last], db, rule.lr)
        descend_bias(b_prime[begin:stop], db_prime, rule.lr)
    if memory is not None:
        _descend_by_rule(room, room.dW[team.rank], memory, s, dense, begin, end, stop, B, width)
        n, last = memory.numbers[1, s], min(last, memory.columns)
        update(room.b[0, first:last], db, n, first, memory.b)
        update(b_prime[begin:stop], db_prime, n, begin, memory.b_prime)
    return loss, True


@njit()
def steps(
    team: Team, room: Room, W: Array, b_prime: Array, x_tilde: Array, x: Array, rule: Rule, memory: Memory | None,
    plain: bool | None, kind: int, losses: Array,
) -> int:  # fmt: skip
    """Take a step on each batch (S, B, D), as one thread of a team, in place; `room` holds b, padded.

    It stops before the first that might not be finite, and returns how many were taken. One of `memory` and `plain` is
    None, and what belongs to it is not compiled.
    """
    if not wait(team):
        return 0
    begin, end = share(team, len(room.W) // ROWS, ROWS)
    width, taken = padded(W.shape[1], lanes(W)), 0
    take_rows(room.W, W, begin, end)
    room.da_z[:, begin:end] = 0
    room.x[:, begin:end] = 0
    for s in range(len(x)):
        losses[s], certain = _step(team, room, b_prime, x_tilde[s], x[s], rule, memory, plain, s, kind, width)
        if not certain:
            break
        taken += 1
    give_rows(W, room.W, begin, end)
    return taken
