"""Products with some rows of W, and their updates, in blocks that stay in the caches: what the steps are made of.

W stands in rows that begin with a line of the cache; so do the examples, in groups of `ROWS`. For some rows k of W::

    sum_weights       c[i] = Σ_k a[i, k] W[k]           from inputs to outputs
    multiply_weights  c[i, k] = y[i] · W[k]             from gradients of outputs to those of inputs
    descend           W[k] = keep W[k] − lr Σ_i a[i, k] y[i]

The first and the last have a form each for lists of what is not zero, see `zeros`. What they do differently from a
general matrix product: the rows of a panel stay where they are, for W is read as it lies. A panel is as many columns as
the registers hold sums of; `TERMS` rows of it fill most of a first-level cache, and all examples, or all rows of W,
pass by while they are there.

`multiply_weights` sums along the rows that the others multiply by a number. For few examples it does so in the
registers, and adds up what each lane has summed in the end. For many, it turns a panel over first, and proceeds like
the others.
"""

from typing import Any

import numba

from scratchdae.arguments import Array
from scratchdae.kernels.machine.panels import ADD, COUNT, ROWS, STEP, STORE, VECTORS, dots, sum_listed, sum_rows, turn

TERMS = 128
MANY = 64  # examples that are worth a panel turned over
_SOME = 24  # groups of examples whose y stays in the second-level cache while rows of W pass by
_NEAR = 16  # rows of W that stay in the first-level cache while those examples pass by
_CHUNK = 32  # registers of them


@numba.njit(cache=True, nogil=True)
def sum_weights(
    c: Array, c_at: int, c_row: int, a: Array, a_at: int, a_row: int, W: Array, W_at: int, pitch: int, n: int,
    groups: int, fresh: bool, width: int, lanes: int,
) -> None:  # fmt: skip
    """Sum n rows of W, weighted by the inputs of each example.

    Parameters
    ----------
    c, c_at, c_row : ndarray, int, int
        Where the sums are left or added, all arrays flat; where the first example's begin, and how far apart they are.
    a, a_at, a_row : ndarray, int, int
        The inputs.
    W, W_at, pitch : ndarray, int, int
        The weights.
    n : int
        Rows of W.
    groups : int
        Of examples.
    fresh : bool
        Whether what `c` holds is to be forgotten.
    width, lanes : int
        Columns that are computed, a multiple of a register's lanes.
    """
    one, panel = W.dtype.type(1), VECTORS * lanes
    for j in range(0, width - panel + 1, panel):
        for k in range(0, n, TERMS):
            terms, w = min(TERMS, n - k), W_at + k * pitch + j
            for g in range(groups):
                to, factors = c_at + g * ROWS * c_row + j, a_at + g * ROWS * a_row + k
                if fresh and k == 0:
                    sum_rows(STORE, ROWS, VECTORS, c, to, c_row, a, factors, 1, a_row, W, w, pitch, 0, terms, one, one)
                else:
                    sum_rows(ADD, ROWS, VECTORS, c, to, c_row, a, factors, 1, a_row, W, w, pitch, 0, terms, one, one)
    for j in range(width - width % panel, width, lanes):
        for g in range(groups):
            to, factors, w = c_at + g * ROWS * c_row + j, a_at + g * ROWS * a_row, W_at + j
            if fresh:
                sum_rows(STORE, ROWS, 1, c, to, c_row, a, factors, 1, a_row, W, w, pitch, 0, n, one, one)
            else:
                sum_rows(ADD, ROWS, 1, c, to, c_row, a, factors, 1, a_row, W, w, pitch, 0, n, one, one)


@numba.njit(cache=True, nogil=True)
def _together(counts: Array, entries: int) -> int:
    """Return how many entries of each list are worked on before the next of any: a block if little is left out."""
    return TERMS if 2 * counts.sum() > len(counts) * entries else entries


@numba.njit(cache=True, nogil=True)
def sum_listed_weights(
    c: Array, c_row: int, inputs: Array, rows: Array, counts: Array, W: Array, W_at: int, width: int, lanes: int
) -> None:
    """Sum the rows of W whose inputs are not zero; the lists of one thread, see `list_inputs`.

    Parameters
    ----------
    c, c_row : ndarray, int
        Where the sums are left, flat, and how far apart they are.
    inputs, rows, counts : ndarray, shapes (groups, entries, ROWS), (groups, entries), (groups,)
        The lists.
    W, W_at : ndarray, int
        The weights, flat, and where they begin.
    width, lanes : int
        Columns that are computed, a multiple of a register's lanes.
    """
    one, panel = W.dtype.type(1), VECTORS * lanes
    a, listed, entries = inputs.ravel(), rows.ravel(), rows.shape[1]
    terms = _together(counts, entries)
    for j in range(0, width - panel + 1, panel):
        for k in range(0, entries, terms):
            for g in range(len(counts)):
                to, first, n = g * ROWS * c_row + j, g * entries + k, min(terms, counts[g] - k)
                if k == 0:
                    sum_listed(
                        STORE, ROWS, VECTORS, c, to, c_row, a, first * ROWS, ROWS, 1, W, W_at + j, listed, first, n,
                        one, one,
                    )  # fmt: skip
                elif n > 0:
                    sum_listed(
                        ADD, ROWS, VECTORS, c, to, c_row, a, first * ROWS, ROWS, 1, W, W_at + j, listed, first, n,
                        one, one,
                    )  # fmt: skip
    for j in range(width - width % panel, width, lanes):
        for g in range(len(counts)):
            to, first, n = g * ROWS * c_row + j, g * entries, counts[g]
            sum_listed(STORE, ROWS, 1, c, to, c_row, a, first * ROWS, ROWS, 1, W, W_at + j, listed, first, n, one, one)


@numba.njit(cache=True, nogil=True)
def multiply_weights(
    c: Array, c_at: int, c_row: int, y: Array, y_at: int, y_row: int, W: Array, W_at: int, pitch: int, n: int,
    groups: int, panel: Array, width: int, lanes: int,
) -> None:  # fmt: skip
    """Multiply the vector of each example with n rows of W.

    Parameters
    ----------
    c, c_at, c_row : ndarray, int, int
        Where the products are left, all arrays flat.
    y, y_at, y_row : ndarray, int, int
        The vectors.
    W, W_at, pitch : ndarray, int, int
        The weights.
    n : int
        Rows of W.
    groups : int
        Of examples.
    panel : ndarray, shape (TERMS * VECTORS * lanes,)
        Room for a panel turned over.
    width, lanes : int
        Columns that are summed, a multiple of a register's lanes.
    """
    turned = 0
    if groups * ROWS >= MANY:
        turned = n - n % (VECTORS * lanes)
        _multiply_turned(c, c_at, c_row, y, y_at, y_row, W, W_at, pitch, turned, groups, panel, width, lanes)
    vectors = width // lanes
    for some in range(0, groups, _SOME):
        more = min(some + _SOME, groups)
        for near in range(turned, n, _NEAR):
            end = min(near + _NEAR, n)
            for chunk in range(0, vectors, _CHUNK):
                j, length = chunk * lanes, min(_CHUNK, vectors - chunk)
                for g in range(some, more):
                    to, row = c_at + g * ROWS * c_row, y_at + g * ROWS * y_row + j
                    for k in range(near, end, COUNT):
                        at = W_at + k * pitch + j
                        if chunk == 0:
                            dots(STORE, ROWS, COUNT, c, to + k, c_row, y, row, y_row, W, at, pitch, length)
                        else:
                            dots(ADD, ROWS, COUNT, c, to + k, c_row, y, row, y_row, W, at, pitch, length)


@numba.njit(cache=True, nogil=True)
def _multiply_turned(
    c: Array, c_at: int, c_row: int, y: Array, y_at: int, y_row: int, W: Array, W_at: int, pitch: int, n: int,
    groups: int, panel: Array, width: int, lanes: int,
) -> None:  # fmt: skip
    one, wide = W.dtype.type(1), VECTORS * lanes
    for k in range(0, n, wide):
        for j in range(0, width, TERMS):
            terms = min(TERMS, width - j)
            for v in range(0, terms, lanes):
                for p in range(0, wide, lanes):
                    turn(panel, v * wide + p, wide, W, W_at + (k + p) * pitch + j + v, pitch)
            for g in range(groups):
                to, factors = c_at + g * ROWS * c_row + k, y_at + g * ROWS * y_row + j
                if j == 0:
                    sum_rows(
                        STORE, ROWS, VECTORS, c, to, c_row, y, factors, 1, y_row, panel, 0, wide, 0, terms, one, one
                    )
                else:
                    sum_rows(ADD, ROWS, VECTORS, c, to, c_row, y, factors, 1, y_row, panel, 0, wide, 0, terms, one, one)


@numba.njit(cache=True, nogil=True)
def descend(
    W: Array, W_at: int, pitch: int, n: int, a: Array, a_at: int, a_row: int, y: Array, y_at: int, y_row: int, B: int,
    keep: Any, lr: Any, width: int, lanes: int,
) -> None:  # fmt: skip
    """Update n rows of W with the sums of products over the examples.

    Parameters
    ----------
    W, W_at, pitch : ndarray, int, int
        The weights, all arrays flat.
    n : int
        Rows of W, a multiple of `ROWS`.
    a, a_at, a_row : ndarray, int, int
        What stands before W, a column for each row of it.
    y, y_at, y_row : ndarray, int, int
        What stands behind W.
    B : int
        Examples.
    keep, lr : number of W's type
        What is left of a weight before the update, and the learning rate.
    width, lanes : int
        Columns that are computed, a multiple of a register's lanes.
    """
    one, panel = W.dtype.type(1), VECTORS * lanes
    for j in range(0, width - panel + 1, panel):
        for i in range(0, B, TERMS):
            terms, kept, rows = min(TERMS, B - i), keep if i == 0 else one, y_at + i * y_row + j
            for k in range(0, n, ROWS):
                sum_rows(
                    STEP, ROWS, VECTORS, W, W_at + k * pitch + j, pitch, a, a_at + i * a_row + k, a_row, 1,
                    y, rows, y_row, 0, terms, kept, -lr,
                )  # fmt: skip
    for j in range(width - width % panel, width, lanes):
        for k in range(0, n, ROWS):
            sum_rows(
                STEP, ROWS, 1, W, W_at + k * pitch + j, pitch, a, a_at + k, a_row, 1, y, y_at + j, y_row, 0, B,
                keep, -lr,
            )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def descend_listed(
    W: Array, W_at: int, pitch: int, begin: int, end: int, pixels: Array, rows: Array, counts: Array, y: Array,
    y_at: int, keep: Any, lr: Any, width: int, lanes: int,
) -> None:  # fmt: skip
    """Update groups of rows of W with what is not zero before them, see `list_pixels`.

    Parameters
    ----------
    W, W_at, pitch : ndarray, int, int
        The weights, flat.
    begin, end : int
        Groups of `ROWS` rows.
    pixels, rows, counts : ndarray, shapes (groups, entries, ROWS), (groups, entries), (groups,)
        The lists.
    y, y_at : ndarray, int
        What stands behind W, flat.
    keep, lr : number of W's type
        What is left of a weight before the update, and the learning rate.
    width, lanes : int
        Columns that are computed, a multiple of a register's lanes.
    """
    one, panel = W.dtype.type(1), VECTORS * lanes
    a, listed, entries = pixels.ravel(), rows.ravel(), rows.shape[1]
    terms = _together(counts[begin:end], entries)
    for j in range(0, width - panel + 1, panel):
        for i in range(0, entries, terms):
            kept = keep if i == 0 else one
            for g in range(begin, end):
                to, first, n = W_at + g * ROWS * pitch + j, g * entries + i, min(terms, counts[g] - i)
                if n > 0 or kept != one:
                    sum_listed(
                        STEP, ROWS, VECTORS, W, to, pitch, a, first * ROWS, ROWS, 1, y, y_at + j, listed, first, n,
                        kept, -lr,
                    )  # fmt: skip
    for j in range(width - width % panel, width, lanes):
        for g in range(begin, end):
            to, first, n = W_at + g * ROWS * pitch + j, g * entries, counts[g]
            if n > 0 or keep != one:
                sum_listed(
                    STEP, ROWS, 1, W, to, pitch, a, first * ROWS, ROWS, 1, y, y_at + j, listed, first, n, keep, -lr
                )
