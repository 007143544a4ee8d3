"""Look for the one change of a formula, or the two, that reproduce answers which no known mistake explains.

Every operation is told in plain NumPy (`scratchdae.conformance.plain`); `edits` has the changes that are tried,
`stages` how. One is told where it reproduces every array of every case that nothing else explains; of those that
compute the same on other numbers too, the least far-fetched.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Told
from scratchdae.conformance.explainer.edits import Edit
from scratchdae.conformance.explainer.finding import Finding, Mistake
from scratchdae.conformance.explainer.formula import Formula, Made
from scratchdae.conformance.explainer.recognised import is_short, number
from scratchdae.conformance.explainer.stages import STAGES, Search
from scratchdae.conformance.explainer.target import Target
from scratchdae.conformance.plain import PLAIN

AT_MOST = 3  # changes that compute different things on other numbers, and fit: more tell nothing
NEARLY = 1e3  # allowances by which a case may be off without speaking against an edit


class Asked(NamedTuple):
    """An answer to a case: whether it is to be explained, or only speaks against what would change it."""

    case: Case
    target: Target
    open: bool


def rewritten(asked: Sequence[Asked], kind: str) -> list[tuple[Finding, bool]]:
    """Return what explains all open answers, and whether others speak against it; nothing where nothing does."""
    if kind not in PLAIN:
        return []
    formula = Formula(PLAIN[kind])
    open_ = sorted((one for one in asked if one.open), key=lambda one: (-_off(one.target), one.target.size))
    smallest = min(range(len(open_)), key=lambda k: open_[k].target.size)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in sorted({0, min(1, len(open_) - 1), smallest}):
            if found := _searched(formula, asked, open_[k]):
                return found
    return []


def _off(target: Target) -> int:
    return sum(map(target.off, target.found))


def _searched(formula: Formula, asked: Sequence[Asked], first: Asked) -> list[tuple[Finding, bool]]:
    """Look for what explains one answer, and hold it to the others."""
    first = _shortened(first)
    right = formula.told(Made(), first.case)
    if right is None or first.target.misfit(right) <= 1:
        return []
    search = Search.of(formula, first.case, first.target, right)
    for stage in STAGES:
        held = [(made, against) for made in stage(search) if (against := _against(formula, made, asked)) is not None]
        # a number that the other cases do not have explains nothing
        held = [one for one in held if not one[1] or all(edit.neutral is None for edit in one[0].edits)]
        if held:
            fewest = min(against for _, against in held)
            return _distinct(search, [made for made, against in held if against == fewest], fewest > 0)
    return []


def _shortened(one: Asked) -> Asked:
    """Return the first steps of a training alone: what does not fit there need not be told to its end."""
    case, target = one.case, one.target
    if case.operation != "training":
        return one
    losses = target.found.get("losses", np.zeros(0))
    off = [*np.flatnonzero(~np.isclose(losses, case.expected["losses"], rtol=1e-9))] if losses.size else []
    steps = min(int(off[0]) + 2, 10) if off else 10
    names = ("losses", "W_after_1", *(["W_after_10"] if steps == 10 else []))
    expected = {name: case.expected[name] for name in names} | {"losses": case.expected["losses"][:steps]}
    found = {name: target.found[name] for name in names if name in target.found}
    if "losses" in found and found["losses"].shape == case.expected["losses"].shape:
        found["losses"] = found["losses"][:steps]
    inputs = {**case.inputs, "x": case.inputs["x"][:steps], "mask": case.inputs["mask"][:steps]}
    return Asked(
        dataclasses.replace(case, inputs=inputs, expected=expected), Target(expected, found, target.relative), True
    )


def _against(formula: Formula, made: Made, asked: Sequence[Asked]) -> int | None:
    """Count the answers that speak against edits; None where one of those does that are to be explained."""
    count = 0
    for one in asked:
        told = formula.told(made, one.case)
        misfit = np.inf if told is None else one.target.misfit(told, NEARLY)
        finite = all(np.isfinite(array).all() for array in one.target.found.values())
        if misfit <= 1 or (finite and misfit <= NEARLY) or not finite:
            continue
        if one.open:
            return None
        count += 1
    return count


def _distinct(search: Search, fitting: list[Made], refuted: bool) -> list[tuple[Finding, bool]]:
    """Return one of those that compute the same on other numbers; nothing where too many things fit."""
    rng = np.random.default_rng(0)
    given = {**search.case.conventions, **{name: _moved(array, rng) for name, array in search.case.inputs.items()}}
    groups: list[tuple[Told, Made]] = []
    for made in sorted(fitting, key=lambda one: one.cost):
        found = search.formula.run(made, given) or {}
        there = {name: array for name, array in found.items() if name in search.target.found}
        if not any(_same(there, known) for known, _ in groups):
            groups.append((there, made))
    return [(_finding(made), refuted) for _, made in groups] if len(groups) <= AT_MOST else []


def _moved(array: Array, rng: np.random.Generator) -> Array:
    if array.dtype.kind != "f" or np.isin(array, (0.0, 1.0)).all():
        return array
    return array * rng.uniform(0.6, 1.0, array.shape)


def _same(one: Told, other: Told) -> bool:
    return one.keys() == other.keys() and all(
        one[n].shape == other[n].shape and np.allclose(one[n], other[n], rtol=1e-9, atol=1e-12, equal_nan=True)
        for n in one
    )


def _finding(made: Made) -> Finding:
    found = [_mistake(one, made) for one in made.edits]
    if made.scaled:
        verb = "is" if len(made.scaled) == 1 else "are"
        words = f"{' and '.join(sorted(made.scaled))} {verb} multiplied by {made.by}"
        found.append(Mistake(f"formula:{words}", words, weight=2))
    return Finding(tuple(found))


def _mistake(edit: Edit, made: Made) -> Mistake:
    id, words = f"formula:{edit.sentence}", edit.sentence
    if made.differentiated:
        id, words = f"{id}:differentiated", f"{words}, and the gradients are those of that"
    if edit.neutral is None:
        return Mistake(id, words, weight=2)
    words = words.replace("{value}", number(made.value))
    return Mistake(id, words, {"number": made.value}, 2 if is_short(made.value) else 3)
