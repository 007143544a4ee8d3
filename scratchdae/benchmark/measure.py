"""First whether each competitor is right, then how fast: in turn, round after round.

Rounds alternate because a machine's speed drifts: a competitor that had the first minute for itself would be compared
with another minute. Each round begins with another competitor, so that nobody always follows the same one.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from scratchdae import autoencoder
from scratchdae.arguments import Params, integer
from scratchdae.benchmark.competitors import Competitor, Trainer
from scratchdae.benchmark.work import VALIDATED_STEPS, Setting, Work

TOLERANCE = {"float32": 1e-4, "float64": 1e-10}  # of the largest change of a parameter; found: 1e-6, 1e-14
_SETTLE = 0.05  # seconds of steps that are not counted; the idle threads of OpenBLAS ask for work for half as long
_AT_LEAST = 0.1  # seconds that are measured: stretches are repeated until then


@dataclass(frozen=True)
class Row:
    """What was found about one competitor in one setting.

    Attributes
    ----------
    name : str
        The competitor.
    setting : Setting
        The sizes.
    rates : tuple of float
        Samples a second, a round each; empty if its updates are wrong.
    processors : float
        Processor time by wall time over all its rounds: how many processors it kept busy.
    error : float
        Largest difference of its updates from the reference's, see `update_error`.
    """

    name: str
    setting: Setting
    rates: tuple[float, ...]
    processors: float
    error: float

    @property
    def right(self) -> bool:
        """Whether its updates agree with the reference's.

        Returns
        -------
        bool
            False for NaN too.
        """
        return self.error <= TOLERANCE[self.setting.dtype]

    @property
    def median(self) -> float:
        """The median of its rates.

        Returns
        -------
        float
            Samples a second.
        """
        return median(self.rates)

    def as_json(self) -> dict[str, Any]:
        """Return the row of ``bench.json``.

        Returns
        -------
        dict
            Rates as median, minimum and maximum where it was timed, null where it was wrong.
        """
        rates = None
        if self.rates:
            rates = {"median": self.median, "minimum": min(self.rates), "maximum": max(self.rates)}
        return {
            "name": self.name,
            "n_hidden": self.setting.n_hidden,
            "batch_size": self.setting.batch_size,
            "dtype": self.setting.dtype,
            "samples_per_second": rates,
            "rounds": len(self.rates),
            "processors_busy": round(self.processors, 2) if self.rates else None,
            "update_error": self.error if np.isfinite(self.error) else None,
            "right": self.right,
        }


def order(n: int, round_: int) -> list[int]:
    """Say in which order the competitors take their turn.

    Parameters
    ----------
    n : int
        How many there are.
    round_ : int
        Counted from 0.

    Returns
    -------
    list of int
        Their places in the list: all of them, beginning one later every round.
    """
    return [(round_ + i) % n for i in range(n)]


def update_error(found: Params, expected: Params, before: Params) -> float:
    """Compare the updates of two competitors.

    Parameters
    ----------
    found, expected : dict of str to ndarray
        Parameters after some steps, of a competitor and of the reference.
    before : dict of str to ndarray
        Parameters before them.

    Returns
    -------
    float
        The largest difference in a parameter by the largest change of that parameter array, the worst of all arrays;
        NaN if a number is NaN.
    """
    errors = [
        np.abs(found[name].astype(np.float64) - expected[name]).max() / np.abs(expected[name] - before[name]).max()
        for name in before
    ]
    return float(np.max(errors))


def validate(competitor: Competitor, work: Work, threads: int) -> float:
    """Let a competitor take some steps, and the NumPy reference the same ones in float64.

    Parameters
    ----------
    competitor : Competitor
        Whose updates to check.
    work : Work
        Parameters and batches; the first of them are used.
    threads : int
        How many it may use.

    Returns
    -------
    float
        The error, see `update_error`.
    """
    assert competitor.prepare is not None
    work = work.first(VALIDATED_STEPS)
    trainer = competitor.prepare(work, threads)
    trainer.stretch()
    exact = work.astype("float64")
    expected = exact.copy_params()
    for x_tilde, x in zip(exact.x_tilde, exact.x, strict=True):
        autoencoder.sgd_step(expected, x_tilde, x, work.lr)
    return update_error(trainer.params(), expected, exact.params)


def measure(
    competitors: Sequence[Competitor], setting: Setting, work: Work, threads: int, rounds: int
) -> tuple[Row, ...]:
    """Check every competitor, then time those that are right.

    Parameters
    ----------
    competitors : sequence of Competitor
        Who takes part.
    setting : Setting
        The sizes of the work.
    work : Work
        Parameters and batches.
    threads : int
        How many each may use.
    rounds : int
        How often each is timed.

    Returns
    -------
    tuple of Row
        One a competitor, in their order.

    Raises
    ------
    ValueError
        If `rounds` is not a positive integer.
    """
    integer("rounds", rounds)
    errors = [validate(competitor, work, threads) for competitor in competitors]
    right = [i for i, error in enumerate(errors) if error <= TOLERANCE[setting.dtype]]
    trainers = {i: competitors[i].prepare(work, threads) for i in right}  # type: ignore[misc]  # right: it was prepared
    samples = work.x.shape[0] * work.x.shape[1]
    rates: list[list[float]] = [[] for _ in competitors]
    wall, busy = np.zeros(len(competitors)), np.zeros(len(competitors))
    for round_ in range(rounds):
        for i in (right[place] for place in order(len(right), round_)):
            seconds, processor_seconds, stretches = _time(trainers[i])
            rates[i].append(stretches * samples / seconds)
            wall[i] += seconds
            busy[i] += processor_seconds
    return tuple(
        Row(competitor.name, setting, tuple(rates[i]), float(busy[i] / wall[i]) if rates[i] else 0.0, errors[i])
        for i, competitor in enumerate(competitors)
    )


def _time(trainer: Trainer) -> tuple[float, float, int]:
    """Return the seconds of some stretches by the clock and by the processors, and how many stretches it were.

    Steps that are not counted go before: they bring W back into the caches that another competitor has filled, and
    the idle threads of that competitor, which go on asking for work for a while, have gone to sleep by then.
    """
    ready = time.perf_counter() + _SETTLE
    trainer.step()
    while time.perf_counter() < ready:
        trainer.step()
    stretches, processor, start = 0, time.process_time(), time.perf_counter()
    while not stretches or time.perf_counter() - start < _AT_LEAST:
        trainer.stretch()
        stretches += 1
    return time.perf_counter() - start, time.process_time() - processor, stretches
