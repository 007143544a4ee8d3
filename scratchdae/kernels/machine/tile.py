"""A tile of a matrix product, held in the vector registers of the processor.

The innermost loop of a convolution multiplies and adds. To keep both multipliers of a core busy, the sums must stay in
registers while the loop runs, ROWS × 2 vectors of them, each number that is read being used more than once. A compiler
does not find that arrangement by itself, so it is written here in LLVM's own language, vector by vector. Measured, it
runs at the machine's peak, twice as fast as a BLAS that does not know the processor's widest vectors, and it needs no
patches to be copied next to each other: any ROWS starting points will do.

`tile` and `half_tile` are ordinary Python functions that say what is computed. Compiled code calls the other form.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from scratchdae.arguments import Array

_struct: Callable[..., Any] = cgutils.create_struct_proxy
_FEATURES = llvmlite.binding.get_host_cpu_features()
_BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx") else 16  # of a vector register
MANY_REGISTERS = bool(_FEATURES.get("avx512f") or _FEATURES.get("neon"))  # 32, not 16
ROWS = 8 if MANY_REGISTERS else 6  # of a tile; with 2 vectors each they fill half of 32 registers, or most of 16


def lanes(dtype: Any) -> int:
    """Return how many numbers a vector register holds.

    Parameters
    ----------
    dtype : dtype
        float32 or float64.

    Returns
    -------
    int
        The number; a tile is twice, a half tile once as wide.
    """
    return _BYTES // int(np.dtype(dtype).itemsize)


def _add_product(
    width: int, sums: Array, s: int, s_row: int, x: Array, starts: Array, first: int, x_outer: int, x_inner: int,
    w: Array, j: int, w_outer: int, w_inner: int, outer: int, inner: int,
) -> None:  # fmt: skip
    for p in range(ROWS):
        for o in range(outer):
            for k in range(inner):
                value = x[starts[first + p] + o * x_outer + k * x_inner]
                begin = j + o * w_outer + k * w_inner
                sums[s + p * s_row : s + p * s_row + width] += value * w[begin : begin + width]


def tile(
    sums: Array, s: int, s_row: int, x: Array, starts: Array, first: int, x_outer: int, x_inner: int,
    w: Array, j: int, w_outer: int, w_inner: int, outer: int, inner: int,
) -> None:  # fmt: skip
    """Add a product of ROWS rows of x with two vectors' width of w, all arrays flat and contiguous.

    ::

        sums[s + p s_row + v] += Σ_o Σ_k x[starts[first + p] + o x_outer + k x_inner] · w[j + o w_outer + k w_inner + v]

    for p below ROWS and v below ``2 * lanes(dtype)``, o below `outer` and k below `inner`, in that order. Nothing
    checks the bounds.

    Parameters
    ----------
    sums : ndarray
        Where the sums are added.
    s, s_row : int
        Their first index, and the step from row to row.
    x : ndarray
        The numbers of the rows.
    starts : ndarray of int64
        Where rows begin in `x`.
    first : int
        The first row's index in `starts`.
    x_outer, x_inner : int
        Steps through a row of `x`.
    w : ndarray
        The numbers that all rows are multiplied with.
    j, w_outer, w_inner : int
        Its first index, and the steps through it.
    outer, inner : int
        Number of steps, each at least 1.
    """
    _add_product(
        2 * lanes(sums.dtype), sums, s, s_row, x, starts, first, x_outer, x_inner, w, j, w_outer, w_inner, outer, inner
    )


def half_tile(
    sums: Array, s: int, s_row: int, x: Array, starts: Array, first: int, x_outer: int, x_inner: int,
    w: Array, j: int, w_outer: int, w_inner: int, outer: int, inner: int,
) -> None:  # fmt: skip
    """Add a product of ROWS rows of x with one vector's width of w: `tile`, half as wide.

    Parameters
    ----------
    sums : ndarray
        Where the sums are added.
    s, s_row : int
        Their first index, and the step from row to row.
    x : ndarray
        The numbers of the rows.
    starts : ndarray of int64
        Where rows begin in `x`.
    first : int
        The first row's index in `starts`.
    x_outer, x_inner : int
        Steps through a row of `x`.
    w : ndarray
        The numbers that all rows are multiplied with.
    j, w_outer, w_inner : int
        Its first index, and the steps through it.
    outer, inner : int
        Number of steps, each at least 1.
    """
    _add_product(
        lanes(sums.dtype), sums, s, s_row, x, starts, first, x_outer, x_inner, w, j, w_outer, w_inner, outer, inner
    )


def _in_registers(vectors: int) -> Any:
    """Make the compiled form: an intrinsic that computes ROWS rows of so many vectors."""

    @intrinsic
    def product(
        context: Any, sums: Any, s: Any, s_row: Any, x: Any, starts: Any, first: Any, x_outer: Any, x_inner: Any,
        w: Any, j: Any, w_outer: Any, w_inner: Any, outer: Any, inner: Any,
    ) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
        del context, s, s_row, first, x_outer, x_inner, j, w_outer, w_inner, outer, inner
        n = types.intp
        signature = types.void(sums, n, n, x, starts, n, n, n, w, n, n, n, n, n)

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            arrays = {k: _struct(signature.args[k])(context, builder, values[k]).data for k in (0, 3, 4, 8)}
            dtype = signature.args[0].dtype
            _emit(builder, dtype, vectors, [arrays.get(k, value) for k, value in enumerate(values)])
            return context.get_dummy_value()

        return signature, codegen

    return product


def _emit(builder: Any, dtype: Any, vectors: int, operands: list[Any]) -> None:
    """Write the two loops; the sums are the variables that go round them."""
    sums, s, s_row, x, starts, first, x_outer, x_inner, w, j, w_outer, w_inner, outer, inner = operands
    number = ir.FloatType() if dtype == types.float32 else ir.DoubleType()
    size = dtype.bitwidth // 8
    width = _BYTES // size
    vector = ir.VectorType(number, width)
    integer, small = ir.IntType(64), ir.IntType(32)
    zero, one = ir.Constant(integer, 0), ir.Constant(integer, 1)
    undefined, everywhere = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(small, width), [0] * width)
    cells = [(p, v) for p in range(ROWS) for v in range(vectors)]

    def place(pointer: Any, index: Any) -> Any:
        return builder.gep(pointer, [index])

    def vector_at(pointer: Any, v: int) -> Any:
        return builder.bitcast(place(pointer, ir.Constant(integer, v * width)), vector.as_pointer())

    rows = [place(x, builder.load(place(starts, builder.add(first, ir.Constant(integer, p))))) for p in range(ROWS)]
    w = place(w, j)
    entry = builder.block
    outer_loop, inner_loop, outer_end, end = (
        builder.append_basic_block(name) for name in ("outer", "inner", "outer_end", "end")
    )
    builder.branch(outer_loop)

    builder.position_at_end(outer_loop)
    o = builder.phi(integer)
    before = [builder.phi(vector) for _ in cells]
    x_rows = [place(row, builder.mul(o, x_outer)) for row in rows]
    w_row = place(w, builder.mul(o, w_outer))
    builder.branch(inner_loop)

    builder.position_at_end(inner_loop)
    k = builder.phi(integer)
    held = [builder.phi(vector) for _ in cells]
    w_here = place(w_row, builder.mul(k, w_inner))
    factors = [builder.load(vector_at(w_here, v), align=size) for v in range(vectors)]
    after = []
    for p, x_row in enumerate(x_rows):
        value = builder.load(place(x_row, builder.mul(k, x_inner)))
        spread = builder.insert_element(undefined, value, ir.Constant(small, 0))
        spread = builder.shuffle_vector(spread, undefined, everywhere)
        for v, factor in enumerate(factors):
            product = builder.fmul(spread, factor, flags=("contract",))  # one instruction with the sum that follows
            after.append(builder.fadd(product, held[p * vectors + v], flags=("contract",)))
    k_next = builder.add(k, one)
    builder.cbranch(builder.icmp_signed("<", k_next, inner), inner_loop, outer_end)

    builder.position_at_end(outer_end)
    o_next = builder.add(o, one)
    builder.cbranch(builder.icmp_signed("<", o_next, outer), outer_loop, end)

    nothing = ir.Constant(vector, [0.0] * width)
    o.add_incoming(zero, entry)
    o.add_incoming(o_next, outer_end)
    k.add_incoming(zero, outer_loop)
    k.add_incoming(k_next, inner_loop)
    for outside, inside, value in zip(before, held, after, strict=True):
        outside.add_incoming(nothing, entry)
        outside.add_incoming(value, outer_end)
        inside.add_incoming(outside, outer_loop)
        inside.add_incoming(value, inner_loop)

    builder.position_at_end(end)
    for (p, v), value in zip(cells, after, strict=True):
        row = place(sums, builder.add(s, builder.mul(s_row, ir.Constant(integer, p))))
        pointer = vector_at(row, v)
        builder.store(builder.fadd(builder.load(pointer, align=size), value), pointer, align=size)


_tile, _half_tile = _in_registers(2), _in_registers(1)


@overload(tile)
def _compiled_tile(
    sums: Any, s: Any, s_row: Any, x: Any, starts: Any, first: Any, x_outer: Any, x_inner: Any,
    w: Any, j: Any, w_outer: Any, w_inner: Any, outer: Any, inner: Any,
) -> Any:  # fmt: skip
    del sums, s, s_row, x, starts, first, x_outer, x_inner, w, j, w_outer, w_inner, outer, inner

    def call(
        sums: Any, s: Any, s_row: Any, x: Any, starts: Any, first: Any, x_outer: Any, x_inner: Any,
        w: Any, j: Any, w_outer: Any, w_inner: Any, outer: Any, inner: Any,
    ) -> Any:  # fmt: skip
        _tile(sums, s, s_row, x, starts, first, x_outer, x_inner, w, j, w_outer, w_inner, outer, inner)

    return call


@overload(half_tile)
def _compiled_half_tile(
    sums: Any, s: Any, s_row: Any, x: Any, starts: Any, first: Any, x_outer: Any, x_inner: Any,
    w: Any, j: Any, w_outer: Any, w_inner: Any, outer: Any, inner: Any,
) -> Any:  # fmt: skip
    del sums, s, s_row, x, starts, first, x_outer, x_inner, w, j, w_outer, w_inner, outer, inner

    def call(
        sums: Any, s: Any, s_row: Any, x: Any, starts: Any, first: Any, x_outer: Any, x_inner: Any,
        w: Any, j: Any, w_outer: Any, w_inner: Any, outer: Any, inner: Any,
    ) -> Any:  # fmt: skip
        _half_tile(sums, s, s_row, x, starts, first, x_outer, x_inner, w, j, w_outer, w_inner, outer, inner)

    return call
