"""How batches change the parameters of a run: the fastest way there is for a model, an update rule and a backend."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from scratchdae import kernels
from scratchdae.arguments import Array, Params, first_nonfinite
from scratchdae.layers import Dense, Sigmoid
from scratchdae.layers import backend as layer_backend
from scratchdae.losses import l2_penalty
from scratchdae.model import DenoisingAutoencoder
from scratchdae.network import Sequential
from scratchdae.optimizers import SGD, Optimizer
from scratchdae.run import Run

TOGETHER = 256  # batches whose steps are taken in one call, where a backend saves by that


class Model(Protocol):
    """What the loop asks of a model."""

    params: Params
    dtype: np.dtype[Any]

    @property
    def config(self) -> dict[str, Any]: ...  # sizes and options, ready for JSON

    def check(self, x: Array, target: Array, /) -> None: ...  # refuses a batch that does not fit

    def loss(self, params: Params, x: Array, target: Array, /) -> np.inexact: ...

    def loss_and_grads(
        self, params: Params, x: Array, target: Array, rng: np.random.Generator | None, /
    ) -> tuple[np.inexact, Params]: ...  # the generator is given in training: noise and dropout draw from it


class Step(NamedTuple):
    """A way to take steps.

    Attributes
    ----------
    name : str
        The backend.
    reason : str
        Why it was taken, in words.
    together : int
        Batches that are worth taking at a time.
    take : callable
        ``take(run, x_tilde, targets, lr, l2) -> (losses, culprit)``, with batches along the first axis. The culprit is
        the loss or the first gradient that is not finite, by name; then the step that belongs to the last loss, and
        those after it, were not taken.
    """

    name: str
    reason: str
    together: int
    take: Callable[[Run, Array, Array, float, float], tuple[Array, str | None]]


def choose(model: Model, optimizer: Optimizer, backend: str) -> Step:
    """Take the fused steps where there are some, otherwise gradients and an update rule.

    Parameters
    ----------
    model : Model
        What is trained.
    optimizer : Optimizer
        The update rule.
    backend : {"auto", "numpy", "numba"}
        What was asked for.

    Returns
    -------
    Step
        Its name and reason say what was taken, and why.

    Raises
    ------
    ValueError
        If the backend is unknown, or cannot do this here.
    """
    if isinstance(model, DenoisingAutoencoder) and optimizer == SGD():
        chosen, options = kernels.choose(backend), model.options

        def _fused(run: Run, x_tilde: Array, target: Array, lr: float, l2: float) -> tuple[Array, str | None]:
            losses, finite = chosen.sgd_steps(run.params, x_tilde, target, lr, l2=l2, **options)
            if finite:
                return losses, None
            last = len(losses) - 1
            return losses, _culprit(losses[-1], model.loss_and_grads(run.params, x_tilde[last], target[last])[1])

        return Step(chosen.name, chosen.reason, TOGETHER, _fused)

    what = f"{type(model).__name__} with {optimizer}"
    chosen = kernels.choose(backend)  # refuses what there is not
    if isinstance(model, Sequential):
        name, reason = chosen.name, f"{chosen.reason}; the loops of layers that have a twin"
    elif backend == "numba":
        raise ValueError(f"backend must be 'auto' or 'numpy' for {what}, which has no compiled twin, found 'numba'")
    else:
        name, reason = "numpy", "asked for" if backend == "numpy" else f"no compiled twin for {what}"

    def _general(run: Run, x_tilde: Array, target: Array, lr: float, l2: float) -> tuple[Array, str | None]:
        with layer_backend(name):
            value, grads = model.loss_and_grads(run.params, x_tilde[0], target[0], run.streams.layers)
        culprit = _culprit(float(value), grads)
        if culprit is not None:
            return np.array([float(value)]), culprit
        if l2:
            decay = l2_penalty(run.params, l2)[1]
            grads = {name: grad + decay[name] if name in decay else grad for name, grad in grads.items()}
        run.params, run.optimizer_state = optimizer.update(run.params, grads, run.optimizer_state, lr)
        return np.array([float(value)]), None

    fast = kernels.perceptron_steps(name) if _is_perceptron(model) and optimizer == SGD() else None
    if fast is None:
        return Step(name, reason, 1, _general)

    def _supervised(run: Run, x: Array, labels: Array, lr: float, l2: float) -> tuple[Array, str | None]:
        losses, done = np.empty(len(x)), 0
        while done < len(x):
            weights, biases = (
                [value for key, value in run.params.items() if key.endswith(end)] for end in (".W", ".b")
            )
            found, taken = fast(weights, biases, x[done:], labels[done:], lr, l2)
            losses[done : done + taken] = found[:taken]
            done += taken
            if done < len(x):  # what may not be finite
                losses[done : done + 1], culprit = _general(run, x[done : done + 1], labels[done : done + 1], lr, l2)
                done += 1
                if culprit is not None:
                    return losses[:done], culprit
        return losses, None

    return Step(name, f"{chosen.reason}; all layers fused", TOGETHER, _supervised)


def _is_perceptron(model: Model) -> bool:
    """Tell whether a model is sigmoid layers under a softmax, which have a compiled twin as a whole."""
    if not isinstance(model, Sequential) or model.loss_name != "softmax_cross_entropy" or len(model.shapes[0]) != 1:
        return False
    kinds = [type(layer) for layer in model.layers]
    return len(kinds) % 2 == 1 and kinds == [Dense if i % 2 == 0 else Sigmoid for i in range(len(kinds))]


def _culprit(loss: float, grads: Params) -> str | None:
    """Name what is not finite, if anything is."""
    name = first_nonfinite(grads)
    if not np.isfinite(loss):
        return "the loss"
    return None if name is None else f"the gradient of {name!r}"
