"""Recognise float32, half and bfloat16 arithmetic in an answer that should be of more precision.

Its rounding cannot be told again, since it depends on the order of every sum. But its traces are unmistakable: every
array holds numbers of that precision alone, and all is right as far as those can be.
"""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account
from scratchdae.conformance.explainer.finding import Finding, Mistake
from scratchdae.conformance.explainer.search import search
from scratchdae.conformance.explainer.target import Target

_SENTENCE = "it is computed in {}: its values are {} numbers, and they agree as far as such numbers can"
FLOAT32, HALF, BFLOAT16 = PRECISIONS = (
    Mistake("float32", _SENTENCE.format("float32", "float32")),
    Mistake("float16", _SENTENCE.format("half precision, float16", "float16")),
    Mistake("bfloat16", _SENTENCE.format("bfloat16", "bfloat16")),
)
_BITS = {"float32": 24, "float16": 11, "bfloat16": 8}  # of the mantissa, the first one included
_RANGE = {"float32": 3.5e38, "float16": 65504.0, "bfloat16": 3.4e38}
ROUNDINGS = 16.0  # units in the last place by which a value may be off after a few sums


def coarse(case: Case, target: Target, dtype: str) -> Mistake | None:
    """Return the lowest precision of which every array of an answer is, if that is less than `dtype`."""
    arrays = [found for name, found in target.found.items() if case.expected[name].dtype.kind == "f"]
    told = any(not _is_of(case.expected[name], "float32") for name in target.found if target.off(name))
    for one in reversed(PRECISIONS):
        if one.id != dtype and told and arrays and all(_is_of(array, one.id) for array in arrays):
            return one
    return None


def in_precision(account: Account, case: Case, target: Target, one: Mistake, size: int) -> tuple[Finding, ...]:
    """Find all sets of `size` mistakes, of which the arithmetic is one."""
    relative = case.tolerance("float32") if one is FLOAT32 else ROUNDINGS * 2.0 ** -_BITS[one.id]
    wide = Target(target.expected, target.found, relative)
    if size == 1:
        return (Finding((one,)),) if wide.misfit(account.told({})) <= 1 else ()
    # what half precision leaves open would let wrong names fit
    found = search(account, wide, size - 1) if one is FLOAT32 else ()
    return tuple(Finding((*finding.mistakes, one)) for finding in found if finding.weight < 3)


def _is_of(array: Array, precision: str) -> bool:
    """Say whether an array holds nothing but numbers of a precision."""
    values = np.asarray(array, np.float64)
    values = values[np.isfinite(values) & (values != 0)]
    mantissa = np.frexp(values)[0] * 2.0 ** _BITS[precision]
    return bool((np.abs(values) <= _RANGE[precision]).all() and np.array_equal(mantissa, np.rint(mantissa)))
