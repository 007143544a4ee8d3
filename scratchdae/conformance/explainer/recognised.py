"""Numbers that people write: a recovered 0.0099999999999 is 0.01, and a factor of 3 is the size of the batch."""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from scratchdae.conformance.explainer.account import Named, Switch, Unknown

CLOSE = 1e-3  # of a recovered value to the one that is tried in its place; whether that reproduces the answer decides
NOTHING = 1e-5  # below which a recovered value may mean 0


class Candidate(NamedTuple):
    """What a recovered value may be meant to be."""

    value: float  # a number to try in its place
    named: Named | None  # its meaning, if it has one
    # whether it is so near, for a number so short, that this is no accident even if nothing else supports it
    exact: bool


def candidates(unknown: Unknown, value: float) -> Iterator[Candidate]:
    """Propose what a recovered value, with its rounding errors, is meant to be, the best known first."""
    for named in unknown.named:
        if abs(value - named.value) <= (CLOSE * abs(named.value) if named.value else NOTHING):
            yield Candidate(named.value, named, _no_accident(value, named.value, unknown, 3))
    for number, digits in _written(value):
        if abs(value - number) <= CLOSE * abs(number):
            yield Candidate(number, None, _no_accident(value, number, unknown, digits))


def _no_accident(value: float, meant: float, unknown: Unknown, digits: int) -> bool:
    """Say whether a value is known to three digits more than the number that it is taken for has."""
    return abs(value - meant) <= 10.0 ** -(digits + 3) * abs(meant - unknown.neutral)


def _written(value: float) -> Iterator[tuple[float, int]]:
    """Yield short decimals and simple fractions near a number, the shortest first, and how many digits they have."""
    for digits in (1, 2, 3):
        yield float(f"{value:.{digits - 1}e}"), digits
    if 0.5 < value < 1:  # decay rates: 0.9999 is 1 − 1e-4
        yield 1 - float(f"{1 - value:.0e}"), 1
        yield 1 - float(f"{1 - value:.1e}"), 2
    yield float(Fraction(value).limit_denominator(24)), 3


def number(value: float) -> str:
    """Print a recovered value with at most nine digits, or as a fraction where that is shorter."""
    fraction = Fraction(value).limit_denominator(24)
    if fraction.denominator > 1 and abs(value - float(fraction)) < 1e-12 * abs(value) and len(repr(value)) > 6:
        return str(fraction)
    return f"{value:.9g}"


def is_short(value: float) -> bool:
    """Say whether a value is one that people write: 0.01, 1e-7, 0.9995, 0.125."""
    return any(math.isclose(value, written, rel_tol=1e-12) for written, _ in _written(value))


def plausible(unknown: Unknown, value: float) -> bool:
    """Say whether a number without a name can be one that somebody wrote: not the right one, nothing astronomical."""
    if math.isclose(value, unknown.neutral, rel_tol=1e-3) and not is_short(value):
        return False
    if unknown.scale == "linear" and abs(value - unknown.neutral) < 1e-9:
        return False
    return unknown.symbol != "factor" or 1e-4 <= abs(value) <= 1e4


def factor(
    id: str, what: str, sizes: Mapping[str, int], *excludes: str, zero: bool = True, also: tuple[Named, ...] = ()
) -> Switch:
    """Make a switch for something that is off by a factor; to its id that of a known factor is appended.

    `what` is the subject of its sentences, `sizes` are those of the case, such as B and D, which factors are made of,
    and `zero` says whether a factor of zero has a name too.
    """
    named = [
        Named(-1.0, f"{id}:sign", f"{what} has the wrong sign"),
        Named(2.0, f"{id}:2", f"{what} is doubled: a factor 2 too many"),
        Named(0.5, f"{id}:1/2", f"{what} is halved: a factor 1/2 too many"),
        Named(-2.0, f"{id}:-2", f"{what} is doubled and has the wrong sign"),
        Named(-0.5, f"{id}:-1/2", f"{what} is halved and has the wrong sign"),
    ]
    if zero:
        named.append(Named(0.0, f"{id}:0", f"{what} is zero: never computed, or cut off"))
    halves = []
    for words, size in products(sizes).items():
        times, by = f"{id}:{words}", f"{id}:1/{words}"
        named += [
            Named(float(size), times, f"{what} is {words} = {size} times too large: not divided by {words}"),
            Named(1 / size, by, f"{what} is {words} = {size} times too small: divided by {words} once more"),
            Named(-float(size), f"{id}:-{words}", f"{what} is {words} = {size} times too large and has the wrong sign"),
            Named(-1 / size, f"{id}:-1/{words}", f"{what} is {words} = {size} times too small and has the wrong sign"),
        ]
        halves += [
            Named(size / 2, f"{id}:{words}/2", f"{what} is {words}/2 = {size / 2:g} times what it should be"),
            Named(0.5 / size, f"{id}:1/2{words}", f"{what} is 1/(2{words}) = 1/{2 * size} of what it should be"),
        ]
    named += [half for half in halves if all(half.value != one.value for one in named)]
    named += also
    sentence = f"{what} is {{value}} times what it should be"
    return Switch(id, ", ".join(excludes), sentence, Unknown("factor", 1.0, tuple(named)))


def products(sizes: Mapping[str, int]) -> dict[str, int]:
    """Name the sizes of a case and their products of two, without those that are 1: ``{"B": 3, "D": 7, "B·D": 21}``."""
    names = list(sizes)
    all_of_them = dict(sizes)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            all_of_them[f"{first}·{second}"] = sizes[first] * sizes[second]
    return {name: size for name, size in all_of_them.items() if size > 1}
