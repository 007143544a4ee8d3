"""The library itself: its NumPy step, and the compiled twin of that step."""

from collections.abc import Callable

import numpy as np

from scratchdae import autoencoder, kernels
from scratchdae.arguments import Array, Params
from scratchdae.benchmark.work import Work


class StepTrainer:
    """A trainer that calls a step for every batch.

    Parameters
    ----------
    work : Work
        Parameters and batches.
    sgd_step : callable
        Takes a step in place, as `autoencoder.sgd_step` does.
    """

    def __init__(self, work: Work, sgd_step: Callable[..., tuple[float, bool]]) -> None:
        self._params, self._sgd_step, self._lr = work.copy_params(), sgd_step, work.lr
        self._batches = list(zip(work.x_tilde, work.x, strict=True))

    def step(self) -> None:
        """Take a step on the first batch."""
        self._sgd_step(self._params, *self._batches[0], self._lr)

    def stretch(self) -> None:
        """Take a step on each batch."""
        for x_tilde, x in self._batches:
            self._sgd_step(self._params, x_tilde, x, self._lr)

    def params(self) -> Params:
        """Return the parameters as they are now.

        Returns
        -------
        dict of str to ndarray
            The parameters.
        """
        return self._params


class CompiledTrainer:
    """A trainer that takes all the steps of a stretch in one call.

    Parameters
    ----------
    work : Work
        Parameters and batches.
    """

    def __init__(self, work: Work) -> None:
        self._params, self._work, self._sgd_steps = work.copy_params(), work, kernels.choose("numba").sgd_steps

    def step(self) -> None:
        """Take a step on the first batch."""
        self._sgd_steps(self._params, self._work.x_tilde[:1], self._work.x[:1], self._work.lr)

    def stretch(self) -> None:
        """Take a step on each batch."""
        self._sgd_steps(self._params, self._work.x_tilde, self._work.x, self._work.lr)

    def params(self) -> Params:
        """Return the parameters as they are now.

        Returns
        -------
        dict of str to ndarray
            The parameters.
        """
        return self._params


def plain(work: Work, threads: int) -> StepTrainer:
    """Prepare the NumPy step.

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
    return StepTrainer(work, autoencoder.sgd_step)


def compiled(work: Work, threads: int) -> CompiledTrainer:
    """Prepare the compiled steps.

    Parameters
    ----------
    work : Work
        Parameters and batches.
    threads : int
        Not used: numba was bounded by the environment, before it was loaded.

    Returns
    -------
    CompiledTrainer
        The trainer.
    """
    del threads
    return CompiledTrainer(work)


def product(a: Array, b: Array, threads: int) -> Callable[[], object]:
    """Prepare a matrix product.

    Parameters
    ----------
    a, b : ndarray, shape (n, n)
        The factors.
    threads : int
        Not used: the BLAS was bounded already.

    Returns
    -------
    callable
        It multiplies them.
    """
    del threads
    result = np.empty_like(a)
    return lambda: np.matmul(a, b, out=result)
