"""A chapter whose failure is not caused, or whose repair is left out, must not pass its own checks.

Each file of planted/ belongs to a chapter and has changes of its text, each of which must occur there just once:

    [[change]]
    what = "the repair is left out"
    old = "learning_rate=0.1"
    new = "learning_rate=10.0"
"""

import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHANGES = [
    pytest.param(path.stem, change, id=f"{path.stem}: {change['what']}")
    for path in sorted(HERE.glob("planted/*.toml"))
    for change in tomllib.loads(path.read_text())["change"]
]


@pytest.mark.parametrize(("number", "change"), CHANGES)
def test_a_planted_change_fails_a_check(number, change, tmp_path, quick_chapters):
    (chapter,) = (ROOT / "chapters").glob(f"{number}_*.py")
    text = chapter.read_text()
    assert text.count(change["old"]) == 1
    copy = tmp_path / chapter.name
    copy.write_text(text.replace(change["old"], change["new"]))
    result = quick_chapters.run(copy, tmp_path)
    assert result.returncode != 0, "its checks pass"
    assert re.search(r"^(AssertionError|[\w.]*NonFiniteError)", result.stderr, re.MULTILINE), result.stderr


def test_every_planted_file_has_two_changes():
    for path in HERE.glob("planted/*.toml"):
        assert len(tomllib.loads(path.read_text())["change"]) >= 2, path.name
