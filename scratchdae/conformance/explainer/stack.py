"""Mistakes in stacked autoencoders: layers that stay frozen, weights that change too early, codes that are no codes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scratchdae.activations import sigmoid, softmax
from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer import apart, autoencoder, classification
from scratchdae.conformance.explainer.account import Account, Told, Wrong, mistakes
from scratchdae.conformance.explainer.activations import HIDDEN
from scratchdae.conformance.explainer.losses import NOT_REDUCED, reduced, reductions
from scratchdae.conformance.explainer.recognised import factor
from scratchdae.conformance.explainer.training import learning_rate, of_a_step
from scratchdae.conformance.explainer.update_rule import OTHERS

LAYERS = ("1", "2", "out")
PARAMS = tuple(f"{kind}_{layer}" for layer in LAYERS for kind in "Wb")
FINETUNING = mistakes(
    *((id, "hidden, derivative", sentence) for id, sentence in HIDDEN.items()),
    ("hidden_1_tanh", "hidden, derivative", "layer 1 has tanh, not sigmoid"),
    ("hidden_2_tanh", "hidden, derivative", "layer 2 has tanh, not sigmoid"),
    ("derivatives_missing", "derivative", "the hidden units' derivative h (1 - h) is missing in both layers"),
    ("derivative_1_missing", "derivative", "the derivative h_1 (1 - h_1) is missing"),
    ("derivative_2_missing", "derivative", "the derivative h_2 (1 - h_2) is missing"),
    ("layers_frozen", "frozen", "the layers below stay as they were pretrained: only the softmax is fine-tuned"),
    ("layer_1_frozen", "frozen", "layer 1 stays as it was pretrained"),
    ("layer_2_frozen", "frozen", "layer 2 stays as it was pretrained"),
    ("softmax_frozen", "frozen", "the softmax is not updated, the layers below are"),
    ("biases_frozen", "frozen", "the biases are not updated"),
    ("never_updated", "frozen", "no step is taken"),
    ("updated_in_turn", "turn",
     "each layer is updated before the gradient goes on below, and so with its new weights"),
    ("recomputed_in_turn", "turn",
     "each layer is updated before the gradient of the one below is computed, with a forward pass of its own"),
    ("never_zeroed", "gradient sum", "gradients are never zeroed: each step takes the sum of all so far"),
    ("a_step_too_few", "steps", "one step too few is taken"),
    ("a_step_too_many", "steps", "one step too many is taken"),
    ("layer_1_cut", "dW_1, db_1", "nothing comes back to layer 1, whose gradients are zero: its output is detached"),
    ("layers_cut", "dW_1, db_1, dW_2, db_2",
     "nothing comes back to the two layers, whose gradients are zero: the input of the softmax is detached"),
    ("logarithms_reported", "output", "the logarithms of the probabilities come back, not they themselves"),
    ("logits_reported", "output", "the logits come back, not the probabilities"),
    ("gradients_of_last_step", "reported", "the gradients are those of the last step, not of the first"),
)  # fmt: skip
PRETRAINING = mistakes(
    ("layer_1_input_linear", "", "layer 2 encodes layer 1's pre-activations, corrupted; its target are the codes"),
    ("layer_1_linear", "", "layer 1's codes are its pre-activations: the sigmoid is missing"),
    ("codes_standardised", "codes", "layer 1's codes are standardised over the batch"),
    ("codes_centred", "codes", "the mean over the batch is taken off layer 1's codes"),
    ("codes_stretched", "codes", "layer 1's codes are stretched to [0, 1] over the batch"),
    ("codes_binarised", "codes", "layer 1's codes are rounded to 0 and 1"),
    ("codes_tanh", "codes", "layer 1 has tanh, not sigmoid"),
    ("codes_relu", "codes", "layer 1 is rectified, not sigmoid"),
    ("layer_1_bias_missing", "codes", "layer 1's bias is left out"),
)  # fmt: skip


_CODES: dict[str, Callable[[Array, Array], Array]] = {  # of layer 1's pre-activations and codes
    "codes_standardised": lambda _, h: (h - h.mean(axis=0)) / h.std(axis=0),
    "codes_stretched": lambda _, h: (h - h.min(axis=0)) / np.ptp(h, axis=0),
    "codes_centred": lambda _, h: h - h.mean(axis=0), "codes_binarised": lambda _, h: np.rint(h),
    "codes_tanh": lambda a, _: np.tanh(a), "codes_relu": lambda a, _: np.maximum(a, 0),
}  # fmt: skip


def account(case: Case, _found: Mapping[str, Array], dtype: str) -> Account:
    """Tell the fine-tuning of two layers and a softmax."""
    inputs, conventions = case.inputs, case.conventions
    sizes = {"B": len(inputs["x"]), "K": len(inputs["b_out"])}
    own_factors = [factor(f"d{name}_factor", f"d{name}", sizes, f"d{name}") for name in PARAMS]
    shown = factor("reported_factor", "every gradient shown, but not those of the steps,", {"B": sizes["B"]})

    def _told(wrong: Wrong) -> Told:
        return finetuned(inputs, conventions, wrong, dtype)

    own_factors += [learning_rate(conventions["lr"], "lr"), replace(shown, late=True)]
    labels = (*classification.SWITCHES, *classification.RARE, *apart.switches(classification.SWITCHES))
    own = (*FINETUNING, *of_a_step("lr"), *labels, *reductions("paper", sizes), *NOT_REDUCED, *own_factors)
    return Account(own, _told)


def finetuned(inputs: Mapping[str, Array], conventions: Mapping[str, Any], wrong: Wrong, dtype: str) -> Told:
    """Tell all steps of the fine-tuning."""
    params = {name: inputs[name] for name in PARAMS}
    lr = conventions["lr"] * wrong.get("lr_factor", 1.0)
    steps = conventions["steps"] + ("a_step_too_many" in wrong) - ("a_step_too_few" in wrong)
    frozen = _frozen(wrong)
    first: Told = {}
    total = {name: np.zeros_like(value) for name, value in params.items()}
    velocity, states = total, {name: dict.fromkeys(("m", "v"), value) for name, value in total.items()}
    momentum = wrong.get("momentum", wrong.get("nesterov", 0.0))
    decay = {name: wrong.get("weight_decay", wrong.get("weights_decay", 0.0) * (name[0] == "W")) for name in PARAMS}
    for n in range(steps):
        told = step(params, inputs, wrong, dtype, lr)
        if not first or "gradients_of_last_step" in wrong:
            first = {**told, **{k: v for k, v in first.items() if not k.startswith("d")}}
        if "never_zeroed" in wrong:
            total = {name: total[name] + told[f"d{name}"] for name in PARAMS}
        else:
            total = {name: told[f"d{name}"] for name in PARAMS}
        moved = {name: total[name] + decay[name] * params[name] for name in PARAMS}
        velocity = {name: momentum * velocity[name] + moved[name] for name in PARAMS}
        ahead = {name: moved[name] + momentum * velocity[name] for name in PARAMS} if "nesterov" in wrong else velocity
        change = {name: lr * value for name, value in ahead.items()}
        if "rule:Adam" in wrong:
            change = {name: OTHERS["Adam"](value, lr, n, states[name], {}) for name, value in total.items()}
        before, params = params, dict(params)
        for layer in reversed(LAYERS):
            if "recomputed_in_turn" in wrong and layer != "out":
                total |= {k: v for k, v in _gradients(step(params, inputs, wrong, dtype, lr)).items() if k[-1] == layer}
                change |= {name: lr * total[name] for name in PARAMS if name.endswith(layer)}
            params |= {
                name: value if name in frozen else value - change[name]
                for name, value in before.items()
                if name.endswith(layer)
            }
    first |= {f"d{name}": wrong.get("reported_factor", 1.0) * first[f"d{name}"] for name in PARAMS}
    return {**first, **{f"{name}_after": value for name, value in params.items()}}


def _gradients(told: Told) -> dict[str, Array]:
    return {name: told[f"d{name}"] for name in PARAMS}


def step(params: Mapping[str, Array], inputs: Mapping[str, Array], wrong: Wrong, dtype: str, lr: float) -> Told:
    """Tell one forward and backward pass; `lr` is for gradients that are computed with weights already updated."""
    return apart.told(lambda wrong: _step(params, inputs, wrong, dtype, lr), wrong)


def _step(params: Mapping[str, Array], inputs: Mapping[str, Array], wrong: Wrong, dtype: str, lr: float) -> Told:
    x = inputs["x"]
    of = [{**wrong, "hidden_tanh": True} if f"hidden_{n}_tanh" in wrong else wrong for n in (1, 2)]
    h_1, slope_1 = autoencoder.hidden(x @ params["W_1"] + params["b_1"], of[0])
    h_2, slope_2 = autoencoder.hidden(h_1 @ params["W_2"] + params["b_2"], of[1])
    a = h_2 @ params["W_out"] + params["b_out"]
    terms, gradients, rounding = classification.terms(a, inputs["labels"], wrong, dtype)
    loss, scale = reduced(terms, len(x), wrong)
    if {"derivatives_missing", "derivative_1_missing"} & set(wrong):
        slope_1 = np.ones_like(slope_1)
    if {"derivatives_missing", "derivative_2_missing"} & set(wrong):
        slope_2 = np.ones_like(slope_2)
    da = scale * gradients
    told: Told = {"h_1": h_1, "h_2": h_2, "a": a, "probabilities": _probabilities(a, wrong), "loss": loss}
    told["±loss"] = np.asarray(rounding / len(x))
    for layer, below, slope in (("out", h_2, slope_2), ("2", h_1, slope_1), ("1", x, x)):
        dW, db = below.T @ da, da.sum(axis=0)
        told[f"dW_{layer}"] = wrong.get(f"dW_{layer}_factor", 1.0) * dW
        told[f"db_{layer}"] = wrong.get(f"db_{layer}_factor", 1.0) * db
        W = params[f"W_{layer}"] - (lr * told[f"dW_{layer}"] if "updated_in_turn" in wrong else 0)
        if layer != "1":
            cut = (layer == "out" and "layers_cut" in wrong) or (layer == "2" and "layer_1_cut" in wrong)
            da = 0 * slope if cut else (da @ W.T) * slope
    return told


def _probabilities(a: Array, wrong: Wrong) -> Array:
    if {"logarithms_reported", "logits_reported"} & set(wrong):
        return a if "logits_reported" in wrong else a - np.logaddexp.reduce(a, axis=1, keepdims=True)
    if "softmax_over_batch" in wrong:
        return softmax(a.T).T
    return sigmoid(a) if "sigmoids_instead" in wrong else softmax(a)


def _frozen(wrong: Wrong) -> set[str]:
    if "layers_frozen" in wrong:
        return {name for name in PARAMS if not name.endswith("out")}
    of = {"layer_1_frozen": "1", "layer_2_frozen": "2", "softmax_frozen": "out"}
    if (layer := next((of[id] for id in wrong if id in of), "")) != "":
        return {f"W_{layer}", f"b_{layer}"}
    if "biases_frozen" in wrong:
        return {name for name in PARAMS if name.startswith("b")}
    return set(PARAMS) if "never_updated" in wrong else set()


def pretraining(case: Case, _found: Mapping[str, Array], dtype: str) -> Account:
    """Tell the pretraining of the second layer."""
    given = case.inputs
    conventions = {"output": "sigmoid", "l2": 0.0, **case.conventions}

    def _second(wrong: Wrong) -> dict[str, Array]:
        a = given["x"] @ given["W_1"] + given["b_1"]
        a = a - given["b_1"] if "layer_1_bias_missing" in wrong else a
        h_1 = a if "layer_1_linear" in wrong else sigmoid(a)
        h_1 = next((_CODES[id](a, h_1) for id in _CODES if id in wrong), h_1)
        own = {"W": given["W_2"], "b": given["b_2"], "b_prime": given["b_prime_2"]}
        encoded = {"encoded": a} if "layer_1_input_linear" in wrong else {}
        return {"x": h_1, "mask": given["mask"], **encoded, **own}

    def _told(wrong: Wrong) -> Told:
        inner = _second(wrong)
        arrays = autoencoder.pass_through(inner, conventions, wrong, dtype)
        names = {"z": "z", "loss": "loss", "±loss": "±loss", "x_tilde": "h_1_tilde"}
        names |= {f"d{key}": f"d{key}_2" for key in ("W", "b", "b_prime")}
        return {"h_1": inner["x"], **{new: arrays[old] for old, new in names.items()}}

    return Account((*PRETRAINING, *autoencoder.switches(_second({}), conventions)), _told)
