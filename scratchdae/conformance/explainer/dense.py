"""Mistakes in a fully connected layer."""

import numpy as np

from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Told, Wrong, mistakes
from scratchdae.conformance.explainer.recognised import factor

SWITCHES = mistakes(
    ("bias_missing", "bias", "the bias is left out"),
    ("W_read_as_out_in", "W", "the numbers of W are read as (out, in), without a transpose"),
    ("db_not_summed", "db", "db is not summed over the batch"),
    ("db_summed_over_first_axis", "db", "db is summed over the first axis alone"),
    ("db_of_one_example", "db", "db is that of the first example alone"),
    ("dW_of_one_example", "dW", "dW is that of the first example alone"),
    ("dW_of_last_step", "dW", "dW is that of the last step alone"))  # fmt: skip


RARE = mistakes(
    ("W_read_as_out_in:forwards", "W", "the numbers of W are read as (out, in), without a transpose; dW is (in, out)"),
    ("db_of_ones", "db", "db is the number of examples: d_output is left out of it"), late=True)  # fmt: skip


def account(case: Case) -> Account:
    """Tell a fully connected layer."""
    x, W, b, dy = (case.inputs[name] for name in ("x", "W", "b", "d_output"))
    rows, d_rows = x.reshape(-1, W.shape[0]), dy.reshape(-1, W.shape[1])
    sizes = {"B": len(x)} | ({"T": x.shape[1]} if x.ndim == 3 else {}) | {"units": W.shape[1]}

    def _told(wrong: Wrong) -> Told:
        read = "W_read_as_out_in" in wrong
        own = W.reshape(W.shape[::-1]).T if read or "W_read_as_out_in:forwards" in wrong else W
        dW, db = rows.T @ d_rows, d_rows.sum(axis=0)
        if "dW_of_one_example" in wrong:
            dW = x[0].reshape(-1, W.shape[0]).T @ dy[0].reshape(-1, W.shape[1])
        if "dW_of_last_step" in wrong and x.ndim == 3:
            dW = x[:, -1].T @ dy[:, -1]
        if "db_not_summed" in wrong:
            db = dy
        if "db_summed_over_first_axis" in wrong:
            db = dy.sum(axis=0)
        if "db_of_one_example" in wrong:
            db = dy[0].reshape(-1, W.shape[1]).sum(axis=0)
        if "db_of_ones" in wrong:
            db = np.full(W.shape[1], float(len(rows)))
        common, weight, bias = (wrong.get(f"{name}_factor", 1.0) for name in ("gradient", "weight", "bias"))
        return {
            "output": weight * x @ own + ("bias_missing" not in wrong) * bias * b,
            "d_input": wrong.get("d_input_factor", 1.0) * weight * (dy @ own.T),
            "dW": common * weight * wrong.get("dW_factor", 1.0) * (dW.T.reshape(W.shape) if read else dW),
            "db": common * bias * wrong.get("db_factor", 1.0) * db,
        }

    factors = (
        factor("gradient_factor", "the gradient of every parameter", sizes, "dW factor", "db factor"),
        factor("dW_factor", "dW", sizes, "dW factor"),
        factor("db_factor", "db", sizes, "db factor"),
        factor("d_input_factor", "d_input", sizes, "d_input factor"),
        factor("weight_factor", "W, wherever it is used,", {}, "weight", zero=False),
        factor("bias_factor", "the bias, with its gradient,", {}, "bias"),
    )
    return Account((*SWITCHES, *RARE, *factors), _told)
