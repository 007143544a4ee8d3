"""Ways to explain an answer by changes of a formula, from the simplest: one edit, one with a number in it, two."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Switch, Told, Unknown, Wrong
from scratchdae.conformance.explainer.edits import Edit, apart
from scratchdae.conformance.explainer.formula import Formula, Made
from scratchdae.conformance.explainer.recovery import EVIDENCE, recover
from scratchdae.conformance.explainer.target import Target

FEW = 64  # entries of the inputs, for each of which a formula is told again to differentiate it
MANY = 4500  # edits of a formula, beyond which no two of them are tried that change the same arrays
FIRSTS = 8  # edits that explain a part, to each of which a second one is looked for
STARTS = (0.01, 0.1, 1.1, 10.0)  # of a number that is not known
NOTHING = 1e-12  # a number that is 0, if that fits as well
FORWARD = ("output", "value", "sample", "kl", "data_loss", "penalty", "loss", "map", "ssim")  # what comes out
_NONE = np.zeros(0)
_Parts: TypeAlias = list[tuple[Made, Told]]


class Search(NamedTuple):
    """An answer to a case, and what the edits of its formula make of the case."""

    formula: Formula
    case: Case
    target: Target  # the answer
    right: Told  # what the formula makes of the case
    tried: list[Edit]
    parts: _Parts  # those that hold no number, one by one, and what they make of it
    different: _Parts  # of those that compute the same here the least far-fetched

    @classmethod
    def of(cls, formula: Formula, case: Case, target: Target, right: Told) -> "Search":
        """Make every edit."""
        tried = list(formula.edits(case))
        made = (Made((edit,)) for edit in tried if edit.neutral is None)
        parts = [(one, told) for one in made if (told := formula.told(one, case)) is not None]
        return cls(formula, case, target, right, tried, parts, _different(parts, target))

    def fits(self, made: Made) -> bool:
        """Say whether edits reproduce the answer."""
        told = self.formula.told(made, self.case)
        return told is not None and self.target.misfit(told) <= 1

    @property
    def ahead(self) -> list[str]:
        """Name the arrays of the answer that come out forwards, if one of them is off."""
        names = [name for name in FORWARD if name in self.target.found]
        return names if any(map(self.target.off, names)) else []


def _different(parts: _Parts, target: Target) -> _Parts:
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


def single(search: Search) -> list[Made]:
    """Find edits that reproduce the answer."""
    return [made for made, told in search.parts if search.target.misfit(told) <= 1]


def forwards(search: Search) -> list[Made]:
    """Find edits that reproduce what comes out, where the rest is the gradient of that."""
    if not search.ahead:
        return []
    fits = (made for made, told in search.parts
            if all(search.target.misfit_of(name, told) <= 1 for name in search.ahead))  # fmt: skip
    return [one for made in fits if search.fits(one := made._replace(differentiated=True))]


def numbers(search: Search) -> list[Made]:
    """Find edits with a number that reproduce the answer, and the number."""
    return list(_recovered(search, search.target))


def pairs(search: Search) -> list[Made]:
    """Find two edits: one that explains some arrays whole and harms none, and one that changes just the others."""
    target = search.target
    off = {name for name in target.found if target.off(name)}
    explains: dict[frozenset[str], list[Made]] = {}
    reach: list[tuple[Made, set[str]]] = []
    for made, told in search.different:
        fits = {name for name in target.found if target.misfit_of(name, told) <= 1}
        changed = {name for name in target.found if not _alike(told.get(name, _NONE), search.right.get(name, _NONE))}
        reach.append((made, changed))
        if fits & off and not (changed - off) - fits:
            explains.setdefault(frozenset(fits & off), []).append(made)
    found = []
    for whole, firsts in explains.items():
        for one in sorted(firsts, key=lambda made: made.cost)[:FIRSTS]:
            for other, changed in reach:
                if off - whole <= changed and not changed & whole and apart(one.edits[0], other.edits[0]):
                    found.append(Made((*one.edits, *other.edits)))
    return [made for made in found if search.fits(made)]


def scaled(search: Search) -> list[Made]:
    """Find edits that reproduce the answer up to one factor, which some arrays have."""
    target, sizes, found = search.target, search.formula.sizes, list[Made]()
    factors = {"2": 2.0, "1 / 2": 0.5, "-1": -1.0} | {name: float(size) for name, size in sizes.items()}
    factors |= {f"1 / {name}": 1 / size for name, size in sizes.items()}
    for made, told in search.parts:
        names = sorted(name for name in target.found if target.misfit_of(name, told) > 1)
        if not names or len(names) == len(target.found) or any(target.found[name].size < EVIDENCE for name in names):
            continue
        one, other = target.found[names[0]], told.get(names[0], _NONE)
        if one.shape == other.shape and other.any():
            at = np.abs(other).argmax()
            ratio = float(one.flat[at] / other.flat[at])
            found += [made._replace(scaled=frozenset(names), by=by) for by, factor in factors.items()
                      if abs(ratio - factor) < 1e-6 * abs(factor)]  # fmt: skip
    return [made for made in found if search.fits(made)]


def nested(search: Search) -> list[Made]:
    """Find two edits of the same arrays: one of those that leave least of the difference, and another."""
    target, whole = search.target, search.target.residual(search.right)
    if len(search.different) > MANY or whole is None:
        return []
    near = [(float(r @ r), made) for made, told in search.different if (r := target.residual(told)) is not None]
    near = sorted(
        (entry for entry in near if entry[0] < 0.9 * float(whole @ whole)), key=lambda one: (one[0], one[1].cost)
    )
    firsts = dict(reversed(near))  # one for each share that is left
    found = []
    for left in sorted(firsts)[:FIRSTS]:
        beside = (other.edits[0] for other, _ in search.different)
        options = (Made((firsts[left].edits[0], other)) for other in beside if apart(firsts[left].edits[0], other))
        found += [made for made in options if search.fits(made)]
    return found


def numbers_ahead(search: Search) -> list[Made]:
    """Find edits with a number that reproduce what comes out: the rest is the gradient of that, or of another edit."""
    target, ahead = search.target, search.ahead
    if not ahead or len(ahead) == len(target.found):
        return []
    expected, found = ({name: arrays[name] for name in ahead} for arrays in (target.expected, target.found))
    if all(array.ndim == 0 for array in found.values()):  # one number tells of no other: its gradients have to
        few = sum(array.size for array in search.case.inputs.values()) <= FEW
        return list(_recovered(search, target, differentiated=True)) if few else []
    fitting = list[Made]()
    for one in _recovered(search, Target(expected, found, target.relative)):
        beside = (other.edits[0] for other, _ in search.different if apart(one.edits[0], other.edits[0]))
        both = (Made((*one.edits, other), one.value) for other in beside)
        fitting += [made for made in (one._replace(differentiated=True), *both) if search.fits(made)]
    return fitting


STAGES = (single, forwards, numbers, pairs, scaled, nested, numbers_ahead)


def _recovered(search: Search, target: Target, *, differentiated: bool = False) -> Iterator[Made]:
    """Yield edits with the number with which they come to a target, if more than one value of it tells so."""
    for edit in search.tried:
        if edit.neutral is not None:
            made = Made((edit,), differentiated=differentiated)
            near = () if abs(edit.neutral) > 1e6 else (1.1 * edit.neutral + 0.001,)
            switch = Switch("number", "", "", Unknown("number", edit.neutral, (), (*near, *STARTS)))
            account = Account((), partial(_with_number, search, made))
            for values, _ in recover(account, {}, [switch], target):
                found = made._replace(value=values["number"])
                if abs(found.value) < NOTHING and target.misfit(_told(search, made._replace(value=0.0))) <= 1:
                    found = made._replace(value=0.0)
                if _changed(_told(search, found), search.right, target) >= EVIDENCE:
                    yield found


def _with_number(search: Search, made: Made, wrong: Wrong) -> Told:
    return _told(search, made._replace(value=wrong.get("number", made.edits[0].neutral)))


def _told(search: Search, made: Made) -> Told:
    return search.formula.told(made, search.case) or {}


def _changed(told: Told, right: Told, target: Target) -> int:
    """Count the values of an answer that are not the right ones."""
    pairs = ((told[name], right[name]) for name in target.found if name in told)
    return sum(int((one != other).sum()) for one, other in pairs if one.shape == other.shape)


def _alike(one: Array, other: Array) -> bool:
    return np.array_equal(one, other, equal_nan=True)
