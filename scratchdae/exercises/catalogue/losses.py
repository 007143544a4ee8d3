"""Exercises 01, 04 and 08: the losses from pre-activations, and what they send back."""

from collections.abc import Callable

import numpy as np

from scratchdae import activations, losses
from scratchdae.arguments import Array, Params
from scratchdae.exercises.exercise import Shows, Task, exercise
from scratchdae.exercises.rewritten import Lines


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


def _tails(inputs: Params, found: Params, right: Params) -> bool:
    """Whether s(800) and s(−800) are not 1 and 0, which they are in every right form, and nearly are."""
    own, s, a = found["s"], right["s"], np.abs(inputs["a"])
    near = own.shape == s.shape and np.allclose(own[a < 2], s[a < 2], rtol=1e-5) and np.abs(own - s).max() < 0.1
    return bool(near) and bool((own != s)[a > 700].any())


_CAPS = [k * np.log(10) for k in range(2, 21)] + [-np.log(np.finfo(kind).eps) for kind in (np.float32, np.float64)]
_CAPS += [10, 15, 16, 20, 25, 30, 35, 36, 37, 40, 50, 60, 80, 88, 100, 200, 300, 500, 600, 700, 709, 710]


def _capped(over: Callable[[Array], float]) -> Shows:
    """Whether a loss, a sum over `over`, is what comes of −log z where no entry costs more than a usual eps or clip allows."""

    def capped(inputs: Params, found: Params, right: Params) -> bool:
        a, x, loss = inputs["a"], inputs["x"], found["loss"]
        if loss.shape != right["loss"].shape or not np.isfinite(loss):
            return False
        far = np.abs(a) > 100
        cost = float(loss) * over(x) - (np.logaddexp(0, a) - x * a)[~far].sum()
        cap = cost / np.where(a > 0, 1 - x, x)[far].sum()
        return any(abs(cap / one - 1) < 2e-4 for one in _CAPS)

    return Shows(capped)


_s = Lines("a", "v", v="s(a)")
_cost = Lines(
    "a, x", "loss", t="x", u="a", z="s(u)", l="np.logaddexp(0, u) - t * u", n="len(x)", m="l.sum() / n", loss="m"
)

stable_loss = exercise(
    1, "stable_loss",
    Task(
        "sigmoid", {"a": "BD drawn"}, ("s",),
        activations.sigmoid,
        {
            "a tanh": _s(v="np.tanh(a)"), "of 2a": _s(v="s(2 * a)"), "of half a": _s(v="s(a / 2)"), "the sign of a": _s(v="s(-a)"),
            "overflow to NaN": _s(v="np.exp(a) / (1 + np.exp(a))"), "clipped": _s(v="s(np.clip(a, -5, 5))"), "an eps, or a clip": Shows(_tails, always=True),
            "the derivative": _s(v="s(a) * (1 - s(a))"), "a softmax": _s(v="softmax(a)"), "softmax over the batch": _s(v="softmax(a, 0)"), "softmax over everything": _s(v="np.exp(a - a.max()) / np.exp(a - a.max()).sum()"),
            "tanh of half": _s(v="np.tanh(a / 2)"), "1 + tanh, not halved": _s(v="1 + np.tanh(a / 2)"), "tanh halved": _s(v="np.tanh(a / 2) / 2"), "1 + tanh of a half": _s(v="1 + np.tanh(a / 2) / 2"),
            "rounded": _s(v="(a > 0) * 1.0"), "the exponential alone": _s(v="np.exp(a)"), "exp(−a) alone": _s(v="np.exp(-a)"), "1 + exp alone": _s(v="1 + np.exp(-a)"), "1 + exp(a)": _s(v="1 + np.exp(a)"),
            "softplus": _s(v="np.logaddexp(0, a)"), "log of the sigmoid": _s(v="-np.logaddexp(0, -a)"), "rectifier": _s(v="np.maximum(a, 0)"), "1 − exp": _s(v="1 / (1 - np.exp(-a))"), "exp(a) over 1 + exp(−a)": _s(v="np.exp(a) / (1 + np.exp(-a))"),
            "overflow of exp(−a)": _s(v="np.exp(-a) / (1 + np.exp(-a))"), "softsign": _s(v="a / (1 + np.abs(a))"), "softsign, moved": _s(v="(1 + a / (1 + np.abs(a))) / 2"),
            "of |a|": _s(v="s(np.abs(a))"), "of −|a|": _s(v="s(-np.abs(a))"), "0 below 0": _s(v="s(a) * (a > 0)"), "0 above 0": _s(v="s(a) * (a < 0)"),
            "exp(a) below 0": _s(v="np.where(a < 0, np.exp(a), s(a))"), "1 + exp(−a) below 0": _s(v="np.where(a < 0, np.exp(a) / (1 + np.exp(-a)), s(a))"), "1 − exp(a) below 0": _s(v="np.where(a < 0, np.exp(a) / (1 - np.exp(a)), s(a))"),
            "1 + exp above 0": _s(v="np.where(a < 0, s(a), 1 + np.exp(-a))"),
            "twice": _s(v="s(s(a))"),
        },
        draw=_wide,
    ),
    Task(
        "cross_entropy", {"a": "BD drawn", "x": "BD unit"}, ("loss",),
        lambda a, x: losses.cross_entropy(a, x)[0],
        {
            "averaged over D too": _cost(n="x.size"), "summed over the batch": _cost(n="1"), "averaged over D, summed over B": _cost(n="x.shape[1]"), "divided by B twice": _cost(n="len(x) ** 2"),
            "one loss for each example": _cost(m="l.sum(1)"), "one mean for each example": _cost(m="l.mean(1)"), "one loss for each component": _cost(m="l.sum(0) / len(x)"), "one sum for each component": _cost(m="l.sum(0)"), "one loss for each entry": _cost(m="l"), "each entry by B": _cost(m="l / len(x)"),
            "the first example alone": _cost(m="l[0].sum()"), "the last example alone": _cost(m="l[-1].sum()"), "the first example, divided by B": _cost(m="l[0].sum() / len(x)"), "the last example, divided by B": _cost(m="l[-1].sum() / len(x)"),
            "softplus overflows": _cost(l="np.log(1 + np.exp(u)) - t * u"),
            "log of zero": _cost(l="-(t * np.log(z) + (1 - t) * np.log(1 - z))"),
            "log of zero, and an eps or a clip": _capped(len), "an eps or a clip, and averaged over D": _capped(np.size), "an eps or a clip, and summed over B": _capped(lambda x: 1.0), "what is infinite is left out": _cost(l="np.where(np.abs(u) > 100, 0, np.logaddexp(0, u) - t * u)"),
            "only the first term": _cost(l="t * np.logaddexp(0, -u)"), "only the second term": _cost(l="(1 - t) * np.logaddexp(0, u)"), "the terms subtracted": _cost(l="t * np.logaddexp(0, -u) - (1 - t) * np.logaddexp(0, u)"),
            "both logarithms without their weights": _cost(l="np.logaddexp(0, -u) + np.logaddexp(0, u)"), "1 − x on both": _cost(l="t * np.logaddexp(0, -u) + (1 - t) * np.logaddexp(0, -u)"),
            "the sign of the loss": _cost(loss="-m"), "bits": _cost(loss="m / np.log(2)"), "log10": _cost(loss="m / np.log(10)"), "the loss doubled": _cost(loss="2 * m"), "the loss halved": _cost(loss="m / 2"), "the root of the loss": _cost(loss="np.sqrt(m)"),
            "x and 1 − x exchanged": _cost(t="1 - x"), "a and x exchanged": _cost(l="np.logaddexp(0, u) + t * u"), "the target's term is missing": _cost(l="np.logaddexp(0, u)"), "the target's term alone": _cost(l="-t * u"), "x in place of x·a": _cost(l="np.logaddexp(0, u) - t"), "s(a) in place of a": _cost(l="np.logaddexp(0, u) - t * z"),
            "softplus of −a": _cost(l="np.logaddexp(0, -u) - t * u"), "max(a, 0) missing": _cost(l="np.log1p(np.exp(-np.abs(u))) - t * u"), "the logarithm missing": _cost(l="np.maximum(u, 0) - t * u"), "|a| for max(a, 0)": _cost(l="np.abs(u) + np.log1p(np.exp(-np.abs(u))) - t * u"),
            "min for max": _cost(l="np.minimum(u, 0) + np.log1p(np.exp(-np.abs(u))) - t * u"), "the logarithm subtracted": _cost(l="np.maximum(u, 0) - np.log1p(np.exp(-np.abs(u))) - t * u"), "1 − exp(−|a|)": _cost(l="np.maximum(u, 0) + np.log(1 - np.exp(-np.abs(u))) - t * u"),
            "exp(−|a|), not its logarithm": _cost(l="np.maximum(u, 0) + np.exp(-np.abs(u)) - t * u"), "the 1 in the logarithm missing": _cost(l="np.maximum(u, 0) - np.abs(u) - t * u"),
            "s(x) as the target": _cost(t="s(x)"), "a binary target": _cost(t="np.round(x)"), "the sigmoid twice": _cost(u="s(a)"), "the arguments exchanged": _cost(u="x", t="a"),
            "the squared error": _cost(l="(z - t) ** 2"), "a softmax's cross-entropy": _cost(l="-t * (u - np.log(np.exp(u - u.max(1, keepdims=True)).sum(1, keepdims=True)) - u.max(1, keepdims=True))"),
            "the divergence": _cost(l="np.logaddexp(0, u) - t * u + t * np.log(t) + (1 - t) * np.log(1 - t)"), "the entropy of z": _cost(l="np.logaddexp(0, u) - z * u"), "a without a sigmoid": _cost(l="-(t * np.log(np.clip(u, 1e-7, 1 - 1e-7)) + (1 - t) * np.log(1 - np.clip(u, 1e-7, 1 - 1e-7)))"),
            "1 − log z": _cost(l="-(t * np.log(z) + (1 - t) * (1 - np.log(z)))"),
        },
        draw=_wide_or_negative,
    ),
)  # fmt: skip

_delta = Lines("z, x", "da", v="z", e="v - x", f="1.0", g="e * f", c="1.0", n="len(x)", da="c * g / n")
_linear = Lines("z, x", "da", v="z", e="v - x", f="1.0", g="e * f", c="2.0", n="len(x)", da="c * g / n")
_DELTAS = {  # of both losses, but for names of their own
    "z as the target": {"e": "x - v"}, "the slope twice": {"f": "v * (1 - v)"}, "tanh's slope": {"f": "1 - v**2"}, "z for the slope": {"f": "v"}, "1 − z for the slope": {"f": "1 - v"},
    "the slope of s(z)": {"f": "s(v) * (1 - s(v))"}, "the slope of x": {"f": "x * (1 - x)"}, "the slope squared": {"f": "(v * (1 - v)) ** 2"}, "x for the slope": {"f": "x"},
    "stopped at z": {"f": "1 / (v * (1 - v))"}, "stopped at z, of x": {"f": "1 / (x * (1 - x))"}, "not averaged": {"n": "1"}, "averaged over D too": {"n": "x.size"}, "divided by D": {"n": "x.shape[1]"}, "divided by B twice": {"n": "len(x) ** 2"}, "divided by √B": {"n": "len(x) ** 0.5"},
    "multiplied by B": {"n": "1 / len(x)"}, "one row for the batch": {"da": "(c * g / n).sum(0)"}, "the mean row": {"da": "(c * g / n).mean(0)"}, "one number for each example": {"da": "(c * g / n).sum(1)"}, "one number": {"da": "(c * g / n).sum()"}, "a column for each example": {"da": "(c * g / n).sum(1, keepdims=True)"}, "transposed": {"da": "(c * g / n).T"},
    "a sigmoid of z": {"v": "s(z)"}, "a sigmoid of x": {"e": "v - s(x)"}, "a tanh of z": {"v": "np.tanh(z)"}, "added": {"e": "v + x"}, "z alone": {"e": "v"}, "x alone": {"e": "x"}, "the absolute error": {"e": "np.abs(v - x)"}, "the absolute error's": {"g": "np.sign(e)"}, "the loss itself": {"g": "e**2"}, "cubed": {"g": "e**3"}, "a rounded z": {"e": "np.round(v) - x"}, "a rounded x": {"e": "v - np.round(x)"},
    "divided by the error's length": {"g": "e / np.linalg.norm(e)"}, "divided by x": {"g": "e / x"}, "divided by z": {"g": "e / v"}, "times x": {"g": "e * x"}, "the first example alone": {"da": "np.r_[c * g[:1] / n, 0 * g[1:]]"}, "the batch's mean error": {"da": "np.broadcast_to((c * g).mean(0), g.shape)"}, "centred": {"da": "c * g / n - (c * g / n).mean(0)"},
}  # fmt: skip

output_delta = exercise(
    4, "output_delta",
    Task(
        "cross_entropy_delta", {"z": "BD unit", "x": "BD unit"}, ("da_z",),
        lambda z, x: (z - x) / len(x),
        {id_: _delta(**other) for id_, other in _DELTAS.items() if id_ not in ("z for the slope", "1 − z for the slope", "x for the slope", "times x")} | {
            "the square's gradient": _delta(c="2.0"), "halved": _delta(c="0.5"), "half a slope": _delta(f="v"), "the other half": _delta(f="1 - v"),
            "only one term": _delta(g="-x * (1 - v)"), "only the other term": _delta(g="(1 - x) * v"), "one term, stopped at z": _delta(g="-x / v"), "the other term, stopped at z": _delta(g="(1 - x) / (1 - v)"), "one term, its sign": _delta(g="x * (1 - v)"), "one term of dL/dz, its sign": _delta(g="x / v"),
            "the terms' signs": _delta(g="x / v + (1 - x) / (1 - v)"), "the terms' signs, with the slope": _delta(g="x * (1 - v) + (1 - x) * v"), "the second sign": _delta(g="-x / v - (1 - x) / (1 - v)"), "the second sign, with the slope": _delta(g="-x * (1 - v) - (1 - x) * v"),
            "the loss of each entry": _delta(g="-(x * np.log(v) + (1 - x) * np.log(1 - v))"), "the loss": _delta(da="-(x * np.log(v) + (1 - x) * np.log(1 - v)).sum() / len(x)"), "the logarithms": _delta(g="np.log(v) - np.log(1 - v)"), "the logarithms of both": _delta(g="np.log(v / x)"),
            "the logit": _delta(g="np.log(v / (1 - v)) - x"), "1 − x": _delta(e="v - (1 - x)"), "divided by 1 − z alone": _delta(f="1 / (1 - v)"),
        },
    ),
    Task(
        "squared_error_delta", {"z": "BD", "x": "BD unit"}, ("da_z",),
        lambda z, x: losses.squared_error(z, x)[1],
        {{"z as the target": "the sign", "the slope twice": "a slope where there is no sigmoid", "stopped at z": "divided by z (1 − z)"}.get(id_, id_): _linear(**other) for id_, other in _DELTAS.items() if id_ not in ("stopped at z, of x", "times x")} | {
            "the absolute error's": _linear(g="np.sign(e)", c="1.0"), "the loss itself": _linear(g="e**2", c="1.0"),
            "half": _linear(c="1.0"), "a factor 4": _linear(c="4.0"), "half, halved": _linear(c="0.5"), "the loss": _linear(da="(e ** 2).sum() / len(x)"), "the root's gradient": _linear(da="e / np.sqrt((e ** 2).sum() / len(x)) / len(x)"), "z² − x²": _linear(e="v**2 - x**2"), "z − x²": _linear(e="v - x**2"),
        },
    ),
)  # fmt: skip


def _through(a: Array, x: Array) -> tuple[Array, Array]:
    z = activations.sigmoid(a)
    loss, dz = losses.squared_error(z, x)
    return np.asarray(loss), dz * z * (1 - z)


def _floored(inputs: Params, found: Params, right: Params) -> bool:
    """Whether the gradient is right where the slope is large, and not small where it is next to nothing."""
    far = np.abs(inputs["a"]) > 7
    if found["da"].shape != far.shape or not np.isfinite(found["da"]).all():
        return False
    z, x = activations.sigmoid(inputs["a"]), inputs["x"]
    slope = found["da"] / (2 * (z - x) / len(x))
    alike = np.allclose(found["da"][~far], right["da"][~far], rtol=1e-5)
    return alike and bool(slope[far].min() > 1e-6 and np.ptp(slope[far]) < 1e-3 * slope[far].min())


def _never_zero(inputs: Params, found: Params, right: Params) -> bool:
    """Whether all is right but for a slope that is not 0 where every right form gives 0."""
    own, da, a = found["da"], right["da"], np.abs(inputs["a"])
    if own.shape != da.shape or found["loss"].shape or not np.allclose(found["loss"], right["loss"], rtol=1e-4):
        return False
    return bool(np.allclose(own[a < 2], da[a < 2], rtol=1e-5) and np.abs(own - da).max() < 0.02 and own[a > 700].any())


_square = Lines(
    "a, x",
    "loss, da",
    u="a",
    z="s(u)",
    e="z - x",
    q="(e**2).sum()",
    n="len(x)",
    k="1.0",
    loss="k * q / n",
    v="z",
    g="e",
    c="2.0",
    f="v * (1 - v)",
    m="len(x)",
    da="c * g * f / m",
)

squared_through_sigmoid = exercise(
    8, "squared_through_sigmoid",
    Task(
        "squared_error", {"a": "BD drawn", "x": "BD unit"}, ("loss", "da"),
        _through,
        {
            "overflow to NaN": _square(z="np.exp(u) / (1 + np.exp(u))"), "the slope is missing": _square(f="1.0"), "the slope of a": _square(f="u * (1 - u)"), "half a slope": _square(f="v"), "the other half": _square(f="1 - v"),
            "the cross-entropy's gradient": _square(f="1.0", c="1.0"), "the slope of tanh": _square(f="1 - v**2"), "tanh's slope, of a": _square(f="1 - np.tanh(u) ** 2"), "the slope of s(z)": _square(f="s(v) * (1 - s(v))"), "the slope twice": _square(f="(v * (1 - v)) ** 2"), "the slope of x": _square(f="x * (1 - x)"), "divided by the slope": _square(f="1 / (v * (1 - v))"),
            "y² (1 − y)": _square(f="v**2 * (1 - v)"), "y (1 + y)": _square(f="v * (1 + v)"), "1 − a²": _square(f="1 - u**2"), "the slope of the error": _square(f="g * (1 - g)"), "a rectifier's slope": _square(f="(u > 0) * 1.0"), "slope averaged": _square(f="(v * (1 - v)).mean(0)"),
            "exp(a), not over its square": _square(f="np.exp(-np.abs(u)) / (1 + np.exp(-np.abs(u)))"), "the slope by exp(a), overflowing": _square(f="np.exp(u) / (1 + np.exp(u)) ** 2"), "the slope by exp(−a), overflowing": _square(f="np.exp(-u) / (1 + np.exp(-u)) ** 2"),
            "the root": _square(loss="np.sqrt(k * q / n)"), "the root of the sum": _square(loss="np.sqrt(q)"), "the root, and its gradient": _square(loss="np.sqrt(k * q / n)", c="1 / np.sqrt(q / n)"), "half the gradient": _square(c="1.0"), "half the loss": _square(k="0.5", c="1.0"), "half the loss alone": _square(k="0.5"), "a quarter of the gradient": _square(c="0.5"), "twice the gradient": _square(c="4.0"), "twice the loss": _square(k="2.0"),
            "averaged over D too": _square(n="x.size", m="x.size"), "the loss averaged over D, the gradient not": _square(n="x.size"), "the gradient averaged over D, the loss not": _square(m="x.size"), "the gradient not averaged": _square(m="1"), "not averaged": _square(n="1", m="1"), "the loss not averaged": _square(n="1"), "divided by D": _square(n="x.shape[1]", m="x.shape[1]"), "the loss divided by D": _square(n="x.shape[1]"), "the gradient divided by D": _square(m="x.shape[1]"), "the gradient divided by B twice": _square(m="len(x) ** 2"),
            "the sign": _square(g="-e"), "the loss turned": _square(loss="-k * q / n"), "no sigmoid": _square(z="u", f="1.0"), "the sigmoid twice": _square(z="s(s(u))"), "no sigmoid, but its slope": _square(z="u", v="s(u)"), "z (1 − z) of a": _square(z="u"), "a tanh": _square(z="np.tanh(u)", f="1 - v**2"), "a tanh, with a sigmoid's slope": _square(z="np.tanh(u)"), "s(−a)": _square(z="s(-u)"),
            "one loss for each example": _square(q="(e**2).sum(1)", n="1"), "one loss for each example, divided": _square(q="(e**2).sum(1)"), "one mean for each example": _square(q="(e**2).mean(1)", n="1"), "one loss for each entry": _square(q="e**2", n="1"), "one loss for each entry, divided": _square(q="e**2"), "one loss for each component": _square(q="(e**2).sum(0)"), "the absolute error": _square(q="np.abs(e).sum()"), "the error summed": _square(q="e.sum()"), "the sum squared": _square(q="e.sum() ** 2"), "the cross-entropy's loss": _square(q="(np.logaddexp(0, u) - x * u).sum()"), "the error cubed": _square(q="(e**3).sum()"),
            "the cross-entropy, both": _square(q="(np.logaddexp(0, u) - x * u).sum()", f="1.0", c="1.0"), "the square's gradient missing": _square(g="1.0"), "the error squared in the gradient": _square(g="e**2"), "the error's size": _square(g="np.abs(e)"), "the error's sign": _square(g="np.sign(e)"), "z + x": _square(g="z + x"), "a − x": _square(g="u - x"), "z alone": _square(g="z"), "one row for the batch": _square(da="(c * g * f / m).sum(0)"), "the mean row": _square(da="(c * g * f / m).mean(0)"), "transposed": _square(da="(c * g * f / m).T"),
            "NaN taken for 0": _square(z="np.nan_to_num(np.exp(u) / (1 + np.exp(u)))"), "the loss in place of da": _square(da="np.full(x.shape, k * q / n)"), "a slope that never ends": Shows(_floored), "the argument clipped": Shows(_never_zero, always=True),
        },
        draw=_saturated,
    ),
)  # fmt: skip
