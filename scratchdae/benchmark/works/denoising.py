"""Steps of the paper's denoising autoencoder: tied weights, sigmoid units, cross-entropy, masking noise.

Its first layer is given pixels, of which most are zero. A layer that is stacked on another is given numbers of which
none is: those are the outputs of a layer of sigmoid units over the same images, whose weights were drawn, not trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from scratchdae import activations, autoencoder
from scratchdae.arguments import Array, Params
from scratchdae.benchmark.works.examples import PIXELS as _PIXELS
from scratchdae.benchmark.works.examples import batches
from scratchdae.benchmark.works.work import LR, Kind, Work
from scratchdae.corruption import masking
from scratchdae.datasets import Dataset
from scratchdae.initializers import sigmoid_uniform

NU = 0.25  # the fraction of inputs destroyed
_HIDDEN, _BATCHES = (500, 1000, 2000), (1, 20, 100, 512)
_GRIDS = {"small": (_HIDDEN[:1], _BATCHES[:3]), "full": (_HIDDEN, _BATCHES)}


@dataclass(frozen=True, eq=False)
class Denoising(Work):
    """Inputs are corrupted batches, targets the clean ones; parameters ``W`` (D, H), ``b`` (H,), ``b_prime`` (D,)."""

    about: ClassVar[Mapping[str, str]] = {
        "model": "denoising autoencoder, tied weights, sigmoid units",
        "loss": "cross_entropy",
        "corruption": f"masking:{NU}",
        "optimizer": f"SGD, lr {LR}",
    }
    cost = "10 operations a weight"

    def sgd_step(self, params: Params, inputs: Array, targets: Array, lr: float) -> object:
        return autoencoder.sgd_step(params, inputs, targets, lr)

    @staticmethod
    def operations(sizes: tuple[int, ...]) -> int:
        """Count five products of W with a row, 10 · D · H: two going forward, three going back."""
        D, H = sizes
        return 10 * D * H


def _pixels(
    sizes: tuple[int, ...], shape: tuple[int, int], dtype: str, data: Dataset, rng: np.random.Generator
) -> Denoising:
    params = _params(sizes, dtype, rng)
    return _corrupted(params, batches(data, shape, dtype, rng)[0], rng)


def _hidden(
    sizes: tuple[int, ...], shape: tuple[int, int], dtype: str, data: Dataset, rng: np.random.Generator
) -> Denoising:
    params = _params(sizes, dtype, rng)
    below = sigmoid_uniform((_PIXELS, sizes[0]), rng, dtype)
    return _corrupted(params, activations.sigmoid(batches(data, shape, dtype, rng)[0] @ below), rng)


def _params(sizes: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Params:
    D, H = sizes
    return {"W": sigmoid_uniform((D, H), rng, dtype), "b": np.zeros(H, dtype), "b_prime": np.zeros(D, dtype)}


def _corrupted(params: Params, x: Array, rng: np.random.Generator) -> Denoising:
    return Denoising(params, masking(x.reshape(-1, x.shape[-1]), NU, rng).reshape(x.shape), x)


PIXELS = Kind(
    "pixels",
    "Steps of a denoising autoencoder on images, 784-H",
    Denoising,
    _GRIDS,
    lambda H: (_PIXELS, H),
    _pixels,
)
HIDDEN = Kind(
    "hidden",
    "Steps of a denoising autoencoder on the outputs of a layer of sigmoid units, H-H",
    Denoising,
    _GRIDS,
    lambda H: (H, H),
    _hidden,
)
