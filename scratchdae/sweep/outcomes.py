"""What came of a trial: a value, or a failure that says why there is none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from scratchdae.arguments import instance, sequence
from scratchdae.sweep.trial import Trial
from scratchdae.sweep.worker import Outcome


@dataclass(frozen=True)
class Failure:
    """Why a trial has no value.

    Attributes
    ----------
    type, message : str
        The exception's class, and what it said.
    traceback : str
        Where it came from, as Python prints it.
    """

    type: str
    message: str
    traceback: str = field(repr=False)


@dataclass(frozen=True)
class Result:
    """A trial and what came of it. Two are equal if trial, value and error are, wherever and however fast they ran.

    Attributes
    ----------
    trial : Trial
        The trial, with its seed.
    value : object
        What the function returned, as JSON returns it; None if it failed.
    error : Failure or None
        What went wrong.
    seconds : float or None
        How long the function took; None if its worker died.
    worker : str or None
        Host and process that ran it; None if it died.
    """

    trial: Trial
    value: Any
    error: Failure | None
    seconds: float | None = field(compare=False)
    worker: str | None = field(compare=False)

    @classmethod
    def of(cls, trial: Trial, outcome: Outcome) -> "Result":
        """Put a trial and what a worker, or the file, says of it together."""
        error = None if outcome["error"] is None else Failure(**outcome["error"])
        return cls(trial, outcome["value"], error, outcome["seconds"], outcome["worker"])


def best(results: Iterable[Result], key: str | Callable[[Any], float], *, maximize: bool = False) -> Result:
    """Return the result of the least value, or the greatest; failed trials do not count.

    Parameters
    ----------
    results : iterable of Result
        From `sweep`; at least one has not failed.
    key : str or callable
        What to compare: the name of an entry that every value has, or a function of the value.
    maximize : bool
        Whether the greatest is best.

    Returns
    -------
    Result
        The first of the best.
    """
    results = [instance("results", result, Result, "of a sweep") for result in sequence("results", results)]
    finished = [result for result in results if result.error is None]
    if not finished:
        raise ValueError("results must hold at least one trial that did not fail, found none")

    choose = max if maximize else min
    return choose(finished, key=lambda result: _measure(result.value, key))


def _measure(value: Any, key: str | Callable[[Any], float]) -> float:
    if callable(key):
        return key(value)
    if not isinstance(value, dict) or key not in value:
        raise ValueError(f"key must name an entry of every value, found {key!r} and the value {value!r:.200}")
    return float(value[key])
