"""Compiled twins of `scratchdae.autoencoder.sgd_step` and `sgd_steps`: the door, which checks and chooses.

Tied weights go to a team of threads: `minibatch` and, for one example at a time, `online` say what the steps do
differently from their reference. The weights are copied into rows that begin with a line of the cache, at the first
step, and back after the last: the more steps are taken at a time, the less that costs. Untied weights, and a step in
which a number may not be finite, go to the `general` step.

What plainly fits is let in by a comparison; only what does not is handed to the reference's checks, which name it.
"""

import numba
import numpy as np

from scratchdae.arguments import Array, Params, nonnegative
from scratchdae.autoencoder import check_batch
from scratchdae.kernels.autoencoder import general, minibatch, online
from scratchdae.kernels.machine import team, threads
from scratchdae.kernels.machine.panels import ROWS
from scratchdae.kernels.machine.products import PANEL
from scratchdae.kernels.machine.room import room
from scratchdae.kernels.rule import Rule

_ALONE = 1_000_000  # operations of a step below which threads would wait for each other longer than they work
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


def _steps(
    params: Params, x_tilde: Array, x: Array, lr: float, l2: float, loss: str, output: str, reduction: str
) -> tuple[Array, bool]:
    for name, array in params.items():
        if not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"params[{name!r}] must be C-contiguous and writeable for the compiled step")
    if not x_tilde.dtype == x.dtype == params["W"].dtype:  # complex, which the reference takes for the complex step
        raise ValueError(f"x_tilde and x must be real for the compiled step, found {x_tilde.dtype} and {x.dtype}")
    W, W_prime, b, b_prime = params["W"], params.get("W_prime"), params["b"], params["b_prime"]
    x_tilde, x = np.ascontiguousarray(x_tilde), np.ascontiguousarray(x)
    (S, B, D), real, kind = x.shape, W.dtype.type, _KINDS.index((loss, output))
    scale = 1 / (B if reduction == "paper" else B * D)
    rule = Rule(real(lr), real(2 * l2), real(scale), float(np.finfo(real).max) / 4)
    fast = W_prime is None and not numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # it is written in LLVM
    step_losses = np.empty(S)
    done = 0
    while done < S:
        if fast:
            done += _fused(W, b, b_prime, x_tilde[done:], x[done:], rule, kind, step_losses[done:])
        if done < S:
            step_losses[done], finite = general.step(W, W_prime, b, b_prime, x_tilde[done], x[done], rule, kind)
            done += 1
            if not finite:
                return step_losses[:done], False
    return step_losses, True


def _fused(W: Array, b: Array, b_prime: Array, x_tilde: Array, x: Array, rule: Rule, kind: int, losses: Array) -> int:
    """Take a step on each batch, until something may not be finite; return how many were taken."""
    (_, B, D), H, dtype = x.shape, W.shape[1], W.dtype
    size = threads.count() if 10 * B * D * H >= _ALONE else 1
    totals = size, 16  # half as many in float64
    if B == 1:
        rows = -(-D // online.ROWS) * online.ROWS
        own = (rows // online.ROWS // size + 1) * online.ROWS
        found = room(
            dtype, {"inputs": (size, own + 1, 1)}, totals=totals, W=(rows, H), b=(size, H), y=(size, H), da_y=(size, H),
            parts=(size, H), dy_parts=(size, H), da_z=(size, own),
        )  # fmt: skip
    else:
        groups, units = -(-B // ROWS), -(-D // ROWS)
        examples, rows, most = groups * ROWS, units * ROWS, -(-units // size) * ROWS
        found = room(
            dtype, {"inputs": (size, groups, most + 1, ROWS), "pixels": (units, B + 1, ROWS)}, totals=totals,
            W=(rows, H), b=(1, H), y=(examples, H), da_y=(examples, H), parts=(size, examples, H),
            da_z=(examples, rows), db=(H,), db_prime=(rows,), x=(examples, rows), panel=(size, PANEL // W.itemsize),
        )  # fmt: skip
        found["y"][B:] = 0
    mine = found["b"]
    mine[:, :H], mine[:, H:] = b, -np.inf  # so that y is 0 beyond H
    function, place = (online.steps, online.Room) if B == 1 else (minibatch.steps, minibatch.Room)
    seen = found.pop("totals").view(np.float64)
    taken = team.run(function, seen, place(**found), W, b_prime, x_tilde, x, rule, kind, losses)
    b[:] = mine[0, :H]
    return taken
