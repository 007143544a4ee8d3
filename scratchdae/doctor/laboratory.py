"""Experiments: the user's training once more with something changed, and whether that was clearly better."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scratchdae.doctor.patient import CannotChange, Change, Noise, Outcome, Patient, UsersError

MOST = 10.0  # shares of the variance: who leaves more, or what is not finite, is no worse
SEEN = 0.9  # so much speaks for what was seen directly: where that is the cure, nothing else is tried
CLOSED = 0.75  # of the gap, by which a change restores health


def clearly_better(before: float, after: float, suspicion: float = 0.5) -> bool:
    """Whether an unexplained share fell by more than chance explains; the less suspected a cause, the more is asked."""
    return min(before, MOST) - after > asked(after, suspicion)


def asked(after: float, suspicion: float) -> float:
    """Return how much an unexplained share must fall to count: less for what was seen directly, more for a guess."""
    if suspicion > SEEN:
        return 0.03 + 0.33 * after
    return 0.05 + (0.4 + 1.1 * (1 - suspicion)) * after


class OutOfBudget(Exception):
    """The time that was given is used up."""


@dataclass
class Trial:
    """A change tried, and what came of it by seed."""

    changes: tuple[Change, ...]
    scores: dict[int, float] = field(default_factory=dict)
    outcome: Outcome | None = None
    why_not: str = ""  # it could not be made from outside

    @property
    def name(self) -> str:
        """The changes' names."""
        return " + ".join(change.name for change in self.changes) or "as it is"


class Laboratory:
    """Trains a patient, remembers what was tried, and keeps to the time given."""

    def __init__(
        self,
        patient: Patient,
        steps: int,
        seed: int,
        budget_s: float,
        progress: Callable[[str, float], None] | None = None,
    ) -> None:
        self.patient, self.steps, self.seed = patient, steps, seed
        self.began, self.budget_s = time.monotonic(), budget_s
        self.progress = progress
        self.reference = Noise()
        self.trials: dict[tuple[Change, ...], Trial] = {}
        self.cost = 0.0  # seconds of the longest training as it is

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.budget_s - (time.monotonic() - self.began)

    def steps_for(self, changes: Sequence[Change]) -> int:
        """Return how many steps a changed training takes."""
        steps = self.steps
        for change in changes:
            if change.name in ("more_steps", "smaller_batch"):
                steps = round(steps * (change.factor or 10))
        return steps

    def run(self, changes: Sequence[Change] = (), seed: int | None = None, signs: bool = False) -> Trial:
        """Train with changes; a trial that could not be made has no scores."""
        key, seed = tuple(changes), self.seed if seed is None else seed
        trial = self.trials.setdefault(key, Trial(key))
        if seed in trial.scores or trial.why_not:
            return trial
        steps = self.steps_for(key)
        if self.cost * steps / self.steps > max(self.left, 0.0) and self.cost:
            raise OutOfBudget
        if self.progress:
            self.progress(trial.name, self.left)
        try:
            outcome = self.patient.train(seed, steps, key, self.reference, signs)
        except CannotChange as why:
            trial.why_not = str(why)
            return trial
        except UsersError as why:
            if not key:
                raise
            trial.why_not = f"the training does not take it: {why}"
            return trial
        self.cost = max(self.cost, outcome.seconds * self.steps / steps)
        trial.scores[seed] = outcome.score
        if trial.outcome is None:
            trial.outcome = outcome
        return trial

    def score(self, changes: Sequence[Change] = (), seed: int | None = None) -> float:
        """Return what a changed training leaves unexplained; NaN where it cannot be changed so."""
        trial = self.run(changes, seed)
        return trial.scores.get(self.seed if seed is None else seed, float("nan"))
