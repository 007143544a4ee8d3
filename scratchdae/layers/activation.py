"""Activations as layers: y = f(a), entry by entry, on top of `scratchdae.activations`.

::

    y = f(a)                                                           (1)
    da = dy ⊙ f'(a)                                                    (2)

Where the derivative is a function of the value, as in all below, the output is all that the backward pass keeps.
"""

import sys
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from scratchdae import activations, backend
from scratchdae.activations import ACTIVATIONS
from scratchdae.arguments import Array, Params, keep, number
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.parameterless import Parameterless

_LOOPS = sys.modules[__name__]  # its functions have compiled twins


def relu(a: Array) -> Array:
    """Return max(a, 0); NaN stays NaN."""
    return activations.relu(a)


def relu_gradient(dy: Array, y: Array) -> Array:
    """Return dy times 1 where y > 0, times 0 elsewhere: a NaN or inf in `dy` shows everywhere."""
    return dy * (y.real > 0)  # a mask of bytes, a quarter of what the derivative itself would take


class Elementwise(Parameterless):
    """What all have in common; a subclass names its function in `ACTIVATIONS`, or has a `_value` and `_gradient`."""

    _name: ClassVar[str]
    _derivative_of: ClassVar[Literal["value", "pre-activation"]] = "value"  # which of the two is kept

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Array]:
        """Compute the values, equation (1); the cache is what the derivative is a function of."""
        del params, rng
        a = batch("x", x)
        y = self._value(a)  # (1)
        return y, y if self._derivative_of == "value" else a

    def backward(self, cache: Array, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equation (2)."""
        return self._gradient(cotangent(d_output, cache.shape, cache.dtype), cache), {}  # (2)

    def _value(self, a: Array) -> Array:
        return ACTIVATIONS[self._name].value(a)

    def _gradient(self, dy: Array, y: Array) -> Array:
        da: Array = dy * ACTIVATIONS[self._name].derivative(y)
        return da


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """The sigmoid 1 / (1 + exp(−a)), between 0 and 1, for outputs that are probabilities or grey levels.

    A cross-entropy after it is better computed before it, from the pre-activations: `scratchdae.Sequential` does.
    """

    _name: ClassVar[str] = "sigmoid"


@dataclass(frozen=True)
class Tanh(Elementwise):
    """The hyperbolic tangent, between −1 and 1."""

    _name: ClassVar[str] = "tanh"


@dataclass(frozen=True)
class Identity(Elementwise):
    """The pre-activation itself: where a place for an activation must be filled by none."""

    _name: ClassVar[str] = "identity"

    def _gradient(self, dy: Array, y: Array) -> Array:
        del y
        return dy


@dataclass(frozen=True)
class ReLU(Elementwise):
    """The rectifier max(a, 0); its derivative at the kink is 0, as the frameworks choose."""

    _name: ClassVar[str] = "relu"

    def _value(self, a: Array) -> Array:
        value: Array = backend.twin(_LOOPS, a).relu(a)
        return value

    def _gradient(self, dy: Array, y: Array) -> Array:
        gradient: Array = backend.twin(_LOOPS, dy, y).relu_gradient(dy, y)
        return gradient


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    """The leaky rectifier: a where it is positive, slope · a elsewhere, so that no unit is ever dead.

    PyTorch's default slope is 0.01 as here, Keras' is 0.3. Not to be confused with PReLU, whose slope is learnt.
    """

    slope: float = 0.01  # below zero, positive: the sign of the value must tell the side of the kink

    def __post_init__(self) -> None:
        keep(self, number, "slope", above=0)

    def _value(self, a: Array) -> Array:
        return activations.leaky_relu(a, self.slope)

    def _gradient(self, dy: Array, y: Array) -> Array:
        da: Array = dy * activations.leaky_relu_derivative(y, self.slope)
        return da
