"""An account of an operation: its forward and backward pass told again, with a switch for every known mistake.

The library computes what is right, and refuses what is not. An account can also compute what is wrong, in one way or in
several at once: `told` takes the set of switches that are on. Some switches hold a number that nobody knows beforehand,
a factor or an epsilon; `Unknown` says what values it is known to have and how to look for others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from scratchdae.arguments import Array

Wrong: TypeAlias = Mapping[str, Any]  # the switches that are on, and their values: True, a number, or a mask
Told: TypeAlias = dict[str, Array]  # arrays under the names of a case


@dataclass(frozen=True)
class Named:
    """A value that people know by name.

    Attributes
    ----------
    value : float
        The value.
    id : str
        Name of the mistake, for programs.
    sentence : str
        What it means.
    """

    value: float
    id: str
    sentence: str


@dataclass(frozen=True)
class Unknown:
    """A number inside a mistake, to be recovered from the answer.

    Attributes
    ----------
    symbol : str
        What to call it.
    neutral : float
        The value that does nothing.
    named : tuple of Named
        Values with a meaning.
    starts : tuple of float
        Where to begin to look for it.
    scale : {"linear", "log", "rate"}
        Any number; a positive one, looked for by its logarithm; or one between 0 and 1, by its log odds.
    """

    symbol: str
    neutral: float
    named: tuple[Named, ...] = ()
    starts: tuple[float, ...] = ()
    scale: str = "linear"


@dataclass(frozen=True)
class Switch:
    """A known mistake.

    Attributes
    ----------
    id : str
        Its name, under which `told` finds it.
    sentence : str
        What it is; ``{value}`` stands for what was recovered.
    excludes : frozenset of str
        What it decides. Two switches that decide the same thing are never on together.
    unknown : Unknown or None
        The number inside it.
    recover : callable or None
        For what is no number: takes the other switches that are on and returns the value, or None.
    """

    id: str
    sentence: str
    excludes: frozenset[str] = frozenset()
    unknown: Unknown | None = None
    recover: Callable[[Wrong], Any] | None = None


@dataclass(frozen=True)
class Account:
    """An operation on the inputs of one case.

    Attributes
    ----------
    switches : tuple of Switch
        Every mistake that can be made in it.
    told : callable
        Takes the switches that are on and returns the arrays of the case; with none, the expected ones.
    begin : callable or None
        The same for the first steps of a long operation: fewer arrays, or their first rows alone. What does not fit
        there need not be told to its end.
    """

    switches: tuple[Switch, ...]
    told: Callable[[Wrong], Told]
    begin: Callable[[Wrong], Told] | None = None


def mistake(id: str, sentence: str, *excludes: str) -> Switch:
    """Make a switch without an unknown.

    Parameters
    ----------
    id : str
        Its name.
    sentence : str
        What it is.
    *excludes : str
        What it decides, and others may not as well.

    Returns
    -------
    Switch
        The switch.
    """
    return Switch(id, sentence, frozenset(excludes))


def mistakes(table: Mapping[str, str], *excludes: str) -> tuple[Switch, ...]:
    """Make several switches without unknowns.

    Parameters
    ----------
    table : mapping of str to str
        A name and a sentence for each.
    *excludes : str
        What all of them decide, so that no two are on together; nothing if left out.

    Returns
    -------
    tuple of Switch
        The switches.
    """
    return tuple(mistake(id, sentence, *excludes) for id, sentence in table.items())


def compatible(switches: Iterable[Switch]) -> bool:
    """Say whether switches may be on together.

    Parameters
    ----------
    switches : iterable of Switch
        Some of an account's.

    Returns
    -------
    bool
        Whether no two decide the same thing.
    """
    decided: set[str] = set()
    for switch in switches:
        if decided & switch.excludes:
            return False
        decided |= switch.excludes
    return True
