"""One update rule with a field for every convention, right or wrong: what `optimizers` turns the switches of.

The fields that a case has are those of `scratchdae.optimizers`. The others are in `RIGHT`; only a mistake changes them.
"""

from collections.abc import Callable, Mapping
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
    "lookahead": "new",  # the velocity that Nesterov's step goes along: new or old; or added to the velocity itself
    "correction": "both",  # of which moments the bias is corrected: both, first, second, none, doubled, stored
    "first_step": 1,  # its number
    "betas": "as named",  # or exchanged
    "maximum": False,  # whether the largest second moment so far is used
    "mean_square": "new",  # or old: from before this gradient; or "old, first its own"
    "m_weight": "complement",  # of the gradient in the first moment, 1 - beta1; or one
    "v_weight": "complement",  # of its square in the second; or one
    "v_kept": True,  # whether the second fades: not where squares are summed up
    "decay_sign": 1.0,  # of weight decay
    "mean_square_from": 0.0,  # or "first square"
    "decay_times": "lr",  # what decoupled weight decay is multiplied by: lr or nothing
    "decay_comes": "before",  # the step, or after it
    "lr_of": "this step",  # or the first, the last or the next one
    "lr_factor": 1.0,
    "gradient_factor": 1.0,
    "gradient_is": "given",  # or its sign; or the next step's; or the last one's, with zeros or itself before the first
    "bias_lr": 1.0,  # by which the learning rate of biases is multiplied
    "counted": "steps",  # or arrays: t goes on with every parameter that is updated, the weights first; or _COUNTS
    "rooted": True,  # whether the root of the mean square is taken
    "velocity_keeps": "gradients",  # whole; or their share, momentum times: u = m (u + g)
    "centre": "square",  # of the mean of the gradients, which is subtracted from the mean square; or a row of _CENTRES
    "zeroed_every": 1,  # steps after which gradients are zeroed; 0 for never
}


_COUNTS: dict[str, Callable[[int, Array], Any]] = {  # t less its first value in each step
    "steps": lambda step, _: step,
    "arrays": lambda step, is_weight: 2 * step + np.where(is_weight, 0, 1),
    "twice": lambda step, _: 2 * step,
    "twice, before": lambda step, _: 2 * step + 1,
    "never": lambda step, _: 0 * step,
}

_CENTRES: dict[str, Callable[[Array, Array], Array]] = {  # of the mean square and the mean
    "square": lambda v, mean: v - mean**2, "mean": np.subtract, "mean, absolute": lambda v, mean: np.abs(v - mean),
}  # fmt: skip


def trajectory(
    theta: Array,  # (n,), all parameters before the first step
    gradients: Array,  # (steps, n)
    lrs: Array,  # (steps,)
    is_weight: Array,  # (n,), bool; the others are biases
    fields: Mapping[str, Any],  # those of the case, with `RIGHT` for the rest
) -> Array:  # (steps, n), the parameters after each step
    """Tell the steps of a rule on given gradients."""
    decays = (is_weight | (fields["decayed"] == "all")) * fields["decay_sign"] * fields["weight_decay"]
    take = {"sgd": _sgd, "rmsprop": _rmsprop, "adam": _adam, "adamw": _adam, **OTHERS}[fields["rule"]]
    from_first = fields["mean_square_from"] == "first square"
    begins = gradients[0] ** 2 if from_first else 0 * theta + fields["mean_square_from"]
    state = dict.fromkeys(("u", "w", "m", "max"), 0 * theta) | {"v": begins}
    state["mu"] = np.ones(())
    given = np.sign(gradients) if fields["gradient_is"] == "sign" else gradients
    if fields["gradient_is"] == "next":
        given = np.concatenate([given[1:], given[-1:]])
    if fields["gradient_is"].startswith("last"):
        given = np.concatenate([given[:1] * (fields["gradient_is"] == "last, itself first"), given[:-1]])
    own_lr = np.where(is_weight, 1.0, fields["bias_lr"])
    given = fields["gradient_factor"] * _accumulated(given, fields["zeroed_every"])
    lrs = fields["lr_factor"] * _rates(lrs, fields["lr_of"])
    after: Array = np.empty(given.shape)
    for step, (g, lr) in enumerate(zip(given, lrs, strict=True)):
        rest = 1 - (lr if fields["decay_times"] == "lr" else 1.0) * decays
        if fields["decay"] == "shrinks gradient":
            g = rest * g
        elif fields["decay"] == "gradient":
            g = g + decays * theta
        elif fields["decay_comes"] == "before":
            theta = rest * theta
        t = _COUNTS[fields["counted"]](step, is_weight)
        theta = theta - own_lr * take(g, lr, t, state, fields)
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
    state["u"] = m * old + (m if fields["velocity_keeps"] == "share" else 1) * (1 - dampening * damped) * g
    if not fields["nesterov"]:
        return np.asarray(outer * state["u"])
    g = state["u"] if fields["lookahead"] == "added" else g
    return np.asarray(outer * (g + m * (old if fields["lookahead"] == "old" else state["u"])))


def _size(v: Array, fields: Mapping[str, Any]) -> Array:
    """Return what a gradient is divided by: the root of its mean square, with eps in its place."""
    eps, root = fields["eps"], np.sqrt if fields["rooted"] else np.asarray
    if fields["epsilon"] == "both":
        return np.asarray(root(v + eps) + eps)
    return np.asarray(root(v + eps) if fields["epsilon"] == "inside" else root(v) + eps)


def _is_old(step: int, fields: Mapping[str, Any]) -> bool:
    return bool(fields["mean_square"] == "old" or (fields["mean_square"] == "old, first its own" and np.max(step) > 0))


def _rmsprop(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Return what a step subtracts: see `scratchdae.optimizers.RMSprop`, equations (1) to (7)."""
    kept, old = fields["decay_rate"], state["v"]
    share = 1 - kept if fields["v_weight"] == "complement" else 1.0
    state["v"] = (kept if fields["v_kept"] else 1.0) * old + share * g * g
    v = old if _is_old(step, fields) else state["v"]
    if fields["centred"]:
        state["w"] = kept * state["w"] + (1 - kept) * g
        v = _CENTRES[fields["centre"]](v, state["w"])
    s = g / _size(v, fields)
    inner, outer = (lr, 1.0) if fields["momentum_lr"] == "inside" else (1.0, lr)
    state["u"] = fields["momentum"] * state["u"] + inner * s
    return np.asarray(outer * state["u"])


def _adam(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Return what a step subtracts: see `scratchdae.optimizers.Adam`, equations (1) to (5)."""
    beta1, beta2 = fields["beta1"], fields["beta2"]
    if fields["betas"] == "exchanged":
        beta1, beta2 = beta2, beta1
    t, old = fields["first_step"] + step, state["v"]
    shares = (1 - beta if fields[f"{k}_weight"] == "complement" else 1.0 for k, beta in (("m", beta1), ("v", beta2)))
    m = state["m"] = beta1 * state["m"] + next(shares) * g
    v = state["v"] = (beta2 if fields["v_kept"] else 1.0) * old + next(shares) * g * g
    if _is_old(step, fields):
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
    eps = fields["eps"] / np.sqrt(second) if fields["epsilon"] == "hat" else fields["eps"]
    return np.asarray(lr * (m / first) / _size(v / second, {**fields, "eps": eps}))


# Other rules in the place of the case's, with PyTorch's default numbers where the case has none.


def _moments(g: Array, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> tuple[float, float, Array]:
    """Update the two moments; return their decay rates and the second, corrected."""
    beta1, beta2 = fields.get("beta1", 0.9), fields.get("beta2", 0.999)
    state["m"] = beta1 * state["m"] + (1 - beta1) * g
    state["v"] = beta2 * state["v"] + (1 - beta2) * g * g
    return beta1, beta2, state["v"] / (1 - beta2 ** (step + 1))


def _nadam(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Nesterov-accelerated Adam (Dozat 2016), with the momentum schedule of PyTorch."""
    beta1, _, v = _moments(g, step, state, fields)
    now, then = (beta1 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in (step + 1, step + 2))
    state["mu"] = np.asarray(state["mu"] * np.float32(now), np.float32)  # PyTorch keeps it in single precision
    product = float(state["mu"])
    m = (1 - now) * g / (1 - product) + then * state["m"] / (1 - product * then)
    return np.asarray(lr * m / (np.sqrt(v) + fields.get("eps", 1e-8)))


def _radam(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Rectified Adam (Liu et al. 2020)."""
    beta1, beta2, v = _moments(g, step, state, fields)
    t, most = step + 1, 2 / (1 - beta2) - 1
    m, length = state["m"] / (1 - beta1**t), most - 2 * t * beta2**t / (1 - beta2**t)
    if length <= 5:
        return np.asarray(lr * m)
    rectified = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
    size = np.sqrt(v) + fields.get("eps", 1e-8) / np.sqrt(1 - beta2**t)  # PyTorch adds eps before the correction
    return np.asarray(lr * m * np.sqrt(rectified) / size)


def _adamax(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Adam with the largest gradient (Kingma & Ba 2015, algorithm 2)."""
    beta1, _, _ = _moments(g, step, state, fields)
    state["max"] = np.maximum(fields.get("beta2", 0.999) * state["max"], np.abs(g) + fields.get("eps", 1e-8))
    return np.asarray(lr / (1 - beta1 ** (step + 1)) * state["m"] / state["max"])


def _adagrad(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Adagrad (Duchi et al. 2011), with PyTorch's eps."""
    del step, fields
    state["max"] = state["max"] + g * g
    return np.asarray(lr * g / (np.sqrt(state["max"]) + 1e-10))


def _adadelta(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Adadelta (Zeiler 2012), with PyTorch's numbers."""
    del step, fields
    state["max"] = 0.9 * state["max"] + 0.1 * g * g
    change = np.sqrt(state["w"] + 1e-6) / np.sqrt(state["max"] + 1e-6) * g
    state["w"] = 0.9 * state["w"] + 0.1 * change * change
    return np.asarray(lr * change)


def _rmsprop_of_torch(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """RMSprop (Tieleman & Hinton 2012), with PyTorch's numbers."""
    del step
    state["max"] = 0.99 * state["max"] + 0.01 * g * g
    return np.asarray(lr * g / (np.sqrt(state["max"]) + fields.get("eps", 1e-8)))


def _plain(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Gradient descent."""
    del step, state, fields
    return np.asarray(lr * g)


def _adam_of_torch(g: Array, lr: float, step: int, state: dict[str, Array], fields: Mapping[str, Any]) -> Array:
    """Adam (Kingma & Ba 2015, algorithm 1), with PyTorch's numbers."""
    beta1, _, v = _moments(g, step, state, fields)
    return np.asarray(lr * state["m"] / (1 - beta1 ** (step + 1)) / (np.sqrt(v) + 1e-8))


OTHERS = {
    "NAdam": _nadam, "RAdam": _radam, "Adamax": _adamax, "Adagrad": _adagrad, "Adadelta": _adadelta,
    "RMSprop": _rmsprop_of_torch, "plain SGD": _plain, "Adam": _adam_of_torch,
}  # fmt: skip
