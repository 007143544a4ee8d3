"""A tile of a matrix product, held in the vector registers of the processor.

The innermost loop of a convolution multiplies and adds, ROWS × 2 vectors of sums at a time (see `registers`). Measured,
it runs at the machine's peak, twice as fast as a BLAS that does not know the processor's widest vectors, and it needs
no patches to be copied next to each other: any ROWS starting points will do.

`tile` is an ordinary Python function that says what is computed. Compiled code calls the other form.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic, overload

from scratchdae.arguments import Array
from scratchdae.kernels.machine.registers import MANY, Rows, Writer, lanes, operands

ROWS = 8 if MANY else 6  # of a tile; with 2 vectors each they fill half of 32 registers, or most of 16


class Windows(NamedTuple):
    """What the rows are: number (o, k) of row p is ``flat[starts[first + p] + o * outer + k * inner]``."""

    flat: Array
    starts: Array  # int64
    first: int
    outer: int
    inner: int


class Walk(NamedTuple):
    """What all rows are multiplied with: vector (o, k) begins at ``flat[at + o * outer + k * inner]``."""

    flat: Array
    at: int
    outer: int
    inner: int


def tile(vectors: int, sums: Rows, x: Windows, w: Walk, outer: int, inner: int) -> None:
    """Add Σ_o Σ_k x[o, k] w[o, k], in that order, to ROWS rows of sums, 1 or 2 vectors wide (written as a number).

    The arrays are flat and contiguous; o stays below `outer` and k below `inner`.
    """
    width = vectors * lanes(sums.flat)
    for p in range(ROWS):
        begin = sums.at + p * sums.pitch
        for o in range(outer):
            for k in range(inner):
                value, j = x.flat[x.starts[x.first + p] + o * x.outer + k * x.inner], w.at + o * w.outer + k * w.inner
                sums.flat[begin : begin + width] += value * w.flat[j : j + width]


def _tile_template(
    typing: Any, vectors: Any, sums: Any, x: Any, w: Any, outer: Any, inner: Any
) -> tuple[Any, Callable[..., Any]]:
    del typing, outer, inner
    V = vectors.literal_value

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, (c, at, pitch), x, (w, j, w_outer, w_inner), outer, inner = operands(context, builder, signature, values)
        x, starts, first, x_outer, x_inner = x
        write = Writer(builder, sums.types[0].dtype)
        rows = [write.place(x, builder.load(write.place(starts, first, p))) for p in range(ROWS)]

        def outer_body(o: Any, before: list[Any]) -> list[Any]:
            w_row, x_rows = write.place(w, j, (o, w_outer)), [write.place(row, (o, x_outer)) for row in rows]

            def inner_body(k: Any, held: list[Any]) -> list[Any]:
                factors = [write.load(write.place(w_row, (k, w_inner), v * write.width)) for v in range(V)]
                spread = [write.load_spread(write.place(row, (k, x_inner))) for row in x_rows]
                return write.add_products(spread, factors, held)

            return write.loop(inner, before, inner_body)

        totals = write.loop(outer, [write.zero] * (ROWS * V), outer_body)
        for i, total in enumerate(totals):
            cell = write.place(c, at, (pitch, i // V), i % V * write.width)
            write.store(builder.fadd(write.load(cell), total), cell)
        return context.get_dummy_value()

    return types.void(vectors, sums, x, w, types.intp, types.intp), codegen


_tile: Any = intrinsic(prefer_literal=True)(_tile_template)


def _call(vectors: Any, sums: Any, x: Any, w: Any, outer: Any, inner: Any) -> None:
    _tile(vectors, sums, x, w, outer, inner)


@overload(tile, strict=False, prefer_literal=True)
def _compiled_tile(*_operands: Any) -> Any:
    return _call
