"""Whether each competitor's epoch is right, and then how fast: what differs from `measure` for what draws by itself.

Three questions go before the clock. Do its steps on a batch that is given change the parameters as the reference's do?
Does it destroy the share of the inputs that it should, evenly, and others every time? And has an epoch, from bytes to
weights, lowered the loss as far as the reference's epoch, so that no example was left out? That is asked at a hundredth
of the learning rate, where the order of the examples and the masks hardly matter. Then all take their turn, those of
all corruptions among each other, with as many examples as take each about the same time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchdae.arguments import Params, integer
from scratchdae.benchmark.competitors import Competitor, EpochTrainer, fitting
from scratchdae.benchmark.measure import (
    TOLERANCE,
    Candidate,
    Row,
    order,
    reference_params,
    settle,
)
from scratchdae.benchmark.works.epoch import Epoch, EpochSetting

SECONDS = 0.3  # that an epoch is to take, which has only as many examples then
_PROGRESS = 0.03  # of what the reference's epoch took off the loss, that another's may have more or less
_MASKS = 200  # examples of which the masks are counted
_ERRORS = 6.0  # standard errors that a count may be away from its mean


@dataclass(frozen=True)
class EpochRow(Row):
    """What was found about one competitor in one setting."""

    setting: EpochSetting
    examples: int = 0  # of each timed epoch

    def as_json(self) -> dict[str, Any]:
        return {**super().as_json(), "rates": list(self.rates), "examples": self.examples}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "EpochRow":
        """Return the row that `as_json` wrote."""
        setting = EpochSetting(**{name: found[name] for name in EpochSetting.__dataclass_fields__})
        error = float("nan") if found["update_error"] is None else found["update_error"]
        return cls(
            found["name"], setting, tuple(found["rates"]), found["processors_busy"] or 0.0, error, found["failure"],
            found["examples"],
        )  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """What the reference finds in one setting."""

    params: Params  # after the steps that are given
    first: float  # loss of the first examples, clean, before an epoch of them
    last: float  # and after it

    @classmethod
    def of(cls, work: Epoch) -> "Expected":
        """Take the steps in float64, and an epoch as `fit` does without the compiled core."""
        trainer, n = fitting.plain(work.slowly, 1), work.checked
        trainer.epoch(n)
        return cls(reference_params(work), work.loss(n, work.params), work.loss(n, trainer.params()))


@dataclass
class _Candidate(Candidate):
    """A competitor on its way, with the work that it has to do; n examples an epoch."""

    rate: float = 0.0  # examples a second of an epoch of a few
    n: int = 0

    def check_all(self, work: Epoch, expected: Expected, threads: int) -> None:
        trainer = self.competitor.prepare(work, threads)
        trainer.stretch()
        self.error = update_error(trainer.params(), expected.params, work.astype("float64").params)
        check_corruption(trainer, work)
        trainer = self.competitor.prepare(work.slowly, threads)
        check_epoch(trainer, work, expected)
        start = time.perf_counter()
        trainer.epoch(work.checked)
        self.rate = work.checked / max(time.perf_counter() - start, 1e-9)

    def prepare_epoch(self, work: Epoch, threads: int, most: int, seconds: float) -> None:
        """Choose how many examples an epoch has; those of the check, if no more can be afforded."""
        affordable = int(min(max(self.rate * seconds, work.checked), most, len(work.x)))
        self.n = max(1, affordable // work.batch_size) * work.batch_size
        trainer = self.competitor.prepare(work, threads)
        trainer.ready(self.n)
        self.trainer = trainer

    def add_epoch(self) -> None:
        trainer: Any = self.trainer
        settle(trainer)
        processor, start = time.process_time(), time.perf_counter()
        trainer.epoch(self.n)
        seconds = time.perf_counter() - start
        self.rates.append(self.n / seconds)
        self.wall += seconds
        self.processor += time.process_time() - processor

    def epoch_row(self, setting: EpochSetting) -> EpochRow:
        row = self.row(setting)
        return EpochRow(row.name, setting, row.rates, row.processors, row.update_error, row.failure, self.n)


def measure(
    entries: Sequence[tuple[Competitor, EpochSetting, Epoch]],
    threads: int,
    rounds: int,
    most: int,
    seconds: float = SECONDS,
) -> tuple[EpochRow, ...]:
    """Check every entry, then time those that are right, of at most so many examples an epoch; one row each."""
    integer("rounds", rounds)
    candidates = [_Candidate(competitor) for competitor, _, _ in entries]
    expected = {setting: Expected.of(work) for setting, work in {setting: work for _, setting, work in entries}.items()}
    for one, (_, setting, work) in zip(candidates, entries, strict=True):
        one.attempt("validated", one.check_all, work, expected[setting], threads)
        if one.failure is None and one.error <= TOLERANCE[setting.dtype]:
            one.attempt("prepared", one.prepare_epoch, work, threads, most, seconds)
    running = [one for one in candidates if one.trainer is not None]
    for round_ in range(rounds):
        for one in (running[place] for place in order(len(running), round_)):
            if one.trainer is not None:  # it has not failed in an earlier round
                one.attempt("timed", one.add_epoch)
    return tuple(one.epoch_row(setting) for one, (_, setting, _) in zip(candidates, entries, strict=True))


def update_error(found: Params, expected: Params, before: Params) -> float:
    """Return the difference in a parameter array over its change, both as root mean squares, of the worst array.

    Not the largest difference as in `measure`: Adam divides a gradient by its own size, also one that is rounding.
    """
    errors = [
        np.linalg.norm(found[name].astype(np.float64) - expected[name]) / np.linalg.norm(expected[name] - before[name])
        for name in before
    ]
    return float(np.max(errors))


def check_epoch(trainer: EpochTrainer, work: Epoch, expected: Expected) -> None:
    """Refuse an epoch that has not learned what the reference's has."""
    n = work.checked
    trainer.ready(n)
    trainer.epoch(n)
    progress = (expected.first - work.loss(n, trainer.params())) / (expected.first - expected.last)
    if not abs(progress - 1) <= _PROGRESS:  # NaN is refused too
        raise ValueError(f"its epoch of {n} examples lowered the loss {progress:.2f} times as far as the reference's")


def check_corruption(trainer: EpochTrainer, work: Epoch) -> None:
    """Refuse masks that destroy another share, some components more than others, or the same twice."""
    clean = np.ones((min(work.batch_size, _MASKS), *work.x.shape[1:]), work.model.dtype)
    drawn = np.stack([trainer.corrupt(clean) for _ in range(-(-_MASKS // len(clean)))])
    changes = (drawn - 1).reshape(-1, clean[0].size)  # (examples, D)
    if work.corruption is None:
        if changes.any():
            raise ValueError("it corrupts inputs that should stay clean")
        return
    level = work.corruption.at(0)
    if (changes == changes[0]).all():
        raise ValueError("it destroys the same in every example")
    if work.corruption.kind == "gaussian":
        _refuse("the mean of its noise", changes.mean(), 0, level / changes.size**0.5)
        _refuse("the deviation of its noise", changes.std(), level, level / (2 * changes.size) ** 0.5)
        return
    if not np.isin(changes, (0, -1)).all():
        raise ValueError("it changes inputs to something other than 0")
    destroyed, spread, D = -changes, (level * (1 - level)) ** 0.5, changes.shape[1]
    counts = destroyed.sum(axis=1)
    if work.corruption.kind == "masking" and (counts != round(level * D)).any():
        raise ValueError(f"its masks destroy {counts.min():.0f} to {counts.max():.0f} of {D} inputs")
    for name, part in (
        ("", destroyed),
        (" of the first half", destroyed[:, : D // 2]),
        (" of each other", destroyed[:, ::2]),
    ):
        _refuse(f"the share that it destroys{name}", part.mean(), level, spread / part.size**0.5 + 1 / D)


def _refuse(what: str, found: float, expected: float, standard_error: float) -> None:
    if not abs(found - expected) <= _ERRORS * standard_error:
        raise ValueError(f"{what} is {found:.4g}, expected {expected:.4g}")
