"""Hand the held-out solutions in, as a student would, and write down what is answered.

Written by somebody who had seen the exercises, their guide and nothing of the checker: each wrong solution's sentence
stood before its first answer was read. `judged.json` holds how the answers compare with the sentences. What the first
half (`held`) had of mistakes was named afterwards; the second (`second`) was written by another, and opened after that.

    python tests/exercises/held_out/hand_in.py answers.json [held|second [NN ...]]
"""

import ast
import json
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scratchdae import exercises
from scratchdae.cli import main

HERE = Path(__file__).parent


def merged(base: str, change: str) -> str:
    """The base with the functions of `change` in place of its own of the same name."""
    here = {
        node.name: ast.get_source_segment(change, node) or ""
        for node in ast.parse(change).body
        if isinstance(node, ast.FunctionDef)
    }
    text, used = base, set()
    for node in ast.parse(base).body:
        if isinstance(node, ast.FunctionDef) and node.name in here:
            text = text.replace(ast.get_source_segment(base, node) or "", here[node.name])
            used.add(node.name)
    return text + "".join(f"\n\n{source}\n" for name, source in here.items() if name not in used)


def started(number: str, folder: Path) -> Path:
    """The file as `scratchdae exercises start` writes it."""
    main(["exercises", "start", number, "--dir", str(folder)])
    return next(folder.glob(f"{number}_*.py"))


def submissions(number: str, half: str) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Right and wrong solutions of an exercise, each with its index in the file."""
    table = tomllib.loads((HERE / f"{half}_{number}.toml").read_text(encoding="utf-8"))
    for kind in ("right", "wrong"):
        for index, entry in enumerate(table[kind]):
            yield kind, index, {**entry, "base": table["right"][0].get("source", "")}


def text_of(entry: dict[str, Any], kind: str, skeleton: str) -> str:
    """What the student's file holds."""
    if "source" in entry:
        source = entry["source"] if kind == "right" else merged(entry["base"], entry["source"])
        return f"import numpy as np\n\n{source}"
    lines = skeleton.splitlines()
    for name in ("FLOOR", "CAUSE", "REPAIR"):
        (at,) = (i for i, line in enumerate(lines) if line.startswith(f"{name} ="))
        lines[at] = f"{name} = {entry[name]}"
    return "\n".join(lines) + "\n"


def write_all(folder: Path, numbers: list[str], half: str) -> Iterator[tuple[str, str, int, dict[str, Any], Path]]:
    """Write every submission into a folder of its own, named as `start` names the file."""
    for number in numbers:
        begun = started(number, folder / "begun")
        skeleton = begun.read_text(encoding="utf-8")
        for kind, index, entry in submissions(number, half):
            path = folder / f"{number}_{kind}_{index:02d}" / begun.name
            path.parent.mkdir(parents=True)
            path.write_text(text_of(entry, kind, skeleton), encoding="utf-8")
            yield number, kind, index, entry, path


def measure(numbers: list[str], half: str) -> list[dict[str, Any]]:
    """Check each without a hint and with one."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number, kind, index, entry, path in write_all(Path(folder), numbers, half):
            answers = [exercises.check(path, hints).replace(folder, "") for hints in (0, 1)]
            rows.append(
                {
                    "exercise": number,
                    "kind": kind,
                    "index": index,
                    "sentence": entry.get("mistake", entry.get("style")),
                    "refused": not answers[0].startswith(f"Exercise {number}: right."),
                    "answer": answers[0],
                    "hint": answers[1],
                }
            )
            sys.stderr.write(f"{number} {kind} {index}: {rows[-1]['refused']}\n")
    return rows


if __name__ == "__main__":
    part, *which = sys.argv[2:] or ["held"]
    which = which or [path.stem[-2:] for path in sorted(HERE.glob(f"{part}_*.toml"))]
    Path(sys.argv[1]).write_text(
        json.dumps(measure(which, part), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
