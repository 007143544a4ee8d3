"""Which experiments the evidence asks for, in which order, and what they came to."""

import math
from collections.abc import Iterable

from scratchdae.doctor.causes import CAUSES
from scratchdae.doctor.evidence import Evidence
from scratchdae.doctor.laboratory import MOST, SEEN, Laboratory, OutOfBudget, asked, clearly_better
from scratchdae.doctor.patient import Change

SUSPECTED = 0.3  # from here on a cause is tried although the training seems in order
TRIED = 0.09  # from here on where it is not
DOUBTED = 0.25  # a suspicion too weak for what helps but does not heal
SURE = 0.5  # a suspicion so strong that a cure for it ends the search
LEARNED = 0.9  # of the variance: who leaves more has learned nothing worth the name
WELL = 0.1  # of the variance: who leaves less has learned well
NEARER = 0.7  # of what was unexplained: no repair, but the right way
MOVES = 3e-3  # of its size: what a weight moves in a step of a training that gets somewhere
FURTHEST = 1e4  # times the user's learning rate
WIDEST = 64  # times the user's batch
FURTHER = (("lr_up", 10, FURTHEST), ("lr_down", 10, FURTHEST), ("larger_batch", 8, WIDEST), ("widen_code", 4, 16))
DEAR = {"more_steps", "smaller_batch"}  # they take many times as long
SPEED = {"lr_up", "lr_down", "more_steps", "smaller_batch", "larger_batch", "adam"}  # two of these are one cause
PLAUSIBLE = 0.5  # how much speaks for the rate, the number of steps, the optimizer, the batch, at the least
ROOMIER = {"fewer_pools", "widen_code"}  # they let more through
PROOF = 5  # trainings that are kept back for a proof on two more seeds
SEEDS = 3  # on which a repair is seen to help
ENOUGH = 1.5  # shares of the variance: who leaves more has failed, and counts no more in a mean
PARTNERS = 12  # changes that are tried beside the better half of a repair


class Experiments:
    """The experiments on one training."""

    def __init__(self, laboratory: Laboratory, evidence: Evidence) -> None:
        self.laboratory, self.evidence = laboratory, evidence
        self.before = evidence.base.score
        self.suspicions = {name: float(cause.suspicion(evidence)) for name, cause in CAUSES.items()}
        self.speaks_for: dict[Change, tuple[str, float]] = {}  # a change's cause, and how much it is suspected
        self.order: list[Change] = []
        self.out_of_budget = False
        self.seeds = [laboratory.seed + 1000 * k for k in range(SEEDS)]

    @property
    def good(self) -> float:
        """What is left unexplained by a training that one would be content with."""
        linear = self.evidence.expected.linear
        return linear + 0.15 * (1 - linear)

    def run(self) -> dict[Change, float]:
        """Try what is suspected, one change at a time; return what is left by those that clearly helped."""
        ill = not self.evidence.base.finite or self.evidence.share > 0.12
        threshold = TRIED if ill else SUSPECTED
        for name, suspicion in self.suspicions.items():
            for place, change in enumerate(CAUSES[name].experiments if suspicion >= threshold else ()):
                weight = suspicion * 0.93**place
                if weight > self.speaks_for.get(change, ("", 0.0))[1]:
                    self.speaks_for[change] = (name, weight)
        self.speaks_for |= self._as_much_as_it_takes()
        ranked = sorted(self.speaks_for, key=lambda change: -self.speaks_for[change][1])
        try:
            self._try(change for change in ranked if change.name not in DEAR)
            self._go_further()
            if not self._answered():
                self._try(change for change in ranked if change.name in DEAR)
                four = Change("more_steps", 4)
                if self.helps(four) and self.score(four) > self.good:
                    self.speaks_for[Change("more_steps", 16)] = self.speaks_for[four]
                    self._try([Change("more_steps", 16)])
        except OutOfBudget:
            self.out_of_budget = True
        helped = {change: self.score(change) for change in self.order if self.helps(change)}
        healthy = {change: score for change, score in helped.items() if self.is_health(score)}
        if self.evidence.lost:  # the constant goes through any bottleneck: something else is wrong
            healthy = {change: healthy[change] for change in healthy if change.name not in ROOMIER} or healthy
        return healthy or {c: score for c, score in helped.items() if self.speaks_for[c][1] > DOUBTED}

    def _as_much_as_it_takes(self) -> dict[Change, tuple[str, float]]:
        """Return changes by what the evidence says is missing: of the rate, and of noise that is too strong."""
        e, found = self.evidence, {}
        if not math.isnan(e.sign("update")) and self.suspicions["F01"] > SURE:
            wanted = 10 ** round(math.log10(MOVES / max(e.sign("update"), 1e-12)))
            if 100 < wanted <= FURTHEST:
                found[Change("lr_up", float(wanted))] = ("F01", self.suspicions["F01"])
        judge = e.expected.reference
        excess = e.anatomy.noise.level / judge.level if judge.level else 0.0
        if self.suspicions["F17"] > SURE and (excess > 6 or 1.5 < excess < 4):
            found[Change("less_noise", float(math.ceil(excess)))] = ("F17", self.suspicions["F17"])
        return found

    def helps(self, change: Change) -> bool:
        """Whether a change was tried and was clearly better on the first seed."""
        return clearly_better(self.before, self.score(change), self._suspicion((change,)))

    def _try(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if any(map(self.helps, self.order)) and self.laboratory.left < PROOF * self.laboratory.cost:
                raise OutOfBudget
            self.order.append(change)
            self.laboratory.run((change,))
            if self.speaks_for[change][1] > SEEN and self.score(change) < self.good:
                break

    def _answered(self) -> bool:
        """Whether a change for a cause that is strongly suspected left little unexplained."""
        return any(self.speaks_for[c][1] > SURE and self.helps(c) and self.score(c) < self.good for c in self.order)

    def is_health(self, after: float) -> bool:
        """Whether something was learned: less is left than by the constant, or no linear code leaves less either."""
        return after < LEARNED or after < self.evidence.expected.linear + 0.1

    def _go_further(self) -> None:
        """Go on with a rate, a larger batch or a wider code in the direction that helped, for as long as it helps."""
        for name, by, furthest in FURTHER:
            tried = sorted((c for c in self.order if c.name == name), key=lambda c: c.factor or 0)
            while tried and (tried[-1].factor or 0) < furthest and self.score(tried[-1]) == min(map(self.score, tried)):
                better = self.helps(tried[-1]) or self.score(tried[-1]) < NEARER * self.before
                good = WELL if name == "widen_code" else self.good  # a wide one is to leave less than a narrow one can
                if not better or self.score(tried[-1]) < good:
                    break
                following = Change(name, (tried[-1].factor or by) * by)
                self.speaks_for[following] = self.speaks_for[tried[0]]
                self._try([following])
                tried.append(following)

    def score(self, change: Change) -> float:
        """Return what a change leaves unexplained on the first seed; infinite where it could not be tried."""
        trial = self.laboratory.trials.get((change,))
        return trial.scores.get(self.laboratory.seed, math.inf) if trial else math.inf

    def possible(self, change: Change) -> bool:
        """Whether a change could be made."""
        trial = self.laboratory.trials.get((change,))
        return trial is not None and not trial.why_not

    def pair(self, helped: dict[Change, float]) -> tuple[Change, ...] | None:
        """Look for two causes at once: build on the better half of a repair."""
        best = min(helped.values(), default=self.before)
        if self.evidence.close or best < self.good:
            return None
        halves = sorted(helped, key=lambda change: helped[change])[:2]
        certain = [c for c in self.order if self.speaks_for[c][0] in self.evidence.facts and self.possible(c)]
        certain = [c for c in certain if abs(self.score(c) - self.before) > 0.02 * self.before]  # it does something
        suspected = [c for c in self.order if self.possible(c) and c.name not in SPEED]
        halves += [change for change in certain[:1] if change not in halves]
        halves = halves or suspected[:2]
        found: dict[tuple[Change, ...], float] = {}
        try:
            for half in halves:
                others = [c for c in self.order if self.possible(c) and c.name not in (half.name, "more_steps")]
                others = [c for c in others if c.name == "adam"] + [c for c in others if c.name != "adam"]
                for change in others[:PARTNERS]:
                    if not {change.name, half.name} <= SPEED and (change, half) not in found:
                        found[half, change] = self.laboratory.score((half, change))
        except OutOfBudget:
            self.out_of_budget = True
        found = {
            both: s for both, s in found.items() if clearly_better(min(best, self.before), s, self._suspicion(both))
        }
        found = {both: s for both, s in found.items() if self.is_health(s)}
        for both in sorted(found, key=lambda both: found[both])[:2]:
            if self.confirmed(both):
                return both
        return None

    def _suspicion(self, changes: tuple[Change, ...]) -> float:
        """Return how much speaks for changes; a matter of steps may always be what is wrong."""
        known = (self.speaks_for.get(change, ("", 0.0))[1] for change in changes)
        return min(max(s, PLAUSIBLE) if change.name in SPEED else s for s, change in zip(known, changes, strict=True))

    def confirmed(self, changes: tuple[Change, ...]) -> bool:
        """Whether changes help clearly in the median of three seeds or in their mean, and do harm on none."""
        suspicion = self._suspicion(changes)
        try:
            pairs = [(self.laboratory.score((), s), self.laboratory.score(changes, s)) for s in self.seeds]
        except OutOfBudget:
            self.out_of_budget = True
            return False
        median = sorted(min(before, MOST) - after - asked(after, suspicion) for before, after in pairs)[SEEDS // 2]
        mean = sum(min(before, ENOUGH) - after - asked(after, suspicion) for before, after in pairs)
        return max(median, mean) > 0 and all(after < min(before, MOST) for before, after in pairs)

    def fewer_examples(self) -> float:
        """Return what is left unexplained after training on half of the examples; NaN where that cannot be tried."""
        try:
            return self.laboratory.score((Change("fewer_examples", 2),))
        except OutOfBudget:
            self.out_of_budget = True
            return math.nan
