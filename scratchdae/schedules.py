"""A level that changes with the epoch: for the learning rate, and for the corruption.

A schedule is called with the epoch, counted from 0, and returns the level. Each is a frozen dataclass, so that it
compares and prints; ``parse`` reads the form in which it prints, which is how the command line and checkpoints
write it.
"""

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from typing import Any, TypeAlias

from scratchdae.arguments import integer, number

Schedule: TypeAlias = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """The same level at every epoch.

    Attributes
    ----------
    level : float
        That level.
    """

    level: float

    def __post_init__(self) -> None:
        number("level", self.level)

    def __call__(self, epoch: int) -> float:
        """Return the level of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        float
            The level.
        """
        del epoch
        return float(self.level)

    def __str__(self) -> str:
        return str(float(self.level))


@dataclass(frozen=True)
class Linear:
    """From `first` to `last` in equal steps over `epochs` epochs, then `last`.

    Attributes
    ----------
    first, last : float
        Level at epoch 0, and from epoch ``epochs - 1`` on.
    epochs : int
        How many epochs the change takes, at least 2.
    """

    first: float
    last: float
    epochs: int

    def __post_init__(self) -> None:
        number("first", self.first)
        number("last", self.last)
        integer("epochs", self.epochs, at_least=2)

    def __call__(self, epoch: int) -> float:
        """Return the level of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        float
            The level.
        """
        done = min(epoch / (self.epochs - 1), 1.0)
        return (1 - done) * self.first + done * self.last

    def __str__(self) -> str:
        return "linear({}, {}, {})".format(*astuple(self))


@dataclass(frozen=True)
class Geometric:
    """From `first` to `last` by equal factors over `epochs` epochs, then `last`.

    Attributes
    ----------
    first, last : float
        Level at epoch 0, and from epoch ``epochs - 1`` on; both positive.
    epochs : int
        How many epochs the change takes, at least 2.
    """

    first: float
    last: float
    epochs: int

    def __post_init__(self) -> None:
        number("first", self.first, above=0)
        number("last", self.last, above=0)
        integer("epochs", self.epochs, at_least=2)

    def __call__(self, epoch: int) -> float:
        """Return the level of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        float
            The level.
        """
        done = min(epoch / (self.epochs - 1), 1.0)
        return float(self.first ** (1 - done) * self.last**done)

    def __str__(self) -> str:
        return "geometric({}, {}, {})".format(*astuple(self))


@dataclass(frozen=True)
class Step:
    """From `first`, multiplied by `factor` after every `every` epochs.

    Attributes
    ----------
    first : float
        Level at epoch 0.
    factor : float
        In (0, 1]; 0.1 is the usual one.
    every : int
        Epochs between two changes, at least 1.
    """

    first: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        number("first", self.first)
        number("factor", self.factor, above=0, at_most=1)
        integer("every", self.every)

    def __call__(self, epoch: int) -> float:
        """Return the level of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        float
            The level.
        """
        return float(self.first * self.factor ** (epoch // self.every))

    def __str__(self) -> str:
        return "step({}, {}, {})".format(*astuple(self))


@dataclass(frozen=True)
class Exponential:
    """From `first`, multiplied by `factor` every epoch, without end: ``first · factor^epoch``.

    Attributes
    ----------
    first : float
        Level at epoch 0.
    factor : float
        In (0, 1]. Not to be confused with `Geometric`, which says where to end rather than how fast.
    """

    first: float
    factor: float

    def __post_init__(self) -> None:
        number("first", self.first)
        number("factor", self.factor, above=0, at_most=1)

    def __call__(self, epoch: int) -> float:
        """Return the level of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        float
            The level.
        """
        return float(self.first * self.factor**epoch)

    def __str__(self) -> str:
        return "exponential({}, {})".format(*astuple(self))


@dataclass(frozen=True)
class Cosine:
    """From `first` to `last` along half a cosine over `epochs` epochs, then `last`.

    Slow at both ends, and fastest half-way, where it has the mean of both levels (Loshchilov & Hutter 2017, equation 5,
    without restarts).

    Attributes
    ----------
    first, last : float
        Level at epoch 0, and from epoch ``epochs - 1`` on.
    epochs : int
        How many epochs the change takes, at least 2.
    """

    first: float
    last: float
    epochs: int

    def __post_init__(self) -> None:
        number("first", self.first)
        number("last", self.last)
        integer("epochs", self.epochs, at_least=2)

    def __call__(self, epoch: int) -> float:
        """Return the level of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        float
            The level.
        """
        done = (1 - math.cos(math.pi * min(epoch / (self.epochs - 1), 1.0))) / 2
        return (1 - done) * self.first + done * self.last

    def __str__(self) -> str:
        return "cosine({}, {}, {})".format(*astuple(self))


@dataclass(frozen=True)
class WarmUp:
    """Up to another schedule's first level in equal steps over `epochs` epochs, then that schedule from its beginning.

    Epoch 0 has the level ``first / (epochs + 1)``, not 0: an epoch without learning would be wasted (Goyal et al. 2017,
    section 2.2).

    Attributes
    ----------
    epochs : int
        How many epochs the warm-up takes, at least 1.
    then : schedule
        What follows; its epochs are counted from the end of the warm-up.
    """

    epochs: int
    then: "Constant | Linear | Geometric | Step | Exponential | Cosine"

    def __post_init__(self) -> None:
        integer("epochs", self.epochs)
        if not isinstance(self.then, (Constant, *KINDS.values())):
            raise ValueError(f"then must be a schedule of this module other than a warm-up, found {self.then!r}")

    def __call__(self, epoch: int) -> float:
        """Return the level of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        float
            The level.
        """
        if epoch >= self.epochs:
            return self.then(epoch - self.epochs)
        return self.then(0) * (epoch + 1) / (self.epochs + 1)

    def __str__(self) -> str:
        return f"warmup({self.epochs}, {self.then})"


KINDS: dict[str, Any] = {
    "linear": Linear,
    "geometric": Geometric,
    "step": Step,
    "exponential": Exponential,
    "cosine": Cosine,
}
AnySchedule: TypeAlias = Constant | Linear | Geometric | Step | Exponential | Cosine | WarmUp


def parse(name: str, text: str | float) -> AnySchedule:
    """Read a schedule from the form in which it prints.

    Parameters
    ----------
    name : str
        What to call the argument in the error.
    text : str or float
        A number, ``"linear(first, last, epochs)"``, ``"geometric(first, last, epochs)"``,
        ``"step(first, factor, every)"``, ``"exponential(first, factor)"``, ``"cosine(first, last, epochs)"`` or
        ``"warmup(epochs, another of these)"``.

    Returns
    -------
    Schedule
        The schedule.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    expected = (
        "a number, linear(FIRST, LAST, EPOCHS), geometric(FIRST, LAST, EPOCHS), step(FIRST, FACTOR, EVERY), "
        "exponential(FIRST, FACTOR), cosine(FIRST, LAST, EPOCHS) or warmup(EPOCHS, SCHEDULE)"
    )
    try:
        return _read(str(text))
    except ValueError as error:
        raise ValueError(f"{name} must be {expected}, found {text!r} ({error})") from None


def _read(text: str) -> AnySchedule:
    kind, bracket, rest = text.strip().partition("(")
    if not bracket:
        return Constant(float(kind))
    if not rest.endswith(")"):
        raise ValueError("the bracket is not closed")
    inside = rest[:-1]
    if kind == "warmup":
        epochs, _, then = inside.partition(",")
        return WarmUp(int(epochs), _read(then))  # type: ignore[arg-type]  # a warm-up is refused there
    if kind not in KINDS:
        raise ValueError(f"there is no {kind!r}")
    types = [int if field.type is int else float for field in fields(KINDS[kind])]
    words = inside.split(",")
    if len(words) != len(types):
        raise ValueError(f"{kind} takes {len(types)} numbers")
    schedule: AnySchedule = KINDS[kind](*(convert(word) for convert, word in zip(types, words, strict=True)))
    return schedule
