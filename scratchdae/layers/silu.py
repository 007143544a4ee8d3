"""The sigmoid linear unit: every pre-activation times its own sigmoid."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from scratchdae.activations import sigmoid
from scratchdae.arguments import Array
from scratchdae.layers.activation import Elementwise


@dataclass(frozen=True)
class SiLU(Elementwise):
    """The sigmoid linear unit (Elfwing, Uchibe & Doya 2018), above −0.279 and not monotonic; also called Swish.

    ::

        y = a s(a)                                                         (1)
        da = dy s(a) (1 + a (1 − s(a)))                                    (2)

    Two pre-activations have the same value: the pre-activation is kept. PyTorch's, JAX's and Keras' are the same. Swish
    (Ramachandran et al. 2017) is a s(beta a), with beta 1 in all of them. Not to be confused with `GELU`, whose
    approximation a s(1.702 a) has another beta, nor with the gated linear unit, GLU.
    """

    _derivative_of: ClassVar[Literal["value", "pre-activation"]] = "pre-activation"

    def _value(self, a: Array) -> Array:
        return a * sigmoid(a)  # (1)

    def _gradient(self, dy: Array, a: Array) -> Array:
        s = sigmoid(a)
        da: Array = dy * s * (1 + a * (1 - s))  # (2)
        return da
