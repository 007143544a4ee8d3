"""The softplus: the rectifier without its kink."""

from dataclasses import dataclass
from typing import ClassVar

from scratchdae.layers.activation import Elementwise


@dataclass(frozen=True)
class Softplus(Elementwise):
    """The softplus (Dugas et al. 2001), positive: for outputs that are scales or rates.

    ::

        y = log(1 + exp(a)) = max(a, 0) + log(1 + exp(−|a|))               (1)
        da = dy (1 − exp(−y)) = dy s(a)                                    (2)

    s is the sigmoid. (1), in `scratchdae.activations`, neither overflows nor loses small values.

    Where frameworks differ: PyTorch's has beta, 1 unless told otherwise, for log(1 + exp(beta a)) / beta, and returns a
    itself where beta a is above its threshold of 20: less than this by at most 2.1e-9, and with the slope 1. Keras' and
    JAX's have neither. Not to be confused with softmax, nor with softsign, a / (1 + |a|).
    """

    _name: ClassVar[str] = "softplus"
