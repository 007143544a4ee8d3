"""The processor's vector registers, and the phrases in which `tile` and `panels` speak to them.

To keep both multipliers of a core busy, sums must stay in registers while a loop runs, each number that is read being
used more than once. A compiler does not find that arrangement by itself, so it is written in LLVM's own language,
vector by vector. The operands are tuples that say where numbers lie in a flat array; nothing checks the bounds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from scratchdae.arguments import Array

_FEATURES = llvmlite.binding.get_host_cpu_features()
BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx") else 16  # of a vector register
MANY = bool(_FEATURES.get("avx512f") or _FEATURES.get("neon"))  # 32 registers, not 16
_I64, _I32 = ir.IntType(64), ir.IntType(32)
_struct: Callable[..., Any] = cgutils.create_struct_proxy
_declare: Callable[..., Any] = cgutils.get_or_insert_function
_unpack: Callable[..., Any] = cgutils.unpack_tuple
_address: Callable[..., Any] = types.CPointer


class Rows(NamedTuple):
    """Rows of numbers: row p begins at ``flat[at + p * pitch]``."""

    flat: Array  # or a pointer to it
    at: int
    pitch: int


def lanes(numbers: Any) -> int:
    """Return how many numbers of a dtype, float32 or float64, a vector register holds; or of an array's."""
    return BYTES // int(np.dtype(numbers.dtype if isinstance(numbers, np.ndarray) else numbers).itemsize)


@overload(lanes, strict=False)
def _compiled_lanes(numbers: Any) -> Any:
    n = lanes(str(numbers.dtype))
    return lambda numbers: n  # noqa: ARG005


def pointer(array: Array) -> Any:
    """Return the array; compiled, where it begins: a tuple that held the array would count as one of its owners."""
    return array


def _pointer_template(typing: Any, array: Any) -> tuple[Any, Callable[..., Any]]:
    del typing

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return operands(context, builder, signature, values)[0]

    return _address(array.dtype)(array), codegen


_pointer: Any = intrinsic(_pointer_template)


@overload(pointer, strict=False)
def _compiled_pointer(array: Any) -> Any:
    del array
    return lambda array: _pointer(array)


def operands(context: Any, builder: Any, signature: Any, values: Any) -> list[Any]:
    """Replace arrays by pointers to their first number, and tuples by lists."""

    def unpacked(kind: Any, value: Any) -> Any:
        if hasattr(kind, "types"):
            members = _unpack(builder, value, len(kind))
            return [unpacked(*member) for member in zip(kind.types, members, strict=True)]
        return _struct(kind)(context, builder, value).data if isinstance(kind, types.Array) else value

    return [unpacked(kind, value) for kind, value in zip(signature.args, values, strict=True)]


class Writer:
    """Writes instructions for numbers of one type, of which a register holds `width`."""

    def __init__(self, builder: Any, dtype: Any) -> None:
        self._builder = builder
        self.number, self._size = (ir.FloatType(), 4) if dtype == types.float32 else (ir.DoubleType(), 8)
        self.width = lanes(f"f{self._size}")
        self.zero = ir.Constant(ir.VectorType(self.number, self.width), [0.0] * self.width)

    def place(self, pointer: Any, *steps: Any) -> Any:
        """Move a pointer by each step: a number, or two whose product it is."""
        for step in steps:
            first, *others = [
                ir.Constant(_I64, n) if isinstance(n, int) else n
                for n in (step if isinstance(step, tuple) else (step,))
            ]
            pointer = self._builder.gep(pointer, [self._builder.mul(first, *others) if others else first])
        return pointer

    def _cell(self, pointer: Any, length: int) -> Any:
        return self._builder.bitcast(pointer, ir.VectorType(pointer.type.pointee, length).as_pointer())

    def load(self, pointer: Any, length: int | None = None) -> Any:
        """Read a register, or as many numbers."""
        return self._builder.load(self._cell(pointer, length or self.width), align=self._size)

    def store(self, value: Any, pointer: Any) -> None:
        """Write a vector."""
        self._builder.store(value, self._cell(pointer, value.type.count), align=self._size)

    def load_spread(self, pointer: Any) -> Any:
        """Read a number into every lane of a register."""
        return self.spread(self._builder.load(pointer))

    def spread(self, value: Any) -> Any:
        """Put a number into every lane of a register."""
        undefined = ir.Constant(ir.VectorType(value.type, self.width), ir.Undefined)
        only = self._builder.insert_element(undefined, value, ir.Constant(_I32, 0))
        return self.shuffle(only, undefined, [0] * self.width)

    def shuffle(self, one: Any, other: Any, places: list[int]) -> Any:
        """Take lanes of two vectors, those of the second counted on from the first's."""
        return self._builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(_I32, len(places)), places))

    def add_product(self, a: Any, b: Any, c: Any) -> Any:
        """Compute a b + c, in one instruction where there is one."""
        return self._builder.fadd(self._builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

    def add_products(self, xs: list[Any], ws: list[Any], totals: list[Any]) -> list[Any]:
        """Add to totals the product of each x with each w, the w going round first."""
        pairs = [(x, w) for x in xs for w in ws]
        return [self.add_product(*pair, total) for pair, total in zip(pairs, totals, strict=True)]

    def prefetch(self, pointer: Any) -> None:
        """Ask for a line of the cache that will be written; by the end of the loop it is there."""
        byte, writing, nearest, data = ir.IntType(8).as_pointer(), *(ir.Constant(_I32, n) for n in (1, 3, 1))
        kind = ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32])
        function = _declare(self._builder.module, kind, "llvm.prefetch.p0i8")
        self._builder.call(function, [self._builder.bitcast(pointer, byte), writing, nearest, data])

    def loop(self, n: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
        """Write a loop of n ≥ 0 turns; return the carried values after it."""
        builder = self._builder
        entry, loop, end = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
        builder.cbranch(builder.icmp_signed(">", n, ir.Constant(_I64, 0)), loop, end)
        builder.position_at_end(loop)
        t = builder.phi(_I64)
        held = [builder.phi(value.type) for value in carried]
        after = body(t, held)
        t_next, loop_end = builder.add(t, ir.Constant(_I64, 1)), builder.block
        for phi, first, last in zip((t, *held), (ir.Constant(_I64, 0), *carried), (t_next, *after), strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(last, loop_end)
        builder.cbranch(builder.icmp_signed("<", t_next, n), loop, end)
        builder.position_at_end(end)
        results = [builder.phi(value.type) for value in carried]
        for phi, first, last in zip(results, carried, after, strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(last, loop_end)
        return results
