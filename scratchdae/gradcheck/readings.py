"""What is wrong with a gradient, in words: a factor, a sign, a transpose, a term or a row, as far as numbers tell."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from scratchdae.arguments import Array
from scratchdae.gradcheck.report import Row


class Entries(NamedTuple):
    """The entries of a parameter that were looked at, flat."""

    analytic: Array
    numeric: Array
    value: Array  # the parameter's own
    shape: tuple[int, ...]  # of the whole parameter


def read(
    rows: list[Row], direction: Row, order: float, looked_at: Mapping[str, Entries], close: float
) -> Iterator[str]:
    """Say what is wrong with gradients, as far as the entries that were looked at tell."""
    wrong = [row.name for row in rows if not row.ok]
    factors = {name: _factor(looked_at[name], close) for name in looked_at}
    known = [factor for factor in factors.values() if factor is not None]
    common = known[0] if len(known) == len(factors) and np.ptp(known) <= close * max(map(abs, known)) else None
    if len(wrong) == len(rows) and common is not None and (common or len(rows) > 1):
        whose = "every gradient" if len(rows) > 1 else f"the gradient of {wrong[0]}"
        yield f"{whose} is {_in_words(common, looked_at)}"
    else:
        for name in wrong:
            yield f"{name}: {_of_one(looked_at[name], factors[name], looked_at, close)}"
        right = [row.name for row in rows if row.ok]
        if right and wrong:
            # the chain rule ran through what they share
            yield f"{', '.join(right)} right, so look at the lines that make the gradient of {', '.join(wrong)} alone"
    if not wrong and not direction.ok:
        yield "all entries that were looked at are right, the direction is not: one of the others is wrong"
    if wrong and direction.ok:
        yield "the direction has not noticed: its errors are small beside the whole, or cancel"
    if order < 1.5 and not wrong and direction.ok:
        yield "the loss does not go where the gradient points, though it agrees here: is there a kink close by?"


def _factor(one: Entries, close: float) -> float | None:
    """Return the factor by which a gradient is off, 1 if by none; None if by no factor."""
    size = float(one.numeric @ one.numeric)
    if not np.isfinite(one.analytic).all() or not size:
        return None
    factor = float(one.analytic @ one.numeric) / size
    apart = one.analytic - factor * one.numeric
    return factor if np.sqrt(apart @ apart / size) <= close * max(abs(factor), 1.0) else None


def _in_words(factor: float, looked_at: Mapping[str, Entries]) -> str:
    """Say what a factor may come from."""
    sign = " and of the wrong sign" if factor < 0 else ""
    if abs(factor) < 1e-12:
        return "zero: never computed, or cut off from the loss"
    if abs(factor + 1) < 1e-6:
        return "right but for its sign: a minus too many, or a step uphill"
    for size, words in ((abs(factor), "times too large"), (1 / abs(factor), "times too small")):
        n = round(size)
        if n > 1 and abs(size - n) < 1e-6 * n:
            axes = [f"{name} has an axis of {n}" for name, one in looked_at.items() if n in one.shape]
            of = f" ({', '.join(axes)})" if axes else ""
            square = ", or the 2 of a square" if n == 2 else ""
            return (
                f"{n} {words}{sign}: your batch, or another axis of {n}{of}? Then one of loss and gradient has a mean "
                f"over it, the other a sum{square}"
            )
    return f"{factor:.6g} times what was measured, everywhere: a constant that the loss has not, or has once more"


def _of_one(one: Entries, factor: float | None, looked_at: Mapping[str, Entries], close: float) -> str:
    """Say what is wrong with the gradient of one parameter."""
    if not np.isfinite(one.analytic).all():
        return "its gradient is not finite"
    if not one.numeric.any():
        return "its gradient is not zero, but the loss does not depend on it"
    if factor is not None and abs(factor - 1) > close:
        return f"its gradient is {_in_words(factor, looked_at)}"
    missing = one.numeric - one.analytic
    scale = float(one.value @ one.value)
    times = float(missing @ one.value) / scale if scale else 0.0
    apart = missing - times * one.value
    if missing.size > 1 and times and np.sqrt(apart @ apart) <= 1e-6 * np.sqrt(missing @ missing):
        which = "lacks" if times > 0 else "has too much"
        times = abs(times)
        return f"its gradient {which} {times:.6g} times the parameter: a penalty of its square, l2 = {times / 2:.6g}"
    if missing.size == int(np.prod(one.shape)):
        off = (np.abs(missing) > close * np.abs(one.numeric).max()).reshape(one.shape)
        square = len(one.shape) == 2 and one.shape[0] == one.shape[1] > 1
        if square and np.allclose(one.analytic.reshape(one.shape).T.ravel(), one.numeric, rtol=1e-6, atol=0):
            return "its gradient is transposed"
        for axis in range(off.ndim):
            there = np.flatnonzero(off.any(axis=tuple(k for k in range(off.ndim) if k != axis)))
            if len(there) == 1 and off.shape[axis] > 1:
                word = ("row", "column")[axis] if off.ndim == 2 else "index" if off.ndim == 1 else f"axis {axis}, index"
                return f"its gradient is wrong in {word} {there[0]} alone"
    part = float(one.analytic @ one.numeric) / float(one.numeric @ one.numeric)
    return f"no factor explains it: a term is missing or wrong (it holds {part:.2f} of the right gradient)"
