"""Activations: value and gradient at ordinary, tied and extreme pre-activations."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from generate.decimals import Decimals, exact, exp, log, number, relu, sigmoid, softmax, tanh
from generate.draw import Draw, short
from generate.vector import Vector
from scratchdae.arguments import Array

SLOPE = 0.125  # of the leaky rectifier: no framework's default, so that it must be read

# Value f(a) and derivative f'(a). The rectifiers' derivative at the kink is that of the side below.
FUNCTIONS: Mapping[str, tuple[Callable[[Decimals], Decimals], Callable[[Decimals], Decimals]]] = {
    "sigmoid": (sigmoid, lambda a: sigmoid(a) * sigmoid(-a)),
    "tanh": (tanh, lambda a: 1 - tanh(a) ** 2),
    "relu": (relu, lambda a: np.where(a > 0, number(1), number(0))),
    "leaky_relu": (
        lambda a: np.where(a > 0, a, number(SLOPE) * a),
        lambda a: np.where(a > 0, number(1), number(SLOPE)),
    ),
    "softplus": (lambda a: log(1 + exp(a)), sigmoid),
    "identity": (lambda a: a, lambda a: 0 * a + 1),
}

_FORMULAS = {
    "sigmoid": "f(a) = 1 / (1 + exp(-a))",
    "tanh": "f(a) = tanh(a)",
    "relu": "f(a) = max(a, 0); f'(0) = 0",
    "leaky_relu": "f(a) = a where a > 0, otherwise slope · a; f'(0) = slope",
    "softplus": "f(a) = log(1 + exp(a))",
    "identity": "f(a) = a",
    "softmax": "f(a) = exp(a) / Σ exp(a) over the last axis; d_input is the product with the Jacobian",
}
_MEANINGS = {
    "a": "pre-activations",
    "d_output": "gradient with respect to the values",
    "value": "f(a)",
    "d_input": "gradient with respect to a",
}
# ±16.7 and ±36.8 are where float32 and float64 round the sigmoid to 1; exp overflows at 88.8 and at 709.8.
EXTREMES = (0, 1e-8, 1, 12, 16.7, 36.8, 89, 104, 710, 746, 800)


def cases() -> Iterator[Vector]:
    for function in FUNCTIONS:
        name = f"{function}_ordinary"
        a = Draw(name).normal(11, scale=2)
        aim = "a wrong derivative, or that of a value taken for a pre-activation"
        yield _case(name, function, a, aim, "26_wrong_backward")
    for function in ("sigmoid", "tanh", "softplus"):
        positive = short(np.array(EXTREMES))
        aim = "overflow of exp, a clip, or a loss of the small values"
        yield _case(f"{function}_extreme", function, np.concatenate([-positive[:0:-1], positive]), aim)
    for function in ("relu", "leaky_relu"):
        a = np.array([-800, -1, -0.5, 0, 0, 0.5, 1, 800], dtype=np.float64)
        yield _case(f"{function}_at_the_kink", function, a, "another derivative at exactly zero", "25_dead_units")

    aim = "the diagonal of the Jacobian taken for all of it, or another axis"
    a = Draw("softmax_ordinary").normal(3, 5, scale=2)
    yield _case("softmax_ordinary", "softmax", a, aim, "26_wrong_backward")
    rows = [[800, -800, 0, 1], [-800, -801, -802, -800], [1000, 1000, 1000, 1000], [0, 0, 0, -746]]
    aim = "exp that overflows because the largest pre-activation is not taken out first; equal pre-activations"
    yield _case("softmax_extreme", "softmax", np.array(rows, dtype=np.float64), aim)


def _case(name: str, function: str, a: Array, aimed_at: str, chapter: str = "16_round_off") -> Vector:
    d_output = Draw(f"{name}/d_output").normal(*a.shape)
    conventions: dict[str, Any] = {"function": function}
    if function == "leaky_relu":
        conventions["slope"] = SLOPE
    exact_a, exact_d = exact(a), exact(d_output)
    if function == "softmax":
        value = softmax(exact_a)
        d_input = value * (exact_d - (exact_d * value).sum(axis=-1, keepdims=True))
    else:
        f, derivative = FUNCTIONS[function]
        value, d_input = f(exact_a), exact_d * derivative(exact_a)
    return Vector(
        name=name,
        group="activation",
        sizes=dict(zip(("B", "K") if a.ndim == 2 else ("N",), a.shape, strict=True)),
        conventions=conventions,
        in_words=(_FORMULAS[function],),
        aimed_at=aimed_at,
        chapter=chapter,
        inputs={"a": a, "d_output": d_output},
        stages={"forward": {"value": value}, "gradients": {"d_input": d_input}},
        required=("value", "d_input"),
        meanings=_MEANINGS,
    )
