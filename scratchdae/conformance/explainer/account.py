"""An account of an operation: its forward and backward pass told again, with a switch for every known mistake.

The library computes what is right, and refuses what is not. An account can also compute what is wrong, in one way or in
several at once: `told` takes the set of switches that are on. Some switches hold a number that nobody knows beforehand,
a factor or an epsilon; `Unknown` says what values it is known to have and how to look for others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from scratchdae.arguments import Array

Wrong: TypeAlias = Mapping[str, Any]  # the switches that are on, and their values: True, a number, or a mask
Told: TypeAlias = dict[str, Array]  # arrays under the names of a case


@dataclass(frozen=True)
class Named:
    """A value that people know by name."""

    value: float
    id: str  # name of the mistake, for programs
    sentence: str  # what it means


@dataclass(frozen=True)
class Unknown:
    """A number inside a mistake, to be recovered from the answer."""

    symbol: str  # what to call it
    neutral: float  # the value that does nothing
    named: tuple[Named, ...] = ()  # values with a meaning
    starts: tuple[float, ...] = ()  # where to begin to look for it
    scale: str = "linear"  # any number; "log": a positive one, by its logarithm; "rate": one in (0, 1), by its log odds


@dataclass(frozen=True)
class Switch:
    """A known mistake."""

    id: str  # its name, under which `told` finds it
    decides: str  # what, parted by commas; no two that decide the same thing are ever on together
    sentence: str  # what it is; ``{value}`` stands for what was recovered
    unknown: Unknown | None = None  # the number inside it
    # for what is no number: takes the other switches that are on and returns the value, or None
    recover: Callable[[Wrong], Any] | None = None
    late: bool = False  # whether it is looked for where nothing else fits, and never beside another

    @cached_property
    def excludes(self) -> frozenset[str]:
        """Return the things that it decides, one by one."""
        return frozenset(self.decides.split(", ")) if self.decides else frozenset()


Row: TypeAlias = tuple[str, str, str] | tuple[str, str, str, Unknown]  # the first fields of a switch


@dataclass(frozen=True)
class Account:
    """An operation on the inputs of one case."""

    switches: tuple[Switch, ...]  # every mistake that can be made in it
    # takes the switches that are on and returns the arrays of the case; with none, the expected ones
    told: Callable[[Wrong], Told]
    # the same for the first steps of a long operation: fewer arrays, or their first rows alone. What does not fit there
    # need not be told to its end
    begin: Callable[[Wrong], Told] | None = None


def mistakes(*rows: Row, late: bool = False) -> tuple[Switch, ...]:
    """Make a switch of each row of a table."""
    return tuple(replace(Switch(*row), late=late) for row in rows)


def compatible(switches: Iterable[Switch]) -> bool:
    """Say whether switches may be on together: no two decide the same thing."""
    decided: set[str] = set()
    for switch in switches:
        if decided & switch.excludes:
            return False
        decided |= switch.excludes
    return True
