"""What an answer looks like that no known mistake reproduces: its pattern, and the mistakes that come nearest."""

import math
from collections.abc import Iterator

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.comparison import Difference, errors
from scratchdae.conformance.explainer.account import Account, Wrong
from scratchdae.conformance.explainer.finding import ROUNDING
from scratchdae.conformance.explainer.target import Target

NEAR = 0.5  # share of the difference that a mistake may leave to be called near
_ROUNDED = 1e3  # allowances, as a share of the difference, up to which that is what is left
SHOWN = 3
NAN = "is NaN throughout"
_FACTOR = 1e-6  # relative scatter of a factor that is one


def degenerates(target: Target) -> Iterator[str]:
    """Say which of the arrays that are off are NaN, zero or constant throughout, where the case's are not."""
    for name, found in target.found.items():
        if found.size < 2 or not target.off(name):
            continue
        if np.isnan(found).all():
            yield f"{name} {NAN}"
        elif (found == found.flat[0]).all() and not (target.expected[name] == target.expected[name].flat[0]).all():
            yield f"{name} is {'zero' if found.flat[0] == 0 else f'{found.flat[0]:.6g}'} throughout"


def pattern(case: Case, target: Target, difference: Difference) -> str:
    """Say in one sentence where and how the first array that is off differs; nothing where that has no pattern."""
    name = difference.array
    if name not in target.found or target.found[name].shape != target.expected[name].shape:
        return ""
    found, expected = target.found[name], np.asarray(target.expected[name], np.float64)
    allowed = target.relative * float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
    off = ~(errors(found, expected) <= allowed)
    if found.size < 2:
        return ""
    where = next(_places(case, name, off), "")
    how = next(_factors(found, expected, off), "")
    parts = [part for part in (where, how) if part]
    return f"{name} is off {', '.join(parts)}" if parts else ""


def _places(case: Case, name: str, off: Array) -> Iterator[str]:
    if off.all():
        return
    mask = case.inputs.get("mask")
    if mask is not None and mask.shape == off.shape:
        if not (off & ~mask).any():
            yield "in masked entries alone"
        if not (off & mask).any():
            yield "in entries alone that the mask leaves intact"
    if off.ndim == 4 and min(off.shape[1:3]) > 2 and not off[:, 1:-1, 1:-1].any():
        yield "at the border of the images alone"
    words = {2: ("row", "column"), 1: ("entry",)}
    steps = name.endswith("_steps") or name == "losses"
    for axis in range(off.ndim):
        there = np.flatnonzero(off.any(axis=tuple(k for k in range(off.ndim) if k != axis)))
        length = off.shape[axis]
        word = "step" if steps and axis == 0 else words.get(off.ndim, ())[axis] if off.ndim in words else f"axis {axis}"
        if len(there) == 1 and length > 1:
            which = "last" if there[0] == length - 1 else "first" if there[0] == 0 else ""
            yield f"in the {which} {word} alone" if which else f"in {word} {there[0]} alone"
        elif steps and axis == 0 and there[0] > 0:
            yield f"from step {there[0] + 1} on"
    yield f"in {int(off.sum())} of {off.size} values"


def _factors(found: Array, expected: Array, off: Array) -> Iterator[str]:
    """Yield what the array is multiplied by, if that is one factor, or one for each place along an axis."""
    use = off & np.isfinite(found) & np.isfinite(expected) & (expected != 0)
    if not use.any() or not np.isfinite(found).all():
        return
    ratio = np.where(use, found / np.where(use, expected, 1), np.nan)
    if not np.array_equal(use, off) or not np.isfinite(ratio[use]).all():
        return  # a factor makes nothing of 0, and no number is infinitely often another
    if use.sum() > 1 and _one(ratio[use]):
        factor = float(np.median(ratio[use]))
        yield "with the wrong sign" if abs(factor + 1) < _FACTOR else f"by the factor {told(factor, 6)}"
    if np.allclose(np.abs(ratio[use]), 1, rtol=_FACTOR) and (ratio[use] < 0).all():
        yield "in the sign"
    for axis in range(found.ndim):
        slices = [part[~np.isnan(part)] for part in np.moveaxis(ratio, axis, 0)]
        if found.ndim > 1 and sum(part.size > 1 for part in slices) > 1 and all(_one(part) for part in slices):
            factors = ", ".join(told(float(np.median(part)), 4) for part in slices if part.size)
            yield f"by a factor that varies along axis {axis}: {factors}"


def _one(ratios: Array) -> bool:
    """Say whether all are one factor; what scatters as far as it is from 1 is round-off, and none."""
    if ratios.size < 2:
        return True
    size = min(float(np.abs(ratios).max()), 1e3 * abs(float(np.median(ratios)) - 1))
    return bool(np.ptp(ratios) <= _FACTOR * size)


def told(factor: float, digits: int) -> str:
    """Print a factor with digits enough to tell it from 1."""
    apart = abs(factor - 1)
    return f"{factor:.{min(digits + max(0, -math.floor(math.log10(apart)) - 1), 16)}g}" if apart else "1"


def nearest(account: Account, target: Target) -> tuple[str, ...]:
    """Say which named mistakes leave least of the difference, and how much."""
    tell = account.told
    if account.begin is not None and (first := target.beginning(account.begin({}))).found:
        tell, target = account.begin, first
    options: list[tuple[str, Wrong]] = []
    for switch in account.switches:
        if switch.unknown is not None:
            options += [(named.sentence, {switch.id: named.value}) for named in switch.unknown.named]
        elif switch.recover is None:
            options.append((switch.sentence, {switch.id: True}))
    right = target.residual(tell({}))
    if right is None or not np.isfinite(right).all() or not right.any():
        return ()
    near: list[tuple[float, str]] = []
    with np.errstate(all="ignore"):
        for sentence, wrong in options:
            left = target.residual(tell(wrong))
            if left is not None and (share := float(np.sqrt((left @ left) / (right @ right)))) < NEAR:
                near.append((share, sentence))
    rounded = min(_ROUNDED * target.relative, 1e-3)
    return tuple(f"{sentence} (leaves {_left(share, rounded)})" for share, sentence in sorted(near)[:SHOWN])


def _left(share: float, rounded: float) -> str:
    if share <= rounded:
        return f"{ROUNDING} may: {share:.0e} of the difference"
    return f"{share:.0%} of the difference" if share >= 0.01 else f"{100 * share:.1g}% of the difference"
