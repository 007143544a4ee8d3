"""Threads for compiled loops that give up the interpreter lock.

Each twin cuts its work into parts that write to different places, and the parts do not depend on the number of threads
where a sum is taken over them: the same bits come out on one core and on eight. Plain threads rather than numba's
``prange``, whose thread pools do not survive a fork and, one of them, not two callers at a time.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numba

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

# How many threads numba may use, asked anew at every call, without having it start its own.
count: Callable[[], int] = partial(getattr, numba.config, "NUMBA_NUM_THREADS")
_PARTS = 4  # a thread's: another program on one of the cores then delays a quarter of its share, not all of it


@contextmanager
def counted(threads: int) -> Iterator[None]:
    """Take so many threads while the block runs, whatever numba was told: the ladder of the benchmark compares them."""
    global count
    before, count = count, lambda: threads
    try:
        yield
    finally:
        count = before


class _OneInBlas:
    """The threads of the BLAS while compiled loops call it for small products: one.

    Numba calls SciPy's, which has threads of its own beside those of NumPy's. With more than one each, they wait for
    each other: an epoch of an LSTM on batches of 128 took eight times as long.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._bound = Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._bound.enter_context(_libraries().limit(limits=1, user_api="blas"))

    def __exit__(self, *error: object) -> None:
        with self._lock:  # the last that leaves puts back what the first has found
            self._inside -= 1
            if not self._inside:
                self._bound.close()


@cache
def _libraries() -> "ThreadpoolController":
    import scipy.linalg.cython_blas  # noqa: F401  # it is to be loaded before it is bound
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


one_in_blas = _OneInBlas()


@lru_cache(maxsize=1)
def pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Return the pool of this process; a forked child, which has no threads yet, makes its own."""
    del process
    return ThreadPoolExecutor(threads, thread_name_prefix="scratchdae")


def run(function: Callable[..., None], starts: list[int], stops: list[int], *arguments: Any) -> None:
    """Call a compiled function with `arguments` and where a part begins and ends, for every part, in all threads."""
    threads = count()
    if threads == 1 or len(starts) == 1:
        for start, stop in zip(starts, stops, strict=True):
            function(*arguments, start, stop)
        return
    waiting = deque(zip(starts, stops, strict=True))

    def _work() -> None:
        while True:
            try:
                ends = waiting.popleft()
            except IndexError:
                return
            function(*arguments, *ends)

    # The caller works too: to wake a thread takes as long as a small part.
    others = [pool(os.getpid(), threads).submit(_work) for _ in range(min(threads, len(starts)) - 1)]
    _work()
    for other in others:
        other.result()


def parts(n: int, least: int = 1) -> tuple[list[int], list[int]]:
    """Cut n units of work, no fewer than `least` a part, for loops whose result does not depend on where."""
    threads = count()
    pieces = 1 if threads == 1 else max(1, min(n // least, _PARTS * threads))
    ends = [n * k // pieces for k in range(pieces + 1)]
    return ends[:-1], ends[1:]
