"""Threads for compiled loops that give up the interpreter lock.

Each twin cuts its work into parts that write to different places, and the parts do not depend on the number of threads
where a sum is taken over them: the same bits come out on one core and on eight. Plain threads rather than numba's
``prange``, whose thread pools do not survive a fork and, one of them, not two callers at a time.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import numba

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
