"""How a model is trained, in one object that checks itself, compares, and goes into JSON."""

from dataclasses import dataclass, fields
from typing import Any

from scratchdae.arguments import integer, number
from scratchdae.corruption import Corruption
from scratchdae.optimizers import SGD, Optimizer
from scratchdae.schedules import Constant, Schedule
from scratchdae.training.stopping import GrowingPatience

FORESEEN = 10_000  # epochs whose learning rates are looked at before the first


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
        checked = {
            "epochs": integer("epochs", self.epochs),
            "batch_size": integer("batch_size", self.batch_size),
            "l2": number("l2", self.l2, at_least=0),
            "seed": integer("seed", self.seed, at_least=0),
        }
        if not callable(self.lr):
            checked["lr"] = number("lr", self.lr, above=0)
        elif max(map(self.rate, range(min(self.epochs, FORESEEN)))) == 0 and self.epochs <= FORESEEN:
            raise ValueError(f"lr must be greater than 0 in some epoch, found {self.schedule}")
        if not isinstance(self.patience, GrowingPatience | None):
            checked["patience"] = integer("patience", self.patience)
        for name, value in checked.items():  # NumPy's numbers have become Python's, which go into JSON
            object.__setattr__(self, name, value)

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        return number("lr", self.schedule(epoch), at_least=0)

    @classmethod
    def of(cls, training: "Training | None", options: dict[str, Any]) -> "Training":
        """Return `training` or, where it is None, a Training of the `options`."""
        if training is not None:
            if options or not isinstance(training, cls):
                raise ValueError(
                    f"training must be a Training, or its fields by name, found {training!r} and {options}"
                )
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
            "l2": self.l2,
            "patience": str(self.patience) if isinstance(self.patience, GrowingPatience) else self.patience,
            "seed": self.seed,
        }
