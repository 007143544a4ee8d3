"""The parent's side of a check: run a student's file in a process of its own, and bring back its answers."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from scratchdae.arguments import Params
from scratchdae.conformance.candidate import describe_status, kill
from scratchdae.exercises import inside

_PACKAGE = Path(__file__).resolve().parents[1]
_MEMORY = 2**30  # bytes of address space
_MOST = 2**26  # bytes of answers that are read
_SAID = 4000  # characters of what a file prints that are kept


class Request(NamedTuple):
    """One call of a student's function."""

    function: str
    inputs: Params
    outputs: tuple[str, ...]
    prepare: str = ""


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
            {"function": r.function, "inputs": list(r.inputs), "outputs": r.outputs, "prepare": r.prepare}
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
        late = False
        try:
            process.stdin.write(sent)
            process.stdin.close()
            process.wait(2 * seconds + 5)
        except BrokenPipeError:
            process.wait(5)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            kill(process.pid)
            process.kill()
            process.wait()
            results.join(1)
            said.join(1)
            process.stdout.close()
            process.stderr.close()
    return _session(
        bytes(results.kept), bytes(said.kept).decode(errors="replace"), process.returncode, late, requests, seconds
    )


def _session(content: bytes, said: str, status: int, late: bool, requests: Sequence[Request], seconds: int) -> Session:
    """Read the messages; they are the student's, so they may be anything."""
    answers, absent, error, wanted = list[Answer](), "", None, len(requests)
    try:
        for frame in inside.frames(content):
            about, arrays = inside.unpack(frame)
            if "absent" in about:
                absent = str(about["absent"])
            elif "error" in about:
                kind, message, places = about["error"]
                error = (str(kind), str(message), tuple((int(n), str(line)) for n, line in places))
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
        stopped = _why(said, status, late, seconds)
    return Session(tuple(answers), absent, error, stopped, said[:_SAID])


def _why(said: str, status: int, late: bool, seconds: int) -> str:
    if late or status in (-9, -24):  # SIGKILL and SIGXCPU are what the limits send
        return f"it did not end within {seconds} s: is there a loop that never ends?"
    if status == inside.REFUSED and "refused: " in said:
        return f"it tried to {said.rpartition('refused: ')[2].strip()}, which nothing may while it is checked"
    if status == 0:
        return "it left Python before it had answered"
    return f"its process ended: {describe_status(status)}"


def arguments(request: Request) -> tuple[Any, ...]:
    """Make the arguments of a request's call here, of copies, for a function that is ours."""
    return inside.arguments(request.prepare, {name: value.copy() for name, value in request.inputs.items()})
