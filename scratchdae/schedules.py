"""A level that changes with the epoch: for the learning rate, and for the corruption.

A schedule is called with the epoch, counted from 0, and returns the level. Each is a frozen dataclass, so that it
compares and prints; ``parse`` reads the form in which it prints, which is how the command line and checkpoints
write it: the name in small letters, then the fields.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, TypeAlias

from scratchdae.arguments import integer, keep, literal, number, shown

Schedule: TypeAlias = Callable[[int], float]


class AnySchedule:
    """A schedule of this module; a function of one's own will do where none has to be printed."""

    def __call__(self, epoch: int) -> float:
        """Return the level of an epoch, counted from 0."""
        return self._level(integer("epoch", epoch, at_least=0))

    def _level(self, epoch: int) -> float:
        raise NotImplementedError

    def __str__(self) -> str:
        values = ", ".join(format(getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__.lower()}({values})"


@dataclass(frozen=True)
class Constant(AnySchedule):
    """The same level at every epoch, which prints as a number."""

    level: float

    def __post_init__(self) -> None:
        keep(self, number, "level")

    def _level(self, epoch: int) -> float:
        del epoch
        return float(self.level)

    def __str__(self) -> str:
        return str(float(self.level))


@dataclass(frozen=True)
class _FromTo(AnySchedule):
    first: float  # at epoch 0
    last: float  # from epoch `epochs - 1` on
    epochs: int  # how many the change takes, at least 2

    def __post_init__(self) -> None:
        keep(self, number, "first", "last")
        keep(self, integer, "epochs", at_least=2)

    def _done(self, epoch: int) -> float:  # from 0 to 1
        return min(epoch / (self.epochs - 1), 1.0)


@dataclass(frozen=True)
class Linear(_FromTo):
    """From `first` to `last` in equal steps over `epochs` epochs, then `last`."""

    def _level(self, epoch: int) -> float:
        done = self._done(epoch)
        return (1 - done) * self.first + done * self.last


@dataclass(frozen=True)
class Geometric(_FromTo):
    """From `first` to `last`, both positive, by equal factors over `epochs` epochs, then `last`."""

    def __post_init__(self) -> None:
        keep(self, number, "first", "last", above=0)
        super().__post_init__()

    def _level(self, epoch: int) -> float:
        done = self._done(epoch)
        return float(self.first ** (1 - done) * self.last**done)


@dataclass(frozen=True)
class Cosine(_FromTo):
    """From `first` to `last` along half a cosine over `epochs` epochs, then `last`.

    Slow at both ends, and fastest half-way, where it has the mean of both levels (Loshchilov & Hutter 2017, equation 5,
    without restarts).
    """

    def _level(self, epoch: int) -> float:
        done = (1 - math.cos(math.pi * self._done(epoch))) / 2
        return (1 - done) * self.first + done * self.last


@dataclass(frozen=True)
class Step(AnySchedule):
    """From `first`, multiplied by `factor` after every `every` epochs."""

    first: float  # at epoch 0
    factor: float  # in (0, 1]; 0.1 is the usual one
    every: int  # epochs between two changes, at least 1

    def __post_init__(self) -> None:
        keep(self, number, "first")
        keep(self, number, "factor", above=0, at_most=1)
        keep(self, integer, "every")

    def _level(self, epoch: int) -> float:
        return float(self.first * self.factor ** (epoch // self.every))


@dataclass(frozen=True)
class Exponential(AnySchedule):
    """From `first`, multiplied by `factor` every epoch, without end: ``first · factor^epoch``.

    Not to be confused with `Geometric`, which says where to end rather than how fast.
    """

    first: float  # at epoch 0
    factor: float  # in (0, 1]

    def __post_init__(self) -> None:
        keep(self, number, "first")
        keep(self, number, "factor", above=0, at_most=1)

    def _level(self, epoch: int) -> float:
        return float(self.first * self.factor**epoch)


@dataclass(frozen=True)
class WarmUp(AnySchedule):
    """Up to another schedule's first level in equal steps over `epochs` epochs, then that schedule from its beginning.

    Epoch 0 has the level ``first / (epochs + 1)``, not 0: an epoch without learning would be wasted (Goyal et al. 2017,
    section 2.2).
    """

    epochs: int  # how many the warm-up takes, at least 1
    then: AnySchedule  # no warm-up; its epochs are counted from the end of this one

    def __post_init__(self) -> None:
        keep(self, integer, "epochs")
        if not isinstance(self.then, (Constant, *KINDS.values())):
            raise ValueError(f"then must be a schedule of this module other than a warm-up, found {shown(self.then)}")

    def _level(self, epoch: int) -> float:
        if epoch >= self.epochs:
            return self.then(epoch - self.epochs)
        return self.then(0) * (epoch + 1) / (self.epochs + 1)


KINDS: dict[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (Linear, Geometric, Step, Exponential, Cosine)
}  # all fields are numbers


def parse(name: str, text: str | float) -> AnySchedule:
    """Read a schedule from the form in which it prints; `name` is what the error calls the argument.

    That is a number, ``"linear(first, last, epochs)"`` and so on for all of `KINDS`, or ``"warmup(epochs, another)"``.
    """
    try:
        return _read(str(text) if isinstance(text, str | Real | AnySchedule) else "")
    except ValueError as error:
        forms = (f"{kind}({', '.join(field.name.upper() for field in fields(KINDS[kind]))})" for kind in KINDS)
        expected = f"a number, {', '.join(forms)} or warmup(EPOCHS, SCHEDULE)"
        raise ValueError(f"{name} must be {expected}, found {shown(text)} ({str(error)[:80]})") from None


def _read(text: str) -> AnySchedule:
    kind, bracket, rest = text.strip().partition("(")
    if not bracket:
        return Constant(literal(float, kind))
    if not rest.endswith(")"):
        raise ValueError("the bracket is not closed")
    inside = rest[:-1]
    if kind == "warmup":
        epochs, _, then = inside.partition(",")
        if then.strip().startswith(kind):  # refused here, however many of them there are
            raise ValueError("a warm-up is followed by another schedule")
        return WarmUp(literal(int, epochs), _read(then))
    if kind not in KINDS:
        raise ValueError(f"there is no {kind!r}")
    types = [int if field.type is int else float for field in fields(KINDS[kind])]
    words = inside.split(",")
    if len(words) != len(types):
        raise ValueError(f"{kind} takes {len(types)} numbers")
    schedule: AnySchedule = KINDS[kind](*(literal(convert, word) for convert, word in zip(types, words, strict=True)))
    return schedule
