"""The one epoch loop: batches, corruption, schedules, validation, early stopping, history, checkpoints.

Every model trains through `fit`. Its data may be uint8 images or a memory map: a batch at a time becomes
floating-point, never the whole set. Initialisation, shuffling and corruption draw from separate streams, so
changing one does not disturb another, and a run that was killed and resumed ends in the same bits as one that was
not.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from scratchdae import atomic
from scratchdae.arguments import Array, Params, integer, number
from scratchdae.corruption import Corruption
from scratchdae.datasets import to_float
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import SGD, Optimizer
from scratchdae.schedules import Constant, Schedule
from scratchdae.training import checkpoint, steps
from scratchdae.training.evaluation import check_data, evaluate, gather
from scratchdae.training.generators import streams
from scratchdae.training.history import History, Record
from scratchdae.training.state import Run, fingerprint
from scratchdae.training.steps import Model, Step
from scratchdae.training.stopping import GrowingPatience

if TYPE_CHECKING:
    from tqdm import tqdm

STRETCH_SIZE = 2**19  # numbers of input in the batches whose steps are taken in one call


class NonFiniteError(ArithmeticError):
    """A loss or a gradient became NaN or infinite; the message says in which epoch, batch and array."""


def fit(
    model: Model,
    x: Array,
    target: Array | None = None,
    *,
    epochs: int,
    lr: float | Schedule,
    batch_size: int = 20,
    optimizer: Optimizer | None = None,
    corruption: Corruption | None = None,
    l2: float = 0.0,
    validation: Array | tuple[Array, Array] | None = None,
    corrupt_validation: bool = False,
    error: Callable[..., float] | None = None,
    patience: int | GrowingPatience | None = None,
    seed: int = 0,
    backend: str = "auto",
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    origin: dict[str, Any] | None = None,
    progress: bool = True,
    on_epoch: Callable[[Record, Params], None] | None = None,
) -> History:
    """Train a model by minibatch gradient descent; its parameters are replaced.

    Parameters
    ----------
    model : Model
        For example a `DenoisingAutoencoder`.
    x : ndarray, shape (N, ...)
        Inputs, one example a row: uint8 grey levels, which are scaled to [0, 1], or floating-point numbers, taken
        as they are. A memory map is read a batch at a time.
    target : ndarray, shape (N, ...), optional
        What to reconstruct or predict; the clean input if left out.
    epochs : int
        How often to go through the data. A resumed run may be given more.
    lr : float or schedule
        Learning rate, per epoch.
    batch_size : int
        Examples a step; the last batch of an epoch may be shorter.
    optimizer : Optimizer, optional
        Update rule; plain `SGD` if left out.
    corruption : Corruption, optional
        Drawn afresh for every batch.
    l2 : float
        Coefficient of the penalty ``Σ W²``.
    validation : ndarray or (ndarray, ndarray), optional
        Inputs, or inputs and targets, to evaluate after each epoch.
    corrupt_validation : bool
        Whether to corrupt the validation inputs, every epoch with the same draws. Otherwise they are clean.
    error : callable, optional
        What to judge the validation data by beside the loss, called as `evaluate` is, for example
        `classification_error`. It is recorded, and `patience` watches it in place of the loss.
    patience : int or GrowingPatience, optional
        Stop after so many epochs without a lower validation loss (or error), or by that rule; keep the best
        parameters.
    seed : int
        Of the shuffling and the corruption.
    backend : {"auto", "numpy", "numba"}
        What computes the steps; `History.backend` says which it was, and why.
    out : path-like, optional
        Folder to leave ``checkpoint.safetensors``, ``history.jsonl`` and ``config.json`` in, after every epoch.
    resume : bool
        Continue the run in `out`; begin it if there is none yet.
    origin : dict, optional
        What data and first parameters were made from, ready for JSON; it is recorded, and a run is resumed only with
        the same.
    progress : bool
        Whether to show a progress bar, on a terminal.
    on_epoch : callable, optional
        Called after every epoch with its record and the parameters, which it must not change: to watch what the
        history does not hold.

    Returns
    -------
    History
        Losses, learning rates and corruption levels by epoch.

    Raises
    ------
    ValueError
        If data and model do not fit, an option is out of range, `out` holds a run and `resume` is not given, or the run
        to resume had other options or other data. Nothing has been written or changed then.
    NonFiniteError
        If a loss or a gradient becomes NaN or infinite. The model keeps its last finite parameters, `out` the last
        whole epoch.
    """
    target = x if target is None else target
    x_valid, target_valid = validation if isinstance(validation, tuple) else (validation, validation)
    epochs, batch_size = integer("epochs", epochs), integer("batch_size", batch_size)
    schedule = lr if callable(lr) else Constant(number("lr", lr, above=0))
    rates = [number("lr", schedule(epoch), at_least=0) for epoch in range(epochs)]
    if max(rates) == 0:
        raise ValueError(f"lr must be greater than 0 in some epoch, found {schedule}")
    number("l2", l2, at_least=0)
    integer("seed", seed, at_least=0)
    optimizer = SGD() if optimizer is None else optimizer
    if not isinstance(patience, GrowingPatience | None):
        integer("patience", patience)
    if error is not None and not callable(error):
        raise ValueError(f"error must be a function like scratchdae.evaluate, found {error!r}")
    for name, option in (("patience", patience), ("error", error)):
        if option is not None and x_valid is None:
            raise ValueError(f"{name} needs validation data to watch, found validation=None")
    if corrupt_validation and (corruption is None or x_valid is None):
        raise ValueError("corrupt_validation needs a corruption and validation data, found None")
    if resume and out is None:
        raise ValueError("resume needs the folder of the run, found out=None")
    check_data("x", x, target, model)
    if x_valid is not None and target_valid is not None:
        check_data("validation", x_valid, target_valid, model)
    step = steps.choose(model, optimizer, backend)

    config = {
        "model": model.config,
        "training": {
            "batch_size": batch_size,
            "lr": str(schedule),
            "optimizer": str(optimizer),
            "corruption": str(corruption or "none"),
            "l2": float(l2),
            "corrupt_validation": corrupt_validation,
            "error": None if error is None else getattr(error, "__name__", type(error).__name__),
            "patience": str(patience) if isinstance(patience, GrowingPatience) else patience,
            "seed": seed,
        },
        "origin": origin,
        "data": {"train": fingerprint(x, target), "validation": fingerprint(x_valid, target_valid)},
        "backend": step.name,
    }
    config = json.loads(json.dumps(config))  # as a checkpoint returns it: tuples have become lists
    params = {name: np.array(value, order="C") for name, value in model.params.items()}
    history = History(backend=f"{step.name} ({step.reason})")
    run = Run(config, params, optimizer.init(params), streams(seed), history, keep_best=patience is not None)
    if out is not None:
        out = Path(out)
        if (out / checkpoint.FILE).exists():
            if not resume:
                raise ValueError(f"{out} holds a run already; resume it, or choose another folder")
            run.load(out / checkpoint.FILE)
        out.mkdir(parents=True, exist_ok=True)
        atomic.write(out / "config.json", (json.dumps(config, indent=2) + "\n").encode())
        run.history.write(out / "history.jsonl")  # a run killed between its two files is one line behind

    from tqdm import tqdm

    done, silent = len(run.history) * len(x), None if progress else True  # None: silent where there is no terminal
    bar = tqdm(total=epochs * len(x), initial=done, unit=" examples", disable=silent, leave=False)
    try:
        with bar, np.errstate(over="ignore", invalid="ignore"):  # non-finite numbers are looked for below
            while len(run.history) < epochs and not run.stalled(patience):
                epoch = len(run.history)
                rate = schedule(epoch)
                loss = _one_epoch(model, run, step, x, target, batch_size, rate, corruption, l2, bar)
                penalty = float(l2_penalty(run.params, l2)[0]) if l2 else 0.0
                valid = wrong = None
                if x_valid is not None and target_valid is not None:
                    noise = (corruption, epoch, streams(seed).validation) if corruption and corrupt_validation else None
                    valid = evaluate(model, x_valid, target_valid, params=run.params, noise=noise)
                    if error is not None:
                        wrong = float(error(model, x_valid, target_valid, params=run.params))
                losses = {"loss": loss, "penalty": penalty, "validation_loss": valid, "validation_error": wrong}
                for name, value in losses.items():
                    if value is not None and not np.isfinite(value):
                        what = "training loss" if name == "loss" else name.replace("_", " ")
                        raise NonFiniteError(f"the {what} became {value} in epoch {epoch + 1}, with lr = {rate:g}")
                level = corruption.at(epoch) if corruption else None
                run.record({"epoch": epoch + 1, **losses, "lr": rate, "corruption": level})
                if on_epoch is not None:
                    on_epoch(run.history.records[-1], run.params)
                bar.set_postfix(epoch=epoch + 1, loss=f"{loss:.4g}")
                if out is not None:
                    run.save(Path(out) / checkpoint.FILE)
                    run.history.write(Path(out) / "history.jsonl")
    finally:
        model.params = run.params
    model.params = run.kept_params()
    return run.history


def _one_epoch(
    model: Model,
    run: Run,
    step: Step,
    x: Array,
    target: Array,
    batch_size: int,
    lr: float,
    corruption: Corruption | None,
    l2: float,
    bar: "tqdm[Any]",
) -> float:
    """Take a step for every batch; return the mean of their losses, each weighted by its examples."""
    epoch, total, done = len(run.history), 0.0, 0
    together = max(1, min(step.together, STRETCH_SIZE // (batch_size * max(1, x[0].size))))
    for index in _stretches(len(x), batch_size, together, run.streams.shuffling):
        clean = _batched(to_float(x[index.ravel()], model.dtype), index)
        t = clean if target is x else _batched(gather(target, index.ravel(), model), index)
        x_tilde = clean
        if corruption:
            x_tilde = np.stack([corruption.corrupt(batch, run.streams.corruption, epoch) for batch in clean])
        losses, culprit = step.take(run, x_tilde, t, lr, l2)
        if culprit is not None:
            _report_nonfinite(losses[-1], culprit, epoch, done + len(losses), lr)
        total += float(np.sum(losses)) * index.shape[1]
        done += len(losses)
        bar.update(index.size)
    return total / len(x)


def _stretches(n: int, batch_size: int, together: int, rng: np.random.Generator) -> Iterator[Array]:
    """Shuffle the examples; yield the indices of some batches at a time (S, B), the last, shorter batch by itself."""
    order, whole = rng.permutation(n), n // batch_size
    for batch in range(0, whole, together):
        yield order[batch * batch_size : min(batch + together, whole) * batch_size].reshape(-1, batch_size)
    if n % batch_size:
        yield order[None, whole * batch_size :]


def _batched(examples: Array, index: Array) -> Array:
    return examples.reshape(*index.shape, *examples.shape[1:])


def _report_nonfinite(loss: float, culprit: str, epoch: int, batch: int, lr: float) -> NoReturn:
    what = f"the loss became {loss}" if culprit == "the loss" else f"{culprit} is not finite (the loss was {loss:.6g})"
    raise NonFiniteError(
        f"{what} in epoch {epoch + 1}, batch {batch}; the learning rate was {lr:g}. "
        "The step was not taken: a smaller learning rate, smaller first weights or data of a smaller scale may help"
    )
