"""Five pieces of matrix products, held in the vector registers of the processor.

They work on rows that begin with a line of the cache and are padded with zeros to whole registers, so that there are no
remainders: `ROWS` rows at a time, whole registers wide. What they do differently from `tile`: the rows that are summed
may come from a list, which leaves out what is zero. Inputs mostly are: four fifths of MNIST's pixels, more once
corrupted. A row left out is neither read nor multiplied.

::

    sum_rows     S[p, v] = Σ_t a[t a_t + p a_p] · w[t w_t + v]
    sum_listed   S[p, v] = Σ_t a[t a_t + p a_p] · w[rows[t] + v]
    dots         S[q, p] = Σ_v x[q, v] · w[p, v]
    descend_rows S[v]   += Σ_t a[t] · w[t, v], and then w[t, v] = keep w[t, v] + rate a[t] y[v]
    turn         c[v, p] = w[p, v]

What becomes of the sums of the first three is said by a number that must be written as one: they are stored (`STORE`),
added to what is there (`ADD`), or what is there is multiplied by `keep` and the sums are added, multiplied by `rate`
(`STEP`). Nothing checks the bounds.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from scratchdae.kernels.machine.tile import MANY_REGISTERS, lanes

_struct: Callable[..., Any] = cgutils.create_struct_proxy
_declare: Callable[..., Any] = cgutils.get_or_insert_function
_I64, _I32 = ir.IntType(64), ir.IntType(32)
ROWS = 4
VECTORS = 4 if MANY_REGISTERS else 2  # of a panel: ROWS × VECTORS sums in registers
COUNT = VECTORS  # rows of w whose products with ROWS rows of x are summed together
STORE, ADD, STEP = 0, 1, 2


def _pointers(context: Any, builder: Any, signature: Any, values: Any) -> list[Any]:
    """Replace arrays by pointers to their first number."""
    return [
        _struct(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, values, strict=True)
    ]


def _element(dtype: Any) -> tuple[Any, int, int]:
    """Return LLVM's type of a number, its bytes, and how many a register holds."""
    kind, size = (ir.FloatType(), 4) if dtype == types.float32 else (ir.DoubleType(), 8)
    return kind, size, lanes(f"f{size}")


def _loop(builder: Any, n: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
    """Write a loop of n ≥ 0 turns; return the carried values after it."""
    entry, loop, end = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
    builder.cbranch(builder.icmp_signed(">", n, ir.Constant(_I64, 0)), loop, end)
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
    loop_end = builder.block
    builder.cbranch(builder.icmp_signed("<", t_next, n), loop, end)
    builder.position_at_end(end)
    results = [builder.phi(value.type) for value in carried]
    for phi, first, last in zip(results, carried, after, strict=True):
        phi.add_incoming(first, entry)
        phi.add_incoming(last, loop_end)
    return results


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def _spread(builder: Any, value: Any, width: int) -> Any:
    """Put a number into every lane of a register."""
    undefined = ir.Constant(ir.VectorType(value.type, width), ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(_I32, width), [0] * width)
    return builder.shuffle_vector(builder.insert_element(undefined, value, ir.Constant(_I32, 0)), undefined, everywhere)


def _vector_at(builder: Any, pointer: Any, index: Any, width: int) -> Any:
    place = builder.gep(pointer, [index])
    return builder.bitcast(place, ir.VectorType(place.type.pointee, width).as_pointer())


def _prefetch(builder: Any, place: Any) -> None:
    """Ask for a line of the cache that will be written; by the end of the loop it is there."""
    byte, writing, nearest, data = ir.IntType(8).as_pointer(), *(ir.Constant(_I32, n) for n in (1, 3, 1))
    kind = ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32])
    builder.call(
        _declare(builder.module, kind, "llvm.prefetch.p0i8"), [builder.bitcast(place, byte), writing, nearest, data]
    )


def _finish(builder: Any, mode: int, cell: Any, value: Any, size: int, keep: Any, rate: Any) -> None:
    """Store, add, or take a step."""
    if mode == ADD:
        value = builder.fadd(builder.load(cell, align=size), value)
    elif mode == STEP:
        value = _multiply_add(builder, rate, value, builder.fmul(keep, builder.load(cell, align=size)))
    builder.store(value, cell, align=size)


def _sums(listed: bool) -> Any:
    """Make the intrinsic that sums rows, one after the other or from a list."""

    @intrinsic(prefer_literal=True)
    def rows_sum(
        typing: Any, mode: Any, count: Any, vectors: Any, c: Any, at: Any, c_row: Any, a: Any, first: Any, a_t: Any,
        a_p: Any, w: Any, j: Any, rows: Any, rows_first: Any, n: Any, keep: Any, rate: Any,
    ) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
        i, real = types.intp, c.dtype
        signature = types.void(mode, count, vectors, c, i, i, a, i, i, i, w, i, rows if listed else i, i, i, real, real)
        P, V, how = count.literal_value, vectors.literal_value, mode.literal_value

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            c, at, c_row, a, first, a_t, a_p, w, j, rows, rows_first, n, keep, rate = _pointers(
                context, builder, signature, values
            )[3:]
            number, size, width = _element(real)
            w = builder.gep(w, [j])
            rows = builder.gep(rows, [rows_first]) if listed else rows

            def fixed(value: int) -> Any:
                return ir.Constant(_I64, value)

            members = [builder.gep(a, [builder.add(first, builder.mul(a_p, fixed(p)))]) for p in range(P)]
            targets = [builder.gep(c, [builder.add(at, builder.mul(c_row, fixed(p)))]) for p in range(P)]

            def body(t: Any, held: list[Any]) -> list[Any]:
                row = builder.gep(w, [builder.load(builder.gep(rows, [t])) if listed else builder.mul(t, rows)])
                step, after = builder.mul(t, a_t), []
                factors = [
                    builder.load(_vector_at(builder, row, fixed(v * width), width), align=size) for v in range(V)
                ]
                for p, member in enumerate(members):
                    spread = _spread(builder, builder.load(builder.gep(member, [step])), width)
                    after += [
                        _multiply_add(builder, spread, factor, held[p * V + v]) for v, factor in enumerate(factors)
                    ]
                return after

            for target in targets:
                for v in range(V):
                    _prefetch(builder, builder.gep(target, [fixed(v * width)]))
            zero = ir.Constant(ir.VectorType(number, width), [0.0] * width)
            sums = _loop(builder, n, [zero] * (P * V), body)
            keep, rate = _spread(builder, keep, width), _spread(builder, rate, width)
            for p, target in enumerate(targets):
                for v in range(V):
                    cell = _vector_at(builder, target, fixed(v * width), width)
                    _finish(builder, how, cell, sums[p * V + v], size, keep, rate)
            return context.get_dummy_value()

        return signature, codegen

    return rows_sum


# (mode, rows of c, registers, c, at, c_row, a, first, a_t, a_p, w, j, w_t or rows, 0 or rows_first, n, keep, rate)
sum_rows, sum_listed = _sums(listed=False), _sums(listed=True)


def _fold(builder: Any, vectors: list[Any], width: int) -> list[Any]:
    """Sum each vector; return the sums in their order, as many to a vector as there is room for.

    Two vectors become one that holds the sum of the first one's halves, then that of the second one's halves; then two
    of those become one of quarters, until a lane holds a sum. It takes a third of the instructions of summing each.
    """
    segment = width
    while segment > 1:
        if len(vectors) == 1:  # nothing left to pair it with
            vectors = [vectors[0], vectors[0]]
        half, starts = segment // 2, range(0, width, segment)
        low = [v * width + s + k for v in range(2) for s in starts for k in range(half)]
        masks = [ir.Constant(ir.VectorType(_I32, width), [k + shift for k in low]) for shift in (0, half)]
        vectors = [
            builder.fadd(*(builder.shuffle_vector(one, other, mask) for mask in masks))
            for one, other in zip(vectors[::2], vectors[1::2], strict=True)
        ]
        segment = half
    return vectors


@intrinsic(prefer_literal=True)
def _dots(
    typing: Any, mode: Any, examples: Any, count: Any, c: Any, at: Any, c_row: Any, x: Any, i: Any, x_row: Any, w: Any,
    k: Any, w_row: Any, n: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """Sum the products of so many rows of x with so many of w, n registers long."""
    t, Q, P, how = types.intp, examples.literal_value, count.literal_value, mode.literal_value
    signature = types.void(mode, examples, count, c, t, t, x, t, t, w, t, t, t)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        c, at, c_row, x, i, x_row, w, k, w_row, n = _pointers(context, builder, signature, values)[3:]
        number, size, width = _element(signature.args[3].dtype)

        def row(pointer: Any, first: Any, step: Any, p: int) -> Any:
            return builder.gep(pointer, [builder.add(first, builder.mul(step, ir.Constant(_I64, p)))])

        x_rows, w_rows = [row(x, i, x_row, q) for q in range(Q)], [row(w, k, w_row, p) for p in range(P)]

        def body(t: Any, held: list[Any]) -> list[Any]:
            j = builder.mul(t, ir.Constant(_I64, width))
            ws, xs = (
                [builder.load(_vector_at(builder, pointer, j, width), align=size) for pointer in pointers]
                for pointers in (w_rows, x_rows)
            )
            return [_multiply_add(builder, xs[q], ws[p], held[q * P + p]) for q in range(Q) for p in range(P)]

        zero = ir.Constant(ir.VectorType(number, width), [0.0] * width)
        sums = _fold(builder, _loop(builder, n, [zero] * (Q * P), body), width)
        for q in range(Q):  # the sums of a row of x lie side by side, in one vector or in several
            target = row(c, at, c_row, q)
            length = min(P, width)
            for p in range(0, P, length):
                vector, lane = divmod(q * P + p, width)
                lanes_of_row = ir.Constant(ir.VectorType(_I32, length), list(range(lane, lane + length)))
                piece = builder.shuffle_vector(sums[vector], ir.Constant(sums[vector].type, ir.Undefined), lanes_of_row)
                cell = _vector_at(builder, target, ir.Constant(_I64, p), length)
                _finish(builder, how, cell, piece, size, None, None)
        return context.get_dummy_value()

    return signature, codegen


# dots(mode, ROWS, COUNT, c, at, c_row, x, i, x_row, w, k, w_row, n), or with 1 in place of ROWS
dots: Any = _dots


@intrinsic(prefer_literal=True)
def _descend_rows(
    typing: Any, vectors: Any, sums: Any, at: Any, factors: Any, first: Any, w: Any, k: Any, w_row: Any, y: Any,
    n: Any, keep: Any, rate: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """Sum rows of w, and take a step with each of them, while it is in the registers."""
    i, real, V = types.intp, w.dtype, vectors.literal_value
    signature = types.void(vectors, sums, i, factors, i, w, i, i, y, i, real, real)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        sums, at, factors, first, w, k, w_row, y, n, keep, rate = _pointers(context, builder, signature, values)[1:]
        _, size, width = _element(real)
        sums, y, w = builder.gep(sums, [at]), builder.gep(y, [at]), builder.gep(w, [builder.add(k, at)])
        factors = builder.gep(factors, [first])
        keep = _spread(builder, keep, width)
        places = [ir.Constant(_I64, v * width) for v in range(V)]
        ys = [builder.load(_vector_at(builder, y, place, width), align=size) for place in places]

        def body(t: Any, held: list[Any]) -> list[Any]:
            row, factor = builder.gep(w, [builder.mul(t, w_row)]), builder.load(builder.gep(factors, [t]))
            spread, step = _spread(builder, factor, width), _spread(builder, builder.fmul(rate, factor), width)
            after = []
            for v, place in enumerate(places):
                cell = _vector_at(builder, row, place, width)
                old = builder.load(cell, align=size)
                after.append(_multiply_add(builder, spread, old, held[v]))
                builder.store(_multiply_add(builder, step, ys[v], builder.fmul(keep, old)), cell, align=size)
            return after

        cells = [_vector_at(builder, sums, place, width) for place in places]
        before = [builder.load(cell, align=size) for cell in cells]
        for cell, value in zip(cells, _loop(builder, n, before, body), strict=True):
            builder.store(value, cell, align=size)
        return context.get_dummy_value()

    return signature, codegen


# descend_rows(registers, sums, at, factors, first, w, k, w_row, y, n, keep, rate)
descend_rows: Any = _descend_rows


@intrinsic
def _turn(typing: Any, c: Any, at: Any, c_row: Any, w: Any, j: Any, w_row: Any) -> tuple[Any, Callable[..., Any]]:
    """Turn over a square as wide as a register: deal halves of its rows into one another until they are columns."""
    i = types.intp

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        c, at, c_row, w, j, w_row = _pointers(context, builder, signature, values)
        _, size, width = _element(signature.args[0].dtype)

        def row(pointer: Any, first: Any, step: Any, p: int) -> Any:
            first = builder.add(first, builder.mul(step, ir.Constant(_I64, p)))
            return _vector_at(builder, pointer, first, width)

        vectors, half = [builder.load(row(w, j, w_row, p), align=size) for p in range(width)], width // 2
        dealt = [lane + side for lane in range(width) for side in (0, width)]
        masks = [ir.Constant(ir.VectorType(_I32, width), places) for places in (dealt[:width], dealt[width:])]
        for _ in range(width.bit_length() - 1):
            pairs = zip(vectors[:half], vectors[half:], strict=True)
            vectors = [builder.shuffle_vector(one, other, mask) for one, other in pairs for mask in masks]
        for p, vector in enumerate(vectors):
            builder.store(vector, row(c, at, c_row, p), align=size)
        return context.get_dummy_value()

    return types.void(c, i, i, w, i, i), codegen


# turn(c, at, c_row, w, j, w_row)
turn: Any = _turn
