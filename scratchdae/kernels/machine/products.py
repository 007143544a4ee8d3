"""Products with some rows of W, and their updates, in blocks that stay in the caches: what the steps are made of.

W stands in rows that begin with a line of the cache; so do the examples, in groups of `ROWS`. For some rows k of W::

    sum_products      c[i] = Σ_k a[i, k] W[k]                     from inputs to outputs
                      W[k] = keep W[k] − lr Σ_i a[i, k] y[i]      an update: the same sums, with other roles
    multiply_weights  c[i, k] = y[i] · W[k]                       from gradients of outputs to those of inputs

The terms of the first may come from lists of what is not zero, see `zeros`. What they do differently from a general
matrix product: the rows of a panel stay where they are, for W is read as it lies. A panel is as many columns as the
registers hold sums of; `TERMS` rows of it fill most of a first-level cache, and all examples, or all rows of W, pass by
while they are there.

`width` is how many columns are computed, in whole registers; the rows of c come in groups of `ROWS`.
`multiply_weights` sums along the rows that the others multiply by a number. For few examples it does so in the
registers, and adds up what each lane has summed in the end. For many, it turns a panel over first, and proceeds like
the others.
"""

from typing import Any

from numba.extending import register_jitable

from scratchdae.arguments import Array
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.machine.panels import COUNT, ROWS, VECTORS, Factors, Listed, Update, dots, sum_rows, turn
from scratchdae.kernels.machine.registers import BYTES, Rows, lanes, pointer
from scratchdae.kernels.machine.zeros import Lists

TERMS = 128
PANEL = TERMS * VECTORS * BYTES  # bytes of a panel turned over
MANY = 64  # examples that are worth a panel turned over
_SOME = 24  # groups of examples whose y stays in the second-level cache while rows of W pass by
_NEAR = 16  # rows of W that stay in the first-level cache while those examples pass by
_CHUNK = 32  # registers of them


@register_jitable
def padded(n: int, lanes: int) -> int:
    """Round columns up to whole registers, or to whole panels where that adds little."""
    panel = lanes * VECTORS
    return -(-n // panel) * panel if n > 4 * panel else -(-n // lanes) * lanes


@njit()
def rows(array: Array, i: int, j: int) -> Rows:
    """Return the rows of a matrix from row i and column j on."""
    return Rows(pointer(array), i * array.shape[1] + j, array.shape[1])


@njit()
def shift(rows: Rows, i: int, j: int) -> Rows:
    """Go i rows down and j columns to the right."""
    return Rows(rows.flat, rows.at + i * rows.pitch + j, rows.pitch)


@njit()
def across(rows: Rows) -> Factors:
    """Return the numbers of rows, whose columns are the terms of a sum."""
    return Factors(rows.flat, rows.at, ROWS * rows.pitch, 1, rows.pitch)


@njit()
def down(rows: Rows) -> Factors:
    """Return the numbers of columns, whose rows are the terms of a sum."""
    return Factors(rows.flat, rows.at, ROWS, rows.pitch, 1)


@njit()
def listed(lists: Lists) -> Factors:
    """Return the numbers of lists, whose entries are the terms of a sum."""
    return Factors(pointer(lists.values), 0, lists.values.shape[1], ROWS, 1)


@njit()
def _part(a: Factors, g: int, t: int) -> Factors:
    """Return those of a group, from a term on."""
    return Factors(a.flat, a.at + g * a.group + t * a.term, 0, a.term, a.member)


@njit()
def store(fresh: bool, one: Any) -> Update:
    """Return what leaves sums, or adds them to what is there: `one` is 1 in their type."""
    return Update(fresh, one, one, one)


@njit()
def descend(lr: Any, decay: Any, one: Any) -> Update:
    """Return what takes a step of descent with sums, the weights decaying first."""
    return Update(False, one - lr * decay, -lr, one)


@njit()
def sum_products(c: Rows, a: Factors, w: Rows, lists: Any, n: int, groups: int, update: Update, width: int) -> None:
    """Sum n rows of w, or those in `lists` (of n entries, or None), weighted by a, for each group of rows of c."""
    lane, terms = lanes(c.flat), TERMS
    panel = VECTORS * lane
    if lists is not None:
        places = pointer(lists.places)
        if 2 * lists.counts.sum() <= len(lists.counts) * n:  # much is left out: a block would be short
            terms = n
    for j in range(0, width - panel + 1, panel):
        for t in range(0, n, terms):
            now = update if t == 0 else Update(False, update.one, update.rate, update.one)
            for g in range(groups):
                to, factors = shift(c, g * ROWS, j), _part(a, g, t)
                if lists is None:
                    sum_rows(ROWS, VECTORS, to, factors, shift(w, t, j), min(terms, n - t), now)
                else:
                    count = min(terms, lists.counts[g] - t)
                    if count > 0 or now.fresh or now.keep != now.one:
                        sum_rows(ROWS, VECTORS, to, factors, Listed(w.flat, w.at + j, places, g * n + t), count, now)
    for j in range(width - width % panel, width, lane):
        for g in range(groups):
            to, factors = shift(c, g * ROWS, j), _part(a, g, 0)
            if lists is None:
                sum_rows(ROWS, 1, to, factors, shift(w, 0, j), n, update)
            elif lists.counts[g] > 0 or update.fresh or update.keep != update.one:
                sum_rows(ROWS, 1, to, factors, Listed(w.flat, w.at + j, places, g * n), lists.counts[g], update)


@njit()
def multiply_weights(c: Rows, y: Rows, W: Rows, n: int, groups: int, panel: Array, width: int) -> None:
    """Multiply the vector of each example with n rows of W; `panel` is room for one, flat."""
    lane, turned = lanes(c.flat), 0
    if groups * ROWS >= MANY:
        turned = n - n % (VECTORS * lane)
        _multiply_turned(c, y, W, turned, groups, panel, width)
    vectors = width // lane
    for some in range(0, groups, _SOME):
        more = min(some + _SOME, groups)
        for near in range(turned, n, _NEAR):
            end = min(near + _NEAR, n)
            for chunk in range(0, vectors, _CHUNK):
                j, length = chunk * lane, min(_CHUNK, vectors - chunk)
                for g in range(some, more):
                    row = shift(y, g * ROWS, j)
                    for k in range(near, end, COUNT):
                        dots(ROWS, COUNT, shift(c, g * ROWS, k), row, shift(W, k, j), length, chunk == 0)


@njit()
def _multiply_turned(c: Rows, y: Rows, W: Rows, n: int, groups: int, panel: Array, width: int) -> None:
    one, lane = panel.dtype.type(1), lanes(panel)
    wide = VECTORS * lane
    for k in range(0, n, wide):
        for j in range(0, width, TERMS):
            terms = min(TERMS, width - j)
            for v in range(0, terms, lane):
                for p in range(0, wide, lane):
                    turn(Rows(pointer(panel), v * wide + p, wide), shift(W, k + p, j + v))
            to, factors = shift(c, 0, k), across(shift(y, 0, j))
            sum_products(to, factors, Rows(pointer(panel), 0, wide), None, terms, groups, store(j == 0, one), wide)
