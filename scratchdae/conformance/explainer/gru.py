"""Mistakes in gated recurrent units: the place of the reset, gates exchanged, steps left out."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scratchdae.activations import ACTIVATIONS, sigmoid
from scratchdae.arguments import Array, Params
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Row, Wrong
from scratchdae.conformance.explainer.retold import of_layer

_ROWS: tuple[Row, ...] = (
    ("update_complemented", "update", "z and 1 - z are exchanged: h = z n + (1 - z) h"),
    ("gates:zrn", "gates", "the gates are read in the order z r n, which is Keras'"),
    *((f"gates:{g}", "gates", f"the gates are read in the order {' '.join(g)}") for g in ("rnz", "znr", "nrz", "nzr")),
    ("update_for_reset", "reset", "z stands in the place of r, which is not used"),
    ("update_missing", "update", "h is the candidate: there is no update gate"),
    ("candidate_linear", "curve", "the candidate is linear: its activation is missing"),
    ("candidate_sigmoid", "curve", "the candidate has a sigmoid, as the gates have, not the activation"),
    ("hard_sigmoid", "gate", "the gates have the hard sigmoid (a + 3) / 6"),
    ("old_hard_sigmoid", "gate", "the gates have the hard sigmoid 0.2 a + 0.5"),
    ("bias_missing", "bias", "b is left out"),
    ("bias_doubled", "bias", "b is added twice, as b_ih and b_hh"),
    ("reset_missing", "reset", "r is not used"),
    ("time_reversed", "time", "the sequences are read from their end"),
    ("gate_tanh", "gate", "the gates have the hyperbolic tangent, not the sigmoid"),
    ("no_recurrence", "recurrence", "every step begins from zeros"),
    ("gradient_of_last_step", "backward", "the gradient does not go back through h_{t-1}"),
)
_AFTER: tuple[Row, ...] = (
    ("reset_before", "reset", "r multiplies h before the product with U_n, not after"),
    ("inner_bias_outside", "inner", "b_U is not multiplied by r"),
    ("inner_bias_missing", "inner", "b_U is left out"),
)


_CURVES: dict[str, Callable[[Array], Array]] = {"candidate_linear": lambda a: a, "candidate_sigmoid": sigmoid}
_GATES: dict[str, Callable[[Array], Array]] = {
    "gate_tanh": np.tanh,
    "hard_sigmoid": lambda a: np.where(abs(a.real) < 3, a / 6 + 0.5, a.real > 0),
    "old_hard_sigmoid": lambda a: np.where(abs(a.real) < 2.5, 0.2 * a + 0.5, a.real > 0),
}


def account(case: Case) -> Account:
    """Tell the units."""
    after, phi = case.conventions["reset"] == "after", ACTIVATIONS[case.conventions["activation"]].value
    sequences, H = case.conventions["return_sequences"], case.conventions["units"]

    def _forward(t: Mapping[str, Array], _: Mapping[str, Any], wrong: Wrong) -> Params:
        x, W, U, b = t["x"], t["W"], t["U"], t["b"][..., None, :]
        order = "rzn" if "gates:zrn" not in wrong else "zrn"
        order = next((id[6:] for id in wrong if id.startswith("gates:")), order)
        b = b * (0.0 if "bias_missing" in wrong else 2.0 if "bias_doubled" in wrong else 1.0)
        r_, z_, n_ = (slice(k * H, (k + 1) * H) for k in map(order.index, "rzn"))
        inner = t["b_U"][..., None, :] if after and "inner_bias_missing" not in wrong else 0.0
        outside = inner if "inner_bias_outside" in wrong else 0.0
        inner = inner if "inner_bias_outside" not in wrong else 0.0
        late = after != bool({"reset_before", "reset_after"} & set(wrong))
        a, curve = x @ W[..., None, :, :] if W.ndim > 2 else x @ W, np.tanh if "tanh_at_candidate" in wrong else phi
        curve = next((_CURVES[id] for id in _CURVES if id in wrong), curve)
        h, outputs = np.zeros((*x.shape[:-2], H)), []
        steps = range(x.shape[-2])
        for s in reversed(steps) if "time_reversed" in wrong else steps:
            h = 0 * h if "no_recurrence" in wrong else h.real if "gradient_of_last_step" in wrong else h
            now = a[..., s, :] + b
            gate_of = next((_GATES[id] for id in _GATES if id in wrong), sigmoid)
            r, z = (gate_of(now[..., gate] + h @ U[..., gate]) for gate in (r_, z_))
            r = np.ones_like(r) if "reset_missing" in wrong else z if "update_for_reset" in wrong else r
            q = r * (h @ U[..., n_] + inner) if late else (r * h) @ U[..., n_] + inner
            n = curve(now[..., n_] + q + outside)
            z = 1 - z if "update_complemented" in wrong else z
            h = n if "update_missing" in wrong else (1 - z) * n + z * h
            outputs.append(h)
        if not sequences:
            return {"output": outputs[0] if "first_output" in wrong else h}
        return {"output": np.stack(outputs, axis=-2)}

    rows = _ROWS + (_AFTER if after else (("reset_after", "reset", "r multiplies the product with U_n, not h"),))
    if not sequences:
        rows += (("first_output", "output", "the first output is given, not the last"),)
    if case.conventions["activation"] != "tanh":
        rows += (("tanh_at_candidate", "curve", "the candidate has tanh, where the case has another activation"),)
    return of_layer(case, _forward, rows, {"B": len(case.inputs["x"]), "T": case.inputs["x"].shape[1]})
