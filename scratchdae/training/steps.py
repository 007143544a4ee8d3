"""How batches change the parameters of a run: the fastest way there is for a model, an update rule and a backend."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from scratchdae import autoencoder, backend, kernels
from scratchdae.arguments import Array, Params, first_nonfinite
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import SGD, Optimizer
from scratchdae.training.state import Run

TOGETHER = 256  # batches whose steps are taken in one call, where a backend saves by that
DRAWN = 2**15  # hidden units of those batches, an example each: what a Boltzmann machine draws of them at a time


class Model(Protocol):
    """What the loop asks of a model."""

    params: Params
    dtype: np.dtype[Any]

    @property
    def config(self) -> dict[str, Any]: ...  # what it is, its sizes and options, ready for JSON

    def check(self, x: Array, target: Array, /) -> None: ...  # refuses a batch that does not fit

    def loss(self, params: Params, x: Array, target: Array, /) -> np.inexact: ...

    def loss_and_grads(
        self, params: Params, x: Array, target: Array, rng: np.random.Generator | None, /
    ) -> tuple[np.inexact, Params]: ...  # the generator is given in training: noise and dropout draw from it; the

    # batch is overwritten afterwards


Take = Callable[[Run, Array, Array, float, float], tuple[Array, str | None]]
Look = Callable[[Params, Array, Array], float]
LOOKED = 100  # examples whose loss is found together


class Step(NamedTuple):
    """A way to take steps."""

    name: str  # the backend
    reason: str  # why it was taken, in words
    together: int  # batches that are worth taking at a time
    # take(run, x_tilde, targets, lr, l2) -> (losses, culprit), with batches along the first axis. The culprit is the
    # loss or the first gradient that is not finite, by name; then the step that belongs to the last loss, and those
    # after it, were not taken.
    take: Take
    look: Look | None = None  # a faster way to the mean loss of some examples than the model's own, if there is one


def choose(model: Model, optimizer: Optimizer, name: str) -> Step:
    """Ask the makers of steps in turn, the fastest first: the first that knows this model and rule wins."""
    chosen = backend.choose(name)
    return next(step for make in MAKERS if (step := make(model, optimizer, chosen, name)) is not None)


def _is_plain(optimizer: Optimizer) -> bool:
    return type(optimizer) is SGD and not optimizer.momentum and not optimizer.weight_decay


def _autoencoder(model: Model, optimizer: Optimizer, chosen: backend.Choice, asked: str) -> Step | None:
    """Many steps of plain gradient descent in one call: the reference's, or its twin's."""
    del asked
    if model.config["model"] != "autoencoder" or not _is_plain(optimizer):
        return None
    steps = backend.loops(autoencoder, chosen.name).sgd_steps
    options = {name: model.config[name] for name in ("loss", "output", "reduction")}

    def take(run: Run, x_tilde: Array, target: Array, lr: float, l2: float) -> tuple[Array, str | None]:
        losses, finite = steps(run.params, x_tilde, target, lr, l2=l2, **options)
        if finite:
            return losses, None
        last = len(losses) - 1
        return losses, _culprit(losses[-1], model.loss_and_grads(run.params, x_tilde[last], target[last], None)[1])

    return Step(chosen.name, chosen.reason, TOGETHER, take, _looking(model) if chosen.name == "numba" else None)


def _looking(model: Model) -> Look | None:
    """Find the mean loss of examples by tied weights with the compiled way forward."""
    options, fast = {name: model.config[name] for name in ("loss", "output", "reduction")}, kernels.batch_losses()
    if fast is None or not model.config["tied"]:
        return None

    def look(params: Params, x_tilde: Array, target: Array) -> float:
        S, (n, D) = len(x_tilde) // LOOKED, x_tilde.shape
        found, whole = np.zeros(0), S * LOOKED
        if S:
            sides = S, LOOKED, D
            found = fast(params, x_tilde[:whole].reshape(sides), target[:whole].reshape(sides), **options)
        rest = float(model.loss(params, x_tilde[whole:], target[whole:])) if whole < n else 0.0
        return float((found.sum() * LOOKED + rest * (n - whole)) / n)

    return look


def _perceptron(model: Model, optimizer: Optimizer, chosen: backend.Choice, asked: str) -> Step | None:
    """Sigmoid layers under a softmax, which have compiled steps as a whole."""
    config = model.config
    if chosen.name != "numba" or not _is_plain(optimizer) or config["model"] != "sequential":
        return None
    kinds = [layer["layer"] for layer in config["layers"]]
    alternating = len(kinds) % 2 == 1 and kinds == [("Dense", "Sigmoid")[i % 2] for i in range(len(kinds))]
    if not alternating or config["loss"] != "softmax_cross_entropy" or len(config["input_shape"]) != 1:
        return None
    fast, general = kernels.perceptron_steps(), _general(model, optimizer, chosen, asked)
    dense = [f"dense_{k}" for k in range(1, kinds.count("Dense") + 1)]
    if fast is None:
        return None

    def take(run: Run, x: Array, labels: Array, lr: float, l2: float) -> Array:
        weights, biases = ([run.params[f"{name}.{array}"] for name in dense] for array in ("W", "b"))
        losses, taken = fast(weights, biases, x, labels, lr, l2)
        return losses[:taken]

    return Step(chosen.name, f"{chosen.reason}; all layers fused", TOGETHER, _while_certain(take, general))


def _remembering(model: Model, optimizer: Optimizer, chosen: backend.Choice, asked: str) -> Step | None:
    """Tied weights by momentum, RMSprop, Adam and the like, which have compiled steps as a whole."""
    del asked
    config = model.config
    if chosen.name != "numba" or config["model"] != "autoencoder" or not config["tied"]:
        return None
    fast, general = kernels.rule_steps(optimizer), _general(model, optimizer, backend.choose("numpy"), "numpy")
    options = {name: config[name] for name in ("loss", "output", "reduction")}
    if fast is None:
        return None

    def take(run: Run, x_tilde: Array, target: Array, lr: float, l2: float) -> Array:
        losses, run.optimizer_state = fast(
            run.params, run.optimizer_state, optimizer, x_tilde, target, lr, l2=l2, **options
        )
        return losses

    return Step(
        chosen.name, f"{chosen.reason}; the update fused", TOGETHER, _while_certain(take, general), _looking(model)
    )


def _boltzmann(model: Model, optimizer: Optimizer, chosen: backend.Choice, asked: str) -> Step | None:
    """A Boltzmann machine by CD-1 and plain gradient descent, which has compiled steps as a whole."""
    del asked
    config = model.config
    if chosen.name != "numba" or config["model"] != "rbm" or not _is_plain(optimizer):
        return None
    fast, general = kernels.boltzmann_steps(), _general(model, optimizer, backend.choose("numpy"), "numpy")
    if fast is None or (config["k"], config["visible"]) != (1, "probabilities"):
        return None

    def take(run: Run, x: Array, target: Array, lr: float, l2: float) -> Array:
        model.check(*(part.reshape(-1, part.shape[-1]) for part in (x, target)))
        generator, sides, dtype = run.streams.layers, (x.shape[1], config["n_hidden"]), model.dtype.type
        before = generator.bit_generator.state
        losses = fast(run.params, x, generator.random((len(x), *sides), dtype), lr, l2)
        if len(losses) < len(x):  # as if the other steps had drawn nothing yet
            generator.bit_generator.state = before
            generator.random((len(losses), *sides), dtype)
        return losses

    together = min(TOGETHER, max(1, DRAWN // config["n_hidden"]))
    return Step(chosen.name, f"{chosen.reason}; the step fused", together, _while_certain(take, general))


def _while_certain(fast: Callable[[Run, Array, Array, float, float], Array], general: Step) -> Take:
    """Take fast steps, which return the losses of those that they took; where they stop, the general step decides."""

    def take(run: Run, x: Array, target: Array, lr: float, l2: float) -> tuple[Array, str | None]:
        losses, done = np.empty(len(x)), 0
        while done < len(x):
            found = fast(run, x[done:], target[done:], lr, l2)
            losses[done : done + len(found)] = found
            done += len(found)
            if done < len(x):  # what may not be finite
                one = slice(done, done + 1)
                losses[one], culprit = general.take(run, x[one], target[one], lr, l2)
                done += 1
                if culprit is not None:
                    return losses[:done], culprit
        return losses, None

    return take


def _general(model: Model, optimizer: Optimizer, chosen: backend.Choice, asked: str) -> Step:
    """Gradients, and an update rule: what every model can do."""
    chain = [f"{name}={model.config[name]}" for name in ("k", "visible") if name in model.config]  # a machine's
    what = f"{type(model).__name__} with {', '.join([*chain, str(optimizer)])}"
    update = kernels.updates(optimizer, model.params) if chosen.name == "numba" else None
    if model.config["model"] == "sequential":
        twins = "the loops of layers that have a twin"
        name, reason = chosen.name, f"{chosen.reason}; {twins if update is None else twins + ', and the update'}"
    elif update is not None:
        name, reason = chosen.name, f"{chosen.reason}; the update"
    elif asked == "numba":
        raise ValueError(f"backend must be 'auto' or 'numpy' for {what}, which has no compiled twin, found 'numba'")
    else:
        name, reason = "numpy", "asked for" if asked == "numpy" else f"no compiled twin for {what}"

    def take(run: Run, x_tilde: Array, target: Array, lr: float, l2: float) -> tuple[Array, str | None]:
        with backend.using(name):
            value, grads = model.loss_and_grads(run.params, x_tilde[0], target[0], run.streams.layers)
        statistics = getattr(grads, "statistics", {})  # of batch normalisation
        culprit = _culprit(float(value), grads)
        if culprit is None and (name_of_first := first_nonfinite(statistics)) is not None:
            culprit = repr(name_of_first)
        if culprit is not None:
            return np.array([float(value)]), culprit
        if update is not None:
            run.optimizer_state = update(optimizer, run.params, grads, run.optimizer_state, lr, l2)
            run.params |= statistics
            return np.array([float(value)]), None
        if l2:
            decay = l2_penalty(run.params, l2)[1]
            grads = {name: grad + decay[name] if name in decay else grad for name, grad in grads.items()}
        run.params, run.optimizer_state = optimizer.update(run.params, grads, run.optimizer_state, lr)
        run.params |= statistics
        return np.array([float(value)]), None

    return Step(name, reason, 1, take)


MAKERS: tuple[Callable[[Model, Optimizer, backend.Choice, str], Step | None], ...] = (
    _autoencoder,
    _perceptron,
    _remembering,
    _boltzmann,
    _general,
)


def _culprit(loss: float, grads: Params) -> str | None:
    """Name what is not finite, if anything is."""
    name = first_nonfinite(grads)
    if not np.isfinite(loss):
        return "the loss"
    return None if name is None else f"the gradient of {name!r}"
