"""The cases in somebody else's test suite, a pytest test each.

::

@parametrize_with_vectors(MyAdapter(), expected_failures={"conv2d_same": "padding is not done yet"})
def test_agrees_with_the_reference(adapter, check):
    check(adapter)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scratchdae.conformance.candidate import InProcess
from scratchdae.conformance.case import Case
from scratchdae.conformance.report import AGREES, UNSUPPORTED
from scratchdae.conformance.runner import check_tolerances, choose, examine_case


@dataclass(frozen=True, eq=False)
class CaseCheck:
    """A case as a test."""

    case: Case

    def __call__(self, adapter: object) -> None:
        """Fail, and explain it, where an adapter disagrees or does not answer; skip what it does not support."""
        import pytest

        result = examine_case(InProcess(adapter), self.case)
        if result.status == UNSUPPORTED:
            pytest.skip(result.sentence())
        if result.status != AGREES:
            raise AssertionError("\n".join([f"{self.case.id}: {result.sentence()}", *result.explained()]))


def parametrize_with_vectors(
    adapter: object,
    expected_failures: Mapping[str, str] | None = None,
    *,
    cases: Iterable[Case] | None = None,
    groups: Iterable[str] | None = None,
) -> Any:
    """Make a pytest test of each case; the test takes the arguments `adapter` and `check`.

    Parameters
    ----------
    adapter : object
        The adapter.
    expected_failures : mapping of str to str, optional
        Why a case fails, by its NAME or GROUP/NAME. It must fail: one that starts to pass fails the suite until it is
        taken off.
    cases : iterable of Case, optional
        The cases. If left out, all of this package.
    groups : iterable of str, optional
        Take only those of these groups.

    Returns
    -------
    pytest.MarkDecorator
        For the test function.

    Raises
    ------
    ValueError
        If an expected failure is of no case or has no reason, or an argument is refused.
    """
    import pytest

    chosen = choose(cases, groups)
    check_tolerances(InProcess(adapter), chosen)
    reasons = _reasons(chosen, expected_failures or {})
    parameters = []
    for case in chosen:
        marks = (
            [pytest.mark.xfail(strict=True, raises=AssertionError, reason=reasons[case.id])]
            if case.id in reasons
            else []
        )
        parameters.append(pytest.param(adapter, CaseCheck(case), id=case.id, marks=marks))
    return pytest.mark.parametrize(("adapter", "check"), parameters)


def _reasons(cases: Iterable[Case], expected_failures: Mapping[str, str]) -> dict[str, str]:
    """Return the reasons by the ids of the cases."""
    ids = {name: case.id for case in cases for name in (case.name, case.id)}
    unknown = sorted(set(expected_failures) - set(ids))
    if unknown:
        raise ValueError(f"expected_failures must name cases that are run, found {', '.join(unknown)}")
    for name, reason in expected_failures.items():
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"expected_failures[{name!r}] must say why it fails, found {reason!r}")
    return {ids[name]: reason for name, reason in expected_failures.items()}
