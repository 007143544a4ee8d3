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

from scratchdae.arguments import Array
from scratchdae.kernels.autoencoder.minibatch import descend_bias, give_rows, take_rows
from scratchdae.kernels.autoencoder.output import Kind, output_row, sigmoid_gradient_row, sigmoid_row
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.machine.panels import VECTORS, Factors, Listed, descend_rows, dots, sum_rows
from scratchdae.kernels.machine.products import descend, padded, rows, shift, store
from scratchdae.kernels.machine.registers import Rows, lanes, pointer
from scratchdae.kernels.machine.team import Team, add_parts, most, share, total, wait
from scratchdae.kernels.machine.zeros import Lists
from scratchdae.kernels.rule import Rule, largest

_FAST = {"reassoc", "contract", "arcp", "nsz"}
ROWS = 8  # of W, decoded together
WIDE = 2 * VECTORS  # registers of a panel where only one row is summed
_TOGETHER = 32  # of whose outputs the gradients are taken together: whole registers, or the loop has a remainder
_NEAR = 256 * 1024  # bytes of rows of W that stay in the cache between decoding and updating
WEIGHT, BIAS, LOSS, OUTPUTS, INPUTS = range(5)  # places in the totals: largest |W|, |b'|; loss, Σ|da_z|; then Σ|x̃|,
# max |x|, again for odd steps: a slower thread may still be reading those of the step before


class Room(NamedTuple):
    """Where a team works: rows that begin with a line of the cache; each thread has its own, but of W."""

    W: Array  # (D, H), a copy of the weights
    b: Array  # (threads, H): every thread keeps a copy of its own, so that it need not wait for another's
    y: Array  # (threads, H)
    da_y: Array  # (threads, H)
    parts: Array  # (threads, H): what each has summed of a_y
    dy_parts: Array  # (threads, H): and of dy
    da_z: Array  # (threads, rows of a thread)
    inputs: Lists  # (threads, rows of a thread): x̃ that is not zero, an entry for each


@njit()
def _list_inputs(x: Array, first: int, pitch: int, values: Array, places: Array) -> tuple[int, float]:
    """List the inputs that are not zero; return how many there are and the sum of their magnitudes."""
    n, total = 0, x.dtype.type(0)
    for k in range(len(x)):
        values[n] = x[k]
        places[n] = (first + k) * pitch
        n += x[k] != 0
        total += abs(x[k])
    return n, float(total)


@njit()
def _encode(part: Array, W: Array, values: Array, places: Array, n: int, width: int) -> None:
    """Sum the rows of W whose input is not zero, of equation (1)."""
    lane, update = lanes(W), store(True, W.dtype.type(1))
    factors, panel, to, flat, where = (
        Factors(pointer(values), 0, 0, 1, 0),
        WIDE * lane,
        pointer(part),
        pointer(W),
        pointer(places),
    )
    for j in range(0, width - panel + 1, panel):
        sum_rows(1, WIDE, Rows(to, j, 0), factors, Listed(flat, j, where, 0), n, update)
    for j in range(width - width % panel, width, lane):
        sum_rows(1, 1, Rows(to, j, 0), factors, Listed(flat, j, where, 0), n, update)


@njit(fastmath=_FAST)
def _add_multiple(row: Array, factor: Any, other: Array) -> None:
    for j in range(len(row)):
        row[j] += factor * other[j]


@njit()
def _decode(
    team: Team, room: Room, first: int, last: int, b_prime: Array, x: Array, rule: Rule, kind: int, width: int
) -> tuple[float, float]:
    """Decode some rows of W, add their part of dy and update them; return the sums of losses and of |da_z|."""
    y, dy, da_z = room.y[team.rank], room.dy_parts[team.rank], room.da_z[team.rank]
    lane, update = lanes(y), descend(rule.lr, rule.decay, y.dtype.type(1))
    n, W, panel = min(last, len(x)) - first, rows(room.W, first, 0), VECTORS * lane  # without the rows of the padding
    a_z, examples = pointer(da_z), Rows(pointer(y), 0, 0)
    for k in range(0, last - first, ROWS):
        dots(1, ROWS, Rows(a_z, k, 0), examples, shift(W, k, 0), width // lane, True)
    bias = b_prime[first : first + n]
    loss, magnitude = output_row(da_z[:n], bias, x[first : first + n], rule.scale, kind)
    for j in range(0, width - panel + 1, panel):
        descend_rows(VECTORS, j, dy, da_z, W, y, n, update)
    for j in range(width - width % panel, width, lane):
        descend_rows(1, j, dy, da_z, W, y, n, update)
    for k in range(n):
        bias[k] -= rule.lr * da_z[k]
    return loss, magnitude


@njit()
def _certain(
    used: float, largest: float, bounds: tuple[float, float, float], D: int, H: int, rule: Rule, kind: int
) -> bool:
    """Tell whether all that a step computes must be finite, from bounds on what it begins with."""
    weight, bias, visible_bias = bounds
    lr, scale, limit = float(rule.lr), float(rule.scale), rule.limit
    a_y, a_z = used * weight + bias, H * weight + visible_bias  # no y is larger than 1
    error = a_z + 1 if kind == Kind.CROSS_ENTROPY else 1 + largest if kind == Kind.SQUARED_ERROR else a_z + largest
    loss = D * error if kind == Kind.CROSS_ENTROPY else D * error * error
    da_z = scale if kind == Kind.CROSS_ENTROPY else 2 * scale * error
    dy = D * da_z * weight
    change = da_z + (1 + used) * dy
    return a_y < limit and a_z < limit and loss * (1 + scale) < limit and dy < limit and (1 + lr) * change < limit


@njit()
def steps(
    team: Team, room: Room, W: Array, b_prime: Array, x_tilde: Array, x: Array, rule: Rule, kind: int, losses: Array
) -> int:
    """Take a step on each example (S, 1, D), as one thread of a team, in place; `room` holds b, padded.

    It stops before the first that might not be finite, and returns how many were taken.
    """
    if not wait(team):
        return 0
    (D, H), pitch, width, lr = W.shape, room.W.shape[1], padded(W.shape[1], lanes(W)), rule.lr
    begin, end = share(team, len(room.W) // ROWS, ROWS)
    stop = max(begin, min(end, D))
    block = max(1, _NEAR // (pitch * W.itemsize * _TOGETHER)) * _TOGETHER
    values, places, flat = room.inputs.values[team.rank], room.inputs.places[team.rank], room.W.ravel()
    y, da_y, b = room.y[team.rank, :width], room.da_y[team.rank, :width], room.b[team.rank, :width]
    take_rows(room.W, W, begin, end)
    mine, weight, keep = team.totals[team.rank], 0.0, abs(float(W.dtype.type(1) - lr * rule.decay))
    for k in range(begin, stop):
        weight = max(weight, largest(room.W[k]))
    mine[WEIGHT], mine[BIAS] = weight, largest(b_prime[begin:stop])
    wait(team)
    bounds, taken = (most(team, WEIGHT), largest(b[:H]), most(team, BIAS)), 0
    for s in range(len(x)):
        at = INPUTS + 2 * (s % 2)
        n, mine[at] = _list_inputs(x_tilde[s, 0, begin:stop], begin, pitch, values, places)
        mine[at + 1] = largest(x[s, 0, begin:stop])
        _encode(room.parts[team.rank], room.W, values, places, n, width)
        wait(team)
        used = total(team, at)
        if not _certain(used, most(team, at + 1), bounds, D, H, rule, kind):
            break
        add_parts(y, room.parts, 0)
        sigmoid_row(y, b)
        room.dy_parts[team.rank] = 0
        loss, magnitude = 0.0, 0.0
        for first in range(begin, stop, block):
            one, other = _decode(team, room, first, min(first + block, end), b_prime, x[s, 0], rule, kind, width)
            loss, magnitude = loss + one, magnitude + other
        mine[LOSS], mine[OUTPUTS] = loss, magnitude
        wait(team)
        add_parts(da_y, room.dy_parts, 0)
        hidden = sigmoid_gradient_row(da_y, y)  # (10)
        descend_bias(b, da_y, lr)  # (11)
        for t in range(n):
            _add_multiple(flat[places[t] : places[t] + width], -lr * values[t], da_y)
        magnitude = total(team, OUTPUTS)
        weight, bias, visible_bias = bounds
        weight = weight * max(1.0, keep) + float(lr) * (magnitude + used * hidden)
        bounds = weight, bias + float(lr) * hidden, visible_bias + float(lr) * magnitude
        losses[s] = total(team, LOSS) * rule.scale
        taken += 1
    give_rows(W, room.W, begin, end)
    return taken
