"""One training of `scratchdae train`: what it is given, what it says, what it leaves."""

import argparse
import math
import time
from pathlib import Path

import numpy as np

from scratchdae import backend, kernels
from scratchdae.arguments import integer
from scratchdae.cli import pictures, reading, training_data
from scratchdae.cli.logs import logged
from scratchdae.cli.results import writable_folder
from scratchdae.cli.training_data import TrainingData
from scratchdae.corruption import Corruption
from scratchdae.datasets import to_float
from scratchdae.datasets.reading.scaling import GREY, WHITE
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.schedules import Constant, parse
from scratchdae.training import Training, checkpoint, evaluate, fit
from scratchdae.training.generators import streams
from scratchdae.training.history import History, Record

_SHOWN = 15  # examples in the picture of reconstructions


def train(options: argparse.Namespace, out: Path, threads: str) -> None:
    """Train, leave the run and its pictures in a folder, and say what came out; `threads` is how many, in words."""
    seed = integer("seed", options.seed, at_least=0)
    corruption = Corruption.parse(options.corruption)
    parsed = parse("lr", options.lr)
    lr = parsed.level if isinstance(parsed, Constant) else parsed
    training = Training(
        options.epochs, lr, options.batch_size, corruption=corruption, l2=options.l2, patience=options.patience,
        seed=seed, backend=options.backend,
    )  # fmt: skip
    writable_folder("--out", out)
    data = training_data.load(options.data, options, options.limit, options.validation)
    _check_range(data, options)
    model = DenoisingAutoencoder(
        data.train.shape[1],
        options.hidden,
        streams(seed).initialisation,
        tied=not options.untied,
        loss=options.loss,
        output=options.output,
        reduction=options.reduction,
        dtype=options.dtype,
    )
    chosen = backend.choose(options.backend)
    sizes = f"{model.n_visible} → {model.n_hidden} → {model.n_visible}, {'tied' if model.tied else 'untied'} weights"
    _say("data", f"{data.sizes()}, from {data.source}")
    _say("found", data.found)
    for note in data.notes:
        _say("odd", note)
    _say("model", f"{sizes}, {options.output} output, {options.loss}, {options.dtype}")
    compiling = ", compiled at its first use and cached" if chosen.name == "numba" else ""
    _say("backend", f"{chosen.name} ({chosen.reason}){compiling}, {threads}")

    before = epochs_done(out) if options.resume else 0
    history, *seconds = _fit(model, data, training, out, options)
    _report(model, data, history, before, seconds, options)
    _draw(model, data, corruption, history, out, options)
    _say("pictures", ", ".join(str(out / name) for name in pictures.NAMES))
    parts = {"held-out": data.validation, "test": data.test, "training": data.train}
    steps = int(_kept(history, options)["epoch"]) * math.ceil(len(data.train) / options.batch_size)
    lines = [*reading.loss(model, parts), *reading.pictures(steps, data.validation is not None)]
    for i, line in enumerate(lines):
        _say("reading" if i == 0 else "", line)


def _check_range(data: TrainingData, options: argparse.Namespace) -> None:
    """Refuse data that the loss or the dtype cannot hold; NaN and inf are left to `fit`, which says where they are."""
    if not np.isfinite([data.low, data.high]).all():
        return
    if options.loss == "cross_entropy" and not (data.low >= 0 and data.high <= 1):
        raise ValueError(
            f"the cross-entropy needs data in [0, 1], found values from {data.shown(data.low)} to "
            f"{data.shown(data.high)}: use {_advice(data)}"
        )
    if max(-data.low, data.high) > float(np.finfo(options.dtype).max):
        raise ValueError(
            f"{options.dtype} cannot hold the data, whose values go from {data.low:.6g} to {data.high:.6g}"
        )


def _advice(data: TrainingData) -> str:
    """Return options with which data outside [0, 1] train; a test runs them as they are printed."""
    if data.low >= 0 and GREY <= data.high <= WHITE:
        return f"--scale {WHITE}"
    if data.image_shape is not None:
        return "--scale range"
    return "--scale standard --loss squared_error --output linear --lr 0.002 --epochs 50"


def _fit(
    model: DenoisingAutoencoder,
    data: TrainingData,
    training: Training,
    out: Path,
    options: argparse.Namespace,
) -> tuple[History, float, float]:
    """Train; return the history, and the seconds of training and of compiling before."""
    start, compiled = time.perf_counter(), kernels.seconds_compiling()
    with logged(options.log, out) as on_epoch:
        history = fit(
            model,
            data.train,
            training=training,
            validation=data.validation,
            corrupt_validation=options.corrupt_validation,
            out=out,
            resume=options.resume,
            progress=not options.no_progress,
            on_epoch=on_epoch,
        )
    compiled = kernels.seconds_compiling() - compiled
    return history, time.perf_counter() - start - compiled, compiled


def _report(
    model: DenoisingAutoencoder,
    data: TrainingData,
    history: History,
    before: int,
    seconds: list[float],  # of training, of compiling
    options: argparse.Namespace,
) -> None:
    trained = len(history) - before
    if trained:
        took, compiled = seconds
        rate = trained * len(data.train) / took
        text = f"{trained} epoch{'s' if trained > 1 else ''}{f', after {before} before' if before else ''}"
        besides = f"; compiled in {compiled:.1f} s before, once" if compiled else ""
        _say("trained", f"{text}, in {took:.1f} s: {rate:,.0f} examples a second{besides}")
    else:
        _say("trained", f"nothing was left to train: the run has {before} epoch{'s' if before > 1 else ''}")
    kept = _kept(history, options)
    if options.patience is not None:
        _say("kept", f"the parameters after epoch {kept['epoch']}, whose validation loss is the lowest")
    losses = [f"training {kept['loss']:.6g} ({_inputs(options.corruption != 'none')})"]
    if kept["validation_loss"] is not None:
        losses.append(f"validation {kept['validation_loss']:.6g} ({_inputs(options.corrupt_validation)})")
    if data.test is not None:
        losses.append(f"test {evaluate(model, data.test):.6g} ({_inputs(False)})")
    _say("loss", f"{', '.join(losses)}; {_unit(options)}")


def _draw(
    model: DenoisingAutoencoder,
    data: TrainingData,
    corruption: Corruption | None,
    history: History,
    out: Path,
    options: argparse.Namespace,
) -> None:
    parts = (("Test", data.test), ("Held-out", data.validation), ("Training", data.train))
    which, examples = next((name, x) for name, x in parts if x is not None)
    clean, epoch = to_float(examples[:_SHOWN], model.dtype), int(_kept(history, options)["epoch"])
    noisy, noise = None, "no corruption"
    if corruption is not None:
        noisy = corruption.corrupt(clean, streams(options.seed).validation, epoch - 1)
        noise = f"{corruption.kind}:{corruption.at(epoch - 1):.3g}"
    filters, reconstructions, loss = (out / name for name in pictures.NAMES)
    pictures.draw_filters(filters, model, data.image_shape)
    title = f"{which} examples, {noise}, after epoch {epoch}"
    pictures.draw_reconstructions(reconstructions, model, clean, noisy, data.image_shape, title)
    labels = (
        f"training, {_inputs(corruption is not None)} (mean over the epoch)",
        f"validation, {_inputs(options.corrupt_validation)} (after the epoch)",
    )
    how = f"{model.n_hidden} hidden units, {corruption or 'no corruption'}, lr {options.lr}"
    title = f"Trained on {Path(options.data).name}: {how}"
    pictures.draw_losses(loss, history, _unit(options), title, labels)


def epochs_done(out: Path) -> int:
    """Return how many epochs the run in a folder has; 0 without a run."""
    if not (out / checkpoint.FILE).is_file():
        return 0
    records = checkpoint.load(out)[1].get("history")
    return len(records) if isinstance(records, list) else 0


def _kept(history: History, options: argparse.Namespace) -> Record:
    """Return the epoch whose parameters the run ends with: the best if it was to stop early, otherwise the last."""
    best = history.best_epoch if options.patience is not None else None
    return history.records[-1 if best is None else best - 1]


def _unit(options: argparse.Namespace) -> str:
    what = "nats" if options.loss == "cross_entropy" else "squared error"
    return f"{what} per {'example' if options.reduction == 'paper' else 'component'}"


def _inputs(corrupted: bool) -> str:
    return "corrupted inputs" if corrupted else "clean inputs"


def _say(label: str, text: str) -> None:
    print(f"{label:<9} {text}", flush=True)
