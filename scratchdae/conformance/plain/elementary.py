"""Functions that NumPy does not have, of single numbers and of rows: none of them overflows."""

import math

import numpy as np

from scratchdae.activations import relu, sigmoid, softplus
from scratchdae.arguments import Array

__all__ = ["erf", "logsumexp", "rectify", "sigmoid", "softplus"]

rectify = relu


def erf(a: Array) -> Array:
    """Return the error function, by which the normal distribution is Φ(a) = (1 + erf(a / sqrt(2))) / 2."""
    return np.asarray(np.vectorize(math.erf, otypes=[float])(a))


def logsumexp(a: Array) -> Array:  # (..., K) -> (..., 1)
    """Return log(Σ exp(a)) over the last axis, which is kept."""
    largest = a.max(axis=-1, keepdims=True)
    return np.asarray(largest + np.log(np.exp(a - largest).sum(axis=-1, keepdims=True)))
