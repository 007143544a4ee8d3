# ruff: noqa: T201
"""Run held-out implementations through the runner, and write down what the report says of each, word for word.

    python tests/conformance/held_out/measure.py OUT [--right] [--unread] [--language L] [--operation O] [--sample N]

Each row answers the cases it is meant for; the other cases of its operation are answered by the reference adapter (by
the program itself where it is JavaScript), and other operations are unsupported. The file holds a list, a row each:

- id, sentence, mistakes, pair, right, language, operation, cases (those that the row answers itself);
- numbers: a digest of each answer that is wrong: two rows with the same ones are the same mistake to the report;
- detected: whether a case disagreed or could not be answered;
- summary: the report as it is printed;
- found: what the report's JSON says of each case that does not agree, as it stands there;
- seconds.

Nothing here judges whether the report is right about a mistake: that is for whoever reads the file.
"""

import argparse
import json
import random
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import held
import held_javascript
from held_row import Held

from scratchdae.conformance import Case, Report, check
from scratchdae.conformance.adapters import reference
from scratchdae.conformance.program import Program
from scratchdae.conformance.report_files import as_json
from scratchdae.conformance.runner import examine


def fingerprint(inputs: Mapping[str, Any], conventions: Mapping[str, Any]) -> tuple[Any, ...]:
    """Tell cases apart by what an adapter is given: single precision holds the same numbers."""
    arrays = (
        (name, array.shape, np.asarray(array, np.float64).tobytes())  # truth values and labels too
        for name, array in sorted(inputs.items())
    )
    return json.dumps(conventions, sort_keys=True), *arrays


class Stranger:
    """An adapter with one operation: a row's implementation where it is meant, the reference elsewhere."""

    name = "held out"

    def __init__(self, row: Held, operation: str) -> None:
        self.dtype = row.dtype
        own = {fingerprint(case.inputs, case.conventions) for case in held.met(row)}
        other = getattr(reference.Adapter(row.dtype), operation)

        def answer(inputs: Mapping[str, Any], conventions: Mapping[str, Any]) -> Any:
            if fingerprint(inputs, conventions) not in own:
                return other(inputs, conventions)
            assert row.answer is not None
            return row.answer(inputs, conventions)

        setattr(self, operation, answer)


def reported(row: Held) -> tuple[str, Report]:
    """Run one row as the command does."""
    operations = {case.operation for case in held.met(row)}
    if len(operations) != 1:
        raise ValueError(f"{row.id} must be of one operation, found {', '.join(sorted(operations))}")
    (operation,) = operations
    cases: list[Case] = [case for case in held.cases().values() if case.operation == operation]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if row.answer is None:
            return operation, examine(Program(held_javascript.command(row.id)), cases)
        return operation, check(Stranger(row, operation), cases)


def numbers(row: Held) -> dict[str, str]:
    """Return a digest of the answer to each case that the row misses."""
    ((_, found),) = held.every_answer([row])
    wrong = {k: v for k, v in found.items() if held.misses(held.cases()[k], v, row.dtype)}
    return {name: held.digest(held.cases()[name], answer) for name, answer in wrong.items()}


def measured(row: Held) -> dict[str, Any]:
    """Return a row of the file."""
    begin = time.perf_counter()
    operation, report = reported(row)
    found = [one for one in json.loads(as_json(report))["cases"] if one["status"] not in ("agrees", "unsupported")]
    return {
        "id": row.id,
        "sentence": row.sentence,
        "mistakes": list(row.mistakes),
        "pair": row.pair,
        "right": not row.mistakes,
        "language": row.language,
        "operation": operation,
        "cases": [case.id for case in held.met(row)],
        "numbers": numbers(row),
        "detected": bool(found),
        "summary": str(report),
        "found": found,
        "seconds": round(time.perf_counter() - begin, 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the held-out rows and write what the report says.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--right", action="store_true", help="the right implementations, not the wrong ones")
    parser.add_argument("--language", action="append")
    parser.add_argument("--operation", action="append")
    parser.add_argument("--id", action="append")
    parser.add_argument("--sample", type=int, metavar="N", help="N rows, drawn with the seed 0")
    parser.add_argument("--unread", action="store_true", help="only rows that judged.json says nothing of")
    wanted = parser.parse_args()
    rows = held.right() if wanted.right else held.rows()
    if wanted.language:
        rows = [row for row in rows if row.language in wanted.language]
    if wanted.operation:
        rows = [row for row in rows if held.met(row)[0].operation in wanted.operation]
    if wanted.id:
        rows = [row for row in rows if row.id in wanted.id]
    if wanted.unread:
        judged = json.loads(Path(__file__).with_name("judged.json").read_text(encoding="utf-8"))
        read = {one["id"] for part in (judged, *judged["later"]) for one in part["verdicts"]}
        read |= set(judged["left out"])
        rows = [row for row in rows if row.id not in read]
    if wanted.sample and wanted.sample < len(rows):
        rows = random.Random(0).sample(rows, wanted.sample)
    written: list[dict[str, Any]] = []
    for count, row in enumerate(rows, 1):
        written.append(measured(row))
        if count % 20 == 0 or count == len(rows):  # a run that is stopped leaves what it has found
            wanted.out.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")
            print(f"{count} of {len(rows)}", file=sys.stderr)
    print(f"{sum(one['detected'] for one in written)} of {len(written)} detected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
