"""What became of one malformed input.

A refusal is a sentence: one line that names the argument. Findings are exceptions that are not the house's, a limit of
time that is passed, a process that dies, a refused call that has changed something, and a damaged checkpoint that goes
on to other numbers.
"""

import re
import signal
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratchdae import NonFiniteError

KINDS = ("named", "unnamed", "accepted", "traceback", "hang", "crash", "changed", "silent")
FINDINGS = KINDS[3:]
LONGEST = 900  # characters of a sentence
_KEYWORDS = re.compile(r"missing \d|unexpected keyword|takes .* positional|multiple values for|required positional")


class TimeUpError(BaseException):
    """So that no `except Exception` swallows it."""


class SilentlyOtherError(Exception):
    """A damaged file was taken, and gave other numbers."""


class Case(NamedTuple):
    """One malformed input."""

    label: str  # what it is
    names: tuple[str, ...]  # any of which a sentence must have, as a word
    run: Callable[[], object]
    good: Mapping[str, Any] = {}  # the other arguments, which a refusal leaves as they are
    folder: Path | None = None  # which a refusal leaves as it is, too
    barrier: str = "\0"  # of a call that is refused in the end anyway: what that sentence says


@contextmanager
def limited(seconds):
    """Interrupt Python after so long; native code that hangs is ended by `run`."""

    def stop(number, frame):
        raise TimeUpError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_named(names, sentence):
    """Look for a name as a word; a long one may be cut."""
    words = (rf"(?<!\w){re.escape(name[:40])}" + r"(?!\w)" * (len(name) <= 40) for name in names if name)
    return any(re.search(one, sentence) for one in words)


def _state(value):
    """Return the bytes of all arrays in a value and of a model's parameters, and where a generator stands."""
    if isinstance(value, np.ndarray):
        return value.tobytes() if value.dtype != object else None
    if isinstance(value, np.random.Generator):
        return str(value.bit_generator.state)
    if isinstance(value, Mapping | list | tuple):
        return [_state(one) for one in (value.values() if isinstance(value, Mapping) else value)]
    return _state(value.params) if isinstance(getattr(value, "params", None), dict) else None


def _state_of(case):
    files = (
        [] if case.folder is None else [str(path) for path in case.folder.rglob("*") if "__pycache__" not in path.parts]
    )
    return _state(case.good), sorted(files)


def judge(case, seconds):
    """Run a case; return its verdict and what was said."""
    before = _state_of(case)
    try:
        with limited(seconds):
            case.run()
        return "accepted", ""
    except NonFiniteError as error:  # it ran, and said what came out
        return "accepted", str(error)
    except SilentlyOtherError as error:
        return "silent", str(error)
    except TimeUpError:
        return "hang", f"after {seconds} s"
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: nothing may end the process of a user
        said, keyword = str(error), isinstance(error, TypeError) and _KEYWORDS.search(str(error))
        if not (keyword or isinstance(error, ValueError | FileNotFoundError | MemoryError)):
            return "traceback", f"{type(error).__name__}: {said}"[:LONGEST]
    if case.barrier in said:
        return "accepted", said
    if _state_of(case) != before:
        return "changed", said[:LONGEST]
    is_sentence = "\n" not in said.strip() and len(said) <= LONGEST
    return "named" if is_sentence and is_named(case.names, said) else "unnamed", said[:LONGEST]
