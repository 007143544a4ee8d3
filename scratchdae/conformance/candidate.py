"""Who answers the cases: an adapter in this process, or one in a process of its own that may hang and crash."""

import contextlib
import copy
import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from scratchdae.arguments import Params, number
from scratchdae.conformance.adapter import AnswerError, Unsupported, about, ask, inputs_of, staying
from scratchdae.conformance.case import Case
from scratchdae.conformance.named import Elsewhere

IDLE = 0.03  # of the time: a process that uses less of a processor waits, also on a busy machine
LONGEST = 1e6  # seconds that a case may be given: a system cannot wait for any number of them
STARTUP = 120.0  # seconds that a process has to import its framework, beside those for each case


class Candidate(Protocol):
    """Whoever answers cases."""

    name: str  # what to call it
    dtype: str  # float64 or float32: what it computes in
    tolerances: Mapping[str, float]  # those that it sets itself

    def answer(self, case: Case) -> Params:
        """Answer a case; Unsupported if that is not done here, AnswerError if nothing came that can be compared."""
        ...


class InProcess:
    """An adapter that is called here."""

    tolerances: Mapping[str, float]

    def __init__(self, adapter: object) -> None:
        with staying():
            self._adapter = adapter.find() if isinstance(adapter, Elsewhere) else adapter
            self.name, self.dtype, self.tolerances = about(self._adapter)

    def answer(self, case: Case) -> Params:
        with staying():
            return ask(self._adapter, *_question(case, self.dtype))


class SeparateProcess:
    """An adapter in a process of its own, which is killed and started anew when a case takes too long or ends it.

    Use it as a context manager: at the end of the block the process is gone. The adapter travels by pickle; `timeout`
    is in seconds for each case; the first of an operation may take longer, as long as it computes.
    """

    tolerances: Mapping[str, float]

    def __init__(self, adapter: object, timeout: float) -> None:
        self._timeout = number("timeout", timeout, at_most=LONGEST, above=0)
        self._adapter = adapter
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: connection.Connection[Any, Any] | None = None
        self._warm = set[str]()  # operations that were asked before
        self._stillborn = ""  # why it cannot be started at all
        try:
            ForkingPickler.dumps(adapter)
        except Exception as error:  # what cannot be pickled raises what it likes
            raise ValueError(
                f"adapter must be one that pickle can send to the process of its own that timeout needs, found {error}"
            ) from error
        if not isinstance(adapter, Elsewhere):
            self.name, self.dtype, self.tolerances = about(adapter)
            return
        try:  # whatever the adapter does when it is imported, it does it there
            self.name, self.dtype, self.tolerances = self._start()
        except AnswerError as error:
            raise ValueError(f"adapter must be one that can be made, found {adapter.name}: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._end()

    def answer(self, case: Case) -> Params:
        """Answer a case; AnswerError also when the time is over or the process ended."""
        if self._stillborn:
            raise AnswerError(self._stillborn)
        if self._process is None:
            self._start()
        assert self._connection is not None
        with contextlib.suppress(BrokenPipeError):  # it ended since: the next line finds that out
            self._connection.send(_question(case, self.dtype))
        first = case.operation not in self._warm  # which may compile: not slow for that, but it has to be at work
        kind, content = self._receive(self._timeout, STARTUP if first else 0.0)
        self._warm.add(case.operation)
        if kind == "unsupported":
            raise Unsupported(content)
        if kind == "error":
            raise AnswerError(content)
        answer: Params = content
        return answer

    def _start(self) -> Any:
        """Start the process, and return what it tells of an adapter that is found there."""
        context = multiprocessing.get_context("spawn")  # the threads of a framework do not survive a fork
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._adapter))
        self._process.start()
        theirs.close()
        try:
            kind, told = self._receive(STARTUP)
        except AnswerError as error:
            self._stillborn = f"the process of the adapter did not start: {error}"
            raise AnswerError(self._stillborn) from None
        except BaseException:
            self._end()
            raise
        if kind == "refused":
            self._end()
            raise ValueError(told)
        return told

    def _receive(self, timeout: float, warm_up: float = 0.0) -> tuple[str, Any]:
        """Wait for a message; a process that sends none is ended, or in a warm-up one that is idle as well."""
        assert self._process is not None
        assert self._connection is not None
        ready, begin = list[Any](), time.monotonic()
        worked, idle = processor_seconds(self._process.pid), False
        while not ready and not idle:
            ready = connection.wait([self._connection, self._process.sentinel], timeout)
            now = processor_seconds(self._process.pid)
            idle = now - worked < IDLE * timeout or time.monotonic() - begin > max(warm_up, timeout)
            worked = now
        try:
            if self._connection.poll():
                message: tuple[str, Any] = self._connection.recv()
                return message
        except (EOFError, OSError):
            ready = [self._process.sentinel]
        if not ready:
            self._end()
            raise AnswerError(f"no answer within {timeout:g} s")
        self._process.join(timeout)
        status = self._process.exitcode
        self._end()
        raise AnswerError(f"the process of the adapter ended without an answer, {describe_status(status)}")

    def _end(self) -> None:
        if self._process is not None and self._process.pid is not None:
            kill(self._process.pid)
            self._process.kill()  # it may not have been the head of its group yet
            self._process.join()
            self._process.close()
        if self._connection is not None:
            self._connection.close()
        self._warm.clear()
        self._process = self._connection = None


def processor_seconds(pid: int | None) -> float:
    """Return the processor time that a process has used; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError):
        return 0.0


def kill(pid: int) -> None:
    """End a process and all that it started, if it is the head of a group of its own."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def describe_status(status: int | None) -> str:
    """Say how a process ended: ``exit status 1``, or ``killed by SIGSEGV`` for a negative status."""
    if status is None:
        return "without an exit status"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _question(case: Case, dtype: str) -> tuple[str, Params, Any]:
    return case.operation, inputs_of(case, dtype), copy.deepcopy(case.conventions)


def _serve(ours: "connection.Connection[Any, Any]", adapter: object) -> None:
    """Answer questions until there are no more: the life of the separate process."""
    if hasattr(os, "setsid"):
        os.setsid()  # a group of its own, so that what the adapter starts is killed with it
    if isinstance(adapter, Elsewhere):
        try:
            adapter = adapter.find()
            ours.send(("ready", about(adapter)))
        except (ValueError, ImportError) as error:
            ours.send(("refused", str(error)))
            return
    else:
        ours.send(("ready", None))
    while True:
        try:
            operation, inputs, conventions = ours.recv()
        except EOFError:
            return
        message: tuple[str, Any]
        try:
            message = ("answer", ask(adapter, operation, inputs, conventions))
        except Unsupported as error:
            message = ("unsupported", str(error))
        except AnswerError as error:
            message = ("error", str(error))
        ours.send(message)
