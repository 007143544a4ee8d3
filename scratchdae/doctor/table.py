"""A report as text and as JSON: finding, evidence, repair, what to read, and then all that was tried.

`as_json` gives what is here below; a number that is not finite is null, and a share is of the variance (1 is what the
best constant leaves unexplained)::

    verdict sentence status   healthy, at_floor, cause, contract, unknown; in words; the command line's exit status
    causes        [{id, name, confidence, nearest, chapter}], best first; nearest is an id of the failures of training
    prescription  [{name, factor, together: [{name, factor}], sentence, evidence, proved, before, after, cause, lines}]
    rejected      [{cause, why}], the runners-up
    floors        [{name, share}]
    facts         [{cause, text, harmless}], seen directly; harmless is null where nothing is known of it
    unseen        [sentence]
    trials        [{changes: [{name, factor}], scores: {seed: share}, why_not, at, unexplained, clean, train, seconds}],
                  the training as it is first; unexplained are shares before the steps of `at`
    loss          what the step of the training as it is returned, step by step
    anatomy       {loss, scale, output, hidden, layers, code, noise: {kind, level}, optimizer, lr, ...} or null
    score judged  the share that the training as it is leaves, and of which examples
    about         {framework, examples, batch_size, steps, seed, seconds, trainings, ...}
"""

import math
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.doctor.causes import CAUSES
from scratchdae.doctor.laboratory import Trial
from scratchdae.doctor.patient import Fact, Outcome
from scratchdae.doctor.remedies import MENDS, lines_for, sentence_for
from scratchdae.doctor.report import Floor, Prescription, Report

WIDTH = 96  # columns of the text
TITLES = {
    "healthy": "HEALTHY", "at_floor": "AT ITS FLOOR", "cause": "A CAUSE", "contract": "IT DOES NOT RUN",
    "unknown": "UNKNOWN",
}  # fmt: skip
_PACKAGE = Path(__file__).resolve().parents[1]
_CHAPTERS = (_PACKAGE / "_chapters", _PACKAGE.parent / "chapters")  # of an installed wheel, of a checkout
_SHOWN = 4  # prescriptions


# ------------------------------------------------------------------ the parts of a report in words
def percent(share: float) -> str:
    """Return a share in three digits."""
    if math.isnan(share):
        return "-"
    if math.isinf(share):
        return "diverged"
    return f"{100 * share:.3g} %" if share < 10 else "> 999 %"


def title(report: Report) -> str:
    """Return the finding in a few words."""
    named = f": {CAUSES[report.causes[0].id].name} ({report.causes[0].id})" if report.verdict == "cause" else ""
    return f"{TITLES[report.verdict]}{named}"


def framework(report: Report) -> str:
    """Return the framework of the user's code."""
    return report.anatomy.framework if report.anatomy else str(report.about.get("framework") or "PyTorch")


def _parts(report: Report, given: Prescription) -> list[tuple[str, float | None, str]]:
    """Return the names, factors and mended causes of a prescription's changes."""
    mended = next((fact.cause for fact in report.facts if fact.cause in MENDS), "")
    cause = given.cause if given.cause in MENDS else mended
    return [(name, factor, cause) for name, factor in ((given.name, given.factor), *given.together)]


def repairs(report: Report) -> list[Prescription]:
    """Return the prescriptions that a report shows."""
    return [given for given in report.prescription if given.name != "none"][:_SHOWN]


def words(report: Report, given: Prescription) -> str:
    """Return a prescription in words."""
    return "; and ".join(sentence_for(*part) for part in _parts(report, given))


def code(report: Report, given: Prescription) -> str:
    """Return a prescription as the user would write it; empty where nothing is to be changed."""
    if given.name == "none":
        return ""
    if given.lines.strip() and "fix_backward" not in (given.name, *(name for name, _ in given.together)):
        return given.lines
    return "\n".join(lines_for(name, factor, framework(report), cause) for name, factor, cause in _parts(report, given))


def proof(given: Prescription) -> str:
    """Say how sure a prescription is."""
    if given.name in ("none", "other_data"):
        return given.evidence
    return f"{'proved' if given.proved else 'not proved'}: {given.evidence or 'it was not tried'}"


def harmless(report: Report, fact: Fact) -> bool | None:
    """Whether a fact was seen to do no harm; None where nothing is known of that."""
    if fact.cause in {named.id for named in report.causes} or report.verdict in ("contract", "unknown"):
        return None if report.verdict in ("contract", "unknown") else False
    experiments = {change.name for change in CAUSES[fact.cause].experiments}
    tried = any(trial.scores and experiments & {change.name for change in trial.changes} for trial in report.trials)
    return True if tried or report.verdict in ("healthy", "at_floor") else None


def told(report: Report, fact: Fact) -> str:
    """Return a fact, and what is known of its harm."""
    return f"{fact.text}{' (harmless here: without it nothing is clearly better)' * (harmless(report, fact) is True)}"


def marks(report: Report) -> list[Floor]:
    """Return the floors with what the training leaves among them, as it is and repaired, the largest share first."""
    lines = list(report.floors)
    if not math.isnan(report.score):
        lines.append(Floor("YOURS, as it is", report.score))
    if report.verdict == "cause" and report.prescription and math.isfinite(report.prescription[0].after):
        lines.append(Floor("YOURS, repaired", report.prescription[0].after))
    return sorted(lines, key=lambda floor: -floor.share)


def measured(report: Report) -> str:
    """Say what the shares are, and of which examples."""
    return f"{report.measure}{f' of {report.judged}' if report.judged else ''}"


def seen(report: Report) -> Outcome | None:
    """Return the training as it is, made here or watched."""
    return next((trial.outcome for trial in report.trials if not trial.changes), report.watched)


def score(trial: Trial) -> float:
    """Return the median over the seeds of what a trial leaves; infinite where it was not made."""
    return float(np.median(list(trial.scores.values()))) if trial.scores else math.inf


def trials(report: Report) -> list[tuple[str, str, str, float]]:
    """Return what was tried: its share as text, names, words, share; as it is first, then the best."""
    rows = []
    for trial in sorted(report.trials, key=lambda t: (bool(t.changes), not t.scores, score(t))):
        what = "; and ".join(sentence_for(change.name, change.factor) for change in trial.changes)
        if not trial.scores:
            what += f": {trial.why_not or 'the time had ended'}"
        share = percent(score(trial)) if trial.scores else "not tried"
        seeds = f" ({len(trial.scores)} seeds)" if len(trial.scores) > 1 else ""
        rows.append((share, trial.name, f"{what or 'your training'}{seeds}", score(trial)))
    return rows


def to_read(report: Report) -> list[str]:
    """Return the chapters about the causes that were found, or about where to begin."""
    numbers = [CAUSES[named.id].chapter for named in report.causes[:2]] or (
        ["04"] if report.verdict == "unknown" else []
    )
    return [_chapter(number) for number in dict.fromkeys(numbers)]


def _chapter(number: str) -> str:
    found = [path for folder in _CHAPTERS for path in sorted(folder.glob(f"{number}_*.py"))]
    name = f" ({found[0].name})" if found else ""
    return f"chapter {number}{name}: scratchdae chapters run {number}"


# ------------------------------------------------------------------ as text
def table(report: Report) -> str:
    """Return the report for a terminal."""
    lines = [title(report), *_wrapped(report.sentence, "  ", 0)]
    if report.verdict == "unknown" and report.causes:
        lines += _section(
            "suspected, none of it confirmed", (f"{cause_of(n.id)}: {percent(n.confidence)}" for n in report.causes)
        )
    lines += _section("evidence", evidence(report))
    shares = [(percent(floor.share), floor.name) for floor in marks(report)]
    lines += _section(measured(report), (f"{share:>9}  {name}" for share, name in shares), 10)
    lines += _section("seen directly", (told(report, fact) for fact in report.facts))
    for place, one in enumerate(repairs(report)):
        lines += ["", "repair" if place == 0 else "or", *_wrapped(f"{words(report, one)} ({proof(one)})", "  ", 0)]
        lines += [f"      {line}" for line in code(report, one).splitlines()]
    lines += _section("to read", to_read(report))
    rows = trials(report)
    name_width = min(34, max((len(name) for _, name, *_ in rows), default=0))
    lines += _section(
        f"tried: {report.measure}",
        (f"{share:>9}  {name:<{name_width}}  {what}" for share, name, what, _ in rows),
        13 + name_width,
    )
    lines += _section("rejected", (f"{cause_of(cause)}: {why}" for cause, why in report.rejected))
    lines += _section("could not be seen", report.unseen)
    return "\n".join([*lines, "", *_wrapped(about(report), "", 0)]).rstrip()


def cause_of(cause: str) -> str:
    """Return a cause in words, with its id."""
    return f"{CAUSES[cause].name} ({cause})"


def evidence(report: Report) -> Iterable[str]:
    """Say how sure the causes are, and what the repair did, in numbers."""
    if report.verdict == "cause":
        proved = len(report.prescription[0].together) + 1 if report.prescription else 1
        for place, named in enumerate(report.causes):
            confidence = f"{cause_of(named.id)}, {percent(named.confidence)} sure"
            yield confidence if place < proved else f"also thought of: {confidence}"
    if report.prescription and not math.isnan(report.prescription[0].before):
        first = report.prescription[0]
        yield f"before {percent(first.before)}, after {percent(first.after)}: {first.evidence}"


def about(report: Report) -> str:
    """Say what was examined, and how long."""
    known = report.about
    parts = [str(known["framework"])] if known.get("framework") else []
    parts += [f"{known[name]:,} {name}" for name in ("examples", "trainings") if name in known]
    parts += [f"{name.replace('_', ' ')} {known[name]}" for name in ("batch_size", "steps", "seed") if name in known]
    return ", ".join(parts + ([f"{known['seconds']:.3g} s"] if "seconds" in known else []))


def _section(heading: str, lines: Iterable[str], hanging: int = 2) -> list[str]:
    found = [part for line in lines for part in _wrapped(line, "  ", hanging)]
    return ["", heading, *found] if found else []


def _wrapped(text: str, indent: str, hanging: int = 2) -> list[str]:
    """Break a line between words; its spaces stay."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent + " " * hanging, break_on_hyphens=False,
        drop_whitespace=True,
    )  # fmt: skip


# ------------------------------------------------------------------ as JSON
def as_json(report: Report) -> dict[str, Any]:
    """Return the report for JSON."""
    base = seen(report)
    anatomy = asdict(report.anatomy) if report.anatomy else None
    if anatomy is not None:
        del anatomy["facts"], anatomy["unseen"]
    found: dict[str, Any] = {
        "verdict": report.verdict, "sentence": report.sentence, "status": report.status,
        "causes": [
            {"id": n.id, "name": CAUSES[n.id].name, "confidence": n.confidence, "nearest": CAUSES[n.id].nearest,
             "chapter": CAUSES[n.id].chapter} for n in report.causes
        ],
        "prescription": [
            asdict(p) | {"sentence": words(report, p), "lines": code(report, p),
             "together": [_change(*c) for c in p.together]}
            for p in report.prescription
        ],
        "rejected": [{"cause": cause, "why": why} for cause, why in report.rejected],
        "floors": [floor._asdict() for floor in report.floors],
        "facts": [asdict(fact) | {"harmless": harmless(report, fact)} for fact in report.facts],
        "unseen": report.unseen,
        "trials": [_trial(trial) for trial in report.trials],
        "loss": base.loss if base is not None else [],
        "anatomy": anatomy, "score": report.score, "judged": report.judged, "about": report.about,
    }  # fmt: skip
    finite: dict[str, Any] = _finite(found)
    return finite


def _change(name: str, factor: float | None) -> dict[str, Any]:
    return {"name": name, "factor": factor}


def _trial(trial: Trial) -> dict[str, Any]:
    found = {
        "changes": [_change(*change) for change in trial.changes],
        "scores": trial.scores,
        "why_not": trial.why_not,
    }
    names = ("at", "unexplained", "clean", "train", "seconds")
    return found | {name: getattr(trial.outcome, name, None) for name in names}


def _finite(value: Any) -> Any:
    """Return a value of what JSON has: a number that is not finite is null."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _finite(value.tolist())
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def curve(loss: Array, points: int = 400) -> tuple[Array, Array]:
    """Return the steps and values of a loss, means over stretches where it is long."""
    stretch = max(1, math.ceil(len(loss) / points))
    whole = len(loss) // stretch * stretch
    steps = np.arange(whole).reshape(-1, stretch).mean(axis=1)  # (n,)
    return steps, loss[:whole].reshape(-1, stretch).mean(axis=1)
