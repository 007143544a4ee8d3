"""The library's NumPy reference, one step at a time."""

from collections.abc import Callable

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.competitors.competitor import Gemm
from scratchdae.benchmark.works.work import Work


class StepTrainer:
    """A trainer that calls a step for every batch.

    Parameters
    ----------
    work : Work
        Parameters and batches.
    sgd_step : callable
        ``sgd_step(params, inputs, targets, lr)`` takes a step in place, as that of the work does.
    """

    def __init__(self, work: Work, sgd_step: Callable[[Params, Array, Array, float], object]) -> None:
        self._params, self._sgd_step, self._lr = work.copy_params(), sgd_step, work.lr
        self._batches = list(zip(work.inputs, work.targets, strict=True))

    def step(self) -> None:
        """Take a step on the first batch."""
        self._sgd_step(self._params, *self._batches[0], self._lr)

    def stretch(self) -> None:
        """Take a step on each batch."""
        for inputs, targets in self._batches:
            self._sgd_step(self._params, inputs, targets, self._lr)

    def params(self) -> Params:
        """Return the parameters as they are now.

        Returns
        -------
        dict of str to ndarray
            The parameters.
        """
        return self._params


def plain(work: Work, threads: int) -> StepTrainer:
    """Prepare the reference step of the work.

    Parameters
    ----------
    work : Work
        Parameters and batches.
    threads : int
        Not used: the BLAS was bounded already.

    Returns
    -------
    StepTrainer
        The trainer.
    """
    del threads
    return StepTrainer(work, work.sgd_step)


def _blas() -> str:
    built_with = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{built_with['name']} {built_with.get('version', '')}".strip()


def _product(a: Array, b: Array, threads: int) -> Callable[[], object]:
    del threads  # the BLAS was bounded already
    result = np.empty_like(a)
    return lambda: np.matmul(a, b, out=result)


GEMM = Gemm(_blas, _product)
