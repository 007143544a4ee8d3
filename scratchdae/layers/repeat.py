"""Repeat a vector: how the decoder of a sequence autoencoder sees its code at every step."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, integer, keep, sides
from scratchdae.layers.inputs import batch
from scratchdae.layers.parameterless import Parameterless


@dataclass(frozen=True)
class RepeatVector(Parameterless):
    """The same vector at each of n steps: (F,) to (n, F).

    ::

        y_t = x,   t = 1 … n                                               (1)
        dx = Σ_t dy_t                                                      (2)

    Keras' layer of that name; in PyTorch ``x.unsqueeze(1).expand(-1, n, -1)``. Not to be confused with upsampling,
    which repeats along an axis that is there already.
    """

    n: int  # how often

    def __post_init__(self) -> None:
        keep(self, integer, "n")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.n, *sides("input_shape", input_shape, (1,), "be (features,)"))

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, None]:
        """Repeat, equation (1)."""
        del params, rng
        x = batch("x", x, (None,))  # (B, F)
        return np.repeat(x[None], self.n, axis=0).swapaxes(0, 1), None  # time is first in memory, as an LSTM wants it

    def backward(self, cache: None, d_output: Array) -> tuple[Array, Params]:
        """Sum the gradient over the steps, equation (2)."""
        del cache
        return batch("d_output", d_output, (self.n, None)).sum(axis=1), {}
