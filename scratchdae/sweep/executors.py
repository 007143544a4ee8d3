"""Where trials run: in this process, in a pool of processes, in whatever else speaks `concurrent.futures`."""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any

from scratchdae.arguments import integer
from scratchdae.blas_threads import limit


class InProcess(Executor):
    """Run every call where it is submitted, before `submit` returns; what it raises, `submit` raises."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def processes(workers: int | None = None, *, threads: int = 1) -> Callable[[], Executor]:
    """Describe a pool of spawned processes, for `sweep` to make, and to make anew when a process dies.

    Spawned, not forked: a fork copies locks that another thread may hold. A script that uses it needs
    ``if __name__ == "__main__":``, because each process imports the script.

    Parameters
    ----------
    workers : int, optional
        How many processes; as many as there are processors if left out.
    threads : int
        Threads of the BLAS and of numba in each of them.

    Returns
    -------
    callable
        It takes nothing and returns a new `concurrent.futures.ProcessPoolExecutor`.
    """
    workers = os.cpu_count() or 1 if workers is None else integer("workers", workers)
    return partial(
        ProcessPoolExecutor,
        workers,
        mp_context=get_context("spawn"),
        initializer=_prepare,
        initargs=(integer("threads", threads),),
    )


class Lease:
    """An executor, and how to come by another when it breaks."""

    def __init__(self, source: Executor | Callable[[], Executor] | None) -> None:
        # One that belongs to somebody else and is not shut down here, one to make here, or this process.
        source = InProcess() if source is None else source
        self._make = None if isinstance(source, Executor) else source
        self._executor = source if isinstance(source, Executor) else source()
        self.broken = False  # whether it takes no more calls

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any] | None":
        """Submit a call; None if the executor turned out to be broken."""
        try:
            return self._executor.submit(function, *arguments)
        except BrokenExecutor:
            self.broken = True
            return None

    def note(self, error: Exception) -> None:
        """Learn from what a future raised whether the executor is broken."""
        # A broken pool says so; a scheduler that is gone leaves its futures cancelled. Anything else, such as the
        # KilledWorker of dask, is about the one call.
        self.broken = self.broken or isinstance(error, BrokenExecutor | CancelledError)

    def renew(self) -> None:
        """Put a working executor in the broken one's place, or raise BrokenExecutor where there is none to be had."""
        if self._make is None:
            raise BrokenExecutor(
                f"{self._executor!r} is broken and belongs to the caller; give sweep a function that makes it, "
                "such as scratchdae.sweep.processes(4), and it will make another"
            )
        self._executor.shutdown(wait=False)
        self._executor = self._make()
        self.broken = False
        try:
            self._executor.submit(os.getpid).result()
        except Exception as error:
            raise BrokenExecutor(
                "a new executor broke before it ran anything; a script that makes a pool of processes must do so "
                'under if __name__ == "__main__":'
            ) from error

    def close(self) -> None:
        """Shut the executor down, if it was made here; its work is done."""
        if self._make is not None:
            self._executor.shutdown()

    def abandon(self, futures: Iterable["Future[Any]"]) -> None:
        """Leave the executor in the middle of its work: cancel what has not begun of `futures`, wait for nothing."""
        if self._make is None:
            for future in futures:
                future.cancel()
            return
        # It cancels its futures itself: a pool of processes that breaks meanwhile, as after Ctrl-C, would stumble over
        # one that was cancelled behind its back. But it forgets to if it is garbage by then, so they keep it alive.
        for future in futures:
            future.add_done_callback(partial(_keep_alive, self._executor))
        workers = list((getattr(self._executor, "_processes", None) or {}).values())
        try:
            self._executor.shutdown(wait=False, cancel_futures=True)
        except TypeError:  # dask's knows no such option, and always cancels
            self._executor.shutdown(wait=False)
        for worker in workers:  # otherwise a trial would go on in its folder, where the next sweep wants to
            worker.terminate()


def _keep_alive(executor: Executor, future: "Future[Any]") -> None:
    """Do nothing, and hold the executor until its future is done."""


def _prepare(threads: int) -> None:
    """Bound a new process's threads, let Ctrl-C end it, and have it end with the process that made it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # at once, and without a traceback from each
    threading.Thread(target=_end_with_parent, daemon=True).start()
    limit(threads)


def _end_with_parent() -> None:
    """Wait for the parent to end, however it does, and leave: its workers would otherwise wait for calls for ever."""
    parent = parent_process()
    if parent is not None:  # there is one in every process that multiprocessing made
        parent.join()
        os._exit(1)
