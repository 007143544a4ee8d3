"""Mistakes in activations that are layers of version 2, and in a decoder whose weights are the encoder's."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Row, Wrong
from scratchdae.conformance.explainer.activations import told_of
from scratchdae.conformance.explainer.retold import of_layer

FUNCTIONS = {"SiLU": "silu", "Softplus": "softplus", "Softmax": "softmax", "GELU": "gelu"}
_ELU: tuple[Row, ...] = (
    ("one_missing", "curve", "below 0 the value is alpha exp(x), without its - 1"),
    ("celu_instead", "curve", "CELU is computed: its exponent is x / alpha"),
    ("alpha_missing", "curve", "alpha is left out"),
    ("alpha_in_value_alone", "curve, backward", "alpha is in the value alone, not in its derivative"),
    ("leaky_instead", "curve", "below 0 the value is alpha x, a leaky rectifier's"),
    ("kink_above", "kink", "the derivative at exactly 0 is that of the side above"),
    ("derivative_missing", "backward", "the derivative is missing: the gradient passes unchanged"),
    ("derivative_of_the_value", "backward", "the derivative, a formula in the pre-activation, is given the value"),
    ("alpha_added_twice", "backward", "the derivative below 0 is alpha exp(x) + alpha"),
)
_TIED: tuple[Row, ...] = (
    ("bias_missing", "bias", "the bias is left out"),
    ("bias_doubled", "bias", "the bias is added twice"),
)


def account(case: Case, dtype: str) -> Account:
    """Tell an activation by what `activations` tells of it."""
    c = case.conventions
    function = FUNCTIONS[c["layer"]] + ("_tanh" if c.get("approximate") == "tanh" else "")
    names = {"value": "output", "gradient": "d_input"}
    return told_of(case.inputs["x"], case.inputs["d_output"], function, c, names, dtype)


def elu(case: Case) -> Account:
    """Tell the exponential linear unit."""

    def _forward(t: Mapping[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Params:
        x, alpha = t["x"], c["alpha"] if "alpha_missing" not in wrong else 1.0
        at, below = x.real, x.imag * 1j
        value = alpha * (np.exp(at) if "one_missing" in wrong else np.expm1(at))
        slope = alpha * np.exp(at)
        if "celu_instead" in wrong:
            value, slope = alpha * np.expm1(at / alpha), np.exp(at / alpha)
        value, slope = (alpha * at, alpha + 0 * at) if "leaky_instead" in wrong else (value, slope)
        slope = np.exp(at) if "alpha_in_value_alone" in wrong else slope
        slope = np.ones_like(at) if "derivative_missing" in wrong else slope
        slope = alpha * np.exp(value) if "derivative_of_the_value" in wrong else slope
        slope = slope + alpha if "alpha_added_twice" in wrong else slope
        slope = np.where(at == 0, 1.0, slope) if "kink_above" in wrong else slope
        told = np.where(at > 0, x, value + slope * below)
        return {"output": told if np.iscomplexobj(x) else told.real}

    rows = tuple(row for row in _ELU if case.conventions["alpha"] != 1 or row[0] not in _IDLE)
    return of_layer(case, _forward, rows)


_IDLE = {"celu_instead", "alpha_missing", "alpha_in_value_alone", "kink_above"}  # where alpha is 1


def tied_dense(case: Case) -> Account:
    """Tell an affine map by weights that are transposed."""

    def _forward(t: Mapping[str, Array], _: Mapping[str, Any], wrong: Wrong) -> Params:
        times = 0.0 if "bias_missing" in wrong else 2.0 if "bias_doubled" in wrong else 1.0
        return {"output": t["x"] @ t["W"].swapaxes(-1, -2) + times * t["b"][..., None, :]}

    return of_layer(case, _forward, _TIED, {"B": len(case.inputs["x"]), "units": len(case.inputs["b"])})
