"""A level that changes with the epoch: for the learning rate, and for the corruption.

A schedule is called with the epoch, counted from 0, and returns the level. Each is a frozen dataclass, so that it
compares and prints; ``parse`` reads the form in which it prints, which is how the command line and checkpoints
write it.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import TypeAlias

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


def parse(name: str, text: str | float) -> Constant | Linear | Geometric:
    """Read a schedule from the form in which it prints.

    Parameters
    ----------
    name : str
        What to call the argument in the error.
    text : str or float
        A number, ``"linear(first, last, epochs)"`` or ``"geometric(first, last, epochs)"``.

    Returns
    -------
    Constant, Linear or Geometric
        The schedule.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    expected = "a number, linear(FIRST, LAST, EPOCHS) or geometric(FIRST, LAST, EPOCHS)"
    try:
        kind, bracket, rest = str(text).strip().partition("(")
        if not bracket:
            return Constant(float(kind))
        if kind not in ("linear", "geometric") or not rest.endswith(")"):
            raise ValueError("neither form")
        first, last, epochs = rest[:-1].split(",")
        between = Linear if kind == "linear" else Geometric
        return between(float(first), float(last), int(epochs))
    except ValueError as error:
        raise ValueError(f"{name} must be {expected}, found {text!r} ({error})") from None
