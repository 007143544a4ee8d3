"""Exercises 09 to 11, 15 and 16: updates, a gradient check, first weights, a stack, and a training of one's own."""

from collections.abc import Callable
from functools import partial

import numpy as np

from scratchdae import initializers, optimizers
from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params
from scratchdae.exercises import process
from scratchdae.exercises.exercise import Shows, Task, exercise


def _moments(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, float | int]:
    """The first step of all in every third case; eps so large that its place shows."""
    ranges = {"lr": (0.02, 0.3), "beta1": (0.8, 0.95), "beta2": (0.9, 0.99), "eps": (0.02, 0.1)}
    numbers = {name: float(rng.uniform(*between)) for name, between in ranges.items()}
    return numbers | {"steps": int(rng.integers(1, 6)) if rng.random() < 0.6 else 0}


def _momentum(theta: Array, g: Array, velocity: Array, lr: float, mu: float) -> tuple[Array, Array]:
    rule = optimizers.SGD(momentum=mu)
    new, kept = rule.step(theta, g, {"velocity": velocity}, lr, 1)
    return new, kept["velocity"]


def _adam(
    theta: Array, g: Array, m: Array, v: Array, steps: int, lr: float, b1: float, b2: float, eps: float, form: str = ""
) -> tuple[Array, Array, Array]:
    rule = optimizers.Adam(beta1=b1, beta2=b2, eps=eps, epsilon=form or "outside")
    new, kept = rule.step(theta, g, {"first_moment": m, "second_moment": v}, lr, steps + 1)
    return new, kept["first_moment"], kept["second_moment"]


def _adam_with(
    step: Callable[..., Array], first: Callable[..., Array] | None = None, second: Callable[..., Array] | None = None
) -> Callable[..., tuple[Array, Array, Array]]:
    """Make an Adam with other moments, or another step of (lr, m, v, t, beta1, beta2, eps)."""

    def wrong(
        theta: Array, g: Array, m: Array, v: Array, steps: int, lr: float, b1: float, b2: float, eps: float
    ) -> tuple[Array, Array, Array]:
        m = b1 * m + (1 - b1) * g if first is None else first(m, g, b1, steps + 1)
        v = b2 * v + (1 - b2) * g * g if second is None else second(v, g, b2, steps + 1)
        return theta - step(lr, m, v, steps + 1, b1, b2, eps), m, v

    return wrong


def _full(lr: float, m: Array, v: Array, t: int, b1: float, b2: float, eps: float) -> Array:
    return lr * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)


updates = exercise(
    9, "updates",
    Task(
        "sgd", {"theta": "DH", "g": "DH", "lr": " drawn"}, ("theta",),
        lambda theta, g, lr: optimizers.SGD().step(theta, g, {}, lr, 1)[0],
        {
            "upwards": lambda theta, g, lr: theta + lr * g,
            "no rate": lambda theta, g, lr: theta - g,
            "the step alone": lambda theta, g, lr: -lr * g,
            "the step alone, turned": lambda theta, g, lr: lr * g,
            "divided by the rate": lambda theta, g, lr: theta - g / lr,
            "a decay": lambda theta, g, lr: theta * (1 - lr * g),
            "the sign of the gradient": lambda theta, g, lr: theta - lr * np.sign(g),
            "normalised": lambda theta, g, lr: theta - lr * g / np.linalg.norm(g),
            "nothing happens": lambda theta, g, lr: theta,
        },
        draw=lambda rng, sizes: {"lr": float(rng.uniform(0.02, 0.3))},
    ),
    Task(
        "momentum", {"theta": "DH", "g": "DH", "velocity": "DH", "lr": " drawn", "mu": " drawn"}, ("theta", "velocity"),
        _momentum,
        {
            "upwards": lambda th, g, u, lr, mu: (th + lr * (mu * u + g), mu * u + g),
            "rate inside": lambda th, g, u, lr, mu: (th - (mu * u + lr * g), mu * u + lr * g),
            "rate inside, plus": lambda th, g, u, lr, mu: (th + mu * u - lr * g, mu * u - lr * g),
            "rate twice": lambda th, g, u, lr, mu: (th - lr * (mu * u + lr * g), mu * u + lr * g),
            "an average": lambda th, g, u, lr, mu: (th - lr * (mu * u + (1 - mu) * g), mu * u + (1 - mu) * g),
            "the old velocity": lambda th, g, u, lr, mu: (th - lr * u, mu * u + g),
            "velocity not kept": lambda th, g, u, lr, mu: (th - lr * (mu * u + g), u),
            "Nesterov": lambda th, g, u, lr, mu: (th - lr * (g + mu * (mu * u + g)), mu * u + g),
            "μ forgotten": lambda th, g, u, lr, mu: (th - lr * (u + g), u + g),
            "μ on the gradient": lambda th, g, u, lr, mu: (th - lr * (u + mu * g), u + mu * g),
            "no momentum": lambda th, g, u, lr, mu: (th - lr * g, mu * u + g),
        },
        draw=lambda rng, sizes: {"lr": float(rng.uniform(0.02, 0.3)), "mu": float(rng.uniform(0.5, 0.95))},
    ),
    Task(
        "adam", {"theta": "DH", "g": "DH", "m": "DH", "v": "DH unit", **dict.fromkeys(("steps", "lr", "beta1", "beta2", "eps"), " drawn")}, ("theta", "m", "v"),
        _adam,
        {
            "no correction": _adam_with(lambda lr, m, v, t, b1, b2, eps: lr * m / (np.sqrt(v) + eps)),
            "t from 0": _adam_with(lambda lr, m, v, t, b1, b2, eps: lr * m / (1 - b1 ** (t - 1)) / (np.sqrt(v / (1 - b2 ** (t - 1))) + eps)),
            "eps inside the root": _adam_with(lambda lr, m, v, t, b1, b2, eps: lr * m / (1 - b1**t) / np.sqrt(v / (1 - b2**t) + eps)),
            "eps hat": partial(_adam, form="hat"),
            "corrected moments kept": lambda th, g, m, v, n, lr, b1, b2, eps: (_adam(th, g, m, v, n, lr, b1, b2, eps)[0], _adam(th, g, m, v, n, lr, b1, b2, eps)[1] / (1 - b1 ** (n + 1)), _adam(th, g, m, v, n, lr, b1, b2, eps)[2] / (1 - b2 ** (n + 1))),
            "weight of g² missing": _adam_with(_full, second=lambda v, g, b2, t: b2 * v + g * g),
            "weights of g missing": _adam_with(_full, lambda m, g, b1, t: b1 * m + g, lambda v, g, b2, t: b2 * v + g * g),
            "no root": _adam_with(lambda lr, m, v, t, b1, b2, eps: lr * m / (1 - b1**t) / (v / (1 - b2**t) + eps)),
            "only m corrected": _adam_with(lambda lr, m, v, t, b1, b2, eps: lr * m / (1 - b1**t) / (np.sqrt(v) + eps)),
            "only v corrected": _adam_with(lambda lr, m, v, t, b1, b2, eps: lr * m / (np.sqrt(v / (1 - b2**t)) + eps)),
            "β exchanged": lambda th, g, m, v, n, lr, b1, b2, eps: _adam(th, g, m, v, n, lr, b2, b1, eps),
            "v of g": _adam_with(_full, second=lambda v, g, b2, t: b2 * v + (1 - b2) * g),
            "v of |g|": _adam_with(_full, second=lambda v, g, b2, t: b2 * v + (1 - b2) * np.abs(g)),
            "v of m": lambda th, g, m, v, n, lr, b1, b2, eps: _adam_with(_full, second=lambda v, g, b2, t: b2 * v + (1 - b2) * (b1 * m + (1 - b1) * g) ** 2)(th, g, m, v, n, lr, b1, b2, eps),
            "weights of the average exchanged": _adam_with(_full, lambda m, g, b1, t: (1 - b1) * m + b1 * g, lambda v, g, b2, t: (1 - b2) * v + b2 * g * g),
            "upwards": _adam_with(lambda *a: -_full(*a)),
            "β to the power 1": _adam_with(lambda lr, m, v, t, b1, b2, eps: lr * m / (1 - b1) / (np.sqrt(v / (1 - b2)) + eps)),
            "corrections multiplied": _adam_with(lambda lr, m, v, t, b1, b2, eps: lr * m * (1 - b1**t) / (np.sqrt(v * (1 - b2**t)) + eps)),
        },
        draw=_moments,
    ),
)  # fmt: skip

_FUNCTION = """import numpy as np
def arguments(A, theta):
    B = A.copy()  # what the function knows is not to be got at
    return lambda p: float(np.log1p(np.exp(B @ np.asarray(p, float).ravel())).sum() + np.sin(np.asarray(p, float)).prod()), theta
"""


def _differences(low: float, high: float, by: float, h: float) -> Callable[[Callable[[Array], float], Array], Array]:
    """Make a difference quotient: (f(θ + high·h) − f(θ − low·h)) / (by·h), entry by entry."""

    def gradient(f: Callable[[Array], float], theta: Array) -> Array:
        g = np.zeros_like(theta)
        for i in np.ndindex(theta.shape):
            e = np.zeros_like(theta)
            e[i] = h
            g[i] = (f(theta + high * e) - f(theta - low * e)) / (by * h)
        return g

    return gradient


def _not_restored(f: Callable[[Array], float], theta: Array) -> Array:
    g, theta, h = np.zeros_like(theta), theta.copy(), 1e-3
    for i in np.ndindex(theta.shape):
        theta[i] += h
        up = f(theta)
        theta[i] -= 2 * h
        g[i] = (up - f(theta)) / (2 * h)
    return g


_central = _differences(1, 1, 2, 1e-5)


def _off_like(
    inputs: Params, found: Params, right: Params, other: Callable[..., Array], than: Callable[..., Array]
) -> bool:
    """Whether the error is a multiple of what one quotient has more than another, both with a step that is known."""
    f, theta = process.arguments(process.Request("", inputs, (), _FUNCTION))
    if found["g"].shape != theta.shape or not np.isfinite(found["g"]).all():
        return False
    off, like = found["g"] - right["g"], other(f, theta) - than(f, theta)
    return bool(np.abs(off - (off * like).sum() / (like * like).sum() * like).max() < 0.05 * np.abs(off).max())


def _one_sided(inputs: Params, found: Params, right: Params) -> bool:
    return _off_like(inputs, found, right, _differences(0, 1, 1, 1e-4), _differences(1, 1, 2, 1e-4))


def _drifted(inputs: Params, found: Params, right: Params) -> bool:
    return _off_like(inputs, found, right, _not_restored, _differences(1, 1, 2, 1e-3))


def _coarse(inputs: Params, found: Params, right: Params) -> bool:
    return _off_like(inputs, found, right, _differences(1, 1, 2, 1e-2), _differences(1, 1, 2, 1e-3))


def _grain(inputs: Params, found: Params, right: Params) -> bool:
    """Whether all entries are whole multiples of the last digit of f, divided by some small step."""
    g = found["g"]
    if g.shape != right["g"].shape or not np.isfinite(g).all() or np.abs(g).max() < 1e-3 * np.abs(right["g"]).max():
        return False
    for h in 10.0 ** -np.arange(10, 19):
        for by in (1, 2):
            digits = g * by * h * 2.0**51
            if (
                np.abs(digits[g != 0]).min() > 0.5
                and np.abs(digits).max() < 1e7
                and np.abs(digits - np.round(digits)).max() < 1e-2
            ):
                return True
    return False


def _point(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Array]:
    """A matrix, or a vector, with a 0 in it."""
    A, theta = rng.normal(size=(6, 2 * sizes["K"])), rng.normal(size=(2, sizes["K"]))
    theta[0, 0] = 0
    return {"A": A, "theta": theta if sizes["B"] % 2 else theta.ravel()}


gradient_check = exercise(
    10, "gradient_check",
    Task(
        "numerical_gradient", {"A": "BK drawn", "theta": "K drawn"}, ("g",),
        _central,
        {
            "the same place twice": Shows(lambda i, f, e: f["g"].shape == e["g"].shape and not f["g"].any()),
            "one-sided": Shows(_one_sided),
            "θ not restored": Shows(_drifted),
            "step too large": Shows(_coarse),
            "not divided by 2": _differences(1, 1, 1, 1e-5),
            "divided twice": _differences(0, 1, 2, 1e-5),
            "turned": _differences(-1, -1, 2, 1e-5),
            "step too small": Shows(_grain),
            "all entries at once": lambda f, th: np.full_like(th, (f(th + 1e-5) - f(th - 1e-5)) / 2e-5),
            "the sum alone": lambda f, th: (f(th + 1e-5) - f(th - 1e-5)) / 2e-5,
            "not divided": Shows(lambda i, f, e: f["g"].shape == e["g"].shape and bool(_ratio(f, e) < 0.01 and _proportional(f, e, 1e-4))),
            "f itself": lambda f, th: np.array([f(th)] * th.size).reshape(th.shape),
            "divided by h too often": Shows(lambda i, f, e: f["g"].shape == e["g"].shape and bool(_ratio(f, e) > 100 and _proportional(f, e, 1e-3))),
        },
        draw=_point, prepare=_FUNCTION, rtol=2e-7, big=0,
    ),
)  # fmt: skip


def _ratio(found: Params, right: Params) -> float:
    return float((found["g"] * right["g"]).sum() / (right["g"] ** 2).sum())


def _proportional(found: Params, right: Params, within: float) -> bool:
    factor = _ratio(found, right)
    return bool(np.abs(found["g"] / factor - right["g"]).max() < within * np.abs(right["g"]).max()) if factor else False


def _he(fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    return initializers.he_normal((fan_in, fan_out), rng)


def _spread(inputs: Params, outputs: Params) -> Params:
    """What is certain of random weights, rounded so that chance does not reach it."""
    W, n = outputs["W"], float(inputs["fan_in"])
    with np.errstate(all="ignore"):
        return {
            "W.shape": np.array(W.shape, float),
            "W.var() · fan_in": np.array(W.var() * n),
            "1 + W.mean() · sqrt(fan_in)": np.array(1 + W.mean() * np.sqrt(n)),
            "distinct entries": np.array(float(len(np.unique(W)) > 0.9 * W.size)),
            "entries drawn one by one (1: yes)": np.array(float(all(_chance(w) for w in (W, W.T)))),
        }


def _chance(W: Array) -> bool:
    """Whether an entry tells nothing of the next one; in 40,000 entries chance gives a correlation of 0.005."""
    w = W.ravel() - W.mean()
    return bool(abs(w[:-1] @ w[1:]) <= 0.05 * (w @ w))


def _gauss(deviation: Callable[[int, int], float]) -> Callable[[int, int, np.random.Generator], Array]:
    return lambda n, m, rng: rng.normal(0, deviation(n, m), (n, m))


initial_weights = exercise(
    11, "initial_weights",
    Task(
        "initial_weights", {"fan_in": " drawn", "fan_out": " drawn", "seed": " drawn"}, ("W",),
        _he,
        {
            "fan-out": _gauss(lambda n, m: (2 / m) ** 0.5),
            "variance for deviation": _gauss(lambda n, m: 2 / n),
            "Glorot's": _gauss(lambda n, m: (2 / (n + m)) ** 0.5),
            "LeCun's": _gauss(lambda n, m: (1 / n) ** 0.5),
            "of deviation 1": _gauss(lambda n, m: 1.0),
            "uniform of variance 2/3": lambda n, m, rng: rng.uniform(-((2 / n) ** 0.5), (2 / n) ** 0.5, (n, m)),
            "not around zero": lambda n, m, rng: rng.random((n, m)) * (6 / n) ** 0.5,
            "not around zero, 2/fan_in": lambda n, m, rng: rng.random((n, m)) * (2 / n) ** 0.5,
            "transposed": lambda n, m, rng: rng.normal(0, (2 / n) ** 0.5, (m, n)),
            "all the same": Shows(lambda i, f, e: f["W"].size > 1 and bool(np.ptp(f["W"]) == 0 and f["W"].any())),
            "zeros": lambda n, m, rng: np.zeros((n, m)),
            "0.01": _gauss(lambda n, m: 0.01),
            "times the root": _gauss(lambda n, m: (n / 2) ** 0.5),
            "one row for all": Shows(lambda i, f, e: f["W"].ndim == 2 and 0 in (np.ptp(f["W"], axis=0).max(), np.ptp(f["W"], axis=1).max()) and f["W"].std() > 0),
        },
        draw=lambda rng, sizes: {"fan_in": 40 * sizes["D"], "fan_out": 30 * sizes["B"], "seed": int(rng.integers(2**31))}, prepare="import numpy as np\ndef arguments(fan_in, fan_out, seed):\n    return fan_in, fan_out, np.random.default_rng(seed)\n", measure=_spread, rtol=0.04, big=0,
    ),
)  # fmt: skip

_TRAIN = """import numpy as np
def arguments(x, h1, h2, seed):
    P = np.random.default_rng(seed).normal(size=(64, 64)) / 4
    def train(inputs, units):  # stands for a training: what it gives depends on every input
        inputs = np.asarray(inputs, float)
        c = inputs.T @ np.cos(np.arange(len(inputs)))
        return np.tanh(c[:, None] * P[: inputs.shape[1], :units]), np.sin(inputs.sum() + np.arange(units))
    return x, (h1, h2), train
"""
_Train = Callable[[Array, int], tuple[Array, Array]]
_Stack = tuple[Array, Array, Array, Array, Array]


def _stack(
    first: Callable[..., Array], second: Callable[..., Array] | None = None, turned: bool = False
) -> Callable[[Array, tuple[int, int], _Train], _Stack]:
    """Make a pretraining; `first` makes of (x, W, b) what the second layer learns from, `second` the code."""

    def pretrain(x: Array, sizes: tuple[int, int], train: _Train) -> _Stack:
        one, two = sizes[::-1] if turned else sizes
        W1, b1 = train(x, one)
        y = first(x, W1, b1)
        W2, b2 = train(y, two)
        return W1, b1, W2, b2, (second or first)(y, W2, b2)

    return pretrain


def _code(x: Array, W: Array, b: Array) -> Array:
    return sigmoid(x @ W + b)


def _linear(x: Array, W: Array, b: Array) -> Array:
    return x @ W + b


def _from_x(x: Array, sizes: tuple[int, int], train: _Train) -> _Stack:
    W1, b1 = train(x, sizes[0])
    W2, b2 = train(x, sizes[1])
    return W1, b1, W2, b2, _code(x, W1, b1)


_pretrain = _stack(_code)
pretraining = exercise(
    15, "pretraining",
    Task(
        "pretrain", {"x": "BD unit", "h1": " drawn", "h2": " drawn", "seed": " drawn"}, ("W1", "b1", "W2", "b2", "code"),
        _pretrain,
        {
            "second layer from x": _from_x,
            "second layer from x, its own code": lambda x, s, train: (*train(x, s[0]), *train(x, s[1]), _code(x, *train(x, s[1]))),
            "linear codes": _stack(_linear),
            "last code linear": _stack(_code, _linear),
            "no bias in the first code": _stack(lambda x, W, b: sigmoid(x @ W), _code),
            "rounded code": _stack(lambda x, W, b: np.round(_code(x, W, b)), _code),
            "standardised code": _stack(lambda x, W, b: (_code(x, W, b) - _code(x, W, b).mean(0)) / _code(x, W, b).std(0), _code),
            "first code linear": _stack(_linear, _code),
            "from the reconstruction": _stack(lambda x, W, b: sigmoid(sigmoid(x @ W + b) @ W.T), _code),
            "the first code": lambda x, s, train: (*_pretrain(x, s, train)[:4], _code(x, *_pretrain(x, s, train)[:2])),
            "sizes turned": _stack(_code, turned=True),
            "no bias": _stack(lambda x, W, b: sigmoid(x @ W)),
            "rectifier": _stack(lambda x, W, b: np.maximum(x @ W + b, 0)),
            "tanh": _stack(lambda x, W, b: np.tanh(x @ W + b)),
            "code of x": lambda x, s, train: (*_pretrain(x, s, train)[:4], x),
        },
        draw=lambda rng, sizes: {"h1": 5 + sizes["K"], "h2": 3, "seed": int(rng.integers(2**31))}, prepare=_TRAIN, big=0,
    ),
)  # fmt: skip

STATED = 110.0  # nats for each picture; what learned nothing is at about 209
_SCALE = "import numpy as np\ndef arguments(x, seed):\n    return x / 255, np.random.default_rng(seed)\n"


def _fits(found: Params) -> bool:
    """Whether W (784, H), b (H,) and b_prime (784,) fit; also for what stands for a right answer."""
    shapes = [found[name].shape for name in ("W", "b", "b_prime")]
    return not any(shapes) or (len(shapes[0]) == 2 and shapes == [(784, shapes[0][1]), shapes[0][1:], (784,)])


def _on_digits(found: Params) -> tuple[float, Array, Array]:
    """The loss on digits that the training has not seen, the digits, and the output before its sigmoid."""
    from scratchdae import autoencoder, datasets

    x = datasets.to_float(datasets.digits().x_test[:300])
    params = {name: np.asarray(found[name], float) for name in ("W", "b", "b_prime")}
    with np.errstate(all="ignore"):
        a_z = autoencoder.decode(params, autoencoder.encode(params, x))
        return float(autoencoder.loss_and_grads(params, x, x)[0]), x, a_z


def _loss(found: Params) -> float:
    """The stated one of what stands for a right answer."""
    if not found["W"].ndim:
        return STATED
    return _on_digits(found)[0] if _fits(found) else float("nan")


def _constant(inputs: Params, found: Params, right: Params) -> bool:
    """Whether all digits get nearly the same answer; the digits themselves vary by 0.18."""
    return bool(_fits(found) and sigmoid(_on_digits(found)[2]).std(axis=0).mean() < 0.035)


def _without_sigmoid(inputs: Params, found: Params, right: Params) -> bool:
    """Whether the output before its sigmoid is nearer to the digits than their mean is."""
    if not _fits(found):
        return False
    _, x, a_z = _on_digits(found)
    return bool(((a_z - x) ** 2).mean() < 0.8 * x.var(axis=0).mean())


def _reached(inputs: Params, found: Params) -> Params:
    loss = _loss(found)
    return {
        "whether W (784, H), b (H,) and b_prime (784,) have these shapes (1: yes)": np.array(float(_fits(found))),
        f"the loss on other digits ({STATED:g} or less is asked for)": np.array(max(loss, STATED)),
    }


def _digits(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, Array | int]:
    from scratchdae import datasets

    x = datasets.digits().x_train
    return {"x": x[rng.permutation(len(x))[:2000]], "seed": int(rng.integers(2**31))}


training = exercise(
    16, "training",
    Task(
        "train", {"x": " drawn", "seed": " drawn"}, ("W", "b", "b_prime"),
        lambda x, rng: (0, 0, 0),
        {
            "W transposed": Shows(lambda i, f, e: f["W"].shape[1:] == (784,) and f["b"].shape == f["W"].shape[:1] and f["b"].shape != (784,)),
            "biases exchanged": Shows(lambda i, f, e: f["b"].shape == (784,) != f["b_prime"].shape == f["W"].shape[1:]),
            "not finite": Shows(lambda i, f, e: not all(np.isfinite(a).all() for a in f.values())),
            "the biases alone": Shows(lambda i, f, e: bool(np.abs(f["W"]).max() < 1e-3 and 150 < _loss(f) < 260)),
            "all units alike": Shows(lambda i, f, e: _fits(f) and bool(np.ptp(f["W"], axis=1).max() < 1e-3 * np.abs(f["W"]).max())),
            "few hidden units": Shows(lambda i, f, e: _fits(f) and f["W"].shape[1] <= 16 and _loss(f) > STATED),
            "an output without a sigmoid": Shows(_without_sigmoid),
            "worse than nothing": Shows(lambda i, f, e: 700 < _loss(f) < np.inf),
            "nothing learned": Shows(lambda i, f, e: bool(480 < _loss(f) < 700)),
            "the mean picture": Shows(_constant),
            "not enough learned": Shows(lambda i, f, e: bool(STATED < _loss(f) <= 480)),
        },
        draw=_digits, prepare=_SCALE, measure=_reached, rtol=1e-6, frozen=0, fresh=1, big=0,
    ),
    seconds=60,
)  # fmt: skip
