"""From the numbers of a file to numbers that are learned from: grey levels as uint8, all else floating-point."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.datasets.reading import large
from scratchdae.datasets.reading.pictures import Pictures

WHITE, DEEP = 255, 65535
SCALED = "scaled from 0…255 to [0, 1] (--raw leaves it)"
_WANTED = "uint8 grey levels (0 to 255) or floating-point numbers"
GREY = 128  # integers whose largest is less are rather counts, or categories, than grey levels
_PIXELS = 64  # columns of a table of grey levels, at least

Convert = tuple[Any, Callable[[Array], Array]] | None  # to which dtype, and how; None: nothing is to be done


def chosen(text: str, x: Array | Pictures, scale: float | str | None, table: bool = False) -> tuple[Convert, str]:
    """Choose how to convert, and say it in words; integers that say nothing about white are refused."""
    kind, native = x.dtype.kind, x.dtype.newbyteorder("=")
    if kind not in "biuf":
        raise ValueError(f"{text} must hold {_WANTED}, found dtype {x.dtype}")
    real: Any = np.float32 if x.dtype.itemsize <= 2 else np.float64
    if kind == "f":
        real = native if x.dtype.itemsize in (4, 8) else real
    plain: Convert = (real, lambda batch: batch.astype(real))
    if scale == "stored":
        return (None if x.dtype == native else (native, lambda batch: batch.astype(native))), "as it is stored"
    if scale == "raw":
        return (None if x.dtype == real else plain), "not scaled"
    if isinstance(scale, int | float):
        divisor = np.dtype(real).type(scale)
        return (real, lambda batch: batch.astype(real) / divisor), f"divided by {scale:.17g}"
    if scale == "standard":
        return _to_standard(text, x, real)
    if scale == "range":
        return _to_range(text, x, real)
    if x.dtype == np.uint8 and not table:
        return None, SCALED
    if kind == "f":
        return (None if x.dtype == real else plain), "not scaled"
    if kind == "b":
        return plain, "false and true taken as 0 and 1"
    deep: Convert = (np.float32, lambda batch: batch.astype(np.float32) / np.float32(DEEP))
    if isinstance(x, Pictures):
        return deep, f"divided by {DEEP}"
    low, high = large.extent(x)
    if low >= 0 and high <= 1:
        return (np.float32, lambda batch: batch.astype(np.float32)), "0 and 1 as they are"
    if low >= 0 and GREY <= high <= WHITE and (not table or x.shape[1] >= _PIXELS):
        return (np.uint8, lambda batch: batch.astype(np.uint8)), SCALED
    if x.dtype.newbyteorder("=") == np.uint16 and high > WHITE:
        return deep, f"divided by {DEEP}"
    if table:
        return (np.float64, lambda batch: batch.astype(np.float64)), "not scaled"
    raise ValueError(
        f"{text} must hold {_WANTED}, found {x.dtype} from {low} to {high}: "
        "--scale N divides by N, --raw takes integers as they are"
    )


def _to_range(text: str, x: Array | Pictures, real: Any) -> tuple[Convert, str]:
    if isinstance(x, Pictures):
        low, high = 0, (WHITE if x.dtype == np.uint8 else DEEP)
    else:
        low, high = large.extent(x)
    if not np.isfinite([float(low), float(high)]).all() or not high > low:
        raise ValueError(f"{text} must have finite numbers of which two differ, to be scaled, found {low} to {high}")
    span = float(high) - float(low)
    convert = (real, lambda batch: np.clip((batch.astype(np.float64) - float(low)) / span, 0, 1).astype(real))
    return convert, f"scaled from {low}…{high} to [0, 1]"


def _to_standard(text: str, x: Array | Pictures, real: Any) -> tuple[Convert, str]:
    if isinstance(x, Pictures):
        raise ValueError(f"scale must be a number or range for pictures, found standard for {text}")
    n, total, squares = len(x), np.zeros(x.shape[1:]), np.zeros(x.shape[1:])
    pieces = list(large.batches(n, math.prod(x.shape[1:])))
    for rows in pieces:
        total += x[rows].sum(axis=0, dtype=np.float64)
    mean = total / n
    for rows in pieces:
        squares += np.square(x[rows] - mean).sum(axis=0)
    deviation = np.sqrt(squares / n)
    deviation[deviation <= 1e-12 * np.abs(mean)] = 1  # of a constant column, but for rounding
    return (real, lambda batch: ((batch - mean) / deviation).astype(real)), "each column of mean 0 and deviation 1"


def applied(x: Any, convert: Convert) -> Any:
    """Convert numbers at once, and those of pictures as they are decoded."""
    if convert is None:
        return x
    return x.converting(*convert) if isinstance(x, Pictures) else large.converted(x, *convert)
