# ruff: noqa: T201
"""The held-out half of the measurement: implementations, wrong and right, that the explanations were not made from.

``rows()`` are the wrong ones and ``right()`` the right ones. Run as a program, this file checks both in float64 against
what the cases expect: each wrong one must miss at least one of its cases by more than that case allows, each right one
none. Nothing here asks what the report says of them; see measure.py for that.
"""

import contextlib
import fnmatch
import hashlib
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import held_javascript  # noqa: E402
from held_row import Held  # noqa: E402

from scratchdae.conformance import Case, load_cases  # noqa: E402

PYTHON = ("numpy", "numpy_networks", "numpy_layers", "numpy_optimizers", "torch", "torch_layers", "jax")


def rows() -> list[Held]:
    """Return the wrong implementations; those of a framework that is not installed are left out."""
    return [*_collected(PYTHON), *held_javascript.rows()]


def right() -> list[Held]:
    """Return the right ones."""
    return _collected(("right", "right_frameworks"))


def _collected(modules: tuple[str, ...]) -> list[Held]:
    found = []
    for name in modules:
        with contextlib.suppress(ImportError):
            found += __import__(f"held_{name}").ROWS.all
    return found


@cache
def cases() -> dict[str, Case]:
    """Return the frozen cases by id."""
    return {case.id: case for case in load_cases(spec=1)}


def met(row: Held) -> list[Case]:
    """Return the cases that a row answers itself."""
    return [case for name, case in cases().items() if any(fnmatch.fnmatchcase(name, one) for one in row.cases)]


def answered(row: Held, case: Case) -> dict[str, Any]:
    """Ask a row one of its cases, with copies of its inputs in the dtype of the row."""
    assert row.answer is not None
    inputs = {k: v.astype(row.dtype if v.dtype.kind == "f" else v.dtype) for k, v in case.inputs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {k: np.array(v) for k, v in row.answer(inputs, dict(case.conventions)).items()}


def misses(case: Case, answer: dict[str, Any], dtype: str) -> list[str]:
    """Return the arrays of an answer that are further off than the case allows, computed here, in float64."""
    wrong = []
    for name, expected in case.expected.items():
        if name not in answer:
            if name in case.required:
                raise ValueError(f"{case.id}: {name} is missing")
            continue
        found = np.asarray(answer[name], np.float64)
        if found.shape != expected.shape:
            raise ValueError(f"{case.id}: {name} has shape {found.shape}, not {expected.shape}")
        with np.errstate(all="ignore"):
            off = np.abs(found - expected).max(initial=0)
            largest = np.abs(expected).max(initial=0)
        allowed = case.tolerance(dtype) * largest if largest else case.absolute_tolerance(dtype)
        if not off <= allowed:
            wrong.append(name)
    return wrong


def digest(case: Case, answer: dict[str, Any]) -> str:
    """Return a name for the numbers of an answer, to seven digits: rows that share all of theirs are one mistake."""
    text = []
    for name in case.required:
        with np.errstate(all="ignore"):
            text.append(f"{name}:" + ",".join(f"{v:.6e}" for v in np.asarray(answer[name], np.float64).ravel() + 0.0))
    return hashlib.sha1("\n".join(text).encode()).hexdigest()[:12]


def checked(some: list[Held]) -> Iterator[tuple[Held, dict[str, list[str]]]]:
    """Yield each row with what it misses in each of its cases."""
    for row, found in every_answer(some):
        yield row, {name: misses(cases()[name], answer, row.dtype) for name, answer in found.items()}


def every_answer(some: list[Held]) -> Iterator[tuple[Held, dict[str, dict[str, Any]]]]:
    """Yield each row with its answers by case; those of JavaScript come from one process."""
    scripts = [row for row in some if row.answer is None]
    told = held_javascript.answers(scripts, {row.id: met(row) for row in scripts}) if scripts else {}
    for row in some:
        yield row, {c.id: told[row.id, c.id] if row.answer is None else answered(row, c) for c in met(row)}


def main() -> int:
    begin, bad = time.perf_counter(), 0
    wrong, fine = rows(), right()
    ids = Counter(row.id for row in [*wrong, *fine])
    twice = [name for name, count in ids.items() if count > 1]
    if twice:
        print("twice:", *twice)
    for row, found in checked([*wrong, *fine]):
        missed = [name for name, arrays in found.items() if arrays]
        if not found or bool(missed) != bool(row.mistakes):
            bad += 1
            print(f"{row.id}: {'misses ' + ', '.join(missed) if missed else 'agrees everywhere'} ({len(found)} cases)")
        elif "-v" in sys.argv:
            print(f"{row.id}: misses {len(missed)} of {len(found)} cases")
    print(f"{len(wrong)} wrong, {sum(row.pair for row in wrong)} of them pairs; {len(fine)} right")
    print("languages:", dict(Counter(row.language for row in wrong)), dict(Counter(row.language for row in fine)))
    print("operations:", dict(Counter(met(row)[0].operation for row in wrong)))
    print(f"{time.perf_counter() - begin:.1f} s")
    return bool(bad or twice)


if __name__ == "__main__":
    sys.exit(main())
