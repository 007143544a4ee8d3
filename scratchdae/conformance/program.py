"""A program in any language that answers cases: called once for each, with a time limit, its output bounded."""

import os
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from scratchdae.arguments import Params, choice, number
from scratchdae.conformance import array_files, exchange
from scratchdae.conformance.adapter import AnswerError, Unsupported, as_arrays
from scratchdae.conformance.candidate import LONGEST, describe_status, kill
from scratchdae.conformance.case import Case
from scratchdae.conformance.manifest import DTYPES

UNSUPPORTED = 3  # the exit status that says so
TIMEOUT = 60.0  # seconds
_CASE, _OUT = "{case_dir}", "{out_dir}"
_KEPT, _LINE = 2**16, 4096  # bytes of the standard error, the last ones; characters of its last line


class Program:
    """A program that reads a case from one folder and writes its answer to another.

    Exit status 0 says that it answered, 3 that it does not support the case. Its standard output is thrown away; its
    standard error is reported where it failed, the last line first. The command is quoted as for a shell (there is
    none), with ``{case_dir}`` and ``{out_dir}``; after `timeout` seconds for a case the program and all that it started
    are killed.
    """

    def __init__(
        self, command: str, timeout: float = TIMEOUT, dtype: str = "float64", form: str = "safetensors"
    ) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"command must be quoted as for a shell, found {command!r} ({error})") from None
        for folder in (_CASE, _OUT):
            if not any(folder in word for word in self._words[1:]):
                raise ValueError(f"command must pass {folder} to the program, found {command!r}")
        if shutil.which(self._words[0]) is None:
            raise ValueError(f"command must begin with a program that can be run, found {self._words[0]!r}")
        self.name, self.dtype = command, choice("dtype", dtype, DTYPES)
        self.tolerances: Mapping[str, float] = {}
        self._timeout, self._form = (
            number("timeout", timeout, at_most=LONGEST, above=0),
            choice("form", form, array_files.FORMATS),
        )

    def answer(self, case: Case) -> Params:
        # What was killed may still be leaving while the folder is removed.
        with tempfile.TemporaryDirectory(prefix="scratchdae-", ignore_cleanup_errors=True) as folder:
            case_dir, out_dir = Path(folder, "case"), Path(folder, "out")
            exchange.write_case(case_dir, case, self._form, self.dtype)
            out_dir.mkdir()
            words = [word.replace(_CASE, str(case_dir)).replace(_OUT, str(out_dir)) for word in self._words]
            status, said = _run(words, self._timeout)
            if status == UNSUPPORTED:
                raise Unsupported(_last_line(said) or f"exit status {UNSUPPORTED}")
            if status != 0:
                last = _last_line(said)
                raise AnswerError(
                    f"{describe_status(status)}{': ' if last else ''}{last}", said if said != last else ""
                )
            answer = array_files.read_answer(out_dir)
            if answer is None:
                raise AnswerError("exit status 0, but no outputs.safetensors, .npz, .json or NAME.npy in {out_dir}")
            return as_arrays(answer)


class _Tail(threading.Thread):
    """Reads all that a program says, so that it is never blocked, and keeps the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream, self._kept = stream, b""

    def run(self) -> None:
        while part := os.read(self._stream.fileno(), 2**16):
            self._kept = (self._kept + part)[-_KEPT:]

    def said(self) -> str:
        return self._kept.decode(errors="replace").strip()


def _last_line(said: str) -> str:
    lines = said.splitlines()
    return lines[-1].strip()[-_LINE:] if lines else ""


def _run(words: Sequence[str], timeout: float) -> tuple[int, str]:
    """Run a program; return its exit status and the end of its standard error."""
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise AnswerError(f"the program cannot be started: {error}") from error
    assert process.stderr is not None
    tail = _Tail(process.stderr)
    tail.start()
    try:
        status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise AnswerError(f"no answer within {timeout:g} s") from None
    finally:  # on Ctrl-C too; and whatever a program left behind that has answered
        kill(process.pid)
        process.kill()
        process.wait()
        tail.join(timeout=1)  # the pipe stays open where a descendant left the group
        if not tail.is_alive():
            process.stderr.close()
    return status, tail.said()
