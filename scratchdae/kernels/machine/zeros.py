"""Lists of what is not zero, so that zeros cost nothing in the products.

What it does differently from the reference: a zero is found once, while its neighbours are copied side by side, and is
neither read nor multiplied afterwards. A batch's inputs are listed twice: each thread's, for its rows of W, by groups
of examples, and, for all threads, by groups of rows.
"""

from typing import NamedTuple

from scratchdae.arguments import Array
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.machine.panels import ROWS


class Lists(NamedTuple):
    """A list for each group of `ROWS` rows: columns in which not all are zero."""

    values: Array  # (groups, ROWS × entries + padding), those of an entry side by side
    places: Array  # (groups, entries) of int64: where the rows that they weight begin
    counts: Array  # (groups,) of int64: how many entries there are


@njit()
def of_thread(lists: Lists, rank: int) -> Lists:
    """Return a thread's own, of lists that have a first side of threads."""
    return Lists(lists.values[rank], lists.places[rank], lists.counts[rank])


@njit()
def some(lists: Lists, first: int, last: int) -> Lists:
    """Return the lists of some groups."""
    return Lists(lists.values[first:last], lists.places[first:last], lists.counts[first:last])


@njit()
def list_used(lists: Lists, x: Array, first: int, last: int, begin: int, end: int, pitch: int) -> None:
    """List, for groups of rows of x from `first` to `last`, the columns from `begin` to `end` that are not all zero.

    The rows that they weight are `pitch` apart.
    """
    for g in range(first, last):
        n, members = 0, min(ROWS, len(x) - g * ROWS)
        for k in range(begin, end):
            used = False
            for p in range(ROWS):
                value = x[g * ROWS + p, k] if p < members else x.dtype.type(0)
                lists.values[g, n * ROWS + p] = value
                used |= value != 0
            lists.places[g, n] = k * pitch
            n += used
        lists.counts[g] = n
