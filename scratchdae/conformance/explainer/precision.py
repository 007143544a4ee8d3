"""Recognise float32 arithmetic in an answer that should be float64.

Its rounding cannot be told again, since it depends on the order of every sum. But its traces are unmistakable: the
first array that is off holds float32 numbers alone, and all is right as far as those can be.
"""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account
from scratchdae.conformance.explainer.finding import Finding, Mistake
from scratchdae.conformance.explainer.search import search
from scratchdae.conformance.explainer.target import Target

FLOAT32 = Mistake(
    "float32", "it is computed in float32: its values are float32 numbers, and they agree as far as such numbers can"
)


def looks_like_float32(case: Case, target: Target) -> bool:
    """Say whether the first array that is off holds nothing but float32 numbers, while the case's holds others."""
    for _, names in case.stages:
        for name in names:
            if name in target.found and target.off(name):
                return _of_float32(target.found[name]) and not _of_float32(case.expected[name])
    return False


def with_float32(account: Account, target: Target, size: int) -> tuple[Finding, ...]:
    """Find all sets of `size` mistakes, of which float32 arithmetic is one; the target has float32's tolerance."""
    if size == 1:
        return (Finding((FLOAT32,)),) if target.misfit(account.told({})) <= 1 else ()
    return tuple(Finding((*finding.mistakes, FLOAT32)) for finding in search(account, target, size - 1))


def _of_float32(array: Array) -> bool:
    with np.errstate(over="ignore"):
        return np.array_equal(array.astype(np.float32).astype(np.float64), array, equal_nan=True)
