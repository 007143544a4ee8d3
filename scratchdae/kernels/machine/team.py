"""A team of threads that goes through the same compiled program together, from phase to phase.

To hand a part of the work to another thread and to hear that it is done takes longer than a step on a small batch. So
the threads of a team are called once for many steps, and where one needs what the others have computed it waits in a
loop, asking again and again, which takes a fraction of a microsecond. A thread that has asked long in vain offers its
core to whoever wants it: another program may have taken the core of the thread that it waits for.
"""

import os
import platform
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from scratchdae.arguments import Array
from scratchdae.kernels.machine import threads

_PATIENCE = 2000  # times to ask before offering the core, some tens of microseconds
_ARRIVED, _MEETING, _GATE = 0, 8, 16  # two numbers in an array, each in a line of the cache for itself
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


@numba.njit(cache=True, nogil=True)
def wait(gate: Array, size: int) -> None:
    """Wait until all threads of the team have come here, and see all that they have written.

    Parameters
    ----------
    gate : ndarray of int64, shape (16,)
        What `run` gives to every thread.
    size : int
        How many threads there are.
    """
    if size == 1:
        return
    meeting = _load(gate, _MEETING)
    if _increase(gate, _ARRIVED) == size - 1:
        _store(gate, _ARRIVED, 0)
        _store(gate, _MEETING, meeting + 1)
        return
    asked = 0
    while _load(gate, _MEETING) == meeting:
        asked += 1
        if asked > _PATIENCE:
            _offer_core()
        else:
            _pause()


@numba.njit(cache=True, nogil=True, inline="always")
def share(n: int, size: int, rank: int) -> tuple[int, int]:
    """Return where a thread's share of n units begins and ends.

    Parameters
    ----------
    n : int
        How many units there are.
    size : int
        How many threads.
    rank : int
        Which of them this is.

    Returns
    -------
    begin, end : int
        The end is not included.
    """
    return n * rank // size, n * (rank + 1) // size


@lru_cache(maxsize=1)
def _turn(process: int) -> threading.Lock:
    """Return the lock of this process: half a team that waits for threads which another half holds waits for ever."""
    del process
    return threading.Lock()


def run(function: Callable[..., None], size: int, *arguments: Any) -> None:
    """Call a compiled function in every thread of a team at the same time; the caller is the first of them.

    Parameters
    ----------
    function : callable
        Takes a gate (see `wait`), the size of the team, the thread's rank from 0, then `arguments`. It must release the
        interpreter's lock, and all ranks must wait equally often.
    size : int
        How many threads.
    *arguments : object
        What each gets.
    """
    gate = np.zeros(_GATE, np.int64)
    if size == 1:
        function(gate, 1, 0, *arguments)
        return
    with _turn(os.getpid()):
        others = [threads.submit(function, gate, size, rank, *arguments) for rank in range(1, size)]
        function(gate, size, 0, *arguments)
        for other in others:
            other.result()
