"""The file of results: a line a finished trial, under its key, on the disk before the next one is counted.

It only grows. A process killed in the middle of a line leaves a torn one at the end; that line is removed, with a
warning, when the file is opened next, and its trial has not been run. Lines of other sweeps stay as they are. A sweep
holds the file while it runs: another that asks for it is refused.
"""

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scratchdae import arguments, atomic
from scratchdae.sweep.trial import Trial
from scratchdae.sweep.worker import Outcome

_BEGINNING = b'{"key": "'  # of every line: a last line that begins otherwise is no torn one, but somebody else's
_FIELDS = {"key", "function", "arguments", "seed", "value", "error", "seconds", "worker"}


class ResultsFile:
    """Results in a file, or in none where `path` is None.

    The file and its folder are made where they are missing. One that holds anything else is refused and not touched.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path = None if path is None else Path(path)
        self.outcomes: dict[str, Outcome] = {}  # what the file said when it was opened; of lines with a key the last
        if self.path is None:
            return
        if not self.path.exists():
            atomic.write(self.path, b"")
        content = self.path.read_bytes()
        whole, torn = _without_torn_line(content)
        for number, line in enumerate(whole.splitlines(), start=1):
            record = _record(line)
            if record is None:
                raise ValueError(f"{self.path}, line {number}: expected a sweep's result, found {line[:60]!r}")
            self.outcomes[record["key"]] = record
        if torn:
            atomic.write(self.path, whole)
            warnings.warn(
                f"{self.path}: the last line was torn, {torn[:60]!r}; it was removed, and its trial runs again",
                stacklevel=5,
            )

    def append(self, trial: Trial, outcome: Outcome) -> None:
        """Add a line, and return when it is on the disk."""
        if self.path is None:
            return
        line = json.dumps({"key": trial.key, **trial.specification, **outcome}, allow_nan=False) + "\n"
        atomic.append(self.path, line.encode())


@contextmanager
def opened(path: str | os.PathLike[str] | None) -> Iterator[ResultsFile]:
    """Hold the file, read it, and give it to be added to."""
    path = None if path is None else arguments.path("file", path)
    if path is not None and path.exists() and not path.is_file():
        raise ValueError(f"file must be a file of results, or one to be made, found {path}")
    with atomic.locked(path, folder=False):
        yield ResultsFile(path)


def _without_torn_line(content: bytes) -> tuple[bytes, bytes]:
    """Split off what follows the last line's end, or the last line itself where it is the beginning of a record."""
    end = content.rfind(b"\n") + 1
    whole, rest = content[:end], content[end:]
    return (whole, rest) if _BEGINNING.startswith(rest[: len(_BEGINNING)]) else (content, b"")


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and record.keys() == _FIELDS else None
