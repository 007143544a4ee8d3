"""The library's compiled steps: all of a stretch in one call, as training takes them."""

from collections.abc import Callable

from scratchdae import autoencoder, backend, kernels
from scratchdae.arguments import Array, Params
from scratchdae.benchmark.works import finetuning as finetuning_work
from scratchdae.benchmark.works.work import Work

# steps(params, inputs, targets, lr) takes a step on each batch, in place, and says how many it took.
Steps = Callable[[Params, Array, Array, float], int]


class CompiledTrainer:
    """A trainer that takes many steps in a call."""

    def __init__(self, work: Work, sgd_steps: Steps) -> None:
        self._params, self._work, self._sgd_steps = work.copy_params(), work, sgd_steps

    def step(self) -> None:
        self._take(self._work.inputs[:1], self._work.targets[:1])

    def stretch(self) -> None:
        self._take(self._work.inputs, self._work.targets)

    def _take(self, inputs: Array, targets: Array) -> None:
        taken, steps = self._sgd_steps(self._params, inputs, targets, self._work.lr), len(inputs)
        if taken < steps:  # it would be timed on less than the others
            raise FloatingPointError(f"step {taken + 1} of {steps} was not taken: a number may not be finite")

    def params(self) -> Params:
        return self._params


def denoising_steps() -> Steps:
    """Return the steps of the denoising autoencoder."""
    compiled = backend.loops(autoencoder, "numba").sgd_steps

    def _steps(params: Params, x_tilde: Array, x: Array, lr: float) -> int:
        losses, finite = compiled(params, x_tilde, x, lr)
        return len(losses) if finite else len(losses) - 1

    return _steps


def denoising(work: Work, threads: int) -> CompiledTrainer:
    """Prepare the steps of the denoising autoencoder."""
    del threads  # numba was bounded by the environment, before it was loaded
    return CompiledTrainer(work, denoising_steps())


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
