"""Memory for a team: rows that begin with a line of the cache, padded to whole registers, kept for the next call."""

import math
import threading
from typing import Any

import numpy as np

from scratchdae.arguments import Array

LINE = 64  # bytes of a line of the cache
_kept = threading.local()


def multiple(n: int, unit: int) -> int:
    """Round up to whole units.

    Parameters
    ----------
    n, unit : int
        The number, and the unit.

    Returns
    -------
    int
        The smallest multiple that is not below `n`.
    """
    return -(-n // unit) * unit


def padded(n: int, lanes: int, vectors: int) -> int:
    """Round up to whole registers, or to whole panels where that adds little.

    Parameters
    ----------
    n : int
        Columns.
    lanes : int
        Numbers in a register.
    vectors : int
        Registers in a panel.

    Returns
    -------
    int
        The columns that are computed.
    """
    return multiple(n, lanes * vectors if n > 4 * lanes * vectors else lanes)


def row_pitch(n: int, dtype: Any) -> int:
    """Return how far apart rows of n numbers begin: an odd number of lines, or they would compete for a few places.

    Parameters
    ----------
    n : int
        Numbers in a row.
    dtype : dtype
        Their type.

    Returns
    -------
    int
        Numbers from the beginning of a row to that of the next.
    """
    line = LINE // int(np.dtype(dtype).itemsize)
    return (multiple(n, line) // line | 1) * line


def memory(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return this thread's array of that name, which is kept: fresh memory costs more to get than to fill.

    Parameters
    ----------
    name : str
        What it is for.
    shape : tuple of int
        Its shape.
    dtype : dtype
        Its type.

    Returns
    -------
    ndarray
        C-contiguous, from the beginning of a line; what it holds is left from the last time.
    """
    size = math.prod(int(side) for side in shape) * np.dtype(dtype).itemsize
    kept: Any = getattr(_kept, name, None)
    if kept is None or kept.size < size:
        kept = np.empty(size + LINE, np.uint8)
        skip = -kept.ctypes.data % LINE
        kept = kept[skip : skip + size]
        setattr(_kept, name, kept)
    array: Array = kept[:size].view(dtype).reshape(shape)
    return array
