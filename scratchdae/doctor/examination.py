"""The examination: contracts, floors, facts, the training as it is, experiments, verdict; in this order."""

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scratchdae.doctor.causes import CAUSES
from scratchdae.doctor.evidence import Evidence
from scratchdae.doctor.expected import Expected, expect
from scratchdae.doctor.laboratory import CLOSED, Laboratory, OutOfBudget, Trial, clearly_better
from scratchdae.doctor.patient import Anatomy, Change, Fact, Noise, Patient, UsersError
from scratchdae.doctor.remedies import REMEDIES
from scratchdae.doctor.report import Floor, Named, Prescription, Report

SUSPECTED = 0.3  # from here on a cause is tried although the training seems in order
TRIED = 0.09  # from here on where it is not
SEEDS = 3  # on which a repair is seen to help


def examine_patient(
    patient: Patient, steps: int, seed: int, budget_s: float, progress: Callable[[str, float], None] | None = None
) -> Report:
    """Examine a training and report."""
    began = time.monotonic()
    laboratory = Laboratory(patient, steps, seed, budget_s, progress)
    report = Report("unknown", "nothing was tried")
    report.held_out, report.image_shape = patient.held_out, patient.image_shape
    try:
        Examination(laboratory, report).run()
    except UsersError as error:
        report.verdict, report.sentence = "contract", f"the training does not run: {error}"
    except OutOfBudget:
        report.sentence = f"the budget of {budget_s:g} s ended before a cause was confirmed; {report.sentence}"
    except KeyboardInterrupt:
        report.sentence = f"interrupted; {report.sentence}"
    report.trials = list(laboratory.trials.values())
    report.about |= {
        "framework": report.anatomy.framework if report.anatomy else "", "examples": len(patient.x), "held_out": len(patient.held_out),
        "numbers": patient.x.shape[1], "batch_size": patient.batch_size, "steps": steps, "seed": seed,
        "seconds": round(time.monotonic() - began, 2), "trainings": sum(len(t.scores) for t in report.trials),
    }  # fmt: skip
    return report


class Examination:
    """One examination in progress; it fills its report as it goes, so that an interruption leaves what is known."""

    def __init__(self, laboratory: Laboratory, report: Report) -> None:
        self.laboratory, self.report = laboratory, report
        self.patient = laboratory.patient
        self.evidence: Evidence

    def run(self) -> None:
        """Examine."""
        report, laboratory, patient = self.report, self.laboratory, self.patient
        alike = bool((patient.x.std(axis=0) < 1e-9 * (np.abs(patient.x).max() or 1)).all())
        if not np.isfinite(patient.x).all():
            row, column = np.argwhere(~np.isfinite(patient.x))[0]
            report.verdict = "contract"
            report.sentence = f"x must be finite, found {patient.x[row, column]} in row {row}, column {column}"
            return
        anatomy = report.anatomy = patient.anatomy(laboratory.seed)
        report.facts, report.unseen = anatomy.facts, anatomy.unseen
        if alike:
            report.facts += (Fact("C09", "all examples are the same: there is nothing to learn"),)
            self._name("cause", "C09", 0.99, "all examples are the same")
            report.prescription = [Prescription("other_data", evidence="every column is constant", cause="C09")]
            return
        scale = getattr(patient, "output_scale", (np.float64(1), np.float64(0)))
        expected = expect(patient.x, patient.held_out, anatomy, np.random.default_rng(laboratory.seed), scale)
        laboratory.reference = expected.reference
        self._floors(expected, anatomy)
        base = laboratory.run((), signs=True).outcome
        assert base is not None
        report.score = base.score
        if math.isnan(base.score):
            report.sentence = "reconstructions could not be measured: " + "; ".join(anatomy.unseen)
            return
        self.evidence = Evidence(self._facts_of(anatomy, base.signs), expected, base, patient.x, patient.batch_size)
        report.facts = self.evidence.anatomy.facts
        self._judge()

    @staticmethod
    def _facts_of(anatomy: Anatomy, signs: dict[str, float]) -> Anatomy:
        """Add what only a whole training shows."""
        left = signs.get("rate_left", 1.0)
        if left < 1e-2:
            fact = Fact("C07", f"the schedule left {left:.2g} of the learning rate at the end")
            return replace(anatomy, facts=(*anatomy.facts, fact))
        return anatomy

    def _floors(self, expected: Expected, anatomy: Anatomy) -> None:
        floors = [Floor("the best constant", 1.0)]
        if expected.output > 1e-3:
            floors.append(Floor(f"what a {anatomy.output} cannot reach", expected.output))
        if expected.code is not None:
            under = "" if expected.reference.kind == "none" else f", {_told(expected.reference)}"
            floors.append(Floor(f"a linear code of {expected.code} numbers{under}", expected.linear))
            floors.append(Floor("the same, each column shuffled by itself", expected.at(expected.code, shuffled=True)))
        if expected.reference.kind != "none":
            floors.append(Floor(f"the best linear denoiser, {_told(expected.reference)}", expected.at(None)))
        self.report.floors = floors
        self.report.judged = "held-out examples, " + (
            "clean" if expected.reference.kind == "none" else f"with {_told(expected.reference)}"
        )

    # ------------------------------------------------------------------ experiments
    def _judge(self) -> None:
        report, e, laboratory = self.report, self.evidence, self.laboratory
        before = e.base.score
        suspicions = {name: float(cause.suspicion(e)) for name, cause in CAUSES.items()}
        ill = not e.base.finite or e.share > 0.12
        threshold = TRIED if ill else SUSPECTED
        ranked = sorted(
            (name for name in suspicions if suspicions[name] >= threshold), key=lambda name: -suspicions[name]
        )
        report.sentence = (
            f"{100 * min(before, 9.99):.3g} % of the variance is unexplained; experiments were not finished"
        )
        candidates: dict[Change, tuple[str, float]] = {}  # to the cause that it speaks for, and how much
        for name in ranked:
            for place, change in enumerate(CAUSES[name].experiments):
                weight = suspicions[name] * (0.93**place)
                if change not in candidates or candidates[change][1] < weight:
                    candidates[change] = (name, weight)
        order = sorted(
            candidates,
            key=lambda change: -candidates[change][1] + 0.3 * (change.name in ("more_steps", "smaller_batch")),
        )
        out_of_time = False
        for change in order:
            try:
                laboratory.run((change,))
            except OutOfBudget:
                out_of_time = True
                break
        helped = {change: self._score(change) for change in order}
        helped = {change: s for change, s in helped.items() if clearly_better(before, s)}
        best = min(helped.values(), default=before)
        pair = self._second(order, helped, best, candidates)
        if pair is not None:
            self._prescribe(pair, [candidates[change][0] for change in pair], candidates, helped)
            return
        if helped:
            limit = best + (1 - CLOSED) * (min(before, 1.0) - best)
            cures = [change for change in helped if helped[change] <= max(limit, best + 0.02)]
            cures.sort(key=lambda change: -self._merit(change, candidates, helped, best, before))
            for change in cures[:4]:
                try:
                    confirmed = self._confirmed((change,))
                except OutOfBudget:
                    confirmed, out_of_time = True, True
                if confirmed:
                    self._prescribe((change,), [candidates[change][0]], candidates, helped)
                    return
            report.rejected += [(candidates[c][0], "it did not help on two more seeds") for c in cures[:4]]
        self._without_cause(out_of_time)

    def _score(self, change: Change) -> float:
        trial = self.laboratory.trials.get((change,))
        return trial.scores.get(self.laboratory.seed, math.inf) if trial else math.inf

    def _merit(
        self,
        change: Change,
        candidates: dict[Change, tuple[str, float]],
        helped: dict[Change, float],
        best: float,
        before: float,
    ) -> float:
        """Weigh how far a change restores health against how much its cause was suspected."""
        gap = max(min(before, 1.0) - best, 1e-9)
        return 0.6 * candidates[change][1] + 0.4 * (1 - (helped[change] - best) / gap)

    def _second(
        self, order: list[Change], helped: dict[Change, float], best: float, candidates: dict[Change, tuple[str, float]]
    ) -> tuple[Change, ...] | None:
        """Look for two causes at once: build on the better halves of a repair."""
        e, before = self.evidence, self.evidence.base.score
        linear = e.expected.linear
        if e.close or best < linear + 0.15 * (1 - linear):
            return None
        halves = sorted(helped, key=lambda change: helped[change])[:2]
        doubted = (
            [
                c
                for c in order
                if c not in halves and candidates[c][0] in e.facts and not self.laboratory.trials[(c,)].why_not
            ]
            if e.facts
            else []
        )
        halves += [c for c in doubted[:1] if c not in halves]
        found: dict[tuple[Change, ...], float] = {}
        for half in halves or order[:2]:
            for change in order[:12]:
                if (
                    change.name == half.name
                    or change.name == "more_steps"
                    or (change,) not in self.laboratory.trials
                    or self.laboratory.trials[(change,)].why_not
                ):
                    continue
                both = (half, change)
                if (change, half) in found:
                    continue
                try:
                    found[both] = self.laboratory.score(both)
                except OutOfBudget:
                    break
        found = {both: s for both, s in found.items() if not math.isnan(s)}
        if not found:
            return None
        both = min(found, key=lambda pair: found[pair])
        if not clearly_better(min(best, before), found[both]):
            return None
        try:
            return both if self._confirmed(both) else None
        except OutOfBudget:
            return both

    def _confirmed(self, changes: tuple[Change, ...]) -> bool:
        """Whether a change is clearly better on two more seeds as well."""
        for seed in self._seeds()[1:]:
            before = self.laboratory.score((), seed)
            after = self.laboratory.score(changes, seed)
            if not clearly_better(before, after):
                return False
        return True

    def _seeds(self) -> list[int]:
        return [self.laboratory.seed + 1000 * k for k in range(SEEDS)]

    # ------------------------------------------------------------------ verdict
    def _name(self, verdict: str, cause: str, confidence: float, sentence: str) -> None:
        self.report.verdict, self.report.sentence = verdict, sentence
        self.report.causes = [Named(cause, round(confidence, 2)), *[n for n in self.report.causes if n.id != cause]]

    def _prescribe(
        self,
        changes: tuple[Change, ...],
        causes: list[str],
        candidates: dict[Change, tuple[str, float]],
        helped: dict[Change, float],
    ) -> None:
        report, laboratory = self.report, self.laboratory
        first = self._prescription(changes, causes[0])
        report.prescription = [first]
        report.verdict = "cause"
        report.causes = [
            Named(name, round(min(0.97, 0.6 + 0.4 * candidates[c][1]), 2))
            for name, c in zip(causes, changes, strict=False)
        ]
        what = " and ".join(CAUSES[name].name for name in dict.fromkeys(causes))
        report.sentence = f"{what}: as it is {100 * min(first.before, 9.99):.3g} % of the variance stays unexplained, repaired {100 * first.after:.3g} %"
        others = sorted((c for c in helped if c not in changes), key=lambda c: helped[c])
        for change in others:
            name = candidates[change][0]
            if all(named.id != name for named in report.causes):
                report.causes.append(Named(name, round(0.5 * candidates[change][1], 2)))
            report.prescription.append(self._prescription((change,), name))
            better = helped[change] < first.after
            report.rejected.append(
                (
                    name,
                    f"{change.name} leaves {100 * helped[change]:.3g} %; "
                    + (
                        "better on this seed, but the evidence speaks less for it"
                        if better
                        else "less far than the repair named"
                    ),
                )
            )
        del laboratory

    def _prescription(self, changes: tuple[Change, ...], cause: str) -> Prescription:
        laboratory = self.laboratory
        trial, base = laboratory.trials[changes], laboratory.trials[()]
        seeds = [seed for seed in trial.scores if seed in base.scores]
        before = float(np.median([min(base.scores[s], 10.0) for s in seeds]))
        after = float(np.median([min(trial.scores[s], 10.0) for s in seeds]))
        first, *rest = changes
        evidence = (
            f"unexplained {100 * before:.3g} % → {100 * after:.3g} % on {len(seeds)} seed{'s' * (len(seeds) > 1)}"
        )
        lines = "\n".join(self.patient.lines(change) for change in changes)
        return Prescription(
            first.name, first.factor or REMEDIES[first.name].factor, tuple((c.name, c.factor or REMEDIES[c.name].factor) for c in rest),
            evidence, len(seeds) >= SEEDS, before, after, cause, lines,
        )  # fmt: skip

    def _without_cause(self, out_of_time: bool) -> None:
        """No change helped: a floor, health, or nothing known."""
        report, e = self.report, self.evidence
        before, linear = e.base.score, e.expected.linear
        told = f"{100 * min(before, 9.99):.3g} % of the variance is unexplained"
        tried = sum(1 for trial in self.laboratory.trials.values() if trial.scores) - 1
        if e.base.finite and linear > 0.3 and e.structured < 0.15 and before < linear + 0.25 * (1 - linear):
            self._name(
                "at_floor",
                "F23",
                0.8,
                f"{told}; a linear code of {e.expected.code} leaves {100 * linear:.3g} %, whether or not the columns are shuffled",
            )
            report.prescription = [
                Prescription(
                    "other_data",
                    evidence=f"shuffled columns leave {100 * e.expected.at(e.expected.code, True):.3g} %",
                    cause="F23",
                )
            ]
        elif e.base.finite and linear > 0.15 and e.share < 0.15:
            self._name(
                "at_floor",
                "H1",
                0.8,
                f"{told}, and {100 * linear:.3g} % is what a linear network with this code and this noise leaves: more training is of no use",
            )
            report.prescription = [
                Prescription("none", evidence=f"{tried} changes tried, none clearly better", cause="H1")
            ]
        elif e.base.finite and (e.share < 0.3 or before < 0.3) and not out_of_time:
            report.verdict, report.causes = "healthy", []
            report.sentence = f"{told}; the best linear network leaves {100 * linear:.3g} %, and none of {tried} changes is clearly better"
            report.prescription = [Prescription("none", evidence=f"{tried} changes tried")]
        else:
            report.verdict = "unknown"
            report.sentence = (
                f"{told}, where {100 * linear:.3g} % could be had; none of {tried} changes was clearly better"
            )


def _told(noise: Noise) -> str:
    return {"gaussian": f"Gaussian noise of {noise.level:.3g}", "masking": f"{100 * noise.level:.3g} % masked"}.get(
        noise.kind, "clean"
    )
