"""What was found in other frameworks is still there: the day one of them has mended it, its finding is to say so."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from optional_packages import require

FINDINGS = Path(__file__).parents[2] / "figures" / "findings.md"
FOUND = re.compile(r"^## (.+?)\n.*?```python\n(.*?)```\n\n```text\n(.*?)```\n\nExpected", re.DOTALL | re.MULTILINE)
found = FOUND.findall(FINDINGS.read_text(encoding="utf-8"))


def test_every_finding_has_lines_that_show_it():
    assert len(found) == FINDINGS.read_text(encoding="utf-8").count("\n## ") == 9
    for title, lines, _ in found:
        assert "scratchdae" not in lines, title
        assert len([line for line in lines.splitlines() if line]) <= 6, title


@pytest.mark.parametrize(("title", "lines", "printed"), found, ids=[title for title, *_ in found])
def test_prints_what_is_written(title, lines, printed):
    require("tinygrad")
    from tinygrad import Context

    out = io.StringIO()
    with Context(DEV="PYTHON", PARALLEL=0), contextlib.redirect_stdout(out):
        try:
            exec(lines, {})
        except RuntimeError as error:
            out.write(f"RuntimeError: {error}\n")
    assert out.getvalue() == printed, f"tinygrad has mended this, or a part: {title}"
