"""Supervised steps of a deep network, the fine-tuning that follows pretraining: sigmoid layers under a softmax."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, TypeVar

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.backend import using
from scratchdae.benchmark.works.examples import CLASSES, PIXELS, batches
from scratchdae.benchmark.works.work import LR, Kind, Work
from scratchdae.datasets import Dataset
from scratchdae.layers import Dense, Sigmoid
from scratchdae.models.sequential import Sequential
from scratchdae.optimizers import SGD

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False, kw_only=True)
class Finetuning(Work):
    """Inputs are images, targets their labels; parameters ``dense_1.W`` (n_in, n_out), ``dense_1.b`` and so on."""

    about: ClassVar[Mapping[str, str]] = {
        "model": "classifier, sigmoid hidden units",
        "loss": "softmax_cross_entropy",
        "optimizer": f"SGD, lr {LR}",
    }
    cost = "6 operations a weight, 4 in the first layer"

    network: Sequential

    def sgd_step(self, params: Params, inputs: Array, targets: Array, lr: float) -> object:
        with using("numpy"):
            loss, grads = self.network.loss_and_grads(params, inputs, targets)
        params |= SGD().update(params, grads, {}, lr)[0]
        return loss

    @staticmethod
    def operations(sizes: tuple[int, ...]) -> int:
        """Count three products with each W, 6 · n_in · n_out, but two with the first, whose inputs need no gradient."""
        weights = [n_in * n_out for n_in, n_out in pairwise(sizes)]
        return 6 * sum(weights) - 2 * weights[0]


def layers(params: dict[str, _T]) -> list[tuple[_T, _T]]:
    """Take W and b by layer, the first one's first, of whichever library the arrays are."""
    return [(params[f"dense_{i}.W"], params[f"dense_{i}.b"]) for i in range(1, len(params) // 2 + 1)]


def _draw(
    sizes: tuple[int, ...], shape: tuple[int, int], dtype: str, data: Dataset, rng: np.random.Generator
) -> Finetuning:
    hidden = [layer for n in sizes[1:-1] for layer in (Dense(n, "sigmoid_uniform"), Sigmoid())]
    network = Sequential(
        [*hidden, Dense(sizes[-1])], sizes[:1], rng, loss="softmax_cross_entropy", reduction="paper", dtype=dtype
    )
    return Finetuning(network.params, *batches(data, shape, dtype, rng), network=network)


FINETUNE = Kind(
    "finetune",
    "Supervised steps of a 784-H-H-H-10 network",
    Finetuning,
    {"small": ((1000,), (1, 20)), "full": ((1000,), (1, 20, 100, 512))},
    lambda H: (PIXELS, H, H, H, CLASSES),
    _draw,
)
