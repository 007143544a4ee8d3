"""The one epoch loop: batches, corruption, schedules, validation, early stopping, history, checkpoints.

Every model trains through `fit`. Its data may be uint8 images or a memory map: a batch at a time becomes
floating-point, never the whole set. Initialisation, shuffling and corruption draw from separate streams, so
changing one does not disturb another, and a run that was killed and resumed ends in the same bits as one that was
not.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from scratchdae import atomic
from scratchdae.arguments import Array, Params, flags, function, json_value, path, shown
from scratchdae.losses import l2_penalty
from scratchdae.training import checkpoint, steps
from scratchdae.training.batches import Batches
from scratchdae.training.evaluation import check_data, mean_loss
from scratchdae.training.generators import streams
from scratchdae.training.history import History, Record
from scratchdae.training.options import Training
from scratchdae.training.state import Run, fingerprint
from scratchdae.training.steps import Model, Step

if TYPE_CHECKING:
    from tqdm import tqdm


class NonFiniteError(ArithmeticError):
    """A loss or a gradient became NaN or infinite; the message says in which epoch, batch and array."""


def fit(
    model: Model,
    x: Array,
    target: Array | None = None,
    training: Training | None = None,
    *,
    validation: Array | tuple[Array, Array] | None = None,
    corrupt_validation: bool = False,
    error: Callable[..., float] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    origin: dict[str, Any] | None = None,
    progress: bool = True,
    on_epoch: Callable[[Record, Params], None] | None = None,
    **options: Any,
) -> History:
    """Train a model by minibatch gradient descent, as in ``fit(model, x, epochs=15, lr=0.1)``.

    The arrays in ``model.params`` are not written to: others take their place.

    Parameters
    ----------
    model : Model
        For example a `DenoisingAutoencoder`.
    x : ndarray, shape (N, ...)
        Inputs, one example a row: uint8 grey levels, which are scaled to [0, 1], or floating-point numbers, taken
        as they are. A memory map is read a batch at a time.
    target : ndarray, shape (N, ...), optional
        What to reconstruct or predict; the clean input if left out.
    training : Training, optional
        How to train; or its fields by name, among the `options`.
    validation : ndarray or (ndarray, ndarray), optional
        Inputs, or inputs and targets, to evaluate after each epoch.
    corrupt_validation : bool
        Whether to corrupt the validation inputs, every epoch with the same draws. Otherwise they are clean.
    error : callable, optional
        What to judge the validation data by beside the loss, called as `evaluate` is, for example
        `classification_error`. It is recorded, and `patience` watches it in place of the loss.
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
    **options : object
        The fields of `Training`: epochs and lr; batch_size, optimizer, corruption, l2, patience, seed, backend.

    Returns
    -------
    History
        Losses, learning rates and corruption levels by epoch.

    Raises
    ------
    ValueError
        If data and model do not fit, an option is out of range, `out` holds a run and `resume` is not given, another
        process has `out`, or the run to resume is damaged or had other options or other data. Nothing has been written
        or changed then.
    NonFiniteError
        If a loss or a gradient becomes NaN or infinite. The model keeps its last finite parameters, `out` the last
        whole epoch.
    OSError
        If the disk refuses a file, which it names. `out` keeps the last whole epoch.

    Notes
    -----
    What else is to be done after an epoch goes through `on_epoch`. A curve that grows, in a notebook::

        figure, ax = plt.subplots()
        handle, losses = display(figure, display_id=True), []

        def draw(record, params):
            losses.append(record["loss"])
            ax.clear()
            ax.plot(losses)
            handle.update(figure)

    A log elsewhere, here Weights & Biases; the records are what `History` says, with None for what a run has not::

        wandb.init(project="digits")
        fit(model, x, epochs=15, lr=0.1, on_epoch=lambda record, params: wandb.log(record))

    A stop by a rule of one's own: what `on_epoch` raises ends the training after that epoch, and the model has its
    parameters (`out` has those of the epoch before)::

        class Enough(Exception):
            pass

        def stop(record, params):
            if record["loss"] < 60:
                raise Enough

        with contextlib.suppress(Enough):
            fit(model, x, epochs=1000, lr=0.1, on_epoch=stop)
    """
    training = Training.of(training, options)
    target = x if target is None else target
    if validation is not None and not isinstance(validation, tuple):
        validation = (validation, validation)
    _check_watching(training, validation, corrupt_validation, error)
    flags(corrupt_validation=corrupt_validation, resume=resume, progress=progress)
    out = None if out is None else path("out", out)
    if on_epoch is not None:
        function("on_epoch", on_epoch)
    if resume and out is None:
        raise ValueError("resume needs the folder of the run, found out=None")
    check_data("x", x, target, model)
    if validation is not None:
        check_data("validation", *validation, model)
    step = steps.choose(model, training.optimizer, training.backend)

    name_of_error = None if error is None else getattr(error, "__name__", type(error).__name__)
    config = {
        "model": model.config,
        "training": training.config | {"corrupt_validation": corrupt_validation, "error": name_of_error},
        "origin": origin,
        "data": {
            "train": fingerprint(x, target),
            "validation": None if validation is None else fingerprint(*validation),
        },
        "backend": step.name,
    }
    run, batches = _begin(model, training, step, config), Batches(x, target, training, model.dtype, step.name)
    with atomic.locked(out, folder=True):
        if out is not None:
            _begin_in(Path(out), run, resume)

        done = len(run.history) * len(x)
        bar = progress_bar(progress, total=training.epochs * len(x), initial=done, unit=" examples")
        try:
            with bar, np.errstate(over="ignore", invalid="ignore"):  # non-finite numbers are looked for below
                while len(run.history) < training.epochs and not run.stalled(training.patience):
                    record = _one_epoch(run, step, batches, len(x), training, bar)
                    if validation is not None:
                        record |= _validate(model, run, step, validation, training, corrupt_validation, error)
                    _refuse_nonfinite(record)
                    run.record(record)
                    if on_epoch is not None:
                        on_epoch(record, run.params)
                    bar.set_postfix(epoch=record["epoch"], loss=f"{record['loss']:.4g}")
                    if out is not None:
                        run.save(Path(out) / checkpoint.FILE)
                        run.history.write(Path(out) / "history.jsonl")
        finally:
            model.params = run.params
    model.params = run.kept_params()
    return run.history


def progress_bar(progress: bool, **options: Any) -> "tqdm[Any]":
    """Make a bar of tqdm that shows itself on a terminal, or in a notebook, where ipywidgets draw it."""
    from tqdm.auto import tqdm

    silent = None if progress and sys.stderr else True  # None: if no terminal, as a notebook is none
    if silent is None and any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__):
        silent = False
    return tqdm(disable=silent, leave=False, **options)


def _begin_in(out: Path, run: Run, resume: bool) -> None:
    """Begin a run in its folder, or go on with the one that is there."""
    if (out / checkpoint.FILE).exists():
        if not resume:
            raise ValueError(f"{out} holds a run already; resume it, or choose another folder")
        run.load(out / checkpoint.FILE)
    atomic.write(out / "config.json", (json.dumps(run.config, indent=2) + "\n").encode())
    run.history.write(out / "history.jsonl")  # a run killed between its two files is one line behind


def _check_watching(
    training: Training, validation: object, corrupt_validation: bool, error: Callable[..., float] | None
) -> None:
    """Refuse what needs validation data where there are none."""
    if isinstance(validation, tuple) and len(validation) != 2:
        raise ValueError(f"validation must be inputs, or inputs and targets, found {shown(validation)}")
    if error is not None and not callable(error):
        raise ValueError(f"error must be a function like scratchdae.evaluate, found {shown(error)}")
    for name, option in (("patience", training.patience), ("error", error)):
        if option is not None and validation is None:
            raise ValueError(f"{name} needs validation data to watch, found validation=None")
    if corrupt_validation and (training.corruption is None or validation is None):
        raise ValueError("corrupt_validation needs a corruption and validation data, found None")


def _begin(model: Model, training: Training, step: Step, config: dict[str, Any]) -> Run:
    """Put together the state of a run before its first epoch; the parameters are copies."""
    config = {name: json_value(name, part) for name, part in config.items()}  # as a checkpoint returns it
    params = {name: np.array(value, order="C") for name, value in model.params.items()}
    history = History(backend=f"{step.name} ({step.reason})")
    state = training.optimizer.init(params)
    return Run(config, params, state, streams(training.seed), history, keep_best=training.patience is not None)


def _one_epoch(run: Run, step: Step, batches: Batches, n: int, training: Training, bar: "tqdm[Any]") -> Record:
    """Take a step for every batch; record the mean of their losses, each weighted by its examples."""
    epoch, total, done = len(run.history), 0.0, 0
    lr, corruption = training.rate(epoch), training.corruption
    for x_tilde, t in batches.of_epoch(epoch, run.streams):
        for first in range(0, len(t), step.together):
            together = slice(first, first + step.together)
            losses, culprit = step.take(run, x_tilde[together], t[together], lr, training.l2)
            if culprit is not None:
                _report_nonfinite(losses[-1], culprit, epoch, done + len(losses), lr)
            total += float(np.sum(losses)) * t.shape[1]
            done += len(losses)
            bar.update(len(losses) * t.shape[1])
    return {
        "epoch": epoch + 1,
        "loss": total / n,
        "penalty": float(l2_penalty(run.params, training.l2)[0]) if training.l2 else 0.0,
        "validation_loss": None,
        "validation_error": None,
        "lr": lr,
        "corruption": float(corruption.at(epoch)) if corruption else None,
    }


def _validate(
    model: Model,
    run: Run,
    step: Step,
    validation: tuple[Array, Array],
    training: Training,
    corrupt: bool,
    error: Callable[..., float] | None,
) -> Record:
    """Judge the validation data by the parameters as they are."""
    epoch, noise = len(run.history), None
    if corrupt and training.corruption:
        noise = (training.corruption, epoch, streams(training.seed).validation)
    return {
        "validation_loss": mean_loss(model, *validation, run.params, noise, look=step.look),
        "validation_error": None if error is None else float(error(model, *validation, params=run.params)),
    }


def _refuse_nonfinite(record: Record) -> None:
    for name in ("loss", "penalty", "validation_loss", "validation_error"):
        value = record[name]
        if value is not None and not np.isfinite(value):
            what = "training loss" if name == "loss" else name.replace("_", " ")
            raise NonFiniteError(f"the {what} became {value} in epoch {record['epoch']}, with lr = {record['lr']:g}")


def _report_nonfinite(loss: float, culprit: str, epoch: int, batch: int, lr: float) -> NoReturn:
    what = f"the loss became {loss}" if culprit == "the loss" else f"{culprit} is not finite (the loss was {loss:.6g})"
    raise NonFiniteError(
        f"{what} in epoch {epoch + 1}, batch {batch}; the learning rate was {lr:g}. "
        "The step was not taken: a smaller learning rate, smaller first weights or data of a smaller scale may help"
    )
