"""Update rules: ten steps on given gradients with a learning rate that changes, under each framework's convention.

The equations' numbers are those of `scratchdae.optimizers`, and so are the names of the options: a rule's dataclass is
the machine-readable convention.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from generate.decimals import Decimals, exact, number, sqrt
from generate.draw import Draw
from generate.vector import Vector
from scratchdae.optimizers import SGD, Adam, AdamW, RMSprop

STEPS = 10
LR = (1 / 16, 1 / 8, 1 / 8, 1 / 8, 1 / 16, 1 / 16, 1 / 64, 1 / 64, 1 / 64, 1 / 32)  # up, down at once, up again
P, Q = 2, 3  # shape of W

Rule = SGD | RMSprop | Adam
_Named = dict[str, Any]  # what a rule remembers, and its options: decimals, and a few strings

_MEANINGS = {
    "W": "weights before the first step",
    "b": "biases before the first step",
    "dW": "gradient of W at each step",
    "db": "gradient of b at each step",
    "lr": "learning rate of each step",
    "W_steps": "W after each step",
    "b_steps": "b after each step",
}
_WHEN = {"outside": "the learning rate multiplies the velocity", "inside": "the velocity contains the learning rate"}
_EPSILON = {
    "outside": "eps is added to the root",
    "inside": "eps is added inside the root",
    "hat": "eps is added to the root of the moment before its bias is corrected",
}


_M = 0.875
_FRAMEWORKS = ("torch", "optax", "keras")
_OF_EACH = (  # name, rule and options of a case for every framework, and what it is aimed at
    ("sgd_{}_momentum", SGD, {"momentum": _M},
     "the learning rate inside the velocity or outside, which differ as soon as it changes"),
    ("sgd_{}_nesterov", SGD, {"momentum": _M, "nesterov": True},
     "Nesterov's step along the old velocity in place of the new"),
    ("rmsprop_{}", RMSprop, {}, "another framework's decay rate, or its place for eps"),
    ("rmsprop_{}_centred", RMSprop, {"centred": True}, "the mean not subtracted from the mean square"),
    ("rmsprop_{}_momentum", RMSprop, {"momentum": _M}, "the learning rate inside or outside"),
    ("adam_{}", Adam, {}, "bias correction missing, doubled, or counted from 0"),
    ("adamw_{}", AdamW, {"weight_decay": 0.125}, "L2 in the gradient in place of decoupled decay"),
)  # fmt: skip
_BOTH = {"momentum": _M, "weight_decay": 0.0625}  # without momentum the two kinds of weight decay are one
_DECAY = "weight decay of the other kind, which momentum tells apart, or none; biases that do not decay"
_OF_ONE = (  # name, framework and rule of a case, and what it is aimed at
    ("sgd_plain", "none", SGD(), "the sign; a step not taken, or a gradient of another step"),
    ("sgd_weight_decay_weights_alone", "none", SGD(weight_decay=0.125), "biases that decay"),
    ("sgd_torch_dampening", "torch", SGD.of("torch", momentum=_M, dampening=0.5), "a first step that is damped"),
    ("sgd_torch_weight_decay", "torch", SGD.of("torch", weight_decay=0.125),
     "a factor 1/2 or 2 in weight decay; biases that do not decay"),
    ("sgd_torch_nesterov_weight_decay", "torch", SGD.of("torch", nesterov=True, **_BOTH), _DECAY),
    ("sgd_keras_momentum_weight_decay", "keras", SGD.of("keras", **_BOTH), _DECAY),
    ("rmsprop_torch_weight_decay", "torch", RMSprop.of("torch", momentum=0.5, weight_decay=0.125),
     "weight decay of the other kind"),
    ("rmsprop_keras_weight_decay", "keras", RMSprop.of("keras", momentum=0.5, weight_decay=0.125),
     "weight decay of the other kind"),
    ("adam_torch_l2", "torch", Adam.of("torch", weight_decay=0.125), "decoupled weight decay in place of L2"),
    ("adam_torch_betas", "torch", Adam.of("torch", beta1=0.5, beta2=0.75), "the two decay rates exchanged"),
)  # fmt: skip
_TINY = "the place and the size of eps, which show where gradients are as small as it; entries that are exactly 0"


def cases() -> Iterator[Vector]:
    for row in _OF_ONE:
        yield _case(*row)
    for framework in _FRAMEWORKS:
        for name, rule, options, aim in _OF_EACH:
            yield _case(name.format(framework), framework, rule.of(framework, **options), aim)
        for name, rule in (("rmsprop", RMSprop.of(framework)), ("adam", Adam.of(framework))):
            yield _case(f"{name}_{framework}_tiny", framework, rule, _TINY, gradients=_where_eps_shows(rule))
    rule = Adam.of("optax", eps=1e-6, epsilon="inside")
    yield _case("adam_optax_eps_root_tiny", "optax", rule, "eps_root taken for eps", gradients=_where_eps_shows(rule))


def _where_eps_shows(rule: RMSprop | Adam) -> float:
    """Return the size of a gradient beside which eps is neither nothing nor all: a power of two."""
    return float(2.0 ** np.round(np.log2(rule.eps) / (2 if rule.epsilon == "inside" else 1)))


def steps(
    rule: Rule,
    value: Decimals,  # before the first step
    gradients: Decimals,  # (steps, ...)
    lrs: Decimals,  # (steps,)
    decays: bool,  # whether weight decay concerns it
) -> Decimals:  # (steps, ...), after each step
    """Take the steps of one parameter, by a rule whose options are read; it is not called."""
    take = {SGD: _sgd_step, RMSprop: _rmsprop_step, Adam: _adam_step, AdamW: _adam_step}[type(rule)]
    options = {key: number(v) if isinstance(v, float) else v for key, v in asdict(rule).items()}
    decay = options["weight_decay"] if decays else number(0)
    state: _Named = dict.fromkeys(("u", "v", "w", "m"), 0 * value)
    after = []
    for t, (g, lr) in enumerate(zip(gradients, lrs, strict=True), start=1):
        if rule.decay == "gradient":
            g = g + decay * value
        else:
            value = value - lr * decay * value
        value = take(value, g, lr, t, state, options)
        after.append(value)
    return np.stack(after)


def _sgd_step(value: Decimals, g: Decimals, lr: Decimals, t: int, state: _Named, options: _Named) -> Decimals:
    m, inside = options["momentum"], options["momentum_lr"] == "inside"
    g = lr * g if inside else g
    state["u"] = m * state["u"] + (g if t == 1 else (1 - options["dampening"]) * g)  # (2), (3)
    change = g + m * state["u"] if options["nesterov"] else state["u"]
    return value - change if inside else value - lr * change


def _rmsprop_step(value: Decimals, g: Decimals, lr: Decimals, _: int, state: _Named, options: _Named) -> Decimals:
    old, inside = options["decay_rate"], options["momentum_lr"] == "inside"
    state["v"] = old * state["v"] + (1 - old) * g * g  # (1)
    state["w"] = old * state["w"] + (1 - old) * g  # (2)
    v = state["v"] - state["w"] ** 2 if options["centred"] else state["v"]
    s = g / sqrt(v + options["eps"]) if options["epsilon"] == "inside" else g / (sqrt(v) + options["eps"])  # (3), (4)
    state["u"] = options["momentum"] * state["u"] + (lr * s if inside else s)  # (6), (7)
    return value - (state["u"] if inside else lr * state["u"])


def _adam_step(value: Decimals, g: Decimals, lr: Decimals, t: int, state: _Named, options: _Named) -> Decimals:
    beta1, beta2, eps = options["beta1"], options["beta2"], options["eps"]
    state["m"] = beta1 * state["m"] + (1 - beta1) * g  # (1)
    state["v"] = beta2 * state["v"] + (1 - beta2) * g * g
    m_hat, v_hat = state["m"] / (1 - beta1**t), state["v"] / (1 - beta2**t)  # (2)
    if options["epsilon"] == "inside":
        return value - lr * m_hat / sqrt(v_hat + eps)  # (4)
    if options["epsilon"] == "hat":
        eps = eps / (1 - beta2**t).sqrt()  # (5), in the form of (3)
    return value - lr * m_hat / (sqrt(v_hat) + eps)  # (3)


def _in_words(rule: Rule) -> tuple[str, ...]:
    words = [f"{rule}; the state begins at zero"]
    if not isinstance(rule, Adam) and rule.momentum:
        words.append(_WHEN[rule.momentum_lr])
    if not isinstance(rule, SGD):
        words.append(_EPSILON[rule.epsilon])
    if rule.weight_decay:
        kind = (
            "weight_decay · θ is added to the gradient"
            if rule.decay == "gradient"
            else "θ shrinks by lr · weight_decay"
        )
        words.append(f"{kind}; {'biases too' if rule.decayed == 'all' else 'arrays of two axes or more alone'}")
    return tuple(words)


def _case(name: str, framework: str, rule: Rule, aimed_at: str, gradients: float = 1.0) -> Vector:
    draw = Draw(name)
    W, b, lr = draw.normal(P, Q), draw.normal(Q), np.array(LR)
    dW, db = draw.normal(STEPS, P, Q, scale=gradients), draw.normal(STEPS, Q, scale=gradients)
    if gradients < 1:
        dW[:, 0, 0], db[:, 0] = 0, 0
    after = {
        f"{key}_steps": steps(rule, exact(value), exact(grads), exact(lr), value.ndim == 2 or rule.decayed == "all")
        for key, value, grads in (("W", W, dW), ("b", b, db))
    }
    return Vector(
        name=name,
        group="optimizer",
        sizes={"P": P, "Q": Q, "steps": STEPS},
        conventions={"rule": type(rule).__name__.lower(), "framework": framework} | asdict(rule),
        in_words=_in_words(rule),
        aimed_at=aimed_at,
        chapter="17_step_size" if isinstance(rule, SGD) else "11_scaling",
        inputs={"W": W, "b": b, "dW": dW, "db": db, "lr": lr},
        stages={"forward": after},
        required=("W_steps", "b_steps"),
        meanings=_MEANINGS,
    )
