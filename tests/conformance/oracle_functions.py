"""Activations, losses, corruptions, clipping and the penalty at fifty digits: forwards alone."""

import numpy as np
from mpmath import mp, mpf
from oracle_numbers import differentiate, exp, gradients, log, log1p, numbers, value, values


def sigmoid(a):
    return 1 / (1 + exp(-a))


def tanh(a):
    return 1 - 2 / (1 + exp(2 * a))


def softmax(a):
    return exp(a) / exp(a).sum(axis=-1, keepdims=True)


def where_positive(a, yes, no):
    """Choose by the sign of the values; the choice itself has no derivative."""
    return np.where((values(a) > 0).astype(bool), yes, no)


def relu(a):
    return where_positive(a, a, 0 * a)


ACTIVATIONS = {
    "sigmoid": lambda a, _: sigmoid(a),
    "tanh": lambda a, _: tanh(a),
    "relu": lambda a, _: relu(a),
    "leaky_relu": lambda a, slope: where_positive(a, a, mpf(slope) * a),
    "softplus": lambda a, _: log1p(exp(a)),
    "identity": lambda a, _: 1 * a,
    "softmax": lambda a, _: softmax(a),
}


def activation(inputs, conventions):
    a = numbers(inputs["a"])
    y = ACTIVATIONS[conventions["function"]](a, conventions.get("slope"))
    differentiate(y, inputs["d_output"])
    return {"value": y, "d_input": gradients(a)}


def cross_entropy(a, x):
    """The terms of -x log z - (1 - x) log(1 - z) with z = 1 / (1 + exp(-a))."""
    return x * log1p(exp(-a)) + (1 - x) * log1p(exp(a))


def terms(a, target, conventions):
    """Each example's terms of a loss, to be added up."""
    kind = conventions["loss"]
    if kind == "softmax_cross_entropy":
        return log(exp(a).sum(axis=1)) - a[np.arange(len(a)), target]
    if kind == "cross_entropy":
        return cross_entropy(a, target)
    e = a - target
    size = where_positive(e, e, -e)
    if kind == "squared_error":
        return e * e
    if kind == "absolute_error":
        return np.where(values(e) == 0, 0 * e, size)  # where two sides meet the derivative is taken to be 0
    delta = mpf(conventions["delta"])
    return np.where(values(size) <= delta, e * e * mpf(0.5), delta * (size - delta / 2))


def loss(inputs, conventions):
    a, target = numbers(inputs["a"]), inputs["target"]
    target = target if target.dtype.kind == "i" else values(target)
    each = terms(a, target, conventions)
    total = each.sum() / (each.size if conventions["reduction"] == "mean" else len(a))
    differentiate(total)
    return {"loss": total, "d_a": gradients(a)}


def corrupt(x, inputs, conventions):
    """Corrupt entry by entry."""
    kind, corrupted = conventions["corruption"], x.copy()
    for k in np.ndindex(x.shape):
        if kind == "gaussian":
            corrupted[k] = x[k] + mpf(conventions["sigma"]) * mpf(float(inputs["noise"][k]))
        elif kind != "none" and inputs["mask"][k]:
            corrupted[k] = 0 * x[k] + (1 if kind == "salt_and_pepper" and inputs["coin"][k] else 0)
    return corrupted


def corruption(inputs, conventions):
    return {"x_tilde": corrupt(numbers(inputs["x"]), inputs, conventions)}


def clipping(inputs, conventions):
    dW, db, limit = values(inputs["dW"]), values(inputs["db"]), mpf(conventions["limit"])
    if conventions["clip"] == "value":
        cut = np.frompyfunc(lambda g: max(min(g, limit), -limit), 1, 1)
        return {"clipped_dW": cut(dW), "clipped_db": cut(db)}
    norm = mp.norm([*dW.ravel(), *db.ravel()])
    shortened = limit / (norm + (mpf(1e-6) if conventions["framework"] == "torch" else 0))
    factor = shortened if shortened < 1 else mpf(1)
    return {"norm": norm, "clipped_dW": dW * factor, "clipped_db": db * factor}


def penalty(inputs, conventions):
    W = numbers(inputs["W"])
    total = mpf(conventions["l2"]) * (W * W).sum()
    differentiate(total)
    return {"penalty": value(total), "dW": gradients(W)}
