"""Run the lines that a chapter offers to users of another framework, as they stand in its text."""

import re
from pathlib import Path

CHAPTERS = Path(__file__).parents[2] / "chapters"


def blocks(number, framework):
    """Return the code that stands under a chapter's heading for that framework."""
    (chapter,) = CHAPTERS.glob(f"{number}_*.py")
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in chapter.read_text().splitlines())
    part = re.search(rf"^## The cure in {framework}\n(.*?)(?=^#+ |\Z|^%%)", text, re.MULTILINE | re.DOTALL)
    assert part, f"{chapter.name} has no heading: The cure in {framework}"
    found = re.findall(r"^```python\n(.*?)^```", part[1], re.MULTILINE | re.DOTALL)
    assert found, f"{chapter.name} has no code under its heading"
    return found


def cure(number, framework, **names):
    """Execute that code, in which the names mean what is given, and return all names afterwards."""
    for code in blocks(number, framework):
        exec(compile(code, f"chapter {number}, {framework}", "exec"), names)
    return names
