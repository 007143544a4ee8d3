"""Activation functions without overflow, and their derivatives from the value: a pair is a row of a table.

Each function takes an array of any shape, keeps its dtype and also takes complex arrays, which lets the gradient checks
use the complex step. A derivative is a function of the *value* ``y = f(a)``, because that is what a forward pass
already has. NaN and inf pass through.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from scratchdae.arguments import Array, number, numbers, same_shape


def sigmoid(a: Array) -> Array:
    """Return s(a) = 1 / (1 + exp(-a)), in [0, 1]; small values keep their relative precision.

    Exactly 1 in float32 from a = 24 ln 2 = 16.6, in float64 from 53 ln 2 = 36.7: the rounding, not a clip.
    """
    if type(a) is not np.ndarray or a.dtype.kind not in "fc":  # the usual costs no call
        a = numbers("a", a)
    positive = a.real >= 0
    e = np.exp(np.where(positive, -a, a))  # |e| <= 1: never overflows
    y: Array = np.where(positive, 1, e) / (1 + e)
    return y


def sigmoid_derivative(y: Array) -> Array:
    """Return s'(a) = y (1 - y), at most 1/4."""
    y = numbers("y", y)
    derivative: Array = y * (1 - y)
    return derivative


def softplus(a: Array) -> Array:
    """Return log(1 + exp(a)) as ``max(a, 0) + log1p(exp(-|a|))``: neither overflows nor loses the small values."""
    a = numbers("a", a)
    positive = a.real >= 0
    return np.where(positive, a, 0) + np.log1p(np.exp(np.where(positive, -a, a)))


def softplus_derivative(y: Array) -> Array:
    """Return 1 - exp(-y), the sigmoid of the pre-activation."""
    return -np.expm1(-numbers("y", y))


def relu(a: Array) -> Array:
    """Return max(a, 0)."""
    return np.maximum(numbers("a", a), 0)


def relu_derivative(y: Array) -> Array:
    """Return 1 where the unit is active, otherwise 0, at the kink too, as the frameworks choose."""
    y = numbers("y", y)
    return (y.real > 0).astype(y.dtype)


def leaky_relu(a: Array, slope: float = 0.01) -> Array:
    """Return a where it is positive and slope * a elsewhere."""
    a, slope = numbers("a", a), number("slope", slope)
    return np.where(a.real > 0, a, slope * a)


def leaky_relu_derivative(y: Array, slope: float = 0.01) -> Array:
    """Return 1 or the slope, which must be positive: the sign of the value then tells the side of the kink."""
    y, slope = numbers("y", y), number("slope", slope, above=0)
    return np.where(y.real > 0, 1, slope).astype(y.dtype)


def tanh(a: Array) -> Array:
    """Return the hyperbolic tangent, in [-1, 1]."""
    return np.tanh(numbers("a", a))


def tanh_derivative(y: Array) -> Array:
    """Return 1 - y²."""
    y = numbers("y", y)
    return 1 - y * y


def identity(a: Array) -> Array:
    """Return the pre-activation itself, not a copy."""
    return numbers("a", a)


def identity_derivative(y: Array) -> Array:
    """Return ones."""
    return np.ones_like(numbers("y", y))


def softmax(a: Array) -> Array:  # (..., K) -> (..., K)
    """Return exp(a) / sum(exp(a)) over the last axis: probabilities that sum to 1.

    The largest pre-activation is subtracted first, which changes nothing but the overflow.
    """
    a = numbers("a", a)
    if a.ndim == 0 or a.shape[-1] == 0:
        raise ValueError(f"a must have at least one class along its last axis, found shape {a.shape}")
    e = np.exp(a - a.real.max(axis=-1, keepdims=True))
    y: Array = e / e.sum(axis=-1, keepdims=True)
    return y


def softmax_backward(y: Array, dy: Array) -> Array:  # (..., K), (..., K) -> (..., K)
    """Return the gradient with respect to the pre-activations.

    The one activation here whose derivative is a matrix, dy_j/da_k = y_j (1[j=k] - y_k); this is its product with
    the cotangent.
    """
    y, dy = numbers("y", y), numbers("dy", dy)
    same_shape("dy", dy, "y", y)
    da: Array = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    return da


class Activation(NamedTuple):
    """An elementwise activation and its derivative from the value."""

    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, sigmoid_derivative),
    "softplus": Activation(softplus, softplus_derivative),
    "relu": Activation(relu, relu_derivative),
    "leaky_relu": Activation(leaky_relu, leaky_relu_derivative),
    "tanh": Activation(tanh, tanh_derivative),
    "identity": Activation(identity, identity_derivative),
}
