"""Two pieces of a matrix product, held in the vector registers of the processor.

What they do differently from `tile`: the rows that are summed come from a list, which may leave out what is zero.
Inputs mostly are: four fifths of MNIST's pixels, more once corrupted. A row left out is neither read nor multiplied.

::

    add_rows   c[p, j + v] += Σ_t a[t a_t + p a_p] · w[rows[t] + j + v]    p below the group's size
    dots       c[q, p] += Σ_j x[q, j] · w[p, j]    both rows contiguous: nothing is transposed

Each size of group is compiled by itself; the size is the length of the tuple `group`. Nothing checks the bounds.
"""

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from scratchdae.arguments import Array
from scratchdae.kernels.tile import lanes

_struct: Callable[..., Any] = cgutils.create_struct_proxy
_I64, _I32 = ir.IntType(64), ir.IntType(32)
VECTORS = {1: 8, 2: 8, 4: 4, 8: 2}  # of a panel, by the size of the group: 8 or 16 sums


def _pointers(context: Any, builder: Any, signature: Any, values: Any) -> list[Any]:
    """Replace arrays by pointers to their first number."""
    return [
        _struct(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, values, strict=True)
    ]


def _element(dtype: Any) -> tuple[Any, int]:
    return (ir.FloatType(), 4) if dtype == types.float32 else (ir.DoubleType(), 8)


def _loop(builder: Any, n: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
    """Write a loop of n ≥ 1 turns; return the carried values after it."""
    entry, loop, end = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
    builder.branch(loop)
    builder.position_at_end(loop)
    t = builder.phi(_I64)
    held = [builder.phi(value.type) for value in carried]
    after = body(t, held)
    t_next = builder.add(t, ir.Constant(_I64, 1))
    t.add_incoming(ir.Constant(_I64, 0), entry)
    t.add_incoming(t_next, builder.block)
    for phi, first, last in zip(held, carried, after, strict=True):
        phi.add_incoming(first, entry)
        phi.add_incoming(last, builder.block)
    builder.cbranch(builder.icmp_signed("<", t_next, n), loop, end)
    builder.position_at_end(end)
    return after


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def _rows_template(
    context: Any, share: Any, group: Any, c: Any, at: Any, c_row: Any, a: Any, first: Any, a_t: Any, a_p: Any,
    rows: Any, rows_first: Any, w: Any, j: Any, n: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """Add to a panel of columns: 0 means `VECTORS` registers wide, -2 two, and a positive share a part of one."""
    del context, at, c_row, first, a_t, a_p, rows_first, j, n
    i, size_of_group = types.intp, group.count
    vectors, part = {0: (VECTORS[size_of_group], 1), -2: (2, 1)}.get(share.literal_value, (1, share.literal_value))
    signature = types.void(share, group, c, i, i, a, i, i, i, rows, i, w, i, i)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointers = _pointers(context, builder, signature, values)
        c, at, c_row, a, first, a_t, a_p, rows, rows_first, w, j, n = pointers[2:]
        number, size = _element(signature.args[2].dtype)
        width = max(1, lanes(f"f{size}") // part)
        vector = ir.VectorType(number, width)
        undefined = ir.Constant(vector, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(_I32, width), [0] * width)
        rows, w = builder.gep(rows, [rows_first]), builder.gep(w, [j])
        spans = [builder.mul(a_p, ir.Constant(_I64, p)) for p in range(size_of_group)]
        members = [builder.gep(a, [builder.add(first, span)]) for span in spans]

        def vector_at(pointer: Any, v: int) -> Any:
            return builder.bitcast(builder.gep(pointer, [ir.Constant(_I64, v * width)]), vector.as_pointer())

        targets = [
            builder.gep(c, [builder.add(at, builder.mul(c_row, ir.Constant(_I64, p)))]) for p in range(size_of_group)
        ]
        cells = [vector_at(target, v) for target in targets for v in range(vectors)]

        def body(t: Any, held: list[Any]) -> list[Any]:
            row = builder.gep(w, [builder.load(builder.gep(rows, [t]))])
            factors = [builder.load(vector_at(row, v), align=size) for v in range(vectors)]
            step = builder.mul(t, a_t)
            after = []
            for p, member in enumerate(members):
                value = builder.load(builder.gep(member, [step]))
                spread = builder.insert_element(undefined, value, ir.Constant(_I32, 0))
                spread = builder.shuffle_vector(spread, undefined, everywhere)
                for v, factor in enumerate(factors):
                    after.append(_multiply_add(builder, spread, factor, held[p * vectors + v]))
            return after

        before = [builder.load(cell, align=size) for cell in cells]
        for cell, value in zip(cells, _loop(builder, n, before, body), strict=True):
            builder.store(value, cell, align=size)
        return context.get_dummy_value()

    return signature, codegen


_add_rows: Any = intrinsic(prefer_literal=True)(_rows_template)


def _dots_template(
    context: Any, examples: Any, count: Any, c: Any, at: Any, c_row: Any, x: Any, i: Any, x_row: Any, w: Any, k: Any,
    w_row: Any, n: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """Add the products of so many rows of x with so many of w, n registers long."""
    del context, at, c_row, i, x_row, k, w_row, n
    t, xs_count, ws_count = types.intp, examples.literal_value, count.literal_value
    signature = types.void(examples, count, c, t, t, x, t, t, w, t, t, t)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        c, at, c_row, x, i, x_row, w, k, w_row, n = _pointers(context, builder, signature, values)[2:]
        number, size = _element(signature.args[2].dtype)
        width = lanes(f"f{size}")
        vector = ir.VectorType(number, width)

        def row(pointer: Any, first: Any, step: Any, p: int) -> Any:
            return builder.gep(pointer, [builder.add(first, builder.mul(step, ir.Constant(_I64, p)))])

        x_rows = [row(x, i, x_row, q) for q in range(xs_count)]
        w_rows = [row(w, k, w_row, p) for p in range(ws_count)]

        def body(t: Any, held: list[Any]) -> list[Any]:
            j = builder.mul(t, ir.Constant(_I64, width))

            def load(pointer: Any) -> Any:
                there = builder.bitcast(builder.gep(pointer, [j]), vector.as_pointer())
                return builder.load(there, align=size)

            ws, xs = [load(pointer) for pointer in w_rows], [load(pointer) for pointer in x_rows]
            return [
                _multiply_add(builder, xs[q], ws[p], held[q * ws_count + p])
                for q in range(xs_count) for p in range(ws_count)
            ]  # fmt: skip

        zero = ir.Constant(vector, [0.0] * width)
        sums = _loop(builder, n, [zero] * (xs_count * ws_count), body)
        for q in range(xs_count):
            target = row(c, at, c_row, q)
            for p in range(ws_count):
                total, half = sums[q * ws_count + p], width // 2
                while half:  # fold the upper half onto the lower
                    low = ir.Constant(ir.VectorType(_I32, half), list(range(half)))
                    high = ir.Constant(ir.VectorType(_I32, half), list(range(half, 2 * half)))
                    undefined = ir.Constant(total.type, ir.Undefined)
                    total = builder.fadd(
                        builder.shuffle_vector(total, undefined, low), builder.shuffle_vector(total, undefined, high)
                    )
                    half //= 2
                value = builder.extract_element(total, ir.Constant(_I32, 0))
                cell = builder.gep(target, [ir.Constant(_I64, p)])
                builder.store(builder.fadd(builder.load(cell), value), cell)
        return context.get_dummy_value()

    return signature, codegen


# dots(examples, count, c, at, c_row, x, i, x_row, w, k, w_row, n): the first two must be written as numbers.
dots: Any = intrinsic(prefer_literal=True)(_dots_template)


@numba.njit(cache=True, nogil=True)
def add_rows(
    group: Any, c: Array, at: int, c_row: int, a: Array, first: int, a_t: int, a_p: int, rows: Array, rows_first: int,
    w: Array, j: int, n: int, columns: int, shape: tuple[int, int],
) -> None:  # fmt: skip
    """Add to any number of columns: whole panels, then parts of a register down to single numbers.

    Parameters
    ----------
    group : tuple of int
        As many numbers as there are rows in c: 1, 2, 4 or 8.
    c : ndarray
        Where the sums are added; this and all other arrays flat and contiguous.
    at, c_row : int
        Its first index, and the step from row to row.
    a : ndarray
        The factors.
    first, a_t, a_p : int
        Their first index, the step from term to term and that from row to row of c.
    rows : ndarray of int64
        Where the rows of `w` begin that are summed.
    rows_first : int
        The first one's index in `rows`.
    w : ndarray
        The numbers that are summed.
    j : int
        Their first column.
    n : int
        How many terms, at least 1.
    columns : int
        How many columns.
    shape : (int, int)
        Columns of a panel, and of one register.
    """
    panel, width = shape
    v = 0
    while v + panel <= columns:
        _add_rows(0, group, c, at + v, c_row, a, first, a_t, a_p, rows, rows_first, w, j + v, n)
        v += panel
    while v + 2 * width <= columns:
        _add_rows(-2, group, c, at + v, c_row, a, first, a_t, a_p, rows, rows_first, w, j + v, n)
        v += 2 * width
    if v + width <= columns:
        _add_rows(1, group, c, at + v, c_row, a, first, a_t, a_p, rows, rows_first, w, j + v, n)
        v += width
    if v + max(1, width // 2) <= columns:
        _add_rows(2, group, c, at + v, c_row, a, first, a_t, a_p, rows, rows_first, w, j + v, n)
        v += max(1, width // 2)
    if v + max(1, width // 4) <= columns:
        _add_rows(4, group, c, at + v, c_row, a, first, a_t, a_p, rows, rows_first, w, j + v, n)
        v += max(1, width // 4)
    while v < columns:
        _add_rows(64, group, c, at + v, c_row, a, first, a_t, a_p, rows, rows_first, w, j + v, n)
        v += 1
