"""The softmax as a layer: probabilities of classes, inside a network or at its end."""

from dataclasses import dataclass

import numpy as np

from scratchdae.activations import softmax, softmax_backward
from scratchdae.arguments import Array, Params
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.parameterless import Parameterless


@dataclass(frozen=True)
class Softmax(Parameterless):
    """The softmax over the last axis, for an attention or a code that is a choice.

    ::

        y_k = exp(a_k) / Σ_j exp(a_j)                                      (1)
        da = y ⊙ (dy − Σ_k dy_k y_k)                                       (2)

    Computed without overflow, in `scratchdae.activations`. PyTorch's takes the axis as ``dim``, Keras' the last. Before
    the softmax cross-entropy it would be applied twice, which a `scratchdae.Sequential` refuses, PyTorch's
    ``CrossEntropyLoss`` and Keras' ``from_logits=True`` do not: of K classes none then has a probability above
    e / (e + K − 1).
    """

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Array]:
        """Compute the probabilities, equation (1)."""
        del params, rng
        y = softmax(batch("x", x))  # (1)
        return y, y

    def backward(self, cache: Array, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equation (2)."""
        return softmax_backward(cache, cotangent(d_output, cache.shape, cache.dtype)), {}  # (2)
