"""What looks wrong in numbers that can be read: they were scaled twice, or not; columns and rows that say nothing."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.datasets.reading import large
from scratchdae.datasets.reading.scaling import GREY, WHITE

_HASHED = 20_000  # examples that are looked at for repeated ones
_NAMED = 5  # columns that are named


@dataclass(frozen=True)
class Seen:
    """What numbers are like."""

    low: Any  # in the type of the numbers
    high: Any
    notes: list[str]  # what looks wrong, a sentence each


def examine(
    text: str,
    x: Array,  # (N, D) uint8 or floating-point
    image: bool,
    rows: Array | None = None,  # which rows of the file they are, if not all
    axes: tuple[int, ...] = (),  # of an example in the file
    names: list[str] | None = None,  # of the columns
) -> Seen:
    """Look at numbers; those that are not finite are refused, with the place where they stand in the file."""
    least, most, whole, wrong, first = x[0], x[0], True, 0, ""
    for part in large.batches(len(x), x.shape[1]):
        batch = np.asarray(x[part])
        if batch.dtype.kind == "f" and not (finite := np.isfinite(batch)).all():
            wrong += int(batch.size - finite.sum())
            if not first:
                row, column = np.argwhere(~finite)[0]
                place = [int(row + part.start if rows is None else rows[row + part.start])]
                place += [int(i) for i in np.unravel_index(column, axes or (x.shape[1],))]
                first = f"{batch[row, column]} at {place}"
        low, high = batch.min(axis=0), batch.max(axis=0)
        least, most = np.minimum(least, low), np.maximum(most, high)
        whole = whole and (batch.dtype.kind != "f" or bool((batch == np.floor(batch)).all()))
    if wrong:
        raise ValueError(
            f"{text} must hold finite numbers, found {first}, counted from 0 ({wrong} of {x.size} are not)"
        )
    low, high = least.min(), most.max()
    notes = _of_values(x.dtype, low, high, whole)
    constant = np.flatnonzero(least == most)
    if low == high:
        notes.append(f"every number is {low}")
    elif len(constant) and not image:
        which = ", ".join((names and names[i]) or str(i) for i in constant[:_NAMED])
        more = ", …" if len(constant) > _NAMED else ""
        notes.append(f"{len(constant)} of {x.shape[1]} columns are constant: {which}{more}")
    if len(x) > 1 and low < high:
        hashes = np.array([hash(row.tobytes()) for row in np.asarray(x[:_HASHED])])
        repeated = len(hashes) - len(np.unique(hashes))
        if repeated:
            notes.append(
                f"{repeated} of {'the first ' if len(x) > _HASHED else ''}{len(hashes)} examples repeat another one"
            )
    return Seen(low, high, notes)


def _of_values(dtype: np.dtype[Any], low: Any, high: Any, whole: bool) -> list[str]:
    if dtype == np.uint8:
        if high == 1:
            return ["the largest value is 1 of 255: --scale 1 takes 0 and 1 as they are"]
        return []
    if low >= 0 and 0 < high <= 1.001 / 255:
        return [f"the largest value is {high}, no more than 1/255: were they divided by 255 twice? --scale range"]
    if low >= 0 and GREY <= high <= WHITE:
        return [f"the values go to {high} like grey levels: --scale 255 brings them to [0, 1]"]
    if low >= 0 and whole and 1 < high < GREY:
        return [f"whole numbers from {low} to {high}: --scale {high:g} brings them to [0, 1]"]
    return []
