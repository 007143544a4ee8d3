"""One stacked network from the first weights to its test error: what every experiment here repeats.

A recipe is the layers, as `pretrain` takes them, and the numbers of fine-tuning. `follow` trains it for one seed in a
folder of its own, keeps a clock beside the run, and returns what tables are made of.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from scratchdae import atomic
from scratchdae.arguments import Array, Params
from scratchdae.models.layer_spec import LayerSpec
from scratchdae.models.stack import finetune, pretrain
from scratchdae.training.checkpoint import UNREADABLE
from scratchdae.training.evaluation import classification_error
from scratchdae.training.history import History, Record
from scratchdae.training.options import Training

CLOCK = "seconds.jsonl"


class Parts(NamedTuple):
    """Labelled examples in three parts: to learn from, to choose by, to report."""

    train: tuple[Array, Array]
    validation: tuple[Array, Array]
    test: tuple[Array, Array]


@dataclass(frozen=True)
class Recipe:
    """How a network is pretrained and fine-tuned."""

    layers: tuple[LayerSpec, ...]  # lowest first; epochs=0 in each: a perceptron; none: a logistic regression
    finetuning: Training  # its patience goes by the validation error; `follow` gives the seed and the backend

    @property
    def config(self) -> dict[str, Any]:
        """The recipe, ready for JSON: the layers' and the numbers of fine-tuning."""
        numbers, lr = self.finetuning.config, self.finetuning.lr
        return {
            "layers": [spec.config for spec in self.layers],
            "finetune": {
                "lr": numbers["lr"] if callable(lr) else lr,
                "batch_size": numbers["batch_size"],
                "epochs_at_most": self.finetuning.epochs,
                "patience": numbers["patience"],
                "l2": numbers["l2"],
            },
        }


def follow(
    recipe: Recipe,
    parts: Parts,  # those of the test are touched once, at the end, by the parameters of least validation error
    seed: int,
    *,
    classes: int,
    out: str | os.PathLike[str] | None = None,  # folder of the run and of its clock; without it nothing is kept
    shared: str | os.PathLike[str] | None = None,  # folder of the pretrained layers, if others take them too
    backend: str = "auto",
    progress: bool = True,
    on_epoch: Callable[[str, Record], None] | None = None,  # called with the stage's name and its record
) -> dict[str, Any]:
    """Train a recipe for one seed, or go on where the run in `out` stopped, and test it.

    Layers in a `shared` folder are trained by who comes first; the others wait, and read them. In what is returned,
    errors are fractions, ``validation_loss`` is the cross-entropy at the best epoch, ``losses`` the last of every
    stage, ``seconds`` those of every stage without those of an interruption, and ``processor_seconds`` those that this
    process had a processor, all threads together, which a busy machine does not lengthen.
    """
    x, t = parts.train
    home = out if shared is None else shared

    def _tick(clock: _Clock, stage: str, record: Record, params: Params | None = None) -> None:
        del params
        clock.tick(stage, record["epoch"])
        if on_epoch is not None:
            on_epoch(stage, record)

    with atomic.locked(out, folder=True):
        with atomic.locked(shared, folder=True, wait=True):
            before = _Clock(home)
            layers, histories = pretrain(
                x,
                recipe.layers,
                seed=seed,
                backend=backend,
                out=home,
                resume=home is not None,
                progress=progress,
                on_epoch=partial(_tick, before),
            )
        after = before if shared is None else _Clock(out)
        network, history = finetune(
            layers,
            x,
            t,
            replace(recipe.finetuning, seed=seed, backend=backend),
            classes=classes,
            validation=parts.validation,
            out=out,
            resume=out is not None,
            progress=progress,
            on_epoch=partial(_tick, after, "finetune"),
        )
    stages: dict[str, History] = {f"layer_{k}": one for k, one in enumerate(histories, start=1) if len(one)}
    stages["finetune"] = history
    best = history.best_epoch
    assert best is not None  # there is validation
    errors = [float(error) for error in history.watched]
    return {
        "seed": seed,
        "validation_error": errors[best - 1],
        "validation_loss": float(history["validation_loss"][best - 1]),
        "test_error": classification_error(network, *parts.test),
        "best_epoch": best,
        "epochs": len(history),
        "validation_errors": errors,
        "losses": {stage: float(one["loss"][-1]) for stage, one in stages.items()},
        **{
            name: {stage: (after if stage == "finetune" else before).total(stage, name) for stage in stages}
            for name in ("seconds", "processor_seconds")
        },
        "backend": history.backend,
    }


class _Clock:
    """Seconds from one epoch's end to the next, on the wall and of the processor, in a file that outlives a stop."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.path = path = None if folder is None else Path(folder) / CLOCK
        self.entries: dict[tuple[str, int], dict[str, Any]] = {}
        if path is not None and path.exists():
            try:
                lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
                self.entries = {(entry["stage"], entry["epoch"]): entry for entry in lines}
            except UNREADABLE as error:
                raise ValueError(f"{path} must be what a clock leaves, found something else ({error!r:.80})") from None
        self.last = time.perf_counter(), time.process_time()

    def tick(self, stage: str, epoch: int) -> None:
        """Note the end of an epoch; one that an interruption made run twice counts once."""
        now = time.perf_counter(), time.process_time()
        wall, processor = (round(end - begin, 3) for begin, end in zip(self.last, now, strict=True))
        self.last = now
        self.entries[stage, epoch] = {"stage": stage, "epoch": epoch, "seconds": wall, "processor_seconds": processor}
        if self.path is not None:
            atomic.write(self.path, "".join(json.dumps(entry) + "\n" for entry in self.entries.values()).encode())

    def total(self, stage: str, name: str) -> float:
        """Sum a stage's epochs, what came before the first of them included."""
        seconds: float = sum(entry[name] for entry in self.entries.values() if entry["stage"] == stage)
        return round(seconds, 1)
