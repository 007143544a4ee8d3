"""Compiled twins of `scratchdae.autoencoder.sgd_step` and `sgd_steps`, and such steps by rules that remember: the door.

Tied weights go to a team of threads: `minibatch` and, for one example at a time, `online` say what the steps do
differently from their reference. The weights are copied into rows that begin with a line of the cache, at the first
step, and back after the last: the more steps are taken at a time, the less that costs. Untied weights, and a step in
which a number may not be finite, go to the `general` step; under a rule that remembers, back to the caller.

What plainly fits is let in by a comparison; only what does not is handed to the reference's checks, which name it.
"""

from typing import cast

import numba
import numpy as np

from scratchdae.arguments import Array, Params, nonnegative
from scratchdae.autoencoder import check_batch
from scratchdae.kernels import update
from scratchdae.kernels.autoencoder import general, minibatch, online
from scratchdae.kernels.machine import team, threads
from scratchdae.kernels.machine.panels import ROWS
from scratchdae.kernels.machine.products import PANEL
from scratchdae.kernels.machine.room import room
from scratchdae.kernels.rule import Rule
from scratchdae.optimizers import Optimizer
from scratchdae.optimizers.rule import Rule as OptimizerRule

_ALONE = 1_000_000  # operations of a step below which threads would wait for each other longer than they work
_NEAR = 128 * 1024  # bytes of the gradient of W that a rule that remembers gets at a time, still in the cache
_KINDS = (("cross_entropy", "sigmoid"), ("squared_error", "sigmoid"), ("squared_error", "linear"))  # as in `Kind`


def sgd_step(
    params: Params, x_tilde: Array, x: Array, lr: float, loss: str = "cross_entropy", output: str = "sigmoid",
    reduction: str = "paper", l2: float = 0.0,
) -> tuple[float, bool]:  # fmt: skip
    """Take one step, in place; the parameters must be C-contiguous."""
    x_tilde, x = check_batch(params, x_tilde, x, loss, output, reduction)
    lr, l2 = nonnegative(lr=lr, l2=l2)
    step_losses, finite = _steps(params, x_tilde[None], x[None], lr, l2, loss, output, reduction)
    return float(step_losses[0]), finite


def sgd_steps(
    params: Params, x_tilde: Array, x: Array, lr: float, loss: str = "cross_entropy", output: str = "sigmoid",
    reduction: str = "paper", l2: float = 0.0,
) -> tuple[Array, bool]:  # fmt: skip
    """Take a step on each batch (S, B, D) in turn, in place. Where an argument does not fit no step is taken."""
    x_tilde, x = check_batch(params, x_tilde, x, loss, output, reduction, axes=3)
    lr, l2 = nonnegative(lr=lr, l2=l2)
    return _steps(params, x_tilde, x, lr, l2, loss, output, reduction)


def rule_steps(
    params: Params, state: Params, optimizer: Optimizer, x_tilde: Array, x: Array, lr: float, loss: str, output: str,
    reduction: str, l2: float,
) -> tuple[Array, Params]:  # fmt: skip
    """Take a step on each batch (S, B, D) by a rule that `update` knows, in place, until something may not be finite.

    Returns the losses of the steps that were taken, and the state to go on with.
    """
    x_tilde, x = check_batch(params, x_tilde, x, loss, output, reduction, axes=3)
    rule, (lr, l2) = cast(OptimizerRule, optimizer), nonnegative(lr=lr, l2=l2)
    _check_in_place("params", params)
    _check_in_place("state", {name: value for name, value in state.items() if name != "step"})
    numbers = update.numbers(rule, lr, l2, state, len(x), params["W"].dtype)
    slots = (update.kept(rule, state, name) for name in ("W", "b", "b_prime"))
    memory = minibatch.Memory(numbers, params["W"].shape[1], *slots)
    x_tilde, x = np.ascontiguousarray(x_tilde), np.ascontiguousarray(x)
    found, kind, losses = *_rule(params, x, lr, l2, loss, output, reduction), np.empty(len(x))
    taken = _fused(params["W"], params["b"], params["b_prime"], x_tilde, x, found, kind, losses, memory)
    return losses[:taken], update.after(state, taken)


def batch_losses(params: Params, x_tilde: Array, x: Array, loss: str, output: str, reduction: str) -> Array:
    """Return the loss of each batch (S, B, D) of several examples, by tied weights; nothing is changed."""
    x_tilde, x = check_batch(params, x_tilde, x, loss, output, reduction, axes=3)
    _check_in_place("params", params)
    rule, kind = _rule(params, x, 0.0, 0.0, loss, output, reduction)
    losses = np.empty(len(x))
    x_tilde, x = np.ascontiguousarray(x_tilde), np.ascontiguousarray(x)
    _fused(params["W"], params["b"], params["b_prime"], x_tilde, x, rule._replace(learns=False), kind, losses)
    return losses


def _check_in_place(what: str, arrays: Params) -> None:
    for name, array in arrays.items():
        if not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"{what}[{name!r}] must be C-contiguous and writeable for the compiled step")


def _rule(params: Params, x: Array, lr: float, l2: float, loss: str, output: str, reduction: str) -> tuple[Rule, int]:
    (_, B, D), real = x.shape, params["W"].dtype.type
    scale = 1 / (B if reduction == "paper" else B * D)
    limit = float(np.finfo(real).max) / 4
    return Rule(real(lr), real(2 * l2), real(scale), limit), _KINDS.index((loss, output))


def _steps(
    params: Params, x_tilde: Array, x: Array, lr: float, l2: float, loss: str, output: str, reduction: str
) -> tuple[Array, bool]:
    _check_in_place("params", params)
    if not x_tilde.dtype == x.dtype == params["W"].dtype:  # complex, which the reference takes for the complex step
        raise ValueError(f"x_tilde and x must be real for the compiled step, found {x_tilde.dtype} and {x.dtype}")
    W, W_prime, b, b_prime = params["W"], params.get("W_prime"), params["b"], params["b_prime"]
    x_tilde, x = np.ascontiguousarray(x_tilde), np.ascontiguousarray(x)
    rule, kind = _rule(params, x, lr, l2, loss, output, reduction)
    fast = W_prime is None and not numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # it is written in LLVM
    S, done = len(x), 0
    step_losses = np.empty(S)
    while done < S:
        if fast:
            done += _fused(W, b, b_prime, x_tilde[done:], x[done:], rule, kind, step_losses[done:])
        if done < S:
            step_losses[done], finite = general.step(W, W_prime, b, b_prime, x_tilde[done], x[done], rule, kind)
            done += 1
            if not finite:
                return step_losses[:done], False
    return step_losses, True


def _fused(
    W: Array, b: Array, b_prime: Array, x_tilde: Array, x: Array, rule: Rule, kind: int, losses: Array,
    memory: minibatch.Memory | None = None,
) -> int:  # fmt: skip
    """Take a step on each batch, until something may not be finite; return how many were taken."""
    (_, B, D), H, dtype = x.shape, W.shape[1], W.dtype
    size = threads.count() if 10 * B * D * H >= _ALONE else 1
    if B == 1 and memory is None:
        rows = -(-D // online.ROWS) * online.ROWS
        own = (rows // online.ROWS // size + 1) * online.ROWS
        found = room(
            dtype, {"inputs": (size, own + 1, 1)}, totals=(size, 16), W=(rows, H), b=(size, H), y=(size, H),
            da_y=(size, H), parts=(size, H), dy_parts=(size, H), da_z=(size, own),
        )  # fmt: skip
        mine = found["b"]
        mine[:, :H], mine[:, H:] = b, -np.inf  # so that y is 0 beyond H
        totals = found.pop("totals").view(np.float64)  # half as many in float64
        taken = team.run(online.steps, totals, online.Room(**found), W, b_prime, x_tilde, x, rule, kind, losses)
    else:
        near = ROWS if memory is None else max(4, _NEAR // (H * W.itemsize * ROWS)) * ROWS
        (place, totals), plain = room_for(b, B, D, size, near), True if memory is None else None
        taken = team.run(minibatch.steps, totals, place, W, b_prime, x_tilde, x, rule, memory, plain, kind, losses)
        mine = place.b
    b[:] = mine[0, :H]
    return taken


def room_for(b: Array, B: int, D: int, size: int, near: int = ROWS) -> tuple[minibatch.Room, Array]:
    """Return room for batches of B examples, which holds b, and the totals of the team; `near` are the rows of dW."""
    groups, units, H = -(-B // ROWS), -(-D // ROWS), len(b)
    examples, rows, most = groups * ROWS, units * ROWS, -(-units // size) * ROWS
    found = room(
        b.dtype, {"inputs": (size, groups, most + 1, ROWS), "pixels": (units, B + 1, ROWS)}, totals=(size, 16),
        W=(rows, H), b=(1, H), y=(examples, H), da_y=(examples, H), parts=(size, examples, H), da_z=(examples, rows),
        db=(H,), db_prime=(rows,), x=(examples, rows), panel=(size, PANEL // b.itemsize), dW=(size, near, H),
    )  # fmt: skip
    found["y"][B:] = 0
    found["b"][0, :H], found["b"][0, H:] = b, -np.inf  # so that y is 0 beyond H
    totals: Array = found.pop("totals").view(np.float64)  # half as many in float64
    return minibatch.Room(**found), totals
