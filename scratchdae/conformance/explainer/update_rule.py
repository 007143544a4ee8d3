"""One update rule with a field for every convention, right or wrong: what `optimizers` turns the switches of.

The fields that a case has are those of `scratchdae.optimizers`. The others are in `RIGHT`; only a mistake changes them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchdae.arguments import Array

RIGHT: dict[str, Any] = {
    "momentum": 0.0,
    "nesterov": False,
    "dampening": 0.0,
    "momentum_lr": "outside",
    "weight_decay": 0.0,
    "decay": "gradient",
    "decayed": "weights",
    "centred": False,
    "first_velocity": "undamped",  # or damped, as the others
    "lookahead": "new",  # the velocity that Nesterov's step goes along: new or old
    "correction": "both",  # of which moments the bias is corrected: both, first, second, none, doubled, stored
    "first_step": 1,  # its number
    "betas": "as named",  # or exchanged
    "maximum": False,  # whether the largest second moment so far is used
    "mean_square": "new",  # or old: from before this gradient
    "mean_square_from": 0.0,
    "decay_times": "lr",  # what decoupled weight decay is multiplied by: lr or nothing
    "decay_comes": "before",  # the step, or after it
    "lr_of": "this step",  # or the first, the last or the next one
    "lr_factor": 1.0,
    "gradient_factor": 1.0,
    "gradient_is": "given",  # or its sign
    "zeroed_every": 1,  # steps after which gradients are zeroed; 0 for never
}


def trajectory(
    theta: Array,  # (n,), all parameters before the first step
    gradients: Array,  # (steps, n)
    lrs: Array,  # (steps,)
    is_weight: Array,  # (n,), bool; the others are biases
    fields: Mapping[str, Any],  # those of the case, with `RIGHT` for the rest
) -> Array:  # (steps, n), the parameters after each step
    """Tell the steps of a rule on given gradients."""
    decays = (is_weight | (fields["decayed"] == "all")) * fields["weight_decay"]
    take = {"sgd": _sgd, "rmsprop": _rmsprop, "adam": _adam, "adamw": _adam}[fields["rule"]]
    state = dict.fromkeys(("u", "w", "m", "max"), 0 * theta) | {"v": 0 * theta + fields["mean_square_from"]}
    given = np.sign(gradients) if fields["gradient_is"] == "sign" else gradients
    given = fields["gradient_factor"] * _accumulated(given, fields["zeroed_every"])
    lrs = fields["lr_factor"] * _rates(lrs, fields["lr_of"])
    after: Array = np.empty(given.shape)
    for step, (g, lr) in enumerate(zip(given, lrs, strict=True)):
        rest = 1 - (lr if fields["decay_times"] == "lr" else 1.0) * decays
        if fields["decay"] == "gradient":
            g = g + decays * theta
        elif fields["decay_comes"] == "before":
            theta = rest * theta
        theta = theta - take(g, lr, step, state, fields)
        if fields["decay"] == "decoupled" and fields["decay_comes"] == "after":
            theta = rest * theta
        after[step] = theta
    return after


def _accumulated(gradients: Array, zeroed_every: int) -> Array:
    if zeroed_every == 1:
        return gradients
    size = zeroed_every or len(gradients)
    parts = [gradients[start : start + size].cumsum(axis=0) for start in range(0, len(gradients), size)]
    return np.concatenate(parts)


def _rates(lrs: Array, lr_of: str) -> Array:
    if lr_of == "first step":
        return np.full_like(lrs, lrs[0])
    if lr_of == "last step":
        return np.concatenate([lrs[:1], lrs[:-1]])
    return np.concatenate([lrs[1:], lrs[-1:]]) if lr_of == "next step" else lrs


def _sgd(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Return what a step subtracts: see `scratchdae.optimizers.SGD`, equations (1) to (3)."""
    m = fields["momentum"]
    inner, outer = (lr, 1.0) if fields["momentum_lr"] == "inside" else (1.0, lr)
    damped = step > 0 or fields["first_velocity"] == "damped"
    dampening = m if fields["dampening"] == "momentum" else fields["dampening"]
    g = inner * g
    old = state["u"]
    state["u"] = m * old + (1 - dampening * damped) * g
    if not fields["nesterov"]:
        return np.asarray(outer * state["u"])
    return np.asarray(outer * (g + m * (old if fields["lookahead"] == "old" else state["u"])))


def _rmsprop(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Return what a step subtracts: see `scratchdae.optimizers.RMSprop`, equations (1) to (7)."""
    del step
    kept, old = fields["decay_rate"], state["v"]
    state["v"] = kept * old + (1 - kept) * g * g
    v = old if fields["mean_square"] == "old" else state["v"]
    if fields["centred"]:
        state["w"] = kept * state["w"] + (1 - kept) * g
        v = v - state["w"] ** 2
    s = g / np.sqrt(v + fields["eps"]) if fields["epsilon"] == "inside" else g / (np.sqrt(v) + fields["eps"])
    inner, outer = (lr, 1.0) if fields["momentum_lr"] == "inside" else (1.0, lr)
    state["u"] = fields["momentum"] * state["u"] + inner * s
    return np.asarray(outer * state["u"])


def _adam(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Return what a step subtracts: see `scratchdae.optimizers.Adam`, equations (1) to (5)."""
    beta1, beta2 = fields["beta1"], fields["beta2"]
    if fields["betas"] == "exchanged":
        beta1, beta2 = beta2, beta1
    t, old = fields["first_step"] + step, state["v"]
    m = state["m"] = beta1 * state["m"] + (1 - beta1) * g
    v = state["v"] = beta2 * old + (1 - beta2) * g * g
    if fields["mean_square"] == "old":
        v = old
    if fields["maximum"]:
        v = state["max"] = np.maximum(state["max"], v)
    correction = fields["correction"]
    first = 1.0 if correction in ("none", "second") else np.float64(1 - beta1**t)
    second = 1.0 if correction in ("none", "first") else np.float64(1 - beta2**t)
    if correction == "doubled":
        first, second = first**2, second**2
    if correction == "stored":
        state["m"], state["v"] = m / first, v / second
    if fields["epsilon"] == "inside":
        return np.asarray(lr * (m / first) / np.sqrt(v / second + fields["eps"]))
    eps = fields["eps"] / np.sqrt(second) if fields["epsilon"] == "hat" else fields["eps"]
    return np.asarray(lr * (m / first) / (np.sqrt(v / second) + eps))
