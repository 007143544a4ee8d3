"""The examination: contracts, floors, facts, the training as it is, experiments, verdict; in this order."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scratchdae.doctor.evidence import Evidence
from scratchdae.doctor.expected import Expected, expect
from scratchdae.doctor.experiments import Experiments
from scratchdae.doctor.laboratory import Laboratory, OutOfBudget
from scratchdae.doctor.patient import Anatomy, Fact, Noise, Patient, UsersError
from scratchdae.doctor.report import Floor, Named, Prescription, Report
from scratchdae.doctor.verdict import judge

FEW = 0.1  # of the examples are different: the loader gives the same ones again
MUCH = 0.2  # of the reported loss is a penalty: whoever looks at the loss is misled
VANISHED = 1e-2  # of a learning rate: a schedule that leaves less has gone to zero


def examine_patient(
    patient: Patient,
    steps: int,
    seed: int,
    budget_s: float,
    progress: Callable[[str, float], None] | None = None,
    told_by_user: Callable[[Anatomy], Anatomy] = lambda anatomy: anatomy,
) -> Report:
    """Examine a training and report; an interruption and the end of the budget leave what is known until then."""
    began = time.monotonic()
    laboratory = Laboratory(patient, steps, seed, budget_s, progress)
    report = Report("unknown", "nothing was tried", held_out=patient.held_out, image_shape=patient.image_shape)
    try:
        _examine(laboratory, report, told_by_user)
    except UsersError as error:
        report.verdict, report.sentence = "contract", f"the training does not run: {error}"
    except OutOfBudget:
        report.sentence = f"the budget of {budget_s:g} s ended first; {report.sentence}"
    except KeyboardInterrupt:
        report.sentence = f"interrupted; {report.sentence}"
    report.trials = list(laboratory.trials.values())
    report.about |= {
        "framework": report.anatomy.framework if report.anatomy else "",
        "examples": len(patient.x),
        "held_out": len(patient.held_out),
        "numbers": patient.x.shape[1],
        "batch_size": patient.batch_size,
        "steps": steps,
        "seed": seed,
        "seconds": round(time.monotonic() - began, 2),
        "trainings": sum(len(trial.scores) for trial in report.trials),
    }
    return report


def _examine(laboratory: Laboratory, report: Report, told_by_user: Callable[[Anatomy], Anatomy]) -> None:
    patient = laboratory.patient
    if not np.isfinite(patient.x).all():
        row, column = np.argwhere(~np.isfinite(patient.x))[0]
        report.verdict = "contract"
        report.sentence = f"x must be finite, found {patient.x[row, column]} in row {row}, column {column}"
        return
    anatomy = report.anatomy = told_by_user(patient.anatomy(laboratory.seed))
    report.facts, report.unseen = anatomy.facts, anatomy.unseen
    if bool((patient.x.std(axis=0) <= 1e-9 * (np.abs(patient.x).max() or 1)).all()):
        report.facts += (Fact("C09", "all examples are the same: there is nothing to learn"),)
        report.verdict, report.sentence = "cause", "all examples are the same: there is nothing to learn"
        report.causes = [Named("C09", 0.99)]
        report.prescription = [Prescription("other_data", evidence="every column is constant", cause="C09")]
        return
    distinct = len({row.tobytes() for row in np.ascontiguousarray(patient.x)})
    bits = sum(np.log2(len(np.unique(column[:1000]))) for column in patient.x.T[:100])  # that a row could hold
    if distinct < FEW * len(patient.x) and bits > np.log2(len(patient.x)):
        fact = Fact("C09", f"of {len(patient.x)} examples {distinct} are different")
        anatomy = replace(anatomy, facts=(*anatomy.facts, fact))
    scale = getattr(patient, "output_scale", (np.ones(()), np.zeros(())))
    expected = expect(patient.x, patient.held_out, anatomy, np.random.default_rng(laboratory.seed), scale)
    laboratory.reference = expected.reference
    report.floors = floors_of(expected, anatomy)
    report.judged = f"held-out examples, {told(expected.reference)}"
    base = laboratory.run((), signs=True).outcome
    assert base is not None
    report.score = base.score
    if np.isnan(base.score):
        report.sentence = "reconstructions could not be measured: " + "; ".join(anatomy.unseen)
        return
    left = base.signs.get("rate_left", 1.0)
    if left < VANISHED:
        fact = Fact("C07", f"the schedule left {left:.2g} of the learning rate at the end")
        anatomy = replace(anatomy, facts=(*anatomy.facts, fact))
    report.facts = anatomy.facts
    evidence = Evidence(anatomy, expected, base, patient.x, patient.batch_size)
    if evidence.penalty > MUCH:
        text = f"about {percent(evidence.penalty)} of the reported loss is a penalty: it says nothing about the data"
        report.facts += (Fact("F24", text),)
    report.sentence = f"{percent(base.score)} of the variance is unexplained; the experiments were not finished"
    judge(Experiments(laboratory, evidence), report)


def floors_of(expected: Expected, anatomy: Anatomy) -> list[Floor]:
    """Return the floors of these data for this network, by name."""
    floors = [Floor("the best constant", 1.0)]
    if expected.output > 1e-3:
        floors.append(Floor(f"what a {anatomy.output} cannot reach", expected.output))
    noise = expected.reference.kind != "none"
    if expected.code is not None:
        under = f", {told(expected.reference)}" if noise else ""
        floors.append(Floor(f"a linear code of {expected.code} numbers{under}", expected.linear))
        floors.append(Floor("the same, each column shuffled by itself", expected.at(expected.code, shuffled=True)))
    if noise:
        floors.append(Floor(f"the best linear denoiser, {told(expected.reference)}", expected.at(None)))
    return floors


def told(noise: Noise) -> str:
    """Say a noise in words."""
    if noise.kind == "gaussian":
        return f"with Gaussian noise of {noise.level:.3g}"
    return f"{100 * noise.level:.3g} % masked" if noise.kind == "masking" else "clean"


def percent(share: float) -> str:
    """Write a share of the variance."""
    return f"{100 * share:.3g} %" if share < 10 else "more than ten times 100 %"
