"""`scratchdae chapters export`: the chapters in other formats, with their outputs if they are asked for."""

import json
import sys

import pytest
from optional_packages import require

from scratchdae.cli import chapters, main

require("jupytext")
SCRIPT = """# %% [markdown]
# # A title
# Text, and $x$.

# %%
import os
import scratchdae
print("measured", 1.5, os.path.basename(os.getcwd()))

# %%
assert scratchdae.__version__
"""


@pytest.fixture
def two(tmp_path, monkeypatch):
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name in ("01_one", "02_two"):
        (folder / f"{name}.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setattr(chapters, "FOLDERS", (folder,))
    return folder


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def test_notebooks_of_all_chapters(two, tmp_path, capsys):
    out = tmp_path / "notebooks"
    assert main(["chapters", "export", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["01_one.ipynb", "02_two.ipynb"]
    assert capsys.readouterr().out == f"wrote {out / '01_one.ipynb'}\nwrote {out / '02_two.ipynb'}\n"
    found = cells(out / "01_one.ipynb")
    assert [cell["cell_type"] for cell in found] == ["markdown", "code", "code"]
    assert "".join(found[0]["source"]) == "# A title\nText, and $x$."
    assert found[1]["outputs"] == []


@pytest.mark.parametrize("kind", ["py", "md"])
def test_scripts_and_markdown_of_one_chapter(two, kind, tmp_path):
    assert main(["chapters", "export", str(tmp_path / "out"), "--format", kind, "--chapter", "2"]) == 0
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == f"02_two.{kind}"
    text = path.read_text(encoding="utf-8")
    assert "A title" in text
    assert ("# %%" in text) == (kind == "py")
    assert ("```python" in text) == (kind == "md")
    if kind == "py":
        compile(text, path.name, "exec")


def test_every_chapter_is_a_notebook(tmp_path):
    nbformat = require("nbformat")
    assert main(["chapters", "export", str(tmp_path)]) == 0
    scripts = chapters.find()
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(script.stem for script in scripts)
    for path in tmp_path.iterdir():
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                compile(cell.source, path.name, "exec")


@pytest.mark.filterwarnings("ignore")  # the kernel's client has its own about event loops
def test_outputs_are_kept_where_it_is_run(two, tmp_path):
    require("nbclient")
    require("ipykernel")
    out = tmp_path / "run"
    assert main(["chapters", "export", str(out), "--chapter", "1", "--execute"]) == 0
    assert cells(out / "01_one.ipynb")[1]["outputs"][0]["text"] == ["measured 1.5 run\n"]


@pytest.mark.filterwarnings("ignore")
def test_a_cell_that_fails_is_one_sentence(two, tmp_path, capsys):
    require("nbclient")
    require("ipykernel")
    (two / "01_one.py").write_text("# %%\nassert 1 == 2, 'the claim'\n", encoding="utf-8")
    assert main(["chapters", "export", str(tmp_path / "run"), "--chapter", "1", "--execute"]) == 2
    assert "01_one: a cell failed: AssertionError: the claim" in capsys.readouterr().err
    assert list((tmp_path / "run").iterdir()) == []


def test_what_is_refused(two, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    assert main(["chapters", "export", str(out), "--format", "md", "--execute"]) == 2
    assert "--execute must go with --format ipynb" in capsys.readouterr().err
    assert main(["chapters", "export", str(out), "--chapter", "1"]) == 0
    (out / "01_one.ipynb").write_text("my notes")
    assert main(["chapters", "export", str(out)]) == 2
    assert "01_one.ipynb is there already" in capsys.readouterr().err
    assert (out / "01_one.ipynb").read_text() == "my notes"
    assert not (out / "02_two.ipynb").exists()
    monkeypatch.setitem(sys.modules, "jupytext", None)
    assert main(["chapters", "export", str(tmp_path / "other")]) == 2
    assert "pip install 'scratchdae[book]'" in capsys.readouterr().err
