"""Activations that are layers: their values, each of which counts, and what they are taken for."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from generate.draw import Draw, short
from generate.second.made import made, of_layer
from generate.vector import Vector
from scratchdae.layers import ELU, GELU, SiLU, Softmax, Softplus

_WRONG = "a wrong derivative, or that of a value taken for a pre-activation"
_CURVES: tuple[tuple[str, Any, str, str], ...] = (
    ("elu_layer", ELU(), "output = x where x > 0, otherwise alpha (exp(x) - 1)", f"exp that is left without its "
     f"1; {_WRONG}"),
    ("elu_alpha", ELU(0.375), "output = x where x > 0, otherwise alpha (exp(x) - 1); the derivative at 0 is alpha",
     "CELU, whose exponent is x / alpha; alpha in the value alone; another derivative than alpha at exactly zero"),
    ("gelu_layer", GELU(), "output = x Φ(x), Φ the normal distribution", f"the approximation by tanh in place "
     f"of Φ; {_WRONG}"),
    ("gelu_by_tanh", GELU("tanh"), "output = x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))) / 2",
     "Φ itself in place of its approximation, or x s(1.702 x)"),
    ("silu_layer", SiLU(), "output = x / (1 + exp(-x))", f"GELU in its place; {_WRONG}"),
    ("softplus_layer", Softplus(), "output = log(1 + exp(x))", f"the rectifier in its place; {_WRONG}"),
)  # fmt: skip


def cases() -> Iterator[Vector]:
    for name, layer, in_words, aim in _CURVES:
        x = Draw(name).normal(3, 7, scale=1.5)
        x[0, :3] = short(np.array([0, -1e-6, 4]))
        by_value = () if isinstance(layer, GELU) else ("output",)  # whose Φ as (1 + erf) / 2 has few digits on the left
        yield made(name, "layer", of_layer(layer, x), {"x": x}, in_words, aim, "26_wrong_backward", by_value=by_value)
    x = Draw("softmax_layer").normal(3, 2, 5, scale=2)
    aim = "the diagonal of the Jacobian taken for all of it, or another axis than the last"
    words = "output = exp(x) / Σ exp(x) over the last axis; d_input is the product with the Jacobian"
    yield made("softmax_layer", "layer", of_layer(Softmax(), x), {"x": x}, words, aim, "26_wrong_backward")
