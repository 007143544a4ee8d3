"""Every mistake that the explainer knows, in one list, for tests and for people who write about them.

The list is read off the accounts of the cases, so it holds what the search can find and nothing else.
"""

from collections.abc import Iterable

from scratchdae.conformance.case import Case, load_cases
from scratchdae.conformance.explainer.account import Named, Switch
from scratchdae.conformance.explainer.accounts import ACCOUNTS
from scratchdae.conformance.explainer.precision import PRECISIONS
from scratchdae.conformance.explainer.presentation import ANY_SHAPE

_ANYWHERE = (*ANY_SHAPE, *((one.id, one.sentence) for one in PRECISIONS))
_KINDS = {"activation": "function", "clipping": "clip", "layer": "layer", "loss": "loss", "optimizer": "rule"}
_KINDS |= {"schedule": "schedule", "activity_penalty": "penalty"}


def concern(case: Case) -> str:
    """Return what a mistake in a case is one of: its operation, and of which kind if there are several."""
    kind = _KINDS.get(case.operation)
    return f"{case.operation} {case.conventions[kind]}" if kind else case.operation


def known_mistakes(cases: Iterable[Case] | None = None) -> dict[str, dict[str, str]]:
    """Return what each known mistake is in words, by its name and by what it can be made in, such as ``layer LSTM``.

    The words are those for the first case with it, and that case's numbers are in them; ``{value}`` stands for one that
    only an answer betrays. A finding goes on after ``transposed`` with the arrays, as in ``transposed:W``.
    """
    known: dict[str, dict[str, str]] = {}
    for case in load_cases() if cases is None else cases:
        rows: list[Switch | Named] = []
        for switch in ACCOUNTS[case.operation](case, case.expected, "float64").switches:
            rows += [switch, *(switch.unknown.named if switch.unknown else ())]
        for id, sentence in [*((row.id, row.sentence) for row in rows), *_ANYWHERE]:
            known.setdefault(id, {}).setdefault(concern(case), sentence)
    return known


def cases_with(mistake: str) -> list[str]:
    """Name the cases of this package in which a mistake can be made."""
    return [case.name for case in load_cases() if mistake in known_mistakes([case])]
