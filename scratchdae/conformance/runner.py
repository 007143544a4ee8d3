"""Ask a candidate every case, compare, explain; whatever it does, the run goes on and ends."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from scratchdae.arguments import Params, flag, sequence
from scratchdae.conformance.adapter import OPERATIONS, AnswerError, Unsupported
from scratchdae.conformance.candidate import Candidate, InProcess, SeparateProcess
from scratchdae.conformance.case import Case, known, known_names, load_cases
from scratchdae.conformance.comparison import Comparison, compare
from scratchdae.conformance.report import AGREES, DISAGREES, ERROR, UNSUPPORTED, Report, Result

if TYPE_CHECKING:
    from scratchdae.conformance.explainer import Explanation


def check(
    adapter: object,
    cases: Iterable[Case] | None = None,
    *,
    groups: Iterable[str] | None = None,
    explain: bool = True,
    timeout: float | None = None,
) -> Report:
    """Hold an implementation to the cases.

    Parameters
    ----------
    adapter : object
        Anything with a method for each operation that it supports; see `scratchdae.conformance.adapter`.
    cases : iterable of Case, optional
        Those to ask. If left out, all of this package.
    groups : iterable of str, optional
        Ask only those of these groups.
    explain : bool
        Whether to say what each disagreement is, which takes longer.
    timeout : float, optional
        Seconds for each case. The adapter is then called in a process of its own, so it must pickle; a case that hangs
        or crashes ends that process and is reported. If left out, the adapter is called here, without a limit.

    Returns
    -------
    Report
        What came of each case; print it.

    Raises
    ------
    ValueError
        If an argument is refused, or the adapter's `name`, `dtype` or `tolerances`.
    """
    chosen, explain = choose(cases, groups), flag("explain", explain)
    if timeout is None:
        return examine(InProcess(adapter), chosen, explain=explain)
    with SeparateProcess(adapter, timeout) as candidate:
        return examine(candidate, chosen, explain=explain)


def examine(
    candidate: Candidate, cases: Iterable[Case], *, explain: bool = True, told: Callable[[Result], None] | None = None
) -> Report:
    """Ask a candidate cases; `told` is called with each result as it comes."""
    cases = tuple(cases)
    check_tolerances(candidate, cases)
    results, answers = list[Result](), list[Params | None]()
    for case in cases:
        result, answer = _examined(candidate, case, explain)
        results.append(result)
        answers.append(answer)
        if told is not None:
            told(result)
    if any(result.explanation is not None for result in results):
        results = _judged(candidate, results, answers)
    return Report(candidate.name, candidate.dtype, candidate.tolerances, tuple(results))


def examine_case(candidate: Candidate, case: Case, *, explain: bool = True) -> Result:
    """Ask a candidate one case, and explain it by itself."""
    return _examined(candidate, case, explain)[0]


def _judged(candidate: Candidate, results: list[Result], answers: list[Params | None]) -> list[Result]:
    """Hold the explanations of a run against all its answers."""
    from scratchdae.conformance.explainer import Answered, judge

    asked = [
        (k, Answered(result.case, answer, candidate.dtype, _strict(result, candidate.dtype), result.explanation))
        for k, (result, answer) in enumerate(zip(results, answers, strict=True))
        if answer is not None
    ]
    for (k, _), explanation in zip(asked, judge([one for _, one in asked]), strict=True):
        results[k] = replace(results[k], explanation=explanation)
    return results


def _strict(result: Result, dtype: str) -> float:
    """Return the tolerance to explain by: one that an adapter widened would let wrong explanations fit."""
    assert result.comparison is not None
    return min(result.comparison.relative, result.case.tolerance(dtype))


def _examined(candidate: Candidate, case: Case, explain: bool) -> tuple[Result, Params | None]:
    """Return a result, and the answer if it can be judged by: one that can be explained, or agrees."""
    start = time.perf_counter()
    own = [candidate.tolerances[name] for name in (case.id, case.name, case.operation) if name in candidate.tolerances]
    try:
        answer = candidate.answer(case)
    except Unsupported as error:
        return Result(case, UNSUPPORTED, time.perf_counter() - start, str(error)), None
    except AnswerError as error:
        return Result(case, ERROR, time.perf_counter() - start, str(error), said=error.said), None
    comparison = compare(case, answer, candidate.dtype, own[0] if own else None)
    explanation = _explanation(case, answer, candidate.dtype, comparison) if explain else None
    status = AGREES if comparison.agrees else DISAGREES
    seconds = time.perf_counter() - start
    result = Result(case, status, seconds, "", comparison, explanation, overridden=bool(own))
    if comparison.agrees:
        return result, dict(case.expected)
    return result, None if explanation is None or explanation.first_difference is None else answer


def choose(cases: Iterable[Case] | None, groups: Iterable[str] | None) -> tuple[Case, ...]:
    """Choose the cases to ask, at least one: by default all of this package, and of all groups."""
    if cases is None:
        return load_cases(groups=groups)
    chosen = sequence("cases", cases, "cases of load_cases")
    for case in chosen:
        if not isinstance(case, Case):
            raise ValueError(f"cases must be cases of load_cases, found {case!r}")
    if groups is not None:
        wanted = known("groups", groups, {case.group for case in chosen})
        chosen = tuple(case for case in chosen if case.group in wanted)
    if not chosen:
        raise ValueError("cases must hold at least one case, found none")
    return chosen


def check_tolerances(candidate: Candidate, cases: Iterable[Case]) -> None:
    """Refuse tolerances that would do nothing, because what they name is no operation and no case, also of others."""
    if not candidate.tolerances:
        return
    known = {*OPERATIONS, *known_names()}
    for case in cases:
        known |= {case.name, case.id, case.operation}
    unknown = sorted(set(candidate.tolerances) - known)
    if unknown:
        raise ValueError(
            f"tolerances of the adapter must be by operation, case name or GROUP/NAME, found {', '.join(unknown)}"
        )


def _explanation(case: Case, answer: Params, dtype: str, comparison: Comparison) -> "Explanation | None":
    """Say what a disagreement is, if it is one of mathematics."""
    if comparison.difference is None or comparison.difference.stage == "names":
        return None
    from scratchdae.conformance.explainer import explain

    relative = min(comparison.relative, case.tolerance(dtype))
    return explain(case, answer, dtype=dtype, relative=relative, judged=False)
