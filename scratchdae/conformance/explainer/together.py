"""Judge the explanations of a run together: a name that another case of the same operation refutes goes.

One case may fit many names by accident of its numbers. But whoever answers all cases of an operation with one program
makes the same mistake in all of them: so each finding is made in every other case too, and held to the answer there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from scratchdae.arguments import Params
from scratchdae.conformance.case import Case
from scratchdae.conformance.comparison import by_value
from scratchdae.conformance.explainer.account import Account
from scratchdae.conformance.explainer.accounts import ACCOUNTS
from scratchdae.conformance.explainer.catalogue import concern
from scratchdae.conformance.explainer.finding import NO_CAUSE, UNKNOWN, Explanation, Finding, Mistake
from scratchdae.conformance.explainer.pattern import told
from scratchdae.conformance.explainer.presentation import presented
from scratchdae.conformance.explainer.rewritten import Asked, rewritten
from scratchdae.conformance.explainer.search import cheapest
from scratchdae.conformance.explainer.target import Target

NEARLY = 1e3  # allowances by which a case may be off without speaking against a name: another rounding


_Key: TypeAlias = tuple[Any, ...]  # what a finding is, whatever the case
_Verdict: TypeAlias = tuple[bool, Finding] | None


class Answered(NamedTuple):
    """An answer to a case, and what was said of it by itself: None if it agrees."""

    case: Case
    answer: Params
    dtype: str
    relative: float
    explanation: Explanation | None


class _Held(NamedTuple):
    account: Account
    target: Target
    agrees: bool


def judge(answered: Sequence[Answered]) -> list[Explanation | None]:
    """Return the explanations of a run, each held against all answers of its operation."""
    groups: dict[str, list[int]] = {}
    for k, one in enumerate(answered):
        groups.setdefault(concern(one.case), []).append(k)
    judged = [one.explanation for one in answered]
    for indices in groups.values():
        if any((explanation := judged[k]) is not None and explanation.findings for k in indices):
            for k, explanation in zip(indices, _together([answered[k] for k in indices]), strict=True):
                judged[k] = explanation
        _rewrite(answered, judged, indices)
        for k, words in _agreed(answered, judged, indices):
            judged[k] = replace(judged[k], pattern=words)  # type: ignore[type-var]
    return judged


def _lacks_a_cause(said: Explanation) -> bool:
    """Say whether nothing is known, or no more than a factor."""
    return said.confidence == UNKNOWN or any(
        NO_CAUSE in mistake.sentence for finding in said.findings for mistake in finding.mistakes
    )


def _rewrite(answered: Sequence[Answered], judged: list[Explanation | None], indices: Sequence[int]) -> None:
    """Look for a change of the formula where no known mistake fits, or only a number without a cause."""
    asked = []
    for k in indices:
        one, said = answered[k], judged[k]
        if not all(np.asarray(array).dtype.kind in "biuf" for array in one.answer.values()):
            return
        target = Target(one.case.expected, one.answer, one.relative, by_value(one.case), one.dtype)
        wanting = said is not None and said.first_difference is not None and _lacks_a_cause(said)
        finite = all(np.isfinite(array).all() for array in target.found.values())
        asked.append(Asked(one.case, target, wanting and finite and one.case.operation in ACCOUNTS))
    if any(one.open for one in asked):
        found = rewritten(asked, concern(answered[indices[0]].case))
        refuted = any(speaks for _, speaks in found)
        findings = tuple(finding for finding, _ in found)
        guessed = any(mistake.recovered for finding in findings for mistake in finding.mistakes)
        for k, wanting in zip(indices, (one.open for one in asked), strict=True):
            said = judged[k]
            if wanting and said is not None and findings and not (guessed and said.findings):  # one number for another
                judged[k] = replace(said, findings=findings, pattern="", nearest=(), refuted=refuted)


def _agreed(
    answered: Sequence[Answered], judged: Sequence[Explanation | None], indices: Sequence[int]
) -> Iterator[tuple[int, str]]:
    """Yield what nothing explains but one number that is off by a factor which several cases have in common."""
    ratios: dict[int, tuple[str, float]] = {}
    for k in indices:
        said, difference = judged[k], None
        if said is not None and not said.findings and not said.pattern:
            difference = said.first_difference
        if difference is None or difference.array not in answered[k].answer:
            continue
        pair = [np.asarray(a[difference.array]) for a in (answered[k].answer, answered[k].case.expected)]
        if all(a.size == 1 and a.dtype.kind in "biuf" and np.isfinite(a).all() and a.all() for a in pair):
            ratios[k] = difference.array, float(pair[0].flat[0] / pair[1].flat[0])
    for k, (name, ratio) in ratios.items():
        near = max(1e-9, 2 * answered[k].relative)
        others = sum(
            n != k and one == name and abs(other - ratio) <= near * abs(ratio) for n, (one, other) in ratios.items()
        )
        if others:
            yield k, f"{name} is off by the factor {told(ratio, 6)}, as in {others} other case{'s' * (others > 1)}"


def _together(group: Sequence[Answered]) -> list[Explanation | None]:
    held = [_hold(one) for one in group]
    pool: dict[tuple[Any, ...], Finding] = {}
    for one in group:
        for finding in one.explanation.findings if one.explanation else ():
            pool.setdefault(_key(finding), finding)
    verdicts = {key: [_made(finding, one) for one in held] for key, finding in pool.items()}
    # A case that nothing explains and that a finding does not fit speaks against it for good: it would be a wrong name.
    alone = [k for k, one in enumerate(group) if one.explanation and not one.explanation.findings]
    open_cases = [k for k in alone if not any((v := verdicts[key][k]) and v[0] for key in pool)]
    out = {key for key in pool if any((made := verdicts[key][k]) is not None and not made[0] for k in open_cases)}
    judged: list[Explanation | None] = []
    for k, one in enumerate(group):
        if one.explanation is None or one.explanation.first_difference is None:
            judged.append(one.explanation)
            continue
        own = {key: finding for finding in one.explanation.findings if (key := _key(finding)) not in out}
        for key in [key for key in pool if key not in out]:  # what fits here too, though less would do in this case
            if key not in own and (made := verdicts[key][k]) is not None and made[0]:
                own[key] = made[1]
        against = {key: sum(_speaks_against(key, n, verdicts) for n in range(len(group))) for key in own}
        fewest = min(against.values(), default=0)
        kept = cheapest(finding for key, finding in own.items() if against[key] == fewest)
        # a number that the other cases do not have explains nothing
        kept = tuple(finding for finding in kept if not fewest or all(part.weight < 3 for part in finding.mistakes))
        # of two mistakes, the one that does nothing in this case is not told for it
        parts = [_part(finding, one.explanation.findings) for finding in kept]
        kept = tuple(part for n, part in enumerate(parts) if part not in parts[:n])
        dropped = bool(one.explanation.findings and not kept)
        judged.append(replace(one.explanation, findings=kept, refuted=dropped or bool(kept and fewest)))
    return judged


def _speaks_against(key: _Key, n: int, verdicts: Mapping[_Key, Sequence[_Verdict]]) -> bool:
    """Say whether a case refutes a finding: one that it explains together with another mistake does not."""
    made = verdicts[key][n]
    wider = (other[n] for of, other in verdicts.items() if set(key) < set(of))
    return made is not None and not made[0] and not any(one is not None and one[0] for one in wider)


def _part(finding: Finding, own: Sequence[Finding]) -> Finding:
    """Return the part of a finding that is enough for a case by itself; the whole if none is."""
    return next((one for one in own if one.ids < finding.ids), finding)


def _hold(one: Answered) -> _Held:
    target = Target(one.case.expected, one.answer, one.relative, by_value(one.case), one.dtype)
    with np.errstate(all="ignore"):
        plain = ACCOUNTS[one.case.operation](one.case, target.found, one.dtype)
        account = presented(plain, target, one.case.inputs)
    return _Held(account, target, one.explanation is None)


def _key(finding: Finding) -> tuple[Any, ...]:
    """Say what a finding is, whatever the case: the names, and the numbers that have none."""
    return tuple(sorted((one.id, "" if one.weight == 1 else f"{_number(one):.6g}") for one in finding.mistakes))


def _number(mistake: Mistake) -> float:
    return next(iter(mistake.recovered.values()), 0.0)


def _made(finding: Finding, one: _Held) -> tuple[bool, Finding] | None:
    """Make the mistakes of a finding in another case: whether that is the answer; None if the case cannot say."""
    switches = {switch.id: switch for switch in one.account.switches}
    wrong, mistakes = dict[str, Any](), list[Mistake]()
    for mistake in finding.mistakes:
        id, value = mistake.turned
        switch = switches.get(id)
        if switch is None or value is None:
            return None  # it cannot be made here, or nobody knows with what
        if switch.unknown is None:
            wrong[id] = True
            mistakes.append(replace(mistake, sentence=switch.sentence))
            continue
        names = switch.unknown.named if mistake.weight == 1 else ()
        meant = next((named for named in names if named.id == mistake.id), None)
        if mistake.weight == 1 and meant is None:
            return None
        wrong[id] = value if meant is None else meant.value
        sentence = mistake.sentence if meant is None else meant.sentence
        mistakes.append(replace(mistake, sentence=sentence, recovered=dict.fromkeys(mistake.recovered, wrong[id])))
    with np.errstate(all="ignore"):
        arrays = one.account.told(wrong)
    misfit = one.target.misfit(arrays, NEARLY)
    fits = misfit <= 1
    if fits and one.agrees:
        return None  # it makes no difference here
    if not fits and (misfit <= NEARLY or not all(np.isfinite(array).all() for array in one.target.found.values())):
        return None  # it may be rounded otherwise, or what overflows hides it
    return fits, Finding(tuple(mistakes))
