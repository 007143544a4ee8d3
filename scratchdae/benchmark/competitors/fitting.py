"""`fit` itself, by the compiled core or by NumPy alone; and beside it the bare steps, which are its limit."""

import copy

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.competitors import compiled
from scratchdae.benchmark.works.denoising import Denoising
from scratchdae.benchmark.works.epoch import Epoch
from scratchdae.datasets import to_float
from scratchdae.training.generators import streams
from scratchdae.training.loop import fit
from scratchdae.training.steps import TOGETHER

_DRAWN = 2**23  # numbers of input at most that are drawn beforehand, 32 MB as float32: more than a cache holds


class FitTrainer:
    """Calls of `fit` as anyone would write them, each with a seed of its own."""

    def __init__(self, work: Epoch, backend: str) -> None:
        self._model, self._work, self._backend, self._seed = copy.copy(work.model), work, backend, 0
        self._model.params = work.copy_params()

    def _fit(self, x: Array, target: Array | None, corrupted: bool, epochs: int = 1) -> None:
        work, self._seed = self._work, self._seed + 1
        fit(
            self._model, x, target, epochs=epochs, lr=work.lr, batch_size=work.batch_size, optimizer=work.optimizer,
            corruption=work.corruption if corrupted else None, seed=self._seed, backend=self._backend, progress=False,
        )  # fmt: skip

    def step(self) -> None:
        self._fit(self._work.inputs[0], self._work.targets[0], corrupted=False)

    def stretch(self) -> None:
        """Take steps on the one batch there is: an epoch of it is one."""
        self._fit(self._work.inputs[0], self._work.targets[0], corrupted=False, epochs=len(self._work.inputs))

    def params(self) -> Params:
        return self._model.params

    def corrupt(self, x: Array) -> Array:
        self._seed += 1
        corruption = self._work.corruption
        return x if corruption is None else corruption.corrupt(x, streams(self._seed).corruption)

    def ready(self, n: int) -> None:
        """Do nothing: what was compiled for the steps is enough."""

    def epoch(self, n: int) -> None:
        labels = self._work.labels
        self._fit(self._work.x[:n], None if labels is None else labels[:n], corrupted=True)


class BareTrainer(compiled.CompiledTrainer):
    """The compiled steps on batches that were shuffled, converted and corrupted beforehand; it trains on them again."""

    def __init__(self, work: Epoch, steps: compiled.Steps) -> None:
        super().__init__(Denoising(work.params, work.inputs, work.targets, work.lr), steps)
        rng, B = np.random.default_rng(0), work.batch_size
        drawn = max(1, min(len(work.x), _DRAWN // work.x[0].size) // B)
        clean = to_float(work.x[rng.permutation(len(work.x))[: drawn * B]], work.model.dtype)
        self._corruption, self._rng = work.corruption, rng
        self._x, self._x_tilde = (part.reshape(drawn, B, -1) for part in (clean, self.corrupt(clean)))

    def corrupt(self, x: Array) -> Array:
        return x if self._corruption is None else self._corruption.corrupt(x, self._rng)

    def ready(self, n: int) -> None:
        """Do nothing."""

    def epoch(self, n: int) -> None:
        steps, most = n // self._x.shape[1], min(len(self._x), TOGETHER)
        for first in range(0, steps, most):
            some = slice(0, min(most, steps - first))
            self._take(self._x_tilde[some], self._x[some])


def by_default(work: Epoch, threads: int) -> FitTrainer:
    """Prepare `fit` with the backend that it chooses, the compiled core where there is a twin."""
    del threads  # they were bounded already
    return FitTrainer(work, "auto")


def plain(work: Epoch, threads: int) -> FitTrainer:
    """Prepare `fit` without the compiled core."""
    del threads  # they were bounded already
    return FitTrainer(work, "numpy")


def bare(work: Epoch, threads: int) -> BareTrainer:
    """Prepare the compiled steps."""
    del threads  # numba was bounded by the environment, before it was loaded
    return BareTrainer(work, compiled.denoising_steps())
