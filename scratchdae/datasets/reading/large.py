"""Arrays larger than memory: looked at and converted so many examples at a time, kept in a file without a name."""

import math
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scratchdae.arguments import Array

AT_A_TIME = 2**22  # numbers
_IN_MEMORY = 2**26  # bytes; more go into a temporary file


def batches(n: int, size: int) -> Iterator[slice]:
    """Yield slices of `n` examples of `size` numbers, of which one fits into memory."""
    step = max(1, AT_A_TIME // max(1, size))
    return (slice(start, min(n, start + step)) for start in range(0, n, step))


def room(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array to fill, which is in a temporary file where it is large."""
    dtype = np.dtype(dtype)
    if math.prod(shape) * dtype.itemsize <= _IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:  # the map keeps it
        return np.memmap(file, dtype, "w+", shape=shape)


def converted(x: Any, dtype: Any, convert: Callable[[Array], Array], shape: tuple[int, ...] | None = None) -> Array:
    """Return `convert` of so many examples after so many others."""
    shape = x.shape if shape is None else shape
    out = room(shape, dtype)
    for rows in batches(len(x), math.prod(x.shape[1:])):
        taken = x[rows] if isinstance(x, np.ndarray) else x[np.arange(rows.start, rows.stop)]
        out[rows] = convert(taken).reshape(-1, *shape[1:])
    return out


def flat(x: Any) -> Array:
    """Return examples as rows (N, D): a view where there is one, else a copy."""
    shape = (len(x), math.prod(x.shape[1:]))
    if isinstance(x, np.ndarray) and (x.ndim == 2 or x.flags.c_contiguous):
        return x.reshape(shape)
    return converted(x, x.dtype, lambda batch: batch, shape)


def extent(x: Array) -> tuple[Any, Any]:
    """Return the least and the largest number, in their own type; NaN where there is one."""
    found = [(x[rows].min(), x[rows].max()) for rows in batches(len(x), math.prod(x.shape[1:]))]
    return min(low for low, _ in found), max(high for _, high in found)
