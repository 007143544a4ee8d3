"""Scripts that run a few at a time, each in a Python of its own; what they say is not interleaved."""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

_POLL = 0.02  # seconds between looks at what runs


def usable_cores() -> int:
    """Count the cores that this process may use, which a container or a scheduler may have limited."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class _Process(NamedTuple):
    """A script that runs; what it says goes to files if others run beside it, so that nothing is interleaved."""

    script: Path
    start: float
    child: subprocess.Popen[bytes]
    said: tuple[IO[bytes], ...]

    def end(self) -> tuple[Path, int, float]:
        """Print what was said, and return the script, its exit status and how many seconds it took."""
        seconds = time.perf_counter() - self.start
        for file, stream in zip(self.said, (sys.stdout, sys.stderr), strict=False):
            file.seek(0)
            stream.write(file.read().decode(sys.stdout.encoding, errors="replace"))
            stream.flush()
            file.close()
        return self.script, self.child.returncode, seconds


def finished(
    scripts: Sequence[Path], options: Sequence[str], environment: dict[str, str], jobs: int
) -> Generator[tuple[Path, int, float]]:
    """Run scripts, `jobs` at a time; give each as it finishes. Whatever stops the loop ends those that still run."""
    waiting, running = list(scripts), list[_Process]()
    with ExitStack() as files:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    command = [sys.executable, str(waiting[0]), *options]
                    said = tuple(files.enter_context(TemporaryFile()) for _ in range(2)) if jobs > 1 else ()
                    stdout, stderr = said or (None, None)
                    child = subprocess.Popen(command, env=environment, stdout=stdout, stderr=stderr)
                    running.append(_Process(waiting.pop(0), time.perf_counter(), child, said))
                for process in running.copy():
                    if process.child.poll() is not None:
                        running.remove(process)
                        yield process.end()
                time.sleep(_POLL)
        finally:
            for process in running:
                process.child.terminate()
            for process in running:
                process.child.wait()
