"""Exercises 11, 15 and 16: first weights, a stack, and a training of one's own."""

import re
from collections.abc import Callable, Collection

import numpy as np

from scratchdae import initializers
from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params
from scratchdae.exercises.exercise import Shows, Task, exercise
from scratchdae.exercises.rewritten import Lines


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
            "divided by the root again": _gauss(lambda n, m: 2**0.5 / n), "half as wide": _gauss(lambda n, m: (1 / (2 * n)) ** 0.5), "2 over the root": _gauss(lambda n, m: 2 / n**0.5), "a normal one of √(6/fan_in)": _gauss(lambda n, m: (6 / n) ** 0.5), "PyTorch's": lambda n, m, rng: rng.uniform(-(n**-0.5), n**-0.5, (n, m)), "of deviation √2": _gauss(lambda n, m: 2**0.5), "of both": _gauss(lambda n, m: (2 / (n * m)) ** 0.5), "1 / fan_in": _gauss(lambda n, m: 1 / n), "of deviation 0.1": _gauss(lambda n, m: 0.1), "uniform on ±1": lambda n, m, rng: rng.uniform(-1, 1, (n, m)), "uniform on 0 to 1": lambda n, m, rng: rng.random((n, m)), "uniform on ±2/fan_in": lambda n, m, rng: rng.uniform(-2 / n, 2 / n, (n, m)), "uniform on ±6/fan_in": lambda n, m, rng: rng.uniform(-6 / n, 6 / n, (n, m)), "positive": lambda n, m, rng: np.abs(rng.normal(0, (2 / n) ** 0.5, (n, m))), "flat": lambda n, m, rng: rng.normal(0, (2 / n) ** 0.5, n * m), "one column": lambda n, m, rng: rng.normal(0, (2 / n) ** 0.5, n), "√fan_in": _gauss(lambda n, m: n**0.5), "√(2 fan_in)": _gauss(lambda n, m: (2 * n) ** 0.5), "2 / fan_out": _gauss(lambda n, m: 2 / m), "around 2/fan_in": lambda n, m, rng: rng.normal((2 / n) ** 0.5, 1.0, (n, m)), "fan_out, transposed": lambda n, m, rng: rng.normal(0, (2 / m) ** 0.5, (m, n)), "PyTorch's, of fan_out": lambda n, m, rng: rng.uniform(-(m**-0.5), m**-0.5, (n, m)), "LeCun's, of fan_out": _gauss(lambda n, m: (1 / m) ** 0.5), "4 / fan_in + fan_out": _gauss(lambda n, m: (4 / (n + m)) ** 0.5), "in float16 steps": Shows(lambda i, f, e: f["W"].size > 1 and bool((f["W"] == np.round(f["W"])).all() and f["W"].any())),
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
_stack = Lines(
    "x, sizes, train",
    "W1, b1, W2, b2, code",
    u="x",
    n1="sizes[0]",
    z="train(u, n1)",
    y0="s(x @ z[0] + z[1])",
    first="z",
    W1="first[0]",
    b1="first[1]",
    a="x @ W1 + b1",
    h="s(a)",
    into="h",
    n2="sizes[1]",
    second="train(into, n2)",
    W2="second[0]",
    b2="second[1]",
    under="h",
    deep="under @ W2 + b2",
    code="s(deep)",
)
_CODES = {  # what stands for the first code h
    "linear code": "a", "no bias code": "s(x @ W1)", "the bias subtracted code": "s(x @ W1 - b1)", "linear, no bias code": "x @ W1", "rectified code": "np.maximum(a, 0)", "tanh code": "np.tanh(a)", "softmax code": "softmax(a)", "rounded code": "np.round(h)", "standardised code": "(h - h.mean(0)) / h.std(0)", "standardised over all code": "(h - h.mean()) / h.std()", "centred code": "h - h.mean(0)", "twice code": "s(h)", "1 − h code": "1 - h", "bias outside code": "s(x @ W1) + b1", "scaled to 0 and 1 code": "(h - h.min(0)) / (h.max(0) - h.min(0))", "scaled to 0 and 1 over all code": "(h - h.min()) / (h.max() - h.min())", "to ±1 code": "2 * h - 1", "normalised code": "h / np.linalg.norm(h, axis=1, keepdims=True)", "squared code": "h**2", "averaged code": "np.broadcast_to(h.mean(0), h.shape)",
}  # fmt: skip


def _untrained(weights: str, bias: str, whole: Collection[str]) -> Shows:
    """Weights that are not what the training gave, with a bias of zeros, where what comes before is right."""
    return Shows(
        lambda i, f, e: not f[bias].any() and f[weights].shape == e[weights].shape and all(_near(f[n], e[n]) for n in whole)
    )  # fmt: skip


def _near(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, atol=1e-4))


def _second_anew(i: Params, f: Params, e: Params) -> bool:
    """Whether the first layer is right, the second another, and the code that of the second as it is."""
    if (
        not all(_near(f[n], e[n]) for n in ("W1", "b1"))
        or f["W2"].shape != e["W2"].shape
        or f["b2"].shape != e["b2"].shape
    ):
        return False
    return _near(f["code"], sigmoid(sigmoid(i["x"] @ f["W1"] + f["b1"]) @ f["W2"] + f["b2"]))


pretraining = exercise(
    15, "pretraining",
    Task(
        "pretrain", {"x": "BD unit", "h1": " drawn", "h2": " drawn", "seed": " drawn"}, ("W1", "b1", "W2", "b2", "code"),
        _stack(),
        {
            {"linear code": "linear codes", "no bias code": "no bias", "rectified code": "rectifier", "tanh code": "tanh"}.get(id_, f"both codes: {id_}"): _stack(h=line, code=re.sub(r"\ba\b", "deep", line).replace("x @ W1", "under @ W2").replace("b1", "b2")) for id_, line in list(_CODES.items())[:7]
        } | {{"linear code": "first code linear", "no bias code": "no bias in the first code", "rounded code": "rounded code", "standardised code": "standardised code"}.get(id_, f"the first code: {id_}"): _stack(into=line, under="into") for id_, line in _CODES.items()}
        | {f"the second layer's input: {id_}": _stack(into=line) for id_, line in _CODES.items()} | {f"what the last code is made of: {id_}": _stack(under=line) for id_, line in _CODES.items()} | {
            "second layer from x": lambda x, s, train: (*train(x, s[0]), *train(x, s[1]), sigmoid(x @ train(x, s[0])[0] + train(x, s[0])[1])),
            "second layer from x, its own code": _stack(into="x", under="x"), "the first layer trained twice": _stack(W1="train(y0 @ z[0].T, n1)[0]", b1="train(y0 @ z[0].T, n1)[1]", a="x @ z[0] + z[1]"), "the first layer trained twice, the code anew": _stack(W1="train(y0 @ z[0].T, n1)[0]", b1="train(y0 @ z[0].T, n1)[1]"), "from the reconstruction": _stack(into="s(h @ W1.T)", under="into"), "from the reconstruction, linear": _stack(into="h @ W1.T", under="into"),
            "the first code": _stack(code="h"), "the first code, linear": _stack(code="a"), "last code linear": _stack(code="deep"), "last code without its bias": _stack(code="s(under @ W2)"), "last bias subtracted": _stack(code="s(under @ W2 - b2)"), "last bias outside": _stack(code="s(under @ W2) + b2"), "last code twice": _stack(code="s(s(deep))"), "last code tanh": _stack(code="np.tanh(deep)"), "last code rectified": _stack(code="np.maximum(deep, 0)"), "last code softmax": _stack(code="softmax(deep)"), "last code linear, no bias": _stack(code="under @ W2"), "last code rounded": _stack(code="np.round(s(deep))"), "last code turned": _stack(code="1 - s(deep)"), "last code transposed": _stack(code="s(deep).T"), "last code averaged": _stack(code="s(deep).mean(0)"),
            "the first bias in the last code": _stack(code="s(under @ W2 + b1[:n2])"), "code of x": _stack(code="x"), "the reconstruction of the code": _stack(code="s(s(deep) @ W2.T)"), "the reconstruction of x": _stack(code="s(s(s(deep) @ W2.T) @ W1.T)"), "sizes turned": _stack(n1="sizes[1]", n2="sizes[0]"), "the first size twice": _stack(n2="sizes[0]"), "the second size twice": _stack(n1="sizes[1]"), "x and the code side by side": _stack(into="np.hstack([x, h])", under="into"), "x and the code side by side, the other way": _stack(into="np.hstack([h, x])", under="into"),
            "first layer from a rounded x": _stack(u="np.round(x)"), "first layer from a centred x": _stack(u="x - x.mean(0)"), "first layer from a standardised x": _stack(u="(x - x.mean(0)) / x.std(0)"), "first layer from s(x)": _stack(u="s(x)"), "first layer from 1 − x": _stack(u="1 - x"), "first layer from one example": _stack(u="x[:1]"), "W1 transposed": lambda *a: (_stack()(*a)[0].T, *_stack()(*a)[1:]), "W2 transposed": lambda *a: (*_stack()(*a)[:2], _stack()(*a)[2].T, *_stack()(*a)[3:]),
            "the layers turned": lambda *a: (*_stack()(*a)[2:4], *_stack()(*a)[:2], _stack()(*a)[4]), "the second layer twice": lambda *a: (*_stack()(*a)[2:4], *_stack()(*a)[2:]),
            "the first layer is not trained": _untrained("W1", "b1", ()), "the second layer is not trained": _untrained("W2", "b2", ("W1", "b1")), "the second layer from something else": Shows(_second_anew),
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
            "above the constant": Shows(lambda i, f, e: bool(230 < _loss(f) <= 480)),
            "not enough learned": Shows(lambda i, f, e: bool(STATED < _loss(f) <= 230)),
        },
        draw=_digits, prepare=_SCALE, measure=_reached, rtol=1e-6, frozen=0, fresh=1, big=0,
    ),
    seconds=60,
)  # fmt: skip
