"""A whole epoch as people run it: bytes go in, trained weights come out, and all that is random is drawn on the way.

What differs from a `Work` of steps: shuffling, conversion and corruption are timed too, and each competitor draws its
own. So they cannot be compared number by number. What they do with one batch that is given can, what share of it
they destroy is counted, and what an epoch has learned is compared with what the reference's has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from scratchdae.arguments import Array, Params, choice
from scratchdae.backend import using
from scratchdae.benchmark.works.work import VALIDATED_STEPS, Batches, Setting
from scratchdae.corruption import Corruption
from scratchdae.datasets import Dataset, to_float
from scratchdae.optimizers import SGD, Optimizer
from scratchdae.training.evaluation import mean_loss
from scratchdae.training.steps import Model

_SEED = 2008
_CHECKED = 256  # examples at least of the epoch whose loss is compared with the reference's
_CHECKED_STEPS = 4  # at least
_SLOW_STEPS = 16  # at a hundredth of the rate; of single examples, which are more steps, each is shorter


@dataclass(frozen=True)
class EpochSetting(Setting):
    """Sizes and corruption of the work."""

    corruption: str = "none"  # as `Corruption.parse` reads it

    def __str__(self) -> str:
        return f"{self.work}, H = {self.n_hidden}, B = {self.batch_size}, {self.corruption}, {self.dtype}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Epoch(Batches):
    """The first parameters and all examples; as batches one that is already corrupted, to take some steps on."""

    model: Model  # the library's own; its parameters are the first ones
    x: Array  # (N, ...) uint8, or floating-point where they are no images
    labels: Array | None  # (N,) of int64; None where the clean input is to be reconstructed
    corruption: Corruption | None
    optimizer: Optimizer

    @property
    def batch_size(self) -> int:
        """Count the examples of a batch."""
        return int(self.inputs.shape[1])

    @property
    def checked(self) -> int:
        """Count the examples, in whole batches, of the epoch whose loss is compared."""
        batches = max(_CHECKED_STEPS, -(-_CHECKED // self.batch_size))
        return min(batches, len(self.x) // self.batch_size) * self.batch_size

    @property
    def slowly(self) -> Self:
        """The same with a hundredth of the learning rate, or less: in the epoch that is checked it adds up alike."""
        return replace(self, lr=self.lr / 100 * min(1.0, _SLOW_STEPS * self.batch_size / self.checked))

    def reference(self) -> Params:
        params = self.copy_params()
        state = self.optimizer.init(params)
        with using("numpy"):
            for inputs, targets in zip(self.inputs, self.targets, strict=True):
                grads = self.model.loss_and_grads(params, inputs, targets, None)[1]
                params, state = self.optimizer.update(params, grads, state, self.lr)
        return params

    def loss(self, n: int, params: Params) -> float:
        """Evaluate the first `n` examples, clean."""
        x = self.x[:n]
        with using("numpy"):
            return mean_loss(self.model, x, x if self.labels is None else self.labels[:n], params)


class DenoisingEpoch(Epoch):
    """Parameters ``W`` (D, H), ``b`` (H,), ``b_prime`` (D,), as in `Denoising`."""


class AdamEpoch(Epoch):
    """The same, by Adam: another type of work, because not everyone has written it."""


class FinetuningEpoch(Epoch):
    """Parameters ``dense_1.W`` (n_in, n_out), ``dense_1.b`` and so on, as in `Finetuning`."""


class ConvolutionalEpoch(Epoch):
    """Parameters ``conv2d_1.W``, ``conv2d_1.b`` and so on, in the library's layout."""


class RecurrentEpoch(Epoch):
    """Parameters ``lstm_1.W``, ``lstm_1.U``, ``lstm_1.b`` and so on, in the library's layout."""


@dataclass(frozen=True, eq=False)
class EpochKind:
    """A kind of epoch: what there is to know before any of it is drawn."""

    name: str  # on the command line
    title: str  # in words
    about: Mapping[str, str]  # model, loss and optimizer
    work: type[Epoch]
    grids: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]  # H and B of the settings of each grid
    corruptions: Mapping[str, tuple[str, ...]]  # of each grid; the first is what the others are about
    model: Callable[[int, str, np.random.Generator], Model]  # from H, dtype and rng
    # The examples (N, ...) and labels.
    examples: Callable[[Dataset, np.random.Generator], tuple[Array, Array | None]]
    optimizer: Optimizer = SGD()  # noqa: RUF009  # frozen, as this is
    lr: float = 0.1

    def settings(self, grid: str, dtype: str) -> list[list[EpochSetting]]:
        """List the settings of a grid, by hidden units, then by batch size; those that differ in noise go together."""
        hidden, batches = self.grids[choice("grid", grid, self.grids)]
        noises = self.corruptions[grid]
        return [[EpochSetting(self.name, H, B, dtype, noise) for noise in noises] for H in hidden for B in batches]

    def prepare(self, setting: EpochSetting, data: Dataset) -> Epoch:
        """Draw parameters and the batch that is given, always the same for a setting."""
        rng = np.random.default_rng(_SEED)
        x, labels = self.examples(data, rng)
        model = self.model(setting.n_hidden, setting.dtype, rng)
        corruption, chosen = Corruption.parse(setting.corruption), rng.integers(0, len(x), setting.batch_size)
        clean = to_float(x[chosen], model.dtype)
        noisy = clean if corruption is None else corruption.corrupt(clean, rng)
        targets = clean if labels is None else labels[chosen]
        work = self.work(
            params=model.params, inputs=_again(noisy), targets=_again(targets), lr=self.lr, model=model,
            x=x, labels=labels, corruption=corruption, optimizer=self.optimizer,
        )  # fmt: skip
        return replace(work, params=work.copy_params())


def _again(batch: Array) -> Array:
    """Repeat a batch for all steps: the library's own training can be given just one, which it may shuffle."""
    return np.repeat(batch[None], VALIDATED_STEPS, axis=0)
