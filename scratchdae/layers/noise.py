"""Noise inside a network, in training only: a layer is noisy when it is given a generator.

Both differ from the corruption of a denoising autoencoder (`scratchdae.corruption`), which destroys the input once and
asks for the clean one back: the corruption belongs to the task, the target knows what was destroyed. Noise in a layer
is a regularizer; the target stays what it was.
"""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, generator, keep, number
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.parameterless import Parameterless


@dataclass(frozen=True)
class Dropout(Parameterless):
    """Units left out at random, the others scaled up to keep the mean.

    ::

        y = x ⊙ m / (1 − rate),   m = 1 with probability 1 − rate, else 0  (1)
        dx = dy ⊙ m / (1 − rate)                                           (2)

    The scaling in training ("inverted" dropout) is what all frameworks do; Srivastava et al. 2014 scale the weights
    afterwards instead. Without a generator the layer is the identity.

    Not to be confused with masking corruption. Dropout leaves out units of any layer, each by itself, rescales what
    is left, and the loss asks for the same target. Masking sets an exact number of inputs of each example to zero, does
    not rescale, since the zero is a value that the autoencoder must repair, and the loss asks for the clean input.
    """

    rate: float  # probability that a unit is left out, from 0 to below 1

    def __post_init__(self) -> None:
        keep(self, number, "rate", at_least=0, at_most=1)
        if self.rate == 1:
            raise ValueError("rate must be below 1, found 1: it would leave out everything")

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Array | None]:
        """Leave out units, equation (1); the cache tells which were kept, None without a generator."""
        del params
        x = batch("x", x)
        if rng is None:
            return x, None
        kept = generator("rng", rng).random(x.shape, np.float32) >= self.rate
        return self._scaled(x, kept), kept  # (1)

    def backward(self, cache: Array | None, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equation (2)."""
        if cache is None:
            return d_output, {}
        return self._scaled(cotangent(d_output, cache.shape), cache), {}  # (2)

    def _scaled(self, x: Array, kept: Array) -> Array:
        scaled: Array = x * kept
        scaled *= 1 / (1 - self.rate)
        return scaled


@dataclass(frozen=True)
class GaussianNoise(Parameterless):
    """Normal noise added to every unit: y = x + std · ε, dx = dy.

    Keras' layer of that name. As the first layer, with the clean input for a target, it is the Gaussian corruption of a
    denoising autoencoder; anywhere else it is a regularizer. Without a generator the layer is the identity.
    """

    std: float  # standard deviation, not negative

    def __post_init__(self) -> None:
        keep(self, number, "std", at_least=0)

    def forward(
        self, params: Params, x: Array, rng: np.random.Generator | None = None
    ) -> tuple[Array, tuple[int, ...]]:
        del params
        x = batch("x", x)
        if rng is None:
            return x, x.shape
        noise = generator("rng", rng).standard_normal(x.shape, np.float32 if x.dtype == np.float32 else np.float64)
        noise *= self.std
        return x + noise, x.shape

    def backward(self, cache: tuple[int, ...], d_output: Array) -> tuple[Array, Params]:
        return cotangent(d_output, cache), {}
