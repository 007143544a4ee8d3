"""First whether each competitor is right, then how fast: in turn, round after round.

Rounds alternate because a machine's speed drifts: a competitor that had the first minute for itself would be compared
with another minute. Each round begins with another competitor, so that nobody always follows the same one. Whatever a
competitor raises is written down, and the others go on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import numpy as np

from scratchdae.arguments import Params, integer
from scratchdae.benchmark.competitors import Competitor, Trainer
from scratchdae.benchmark.competitors.competitor import one_line
from scratchdae.benchmark.works.work import VALIDATED_STEPS, Batches, Setting, Work

# Of the largest change of a parameter. Found: 5e-6 and 1e-14 for the autoencoder; up to 1e-4 and 2e-12 for the deep
# network, whose weights change so little in a few steps of large batches that their own rounding is as large as that.
TOLERANCE = {"float32": 1e-3, "float64": 1e-10}
_SETTLE = 0.05  # seconds of steps that are not counted; the idle threads of OpenBLAS ask for work for half as long
_AT_LEAST = 0.1  # seconds that are measured: stretches are repeated until then


@dataclass(frozen=True)
class Row:
    """What was found about one competitor in one setting."""

    name: str
    setting: Setting
    rates: tuple[float, ...]  # samples a second, a round each; empty if its updates are wrong, or it failed
    processors: float  # processor time by wall time over all its rounds: how many processors it kept busy
    update_error: float  # see the function; NaN where there is none
    failure: str | None = None  # what it raised, and when

    @property
    def right(self) -> bool:
        """Whether its updates agree with the reference's (NaN does not), and it went on to the end."""
        return self.failure is None and self.update_error <= TOLERANCE[self.setting.dtype]

    @property
    def median(self) -> float:
        """The median of its rates."""
        return median(self.rates)

    def as_json(self) -> dict[str, Any]:
        """Return the row of ``bench.json``: rates as median, minimum and maximum, null where it was wrong or failed."""
        rates = None
        if self.rates:
            rates = {"median": self.median, "minimum": min(self.rates), "maximum": max(self.rates)}
        return {
            "name": self.name,
            **asdict(self.setting),
            "samples_per_second": rates,
            "rounds": len(self.rates),
            "processors_busy": round(self.processors, 2) if self.rates else None,
            "update_error": self.update_error if np.isfinite(self.update_error) else None,
            "right": self.right,
            "failure": self.failure,
        }


@dataclass
class Candidate:
    """A competitor on its way through the rounds."""

    competitor: Competitor
    error: float = np.nan
    trainer: Trainer | None = None
    rates: list[float] = field(default_factory=list)
    wall: float = 0.0
    processor: float = 0.0
    failure: str | None = None

    def attempt(self, stage: str, do: Callable[..., None], *arguments: Any) -> None:
        """Do something with it; if that raises, remember it and be done with the competitor."""
        try:
            do(*arguments)
        except Exception as error:  # a library may raise whatever it likes: the others go on
            self.failure, self.trainer = f"while it was {stage}: {one_line(error)}", None
            self.rates.clear()

    def check(self, work: Work, expected: Params, threads: int) -> None:
        self.error = validate(self.competitor, work, expected, threads)

    def prepare(self, work: Work, threads: int) -> None:
        self.trainer = self.competitor.prepare(work, threads)

    def add_round(self, samples: int) -> None:
        assert self.trainer is not None
        seconds, processor_seconds, stretches = _time(self.trainer)
        self.rates.append(stretches * samples / seconds)
        self.wall += seconds
        self.processor += processor_seconds

    def row(self, setting: Setting) -> Row:
        busy = self.processor / self.wall if self.rates else 0.0
        return Row(self.competitor.name, setting, tuple(self.rates), busy, self.error, self.failure)


def order(n: int, round_: int) -> list[int]:
    """Say in which order the `n` competitors take their turn: all of them, beginning one later every round."""
    return [(round_ + i) % n for i in range(n)]


def update_error(found: Params, expected: Params, before: Params) -> float:
    """Return the largest difference in a parameter array over its largest change, of the worst array; NaN if one is."""
    errors = [
        np.abs(found[name].astype(np.float64) - expected[name]).max() / np.abs(expected[name] - before[name]).max()
        for name in before
    ]
    return float(np.max(errors))


def reference_params(work: Batches) -> Params:
    """Take the first steps with the NumPy reference in float64."""
    return work.first(VALIDATED_STEPS).astype("float64").reference()


def validate(competitor: Competitor, work: Batches, expected: Params, threads: int) -> float:
    """Let a competitor take the first steps, and return its `update_error` from what `reference_params` expects."""
    work = work.first(VALIDATED_STEPS)
    trainer = competitor.prepare(work, threads)
    trainer.stretch()
    return update_error(trainer.params(), expected, work.astype("float64").params)


def measure(
    competitors: Sequence[Competitor], setting: Setting, work: Work, threads: int, rounds: int
) -> tuple[Row, ...]:
    """Check every competitor, then time those that are right; one row each, in their order."""
    integer("rounds", rounds)
    expected = reference_params(work)
    candidates = [Candidate(competitor) for competitor in competitors]
    for one in candidates:
        one.attempt("validated", one.check, work, expected, threads)
    for one in candidates:
        if one.error <= TOLERANCE[setting.dtype]:
            one.attempt("prepared", one.prepare, work, threads)
    running = [one for one in candidates if one.trainer is not None]
    for round_ in range(rounds):
        for one in (running[place] for place in order(len(running), round_)):
            if one.trainer is not None:  # it has not failed in an earlier round
                one.attempt("timed", one.add_round, work.samples)
    return tuple(one.row(setting) for one in candidates)


def settle(trainer: Trainer) -> None:
    """Take steps that are not counted, before those that are.

    They bring W back into the caches that another competitor has filled, and the idle threads of that competitor, which
    go on asking for work for a while, have gone to sleep by then.
    """
    ready = time.perf_counter() + _SETTLE
    trainer.step()
    while time.perf_counter() < ready:
        trainer.step()


def _time(trainer: Trainer) -> tuple[float, float, int]:
    """Return the seconds of some stretches by the clock and by the processors, and how many stretches it were."""
    settle(trainer)
    stretches, processor, start = 0, time.process_time(), time.perf_counter()
    while not stretches or time.perf_counter() - start < _AT_LEAST:
        trainer.stretch()
        stretches += 1
    return time.perf_counter() - start, time.process_time() - processor, stretches
