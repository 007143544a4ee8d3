"""Compare answers with the right ones, and find the mistake's name: one that explains every case, if no other does."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.exercises.exercise import Case, Mistake
from scratchdae.exercises.explained import explained
from scratchdae.exercises.process import Answer
from scratchdae.exercises.rewritten import Rewritten

_CANNOT = (ArithmeticError, ValueError, TypeError, IndexError, AttributeError)  # a wrong function, on a case
_SEARCHED = 0.7  # seconds for two at once
_LOOSER = 5  # a name may fit a little less well than a right answer


@dataclass(frozen=True)
class Finding:
    """What is wrong with the answers of one function."""

    where: str  # the case, the array, the place and the numbers
    mistake: Mistake | None  # if it is known
    pattern: str = ""  # what all of the array's entries have in common, if anything


def judge(cases: Sequence[Case], answers: Sequence[Answer]) -> Finding | None:
    """Hold a function's answers to its cases, in order; None if all are right."""
    changed = [
        name
        for case, answer in zip(cases, answers, strict=True)
        for name in case.inputs
        if name not in answer.inputs or not _same(case.inputs[name], answer.inputs[name], 0.0)
    ]
    if changed:
        return Finding(f"{changed[0]} is not the same after the call as before", _in_place(changed[0]))
    expected = [case.measured(case.answer(case.task.reference)) for case in cases]
    found = [case.measured(answer.outputs) for case, answer in zip(cases, answers, strict=True)]
    for case, right, own in zip(cases, expected, found, strict=True):
        for name in right:
            if not _same(right[name], own[name], case.task.rtol):
                pattern = _pattern(cases, expected, found, name)
                where = f"{case.label}: {_where(name, right[name], own[name], case.task.rtol)}"
                known = _named(cases, answers, expected, found) or (pattern if isinstance(pattern, Mistake) else None)
                known = (
                    known
                    or _order(cases, expected, found)
                    or _two(cases, expected, found)
                    or _each(cases, expected, found)
                    or explained(cases, expected, found)
                )
                return Finding(where, known, pattern if isinstance(pattern, str) else "")
    for mistake in cases[0].task.mistakes if cases else ():
        pairs = zip(cases, found, expected, strict=True)
        if (
            mistake.always
            and mistake.shows
            and all(mistake.shows(case.inputs, own, right) for case, own, right in pairs)
        ):
            return Finding("right to five digits, and not in what is left", mistake)
    return _of_its_own(cases, answers)


def _of_its_own(cases: Sequence[Case], answers: Sequence[Answer]) -> Finding | None:
    """Tell whether two generators got the same answer, or one two."""
    for (case, answer), (other, another) in pairwise(zip(cases, answers, strict=True)):
        names = {name for name in case.inputs if not np.array_equal(case.inputs[name], other.inputs[name])}
        same = all(map(np.array_equal, answer.outputs.values(), another.outputs.values()))
        if same == bool(names) and names <= {"seed"}:
            mistake = Mistake(
                "a generator of its own",
                "Where do your random numbers come from?",
                "The answer is not decided by rng: draw from it, and neither from np.random nor by a seed of your own.",
            )
            said = "is the same for two different generators" if same else "differs between two calls with the same one"
            return Finding(f"{', '.join(answer.outputs)} {said}", mistake)
    return None


def _named(
    cases: Sequence[Case], answers: Sequence[Answer], expected: Sequence[Params], found: Sequence[Params]
) -> Mistake | None:
    """Return the one mistake whose answers these are, in all cases; else the first, the most special, that shows."""
    table = cases[0].task.mistakes
    exact = [mistake for mistake in table if mistake.wrong and _explains(mistake, cases, expected, found)]
    if exact:
        return _either(exact)
    for mistake in table:
        try:
            if mistake.shows is not None and all(
                mistake.shows(case.inputs, answer.outputs, right)
                for case, answer, right in zip(cases, answers, expected, strict=True)
            ):
                return mistake
        except (ArithmeticError, ValueError, IndexError):  # an answer of another shape
            continue
    return None


def _explains(mistake: Mistake, cases: Sequence[Case], expected: Sequence[Params], found: Sequence[Params]) -> bool:
    """Tell whether a wrong function answers every case as the student's, and not all of them rightly."""
    assert mistake.wrong is not None
    differs = False
    for case, right, own in zip(cases, expected, found, strict=True):
        try:
            wrong = case.measured(case.answer(mistake.wrong))
        except _CANNOT:
            return False
        if any(not _same(wrong[name], own[name], _LOOSER * case.task.rtol) for name in right):
            return False
        differs = differs or any(not _same(wrong[name], right[name], _LOOSER * case.task.rtol) for name in right)
    return differs


def _order(cases: Sequence[Case], expected: Sequence[Params], found: Sequence[Params]) -> Mistake | None:
    """Tell whether the answers are the right ones in another order."""
    names = list(expected[0]) if cases[0].task.measure is None else []
    places = dict[str, str]()
    for name in names:
        own = [{"": one[name]} for one in found]
        places[name] = next((n for n in names if _alike(cases, [{"": one[n]} for one in expected], own)), "")
    moved = [name for name in names if places[name] != name]
    if not moved or sorted(places.values()) != sorted(names):
        return None
    sentence = f"{moved[0]} and {moved[1]} come back in the wrong order."
    if len(moved) > 2:
        sentence = f"The answers come back in the wrong order: {', '.join(places.values())}."
    return Mistake("exchanged", "In which order are the answers asked for?", sentence)


def _each(cases: Sequence[Case], expected: Sequence[Params], found: Sequence[Params]) -> Mistake | None:
    """Name what is wrong with each of several answers, one by one; what has no name is told to be there."""
    task, hits, rest = cases[0].task, list[Mistake](), list[str]()
    if task.measure is not None or len(task.outputs) == 1:
        return None
    near = [m for m in task.mistakes if (one := _answers(m.wrong, cases[-1:])) and _right(cases[-1:], one, found[-1:])]
    told = [(mistake, of) for mistake in near if (of := _answers(mistake.wrong, cases))]
    for name in task.outputs:
        right, own = ([{name: one[name]} for one in many] for many in (expected, found))
        if _alike(cases, right, own):
            continue
        factors, hit = _ratios(cases, right, own), None
        hit = next((_factor(name, text) for text in _FACTORS if _are((text,), cases, factors)), None)
        hit = hit or next((_factors(name, pair) for pair in _PAIRS if _are(pair, cases, factors)), None)
        known = [
            (len(_right(cases, of, expected)), m)
            for m, of in told
            if _alike(cases, [{name: one[name]} for one in of], own)
        ]
        hit = hit or (max(known, key=lambda pair: pair[0])[1] if known else None)  # the one that changes least
        if hit is None and all(r[name].T.shape == o[name].shape for r, o in zip(right, own, strict=True)):
            turned = [{name: one[name].T} for one in right]
            hit = _transposed(name) if right[0][name].ndim == 2 and _alike(cases, turned, own) else None
        rest += [] if hit else [name]
        hits += [hit] if hit and hit not in hits else []
    if not hits or len(hits) > 3 or (not rest and len(hits) == 1):
        return None
    for more in hits[1:]:
        hits[0] = _both(hits[0], more)
    if not rest:
        return hits[0]
    return Mistake(hits[0].id + " and more", hits[0].question, f"{hits[0].sentence} Also not right: {', '.join(rest)}.")


def _alike(cases: Sequence[Case], one: Sequence[Params], other: Sequence[Params]) -> bool:
    """Tell whether two answers are the same in every case."""
    return all(
        _same(a[name], b[name], _LOOSER * case.task.rtol)
        for case, a, b in zip(cases, one, other, strict=True)
        for name in a
    )


def _answers(wrong: Callable[..., Any] | None, cases: Sequence[Case]) -> list[Params]:
    """Return what a wrong function answers; nothing if it cannot."""
    try:
        return [case.answer(wrong) for case in cases] if wrong else []
    except _CANNOT:
        return []


def _two(cases: Sequence[Case], expected: Sequence[Params], found: Sequence[Params]) -> Mistake | None:
    """Name two things at once: two lines that read otherwise, a factor of a mistake's answers, or two factors."""
    task, hits = cases[0].task, list[Mistake]()
    if task.measure is not None:
        return None
    whole = _ratios(cases, expected, found)
    texts = [text for text in _FACTORS if text not in ("B·D", "1/(B·D)", "B/D")]  # two of the others
    last, own = cases[-1:], found[-1:]
    right = _right(last, own, expected[-1:])
    fit = [(m, _right(last, of, expected[-1:])) for m in task.mistakes if (of := _answers(_lines(m), last))]
    end = time.process_time() + _SEARCHED
    for (first, one_right), (second, other_right) in combinations(fit, 2):
        if time.process_time() > end:
            break
        if one_right & other_right == right:  # what neither of them touches
            wrong = first.wrong.joined(second.wrong)  # type: ignore[union-attr]
            told = _answers(wrong, last)
            if told and _alike(last, told, own) and _alike(cases, _answers(wrong, cases), found):
                hits.append(_both(first, second))
    for one, other in combinations(texts, 2) if whole and not hits else ():
        if _are((one, other), cases, whole):
            hits.append(_both(_factor("The answer", one), _factor("it", other)))
    for mistake in task.mistakes if not whole and not hits else ():
        told = _answers(mistake.wrong, last)
        told = _answers(mistake.wrong, cases) if told and _ratios(last, told, own) else []
        ratios = _ratios(cases, told, found) if told else []
        known = [_both(mistake, _factor("it", text)) for text in _FACTORS if _are((text,), cases, ratios)]
        hits += known or [_both(mistake, _factors("it", pair)) for pair in _PAIRS if _are(pair, cases, ratios)][:1]
    return _either(hits)


def _lines(mistake: Mistake) -> Rewritten | None:
    return mistake.wrong if isinstance(mistake.wrong, Rewritten) else None


def _right(cases: Sequence[Case], answers: Sequence[Params], expected: Sequence[Params]) -> set[str]:
    """Return the names of those answers that are right."""
    return {
        name
        for name in expected[0]
        if _alike(cases, [{name: one[name]} for one in expected], [{name: one[name]} for one in answers])
    }


def _either(hits: Sequence[Mistake]) -> Mistake | None:
    """Say all that fit, if they are few."""
    hits = list({hit.sentence: hit for hit in hits}.values())
    if len(hits) < 2:
        return hits[0] if hits else None
    if len(hits) > 3:
        return None
    sentence = f"{len(hits)} things would give these numbers. " + " Or: ".join(hit.sentence for hit in hits)
    return Mistake(" or ".join(hit.id for hit in hits), hits[0].question, sentence)


def _both(one: Mistake, other: Mistake) -> Mistake:
    question = f"There are two things in it. {one.question} And: {other.question}"
    return Mistake(f"{one.id} and {other.id}", question, f"{one.sentence} And {other.sentence}")


def _ratios(cases: Sequence[Case], told: Sequence[Params], found: Sequence[Params]) -> list[float]:
    """Return how many times too large all that differs is, case by case; nothing if no one factor says it."""
    ratios = list[float]()
    for case, answer, own in zip(cases, told, found, strict=True):
        of_case = set[float]()
        for name, array in answer.items():
            if array.shape != own[name].shape or not (np.isfinite(array).all() and np.isfinite(own[name]).all()):
                return []
            ratio = float((array * own[name]).sum() / ((array * array).sum() or 1.0))
            if not _same(ratio * array, own[name], _LOOSER * case.task.rtol) or not ratio:
                return []
            of_case |= {float(f"{ratio:.4g}")} - {1.0}
        if len(of_case) != 1:
            return []
        ratios += of_case
    return ratios


def _are(texts: Sequence[str], cases: Sequence[Case], ratios: Sequence[float]) -> bool:
    """Tell whether ratios are the product of some factors in every case."""
    products = [math.prod(_FACTORS[text][0](case.sizes) for text in texts) for case in cases]
    return bool(ratios) and all(abs(own / ratio - 1) < 1e-3 for own, ratio in zip(products, ratios, strict=True))


def _same(one: Array, other: Array, rtol: float) -> bool:
    """Tell whether two arrays are equal, within a part of the first one's largest finite entry."""
    if one.shape != other.shape:
        return False
    finite = np.isfinite(one)
    with np.errstate(all="ignore"):
        scale = np.abs(one[finite]).max(initial=0.0)
        if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
            return False
        return bool((np.abs(one[finite].astype(float) - other[finite].astype(float)) <= rtol * (scale or 1.0)).all())


def _where(name: str, right: Array, own: Array, rtol: float) -> str:
    """Say the first place that differs most plainly: a shape, a number that is none, or the largest difference."""
    if right.shape != own.shape:
        return f"{name} has shape {own.shape}, expected {right.shape}"
    with np.errstate(all="ignore"):
        apart = np.abs(np.asarray(own - right, float))
    index = (
        np.unravel_index(int(np.argmax(np.where(np.isnan(apart), np.inf, apart))), apart.shape) if right.ndim else ()
    )
    place = f"{name}[{', '.join(map(str, index))}]" if index else name
    wrong = int((apart > rtol * np.abs(right[np.isfinite(right)]).max(initial=0)).sum() + np.isnan(apart).sum())
    share = f" ({wrong} of {right.size} entries differ)" if right.size > 1 else ""
    one, other = float(own[index]), float(right[index])
    n = next((n for n in (6, 9, 12) if f"{one:.{n}g}" != f"{other:.{n}g}"), 17)  # digits that tell them apart
    return f"{place} is {one:.{n}g}, expected {other:.{n}g}{share}"


def _pattern(cases: Sequence[Case], expected: Sequence[Params], found: Sequence[Params], name: str) -> Mistake | str:
    """Find what the array's entries have in common with the right ones, in every case."""
    pairs = [(case, right[name], own[name]) for case, right, own in zip(cases, expected, found, strict=True)]
    only = all(
        _same(right[other], own[other], 1e-4)
        for right, own in zip(expected, found, strict=True)
        for other in right
        if other != name
    )
    if all(right.ndim == 2 and right.shape != own.shape and _same(right.T, own, 1e-4) for _, right, own in pairs):
        return _transposed(name) if only else f"{name} is the transpose of what is expected"
    if all(right.size == own.size and _same(right, own.reshape(right.shape), 1e-4) for _, right, own in pairs):
        return Mistake(
            "another shape", f"Which shape should {name} have?", f"The numbers of {name} are right, not its shape."
        )
    if any(right.shape != own.shape or (case.task.measure and right.ndim == 0) for case, right, own in pairs):
        return ""
    factors = list[Any]()
    for case, right, own in pairs:
        if not (np.isfinite(own).all() and np.isfinite(right).all() and right.any()):
            return ""
        factor = float((right * own).sum() / (right * right).sum())
        if not _same(factor * right, own, 1e-4) or factor == 0:
            return _part(right, own, name, case.task.rtol)
        if abs(factor - 1) > 1e-4:
            factors.append((case, factor))
    for text in _FACTORS:
        if _are((text,), [case for case, _ in factors], [factor for _, factor in factors]):
            return _factor(name, text) if only else f"{name} is {text} times what is expected, in every entry"
    every = ", in every entry of this case" if pairs[0][1].size > 1 else ""
    return f"{name} is {factors[0][1]:.4g} times what is expected{every}" if factors else ""


_FACTORS: dict[str, tuple[Callable[[Mapping[str, int]], float], str, str]] = {  # value, question, sentence
    "−1": (lambda _: -1, "Which way does it point?", "the sign is turned"),
    "2": (lambda _: 2, "Does a square leave a factor behind, or is something added twice?", "a factor 2 too many"),
    "1/2": (
        lambda _: 1 / 2,
        "Does a square leave a factor behind, or is something divided by 2?",
        "a factor 2 is missing",
    ),
    "B": (lambda n: n["B"], "Is the loss a sum over the batch, or a mean?", "a sum over the batch, not a mean"),
    "1/B": (lambda n: 1 / n["B"], "How often is it divided by the number of examples?", "divided by B too often"),
    "D": (lambda n: n["D"], "Is one example's loss a sum over D, or a mean?", "multiplied by D"),
    "1/D": (lambda n: 1 / n["D"], "Is one example's loss a sum over D, or a mean?", "averaged over D too"),
    "B·D": (lambda n: n["B"] * n["D"], "By how many numbers is it divided?", "a sum over everything"),
    "1/(B·D)": (lambda n: 1 / (n["B"] * n["D"]), "By how many numbers is it divided?", "divided by B·D too often"),
    "B/D": (lambda n: n["B"] / n["D"], "Over which axis is the mean taken?", "a mean over D where one over B is meant"),
    "1/H": (lambda n: 1 / n["H"], "Over which axis is the mean taken?", "divided by H"),
    "H": (lambda n: n["H"], "Over which axis is the mean taken?", "multiplied by H"),
}


_PAIRS = list(combinations(("−1", "2", "1/2", "B", "1/B", "D", "1/D", "1/(B·D)"), 2))


def _factors(name: str, pair: Sequence[str]) -> Mistake:
    return _both(_factor(name, pair[0]), _factor(name, pair[1]))


def _factor(name: str, text: str) -> Mistake:
    _, question, why = _FACTORS[text]
    return Mistake(f"factor {text}", question, f"{name} is {text} times what it should be: {why}.")


def _transposed(name: str) -> Mistake:
    return Mistake(
        "transposed",
        f"Which shape should {name} have, and which one has yours?",
        f"{name} is transposed: its rows and columns are exchanged.",
    )


def _in_place(name: str) -> Mistake:
    return Mistake(
        "in place",
        f"What does the caller find in {name} after your function has run?",
        f"{name} is changed in place: `-=`, `out=` and slices write into the caller's array. Use a new one.",
    )


def _part(right: Array, own: Array, name: str, rtol: float) -> str:
    """Say if the differences lie in one row or column."""
    if right.ndim != 2:
        return ""
    apart = np.abs(own - right) > rtol * np.abs(right).max()
    for axis, kind in ((1, "row"), (0, "column")):
        touched = np.flatnonzero(apart.any(axis=axis))
        if len(touched) == 1 and apart.shape[1 - axis] > 1:
            return f"only {kind} {touched[0]} of {name} differs"
    return ""
