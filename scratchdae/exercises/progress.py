"""A folder of exercises: which are begun and which are right, in a small file beside them; nothing goes elsewhere."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scratchdae import atomic
from scratchdae.exercises.catalogue import EXERCISES
from scratchdae.exercises.checking import RIGHT, Verdict
from scratchdae.exercises.exercise import Exercise

NAME = ".progress.json"
FORMS = ("py", "ipynb")


def find(which: str) -> Exercise:
    """Return the exercise of a number or a name."""
    for exercise in EXERCISES:
        if which in (exercise.id, str(exercise.number), exercise.name, exercise.stem):
            return exercise
    raise ValueError(f"exercise must be a number from 01 to {EXERCISES[-1].id} or a name, found {which!r}")


def solution(folder: Path, exercise: Exercise, forms: Sequence[str] = FORMS) -> Path:
    """Return where the file of an exercise is; the one that was saved last, if there is a notebook as well."""
    paths = [folder / f"{exercise.stem}.{form}" for form in forms]
    there = [path for path in paths if path.exists()]
    return max(there, key=lambda path: path.stat().st_mtime_ns, default=paths[0])


def start(folder: Path, exercise: Exercise, form: str = "py") -> Path:
    """Write the file that a student begins with; one that is there is never overwritten."""
    path, text = folder / f"{exercise.stem}.{form}", exercise.skeleton
    if form == "ipynb":
        from scratchdae.exercises.notebook import notebook

        text = notebook(exercise, text)
    elif form == "mjs":
        from scratchdae.exercises.program import javascript

        text = javascript(exercise)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ValueError(f"{path} is there already, and is not overwritten: go on with it, or move it away") from None
    return path


def read(folder: Path) -> dict[str, Any]:
    """Read the progress of a folder; empty where there is none, or none that can be read."""
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}


def record(folder: Path, exercise: Exercise, path: Path, verdict: Verdict) -> None:
    """Write down what a check has found."""
    kept = read(folder)
    before: Mapping[str, Any] = kept.get(exercise.id, {})
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    checks = before.get("checks", 0)
    checks = checks + 1 if isinstance(checks, int) else 1
    kept[exercise.id] = {"state": verdict.state, "checks": checks, "sha256": digest, "file": path.name}
    atomic.write(folder / NAME, (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode())


def state(folder: Path, exercise: Exercise, kept: Mapping[str, Any]) -> str:
    """Say how far an exercise is, in a word or three."""
    known = kept.get(exercise.id)
    own = Path(str(known["file"])).name if known and "file" in known else ""
    path = folder / own if own else solution(folder, exercise, (*FORMS, "mjs"))
    if not path.is_file():
        return ""
    if known is None:
        return "begun"
    changed = known.get("sha256") != hashlib.sha256(path.read_bytes()).hexdigest()
    return ("right, then changed" if changed else "right") if known.get("state") == RIGHT else "begun"
