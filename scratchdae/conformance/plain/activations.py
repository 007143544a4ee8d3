"""Activations, and layers that apply one: the value, and d_output times the derivative at each number."""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.plain.elementary import erf, sigmoid, softplus


def activation_identity(a: Array, d_output: Array) -> dict[str, Array]:
    """The identity."""
    y = a
    d_input = d_output
    return {"value": y, "d_input": d_input}


def activation_leaky_relu(a: Array, d_output: Array, slope: float) -> dict[str, Array]:
    """The leaky rectifier, whose slope is `slope` below 0 and at 0, and 1 above."""
    y = np.where(a > 0, a, slope * a)
    d_input = d_output * np.where(a > 0, 1, slope)
    return {"value": y, "d_input": d_input}


def activation_relu(a: Array, d_output: Array) -> dict[str, Array]:
    """The rectifier, whose derivative at 0 is 0."""
    y = np.where(a > 0, a, 0)
    d_input = d_output * np.where(a > 0, 1, 0)
    return {"value": y, "d_input": d_input}


def activation_sigmoid(a: Array, d_output: Array) -> dict[str, Array]:
    """The sigmoid, 1 / (1 + exp(-a))."""
    y = sigmoid(a)
    d_input = d_output * y * (1 - y)
    return {"value": y, "d_input": d_input}


def activation_softmax(a: Array, d_output: Array) -> dict[str, Array]:
    """The softmax over the last axis, and d_output times its Jacobian."""
    axis = -1
    largest = a.max(axis=axis, keepdims=True)  # subtracted, so that exp does not overflow
    e = np.exp(a - largest)
    y = e / e.sum(axis=axis, keepdims=True)
    common = (d_output * y).sum(axis=axis, keepdims=True)
    d_input = y * (d_output - common)
    return {"value": y, "d_input": d_input}


def activation_softplus(a: Array, d_output: Array) -> dict[str, Array]:
    """Softplus, log(1 + exp(a)), whose derivative is the sigmoid."""
    y = softplus(a)
    d_input = d_output * sigmoid(a)
    return {"value": y, "d_input": d_input}


def activation_tanh(a: Array, d_output: Array) -> dict[str, Array]:
    """The hyperbolic tangent."""
    y = np.tanh(a)
    d_input = d_output * (1 - y * y)
    return {"value": y, "d_input": d_input}


def layer_elu(x: Array, d_output: Array, alpha: float) -> dict[str, Array]:
    """ELU, which is alpha (exp(x) - 1) below 0 and at 0, and x above."""
    below = np.minimum(x, 0)  # exp of large x would overflow
    output = np.where(x > 0, x, alpha * np.expm1(below))
    d_input = d_output * np.where(x > 0, 1, alpha * np.exp(below))
    return {"output": output, "d_input": d_input}


def layer_gelu(x: Array, d_output: Array, approximate: str) -> dict[str, Array]:
    """GELU: x times the share of the standard normal distribution below x, or an approximation of it by tanh."""
    if approximate == "none":
        share = (1 + erf(x / np.sqrt(2))) / 2
        slope = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    if approximate == "tanh":
        inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
        inner_slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
        t = np.tanh(inner)
        share = (1 + t) / 2
        slope = (1 - t * t) / 2 * inner_slope
    output = x * share
    d_input = d_output * (share + x * slope)
    return {"output": output, "d_input": d_input}


def layer_identity(x: Array, d_output: Array) -> dict[str, Array]:
    """The layer that changes nothing."""
    output = x
    d_input = d_output
    return {"output": output, "d_input": d_input}


def layer_leaky_relu(x: Array, d_output: Array, slope: float) -> dict[str, Array]:
    """A layer of leaky rectifiers, whose slope is `slope` below 0 and at 0, and 1 above."""
    output = np.where(x > 0, x, slope * x)
    d_input = d_output * np.where(x > 0, 1, slope)
    return {"output": output, "d_input": d_input}


def layer_relu(x: Array, d_output: Array) -> dict[str, Array]:
    """A layer of rectifiers, whose derivative at 0 is 0."""
    output = np.where(x > 0, x, 0)
    d_input = d_output * np.where(x > 0, 1, 0)
    return {"output": output, "d_input": d_input}


def layer_silu(x: Array, d_output: Array) -> dict[str, Array]:
    """SiLU, x times its sigmoid."""
    gate = sigmoid(x)
    output = x * gate
    d_input = d_output * (gate + x * gate * (1 - gate))
    return {"output": output, "d_input": d_input}


def layer_sigmoid(x: Array, d_output: Array) -> dict[str, Array]:
    """A layer of sigmoids."""
    y = sigmoid(x)
    d_input = d_output * y * (1 - y)
    return {"output": y, "d_input": d_input}


def layer_softmax(x: Array, d_output: Array) -> dict[str, Array]:
    """A layer that applies the softmax over the last axis."""
    axis = -1
    largest = x.max(axis=axis, keepdims=True)  # subtracted, so that exp does not overflow
    e = np.exp(x - largest)
    y = e / e.sum(axis=axis, keepdims=True)
    common = (d_output * y).sum(axis=axis, keepdims=True)
    d_input = y * (d_output - common)
    return {"output": y, "d_input": d_input}


def layer_softplus(x: Array, d_output: Array) -> dict[str, Array]:
    """A layer that applies softplus, whose derivative is the sigmoid."""
    output = softplus(x)
    d_input = d_output * sigmoid(x)
    return {"output": output, "d_input": d_input}


def layer_tanh(x: Array, d_output: Array) -> dict[str, Array]:
    """A layer of hyperbolic tangents."""
    y = np.tanh(x)
    d_input = d_output * (1 - y * y)
    return {"output": y, "d_input": d_input}
