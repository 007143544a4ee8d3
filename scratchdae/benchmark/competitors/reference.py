"""The library's NumPy reference, one step at a time."""

from collections.abc import Callable

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.competitors.competitor import BatchTrainer, Gemm
from scratchdae.benchmark.works.work import Work


class StepTrainer(BatchTrainer):
    """A trainer whose `sgd_step(params, inputs, targets, lr)` takes a step in place, as that of the work does."""

    def __init__(self, work: Work, sgd_step: Callable[[Params, Array, Array, float], object]) -> None:
        self._params, self._sgd_step, self._lr = work.copy_params(), sgd_step, work.lr
        self._batches = list(zip(work.inputs, work.targets, strict=True))

    def _descend(self, inputs: Array, targets: Array) -> object:
        return self._sgd_step(self._params, inputs, targets, self._lr)

    def params(self) -> Params:
        return self._params


def plain(work: Work, threads: int) -> StepTrainer:
    """Prepare the reference step of the work."""
    del threads  # the BLAS was bounded already
    return StepTrainer(work, work.sgd_step)


def _blas() -> str:
    built_with = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{built_with['name']} {built_with.get('version', '')}".strip()


def _product(a: Array, b: Array, threads: int) -> Callable[[], object]:
    del threads  # the BLAS was bounded already
    result = np.empty_like(a)
    return lambda: np.matmul(a, b, out=result)


GEMM = Gemm(_blas, _product)
