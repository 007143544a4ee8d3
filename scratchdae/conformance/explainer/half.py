"""Mistakes that half precision shows and double precision hides: sums that overflow, probabilities of 0 and 1."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchdae.activations import sigmoid, softplus
from scratchdae.arguments import Array, Params
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Row, Wrong
from scratchdae.conformance.explainer.recognised import factor
from scratchdae.conformance.explainer.retold import of_layer, retold

_ROWS: dict[str, tuple[Row, ...]] = {
    "dense": (("derivative_missing", "backward", "the derivative of the sigmoid is missing"),
              ("bias_missing", "bias", "the bias is left out")),
    "squared_error": (("sum_overflows", "loss", "the squares are summed in half precision: inf beyond 65504"),),
    "cross_entropy": (("rounded_probabilities", "loss",
                       "the logarithm is that of a probability that is rounded to 0 or 1: NaN or inf"),),
}  # fmt: skip


def account(case: Case) -> Account:
    """Tell it in double precision; the tolerance of the case is that of half precision."""
    rows = _ROWS[case.conventions["function"]]
    if case.conventions["function"] == "dense":
        return of_layer(case, _dense, rows)
    B, D = case.inputs["a"].shape
    whole = factor("whole_factor", "the loss, with its gradient,", {"B": B, "D": D}, "whole factor")
    return retold(case, _loss, rows, {"a": "d_a"}, {"loss": np.ones(())}, {"B": B, "D": D}, whole)


def _dense(t: Mapping[str, Array], _: Mapping[str, Any], wrong: Wrong) -> Params:
    a = t["x"] @ t["W"] + ("bias_missing" not in wrong) * t["b"][..., None, :]
    y = sigmoid(a)
    return {"output": y.real + 1j * a.imag if "derivative_missing" in wrong and np.iscomplexobj(a) else y}


def _loss(t: Mapping[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Params:
    a, target = t["a"], t["target"]
    each = (a - target) ** 2 if c["function"] == "squared_error" else softplus(a) - target * a
    loss = wrong.get("whole_factor", 1.0) * each.mean(axis=(-2, -1))
    if not np.iscomplexobj(a) and "sum_overflows" in wrong:
        loss = loss + np.inf
    if not np.iscomplexobj(a) and "rounded_probabilities" in wrong:
        p = sigmoid(a).astype(np.float16).astype(np.float64)
        loss = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()
    return {"loss": loss}
