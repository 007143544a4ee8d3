"""Count the lines of the package and of its tests: code, docstrings, the rest. The gate prints what this prints."""

import ast
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Size(NamedTuple):
    """Lines of Python."""

    lines: int
    docstring: int
    code: int  # neither docstring, nor comment, nor blank


def size(path: Path) -> Size:
    """Count the lines of one file."""
    text = path.read_text(encoding="utf-8")
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            documented |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = text.splitlines()
    code = [n for n, line in enumerate(lines, 1) if n not in documented and line.strip() and line.strip()[0] != "#"]
    return Size(len(lines), len(documented), len(code))


def total(folder: str) -> Size:
    """Count the lines of a folder of the project; what stands in a hidden or built folder does not count."""
    sizes = [size(path) for path in sorted((ROOT / folder).rglob("*.py")) if "_chapters" not in path.parts]
    return Size(*map(sum, zip(*sizes, strict=True)))


if __name__ == "__main__":
    for folder in ("scratchdae", "chapters", "tests"):
        found = total(folder)
        sys.stdout.write(
            f"{folder}: {found.lines} lines, {found.code} of code, {found.docstring} of docstring "
            f"({found.docstring / found.code:.2f} a line of code)\n"
        )
