"""The update rules of `scratchdae.optimizers`, a row at a time and in place.

What they do differently: the reference makes a dozen passes, each with an array of its own. Here a row of parameters,
its gradient and what is remembered of it are read once, and written once. The numbers of a step are found beforehand,
for all steps of a call, in float64; wherever a framework puts the learning rate, eps and decay, one formula a rule
serves, with other numbers::

    dθ ← dθ + decay θ,        θ ← keep θ − change                                             every rule
    u ← slow u + fast dθ,     change = along dθ + beyond u                                    `Velocity`
    v ← old v + fresh dθ²,    w ← old w + fresh dθ,     s = dθ / (sqrt(v − w² + inside) + outside)
    u ← slow u + inner s,     change = outer u, or outer s                                    `Squares`
    m ← old m + fresh dθ,     v ← old' v + fresh' dθ²,  change = rate m / (sqrt(share v + inside) + outside)  `Moments`

A rule is compiled when it is first used, and no other with it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
from numba.extending import overload

from scratchdae.arguments import Array, Params
from scratchdae.kernels.machine import threads
from scratchdae.kernels.machine.jit import njit
from scratchdae.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from scratchdae.optimizers.rule import Rule

_FAST = {"contract", "nsz"}
_LEAST = 65536  # parameters that are worth a thread
MANY = 100_000  # parameters of a model whose update takes longer than to call what is compiled


class Velocity(NamedTuple):
    """What momentum remembers of a parameter, flat."""

    velocity: Array


class Squares(NamedTuple):
    """What RMSprop and Adagrad remember; None for what they do not."""

    square: Array
    velocity: Array | None
    mean: Array | None


class Moments(NamedTuple):
    """What Adam remembers."""

    first: Array
    second: Array


# A slice tells the compiler that no index is counted from the end; then the loops become vector loops.
@njit(fastmath=_FAST, error_model="numpy")
def _velocity(w: Array, g: Array, n: Array, at: int, velocity: Array) -> None:
    decay, keep, slow, fast, along, beyond = n[0], n[1], n[2], n[3], n[4], n[5]
    u = velocity[at : at + len(w)]
    for j in range(len(w)):
        d = g[j] + decay * w[j] if decay else g[j]  # not 0 · inf
        u[j] = slow * u[j] + fast * d
        w[j] = keep * w[j] - (along * d + beyond * u[j])


@njit(fastmath=_FAST, error_model="numpy")
def _squares(w: Array, g: Array, n: Array, at: int, square: Array, velocity: Array | None, mean: Array | None) -> None:
    decay, keep, old, fresh, inside, outside = n[0], n[1], n[2], n[3], n[4], n[5]
    slow, inner, outer = n[6], n[7], n[8]
    v = square[at : at + len(w)]
    if velocity is not None:
        u = velocity[at : at + len(w)]
    if mean is not None:
        m = mean[at : at + len(w)]
    for j in range(len(w)):
        d = g[j] + decay * w[j] if decay else g[j]  # not 0 · inf
        v[j] = size = old * v[j] + fresh * d * d
        if mean is not None:
            m[j] = old * m[j] + fresh * d
            size -= m[j] * m[j]
        s = d / (np.sqrt(size + inside) + outside)
        if velocity is not None:
            u[j] = s = slow * u[j] + inner * s
        w[j] = keep * w[j] - outer * s


@njit(fastmath=_FAST, error_model="numpy")
def _moments(w: Array, g: Array, n: Array, at: int, first: Array, second: Array) -> None:
    decay, keep, old, fresh, old_square, fresh_square = n[0], n[1], n[2], n[3], n[4], n[5]
    rate, share, inside, outside = n[6], n[7], n[8], n[9]
    m, v = first[at : at + len(w)], second[at : at + len(w)]
    for j in range(len(w)):
        d = g[j] + decay * w[j] if decay else g[j]  # not 0 · inf
        m[j] = old * m[j] + fresh * d
        v[j] = old_square * v[j] + fresh_square * d * d
        w[j] = keep * w[j] - rate * (m[j] / (np.sqrt(share * v[j] + inside) + outside))


_ROWS: dict[type, Callable[..., None]] = {
    Velocity: lambda w, g, n, at, kept: _velocity(w, g, n, at, kept.velocity),
    Squares: lambda w, g, n, at, kept: _squares(w, g, n, at, kept.square, kept.velocity, kept.mean),
    Moments: lambda w, g, n, at, kept: _moments(w, g, n, at, kept.first, kept.second),
}


def update(w: Array, g: Array, n: Array, at: int, kept: Any) -> None:
    """Take a step with some parameters; `kept` holds what is remembered of the first of them at `at`."""
    _ROWS[type(kept)](w, g, n, at, kept)


@overload(update, strict=False)
def _compiled_update(w: Array, g: Array, n: Array, at: int, kept: Any) -> Any:
    del w, g, n, at
    return _ROWS[kept.instance_class]


@njit()
def _update_part(w: Array, g: Array, n: Array, kept: Any, begin: int, end: int) -> None:
    update(w[begin:end], g[begin:end], n, begin, kept)


def _numbers_of_velocity(rule: SGD, lr: float, t: Array) -> list[Any]:
    fast = np.where(t == 1, 1.0, 1 - rule.dampening)
    inner, outer = (lr, 1.0) if rule.momentum_lr == "inside" else (1.0, lr)
    along, beyond = (outer * inner, outer * rule.momentum) if rule.nesterov else (0.0, outer)
    return [rule.momentum, fast * inner, along, beyond]


def _numbers_of_squares(rule: RMSprop | Adagrad, lr: float, t: Array) -> list[Any]:
    del t
    eps = (rule.eps, 0.0) if rule.epsilon == "inside" else (0.0, rule.eps)
    if isinstance(rule, Adagrad):
        return [1.0, 1.0, *eps, 0.0, 0.0, lr]
    inner, outer = (lr, 1.0) if rule.momentum and rule.momentum_lr == "inside" else (1.0, lr)
    return [rule.decay_rate, 1 - rule.decay_rate, *eps, rule.momentum, inner, outer]


def _numbers_of_moments(rule: Adam, lr: float, t: Array) -> list[Any]:
    first, second, hat = 1 - rule.beta1**t, 1 - rule.beta2**t, rule.epsilon == "hat"
    eps = (rule.eps, 0.0) if rule.epsilon == "inside" else (0.0, rule.eps)
    rate = lr / first * (np.sqrt(second) if hat else 1)
    return [rule.beta1, 1 - rule.beta1, rule.beta2, 1 - rule.beta2, rate, 1 if hat else 1 / second, *eps]


_NUMBERS: dict[type, tuple[Callable[..., list[Any]], type]] = {
    SGD: (_numbers_of_velocity, Velocity),
    RMSprop: (_numbers_of_squares, Squares),
    Adagrad: (_numbers_of_squares, Squares),
    Adam: (_numbers_of_moments, Moments),
    AdamW: (_numbers_of_moments, Moments),
}


def known(rule: Optimizer) -> bool:
    """Tell whether a rule has a compiled form: it must be of these very types, and remember something."""
    return isinstance(rule, Rule) and type(rule) in _NUMBERS and bool(rule.remembers())


def numbers(rule: Rule, lr: float, l2: float, state: Params, steps: int, dtype: Any) -> Array:
    """Return the numbers of the next steps, (2, steps, n): those for weights, then those for biases."""
    t, found = int(state.get("step", 0)) + np.arange(1.0, steps + 1), []
    for weights in (True, False):
        decay = rule.weight_decay if weights or rule.decayed == "all" else 0.0
        in_gradient, rest = (decay, 1.0) if rule.decay == "gradient" else (0.0, 1 - lr * decay)
        row = [in_gradient + (2 * l2 if weights else 0), rest, *_NUMBERS[type(rule)][0](rule, lr, t)]
        found.append(np.stack(np.broadcast_arrays(t, *row)[1:], axis=1))
    return np.stack(found).astype(dtype)


def kept(rule: Rule, state: Params, name: str) -> Any:
    """Return what is remembered of a parameter, flat, in place."""
    kind = _NUMBERS[type(rule)][1]
    slots = [key for key in rule.remembers() if key != "step"]
    arrays = [state[f"{key}/{name}"].reshape(-1) for key in slots]
    if kind is not Squares:
        return kind(*arrays)
    given = dict(zip(slots, arrays, strict=True))
    return Squares(arrays[0], given.get("velocity"), given.get("mean"))


def after(state: Params, steps: int) -> Params:
    """Return the state, whose arrays the steps have changed in place, with those steps counted."""
    return {name: np.array(value + steps) if name == "step" else value for name, value in state.items()}


def step(rule: Optimizer, params: Params, grads: Params, state: Params, lr: float, l2: float) -> Params:
    """Take a step with the parameters of any model, in place; return the state to go on with."""
    found = numbers(cast(Rule, rule), lr, l2, state, 1, next(iter(params.values())).dtype)
    for name, value in params.items():
        g, n = np.ascontiguousarray(grads[name], value.dtype), found[int(value.ndim < 2), 0]
        ends = threads.parts(value.size, _LEAST)
        threads.run(_update_part, *ends, value.reshape(-1), g.reshape(-1), n, kept(cast(Rule, rule), state, name))
    return after(state, 1)
