"""Compare an answer with a case: names, shapes, dtypes, then the values in the order in which they are computed.

The order is the point. A wrong z makes every gradient wrong; whoever reads of twelve wrong arrays looks at the wrong
one. So the comparison stops at the first array that disagrees, and says where, by how much, and in which unit.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, choice
from scratchdae.conformance.case import Case
from scratchdae.conformance.manifest import DTYPES

VALUE = 10.0  # how many times the relative tolerance of the largest value each small one has
_LEAST = 1e-300  # below which nothing is divided by
_KINDS = {"float64": "f", "int64": "iu", "bool": "b"}  # integers of any width hold a label or a choice


@dataclass(frozen=True)
class Difference:
    """The first thing in which an answer disagrees."""

    # ``names``, ``shape``, ``dtype``, or a stage of the case: ``forward``, ``loss``, ``gradients``, ``updates``
    stage: str
    array: str
    message: str  # what is wrong, in words and numbers
    index: tuple[int, ...] | None = None  # where its worst value is; None before values are compared
    expected: float | None = None  # that value
    found: float | None = None  # the one in its place
    error: float | None = None  # how far apart they are; inf where one of them is not finite
    allowed: float | None = None  # how far apart they may be
    # the error in units of the last place of `expected`, in the dtype of the adapter; None where that unit says
    # nothing, because the value is 0 or not finite
    ulp: float | None = None

    def __str__(self) -> str:
        return f"{self.stage}: {self.message}"


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison."""

    difference: Difference | None  # the first; None if all agrees
    agreed: tuple[str, ...]  # the arrays whose values were compared and agree
    # of these the largest error, as a fraction of the largest absolute value of its array; 0 if there are none
    largest: float
    relative: float  # the fraction that was allowed

    @property
    def agrees(self) -> bool:
        """Say whether nothing differs."""
        return self.difference is None


def compare(
    case: Case, answer: Mapping[str, Array], dtype: str = "float64", relative: float | None = None
) -> Comparison:
    """Compare an answer with what a case expects, up to the first array that disagrees.

    `dtype` is what the answer says it is computed in: its floating-point arrays must have it. `relative` is the error
    allowed, as a fraction of the largest absolute value of an array; if left out, the case's own.
    """
    choice("dtype", dtype, DTYPES)
    relative = case.tolerance(dtype) if relative is None else relative
    structural = _structure(case, answer, dtype)
    if structural is not None:
        return Comparison(structural, (), 0.0, relative)
    agreed, largest = list[str](), 0.0
    for stage, name in _order(case, answer):
        found, expected = answer[name], case.expected[name]
        error, scale = errors(found, expected), _scale(expected)
        allowed = _allowed(case, name, dtype, relative, scale)
        if error.size and not error.max() <= allowed:
            return Comparison(_worst(stage, name, found, expected, allowed, dtype), tuple(agreed), largest, relative)
        if name in by_value(case):
            lost = error > value_by_value(expected, relative, dtype)
            if lost.any():
                worst = _worst(
                    stage, name, found, expected, allowed, dtype, error / np.maximum(np.abs(expected), _LEAST)
                )
                return Comparison(worst, tuple(agreed), largest, relative)
        agreed.append(name)
        largest = max(largest, error.max() / scale if error.size and scale else 0.0)
    return Comparison(None, tuple(agreed), float(largest), relative)


def by_value(case: Case) -> tuple[str, ...]:
    """Name the arrays that are compared value by value as well: version 2 says them, in 1 they are of activations."""
    if case.spec > 1:
        return tuple(case.manifest.get("by_value", ()))
    return ("value",) if case.operation == "activation" else ()


def value_by_value(expected: Array, relative: float, dtype: str) -> Array:
    """Return how far each value by itself may be off: a function of one number is no sum whose small terms vanish.

    Ten times the tolerance of the largest leaves room for another exp; below the smallest normal number all is free.
    """
    allowed: Array = VALUE * relative * np.abs(expected) + float(np.finfo(dtype).tiny)
    return allowed


def errors(found: Array, expected: Array) -> Array:
    """Return the absolute differences: 0 where both are NaN or the same infinity, inf where only one is."""
    a, b = found.astype(np.float64), expected.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # inf − inf, and differences beyond the largest number
        apart = np.abs(a - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))


def _structure(case: Case, answer: Mapping[str, Array], dtype: str) -> Difference | None:
    """Compare names, shapes and dtypes."""
    missing = [name for name in case.required if name not in answer]
    if missing:
        there, one = ", ".join(answer) or "nothing", len(missing) == 1
        says = f"{', '.join(missing)} {'is' if one else 'are'} required and not there; the answer holds {there}"
        return Difference("names", missing[0], says)
    for name in answer:
        if name not in case.expected:
            what = "is an input" if name in case.inputs else "is unknown"
            return Difference("names", name, f"{name} {what}; expected are {', '.join(case.expected)}")
    for _, name in _order(case, answer):
        found, expected = answer[name].shape, case.expected[name].shape
        if found != expected:
            return Difference("shape", name, f"{name} has shape {found}, expected {expected}")
    for _, name in _order(case, answer):
        kind, found_dtype = case.expected[name].dtype.name, answer[name].dtype
        wanted = dtype if kind == "float64" else kind
        right = found_dtype == wanted if kind == "float64" else found_dtype.kind in _KINDS[kind]
        if not right:
            return Difference("dtype", name, f"{name} has dtype {found_dtype}, expected {wanted}")
    return None


def _order(case: Case, answer: Mapping[str, Array]) -> Iterator[tuple[str, str]]:
    """Give the stage and the name of each array of an answer, in the order of the case."""
    for stage, names in case.stages:
        for name in names:
            if name in answer:
                yield stage, name


def _scale(expected: Array) -> float:
    """Return the largest absolute value that is finite."""
    values = np.abs(expected[np.isfinite(expected)].astype(np.float64))
    return float(values.max()) if values.size else 0.0


def _allowed(case: Case, name: str, dtype: str, relative: float, scale: float) -> float:
    if name in case.exact or case.expected[name].dtype.kind != "f":
        return 0.0
    return relative * scale if scale else case.absolute_tolerance(dtype)


def _worst(
    stage: str, name: str, found: Array, expected: Array, allowed: float, dtype: str, of: Array | None = None
) -> Difference:
    error = errors(found, expected)
    index = tuple(int(i) for i in np.unravel_index(int((error if of is None else of).argmax()), error.shape))
    a, b, apart = float(found[index]), float(expected[index]), float(error[index])
    ulp = _ulp(apart, b, dtype) if expected.dtype.kind == "f" else None
    place = f"{name}[{', '.join(map(str, index))}]" if index else name
    limits = allowed if of is None else value_by_value(expected, allowed / (_scale(expected) or 1.0), dtype)
    disagree = int((~(error <= limits)).sum())
    allowed = float(np.broadcast_to(limits, error.shape)[index])
    count = f"; {disagree} of {error.size} values disagree" if error.size > 1 else ""
    distance = f"off by {apart:.3g}" + (f", {ulp:.3g} ulp" if ulp is not None else "")
    message = f"{place} is {_value(a, dtype)}, expected {_value(b, dtype)}: {distance}, allowed {allowed:.3g}{count}"
    return Difference(stage, name, message, index, b, a, apart, allowed, ulp)


def _ulp(error: float, expected: float, dtype: str) -> float | None:
    with np.errstate(over="ignore"):
        rounded = np.dtype(dtype).type(expected)
    if rounded == 0 or not math.isfinite(rounded) or not math.isfinite(error):
        return None
    return error / float(np.spacing(np.abs(rounded)))


def _value(value: float, dtype: str) -> str:
    """Write a number with the digits that its dtype has."""
    return f"{value:.{17 if dtype == 'float64' else 9}g}"
