"""Say why an answer disagrees with a case: name the mistakes that reproduce it, number for number.

Each operation is told again in plain NumPy, with a switch for every known mistake (see `account`; `known_mistakes` is
the list of all). The search turns on one switch, then two, recovers the numbers that a mistake holds (a factor, an
epsilon), and keeps what reproduces every array of the answer within the tolerance of the case. All smallest sets are
listed, because an answer that two mistakes explain does not tell which was made; a named mistake goes before a fitted
number. If none fits, the explanation has no finding, for a guess would be worse, but the place, the pattern of the
difference and what comes nearest. `judge` holds the findings of several cases against each other.
"""

import math
from collections.abc import Mapping

import numpy as np

from scratchdae.arguments import Array, array, instance, mapping
from scratchdae.conformance.case import Case
from scratchdae.conformance.comparison import by_value, compare
from scratchdae.conformance.explainer.accounts import ACCOUNTS
from scratchdae.conformance.explainer.catalogue import cases_with, known_mistakes
from scratchdae.conformance.explainer.finding import Explanation, Finding, Mistake
from scratchdae.conformance.explainer.pattern import NAN, degenerates, nearest, pattern
from scratchdae.conformance.explainer.precision import coarse, in_precision
from scratchdae.conformance.explainer.presentation import presented
from scratchdae.conformance.explainer.search import cheapest, search
from scratchdae.conformance.explainer.target import Target
from scratchdae.conformance.explainer.together import Answered, judge

__all__ = [
    "ACCOUNTS", "Answered", "Explanation", "Finding", "Mistake", "cases_with", "explain", "judge", "known_mistakes",
]  # fmt: skip


def explain(
    case: Case,
    answer: Mapping[str, Array],
    *,
    dtype: str = "float64",
    relative: float | None = None,
    judged: bool = True,
) -> Explanation:
    """Say why an answer disagrees with a case.

    Parameters
    ----------
    case : Case
        The case.
    answer : mapping of str to ndarray
        The arrays that were computed; those that the case does not require may be missing.
    dtype : {"float64", "float32"}
        What the answer is computed in.
    relative : float, optional
        How far a value may be off, as a fraction of the largest of its array. If left out, the case's own tolerance.
    judged : bool
        Whether to end with `judge`, which looks for a change of the formula where no known mistake fits. False where
        the answer is to be judged together with others.

    Returns
    -------
    Explanation
        The smallest sets of mistakes that reproduce the answer, and its first difference. Nothing if it agrees.

    Raises
    ------
    ValueError
        If `dtype` is another.
    """
    case = instance("case", case, Case)
    relative = case.tolerance(dtype) if relative is None else relative
    explanation = _by_itself(case, answer, dtype, relative)
    if not judged or explanation.first_difference is None or not all(map(_is_real, answer.values())):
        return explanation
    return judge([Answered(case, dict(answer), dtype, relative, explanation)])[0] or explanation


def _by_itself(case: Case, answer: Mapping[str, Array], dtype: str, relative: float) -> Explanation:
    answer = {name: array(f"answer[{name!r}]", found) for name, found in mapping("answer", answer).items()}
    difference = compare(case, answer, dtype, relative).difference
    if difference is None or case.operation not in ACCOUNTS or not all(map(_is_real, answer.values())):
        return Explanation((), difference)
    target = Target(case.expected, answer, relative, by_value(case), dtype)
    if target.misfit(case.expected) <= 1:  # it differs in what is missing, or too many
        return Explanation((), difference)
    account = presented(ACCOUNTS[case.operation](case, target.found, dtype), target, case.inputs)
    findings = cheapest(search(account, target, 1))
    degenerate = tuple(degenerates(target))
    nan = any(sentence.endswith(NAN) for sentence in degenerate)  # of which nothing can be told apart
    if not nan and (not findings or _is_long(findings[0])):  # a number that nobody writes may be two named mistakes
        pairs = [f for f in search(account, target, 2) if all(one.weight < 3 for one in f.mistakes)]
        findings = cheapest(pairs) or findings
    if not findings and (precision := coarse(case, target, dtype)) is not None:
        options = (in_precision(account, case, target, precision, size) for size in (1, 2))
        findings = next((one for one in options if one), ())
    if findings:
        return Explanation(findings, difference, degenerate)
    with np.errstate(all="ignore"):
        looks, near = pattern(case, target, difference), nearest(account, target)
    return Explanation((), difference, degenerate, looks, near)


def _is_long(finding: Finding) -> bool:
    """Say whether it holds a number without a name of more than one digit, such as 4/21 but not 0.1."""
    return any(
        one.weight == 3 and not math.isclose(value, float(f"{value:.0e}"), rel_tol=1e-9)
        for one in finding.mistakes
        for value in one.recovered.values()
    )


def _is_real(array: Array) -> bool:
    return np.asarray(array).dtype.kind in "biuf"
