"""The autoencoder, its training and a stack of two at fifty digits: written forwards, differentiated by the numbers.

A tied W goes in three times, as three equal arrays, so that the gradient of each use stands by itself.
"""

import numpy as np
from mpmath import mpf
from oracle_functions import corrupt, cross_entropy, sigmoid, softmax, terms
from oracle_numbers import differentiate, gradients, numbers, values


def autoencoder(inputs, conventions):
    x = numbers(inputs["x"])
    x_tilde = numbers(corrupt_values(inputs, conventions))
    params = {name: numbers(inputs[name]) for name in ("W", "b", "b_prime")}
    found = reconstruct(x_tilde, x, params, numbers(inputs["W"].T), inputs, conventions)
    return found


def corrupt_values(inputs, conventions):
    """Corrupt the values alone, so that x_tilde is where differentiation begins."""
    return values(corrupt(values(inputs["x"]), inputs, conventions))


def reconstruct(x_tilde, x, params, tied, inputs, conventions):
    """Encode, decode and compare with the clean input; `tied` is W's second use, unless W_prime is an input."""
    decoder = tied if conventions["tied"] else numbers(inputs["W_prime"])
    decayed = [numbers(inputs["W"])] if conventions["tied"] else [numbers(inputs["W"]), numbers(inputs["W_prime"])]
    a_y = x_tilde @ params["W"] + params["b"]
    y = sigmoid(a_y)
    a_z = y @ decoder + params["b_prime"]
    z = sigmoid(a_z) if conventions["output"] == "sigmoid" else 1 * a_z
    target = values(x)
    entries = cross_entropy(a_z, target) if conventions["loss"] == "cross_entropy" else (z - target) * (z - target)
    data_loss = entries.sum() / (entries.size if conventions["reduction"] == "mean" else len(entries))
    penalty = mpf(conventions["l2"]) * sum((W * W).sum() for W in decayed)
    total = data_loss + penalty
    differentiate(total)
    found = {"x_tilde": x_tilde, "a_y": a_y, "y": y, "a_z": a_z, "z": z}
    found |= {"data_loss": data_loss, "penalty": penalty, "loss": total}
    found |= {f"d{name}": gradients(params[name]) for name in ("b", "b_prime")}
    found |= {"da_z": gradients(a_z), "dy": gradients(y), "da_y": gradients(a_y), "dx_tilde": gradients(x_tilde)}
    found |= {"dW_encoder": gradients(params["W"]), "dW_penalty": gradients(decayed[0])}
    found["dW"] = found["dW_encoder"] + found["dW_penalty"]
    if conventions["tied"]:
        found["dW_decoder"] = gradients(decoder).T
        found["dW"] = found["dW"] + found["dW_decoder"]
    else:
        found["dW_prime"] = gradients(decoder) + gradients(decayed[1])
    return found


def training(inputs, conventions):
    params = {name: values(inputs[name]) for name in ("W", "b", "b_prime")}
    losses, after = [], {}
    for step in range(conventions["steps"]):
        given = params | {"x": inputs["x"][step], "mask": inputs["mask"][step]}
        found = autoencoder(given, conventions)
        losses.append(found["loss"])
        params = {name: params[name] - mpf(conventions["lr"]) * found[f"d{name}"] for name in params}
        after |= {f"{name}_after_{step + 1}": value for name, value in params.items()}
    return {"losses": np.array(losses, dtype=object), **after}


def stack(inputs, conventions):
    names = ("W_1", "b_1", "W_2", "b_2", "W_out", "b_out")
    params = {name: values(inputs[name]) for name in names}
    first = None
    for _ in range(conventions["steps"]):
        leaves = {name: numbers(params[name]) for name in names}
        h_1 = sigmoid(numbers(inputs["x"]) @ leaves["W_1"] + leaves["b_1"])
        h_2 = sigmoid(h_1 @ leaves["W_2"] + leaves["b_2"])
        a = h_2 @ leaves["W_out"] + leaves["b_out"]
        loss = terms(a, inputs["labels"], {"loss": "softmax_cross_entropy"}).sum() / len(a)
        differentiate(loss)
        steps = {name: gradients(leaves[name]) for name in names}
        if first is None:
            first = {"h_1": h_1, "h_2": h_2, "a": a, "probabilities": softmax(a), "loss": loss}
            first |= {f"d{name}": gradient for name, gradient in steps.items()}
        params = {name: params[name] - mpf(conventions["lr"]) * steps[name] for name in names}
    return first | {f"{name}_after": value for name, value in params.items()}


def pretrain_stack(inputs, conventions):
    h_1 = values(sigmoid(numbers(inputs["x"]) @ numbers(inputs["W_1"]) + numbers(inputs["b_1"])))
    second = {"W": inputs["W_2"], "b": inputs["b_2"], "b_prime": inputs["b_prime_2"], "x": h_1, "mask": inputs["mask"]}
    found = autoencoder(second, conventions | {"output": "sigmoid", "l2": 0.0})
    kept = {f"d{name}_2": found[f"d{name}"] for name in ("W", "b", "b_prime")}
    return {"h_1": h_1, "h_1_tilde": found["x_tilde"], "z": found["z"], "loss": found["loss"], **kept}
