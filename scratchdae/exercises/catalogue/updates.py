"""Exercises 09 and 10: updates, and a gradient check of one's own."""

from collections.abc import Callable

import numpy as np

from scratchdae import optimizers
from scratchdae.arguments import Array, Params
from scratchdae.exercises import process
from scratchdae.exercises.exercise import Shows, Task, exercise
from scratchdae.exercises.rewritten import Lines


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


_descent = Lines("th, g, lr", "new", d="g", r="lr", step="r * d", new="th - step")
_heavy = Lines("th, g, u, lr, mu", "new, out", d="g", u1="mu * u + d", r="lr", step="r * u1", new="th - step", out="u1")
_adaptive = Lines(
    "th, g, m, v, n, lr, b1, b2, eps", "new, m2, v2", d="g", m1="b1 * m + (1 - b1) * d", v1="b2 * v + (1 - b2) * d**2", t="n + 1", cm="1 - b1**t", cv="1 - b2**t",
    mh="m1 / cm", vh="v1 / cv", root="np.sqrt(vh) + eps", r="lr", step="r * mh / root", new="th - step", m2="m1", v2="v1",
)  # fmt: skip

updates = exercise(
    9, "updates",
    Task(
        "sgd", {"theta": "DH", "g": "DH", "lr": " drawn"}, ("theta",),
        lambda theta, g, lr: optimizers.SGD().step(theta, g, {}, lr, 1)[0],
        {
            "upwards": _descent(new="th + step"), "no rate": _descent(r="1.0"), "the step alone": _descent(new="-step"), "the step alone, turned": _descent(new="step"), "divided by the rate": _descent(r="1 / lr"), "a decay": _descent(new="th * (1 - step)"),
            "the sign of the gradient": _descent(d="np.sign(g)"), "normalised": _descent(d="g / np.linalg.norm(g)"), "nothing happens": _descent(new="th"), "the gradient squared": _descent(d="g**2"), "the gradient's size": _descent(d="np.abs(g)"), "the rate squared": _descent(r="lr**2"), "the rate's root": _descent(r="np.sqrt(lr)"), "1 − lr for lr": _descent(r="1 - lr"),
            "averaged": _descent(d="g / len(g)"), "averaged over all": _descent(d="g / g.size"), "a mean row": _descent(d="g.mean(0)"), "a mean column": _descent(d="g.mean(1, keepdims=True)"), "a sum row": _descent(d="g.sum(0)"), "a mean for all": _descent(d="g.mean()"), "a sum for all": _descent(d="g.sum()"), "clipped to 1": _descent(d="np.clip(g, -1, 1)"),
            "weight decay": _descent(d="g + th"), "an average of both": _descent(new="(1 - lr) * th + step"), "no gradient": _descent(d="1.0"), "the rate on both": _descent(new="lr * (th - g)"), "the rate on θ": _descent(new="lr * th - g"), "exchanged": _descent(new="g - lr * th"), "subtracted the wrong way": _descent(new="step - th"), "doubled": _descent(d="2 * g"), "halved": _descent(d="g / 2"), "added 1": _descent(new="th - lr - g"),
        },
        draw=lambda rng, sizes: {"lr": float(rng.uniform(0.02, 0.3))},
    ),
    Task(
        "momentum", {"theta": "DH", "g": "DH", "velocity": "DH", "lr": " drawn", "mu": " drawn"}, ("theta", "velocity"),
        _momentum,
        {
            "upwards": _heavy(new="th + step"), "rate inside": _heavy(d="lr * g", r="1.0"), "rate inside, plus": _heavy(u1="mu * u - lr * d", r="1.0", new="th + step"), "rate inside, minus": _heavy(u1="mu * u - lr * d", r="1.0"), "rate inside, plus, upwards": _heavy(d="lr * g", r="1.0", new="th + step"), "rate twice": _heavy(d="lr * g"), "no rate": _heavy(r="1.0"), "divided by the rate": _heavy(r="1 / lr"),
            "an average": _heavy(u1="mu * u + (1 - mu) * d"), "an average, weights exchanged": _heavy(u1="(1 - mu) * u + mu * d"), "1 − μ on the velocity": _heavy(u1="(1 - mu) * u + d"), "the old velocity": _heavy(step="r * u"), "velocity not kept": _heavy(out="u"), "Nesterov": _heavy(step="r * (d + mu * u1)"),
            "μ forgotten": _heavy(u1="u + d"), "μ on the gradient": _heavy(u1="u + mu * d"), "μ on both": _heavy(u1="mu * (u + d)"), "μ twice": _heavy(u1="mu**2 * u + d"), "no momentum": _heavy(step="r * d"), "velocity is the gradient": _heavy(u1="d"), "velocity without the gradient": _heavy(u1="mu * u"), "velocity turned": _heavy(u1="mu * u - d"), "velocity the other way": _heavy(u1="d - mu * u"), "velocity of −g, plus": _heavy(u1="mu * u - d", new="th + step"), "μ in the step too": _heavy(step="r * mu * u1"),
            "velocity and gradient both": _heavy(step="r * (u1 + d)"), "rate on the gradient alone": _heavy(step="mu * u + r * d"), "the step is kept": _heavy(out="step"), "the step is kept, turned": _heavy(out="-step"), "θ is kept": _heavy(out="new"), "the gradient is kept": _heavy(out="d"), "μ u is kept": _heavy(out="mu * u"), "the step alone": _heavy(new="-step"), "the step alone, turned": _heavy(new="step"), "θ has momentum": _heavy(new="mu * th - step"), "nothing happens": _heavy(new="th"), "twice the velocity": _heavy(step="2 * r * u1"), "the gradient's sign": _heavy(d="np.sign(g)"), "the gradient squared": _heavy(d="g**2"), "averaged": _heavy(d="g / len(g)"), "weight decay": _heavy(d="g + th"),
        },
        draw=lambda rng, sizes: {"lr": float(rng.uniform(0.02, 0.3)), "mu": float(rng.uniform(0.5, 0.95))},
    ),
    Task(
        "adam", {"theta": "DH", "g": "DH", "m": "DH", "v": "DH unit", **dict.fromkeys(("steps", "lr", "beta1", "beta2", "eps"), " drawn")}, ("theta", "m", "v"),
        _adam,
        {
            "no correction": _adaptive(cm="1.0", cv="1.0"), "t from 0": _adaptive(t="n"), "t one too many": _adaptive(t="n + 2"), "eps inside the root": _adaptive(root="np.sqrt(vh + eps)"), "eps hat": _adaptive(root="np.sqrt(vh) + eps / np.sqrt(cv)"), "no eps": _adaptive(root="np.sqrt(vh)"), "eps squared inside": _adaptive(root="np.sqrt(vh + eps**2)"), "eps in the fraction's sum": _adaptive(step="r * (mh / np.sqrt(vh) + eps)"), "eps inside and outside": _adaptive(root="np.sqrt(vh + eps) + eps"), "eps before the correction": _adaptive(vh="(v1 + eps) / cv", root="np.sqrt(vh)"), "eps subtracted": _adaptive(root="np.sqrt(vh) - eps"), "eps times": _adaptive(root="np.sqrt(vh) * eps"),
            "corrected moments kept": _adaptive(m2="mh", v2="vh"), "corrected m kept": _adaptive(m2="mh"), "corrected v kept": _adaptive(v2="vh"), "old moments kept": _adaptive(m2="m", v2="v"), "old m kept": _adaptive(m2="m"), "old v kept": _adaptive(v2="v"), "the old m in the step": _adaptive(mh="m / cm"), "the old v in the step": _adaptive(vh="v / cv"), "the old moments in the step": _adaptive(mh="m / cm", vh="v / cv"), "the gradient in the step": _adaptive(mh="d"), "the gradient in the step, corrected": _adaptive(mh="d / cm"), "the root is kept": _adaptive(v2="np.sqrt(v1)"),
            "weight of g missing": _adaptive(m1="b1 * m + d"), "weight of g² missing": _adaptive(v1="b2 * v + d**2"), "weights of g missing": _adaptive(m1="b1 * m + d", v1="b2 * v + d**2"), "m is summed": _adaptive(m1="m + (1 - b1) * d"), "v is summed": _adaptive(v1="v + (1 - b2) * d**2"), "v is summed, as in AdaGrad": _adaptive(v1="v + d**2"), "m is the gradient": _adaptive(m1="d"), "v is the square": _adaptive(v1="d**2"), "the new weight is β": _adaptive(m1="b1 * m + b1 * d", v1="b2 * v + b2 * d**2"),
            "no root": _adaptive(root="vh + eps"), "no division": _adaptive(root="1.0"), "root of m": _adaptive(step="r * np.sqrt(np.abs(mh)) / root"), "only m corrected": _adaptive(cv="1.0"), "only v corrected": _adaptive(cm="1.0"), "β exchanged": _adaptive(m1="b2 * m + (1 - b2) * d", v1="b1 * v + (1 - b1) * d**2", cm="1 - b2**t", cv="1 - b1**t"), "β exchanged in the moments": _adaptive(m1="b2 * m + (1 - b2) * d", v1="b1 * v + (1 - b1) * d**2"), "β exchanged in the corrections": _adaptive(cm="1 - b2**t", cv="1 - b1**t"), "β₁ for v": _adaptive(v1="b1 * v + (1 - b1) * d**2"), "β₂ for m": _adaptive(m1="b2 * m + (1 - b2) * d"), "β₁ for v, all over": _adaptive(v1="b1 * v + (1 - b1) * d**2", cv="1 - b1**t"), "β₁ corrects v": _adaptive(cv="1 - b1**t"), "β₂ corrects m": _adaptive(cm="1 - b2**t"),
            "v of g": _adaptive(v1="b2 * v + (1 - b2) * d"), "v of |g|": _adaptive(v1="b2 * v + (1 - b2) * np.abs(d)"), "v of m": _adaptive(v1="b2 * v + (1 - b2) * m1**2"), "v of the old m": _adaptive(v1="b2 * v + (1 - b2) * m**2"), "v of the centred g": _adaptive(v1="b2 * v + (1 - b2) * (d - m1) ** 2"), "the weight squared too": _adaptive(v1="b2 * v + ((1 - b2) * d) ** 2"), "v of the mean square": _adaptive(v1="b2 * v + (1 - b2) * (d**2).mean()"), "v of the sum of squares": _adaptive(v1="b2 * v + (1 - b2) * (d**2).sum()"), "the largest": _adaptive(v1="np.maximum(b2 * v, np.abs(d))"), "v never falls": _adaptive(vh="np.maximum(v, v1) / cv"), "weights of the average exchanged": _adaptive(m1="(1 - b1) * m + b1 * d", v1="(1 - b2) * v + b2 * d**2"), "m's weights exchanged": _adaptive(m1="(1 - b1) * m + b1 * d"), "v's weights exchanged": _adaptive(v1="(1 - b2) * v + b2 * d**2"), "m turned": _adaptive(m1="b1 * m - (1 - b1) * d"), "v turned": _adaptive(v1="b2 * v - (1 - b2) * d**2"),
            "upwards": _adaptive(new="th + step"), "the step alone": _adaptive(new="-step"), "the step alone, turned": _adaptive(new="step"), "nothing happens": _adaptive(new="th"), "no rate": _adaptive(r="1.0"), "the rate divided by √t": _adaptive(r="lr / np.sqrt(t)"), "the rate divided by t": _adaptive(r="lr / t"), "β to the power 1": _adaptive(cm="1 - b1", cv="1 - b2"), "m: β to the power 1": _adaptive(cm="1 - b1"), "v: β to the power 1": _adaptive(cv="1 - b2"), "β times t": _adaptive(cm="1 - b1 * t", cv="1 - b2 * t"), "1 − β to the power t": _adaptive(cm="(1 - b1) ** t", cv="(1 - b2) ** t"), "βᵗ alone": _adaptive(cm="b1**t", cv="b2**t"), "1 + βᵗ": _adaptive(cm="1 + b1**t", cv="1 + b2**t"), "corrections multiplied": _adaptive(mh="m1 * cm", vh="v1 * cv"), "m: corrections multiplied": _adaptive(mh="m1 * cm"), "v: corrections multiplied": _adaptive(vh="v1 * cv"), "the root of v alone corrected": _adaptive(root="np.sqrt(v1) / cv + eps"), "Nesterov": _adaptive(mh="(b1 * m1 + (1 - b1) * d) / cm"), "weight decay": _adaptive(d="g + th"), "averaged": _adaptive(d="g / len(g)"), "the gradient's sign": _adaptive(d="np.sign(g)"), "clipped to 1": _adaptive(d="np.clip(g, -1, 1)"), "the gradient normalised": _adaptive(d="g / np.linalg.norm(g)"), "m not divided": _adaptive(step="r * root * mh"), "corrected twice": _adaptive(mh="m1 / cm / cm", vh="v1 / cv / cv"),
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


def _rows_at_once(f: Callable[[Array], float], theta: Array) -> Array:
    g = np.zeros_like(theta)
    for i in range(len(theta)):
        e = np.zeros_like(theta)
        e[i] = 1e-5
        g[i] = (f(theta + e) - f(theta - e)) / 2e-5
    return g


def _relative(inputs: Params, found: Params, right: Params) -> bool:
    """Whether all is right but where θ is 0."""
    own, at = found["g"], inputs["theta"] == 0
    with np.errstate(all="ignore"):
        near = own.shape == at.shape and np.allclose(own[~at], right["g"][~at], rtol=1e-4, atol=1e-6)
    return bool(near and (~np.isfinite(own[at]) | (own[at] == 0)).all())


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
            "rows at once": _rows_at_once, "columns at once": lambda f, th: _rows_at_once(lambda p: f(p.T), th.T).T, "the first entry alone": Shows(lambda i, f, e: f["g"].shape == e["g"].shape and not f["g"].ravel()[1:].any() and bool(np.allclose(f["g"].flat[0], e["g"].flat[0], rtol=0.01))), "the last entry alone": lambda f, th: _central(f, th) * (np.arange(th.size).reshape(th.shape) == th.size - 1), "all but the last entry": lambda f, th: _central(f, th) * (np.arange(th.size).reshape(th.shape) < th.size - 1), "the first row alone": lambda f, th: _central(f, th) * (np.arange(len(th)).reshape(-1, *[1] * (th.ndim - 1)) == 0), "times θ": lambda f, th: _central(f, th) * th, "in size": lambda f, th: np.abs(_central(f, th)), "its mean": lambda f, th: np.full_like(th, _central(f, th).mean()), "f(θ + h) alone": lambda f, th: np.full_like(th, f(th)) / 2e-5 + _central(f, th) / 2, "added": lambda f, th: np.full_like(th, f(th) / 1e-5),
            "0 or no number where θ is 0": Shows(_relative), "in float32": Shows(lambda i, f, e: f["g"].dtype == np.float32 and f["g"].shape == e["g"].shape and bool(np.abs(f["g"] - e["g"]).max() < 0.3 * np.abs(e["g"]).max())), "rounded": Shows(lambda i, f, e: f["g"].shape == e["g"].shape and any(np.array_equal(f["g"], np.round(e["g"], n)) for n in range(7))),
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
