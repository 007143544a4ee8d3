"""Lists of what is not zero, so that zeros cost nothing in the products.

What it does differently from the reference: a zero is found once, while its neighbours are copied side by side, and is
neither read nor multiplied afterwards.
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.machine.panels import ROWS
from scratchdae.kernels.machine.room import memory, multiple


class Lists(NamedTuple):
    """A batch's inputs, twice: each thread's, for its rows of W, and those of each group of rows, for all threads."""

    inputs: Array  # (threads, groups of examples, entries, ROWS)
    input_rows: Array  # (threads, groups of examples, entries)
    input_counts: Array  # (threads, groups of examples)
    pixels: Array  # (groups of rows, entries, ROWS)
    pixel_rows: Array  # (groups of rows, entries)
    pixel_counts: Array  # (groups of rows,)


@numba.njit(cache=True, nogil=True)
def list_inputs(x: Array, begin: int, end: int, pitch: int, inputs: Array, rows: Array, counts: Array) -> None:
    """List, for each group of `ROWS` examples, the inputs from one row of W to another that are not all zero.

    Parameters
    ----------
    x : ndarray, shape (B, D)
        Inputs.
    begin, end : int
        The rows of W.
    pitch : int
        How far apart they are.
    inputs : ndarray, shape (groups, entries, ROWS)
        Where the inputs are left, those of a group side by side.
    rows : ndarray of int64, shape (groups, entries)
        Where it is left where their weights begin.
    counts : ndarray of int64, shape (groups,)
        Where is left how many there are.
    """
    B = x.shape[0]
    for g in range(len(counts)):
        n, members = 0, min(ROWS, B - g * ROWS)
        for k in range(begin, end):
            used = False
            for p in range(ROWS):
                value = x[g * ROWS + p, k] if p < members else x.dtype.type(0)
                inputs[g, n, p] = value
                used |= value != 0
            rows[g, n] = k * pitch
            n += used
        counts[g] = n


@numba.njit(cache=True, nogil=True)
def list_pixels(x: Array, begin: int, end: int, pitch: int, pixels: Array, rows: Array, counts: Array) -> None:
    """List, for each group of `ROWS` rows of W, the examples whose inputs there are not all zero.

    Parameters
    ----------
    x : ndarray, shape (B, D)
        Inputs.
    begin, end : int
        The groups of rows.
    pitch : int
        How far apart the gradients of the examples are.
    pixels : ndarray, shape (groups, entries, ROWS)
        Where the inputs are left, those of a group side by side.
    rows : ndarray of int64, shape (groups, entries)
        Where it is left where the gradients of those examples begin.
    counts : ndarray of int64, shape (groups,)
        Where is left how many there are.
    """
    B, D = x.shape
    for g in range(begin, end):
        n, members = 0, min(ROWS, D - g * ROWS)
        for i in range(B):
            used = False
            for p in range(ROWS):
                value = x[i, g * ROWS + p] if p < members else x.dtype.type(0)
                pixels[g, n, p] = value
                used |= value != 0
            rows[g, n] = i * pitch
            n += used
        counts[g] = n


def room_for_lists(B: int, D: int, size: int, dtype: Any) -> Lists:
    """Return room for the lists of a batch.

    Parameters
    ----------
    B, D : int
        Examples and inputs.
    size : int
        Threads.
    dtype : dtype
        Of the inputs.

    Returns
    -------
    Lists
        With an entry more than there can be, for what turns out to be zero.
    """
    groups, units = multiple(B, ROWS) // ROWS, multiple(D, ROWS) // ROWS
    most = -(-units // size) * ROWS  # rows of W of a thread
    return Lists(
        inputs=memory("inputs", (size, groups, most + 1, ROWS), dtype),
        input_rows=memory("input_rows", (size, groups, most + 1), np.int64),
        input_counts=memory("input_counts", (size, groups), np.int64),
        pixels=memory("pixels", (units, B + 1, ROWS), dtype),
        pixel_rows=memory("pixel_rows", (units, B + 1), np.int64),
        pixel_counts=memory("pixel_counts", (units,), np.int64),
    )
