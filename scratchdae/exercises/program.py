"""A solution in another language: a program that is handed each case in a folder, as `scratchdae conform` does it.

A program is not held to what a Python solution is held to, time and the size of its answers apart: check your own.
"""

import ast
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratchdae.conformance.adapter import AnswerError, Unsupported
from scratchdae.conformance.case import Case
from scratchdae.conformance.program import Program
from scratchdae.exercises.exercise import Exercise
from scratchdae.exercises.process import Answer, Request, Session


def served(exercise: Exercise) -> None:
    """Refuse an exercise whose functions take what no file can hold."""
    if exercise.judge is not None or any(task.prepare for task in exercise.tasks):
        raise ValueError(f"another language is of exercises that take and return arrays, found {exercise.stem}")


def ask(command: str, form: str, requests: Sequence[Request], seconds: int) -> Session:
    """Call a program once for each request; it has `seconds` for each, by the clock."""
    program, answers = Program(command, seconds, form=form), list[Answer]()
    for request in requests:
        arrays = {
            name: {"shape": list(value.shape), "dtype": value.dtype.name} for name, value in request.inputs.items()
        }
        manifest = {"spec": 1, "operation": request.function, "conventions": {}, "arrays": arrays}
        start = time.perf_counter()
        try:
            found = program.answer(Case("exercise", "exercises", request.function, manifest, request.inputs, {}))
        except Unsupported as reason:
            return Session(tuple(answers), error=("NotImplementedError", str(reason), ()))
        except AnswerError as error:
            told = [line.strip() for line in error.said.splitlines() if "Error: " in line]  # Node ends with its version
            stopped = f"{str(error).partition(': ')[0]}: {told[0]}" if told else str(error)
            return Session(tuple(answers), stopped=stopped, said=error.said)
        missing = [name for name in request.outputs if name not in found]
        if missing:
            there = ", ".join(found) or "nothing"
            return Session(tuple(answers), stopped=f"its answer holds {there}, not {', '.join(missing)}")
        outputs = {name: found[name] * 1.0 for name in request.outputs}
        answers.append(Answer(outputs, request.inputs, time.perf_counter() - start))
    return Session(tuple(answers))


def javascript(exercise: Exercise) -> str:
    """Write the file that a solution in JavaScript begins with: the task of the skeleton, and its functions."""
    served(exercise)
    tree = ast.parse(exercise.skeleton)
    words: dict[str, Any] = {"NUMBER": exercise.id, "STEM": exercise.stem, "GAPS": []}
    words["TASK"] = [f"// {line}".rstrip() for line in (ast.get_docstring(tree) or "").splitlines()[:-1]]
    for task, node in zip(exercise.tasks, (n for n in tree.body if isinstance(n, ast.FunctionDef)), strict=True):
        words["GAPS"] += [
            f"  // {ast.get_docstring(node)} Give back {{ {', '.join(task.outputs)} }}.",
            f"  {task.function}({{ {', '.join(task.inputs)} }}) {{\n    return null; // your lines go here\n  }},",
        ]
    text = Path(__file__).with_name("skeletons").joinpath("solution.mjs").read_text(encoding="utf-8")
    for word, lines in words.items():
        text = text.replace(word, lines if isinstance(lines, str) else "\n".join(lines))
    return text
