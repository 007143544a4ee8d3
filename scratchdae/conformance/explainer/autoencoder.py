"""Mistakes in the denoising autoencoder: which input, which target, which part of the gradient.

The equations are numbered as in `scratchdae.autoencoder`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from scratchdae.activations import sigmoid, softmax
from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer import activations, apart, corruption, probabilities
from scratchdae.conformance.explainer.account import Account, Named, Switch, Told, Unknown, Wrong, mistakes
from scratchdae.conformance.explainer.losses import NOT_REDUCED, ROOTS, divisor, reduced, reductions
from scratchdae.conformance.explainer.recognised import factor, products

_WEIGHTS = "dW, dW_prime, encoder term, decoder term"
ENCODER = mistakes(
    ("clean_input", "input", "the encoder sees the clean input x, not the corrupted x_tilde"),
    ("clean_input_in_backward", "input",
     "the encoder's part of dW is xᵀ da_y: the clean input for the corrupted x_tilde"),
    ("clean_reported", "input, reported",
     "z and the loss are told of the clean input x; the gradients are those of the corrupted x_tilde"),
    ("clean_z_reported", "input, reported",
     "z is told of the clean input x; the loss and the gradients are those of the corrupted x_tilde"),
    ("corrupted_target", "target", "the loss compares with the corrupted input x_tilde, not with the clean x"),
    ("encoder_bias_missing", "", "the bias b is left out of the encoder"),
    ("encoder_bias_unused", "db", "the bias b is not used at all: it is left out, and its gradient is zero"),
    ("decoder_bias_unused", "db_prime", "the bias b' is not used at all: it is left out, and its gradient is zero"),
    ("decoder_bias_missing", "", "the bias b' is left out of the decoder"),
    *((id, "hidden activation, hidden derivative", sentence) for id, sentence in activations.HIDDEN.items()),
    ("hidden_softmax", "hidden activation, hidden derivative", "the hidden units are a softmax, not sigmoid"),
    ("hidden_derivative_missing", "hidden derivative", "the hidden units' derivative y (1 - y) is missing: da_y is dy"),
    ("hidden_derivative_of_a", "hidden derivative",
     "the hidden units' derivative is a_y (1 - a_y), of the pre-activation, where y belongs"),
    ("hidden_derivative_of_tanh", "hidden derivative",
     "the hidden units' derivative is 1 - y², that of tanh, where the sigmoid's y (1 - y) belongs"),
    ("hidden_derivative_of_y", "hidden derivative",
     "the hidden units' derivative is s(y) (1 - s(y)): the sigmoid is taken twice"),
    ("target_of_example_before", "target", "each example is compared with the one before it in the batch"),
    ("db_not_summed", "db", "db is not summed over the batch: it has a row for each example"),
    ("db_of_dy", "db", "db is the sum of dy: the hidden units' derivative is left out of it alone"),
    ("db_of_one_example", "db", "db is that of the first example alone"),
    ("db_prime_not_summed", "db_prime", "db' is not summed over the batch: it has a row for each example"),
)  # fmt: skip
EXAMPLES = mistakes(
    *((f"{which}_of_{one}", decides, f"the gradients of {words} are those of the {one} example alone")
      for which, decides, words in (("weights", _WEIGHTS, "the weights"), ("biases", "db, db_prime", "the biases"),
                                    ("gradients", f"{_WEIGHTS}, db, db_prime", "all parameters"))
      for one in ("first", "last")), late=True)  # fmt: skip
SQUARED = mistakes(
    ("output_derivative_missing", "output derivative", "the output's derivative z (1 - z) is missing"),
    ("output_derivative_of_tanh", "output derivative",
     "the output's derivative is 1 - z², that of tanh, where the sigmoid's z (1 - z) belongs"),
    ("output_derivative_of_a", "output derivative",
     "the output's derivative is a_z (1 - a_z), of the pre-activation, where z belongs"),
    ("output_linear", "terms", "the output is linear: z is a_z, where the case has a sigmoid"),
    ("output_tanh", "terms, output derivative", "the output is tanh, where the case has a sigmoid"),
    ("cross_entropy_instead", "terms", "the cross-entropy is computed in place of the squared error"),
    ("absolute_error_instead", "terms", "the absolute error is computed in place of the squared error"),
)  # fmt: skip
LINEAR = mistakes(
    ("output_sigmoid", "terms", "the output is a sigmoid, where the case has a linear one"),
    ("output_derivative_extra", "output derivative",
     "the gradient has a factor z (1 - z) too many: the output is linear"),
    ("absolute_error_instead", "terms", "the absolute error is computed in place of the squared error"),
    ("reconstruction_clipped", "terms", "the reconstruction is clipped to [0, 1]"),
)  # fmt: skip
MASKED = (
    Switch("loss_of_intact", "which entries", "in the loss intact entries count {value} times",
           Unknown("weight", 1.0, (Named(0.0, "loss_on_masked_only", "the loss is that of masked entries alone"),))),
    Switch("loss_of_masked", "which entries", "in the loss masked entries count {value} times",
           Unknown("weight", 1.0, (Named(0.0, "loss_on_intact_only", "the loss is that of intact entries alone"),))),
    Switch("loss_mean_of_masked", "which entries, loss factor, gradient factor",
           "the loss is that of the masked entries alone, averaged over their number"),
)  # fmt: skip
TIED = mistakes(
    ("decoder_tied", "tied", "the decoder has the transpose of W, as if the weights were tied: W' is not used"),
    ("back_through_W", "tied", "the gradient goes back to the code through the transpose of W, not through W'"),
    ("decoder_tied:in_z", "tied", "z is decoded with the transpose of W; the gradients are those of W'"),
)  # fmt: skip
NOT_IN_SUM = mistakes(
    ("encoder_not_in_sum", "dW", "the encoder's part is computed, but left out of the sum dW"),
    ("decoder_not_in_sum", "dW", "the decoder's part is computed, but left out of the sum dW"))  # fmt: skip


def account(case: Case, found: Mapping[str, Array], dtype: str) -> Account:
    """Tell the autoencoder's forward pass, loss and gradients."""

    def _told(wrong: Wrong) -> Told:
        return pass_through(case.inputs, case.conventions, wrong, dtype)

    own = switches(case.inputs, case.conventions)
    # Where the parts are not shown, one that is left out of the sum is one that is missing.
    forgotten = NOT_IN_SUM if {"dW", "dW_encoder", "dW_decoder"} <= set(found) and case.conventions["tied"] else ()
    return Account((*own, *forgotten, *_redrawn(case, found, _told), _dropped(found)), _told)


def switches(inputs: Mapping[str, Array], conventions: Mapping[str, Any]) -> tuple[Switch, ...]:
    """Make the switches of an autoencoder."""
    W, B = inputs["W"], inputs["x"].shape[-2]
    sizes = {"B": B, "D": W.shape[0]}
    corrupts = conventions["corruption"] != "none"
    own = [switch for switch in (*ENCODER, *EXAMPLES) if corrupts or not switch.excludes & {"input", "target"}]
    if conventions["loss"] == "cross_entropy":
        own += probabilities.SWITCHES
    else:
        own += (*(SQUARED if conventions["output"] == "sigmoid" else LINEAR), *ROOTS)
    own += MASKED if "mask" in inputs else ()
    all_sizes = sizes | {"H": W.shape[1]}
    factors = [
        factor("encoder_term", "the encoder's part of dW", all_sizes, "encoder term"),
        factor("dW_factor", "dW", all_sizes, "dW factor"),
        factor("db_factor", "db", all_sizes, "db"),
        factor("db_prime_factor", "db'", all_sizes, "db_prime"),
        factor("biases_factor", "the gradients of both biases", all_sizes, "db", "db_prime"),
    ]
    if conventions["tied"]:
        factors.append(factor("decoder_term", "the decoder's part of dW", all_sizes, "decoder term"))
    else:
        factors.append(factor("dW_prime_factor", "dW'", all_sizes, "dW_prime"))
        own += TIED
        own += mistakes(("dW_prime_in_dW", "dW", "dW' is put into dW, transposed, as if the weights were tied"))
    if not corrupts:
        bytes_of = Named(255.0, "input_times_255", "the input is not divided by 255")
        scaled = Unknown("factor", 1.0, (bytes_of,), (1.0, 255.0))
        own.append(Switch("input_scaled", "input", "the encoder sees the input times {value}", scaled))
    return (
        *own,
        *apart.switches(own),
        *corruption.switches(inputs, conventions),
        *((replace(corruption.MISSING, late=True),) if conventions["corruption"] != "none" else ()),
        *reductions(conventions.get("reduction", "paper"), sizes),
        *NOT_REDUCED,
        *factors,
        *penalties(conventions.get("l2", 0.0), all_sizes, conventions["tied"]),
    )


def penalties(l2: float, sizes: Mapping[str, int], tied: bool) -> tuple[Switch, ...]:
    """Make the switches of the penalty l2 · ΣW²: another l2 in loss and gradient or in one of them, biases too."""
    table, P = [], sizes["D"] * sizes["H"]
    for id, decides, what in (
        ("penalty", "penalty in loss, penalty in gradient", "the penalty"),
        ("penalty_in_loss", "penalty in loss", "the penalty in the loss, but not in its gradient,"),
        ("penalty_in_gradient", "penalty in gradient", "the penalty in the gradient, but not in the loss,"),
    ):
        named: tuple[Named, ...] = ()
        if l2:
            named = (
                Named(0.0, f"{id}:missing", f"{what} is left out"),
                Named(l2 / 2, f"{id}:1/2", f"{what} has a factor 1/2: it is l2/2 · ΣW², where the case has l2 · ΣW²"),
                Named(2 * l2, f"{id}:2", f"{what} is doubled"),
                Named(-l2, f"{id}:sign", f"{what} has the wrong sign"),
                Named(l2 / P, f"{id}:mean", f"{what} is the mean of the squares, not their sum"),
                *(Named(l2 / n, f"{id}:1/{size}", f"{what} is divided by {size} = {n}, as the loss is")
                  for size, n in products({"B": sizes["B"], "D": sizes["D"]}).items()),
            )  # fmt: skip
        case_has = f"where the case has {l2:g}" if l2 else "where the case has none"
        table.append(Switch(id, decides, f"{what} is {{value}} · ΣW², {case_has}", Unknown("l2", l2, named)))
    if l2:
        table += mistakes(
            ("penalty_of_biases", "", "the penalty is taken of the biases too"),
            ("penalty_absolute", "norm", "the penalty is l2 · Σ |W|: L1, not L2"),
            ("penalty_rooted", "norm", "the penalty is l2 times the norm of W, not its square"),
        )
        if not tied:
            table += mistakes(("penalty_of_W_alone", "", "the penalty is taken of W alone, not of W'"))
    return tuple(table)


def pass_through(inputs: Mapping[str, Array], conventions: Mapping[str, Any], wrong: Wrong, dtype: str) -> Told:
    """Tell all arrays of one forward and backward pass."""
    return apart.told(lambda wrong: _pass_through(inputs, conventions, wrong, dtype), wrong)


def _pass_through(inputs: Mapping[str, Array], conventions: Mapping[str, Any], wrong: Wrong, dtype: str) -> Told:
    x, W, b, b_prime = (inputs[name] for name in ("x", "W", "b", "b_prime"))
    W_prime = W.T if conventions["tied"] else inputs["W_prime"]
    x_tilde = corruption.corrupted(inputs.get("encoded", x), inputs, conventions, wrong)
    seen = x if "clean_input" in wrong else x_tilde
    target = x_tilde if "corrupted_target" in wrong else x
    target = np.roll(x, 1, axis=0) if "target_of_example_before" in wrong else target

    seen = wrong.get("input_scaled", 1.0) * seen
    a_y = seen @ W + (not {"encoder_bias_missing", "encoder_bias_unused"} & set(wrong)) * b  # (1)
    y, slope = hidden(a_y, wrong)
    dropped = wrong.get("hidden_dropped", 1.0)  # (H,)
    y, slope = dropped * y, dropped * slope
    decoding = {"decoder_tied", "decoder_tied:in_z"} & set(wrong)
    a_z = (
        y @ (W.T if decoding else W_prime)
        + (not {"decoder_bias_missing", "decoder_bias_unused"} & set(wrong)) * b_prime
    )  # (2)
    z, terms, gradients, rounding = _output(a_z, target, conventions, wrong, dtype)  # (3) to (6)
    by = divisor(conventions.get("reduction", "paper"), x.shape)
    if "mask" in inputs:
        weights = _weights(inputs["mask"], by, wrong)
        terms, gradients = weights * terms, weights * gradients
    data_loss, scale = reduced(terms, by, wrong)
    da_z = scale * gradients

    of_weights, of_biases = (_examples(which, wrong) for which in ("weights", "biases"))
    db_prime = da_z[of_biases].sum(axis=0)  # (7)
    dW_decoder = y[of_weights].T @ da_z[of_weights]  # (8)
    dW_decoder = dW_decoder.T if conventions["tied"] else dW_decoder
    dy = da_z @ (W.T if {"decoder_tied", "back_through_W"} & set(wrong) else W_prime).T  # (9)
    da_y = y * (dy - (dy * y).sum(axis=1, keepdims=True)) if "hidden_softmax" in wrong else dy * slope  # (10)
    db = da_y[of_biases].sum(axis=0)  # (11)
    seen_again = wrong.get("mask_redrawn", x if "clean_input_in_backward" in wrong else seen)
    dW_encoder = wrong.get("encoder_term", 1.0) * (seen_again[of_weights].T @ da_y[of_weights])  # (12)
    told: Told = {
        "x_tilde": x_tilde, "a_y": a_y, "y": y, "a_z": a_z, "z": z, "data_loss": data_loss, "da_z": da_z,
        "dy": dy, "da_y": da_y, "db": db, "db_prime": db_prime, "dW_encoder": dW_encoder, "dx_tilde": da_y @ W.T,
        "±loss": np.asarray(rounding / by), "±data_loss": np.asarray(rounding / by),
    }  # fmt: skip
    if conventions["tied"]:
        dW_decoder = wrong.get("decoder_term", 1.0) * dW_decoder
        shares = ("encoder_not_in_sum" not in wrong) * dW_encoder, ("decoder_not_in_sum" not in wrong) * dW_decoder
        told |= {"dW_decoder": dW_decoder, "dW": shares[0] + shares[1]}
    else:
        told |= {"dW_decoder": dW_decoder.T, "dW": dW_encoder, "dW_prime": dW_decoder}
    if {"dW_prime_in_dW", "decoder_tied"} & set(wrong):
        told["dW"] = told["dW"] + told["dW_prime"].T
    if "decoder_tied" in wrong:
        told["dW_prime"] = 0 * told["dW_prime"]
    _penalise(told, inputs, conventions, wrong)
    if "db_not_summed" in wrong:
        told["db"] = da_y
    if "db_of_dy" in wrong:
        told["db"] = dy.sum(axis=0)
    if "db_of_one_example" in wrong:
        told["db"] = da_y[0]
    if "db_prime_not_summed" in wrong:
        told["db_prime"] = da_z
    if {"clean_reported", "clean_z_reported"} & set(wrong):
        others = {id: value for id, value in wrong.items() if id not in ("clean_reported", "clean_z_reported")}
        shown = pass_through(inputs, conventions, {**others, "clean_input": True}, dtype)
        names = ("a_y", "y", "a_z", "z", *(("data_loss", "loss") if "clean_reported" in wrong else ()))
        told |= {name: shown[name] for name in names}
    biases = wrong.get("biases_factor", 1.0)
    used, used_prime = ("encoder_bias_unused" not in wrong), ("decoder_bias_unused" not in wrong)
    also_of = (("dW", 1.0), ("db", biases * used), ("db_prime", biases * used_prime), ("dW_prime", 1.0))
    for name, also in also_of:
        if name in told:
            told[name] = also * wrong.get(f"{name}_factor", 1.0) * told[name]
    return told


def _examples(which: str, wrong: Wrong) -> slice:
    """Return which examples have a part in the gradients of weights or biases."""
    for name, only in (("first", slice(1)), ("last", slice(-1, None))):
        if {f"{which}_of_{name}", f"gradients_of_{name}"} & set(wrong):
            return only
    return slice(None)


def _weights(mask: Array, by: int, wrong: Wrong) -> Array | float:
    """Return what each entry counts in the loss."""
    if "loss_mean_of_masked" in wrong:
        return np.asarray(np.where(mask, by / max(int(mask.sum()), 1), 0.0))
    if {"loss_of_intact", "loss_of_masked"} & set(wrong):
        return np.asarray(np.where(mask, wrong.get("loss_of_masked", 1.0), wrong.get("loss_of_intact", 1.0)))
    return 1.0


def _redrawn(case: Case, found: Mapping[str, Array], told: Callable[[Wrong], Told]) -> tuple[Switch, ...]:
    """Make the switch for a mask that is drawn again in the backward pass, and find out which it was.

    Each column of x_tilde has one row of the encoder's part, ``Σ_b x̃_bd da_y_b``, to itself. So all 2^B columns that a
    mask can leave of it are tried, and one has to fit.
    """
    x = case.inputs["x"]
    if case.conventions["corruption"] != "masking" or len(x) > 10 or not {"dW", "dW_encoder"} & set(found):
        return ()
    kept = np.array(list(product((0.0, 1.0), repeat=len(x))))  # (2^B, B)

    def _recover(wrong: Wrong) -> Array | None:
        model = told(wrong)
        name = "dW_encoder" if "dW_encoder" in found else "dW"
        term = found[name] - model[name] + model["dW_encoder"] if found[name].shape == model[name].shape else None
        if term is None or not np.isfinite(term).all():
            return None
        share = wrong.get("encoder_term", 1.0) * model["da_y"]
        candidates = (kept[:, :, None] * x).transpose(2, 0, 1) @ share  # (D, 2^B, H)
        best = np.abs(candidates - term[:, None]).max(axis=2).argmin(axis=1)
        again = kept[best].T * x
        known = (model["x_tilde"], x, np.zeros_like(x))  # no mask of another draw: these have names of their own
        return None if any(np.array_equal(again, other) for other in known) else again

    sentence = "the mask is drawn again for the backward pass: the encoder's part of dW is that of another x_tilde"
    return (Switch("mask_redrawn", "input, encoder term, dW, dW factor", sentence, recover=_recover),)


def _dropped(found: Mapping[str, Array]) -> Switch:
    """Make the switch for a dropout of the hidden layer, and find the units out: their biases have no gradient."""

    def _recover(_: Wrong) -> Array | None:
        kept = found["db"] != 0 if "db" in found and found["db"].ndim == 1 else np.zeros(0, bool)
        return None if kept.all() or not kept.any() else kept / kept.mean()

    sentence = "hidden units are dropped, and the others scaled up: a dropout is left in"
    return Switch("hidden_dropped", "hidden activation", sentence, recover=_recover, late=True)


def hidden(a_y: Array, wrong: Wrong) -> tuple[Array, Array]:
    """Tell the hidden units and their derivative."""
    for id in activations.HIDDEN:
        if id in wrong:
            value, derivative = activations.FORMULAS[id.removeprefix("hidden_")]
            return value(a_y), derivative(a_y)
    if "hidden_softmax" in wrong:
        return softmax(a_y), np.ones_like(a_y)  # whose Jacobian has no diagonal form
    y = sigmoid(a_y)
    if "hidden_derivative_missing" in wrong:
        return y, np.ones_like(y)
    if "hidden_derivative_of_tanh" in wrong:
        return y, 1 - y * y
    of = a_y if "hidden_derivative_of_a" in wrong else sigmoid(y) if "hidden_derivative_of_y" in wrong else y
    return y, of * (1 - of)


def _output(
    a_z: Array, target: Array, conventions: Mapping[str, Any], wrong: Wrong, dtype: str
) -> tuple[Array, Array, Array, float]:
    """Tell the reconstruction, the terms of the loss and their gradients with respect to a_z."""
    if conventions["loss"] == "cross_entropy" or "cross_entropy_instead" in wrong:
        return sigmoid(a_z), *probabilities.terms(a_z, target, wrong, dtype)
    linear = (conventions["output"] == "linear" and "output_sigmoid" not in wrong) or "output_linear" in wrong
    z = a_z if linear else sigmoid(a_z)
    z = np.tanh(a_z) if "output_tanh" in wrong else z
    of = a_z if "output_derivative_of_a" in wrong else z
    slope = np.ones_like(z) if linear or "output_derivative_missing" in wrong else of * (1 - of)
    if "output_derivative_extra" in wrong:
        slope = z * (1 - z)
    if {"output_derivative_of_tanh", "output_tanh"} & set(wrong):
        slope = 1 - z * z
    if "reconstruction_clipped" in wrong:
        slope = slope * ((z >= 0) & (z <= 1))
        z = np.clip(z, 0, 1)
    if "absolute_error_instead" in wrong:
        return z, np.abs(z - target), np.sign(z - target) * slope, 0.0
    return z, (z - target) ** 2, 2 * (z - target) * slope, 0.0


def _penalise(told: Told, inputs: Mapping[str, Array], conventions: Mapping[str, Any], wrong: Wrong) -> None:
    l2 = conventions.get("l2", 0.0)
    in_loss = wrong.get("penalty", wrong.get("penalty_in_loss", l2))
    in_gradient = wrong.get("penalty", wrong.get("penalty_in_gradient", l2))
    both = not conventions["tied"] and "penalty_of_W_alone" not in wrong
    penalised = {"dW": inputs["W"]} | ({"dW_prime": inputs["W_prime"]} if both else {})
    if "penalty_of_biases" in wrong:
        penalised |= {"db": inputs["b"], "db_prime": inputs["b_prime"]}
    values, slopes = _norms(penalised, wrong)
    told["penalty"] = np.asarray(in_loss * values)
    told["loss"] = told["data_loss"] + told["penalty"]
    told["dW_penalty"] = in_gradient * slopes["dW"]
    for name, slope in slopes.items():
        told[name] = told[name] + in_gradient * slope


def _norms(penalised: Mapping[str, Array], wrong: Wrong) -> tuple[float, dict[str, Array]]:
    """Tell what is penalised, and its gradients."""
    if "penalty_absolute" in wrong:
        return sum(np.abs(v).sum() for v in penalised.values()), {k: np.sign(v) for k, v in penalised.items()}
    if "penalty_rooted" in wrong:
        norms = {k: np.sqrt((v**2).sum()) for k, v in penalised.items()}
        return sum(norms.values()), {k: v / norms[k] for k, v in penalised.items()}
    return sum((v**2).sum() for v in penalised.values()), {k: 2 * v for k, v in penalised.items()}
