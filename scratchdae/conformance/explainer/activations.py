"""Mistakes in an activation: another function, or the derivative of something else."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scratchdae.activations import sigmoid, softmax, softplus
from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Switch, Told, Unknown, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor

_FUNCTIONS = {
    "sigmoid": "the sigmoid",
    "tanh": "tanh",
    "relu": "the rectifier",
    "softplus": "softplus",
    "identity": "the identity",
    "hard_sigmoid": "the hard sigmoid, (a + 3) / 6 cut to [0, 1]",
    "old_hard_sigmoid": "the hard sigmoid 0.2 a + 0.5, cut to [0, 1]",
    "scaled_tanh": "LeCun's 1.7159 tanh(2a/3)",
}
_FORMULAS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {  # value and derivative of a
    "sigmoid": (sigmoid, lambda a: sigmoid(a) * sigmoid(-a)),
    "tanh": (np.tanh, lambda a: 4 * sigmoid(2 * a) * sigmoid(-2 * a)),
    "softplus": (softplus, sigmoid),
    "identity": (lambda a: a, np.ones_like),
    "hard_sigmoid": (lambda a: np.clip(a / 6 + 0.5, 0, 1), lambda a: np.where(np.abs(a) < 3, 1 / 6, 0)),
    "old_hard_sigmoid": (lambda a: np.clip(0.2 * a + 0.5, 0, 1), lambda a: np.where(np.abs(a) < 2.5, 0.2, 0)),
    "scaled_tanh": (
        lambda a: 1.7159 * np.tanh(2 * a / 3),
        lambda a: 1.7159 * 2 / 3 * (1 - np.tanh(2 * a / 3) ** 2),
    ),
}
_DERIVATIVES = mistakes(
    ("derivative_missing", "derivative", "the derivative is missing: the gradient passes unchanged"),
    ("derivative_of_the_pre_activation", "derivative",
     "the derivative, a formula in the value, is given the pre-activation"),
    ("derivative_of_the_value", "derivative", "the derivative, a formula in the pre-activation, is given the value"),
    ("cotangent_missing", "derivative", "d_input is the derivative alone: d_output is left out"),
    ("derivative_squared", "derivative", "the derivative is multiplied in twice"),
)  # fmt: skip
_KINK = mistakes(
    ("kink_above", "kink", "the derivative at exactly 0 is that of the side above"),
    ("kink_between", "kink", "the derivative at exactly 0 is the mean of both sides"),
)
_SOFTMAX = mistakes(
    ("over_batch", "function", "the softmax runs over the batch, not over the last axis"),
    ("naive_softmax", "function",
     "the largest pre-activation is not taken out before exp, which overflows: inf / inf is NaN"),
    ("sigmoids_instead", "function", "each entry has a sigmoid of its own in place of the softmax"),
    ("diagonal_of_jacobian", "derivative",
     "the gradient has the diagonal of the Jacobian alone, d y (1 - y), not its product"),
    ("derivative_missing", "derivative", "the Jacobian is missing: the gradient passes unchanged"),
)  # fmt: skip


def account(case: Case, _found: Mapping[str, Array], dtype: str) -> Account:
    """Tell an activation and its gradient."""
    names = {"value": "value", "gradient": "d_input"}
    return told_of(
        case.inputs["a"], case.inputs["d_output"], case.conventions["function"], case.conventions, names, dtype
    )


def told_of(
    a: Array, d_output: Array, function: str, conventions: Mapping[str, Any], names: Mapping[str, str], dtype: str
) -> Account:
    """Tell an activation, whatever the case calls its ``value`` and ``gradient``."""
    gradient = factor("gradient_factor", "the gradient", {"B": len(a)}, "gradient factor")
    if function == "softmax":

        def _told_softmax(wrong: Wrong) -> Told:
            y = _softmax(a, wrong, dtype)
            axis = 0 if "over_batch" in wrong else -1
            da = y * (d_output - (d_output * y).sum(axis=axis, keepdims=True))
            if "diagonal_of_jacobian" in wrong or "sigmoids_instead" in wrong:
                da = d_output * y * (1 - y)
            if "derivative_missing" in wrong:
                da = d_output
            return {names["value"]: y, names["gradient"]: wrong.get("gradient_factor", 1.0) * da}

        return Account((*_SOFTMAX, gradient), _told_softmax)

    def _told(wrong: Wrong) -> Told:
        slope = wrong.get("other_slope", conventions.get("slope", 0.0))
        other = next((name for name in _FUNCTIONS if f"function:{name}" in wrong), function)
        y = _value(other, a, slope, wrong, dtype)
        at = y if "derivative_of_the_value" in wrong else a
        derivative = _derivative(other, at, slope, wrong)
        if "derivative_of_the_pre_activation" in wrong:
            derivative = _from_value(other, a, slope)
        if "derivative_missing" in wrong:
            derivative = np.ones_like(a)
        if "derivative_squared" in wrong:
            derivative = derivative**2
        da = derivative if "cotangent_missing" in wrong else d_output * derivative
        return {names["value"]: y, names["gradient"]: wrong.get("gradient_factor", 1.0) * da}

    return Account((*_switches(function, conventions), gradient), _told)


def _switches(function: str, conventions: Mapping[str, Any]) -> list[Switch]:
    others = [(name, words) for name, words in _FUNCTIONS.items() if name != function]
    rows = [(f"function:{name}", "function, derivative", f"{words} is computed") for name, words in others]
    switches = [*mistakes(*rows), *_DERIVATIVES]
    if function in ("relu", "leaky_relu"):
        switches += _KINK
    if function == "leaky_relu":
        slope = Unknown("slope", conventions["slope"], (), (0.01, 0.3, 0.2))
        has = f"slope is {{value}}, where the case has {conventions['slope']:g}"
        switches.append(Switch("other_slope", "slope", has, slope))
    if function == "relu":
        slope = Unknown("slope", 0.0, (), (0.01,))
        switches.append(Switch("other_slope", "slope", "the rectifier is leaky, with a slope of {value}", slope))
    if function in ("sigmoid", "softplus", "tanh"):
        naive = "exp overflows in the formula as it is printed: inf, or inf / inf, which is NaN"
        switches.append(Switch("overflow", "function", naive))
    return switches


def _softmax(a: Array, wrong: Wrong, dtype: str) -> Array:
    if "over_batch" in wrong:
        return softmax(a.T).T
    if "sigmoids_instead" in wrong:
        return sigmoid(a)
    if "naive_softmax" in wrong:
        e = np.exp(a.astype(dtype))
        p: Array = e / e.sum(axis=-1, keepdims=True)
        return p
    return softmax(a)


def _value(function: str, a: Array, slope: float, wrong: Wrong, dtype: str) -> Array:
    if "overflow" in wrong:
        e = np.exp(a.astype(dtype))
        return np.asarray(
            {"sigmoid": e / (1 + e), "softplus": np.log(1 + e), "tanh": (e - 1 / e) / (e + 1 / e)}[function]
        )
    if function in ("relu", "leaky_relu"):
        return np.where(a > 0, a, _below(function, slope, wrong) * a)
    return _FORMULAS[function][0](a)


def _below(function: str, slope: float, wrong: Wrong) -> float:
    """Return the slope of a rectifier below 0."""
    return slope if function == "leaky_relu" else float(wrong.get("other_slope", 0.0))


def _derivative(function: str, a: Array, slope: float, wrong: Wrong) -> Array:
    """Tell the derivative from the pre-activation."""
    if function in ("relu", "leaky_relu"):
        below = _below(function, slope, wrong)
        at_0 = 1.0 if "kink_above" in wrong else (1 + below) / 2 if "kink_between" in wrong else below
        return np.where(a > 0, 1.0, np.where(a == 0, at_0, below))
    return _FORMULAS[function][1](a)


def _from_value(function: str, y: Array, slope: float) -> Array:
    """Tell the formula for the derivative that expects the value, whatever it is given."""
    if function in ("relu", "leaky_relu", "identity"):
        return _derivative(function, y, slope, {})
    if function == "sigmoid":
        return np.asarray(y * (1 - y))
    return np.asarray(1 - y * y if function == "tanh" else -np.expm1(-y))
