"""Memory for a team: rows that begin with a line of the cache, padded to whole registers, kept for the next call."""

import math
import threading
from functools import lru_cache
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.machine.products import padded
from scratchdae.kernels.machine.registers import lanes
from scratchdae.kernels.machine.zeros import Lists

_LINE = 64  # bytes of a line of the cache
_kept = threading.local()


@lru_cache
def pitch(n: int, dtype: Any) -> int:
    """Return how far apart rows of n numbers begin: an odd number of lines, or they would compete for a few places."""
    line = _LINE // int(np.dtype(dtype).itemsize)
    return (-(-padded(n, lanes(dtype)) // line) | 1) * line


def _memory(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return this thread's array of that name; what it holds is left from the last time."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    kept: Any = getattr(_kept, name, None)
    if kept is None or kept.size < size:
        kept = np.empty(size + _LINE, np.uint8)
        skip = -kept.ctypes.data % _LINE
        kept = kept[skip : skip + size]
        setattr(_kept, name, kept)
    array: Array = kept[:size].view(dtype).reshape(shape)
    return array


def room(dtype: Any, lists: dict[str, tuple[int, ...]], **rows: tuple[int, ...]) -> dict[str, Any]:
    """Return this thread's arrays of those names, which are kept: fresh memory costs more to get than to fill.

    The last side of `rows` is padded. The last sides of `lists` are entries, of which there must be one more than there
    can be, for what turns out to be zero, and the members of an entry.
    """
    found: dict[str, Any] = {
        name: _memory(name, (*sides, pitch(n, dtype)), dtype) for name, (*sides, n) in rows.items()
    }
    for name, (*sides, entries, members) in lists.items():
        found[name] = Lists(
            _memory(name, (*sides, pitch(entries * members, dtype)), dtype),
            _memory(name + "_places", (*sides, entries), np.int64),
            _memory(name + "_counts", tuple(sides), np.int64),
        )
    return found
