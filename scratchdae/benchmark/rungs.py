"""The ladder from the NumPy step to `fit`: the same steps on the same batches, one idea more on each rung.

`scratchdae.kernels` says what the ideas are. The batches are those that `fit` draws, which therefore takes the steps of
the others, and is held to the same reference. Up to the zeros there is one thread, and a call for each step.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratchdae import autoencoder, backend
from scratchdae.arguments import Array, Params
from scratchdae.benchmark.competitors.competitor import Competitor, Trainer
from scratchdae.benchmark.competitors.compiled import CompiledTrainer
from scratchdae.benchmark.competitors.reference import StepTrainer
from scratchdae.benchmark.competitors.reference import plain as _numpy
from scratchdae.benchmark.measure import Row
from scratchdae.benchmark.works.denoising import NU, Denoising
from scratchdae.benchmark.works.work import LR, Setting
from scratchdae.corruption import Corruption
from scratchdae.datasets import Dataset
from scratchdae.initializers import sigmoid_uniform
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.training.batches import Batches
from scratchdae.training.generators import streams
from scratchdae.training.loop import fit
from scratchdae.training.options import Training

HIDDEN, BATCH_SIZE, STEPS = 500, 20, 200  # of a stretch
_TINY = 1e-20  # in the place of zeros: below all rounding, and its products are no subnormal numbers


@dataclass(frozen=True, eq=False, kw_only=True)
class Drawn(Denoising):
    """Batches as `fit` draws them, and the rows of bytes that it draws them from."""

    x: Array  # (S · B, D) of uint8

    def first(self, steps: int) -> "Drawn":
        """Draw fewer batches of the first rows."""
        B = self.inputs.shape[1]
        return _draw(self.params, self.x[: steps * B], B, self.inputs.dtype)


def _training(batch_size: int) -> Training:
    return Training(1, LR, batch_size, corruption=Corruption("masking", NU))


def _draw(params: Params, x: Array, batch_size: int, dtype: Any) -> Drawn:
    training = _training(batch_size)
    drawn = Batches(x, x, training, np.dtype(dtype), "numpy").of_epoch(0, streams(training.seed))
    inputs, targets = zip(*((x_tilde.copy(), clean.copy()) for x_tilde, clean in drawn), strict=True)
    return Drawn(params=params, inputs=np.concatenate(inputs), targets=np.concatenate(targets), x=x)


def prepare(setting: Setting, data: Dataset, steps: int) -> Drawn:
    """Draw first parameters and batches, always the same for a setting: as many as asked for, or as there are."""
    B, H, dtype = setting.batch_size, setting.n_hidden, setting.dtype
    x = np.ascontiguousarray(data.x_train[: min(steps, len(data.x_train) // B) * B].reshape(-1, data.x_train[0].size))
    W = sigmoid_uniform((x.shape[1], H), np.random.default_rng(0), dtype)
    params = {"W": W, "b": np.zeros(H, dtype), "b_prime": np.zeros(x.shape[1], dtype)}
    return _draw(params, x, B, dtype)


class _Fitter:
    """A trainer that hands the bytes to `fit`."""

    def __init__(self, work: Drawn, threads: int) -> None:
        self._x, self._threads, self._training = work.x, threads, _training(work.inputs.shape[1])
        D, H = work.params["W"].shape
        self._model = DenoisingAutoencoder(D, H, streams(0).initialisation, dtype=work.inputs.dtype)
        self._model.params = work.copy_params()

    def step(self) -> None:
        self._fit(self._x[: self._training.batch_size])

    def stretch(self) -> None:
        self._fit(self._x)

    def _fit(self, x: Array) -> None:
        with _threads(self._threads):
            fit(self._model, x, training=self._training, progress=False)

    def params(self) -> Params:
        return self._model.params


def _threads(n: int) -> AbstractContextManager[None]:
    from scratchdae.kernels.machine import threads

    return threads.counted(n)


def _compiled(work: Drawn, threads: int) -> StepTrainer:
    from scratchdae.kernels.autoencoder import general
    from scratchdae.kernels.autoencoder.output import Kind
    from scratchdae.kernels.rule import Rule

    del threads  # the BLAS has one
    real, kind = work.inputs.dtype.type, int(Kind.CROSS_ENTROPY)
    rule = Rule(real(work.lr), real(0), real(1 / work.inputs.shape[1]), float(np.finfo(real).max) / 4)

    def step(params: Params, x_tilde: Array, x: Array, lr: float) -> object:
        del lr  # it is in the rule
        return general.step(params["W"], None, params["b"], params["b_prime"], x_tilde, x, rule, kind)

    return StepTrainer(work, step)


def _one_by_one(work: Drawn, threads: int) -> StepTrainer:
    """Call the fused step for every batch."""
    step = backend.loops(autoencoder, "numba").sgd_step

    def sgd_step(params: Params, x_tilde: Array, x: Array, lr: float) -> object:
        with _threads(threads):
            return step(params, x_tilde, x, lr)

    return StepTrainer(work, sgd_step)


def _dense(work: Drawn, threads: int) -> StepTrainer:
    del threads  # one
    inputs = np.where(work.inputs == 0, work.inputs.dtype.type(_TINY), work.inputs)
    return _one_by_one(replace(work, inputs=inputs), 1)


def _together(work: Drawn, threads: int) -> CompiledTrainer:
    """Hand over all batches in one call."""
    steps = backend.loops(autoencoder, "numba").sgd_steps

    def sgd_steps(params: Params, x_tilde: Array, x: Array, lr: float) -> int:
        with _threads(threads):
            losses, finite = steps(params, x_tilde, x, lr)
        return len(losses) if finite else len(losses) - 1

    return CompiledTrainer(work, sgd_steps)


@dataclass(frozen=True)
class Rung:
    """One more idea."""

    name: str  # on the command line
    idea: str  # in words
    carried: tuple[int, int]  # arrays as large as W that a step reads and writes, at most
    prepare: Callable[[Any, int], Trainer]  # from the batches and how many threads there may be
    packages: tuple[str, ...] = ("numba", "scipy")

    @property
    def competitor(self) -> Competitor:
        """What `measure` checks and times."""
        return Competitor(self.name, self.idea, self.packages, {Drawn: self.prepare})


# The fused step reads W to encode, to decode and for each part of the update, which writes it; a call also copies it.
RUNGS = {
    rung.name: rung
    for rung in (
        Rung("numpy", "an operation after the other, on whole arrays", (10, 5), _numpy, ()),
        Rung("compiled", "the same formulas, one pass between the products", (8, 4), _compiled),
        Rung("fused", "rows of W used while they are near, no gradient in memory", (6, 4), _dense),
        Rung("zeros", "inputs that are zero left out", (6, 4), lambda work, _: _one_by_one(work, 1)),
        Rung("team", "threads that meet after each phase", (6, 4), _one_by_one),
        Rung("together", "many steps in a call, W copied once", (4, 2), _together),
        Rung("fit", "batches drawn from the bytes, corruption included", (4, 2), _Fitter),
    )
}


def table(rows: Sequence[Row], weight_bytes: int) -> list[str]:
    """Lay out what was found, a line a rung, with its rate over that of the rung before."""
    lines, before = [f"{'rung':<9} {'samples/s':>10}  {'(least to most)':>19}  {'× below':>7}  {'MB of W':>7}"], 0.0
    for row in rows:
        rung = RUNGS[row.name]
        if not row.rates:
            what = f"FAILED {row.failure}" if row.failure else f"WRONG, not timed: off by {row.update_error:.1e}"
            lines.append(f"{row.name:<9} {what}")
            continue
        spread = f"({min(row.rates):,.0f} to {max(row.rates):,.0f})"
        ratio = f"{row.median / before:.2f}" if before else ""
        megabytes = sum(rung.carried) * weight_bytes / 1e6
        lines.append(f"{row.name:<9} {row.median:>10,.0f}  {spread:>19}  {ratio:>7}  {megabytes:>7.1f}  {rung.idea}")
        before = row.median
    return lines
