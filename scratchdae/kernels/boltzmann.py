"""Steps of contrastive divergence on a restricted Boltzmann machine, compiled: CD-1, visible units by probabilities.

Its reference is `scratchdae.rbm.contrastive_divergence` with k = 1, and plain gradient descent. What it does
differently: it goes the way of a tied autoencoder's step, `minibatch`, whose phases and memory it takes. There x̃ and y
stand for what the step begins with, da_z and da_y for gradients that come back. Here::

    encode    p_0 = s(v W + b), h = 1 where a uniform number is below it          da_y ← −p_0,   y ← h
    decode    v_1 = s(h Wᵀ + b') a block of rows of W at a time, and from it,
              while the block is in the cache, v_1 W                              da_z ← v_1
    encode    p_1 = s(v_1 W + b)                                                  y ← p_1
    update    W −= lr / B (v_1ᵀ p_1 − vᵀ p_0), the sums in the registers           as for (8) and (12) there

So v is encoded once, where the reference does so for the chain and again for its statistics, and no gradient of W is
kept. Nothing is written to a parameter before everything is known to be finite: v, v_1 and both p are at most 1, so
their products cannot overflow, and a weight that is NaN or inf shows in the reconstruction, in which all take part.
The uniform numbers are the caller's: a unit can differ from the reference's only where one lies within rounding of p.
"""

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.autoencoder import check_params
from scratchdae.kernels.autoencoder.minibatch import (
    BLOCK,
    Room,
    descend_bias,
    descend_weights,
    encode,
    give_rows,
    take_inputs,
    take_rows,
)
from scratchdae.kernels.autoencoder.output import decaying_exp, log1p_fraction, sigmoid_row
from scratchdae.kernels.autoencoder.steps import room_for
from scratchdae.kernels.machine import team, threads
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.machine.panels import ROWS
from scratchdae.kernels.machine.products import across, multiply_weights, padded, rows, store, sum_products
from scratchdae.kernels.machine.registers import lanes
from scratchdae.kernels.machine.team import Team, add, add_parts, share, total, wait
from scratchdae.kernels.rule import Rule

_FAST = {"reassoc", "contract", "arcp", "nsz"}
_ALONE = 1_000_000  # operations of a step below which threads would wait for each other longer than they work
_LOSS, _HIDDEN = 0, 1  # places in the totals: the loss, Σ (p_1 − p_0)


@njit()
def _draw_row(h: Array, minus_p: Array, uniforms: Array) -> None:
    """Replace probabilities by units that are drawn; what lies beyond the uniform numbers is 0."""
    zero, one = h.dtype.type(0), h.dtype.type(1)
    for j in range(len(h)):
        minus_p[j] = -h[j]
    for j in range(len(uniforms)):
        h[j] = one if uniforms[j] < h[j] else zero
    h[len(uniforms) :] = zero


@njit(fastmath=_FAST, error_model="numpy")
def _visible_row(a: Array, b_prime: Array, v: Array, db_prime: Array) -> float:
    """Replace pre-activations, without their bias, by probabilities; add these less v to db'; return the loss."""
    zero, one = a.dtype.type(0), a.dtype.type(1)
    found = zero
    for k in range(len(a)):
        s, x = a[k] + b_prime[k], v[k]
        e = decaying_exp(-abs(s))
        p = (one if s >= 0 else e) / (one + e)
        found += ((one if s >= 0 else zero) - x) * s + log1p_fraction(e)  # neither term is negative
        a[k] = p
        db_prime[k] += p - x
    return float(found)


@njit(inline="always")
def _step(
    team: Team, room: Room, b_prime: Array, v: Array, hidden: Array, rule: Rule, width: int
) -> tuple[float, bool]:
    """Take a step; return its loss, and whether it was taken."""
    (B, D), one, pitch, lane = v.shape, room.W.dtype.type(1), room.W.shape[1], lanes(room.W)
    groups, sums, y = -(-B // ROWS), rows(room.parts[team.rank], 0, 0), rows(room.y, 0, 0)
    begin, end = share(team, len(room.W) // ROWS, ROWS)  # of this thread's rows, padding included
    stop, (first, last) = min(end, D), share(team, width // lane, lane)  # and of its columns
    # A total is read only after the meeting that follows the writing of it, and written again two meetings later.
    parts, bias, mine = room.parts.reshape(team.size, -1), room.b[0, first:last], team.totals[team.rank]
    _, dense = take_inputs(team, room, v, begin, stop)
    encode(team, room, dense, begin, end, groups, width)
    wait(team)
    for i in range(B):
        h = room.y[i, first:last]
        add_parts(h, parts, i * pitch + first)
        sigmoid_row(h, bias)  # (3)
        _draw_row(h, room.da_y[i, first:last], hidden[i, first:last])
    wait(team)
    loss, db, db_prime = 0.0, room.db[first:last], room.db_prime[begin:stop]
    db[:], db_prime[:] = 0, 0
    if begin == end:  # more threads than groups of rows
        room.parts[team.rank] = 0
    for near in range(begin, end, BLOCK):
        far = min(near + BLOCK, end)
        n, W, v_1, edge = far - near, rows(room.W, near, 0), rows(room.da_z, 0, near), min(far, stop)
        multiply_weights(v_1, y, W, n, groups, room.panel[team.rank], width)
        bias_prime, d = b_prime[near:edge], room.db_prime[near:edge]
        for i in range(B):
            loss += _visible_row(room.da_z[i, near:edge], bias_prime, v[i, near:edge], d)  # (4)
        sum_products(sums, across(v_1), W, None, n, groups, store(near == begin, one), width)
    mine[_LOSS] = loss
    wait(team)
    for i in range(B):
        p = room.y[i, first:last]
        add_parts(p, parts, i * pitch + first)
        sigmoid_row(p, bias)  # (3)
        add(db, p)
        add(db, room.da_y[i, first:last])
    mine[_HIDDEN] = db.sum()
    wait(team)
    loss = total(team, _LOSS)
    if not np.isfinite(loss + total(team, _HIDDEN)):
        return loss, False
    descend_weights(room, dense, begin, end, B, rule, width)  # (8)
    descend_bias(bias, db, rule.lr)
    descend_bias(b_prime[begin:stop], db_prime, rule.lr)
    return loss * rule.scale, True


@njit()
def _train(team: Team, room: Room, W: Array, b_prime: Array, v: Array, hidden: Array, rule: Rule, losses: Array) -> int:
    """Take a step on each batch, as one thread of a team; stop before the first that might not be finite."""
    if not wait(team):
        return 0
    begin, end = share(team, len(room.W) // ROWS, ROWS)
    width, taken = padded(W.shape[1], lanes(W)), 0
    take_rows(room.W, W, begin, end)
    room.da_z[:, begin:end] = 0
    room.x[:, begin:end] = 0
    for s in range(len(v)):
        losses[s], certain = _step(team, room, b_prime, v[s], hidden[s], rule, width)
        if not certain:
            break
        taken += 1
    give_rows(W, room.W, begin, end)
    return taken


def steps(params: Params, v: Array, hidden: Array, lr: float, l2: float = 0.0) -> Array:
    """Take a step on each batch, in place, until something may not be finite: that step is for the reference to decide.

    Returns the losses of the steps that were taken: the reconstruction's, without the penalty.
    """
    # batches (S, B, D) in [0, 1], and the uniform numbers (S, B, H) that draw their hidden units
    W, b, b_prime = check_params(params), params["b"], params["b_prime"]
    (D, H), dtype = W.shape, W.dtype
    if v.ndim != 3 or hidden.shape != (*v.shape[:2], H) or v.shape[2] != D or not v.dtype == hidden.dtype == dtype:
        found = f"{v.dtype} {v.shape} and {hidden.dtype} {hidden.shape}"
        raise ValueError(f"v and hidden must be {dtype} of shapes (S, B, {D}) and (S, B, {H}), found {found}")
    (S, B, _), real = v.shape, dtype.type
    room, totals = room_for(b, B, D, threads.count() if 10 * B * D * H >= _ALONE else 1)
    rule = Rule(real(lr / B), real(2 * l2 * B), real(1 / B), np.inf)  # lr/B · (sums + 2 l2 B · W)
    v, hidden, losses = np.ascontiguousarray(v), np.ascontiguousarray(hidden), np.empty(S)
    taken = team.run(_train, totals, room, W, b_prime, v, hidden, rule, losses)
    b[:] = room.b[0, :H]
    return losses[:taken]
