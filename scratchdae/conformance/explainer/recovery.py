"""Recover the numbers inside a mistake from an answer: Gauss and Newton's method on very few unknowns.

Nearly every unknown enters linearly, and then one step is exact. The others (an epsilon, a decay rate) are looked for
by their logarithm, from the values that people use. What is recovered is only a proposal: the account is told again
with it, and has to reproduce the answer.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.explainer.account import Account, Named, Switch, Unknown, Wrong
from scratchdae.conformance.explainer.recognised import candidates, plausible
from scratchdae.conformance.explainer.target import Target

_Residual: TypeAlias = Callable[[Array], Array | None]
STEPS = 14  # of the search, at most
SIGNIFICANT = 10.0  # allowances by which a number without a name must improve the fit
HOPELESS = 1e-8  # a sum of squared errors, in units of each array's size: float32's rounding is far below
NEARLY = 1e-6  # the same, of values that were recovered from the first steps alone
DEPENDENT = 1e-6  # smallest singular value, of columns of length 1, with which two unknowns can be told apart
EVIDENCE = 2  # values of the answer that must depend on a number without a name; one alone proves nothing


def recover(
    account: Account, fixed: Wrong, switches: Sequence[Switch], target: Target, start: Sequence[float] | None = None
) -> Iterator[tuple[dict[str, float], dict[str, Named]]]:
    """Find values with which some switches, beside those that are `fixed`, reproduce an answer.

    A value for each switch is yielded, with the meaning of those that have one; where a value has several meanings,
    each is yielded. `start` holds values that are nearly right already.
    """
    solution = solve(account, fixed, switches, target, start)
    if solution is None or any(map(_out_of_range, switches, solution[0])):
        return
    found, touched = solution
    found = [0.0 if _is_nothing(s, value) else value for s, value in zip(switches, found, strict=True)]
    proposals = []
    for switch, value, count in zip(switches, found, touched, strict=True):
        assert switch.unknown is not None
        enough = count >= EVIDENCE
        options = [(c.value, c.named, enough or c.exact) for c in candidates(switch.unknown, value)]
        proposals.append([*options, (value, None, enough)])
    fitted: list[tuple[int, dict[str, float], dict[str, Named]]] = []
    for proposal in product(*proposals):
        values = {switch.id: value for switch, (value, _, _) in zip(switches, proposal, strict=True)}
        named = {switch.id: name for switch, (_, name, _) in zip(switches, proposal, strict=True) if name}
        plain = any(proposal[k] is proposals[k][-1] for k in range(len(switches)))
        if not all(known for _, _, known in proposal) or (fitted and not named) or _is_told(values, fitted):
            continue
        if target.misfit(account.told({**fixed, **values})) <= 1 and (
            not plain or _matter(account, fixed, switches, values, target)
        ):
            values |= _rounded(account, fixed, {id: v for id, v in values.items() if id not in named}, values, target)
            if not all(plausible(s.unknown, values[s.id]) for s in switches if s.unknown and s.id not in named):
                continue
            fitted.append((len(named), values, named))
    most = max((count for count, _, _ in fitted), default=0)
    for count, values, named in fitted:
        if count == most:  # a value without a name beside the same value with one says less
            yield values, named


def _rounded(
    account: Account, fixed: Wrong, plain: Mapping[str, float], values: Mapping[str, float], target: Target
) -> dict[str, float]:
    """Return the numbers without a name with no digit that the answer leaves open."""
    for digits in range(3, 12) if plain else ():
        short = {id: float(f"{value:.{digits}e}") for id, value in plain.items()}
        if target.misfit(account.told({**fixed, **values, **short})) <= 1:
            return short
    return {}


def _is_nothing(switch: Switch, value: float) -> bool:
    """Say whether a number is the rounding of 0."""
    unknown = switch.unknown
    return unknown is not None and unknown.scale == "linear" and abs(value) < 1e-14 * max(1.0, abs(unknown.neutral))


def _out_of_range(switch: Switch, value: float) -> bool:
    """Say whether a rate of 0 or 1 was found, which is none."""
    return switch.unknown is not None and switch.unknown.scale == "rate" and not 1e-6 < value < 1 - 1e-6


def _is_told(values: Mapping[str, float], fitted: Sequence[tuple[int, dict[str, float], dict[str, Named]]]) -> bool:
    """Say whether these values, rounded less, are there already."""
    return any(
        not names and all(math.isclose(values[id], other[id], rel_tol=1e-3) for id in values)
        for _, other, names in fitted
    )


def _matter(account: Account, fixed: Wrong, switches: Sequence[Switch], values: Wrong, target: Target) -> bool:
    """Say whether each of the recovered numbers explains more than rounding."""
    for switch in switches:
        without = {id: value for id, value in values.items() if id != switch.id}
        if target.misfit(account.told({**fixed, **without}), SIGNIFICANT) <= SIGNIFICANT:
            return False
    return True


def solve(
    account: Account, fixed: Wrong, switches: Sequence[Switch], target: Target, start: Sequence[float] | None = None
) -> tuple[list[float], list[int]] | None:
    """Look for the values with which an account comes closest to an answer; None if the closest is not close.

    With each value comes how many numbers of the answer depend on it. Without a `start` those of the unknowns are
    tried.
    """
    unknowns = [switch.unknown for switch in switches if switch.unknown is not None]

    def _values(u: Array) -> dict[str, float]:
        return {s.id: _value(unknown, float(x)) for s, unknown, x in zip(switches, unknowns, u, strict=True)}

    def _residual(u: Array) -> Array | None:
        return target.residual(account.told({**fixed, **_values(u)}))

    starts = product(*(k.starts or (k.neutral,) for k in unknowns)) if start is None else [tuple(start)]
    best = _best(starts, unknowns, _residual)
    if best is None or (start is not None and best[1] @ best[1] > NEARLY):
        return None
    steps = np.array([1e-6 if unknown.scale == "linear" else 1e-3 for unknown in unknowns])
    bound = np.array([np.inf if unknown.scale == "linear" else 3.0 for unknown in unknowns])
    u, r = best
    for _ in range(STEPS):
        J = _jacobian(_residual, u, r, steps)
        size = None if J is None else np.sqrt((J * J).sum(axis=0))
        if J is None or size is None or not size.all() or np.linalg.svd(J / size, compute_uv=False)[-1] < DEPENDENT:
            return None  # a switch that does nothing here, or two that do the same
        change = np.clip(-np.linalg.lstsq(J / size, r, rcond=None)[0] / size, -bound, bound)
        better = _step(_residual, u, r, change)
        if r @ r > HOPELESS and (better is None or better[1] @ better[1] > 0.99 * (r @ r)):
            return None  # as near as it gets, and not near
        if better is None:
            break
        u, r = better
    J = _jacobian(_residual, u, r, steps)
    if J is None or r @ r > HOPELESS:
        return None
    touched = [int((np.abs(column) > 1e-9 * np.abs(column).max()).sum()) for column in J.T]
    return list(_values(u).values()), touched


def _best(
    starts: Iterable[tuple[float, ...]], unknowns: Sequence[Unknown], residual: _Residual
) -> tuple[Array, Array] | None:
    """Return the start with the smallest errors, and these."""
    best: tuple[Array, Array] | None = None
    for start in starts:
        u = np.array([_coordinate(unknown, value) for unknown, value in zip(unknowns, start, strict=True)])
        r = residual(u)
        if r is not None and (best is None or r @ r < best[1] @ best[1]):
            best = u, r
    return best


def _jacobian(residual: _Residual, u: Array, r: Array, steps: Array) -> Array | None:
    columns = []
    for k, h in enumerate(steps):
        moved = u.copy()
        moved[k] += h
        there = residual(moved)
        if there is None:
            return None
        columns.append((there - r) / h)
    return np.stack(columns, axis=1)


def _step(residual: _Residual, u: Array, r: Array, change: Array) -> tuple[Array, Array] | None:
    """Go as far as the errors shrink: the whole step, or a part of it."""
    for share in (1.0, 0.25, 0.05):
        there = residual(u + share * change)
        if there is not None and there @ there < r @ r:
            return u + share * change, there
    return None


def _coordinate(unknown: Unknown, value: float) -> float:
    if unknown.scale == "log":
        return math.log(value)
    return math.log(value / (1 - value)) if unknown.scale == "rate" else value


def _value(unknown: Unknown, u: float) -> float:
    if unknown.scale == "log":
        return math.exp(min(u, 300.0))
    return 1 / (1 + math.exp(-max(min(u, 300.0), -300.0))) if unknown.scale == "rate" else u
