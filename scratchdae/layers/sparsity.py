"""Penalties of what a layer gives, in training only: codes that are small, or that are rarely active.

Each stands behind the layer that it is about, passes its values on as they are, and in training, with a generator, adds
to the loss that `scratchdae.Sequential.loss_and_grads` returns. So a history's training loss holds them, and its
validation loss does not; Keras' has them in both. They are for the whole of an example, whatever the reduction of the
loss: where that is a mean over D entries, a weight here weighs D times as much as beside the paper's sum.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scratchdae.arguments import Array, Params, generator, keep, number
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.parameterless import Parameterless


class _Cache(NamedTuple):
    x: Array  # (B, ...)
    penalty: np.inexact | float  # in training; otherwise 0
    gradient: Array | None  # (B, ...), of the penalty; None where there is none


class _Penalty(Parameterless):
    """An identity with a penalty; a subclass says which."""

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        del params
        x = batch("x", x)
        if rng is None:
            return x, _Cache(x, 0.0, None)
        generator("rng", rng)
        return x, _Cache(x, *self._penalty(x))

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Pass the gradient on, and add the penalty's."""
        dx = cotangent(d_output, cache.x.shape, cache.x.dtype)
        return dx if cache.gradient is None else dx + cache.gradient, {}

    def _penalty(self, x: Array) -> tuple[np.inexact, Array]:
        raise NotImplementedError


@dataclass(frozen=True)
class L1Activity(_Penalty):
    """The L1 penalty of activities: codes of which most entries are near 0.

    ::

        P = weight / B · Σ |x|                                             (1)
        dx = dy + weight / B · sign(x)                                     (2)

    The sum runs over the batch and all entries of an example; at 0 the slope is 0. Keras' ``activity_regularizer`` and
    ``ActivityRegularization(l1)`` are the same, since Keras 3 divides by the batch size; in PyTorch one adds
    ``weight * h.abs().sum() / len(h)`` to the loss, and with ``.mean()`` in its place has another weight. Not to be
    confused with an L1 penalty of the weights. After a ReLU, (2) is 0 wherever the unit is off.
    """

    weight: float  # at least 0

    def __post_init__(self) -> None:
        keep(self, number, "weight", at_least=0)

    def _penalty(self, x: Array) -> tuple[np.inexact, Array]:
        slope = self.weight / len(x) * np.sign(x.real).astype(x.dtype)  # (2)
        return (slope * x).sum(), slope  # (1)


@dataclass(frozen=True)
class KLSparsity(_Penalty):
    """The sparsity penalty of Lee, Ekanadham & Ng (2008) as in Ng's notes (CS294A): units that are on a fraction rho.

    ::

        ρ̂ = m(x)                  mean of a unit over the batch first      (1)
        P = weight · Σ_units rho log(rho / ρ̂) + (1 − rho) log((1 − rho) / (1 − ρ̂))             (2)
        dx = dy + weight / n · ((1 − rho) / (1 − ρ̂) − rho / ρ̂)             (3)

    A unit is an entry of the last axis; n is how many numbers it has in the batch, of examples and of pixels or steps.
    For values from 0 to 1, behind a `Sigmoid`; others are refused. Where a unit is 0, or 1, on the whole batch, (2) is
    inf. The divergence of the mean is not the mean of the divergences: that would ask every example, not the batch, for
    rho. With small batches ρ̂ is noisy. Frameworks have no such layer. Not to be confused with the divergence of a
    variational autoencoder.
    """

    rho: float  # the wanted mean, between 0 and 1
    weight: float  # at least 0; the notes' beta

    def __post_init__(self) -> None:
        keep(self, number, "rho", above=0, below=1)
        keep(self, number, "weight", at_least=0)

    def _penalty(self, x: Array) -> tuple[np.inexact, Array]:
        if (x.real < 0).any() or (x.real > 1).any():
            found = f"{x.real.min():.3g} to {x.real.max():.3g}"
            raise ValueError(f"x must lie in [0, 1] for a KL penalty, as behind a Sigmoid, found {found}")
        n, rho, rest = x.size // x.shape[-1], self.rho, 1 - self.rho
        mean = x.reshape(n, -1).mean(axis=0)  # (1)
        divergence = rho * np.log(rho / mean) + rest * np.log(rest / (1 - mean))  # (2)
        slope = self.weight / n * (rest / (1 - mean) - rho / mean)  # (3)
        return self.weight * divergence.sum(), np.broadcast_to(slope, x.shape)
