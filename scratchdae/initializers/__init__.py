"""What scale the first weights have, and from which paper.

An initializer is called as ``initializer(shape, rng, dtype)``; the shape of a weight matrix is ``(fan_in, fan_out)``,
that of a convolution's kernels ``(kh, kw, C_in, C_out)``, whose fans are ``kh·kw·C_in`` and ``kh·kw·C_out``: how many
numbers an output is made of, and how many outputs an input goes into. All rest on one argument. With weights
independent, of mean 0 and variance v, a pre-activation ``a = Σ_k x_k w_k`` over fan_in inputs has ::

    Var a = fan_in · v · E[x²]                                             (1)

and backwards a gradient is a sum over fan_out terms: ``Var dx = fan_out · v · Var da``. What the activation does to
E[x²] then decides the v that keeps the signal, or the gradient, as large in the tenth layer as in the first. The bad
ones are here too, and every one takes a `scale`, because chapters must be able to begin badly.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from scratchdae.arguments import Array, number
from scratchdae.initializers.fans import Initializer, fans
from scratchdae.initializers.fixed import constant, normal, zeros
from scratchdae.initializers.glorot import glorot_normal, glorot_uniform, sigmoid_uniform
from scratchdae.initializers.he import he_normal, he_uniform
from scratchdae.initializers.lecun import lecun_normal, lecun_uniform
from scratchdae.initializers.orthogonal import orthogonal

INITIALIZERS: dict[str, Callable[..., Array]] = {
    function.__name__: function
    for function in (
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        sigmoid_uniform,
        orthogonal,
        normal,
        zeros,
    )
}


def get(name_or_callable: str | Initializer) -> Initializer:
    """Return an initializer by its name, which is how layers and checkpoints hold it.

    Parameters
    ----------
    name_or_callable : str or Initializer
        A name, for example ``"he_normal"``; a name with its scale, ``"he_normal(0.1)"``; or an initializer, which is
        returned as it is.

    Returns
    -------
    Initializer
        The initializer.

    Raises
    ------
    ValueError
        If there is none of that name, or the scale is not a positive number.
    """
    if callable(name_or_callable):
        return name_or_callable
    name, bracket, rest = str(name_or_callable).partition("(")
    if name not in INITIALIZERS or (bracket and (name == "zeros" or not rest.endswith(")"))):
        known = ", ".join(INITIALIZERS)
        raise ValueError(f"initializer must be one of {known}, or NAME(SCALE), found {name_or_callable!r}")
    if not bracket:
        return INITIALIZERS[name]
    try:
        scale: Any = float(rest[:-1])
    except ValueError:
        scale = rest[:-1]  # refused below, by name
    return partial(INITIALIZERS[name], scale=number(f"scale of {name}", scale, above=0))


__all__ = [
    "INITIALIZERS",
    "Initializer",
    "constant",
    "fans",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "sigmoid_uniform",
    "zeros",
]
