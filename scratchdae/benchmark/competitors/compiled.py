"""The library's compiled steps: all of a stretch in one call, as training takes them."""

from collections.abc import Callable

from scratchdae import autoencoder, backend, kernels
from scratchdae.arguments import Array, Params
from scratchdae.benchmark.works import finetuning as finetuning_work
from scratchdae.benchmark.works.work import Work


class CompiledTrainer:
    """A trainer that takes many steps in a call."""

    # sgd_steps(params, inputs, targets, lr) takes a step on each batch, in place, and says how many it took.
    def __init__(self, work: Work, sgd_steps: Callable[[Params, Array, Array, float], int]) -> None:
        self._params, self._work, self._sgd_steps = work.copy_params(), work, sgd_steps

    def step(self) -> None:
        self._take(1)

    def stretch(self) -> None:
        self._take(len(self._work.inputs))

    def _take(self, steps: int) -> None:
        work = self._work
        taken = self._sgd_steps(self._params, work.inputs[:steps], work.targets[:steps], work.lr)
        if taken < steps:  # it would be timed on less than the others
            raise FloatingPointError(f"step {taken + 1} of {steps} was not taken: a number may not be finite")

    def params(self) -> Params:
        return self._params


def denoising(work: Work, threads: int) -> CompiledTrainer:
    """Prepare the steps of the denoising autoencoder."""
    del threads  # numba was bounded by the environment, before it was loaded
    compiled = backend.loops(autoencoder, "numba").sgd_steps

    def _steps(params: Params, x_tilde: Array, x: Array, lr: float) -> int:
        losses, finite = compiled(params, x_tilde, x, lr)
        return len(losses) if finite else len(losses) - 1

    return CompiledTrainer(work, _steps)


def finetuning(work: Work, threads: int) -> CompiledTrainer:
    """Prepare the steps of sigmoid layers under a softmax."""
    del threads  # numba was bounded by the environment, before it was loaded
    compiled = kernels.perceptron_steps()
    if compiled is None:
        raise ValueError("the fused layers are written in the compiler's language, and NUMBA_DISABLE_JIT is set")

    def _steps(params: Params, x: Array, t: Array, lr: float) -> int:
        weights, biases = zip(*finetuning_work.layers(params), strict=True)
        return compiled(list(weights), list(biases), x, t, lr)[1]

    return CompiledTrainer(work, _steps)
