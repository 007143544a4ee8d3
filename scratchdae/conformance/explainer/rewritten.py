"""Look for the one change of a formula, or the two, that reproduce answers which no known mistake explains.

Every operation is told in plain NumPy (`scratchdae.conformance.plain`); `edits` has the changes that are tried. One is
told where it reproduces every array of every case that nothing else explains; of those that compute the same on other
numbers too, the least far-fetched.
"""

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Switch, Told, Unknown, Wrong
from scratchdae.conformance.explainer.edits import Edit, apart
from scratchdae.conformance.explainer.finding import Finding, Mistake
from scratchdae.conformance.explainer.formula import Formula, Made
from scratchdae.conformance.explainer.recognised import is_short, number
from scratchdae.conformance.explainer.recovery import EVIDENCE, recover
from scratchdae.conformance.explainer.target import Target
from scratchdae.conformance.plain import PLAIN

_AT_MOST = 3  # mistakes that compute different things on other numbers, and fit: more tell nothing
_NOTHING: Told = {}
_FEW = 64  # entries of the inputs, for each of which a formula is told again to differentiate it
_NOTHING_MORE = 1e-12  # a number that is 0, if that fits as well
_NONE = np.zeros(0)
_STARTS = (0.01, 0.1, 1.1, 10.0)  # of a number that is not known
_FORWARD = ("output", "value", "sample", "kl", "data_loss", "penalty", "loss", "map", "ssim")
_MANY = 4500  # edits of a formula, beyond which no two of them are tried that change the same arrays
_FIRSTS = 8  # edits that explain a part, to each of which a second one is looked for
NEARLY = 1e3  # allowances by which a case may be off without speaking against an edit


class Asked(NamedTuple):
    """An answer to a case: whether it is to be explained, or only speaks against what would change it."""

    case: Case
    target: Target
    open: bool


def _finding(made: Made) -> Finding:
    found = [_mistake(one, made) for one in made.edits]
    if made.scaled:
        words = (
            f"{' and '.join(sorted(made.scaled))} {'is' if len(made.scaled) == 1 else 'are'} multiplied by {made.by}"
        )
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


def _searched(formula: Formula, asked: Sequence[Asked], first: Asked) -> list[tuple[Finding, bool]]:
    first = _shortened(first)
    right = formula.told(Made(), first.case)
    if right is None or first.target.misfit(right) <= 1:
        return []
    tried = list(formula.edits(first.case))
    discrete = [Made((one,)) for one in tried if one.neutral is None]
    parts = [(made, told) for made in discrete if (told := formula.told(made, first.case)) is not None]
    apart_ = _different(parts, first.target)
    for stage in (_single, _forwards, _numbers, _pairs, _scaled, _nested, _numbers_ahead):
        some = parts if stage in (_single, _forwards, _scaled) else apart_
        fitting = stage(formula, tried, some, right, first)
        held = [(made, _against(formula, made, asked)) for made in fitting]
        fewest = min((against for _, against in held if against is not None), default=None)
        if fewest:  # a number that the other cases do not have explains nothing
            held = [(made, against) for made, against in held if all(one.neutral is None for one in made.edits)]
            fewest = fewest if any(against == fewest for _, against in held) else None
        if fewest is not None:
            return _distinct(formula, [made for made, against in held if against == fewest], first, fewest > 0)
    return []


def _different(parts: "_Parts", target: Target) -> "_Parts":
    """Keep of edits that compute the same here the least far-fetched."""
    found: dict[tuple[bytes, ...], tuple[Made, Told]] = {}
    for made, told in parts:
        numbers = tuple(_digits(told[name]) for name in target.found if name in told)
        if numbers not in found or made.edits[0].rank < found[numbers][0].edits[0].rank:
            found[numbers] = made, told
    return list(found.values())


def _digits(array: Array) -> bytes:
    """Return the leading digits of the numbers of an array, and its shape."""
    mantissa, exponent = np.frexp(array)
    return bytes(str(array.shape), "ascii") + np.rint(mantissa * 1e9).tobytes() + exponent.tobytes()


_Parts = list[tuple[Made, Told]]


def _single(_: Formula, __: list[Edit], parts: _Parts, ___: Told, first: Asked) -> list[Made]:
    return [made for made, told in parts if first.target.misfit(told) <= 1]


def _numbers(formula: Formula, tried: list[Edit], _: _Parts, right: Told, first: Asked) -> list[Made]:
    """Find edits with a number that reproduce the answer, and the number."""
    return list(_recovered(formula, tried, right, first.case, first.target))


def _numbers_ahead(formula: Formula, tried: list[Edit], parts: _Parts, right: Told, first: Asked) -> list[Made]:
    """Find edits with a number that reproduce what comes out: the rest is the gradient of that, or of another edit."""
    target = first.target
    ahead = [name for name in _FORWARD if name in target.found]
    if len(ahead) == len(target.found) or not any(map(target.off, ahead)):
        return []
    expected, found = ({name: arrays[name] for name in ahead} for arrays in (target.expected, target.found))
    if all(array.ndim == 0 for array in found.values()):  # one number tells of no other: its gradients have to
        few = sum(array.size for array in first.case.inputs.values()) <= _FEW
        return list(_recovered(formula, tried, right, first.case, target, differentiated=True)) if few else []
    fitting = list[Made]()
    for one in _recovered(formula, tried, right, first.case, Target(expected, found, target.relative)):
        beside = (other.edits[0] for other, _told in parts if apart(one.edits[0], other.edits[0]))
        both = (Made((*one.edits, other), one.value) for other in beside)
        for made in (one._replace(differentiated=True), *both):
            if (told := formula.told(made, first.case)) and target.misfit(told) <= 1:
                fitting.append(made)
    return fitting


def _recovered(
    formula: Formula, tried: list[Edit], right: Told, case: Case, target: Target, *, differentiated: bool = False
) -> Iterator[Made]:
    for edit in tried:
        if edit.neutral is not None:
            made = Made((edit,), differentiated=differentiated)
            near = () if abs(edit.neutral) > 1e6 else (1.1 * edit.neutral + 0.001,)
            switch = Switch("number", "", "", Unknown("number", edit.neutral, (), (*near, *_STARTS)))
            account = Account((), partial(_with_number, formula, made, case))
            for values, _named in recover(account, {}, [switch], target):
                zero = formula.told(made._replace(value=0.0), case) if abs(values["number"]) < _NOTHING_MORE else None
                made = made._replace(value=0.0 if zero and target.misfit(zero) <= 1 else values["number"])
                if _changed(formula.told(made, case) or {}, right, target) >= EVIDENCE:
                    yield made


def _forwards(formula: Formula, _: list[Edit], parts: _Parts, __: Told, first: Asked) -> list[Made]:
    """Find edits that reproduce what comes out, where the rest is the gradient of that."""
    target = first.target
    ahead = [name for name in _FORWARD if name in target.found]
    if not any(map(target.off, ahead)):
        return []
    made = [made._replace(differentiated=True) for made, told in parts
            if all(target.misfit_of(name, told) <= 1 for name in ahead)]  # fmt: skip
    return [one for one in made if (told := formula.told(one, first.case)) and target.misfit(told) <= 1]


def _scaled(formula: Formula, _: list[Edit], parts: _Parts, __: Told, first: Asked) -> list[Made]:
    """Find edits that reproduce the answer up to one factor, which some arrays have."""
    target, found = first.target, list[Made]()
    factors = {"2": 2.0, "1 / 2": 0.5, "-1": -1.0} | {name: float(size) for name, size in formula.sizes.items()}
    factors |= {f"1 / {name}": 1 / size for name, size in formula.sizes.items()}
    for made, told in parts:
        names = sorted(name for name in target.found if target.misfit_of(name, told) > 1)
        if not names or len(names) == len(target.found) or any(target.found[name].size < EVIDENCE for name in names):
            continue
        one, other = target.found[names[0]], told.get(names[0], _NONE)
        if one.shape == other.shape and other.any():
            at = np.abs(other).argmax()
            ratio = float(one.flat[at] / other.flat[at])
            for by in (by for by, factor in factors.items() if abs(ratio - factor) < 1e-6 * abs(factor)):
                whole = made._replace(scaled=frozenset(names), by=by)
                if (there := formula.told(whole, first.case)) and target.misfit(there) <= 1:
                    found.append(whole)
    return found


def _nested(formula: Formula, _: list[Edit], parts: _Parts, right: Told, first: Asked) -> list[Made]:
    """Find two edits of the same arrays: one of those that leave least of the difference, and another."""
    if len(parts) > _MANY:
        return []
    target = first.target
    near = [(float(r @ r), made) for made, told in parts if (r := target.residual(told)) is not None]
    found, seen = [], set[float]()
    whole = target.residual(right)
    for left, one in sorted(near, key=lambda entry: (entry[0], entry[1].cost)):
        if len(seen) == _FIRSTS or whole is None or left > 0.9 * float(whole @ whole):
            break
        if left in seen:
            continue
        seen.add(left)
        for other, _told in parts:
            if apart(one.edits[0], other.edits[0]):
                pair = Made((*one.edits, *other.edits))
                told = formula.told(pair, first.case)
                if told is not None and target.misfit(told) <= 1:
                    found.append(pair)
    return found


def _changed(told: Told, right: Told, target: Target) -> int:
    """Count the values of an answer that are not the right ones."""
    pairs = ((told[name], right[name]) for name in target.found if name in told)
    return sum(int((one != other).sum()) for one, other in pairs if one.shape == other.shape)


def _with_number(formula: Formula, made: Made, case: Case, wrong: Wrong) -> Told:
    neutral = made.edits[0].neutral
    assert neutral is not None
    return formula.told(made._replace(value=wrong.get("number", neutral)), case) or _NOTHING


def _pairs(formula: Formula, _: list[Edit], parts: _Parts, right: Told, first: Asked) -> list[Made]:
    """Find two edits: one that explains some arrays whole and harms none, and one that changes just the others."""
    target = first.target
    off = {name for name in target.found if target.off(name)}
    explains: dict[frozenset[str], list[Made]] = {}
    reach: list[tuple[Made, set[str]]] = []
    for made, told in parts:
        fits = {n for n in target.found if target.misfit_of(n, told) <= 1}
        changed = {
            n for n in target.found if not np.array_equal(told.get(n, _NONE), right.get(n, _NONE), equal_nan=True)
        }
        reach.append((made, changed))
        if fits & off and not (changed - off) - fits:
            explains.setdefault(frozenset(fits & off), []).append(made)
    found = []
    for whole, firsts in explains.items():
        for one in sorted(firsts, key=lambda made: made.cost)[:_FIRSTS]:
            for other, changed in reach:
                if off - whole <= changed and not changed & whole and apart(one.edits[0], other.edits[0]):
                    pair = Made((*one.edits, *other.edits))
                    if (both := formula.told(pair, first.case)) and target.misfit(both) <= 1:
                        found.append(pair)
    return found


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


def _distinct(formula: Formula, fitting: list[Made], first: Asked, refuted: bool) -> list[tuple[Finding, bool]]:
    """Return one of those that compute the same on other numbers; nothing where too many things fit."""
    rng = np.random.default_rng(0)
    case, names = first.case, set(first.target.found)
    other = {name: _moved(array, rng) for name, array in case.inputs.items()}
    groups: list[tuple[Told | None, Made]] = []
    for made in sorted(fitting, key=lambda one: one.cost):
        there = formula.run(made, {**case.conventions, **other})
        there = there and {name: array for name, array in there.items() if name in names}
        if not any(_same(there, known) for known, _ in groups):
            groups.append((there, made))
    return [(_finding(made), refuted) for _, made in groups] if len(groups) <= _AT_MOST else []


def _moved(array: Array, rng: np.random.Generator) -> Array:
    if array.dtype.kind != "f" or np.isin(array, (0.0, 1.0)).all():
        return array
    return array * rng.uniform(0.6, 1.0, array.shape)


def _same(one: Told | None, other: Told | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.keys() == other.keys() and all(
        one[n].shape == other[n].shape and np.allclose(one[n], other[n], rtol=1e-9, atol=1e-12, equal_nan=True)
        for n in one
    )
