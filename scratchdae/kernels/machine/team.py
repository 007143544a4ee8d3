"""A team of threads that goes through the same compiled program together, from phase to phase.

To hand a part of the work to another thread and to hear that it is done takes longer than a step on a small batch. So
the threads of a team are called once for many steps, and where one needs what the others have computed it waits in a
loop, asking again and again, which takes a fraction of a microsecond. A thread that has asked long in vain offers its
core to whoever wants it: another program may have taken the core of the thread that it waits for.

A program begins with a `wait`, before it writes anything. Who has not come there because of Ctrl-C or an error never
will, and the others, who then go home, must not wait for ever.
"""

import os
import platform
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from scratchdae.arguments import Array
from scratchdae.kernels.machine import threads
from scratchdae.kernels.machine.jit import njit

_PATIENCE = 2000  # times to ask before offering the core, some tens of microseconds
_ARRIVED, _MEETING, _LEFT, _GATE = 0, 8, 16, 24  # numbers in an array, each in a line of the cache for itself
_I32, _I64, _VOID = ir.IntType(32), ir.IntType(64), ir.VoidType()
_struct: Callable[..., Any] = cgutils.create_struct_proxy
_declare: Callable[..., Any] = cgutils.get_or_insert_function
_PAUSE = "llvm.x86.sse2.pause" if platform.machine() in ("x86_64", "AMD64") else ""


def _cell(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return builder.gep(_struct(signature.args[0])(context, builder, values[0]).data, [values[1]])


def _load_template(typing: Any, gate: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """Read a number that another thread may be writing, and see all that it wrote before."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(_cell(context, builder, signature, values), "acquire", 8)

    return types.int64(gate, types.intp), codegen


def _store_template(typing: Any, gate: Any, index: Any, value: Any) -> tuple[Any, Callable[..., Any]]:
    """Write a number; whoever reads it sees all that was written before."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store_atomic(values[2], _cell(context, builder, signature, values), "release", 8)
        return context.get_dummy_value()

    return types.void(gate, types.intp, types.int64), codegen


def _increase_template(typing: Any, gate: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """Add one and return what was there, at once for all threads."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        cell = _cell(context, builder, signature, values)
        return builder.atomic_rmw("add", cell, ir.Constant(_I64, 1), "acq_rel")

    return types.int64(gate, types.intp), codegen


def _pause_template(typing: Any) -> tuple[Any, Callable[..., Any]]:
    """Tell the processor that this is a loop of waiting, where it can be told."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if _PAUSE:
            builder.call(builder.module.declare_intrinsic(_PAUSE, (), ir.FunctionType(_VOID, [])), [])
        return context.get_dummy_value()

    return types.void(), codegen


def _offer_core_template(typing: Any) -> tuple[Any, Callable[..., Any]]:
    """Let another thread run first, where the system can be asked by this name."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if os.name == "posix":
            kind = ir.FunctionType(_I32, [])
            builder.call(_declare(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), codegen


_load: Any = intrinsic(_load_template)
_store: Any = intrinsic(_store_template)
_increase: Any = intrinsic(_increase_template)
_pause: Any = intrinsic(_pause_template)
_offer_core: Any = intrinsic(_offer_core_template)


class Team(NamedTuple):
    """A thread's place in its team."""

    gate: Array  # (24,) of int64
    totals: Array  # (threads, sums) of float64: what each thread leaves for the others to read after the next meeting
    size: int  # threads
    rank: int  # of this one, from 0


@njit()
def wait(team: Team) -> bool:
    """Wait until all threads have come here, and see all that they have written; False if one of them never begins."""
    if team.size == 1:
        return True
    gate = team.gate
    meeting = _load(gate, _MEETING)
    if _increase(gate, _ARRIVED) == team.size - 1:
        _store(gate, _ARRIVED, 0)
        _store(gate, _MEETING, meeting + 1)
        return True
    asked = 0
    while _load(gate, _MEETING) == meeting:
        asked += 1
        if asked <= _PATIENCE:
            _pause()
        elif _load(gate, _LEFT):
            return False
        else:
            _offer_core()
    return True


@njit(inline="always")
def share(team: Team, n: int, unit: int) -> tuple[int, int]:
    """Return where this thread's share begins and ends (not included), of n units of so many each."""
    return n * team.rank // team.size * unit, n * (team.rank + 1) // team.size * unit


@njit()
def total(team: Team, q: int) -> float:
    """Add up what all threads have left at a place of their totals."""
    found = 0.0
    for rank in range(team.size):
        found += team.totals[rank, q]
    return found


@njit()
def most(team: Team, q: int) -> float:
    """Return the largest of what all threads have left there, if it is above 0."""
    found = 0.0
    for rank in range(team.size):
        found = max(found, team.totals[rank, q])
    return found


# A slice tells the compiler that no index is counted from the end; then the loops become vector loops.
@njit(fastmath={"reassoc", "contract", "arcp", "nsz"})
def add(total: Array, part: Array) -> None:
    """Add a row to another of its length."""
    for j in range(len(total)):
        total[j] += part[j]


@njit()
def copy(to: Array, row: Array) -> None:
    """Copy a row: written as ``to[:] = row``, numba would compile a message for rows that differ in length as well."""
    for j in range(len(to)):
        to[j] = row[j]


@njit()
def add_parts(total: Array, parts: Array, at: int) -> None:
    """Write the sum of what all threads have summed into their rows of `parts`, from a column on."""
    copy(total, parts[0, at : at + len(total)])
    for rank in range(1, len(parts)):
        add(total, parts[rank, at : at + len(total)])


@lru_cache(maxsize=1)
def _turn(process: int) -> threading.Lock:
    """Return the lock of this process: half a team that waits for threads which another half holds waits for ever."""
    del process
    return threading.Lock()


def run(function: Callable[..., int], totals: Array, *arguments: Any) -> int:
    """Call a compiled function with `Team` and `arguments` in as many threads as `totals` has rows; return the result.

    The caller is the first of the team. The function must release the interpreter's lock, and return at once if its
    first `wait` is in vain; all must wait equally often.
    """
    gate, size = np.zeros(_GATE, np.int64), len(totals)
    if size == 1:
        return function(Team(gate, totals, 1, 0), *arguments)
    with _turn(os.getpid()):
        pool, others = threads.pool(os.getpid(), threads.count()), []
        try:
            for rank in range(1, size):
                others.append(pool.submit(_join, function, Team(gate, totals, size, rank), *arguments))
            result = _join(function, Team(gate, totals, size, 0), *arguments)
        finally:
            gate[_LEFT] = 1
            _see_off(others)
        for other in others:
            other.result()
    return result


def _join(function: Callable[..., int], team: Team, *arguments: Any) -> int:
    """Call the function; who cannot, as where it does not compile, sends the others home."""
    try:
        return function(team, *arguments)
    except BaseException:
        team.gate[_LEFT] = 1
        raise


def _see_off(others: "list[Future[int]]") -> None:
    """Wait until the others have gone, also if interrupted: the memory that they write into is used again."""
    try:
        futures.wait(others)
    except BaseException:
        futures.wait(others)
        raise
