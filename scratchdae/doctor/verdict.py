"""The verdict: which cause, what repairs it, or that nothing is wrong, or that nobody knows."""

import numpy as np

from scratchdae.doctor.causes import CAUSES
from scratchdae.doctor.experiments import SEEDS, Experiments
from scratchdae.doctor.laboratory import CLOSED, MOST
from scratchdae.doctor.patient import Change
from scratchdae.doctor.remedies import REMEDIES
from scratchdae.doctor.report import Named, Prescription, Report

LOST = 0.8  # of what a linear code explains: who leaves more has failed, whatever it does on other examples
EVIDENCE = 0.6  # how much a suspicion counts beside how far a change goes


def judge(experiments: Experiments, report: Report) -> None:
    """Run the experiments and put the verdict into the report."""
    helped = experiments.run()
    both = experiments.pair(helped)
    if both is not None:
        _prescribe(experiments, report, both, helped)
        return
    cures = _cures(experiments, helped)
    for change in cures[:4]:
        if experiments.confirmed((change,)):
            _prescribe(experiments, report, (change,), helped)
            return
        if experiments.out_of_budget:
            break
        cause = experiments.speaks_for[change][0]
        report.rejected.append((cause, f"{change.name} helped on one seed, but not clearly on two more"))
    if cures and experiments.out_of_budget:
        _unproved(experiments, report, cures)
        return
    if not _alike(experiments, report) and not _memorises(experiments, report):
        _without_cause(experiments, report)


def _unproved(experiments: Experiments, report: Report, cures: list[Change]) -> None:
    """Say what helped on one seed, where the time did not last for two more."""
    first = cures[0]
    cause = experiments.speaks_for[first][0]
    report.verdict, report.causes = "unknown", [Named(cause, round(0.5 * experiments.speaks_for[first][1], 2))]
    report.prescription = [_prescription(experiments, (change,)) for change in cures]
    report.sentence = (
        f"{100 * min(experiments.before, 9.99):.3g} % of the variance is unexplained; {first.name} left "
        f"{100 * experiments.score(first):.3g} % ({CAUSES[cause].name}), but the budget ended before it was "
        "proved on two more seeds"
    )


def _alike(experiments: Experiments, report: Report) -> bool:
    """Name examples that are all alike: seen directly, and nobody can try others."""
    e = experiments.evidence
    told = [fact.text for fact in report.facts if fact.cause == "C09"]
    if not told or (e.share < LOST and e.gap < 0.05):  # examples that are not there are done as well: no harm
        return False
    report.verdict, report.causes = "cause", [Named("C09", 0.8)]
    report.sentence = (
        f"{CAUSES['C09'].name}: {told[0]}; {100 * min(e.base.score, 9.99):.3g} % of the variance is unexplained"
    )
    report.prescription = [Prescription("other_data", evidence=told[0], cause="C09", before=e.base.score)]
    return True


def _memorises(experiments: Experiments, report: Report) -> bool:
    """Name memorising where half of the examples do clearly worse; that more of them do better nobody can try."""
    e = experiments.evidence
    if e.gap < 0.08 or e.base.train > 0.6 * e.base.score or e.share < 0.08:
        return False
    half = experiments.fewer_examples()
    if not half - e.base.score > 0.25 * e.gap:
        return False
    evidence = (
        f"{100 * e.base.train:.3g} % unexplained of training examples, {100 * e.base.score:.3g} % of held-out ones, "
        f"{100 * half:.3g} % after training on half of them"
    )
    report.verdict, report.causes = "cause", [Named("H2", 0.7)]
    report.sentence = f"{CAUSES['H2'].name}: {evidence}"
    report.prescription = [Prescription("more_data_or_regularise", evidence=evidence, cause="H2", before=e.base.score)]
    return True


def _cures(experiments: Experiments, helped: dict[Change, float]) -> list[Change]:
    """Return the changes that restore health, those first whose cause is most suspected and that go furthest."""
    best = min(helped.values(), default=experiments.before)
    top = 1.0 if best < 1 else MOST  # who was worse than the constant is healed below it
    gap = max(min(experiments.before, top) - best, 1e-9)
    cures = [change for change in helped if helped[change] <= max(best + (1 - CLOSED) * gap, best + 0.02)]

    def merit(change: Change) -> float:
        return EVIDENCE * experiments.speaks_for[change][1] + (1 - EVIDENCE) * (1 - (helped[change] - best) / gap)

    return sorted(cures, key=lambda change: -merit(change))


def _prescribe(
    experiments: Experiments, report: Report, changes: tuple[Change, ...], helped: dict[Change, float]
) -> None:
    causes = list(dict.fromkeys(experiments.speaks_for[change][0] for change in changes))
    first = _prescription(experiments, changes)
    report.verdict, report.prescription = "cause", [first]
    report.causes = [Named(name, round(min(0.97, 0.6 + 0.4 * experiments.suspicions[name]), 2)) for name in causes]
    what = " and ".join(CAUSES[name].name for name in causes)
    report.sentence = (
        f"{what}: {100 * first.before:.3g} % of the variance stays unexplained as it is, "
        f"{100 * first.after:.3g} % once repaired"
    )
    expected = experiments.evidence.expected
    if first.after > 0.5 and expected.linear > 0.5 and experiments.evidence.structured < 0.15:
        report.causes.append(Named("F23", 0.5))
        report.sentence += (
            f"; a linear code of {expected.code} leaves {100 * expected.linear:.3g} % of these data, shuffled or not"
        )
    for change in sorted((c for c in helped if c not in changes), key=lambda c: helped[c]):
        name, weight = experiments.speaks_for[change]
        report.prescription.append(_prescription(experiments, (change,)))
        if name not in [named.id for named in report.causes]:
            report.causes.append(Named(name, round(0.5 * weight, 2)))
            less = "the evidence speaks less for it" if helped[change] <= first.after else "it helps less"
            report.rejected.append((name, f"{change.name} leaves {100 * helped[change]:.3g} %, but {less}"))


def _prescription(experiments: Experiments, changes: tuple[Change, ...]) -> Prescription:
    laboratory = experiments.laboratory
    trial, base = laboratory.trials[changes], laboratory.trials[()]
    seeds = [seed for seed in trial.scores if seed in base.scores]
    before, after = (float(np.median([min(t.scores[s], 10.0) for s in seeds])) for t in (base, trial))
    parts = [(change.name, change.factor or REMEDIES[change.name].factor) for change in changes]
    if "activation_relu" in dict(parts) and "he_init" not in dict(parts):
        parts.append(("he_init", None))  # that change draws the first weights for them too
    first, *rest = parts
    plural = "s" * (len(seeds) > 1)
    return Prescription(
        *first,
        tuple(rest),
        f"unexplained {100 * before:.3g} % → {100 * after:.3g} % on {len(seeds)} seed{plural}",
        len(seeds) >= SEEDS,
        before,
        after,
        experiments.speaks_for[changes[0]][0],
        "\n".join(laboratory.patient.lines(change) for change in changes),
    )


def _without_cause(experiments: Experiments, report: Report) -> None:
    """No change helped: a floor, health, or nothing known."""
    e = experiments.evidence
    before, linear, code = e.base.score, e.expected.linear, e.expected.code
    tried = sum(1 for trial in experiments.laboratory.trials.values() if trial.scores) - 1
    told = f"{100 * min(before, 9.99):.3g} % of the variance is unexplained"
    none = f"{tried} changes tried, none clearly better"
    apart_too = e.structured < 0.15 and before < linear + max(0.5 * (1 - linear), 0.05)
    if e.base.finite and linear > 0.15 and (apart_too or (e.structured < 0.4 and e.share < 0.15)):
        apart = f"{100 * e.expected.at(code, shuffled=True):.3g} %"
        report.verdict, report.causes = "at_floor", [Named("F23", 0.8)]
        report.sentence = (
            f"{told}, and a linear code of {code} leaves {100 * linear:.3g} %; {apart} where each column is shuffled "
            "by itself: there is hardly anything in common that a code could use, and more training is of no use"
        )
        report.prescription = [Prescription("other_data", evidence=f"shuffled columns leave {apart}", cause="F23")]
    elif e.at_entropy:
        report.verdict, report.causes = "at_floor", [Named("H1", 0.9)]
        report.sentence = (
            f"the loss of {e.loss_at_end:.4g} nats an entry is {e.loss_at_end - e.expected.entropy:.2g} above the "
            f"entropy of the targets, {e.expected.entropy:.4g}, below which no cross-entropy goes; {told}"
        )
        report.prescription = [Prescription("none", evidence=none, cause="H1")]
    elif e.base.finite and linear > 0.15 and e.share < 0.15:
        report.verdict, report.causes = "at_floor", [Named("H1", 0.8)]
        report.sentence = (
            f"{told}, and {100 * linear:.3g} % is what a linear network with this code and this noise leaves: "
            "more training is of no use"
        )
        report.prescription = [Prescription("none", evidence=none, cause="H1")]
    elif e.base.finite and (e.share < 0.3 or before < 0.3) and not experiments.out_of_budget:
        report.verdict = "healthy"
        report.sentence = f"{told}; the best linear network leaves {100 * linear:.3g} %, and {none}"
        report.prescription = [Prescription("none", evidence=none)]
    else:
        report.verdict = "unknown"
        report.sentence = f"{told}, where a linear network leaves {100 * linear:.3g} %; {none}"
        most = min(experiments.order, key=experiments.score, default=None)
        if most is not None and experiments.score(most) < before:
            report.sentence += f"; nearest came {most.name}, which leaves {100 * experiments.score(most):.3g} %"
