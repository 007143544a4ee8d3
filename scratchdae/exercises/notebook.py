"""The same exercises as notebooks: the task as text, the function in a cell, the check in the last one; and back."""

import ast
import json
from typing import Any

from scratchdae.exercises.exercise import Exercise


def notebook(exercise: Exercise, skeleton: str) -> str:
    """Make a notebook of a skeleton."""
    tree = ast.parse(skeleton)
    task = ast.get_docstring(tree) or ""
    begin, end = tree.body[0].end_lineno or 0, tree.body[-1].lineno - 1  # what tries it out as a script is left out
    code = "\n".join(skeleton.splitlines()[begin:end]).strip()
    call = f'print(exercises.check("{exercise.stem}.ipynb"))  # save the notebook first'
    check = f"from scratchdae import exercises\n\n{call}"
    text = "```text\n" + "\n".join(task.splitlines()[:-2]) + "\n```"
    cells = [_cell("markdown", text), _cell("code", code), _cell("code", check)]
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps(
        {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}, indent=1, ensure_ascii=False
    )


def _cell(kind: str, text: str) -> dict[str, Any]:
    cell = {"cell_type": kind, "id": f"{kind}-{len(text)}", "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def code(text: str) -> str:
    """Return the definitions of a notebook's code cells; what only runs something, or uses scratchdae, is left out."""
    found = []
    try:
        cells = json.loads(text)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"this is no notebook ({error})") from None
    for source in sources:
        plain = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
        try:
            nodes = ast.parse(plain).body
        except SyntaxError:
            found.append(plain)  # said where the whole is read
            continue
        kept = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
        segments = [ast.get_source_segment(plain, node) or "" for node in nodes if isinstance(node, kept)]
        found.append("\n".join(segment for segment in segments if "import exercises" not in segment))
    return "\n\n".join(found)
