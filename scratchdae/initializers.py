"""What scale the first weights have, and from which paper: a rule is a row of a table.

An initializer is called as ``initializer(shape, rng, dtype, scale)``; the shape of a weight matrix is
``(fan_in, fan_out)``, that of a convolution's kernels ``(kh, kw, C_in, C_out)``, whose fans are ``kh·kw·C_in`` and
``kh·kw·C_out``: how many numbers an output is made of, and how many outputs an input goes into. All rest on one
argument. With weights independent, of mean 0 and variance v, a pre-activation ``a = Σ_k x_k w_k`` over fan_in inputs
has ::

    Var a = fan_in · v · E[x²]                                             (1)

and backwards a gradient is a sum over fan_out terms: ``Var dx = fan_out · v · Var da``. What the activation does to
E[x²] then decides the v that keeps the signal, or the gradient, as large in the tenth layer as in the first:

- *lecun*: inputs of unit variance, an activation close to the identity: E[x²] = 1, and v = 1 / fan_in gives Var a = 1.
  Not to be confused with PyTorch's default for its linear layers, uniform on ±sqrt(1 / fan_in): a third of this
  variance.
- *glorot*: an activation close to the identity: E[x²] = Var a of the layer before. v = 1 / fan_in keeps the variance of
  the signal, 1 / fan_out that of the gradient; 2 / (fan_in + fan_out) is the compromise.
- *sigmoid*: four times glorot's weights, since the sigmoid's slope at zero is 1/4: they restore a slope of one.
- *he*: a rectifier sets one half of a symmetric pre-activation to zero, so E[x²] = Var a / 2, and v = 2 / fan_in.
- *orthogonal*: lengths are kept, not variances on average. *normal* looks at no fans: what (1) warns of.

The bad ones are here too, and all but zeros and `constant` take a `scale`, a factor on every weight (1 for the
paper's; of *normal* the deviation), because chapters must be able to begin badly.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, floating, generator, instance, number, shown, sides

Shape = tuple[int, ...]


class Initializer(Protocol):
    """A function that draws the first values of an array."""

    def __call__(self, shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = ...) -> Array: ...


class Rule(NamedTuple):
    """A distribution of mean 0 and variance v = gain / fan."""

    distribution: str  # "uniform", on ±sqrt(3 v); or "normal", not truncated at two deviations as Keras does
    gain: int
    fan: str
    source: str


RULES = {
    "glorot_uniform": Rule("uniform", 2, "fan_in + fan_out", "Glorot & Bengio 2010, equation 16"),
    "glorot_normal": Rule("normal", 2, "fan_in + fan_out", "the variance of glorot_uniform, without its bound"),
    "he_uniform": Rule("uniform", 2, "fan_in", "He et al. 2015, equation 10"),
    "he_normal": Rule("normal", 2, "fan_in", "He et al. 2015, equation 10, as the paper draws it"),
    "lecun_uniform": Rule("uniform", 1, "fan_in", 'LeCun et al. 1998, "Efficient BackProp", section 4.6'),
    "lecun_normal": Rule("normal", 1, "fan_in", 'LeCun et al. 1998, "Efficient BackProp", section 4.6'),
    "sigmoid_uniform": Rule("uniform", 32, "fan_in + fan_out", "the denoising autoencoder tutorial for Theano"),
}


def _by_fans(name: str) -> Callable[..., Array]:
    rule = RULES[name]

    def draw(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0) -> Array:
        fan_in, fan_out = fans(shape)
        fan = fan_in if rule.fan == "fan_in" else fan_in + fan_out
        scale, dtype = number("scale", scale, above=0), floating("dtype", dtype)
        if rule.distribution == "normal":
            return generator("rng", rng).normal(0, scale * np.sqrt(rule.gain / fan), shape).astype(dtype)
        bound = scale * np.sqrt(3 * rule.gain / fan)
        return generator("rng", rng).uniform(-bound, bound, shape).astype(dtype)

    draw.__name__ = draw.__qualname__ = name  # so that it prints, and is pickled, by its name in this module
    draw.__doc__ = (
        f"Draw from the {rule.distribution} distribution of variance {rule.gain} / ({rule.fan}): {rule.source}."
    )
    return draw


def fans(shape: Shape) -> tuple[int, int]:
    """Return how many inputs make an output, and how many outputs an input goes into."""
    found = sides("shape", shape, (2, 4), "be (fan_in, fan_out) or (kh, kw, C_in, C_out)")
    field = math.prod(found[:-2])
    return field * found[-2], field * found[-1]


glorot_uniform = _by_fans("glorot_uniform")
glorot_normal = _by_fans("glorot_normal")
sigmoid_uniform = _by_fans("sigmoid_uniform")
he_uniform = _by_fans("he_uniform")
he_normal = _by_fans("he_normal")
lecun_uniform = _by_fans("lecun_uniform")
lecun_normal = _by_fans("lecun_normal")


def orthogonal(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0) -> Array:
    """Draw a matrix with orthonormal rows or columns, of length `scale`, uniformly among all of them.

    ``‖Qx‖ = ‖x‖``: in a recurrent net the same matrix multiplies at every step, so it is not enough that variances are
    kept on average; here no direction grows or fades (Saxe et al. 2014). The Q of a normal matrix's QR
    decomposition, its columns' signs made those of R's diagonal, without which it is not uniform (Mezzadri 2007).
    Kernels are taken as matrices (kh·kw·C_in, C_out).
    """
    fans(shape)
    scale, dtype = number("scale", scale, above=0), floating("dtype", dtype)
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    tall = generator("rng", rng).standard_normal((max(rows, columns), min(rows, columns)))
    Q, R = np.linalg.qr(tall)
    Q *= np.where(np.diag(R) < 0, -1, 1)
    return (scale * (Q if rows >= columns else Q.T)).reshape(shape).astype(dtype)


def normal(shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 0.05) -> Array:
    """Draw from the normal distribution of deviation `scale`, whatever the fans.

    By (1) a pre-activation's deviation is then ``scale · sqrt(fan_in · E[x²])``, which every layer multiplies again.
    """
    fans(shape)
    scale, dtype = number("scale", scale, above=0), floating("dtype", dtype)
    return generator("rng", rng).normal(0, scale, shape).astype(dtype)


def zeros(shape: Shape, rng: np.random.Generator | None = None, dtype: npt.DTypeLike = np.float64) -> Array:
    """Return zeros, of any shape: right for biases, fatal for weights, whose units then stay equal for ever."""
    del rng
    return np.zeros(sides("shape", shape), floating("dtype", dtype))


def constant(value: float) -> Initializer:
    """Make an initializer that gives every entry the same finite value; as weights its units stay equal for ever."""
    value = number("value", value)

    def fill(shape: Shape, rng: np.random.Generator | None = None, dtype: npt.DTypeLike = np.float64) -> Array:
        del rng
        return np.full(sides("shape", shape), value, floating("dtype", dtype))

    return fill


INITIALIZERS: dict[str, Callable[..., Array]] = {
    **{name: globals()[name] for name in RULES},
    "orthogonal": orthogonal,
    "normal": normal,
    "zeros": zeros,
}


def named(name: str, value: object) -> str:
    """Return `value`, the name of an initializer with or without a scale, which is how layers hold it."""
    get(instance(name, value, str, "the name of an initializer"))
    return str(value)


def get(name_or_callable: str | Initializer) -> Initializer:
    """Return an initializer by its name or its name and scale, ``"he_normal(0.1)"``."""
    if callable(name_or_callable):
        return name_or_callable
    text = name_or_callable if isinstance(name_or_callable, str) else ""
    name, bracket, rest = text.partition("(")
    if name not in INITIALIZERS or (bracket and (name == "zeros" or not rest.endswith(")"))):
        known = ", ".join(INITIALIZERS)
        raise ValueError(f"initializer must be one of {known}, or NAME(SCALE), found {shown(name_or_callable)}")
    if not bracket:
        return INITIALIZERS[name]
    try:
        scale: Any = float(rest[:-1])
    except ValueError:
        scale = rest[:-1]  # refused below, by name
    return partial(INITIALIZERS[name], scale=number(f"scale of {name}", scale, above=0))
