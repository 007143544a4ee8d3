"""The exponential linear unit: a rectifier with a smooth floor in place of the zeros."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, keep, number
from scratchdae.layers.activation import Elementwise


@dataclass(frozen=True)
class ELU(Elementwise):
    """The exponential linear unit (Clevert, Unterthiner & Hochreiter 2016), between −alpha and ∞.

    ::

        y = a where a > 0,   alpha (exp(a) − 1) elsewhere                  (1)
        da = dy where y > 0,   dy (y + alpha) elsewhere                    (2)

    (2) is exact to the rounding of the value: where y is −alpha to the last digit, below a = −37.4 in float64 and −17.3
    in float32, it is 0. At the kink, which there is unless alpha is 1, the slope is alpha, as in PyTorch. PyTorch, JAX
    and Keras have the same default of alpha.

    Not to be confused with CELU (Barron 2017), alpha (exp(a / alpha) − 1), whose slope is 1 on both sides of 0 for each
    alpha; nor with SELU (Klambauer et al. 2017), which is 1.0507 times this with alpha 1.6733, for unit variance.
    """

    alpha: float = 1.0  # the floor is −alpha; positive: the sign of the value must tell the side of the kink

    def __post_init__(self) -> None:
        keep(self, number, "alpha", above=0)

    def _value(self, a: Array) -> Array:
        positive = a.real > 0
        return np.where(positive, a, self.alpha * np.expm1(np.where(positive, 0, a)))  # (1), without overflow

    def _gradient(self, dy: Array, y: Array) -> Array:
        da: Array = dy * np.where(y.real > 0, 1, y + self.alpha)  # (2)
        return da
