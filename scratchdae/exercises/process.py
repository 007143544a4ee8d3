"""The parent's side of a check: run a student's file in a process of its own, and bring back its answers."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from scratchdae.arguments import Params
from scratchdae.conformance.candidate import IDLE, describe_status, kill, processor_seconds
from scratchdae.conformance.report import plain
from scratchdae.exercises import bounds, inside

_PACKAGE = Path(__file__).resolve().parents[1]
_LOOK = 3.0  # seconds: a process that hardly works for so long waits for something
_MEMORY = 2**30  # bytes of address space
_MOST = 2**26  # bytes of answers that are read
_SAID = 4000  # characters of what a file prints that are kept


class Request(NamedTuple):
    """One call of a student's function."""

    function: str
    inputs: Params
    outputs: tuple[str, ...]
    prepare: str = ""
    seconds: int = 1  # of a processor, for this call


class Answer(NamedTuple):
    """What one call returned."""

    outputs: Params
    inputs: Params  # as they were after the call
    seconds: float


@dataclass(frozen=True)
class Session:
    """What came of a file: the answers there were, in order, and why there were no more."""

    answers: tuple[Answer, ...]
    absent: str = ""  # the function that the file does not have
    error: tuple[str, str, tuple[tuple[int, str], ...]] | None = None  # type, message, the file's own lines
    stopped: str = ""  # why the process ended, in words
    said: str = ""  # what the file printed


class _Reader(threading.Thread):
    """Reads a pipe to its end, so that its writer is never blocked, and keeps the first bytes."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        super().__init__(daemon=True)
        self._stream, self._most = stream, most
        self.kept = bytearray()

    def run(self) -> None:
        while part := self._stream.read1(2**16):  # type: ignore[attr-defined]
            self.kept += part[: self._most - len(self.kept)]


def ask(source: str, path: Path, requests: Sequence[Request], seconds: int) -> Session:
    """Run a file on each request in turn; it has `seconds` of a processor in all, and a little more by the clock."""
    about = {
        "path": str(path.resolve()), "source": source, "limits": {"seconds": seconds, "memory": _MEMORY},
        "tasks": [
            {"function": r.function, "inputs": list(r.inputs), "outputs": r.outputs, "prepare": r.prepare,
             "seconds": r.seconds}
            for r in requests
        ],
    }  # fmt: skip
    sent = inside.pack(about, {f"{n}/{name}": a for n, r in enumerate(requests) for name, a in r.inputs.items()})
    command = [sys.executable, "-P", "-B", "-X", "utf8", inside.__file__, str(_PACKAGE)]
    environment = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
    environment |= os.environ if sys.platform == "win32" else {"PATH": "/usr/bin:/bin"}
    with tempfile.TemporaryDirectory(prefix="scratchdae-") as folder:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=folder, start_new_session=True, env=environment,
        )  # fmt: skip
        assert process.stdin
        assert process.stdout
        assert process.stderr
        results, said = _Reader(process.stdout, _MOST), _Reader(process.stderr, 2**20)
        results.start()
        said.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(sent)
                process.stdin.close()
            late = not _ended(process, seconds)
        finally:
            kill(process.pid)
            process.kill()
            process.wait()
            results.join(1)
            said.join(1)
            process.stdout.close()
            process.stderr.close()
    words = "\n".join(map(plain, bytes(said.kept).decode(errors="replace").splitlines()))
    return _session(bytes(results.kept), words, process.returncode, late, requests)


def _ended(process: subprocess.Popen[bytes], seconds: int) -> bool:
    """Wait for the end of a process; not for one that only waits, nor much longer than its time of a processor."""
    begin = since = time.monotonic()
    worked, told = 0.0, processor_seconds(os.getpid()) > 0  # else the system does not tell
    while time.monotonic() < begin + 2 * seconds + 5:
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            if told and time.monotonic() > since + _LOOK:
                now = processor_seconds(process.pid)
                if now - worked < IDLE * _LOOK:
                    return False
                worked, since = now, time.monotonic()
        else:
            return True
    return False


def _session(content: bytes, said: str, status: int, late: bool, requests: Sequence[Request]) -> Session:
    """Read the messages; they are the student's, so they may be anything."""
    answers, absent, error, wanted = list[Answer](), "", None, len(requests)
    try:
        for frame in inside.frames(content):
            about, arrays = inside.unpack(frame)
            if "absent" in about:
                absent = plain(str(about["absent"]))
            elif "error" in about:
                kind, message, places = about["error"]
                error = (plain(str(kind)), plain(str(message)), tuple((int(n), plain(str(line))) for n, line in places))
            else:
                parts: dict[str, Params] = {"out": {}, "in": {}}
                for name, array in arrays.items():
                    side, _, own = name.partition("/")
                    parts[side][own] = array
                asked = requests[len(answers)]
                if set(parts["out"]) != set(asked.outputs) or set(parts["in"]) != set(asked.inputs):
                    raise ValueError("these are not the names that were asked for")
                answers.append(Answer(parts["out"], parts["in"], float(about["seconds"])))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return Session((), stopped="it wrote into the pipe of its answers", said=said[:_SAID])
    stopped = ""
    if len(answers) < wanted and not absent and error is None:
        stopped, said = _why(said, status, late), said.partition("\nrefused: ")[0]
    return Session(tuple(answers), absent, error, stopped, said[:_SAID])


def _why(said: str, status: int, late: bool) -> str:
    if late or status in (-9, -24, -26):  # SIGKILL, SIGXCPU and SIGVTALRM are what the limits send
        return "it did not end in time: is there a loop that never ends, or does it wait?"
    if status == bounds.REFUSED and "refused: " in said:
        what, _, place = said.rpartition("refused: ")[2].strip().partition("\n")
        return f"it tried to {what}, which nothing may while it is checked{place and f'{chr(10)}    {place}'}"
    if status == 0:
        return "it left Python before it had answered"
    return f"its process ended: {describe_status(status)}"


def arguments(request: Request) -> tuple[Any, ...]:
    """Make the arguments of a request's call here, of copies, for a function that is ours."""
    return inside.arguments(request.prepare, {name: value.copy() for name, value in request.inputs.items()})
