"""How a model is trained, in one object that checks itself, compares, and goes into JSON."""

from dataclasses import dataclass, fields
from typing import Any

from scratchdae.arguments import choice, having, instance, integer, keep, number, shown
from scratchdae.backend import BACKENDS
from scratchdae.corruption import Corruption
from scratchdae.optimizers import SGD, Optimizer
from scratchdae.schedules import AnySchedule, Constant, Schedule
from scratchdae.training.stopping import GrowingPatience

FORESEEN = 10_000  # epochs of a schedule of one's own whose learning rates are looked at before the first


@dataclass(frozen=True)
class Training:
    """What `fit`, `finetune`, a layer of a stack and the recipes of experiments share.

    Attributes
    ----------
    epochs : int
        How often to go through the data. A resumed run may be given more.
    lr : float or schedule
        Learning rate, per epoch.
    batch_size : int
        Examples a step; the last batch of an epoch may be shorter.
    optimizer : Optimizer
        Update rule.
    corruption : Corruption, optional
        Drawn afresh for every batch.
    l2 : float
        Coefficient of the penalty ``Σ W²``.
    patience : int or GrowingPatience, optional
        Stop after so many epochs without a lower validation loss (or error), or by that rule; keep the best
        parameters.
    seed : int
        Of the shuffling, the corruption, and what a model draws while it trains, as dropout does.
    backend : {"auto", "numpy", "numba"}
        What computes the steps; `History.backend` says which it was, and why.
    """

    epochs: int
    lr: float | Schedule
    batch_size: int = 20
    optimizer: Optimizer = SGD()  # noqa: RUF009  # frozen, as this is
    corruption: Corruption | None = None
    l2: float = 0.0
    patience: int | GrowingPatience | None = None
    seed: int = 0
    backend: str = "auto"

    def __post_init__(self) -> None:
        keep(self, integer, "epochs", "batch_size")
        if not callable(self.lr):
            keep(self, number, "lr", above=0)
        # Those of this package rise or fall all the way, but for a warm-up, which turns where it ends.
        known, turns = isinstance(self.schedule, AnySchedule), {0, getattr(self.lr, "epochs", 0), self.epochs - 1}
        looked_at = [e for e in turns if e < self.epochs] if known else range(min(self.epochs, FORESEEN))
        if max(map(self.rate, looked_at)) == 0 and (known or self.epochs <= FORESEEN):
            raise ValueError(f"lr must be greater than 0 in some epoch, found {shown(self.schedule)}")
        keep(self, number, "l2", at_least=0)
        keep(self, integer, "seed", at_least=0, at_most=None)
        keep(self, choice, "backend", choices=BACKENDS)
        having("optimizer", self.optimizer, "an update rule of scratchdae.optimizers", "init", "update")
        if self.corruption is not None:
            instance("corruption", self.corruption, Corruption)
        if not isinstance(self.patience, GrowingPatience | None):
            keep(self, integer, "patience")

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        return number("lr", self.schedule(epoch), at_least=0)

    @classmethod
    def of(cls, training: "Training | None", options: dict[str, Any]) -> "Training":
        """Return `training` or, where it is None, a Training of the `options`."""
        if training is not None:
            if options or not isinstance(training, cls):
                found = f"{shown(training)} and {shown(options)}"
                raise ValueError(f"training must be a Training, or its fields by name, found {found}")
            return training
        names = [field.name for field in fields(cls)]
        for name in options:
            if name not in names:
                raise TypeError(f"{name!r} is no option of training; there are {', '.join(names)}")
        if options.get("optimizer", "") is None:
            options = {name: value for name, value in options.items() if name != "optimizer"}
        return cls(**options)

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a function of the epoch, counted from 0."""
        return self.lr if callable(self.lr) else Constant(self.lr)

    @property
    def config(self) -> dict[str, Any]:
        """What must be the same to resume a run, ready for JSON: all but `epochs`; `fit` adds the backend it chose."""
        return {
            "batch_size": self.batch_size,
            "lr": str(self.schedule),
            "optimizer": str(self.optimizer),
            "corruption": str(self.corruption or "none"),
            "l2": float(self.l2),
            "patience": str(self.patience) if isinstance(self.patience, GrowingPatience) else self.patience,
            "seed": self.seed,
        }
