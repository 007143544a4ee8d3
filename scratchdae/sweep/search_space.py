"""Which settings to try: every combination, or random ones (Bergstra & Bengio 2012).

Both return plain dicts of Python numbers and strings, to be the arguments of trials.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from scratchdae.arguments import generator, integer, number, sequence


class Distribution(Protocol):
    """What a setting is drawn from."""

    def draw(self, rng: np.random.Generator) -> Any:
        """Draw one value, which goes into JSON."""


@dataclass(frozen=True)
class Uniform:
    """Any number of [low, high] alike: for a fraction, such as `nu`.

    Attributes
    ----------
    low, high : float
        The ends, `low` below `high`.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        number("high", self.high, above=number("low", self.low))

    def draw(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class LogUniform:
    """Any order of magnitude alike: for a learning rate. Within [low, high], but for the rounding of the last bit.

    Attributes
    ----------
    low, high : float
        The ends, ``0 < low < high``.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        number("high", self.high, above=number("low", self.low, above=0))

    def draw(self, rng: np.random.Generator) -> float:
        return float(self.low * (self.high / self.low) ** rng.random())


@dataclass(frozen=True)
class Integers:
    """Any integer of a range alike: for a number of layers, or of hidden units.

    Attributes
    ----------
    low, high : int
        The least and the greatest, both included, `low` below `high`.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        if integer("high", self.high, at_least=-(2**53)) <= integer("low", self.low, at_least=-(2**53)):
            raise ValueError(f"high must be greater than low, {self.low}, found {self.high}")

    def draw(self, rng: np.random.Generator) -> int:
        return int(rng.integers(self.low, self.high, endpoint=True))


@dataclass(frozen=True)
class Choice:
    """Any of some values alike: for a batch size, or an optimizer's name.

    Attributes
    ----------
    values : sequence
        At least one.
    """

    values: Sequence[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(_axis("values", self.values)))

    def draw(self, rng: np.random.Generator) -> Any:
        return self.values[int(rng.integers(len(self.values)))]


def grid(**axes: Iterable[Any]) -> list[dict[str, Any]]:
    """Return every combination of some values.

    Parameters
    ----------
    **axes : iterable
        The values of each setting, at least one; NumPy's numbers become Python's.

    Returns
    -------
    list of dict
        The settings, the last axis changing fastest.
    """
    if not axes:
        raise ValueError("axes must name at least one setting, found none")
    values = [_axis(name, axis) for name, axis in axes.items()]
    return [dict(zip(axes, combination, strict=True)) for combination in itertools.product(*values)]


def random_search(n: int, rng: np.random.Generator, **distributions: Distribution) -> list[dict[str, Any]]:
    """Draw settings at random.

    Better than a grid of as many trials where a few of the settings matter and it is not known which (Bergstra & Bengio
    2012): each trial then tries another value of those.

    Parameters
    ----------
    n : int
        How many.
    rng : numpy.random.Generator
        Source of randomness; every setting draws from a stream of its own, spawned from this one.
    **distributions : Uniform, LogUniform, Integers or Choice
        What each setting is drawn from.

    Returns
    -------
    list of dict
        The settings. With the same seed a longer list begins as a shorter one, and a setting added at the end leaves
        the others as they were.
    """
    integer("n", n)
    if not distributions:
        raise ValueError("distributions must name at least one setting, found none")
    for name, distribution in distributions.items():
        if not callable(getattr(distribution, "draw", None)):
            raise ValueError(f"{name} must be Uniform, LogUniform, Integers or Choice, found {distribution!r}")
    children = generator("rng", rng).spawn(len(distributions))
    streams = dict(zip(distributions, children, strict=True))
    return [{name: distributions[name].draw(stream) for name, stream in streams.items()} for _ in range(n)]


def _axis(name: str, values: Iterable[Any]) -> list[Any]:
    """Return the values as Python's own."""
    found = sequence(name, values, "a list of at least one value")
    if not found:
        raise ValueError(f"{name} must be a list of at least one value, found {values!r}")
    return [value.item() if isinstance(value, np.generic) else value for value in found]
