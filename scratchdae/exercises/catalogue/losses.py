"""Exercises 01, 04 and 08: the losses from pre-activations, and what they send back."""

import numpy as np

from scratchdae import activations, losses
from scratchdae.arguments import Array, Params
from scratchdae.exercises.exercise import Shows, Task, exercise


def _wide(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Array]:
    """Pre-activations of a few, and some of a thousand."""
    a = 3 * rng.normal(size=(sizes["B"], sizes["D"]))
    a[0, :4] = 800, -800, 1e3, -1e3
    return {"a": a}


def _wide_or_negative(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Array]:
    """In every second case none where exp(a) overflows: z is 0 there, and log z is not."""
    a = _wide(rng, sizes)["a"]
    return {"a": a - 2 * np.maximum(a, 0) if sizes["D"] % 2 else a}


def _saturated(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Array]:
    """Pre-activations where the slope is small, next to nothing, and nothing."""
    a = rng.normal(size=(sizes["B"], sizes["D"]))
    a[0, :4], a[1, :4] = (8, -8, 25, -25), (800, -800, 1e3, -1e3)
    return {"a": a}


def _naive(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def _losses_of(z: Array, x: Array) -> Array:
    return np.asarray(-(x * np.log(z) + (1 - x) * np.log(1 - z)))


def _stable(a: Array, x: Array) -> Array:
    return np.asarray(np.logaddexp(0, a) - x * a)


def _capped(inputs: Params, found: Params, right: Params) -> bool:
    """Whether a loss is what comes of −log z where no entry costs more than −log(eps), for some eps."""
    a, x, loss = inputs["a"], inputs["x"], found["loss"]
    if loss.shape != right["loss"].shape or not np.isfinite(loss):
        return False
    far = np.abs(a) > 100
    cost = float(loss) * len(x) - _stable(a, x)[~far].sum()
    return bool(5 < cost / np.where(a > 0, 1 - x, x)[far].sum() < 50)  # exp(−5) to exp(−50)


stable_loss = exercise(
    1, "stable_loss",
    Task(
        "sigmoid", {"a": "BD drawn"}, ("s",),
        activations.sigmoid,
        {
            "a tanh": np.tanh,
            "of 2a": lambda a: activations.sigmoid(2 * a),
            "the sign of a": lambda a: activations.sigmoid(-a),
            "overflow to NaN": lambda a: np.exp(a) / (1 + np.exp(a)),
            "clipped": lambda a: _naive(np.clip(a, -5, 5)),
            "the derivative": lambda a: activations.sigmoid(a) * (1 - activations.sigmoid(a)),
            "a softmax": lambda a: np.exp(a - a.max(1, keepdims=True)) / np.exp(a - a.max(1, keepdims=True)).sum(1, keepdims=True),
        },
        draw=_wide,
    ),
    Task(
        "cross_entropy", {"a": "BD drawn", "x": "BD unit"}, ("loss",),
        lambda a, x: losses.cross_entropy(a, x)[0],
        {
            "averaged over D too": lambda a, x: _stable(a, x).mean(),
            "summed over the batch": lambda a, x: _stable(a, x).sum(),
            "averaged over D, summed over B": lambda a, x: _stable(a, x).mean(axis=1).sum(),
            "one loss for each example": lambda a, x: _stable(a, x).sum(axis=1),
            "softplus overflows": lambda a, x: (np.log(1 + np.exp(a)) - x * a).sum() / len(x),
            "log of zero": lambda a, x: _losses_of(activations.sigmoid(a), x).sum() / len(x),
            "log of zero, and an eps or a clip": Shows(_capped),
            "only the first term": lambda a, x: (x * np.logaddexp(0, -a)).sum() / len(x),
            "the sign of the loss": lambda a, x: -_stable(a, x).sum() / len(x),
            "bits": lambda a, x: _stable(a, x).sum() / len(x) / np.log(2),
            "x and 1 − x exchanged": lambda a, x: _stable(a, 1 - x).sum() / len(x),
            "a and x exchanged": lambda a, x: (np.logaddexp(0, a) + x * a).sum() / len(x),
            "the target's term is missing": lambda a, x: np.logaddexp(0, a).sum() / len(x),
        },
        draw=_wide_or_negative,
    ),
)  # fmt: skip


output_delta = exercise(
    4, "output_delta",
    Task(
        "cross_entropy_delta", {"z": "BD unit", "x": "BD unit"}, ("da_z",),
        lambda z, x: (z - x) / len(x),
        {
            "z as the target": lambda z, x: (x - z) / len(x),
            "the slope twice": lambda z, x: (z - x) * z * (1 - z) / len(x),
            "stopped at z": lambda z, x: (z - x) / (z * (1 - z)) / len(x),
            "not averaged": lambda z, x: z - x,
            "averaged over D too": lambda z, x: (z - x) / x.size,
            "divided by D": lambda z, x: (z - x) / x.shape[1],
            "the square's gradient": lambda z, x: 2 * (z - x) / len(x),
            "a sigmoid of z": lambda z, x: (activations.sigmoid(z) - x) / len(x),
            "one row for the batch": lambda z, x: ((z - x) / len(x)).sum(axis=0),
            "only one term": lambda z, x: -x * (1 - z) / len(x),
        },
    ),
    Task(
        "squared_error_delta", {"z": "BD", "x": "BD unit"}, ("da_z",),
        lambda z, x: losses.squared_error(z, x)[1],
        {
            "half": lambda z, x: (z - x) / len(x),
            "the sign": lambda z, x: 2 * (x - z) / len(x),
            "not averaged": lambda z, x: 2 * (z - x),
            "averaged over D too": lambda z, x: 2 * (z - x) / x.size,
            "a slope where there is no sigmoid": lambda z, x: 2 * (z - x) * z * (1 - z) / len(x),
            "the loss itself": lambda z, x: (z - x) ** 2 / len(x),
            "the absolute error's": lambda z, x: np.sign(z - x) / len(x),
            "divided by D": lambda z, x: 2 * (z - x) / x.shape[1],
        },
    ),
)  # fmt: skip


def _through(a: Array, x: Array) -> tuple[Array, Array]:
    return _through_of(activations.sigmoid(a), x)


def _floored(inputs: Params, found: Params, right: Params) -> bool:
    """Whether the gradient is right where the slope is large, and not small where it is next to nothing."""
    far = np.abs(inputs["a"]) > 7
    if found["da"].shape != far.shape or not np.isfinite(found["da"]).all():
        return False
    z, x = activations.sigmoid(inputs["a"]), inputs["x"]
    slope = found["da"] / (2 * (z - x) / len(x))
    alike = np.allclose(found["da"][~far], right["da"][~far], rtol=1e-5)
    return alike and bool(slope[far].min() > 1e-6 and np.ptp(slope[far]) < 1e-3 * slope[far].min())


def _through_of(z: Array, x: Array) -> tuple[Array, Array]:
    loss, dz = losses.squared_error(z, x)
    return np.asarray(loss), dz * z * (1 - z)


squared_through_sigmoid = exercise(
    8, "squared_through_sigmoid",
    Task(
        "squared_error", {"a": "BD drawn", "x": "BD unit"}, ("loss", "da"),
        _through,
        {
            "overflow to NaN": lambda a, x: _through_of(np.exp(a) / (1 + np.exp(a)), x),
            "the slope is missing": lambda a, x: (_through(a, x)[0], 2 * (activations.sigmoid(a) - x) / len(x)),
            "the slope of a": lambda a, x: (_through(a, x)[0], 2 * (activations.sigmoid(a) - x) * a * (1 - a) / len(x)),
            "half a slope": lambda a, x: (_through(a, x)[0], 2 * (activations.sigmoid(a) - x) * activations.sigmoid(a) / len(x)),
            "the cross-entropy's gradient": lambda a, x: (_through(a, x)[0], (activations.sigmoid(a) - x) / len(x)),
            "the slope of tanh": lambda a, x: (_through(a, x)[0], 2 * (activations.sigmoid(a) - x) * (1 - activations.sigmoid(a) ** 2) / len(x)),
            "the root": lambda a, x: (np.sqrt(_through(a, x)[0]), _through(a, x)[1]),
            "half the gradient": lambda a, x: (_through(a, x)[0], _through(a, x)[1] / 2),
            "half the loss": lambda a, x: (_through(a, x)[0] / 2, _through(a, x)[1] / 2),
            "averaged over D too": lambda a, x: (_through(a, x)[0] / x.shape[1], _through(a, x)[1] / x.shape[1]),
            "the loss averaged over D, the gradient not": lambda a, x: (_through(a, x)[0] / x.shape[1], _through(a, x)[1]),
            "the gradient not averaged": lambda a, x: (_through(a, x)[0], _through(a, x)[1] * len(x)),
            "not averaged": lambda a, x: (_through(a, x)[0] * len(x), _through(a, x)[1] * len(x)),
            "the sign": lambda a, x: (_through(a, x)[0], -_through(a, x)[1]),
            "no sigmoid": lambda a, x: (((a - x) ** 2).sum() / len(x), 2 * (a - x) / len(x)),
            "a slope that never ends": Shows(_floored),
        },
        draw=_saturated,
    ),
)  # fmt: skip
