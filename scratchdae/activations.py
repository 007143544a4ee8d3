"""Activation functions without overflow, and their derivatives from the value.

Each function keeps the dtype it is given and also takes complex arrays, which lets the gradient checks use
the complex step. A derivative is a function of the *value* ``y = f(a)``, because that is what a forward
pass already has. NaN and inf pass through.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from scratchdae.arguments import Array


def sigmoid(a: Array) -> Array:
    """Return s(a) = 1 / (1 + exp(-a)).

    Parameters
    ----------
    a : ndarray
        Pre-activations, of any shape.

    Returns
    -------
    ndarray
        Values in [0, 1], the shape and dtype of `a`. Exactly 1 in float32 from a = 24 ln 2 = 16.6, in float64
        from 53 ln 2 = 36.7: the rounding, not a clip. Small values keep their relative precision.
    """
    positive = a.real >= 0
    e = np.exp(np.where(positive, -a, a))  # |e| <= 1: never overflows
    y: Array = np.where(positive, 1, e) / (1 + e)
    return y


def sigmoid_derivative(y: Array) -> Array:
    """Return s'(a) = y (1 - y).

    Parameters
    ----------
    y : ndarray
        Values of the sigmoid.

    Returns
    -------
    ndarray
        The derivative at each value, at most 1/4.
    """
    derivative: Array = y * (1 - y)
    return derivative


def softplus(a: Array) -> Array:
    """Return log(1 + exp(a)), whose derivative is the sigmoid.

    Parameters
    ----------
    a : ndarray
        Pre-activations, of any shape.

    Returns
    -------
    ndarray
        ``max(a, 0) + log1p(exp(-|a|))``: neither overflows nor loses the small values.
    """
    positive = a.real >= 0
    return np.where(positive, a, 0) + np.log1p(np.exp(np.where(positive, -a, a)))


def softplus_derivative(y: Array) -> Array:
    """Return 1 - exp(-y), the sigmoid of the pre-activation.

    Parameters
    ----------
    y : ndarray
        Values of the softplus.

    Returns
    -------
    ndarray
        The derivative at each value.
    """
    return -np.expm1(-y)


def relu(a: Array) -> Array:
    """Return max(a, 0).

    Parameters
    ----------
    a : ndarray
        Pre-activations, of any shape.

    Returns
    -------
    ndarray
        The rectified values; NaN stays NaN.
    """
    return np.maximum(a, 0)


def relu_derivative(y: Array) -> Array:
    """Return 1 where the unit is active, otherwise 0.

    Parameters
    ----------
    y : ndarray
        Values of the rectifier.

    Returns
    -------
    ndarray
        0 at the kink, as the frameworks choose.
    """
    return (y.real > 0).astype(y.dtype)


def leaky_relu(a: Array, slope: float = 0.01) -> Array:
    """Return a where it is positive and slope * a elsewhere.

    Parameters
    ----------
    a : ndarray
        Pre-activations, of any shape.
    slope : float
        The slope below zero, positive.

    Returns
    -------
    ndarray
        The values, the shape and dtype of `a`.
    """
    return np.where(a.real > 0, a, slope * a)


def leaky_relu_derivative(y: Array, slope: float = 0.01) -> Array:
    """Return 1 where the unit is active, otherwise the slope.

    Parameters
    ----------
    y : ndarray
        Values of the leaky rectifier.
    slope : float
        The slope below zero, positive: the sign of the value tells the side of the kink.

    Returns
    -------
    ndarray
        The derivative at each value.
    """
    return np.where(y.real > 0, 1, slope).astype(y.dtype)


def tanh(a: Array) -> Array:
    """Return the hyperbolic tangent.

    Parameters
    ----------
    a : ndarray
        Pre-activations, of any shape.

    Returns
    -------
    ndarray
        Values in [-1, 1].
    """
    return np.tanh(a)


def tanh_derivative(y: Array) -> Array:
    """Return 1 - y².

    Parameters
    ----------
    y : ndarray
        Values of the hyperbolic tangent.

    Returns
    -------
    ndarray
        The derivative at each value.
    """
    return 1 - y * y


def identity(a: Array) -> Array:
    """Return the pre-activation itself.

    Parameters
    ----------
    a : ndarray
        Pre-activations, of any shape.

    Returns
    -------
    ndarray
        `a`.
    """
    return a


def identity_derivative(y: Array) -> Array:
    """Return 1.

    Parameters
    ----------
    y : ndarray
        Values.

    Returns
    -------
    ndarray
        Ones, the shape and dtype of `y`.
    """
    return np.ones_like(y)


def softmax(a: Array) -> Array:
    """Return exp(a) / sum(exp(a)) over the last axis.

    Parameters
    ----------
    a : ndarray, shape (..., K)
        Pre-activations.

    Returns
    -------
    ndarray, shape (..., K)
        Probabilities that sum to 1. The largest pre-activation is subtracted first, which changes nothing
        but the overflow.
    """
    e = np.exp(a - a.real.max(axis=-1, keepdims=True))
    y: Array = e / e.sum(axis=-1, keepdims=True)
    return y


def softmax_backward(y: Array, dy: Array) -> Array:
    """Return the gradient with respect to the pre-activations.

    The one activation here whose derivative is a matrix, dy_j/da_k = y_j (1[j=k] - y_k); this is its product with
    the cotangent.

    Parameters
    ----------
    y : ndarray, shape (..., K)
        Values of the softmax.
    dy : ndarray, shape (..., K)
        Gradient with respect to them.

    Returns
    -------
    ndarray, shape (..., K)
        Gradient with respect to the pre-activations.
    """
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
