"""Four pieces of matrix products, held in the vector registers of the processor.

They work on rows that begin with a line of the cache and are padded with zeros to whole registers, so that there are no
remainders: `ROWS` rows at a time, whole registers wide. What they do differently from `tile`: the rows that are summed
may come from a list, which leaves out what is zero. Inputs mostly are: four fifths of MNIST's pixels, more once
corrupted. A row left out is neither read nor multiplied.

::

    sum_rows     S[p, v] = Σ_t a[t, p] · w[t, v], which become c[p, v]
    dots         S[q, p] = Σ_v x[q, v] · w[p, v], which become c[q, p]
    descend_rows S[v]   += Σ_t a[t] · w[t, v], and then w[t, v] = keep w[t, v] + rate a[t] y[v]
    turn         c[v, p] = w[p, v]

How many rows and registers there are must be written as numbers. Nothing checks the bounds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic

from scratchdae.kernels.machine.registers import MANY, Writer, operands

ROWS = 4
VECTORS = 4 if MANY else 2  # of a panel: ROWS × VECTORS sums in registers
COUNT = VECTORS  # rows of w whose products with ROWS rows of x are summed together


class Listed(NamedTuple):
    """Rows of numbers from a list: row t begins at ``flat[at + places[first + t]]``."""

    flat: Any
    at: int
    places: Any  # int64
    first: int


class Factors(NamedTuple):
    """Numbers before rows: that of term t and row p of group g is ``flat[at + g * group + t * term + p * member]``."""

    flat: Any
    at: int
    group: int
    term: int
    member: int


class Update(NamedTuple):
    """What becomes of a sum: it is stored if `fresh`, else c = keep c + rate sum."""

    fresh: bool
    keep: Any
    rate: Any
    one: Any  # 1 in their type


def _settle(write: Writer, builder: Any, update: list[Any], cells: list[Any], sums: list[Any]) -> None:
    fresh, keep, rate, _ = update
    with builder.if_else(fresh) as (store, change):
        with store:
            for cell, value in zip(cells, sums, strict=True):
                write.store(value, cell)
        with change:
            keep, rate = write.spread(keep), write.spread(rate)
            for cell, value in zip(cells, sums, strict=True):
                write.store(write.add_product(rate, value, builder.fmul(keep, write.load(cell))), cell)


@intrinsic(prefer_literal=True)
def _sum_rows(
    typing: Any, count: Any, vectors: Any, c: Any, a: Any, w: Any, n: Any, update: Any
) -> tuple[Any, Callable[..., Any]]:
    listed = w.instance_class is Listed
    P, V = count.literal_value, vectors.literal_value

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, _, (c_flat, at, pitch), a, (w, *where), n, update = operands(context, builder, signature, values)
        a, a_at, _, term, member = a
        write = Writer(builder, c.types[0].dtype)
        members = [write.place(a, a_at, (member, p)) for p in range(P)]
        cells = [write.place(c_flat, at, (pitch, p), v * write.width) for p in range(P) for v in range(V)]

        def body(t: Any, held: list[Any]) -> list[Any]:
            first, *rest = where
            row = write.place(w, first, builder.load(write.place(*rest, t)) if listed else (t, *rest))
            factors = [write.load(write.place(row, v * write.width)) for v in range(V)]
            spread = [write.load_spread(write.place(pointer, (t, term))) for pointer in members]
            return write.add_products(spread, factors, held)

        for cell in cells:
            write.prefetch(cell)
        _settle(write, builder, update, cells, write.loop(n, [write.zero] * (P * V), body))
        return context.get_dummy_value()

    return types.void(count, vectors, c, a, w, types.intp, update), codegen


def _fold(write: Writer, builder: Any, vectors: list[Any]) -> list[Any]:
    """Sum each vector; return the sums in their order, as many to a vector as there is room for.

    Two vectors become one that holds the sum of the first one's halves, then that of the second one's halves; then two
    of those become one of quarters, until a lane holds a sum. It takes a third of the instructions of summing each.
    """
    segment = write.width
    while segment > 1:
        if len(vectors) == 1:  # nothing left to pair it with
            vectors = [vectors[0], vectors[0]]
        half, starts = segment // 2, range(0, write.width, segment)
        low = [v * write.width + s + k for v in range(2) for s in starts for k in range(half)]
        high = [k + half for k in low]
        vectors = [
            builder.fadd(*(write.shuffle(*pair, places) for places in (low, high)))
            for pair in zip(vectors[::2], vectors[1::2], strict=True)
        ]
        segment = half
    return vectors


@intrinsic(prefer_literal=True)
def _dots(
    typing: Any, examples: Any, count: Any, c: Any, x: Any, w: Any, n: Any, fresh: Any
) -> tuple[Any, Callable[..., Any]]:
    Q, P = examples.literal_value, count.literal_value

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, _, (c_flat, at, pitch), *rows, n, fresh = operands(context, builder, signature, values)
        write = Writer(builder, c.types[0].dtype)
        x_rows, w_rows = (
            [write.place(flat, first, (step, p)) for p in range(size)]
            for (flat, first, step), size in zip(rows, (Q, P), strict=True)
        )

        def body(t: Any, held: list[Any]) -> list[Any]:
            ws, xs = ([write.load(write.place(row, (t, write.width))) for row in rows] for rows in (w_rows, x_rows))
            return write.add_products(xs, ws, held)

        sums, length = _fold(write, builder, write.loop(n, [write.zero] * (Q * P), body)), min(P, write.width)
        for i in range(0, Q * P, length):  # the sums of a row of x lie side by side, in one vector or in several
            vector, lane = sums[i // write.width], i % write.width
            piece = write.shuffle(vector, vector, list(range(lane, lane + length)))
            cell = write.place(c_flat, at, (pitch, i // P), i % P)
            with builder.if_else(fresh) as (store, add):
                with store:
                    write.store(piece, cell)
                with add:
                    write.store(builder.fadd(write.load(cell, length), piece), cell)
        return context.get_dummy_value()

    return types.void(examples, count, c, x, w, types.intp, types.boolean), codegen


@intrinsic(prefer_literal=True)
def _descend_rows(
    typing: Any, vectors: Any, at: Any, sums: Any, a: Any, w: Any, y: Any, n: Any, update: Any
) -> tuple[Any, Callable[..., Any]]:
    V = vectors.literal_value

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, at, sums_flat, a, w, y, n, update = operands(context, builder, signature, values)
        (w, k, pitch), (_, keep, rate, _) = w, update
        write = Writer(builder, sums.dtype)
        keep = write.spread(keep)
        steps = [v * write.width for v in range(V)]
        ys, cells = (
            [write.load(write.place(y, at, step)) for step in steps],
            [write.place(sums_flat, at, s) for s in steps],
        )

        def body(t: Any, held: list[Any]) -> list[Any]:
            row, factor, after = write.place(w, k, at, (t, pitch)), builder.load(write.place(a, t)), []
            spread, change = write.spread(factor), write.spread(builder.fmul(rate, factor))
            for v, step in enumerate(steps):
                cell = write.place(row, step)
                old = write.load(cell)
                after.append(write.add_product(spread, old, held[v]))
                write.store(write.add_product(change, ys[v], builder.fmul(keep, old)), cell)
            return after

        for cell, value in zip(cells, write.loop(n, [write.load(cell) for cell in cells], body), strict=True):
            write.store(value, cell)
        return context.get_dummy_value()

    return types.void(vectors, types.intp, sums, a, w, y, types.intp, update), codegen


@intrinsic
def _turn(typing: Any, c: Any, w: Any) -> tuple[Any, Callable[..., Any]]:
    """Turn over a square as wide as a register: deal halves of its rows into one another until they are columns."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (c_flat, at, pitch), (w_flat, j, step) = operands(context, builder, signature, values)
        write = Writer(builder, c.types[0].dtype)
        width, half = write.width, write.width // 2
        vectors = [write.load(write.place(w_flat, j, (step, p))) for p in range(width)]
        dealt = [lane + side for lane in range(width) for side in (0, width)]
        for _ in range(width.bit_length() - 1):
            pairs = zip(vectors[:half], vectors[half:], strict=True)
            vectors = [write.shuffle(*pair, places) for pair in pairs for places in (dealt[:width], dealt[width:])]
        for p, vector in enumerate(vectors):
            write.store(vector, write.place(c_flat, at, (pitch, p)))
        return context.get_dummy_value()

    return types.void(c, w), codegen


sum_rows: Any = _sum_rows  # (rows of c, registers, c: Rows, a: Factors, w: Rows or Listed, n, update)
dots: Any = _dots  # (ROWS or 1, COUNT, c: Rows, x: Rows, w: Rows, n registers, fresh)
descend_rows: Any = _descend_rows  # (registers, first column, S, a, w: Rows, y, n, update), arrays but w
turn: Any = _turn  # (c: Rows, w: Rows)
