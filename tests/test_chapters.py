"""Every chapter runs from any directory, holds its own checks, and its committed results are those of a full run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_quick_run_holds_its_checks(chapter, seed, tmp_path, quick_chapters):
    if seed == 0:  # as a reader runs it
        command = [sys.executable, str(chapter), "--quick", "--seed", "0", "--out", str(tmp_path)]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    else:
        result = quick_chapters.run(chapter, tmp_path, "--seed", str(seed))
    assert result.returncode == 0, result.stderr
    numbers = json.loads((tmp_path / f"{chapter.stem}.json").read_text())
    assert (numbers["chapter"], numbers["quick"], numbers["seed"]) == (chapter.stem, True, seed)
    assert (tmp_path / f"{chapter.stem}.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_form(chapter):
    """Markdown and code cells, a heading first; checks of its own; results of a full run committed."""
    text = chapter.read_text()
    assert re.match(r"# %% \[markdown\]\n# # \S", text)
    assert text.count("\n# %%\n") >= 3
    assert len(re.findall(r"^ *assert ", text, re.MULTILINE)) >= 3
    assert "sys.path" not in text
    numbers = json.loads((ROOT / "figures" / f"{chapter.stem}.json").read_text())
    assert (numbers["quick"], numbers["seed"]) == (False, 0)
    assert (ROOT / "figures" / f"{chapter.stem}.png").stat().st_size < 1_000_000


def test_there_are_chapters_and_nobody_imports_one():
    assert len(CHAPTERS) >= 3
    stems = "|".join(path.stem for path in CHAPTERS)
    for path in [*ROOT.glob("scratchdae/**/*.py"), *CHAPTERS]:
        assert not re.search(rf"import .*({stems})|from .*({stems})", path.read_text())
