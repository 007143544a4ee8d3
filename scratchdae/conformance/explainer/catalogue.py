"""Every mistake that the explainer knows, in one list, for tests and for people who write about them.

The list is read off the accounts of the cases, so it holds what the search can find and nothing else.
"""

from collections.abc import Iterable

from scratchdae.conformance.case import Case, load_cases
from scratchdae.conformance.explainer.account import Named, Switch
from scratchdae.conformance.explainer.accounts import ACCOUNTS
from scratchdae.conformance.explainer.precision import FLOAT32
from scratchdae.conformance.explainer.presentation import ANY_SHAPE


def known_mistakes(cases: Iterable[Case] | None = None) -> dict[str, dict[str, str]]:
    """Return what each known mistake is in words, by its name and by the operations in which it can be made.

    The words are those for the first case with it, and that case's numbers are in them; ``{value}`` stands for one that
    only an answer betrays. A finding goes on after ``transposed`` with the arrays, as in ``transposed:W``.
    """
    known: dict[str, dict[str, str]] = {}
    for case in load_cases() if cases is None else cases:
        for switch in ACCOUNTS[case.operation](case, case.expected, "float64").switches:
            rows: tuple[Switch | Named, ...] = (switch, *(switch.unknown.named if switch.unknown else ()))
            for one in rows:
                known.setdefault(one.id, {}).setdefault(case.operation, one.sentence)
    anywhere = (*ANY_SHAPE, (FLOAT32.id, FLOAT32.sentence))
    return known | {id: dict.fromkeys(ACCOUNTS, sentence) for id, sentence in anywhere}
