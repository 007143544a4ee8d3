"""`scratchdae chapters`: what is found, what is chosen, what runs, and what its exit status says."""

import json
import os

import pytest

from scratchdae.cli import chapters, main

GOOD = '''"""A chapter."""
# %% [markdown]
# # The title, as a heading
# Text. #### not a heading
# # A second heading
import json, os, sys
from pathlib import Path
Path({seen!r}).write_text(json.dumps([sys.argv[1:], os.getpid(), os.environ.get("PYTHONPATH", "")]))
print("measured 1.5")
'''
BAD = '# %% [markdown]\n# # It fails\nassert 1 > 2, "the check does not hold"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a folder of three chapters and of files that are none, in place of the real ones."""
    folder = tmp_path / "chapters"
    folder.mkdir()
    (folder / "01_first.py").write_text(GOOD.format(seen=str(tmp_path / "seen.json")))
    (folder / "02_second.py").write_text(BAD)
    (folder / "10_third_one.py").write_text("print('no heading')\n")
    (folder / "notes.py").write_text("raise SystemExit('this is no chapter')\n")
    (folder / "03_data.csv").write_text("1,2\n")
    monkeypatch.setattr(chapters, "FOLDERS", (tmp_path / "nowhere", folder))
    return folder


@pytest.mark.usefixtures("folder")
def test_list(capsys):
    assert main(["chapters", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        " 01  first      The title, as a heading",
        " 02  second     It fails",
        " 10  third_one  ",
    ]


def test_the_checkout_has_chapters_with_titles(capsys):
    assert main(["chapters", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("which", ["1", "01", "01_first", "first"])
@pytest.mark.usefixtures("folder")
def test_run_one_in_a_process_of_its_own(which, tmp_path, capfd):
    options = ["--quick", "--seed", "7", "--out", str(tmp_path / "figures")]
    assert main(["chapters", "run", which, *options]) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "measured 1.5"
    assert said[1].startswith("PASS  01_first  ")
    assert said[1].endswith(" s")
    assert len(said) == 2
    arguments, process, _ = json.loads((tmp_path / "seen.json").read_text())
    assert arguments == ["--seed", "7", "--quick", "--out", str(tmp_path / "figures")]
    assert process != os.getpid()


@pytest.mark.usefixtures("folder")
def test_run_all_goes_on_after_a_failure(capfd):
    assert main(["chapters", "run", "all"]) == 1
    said = capfd.readouterr()
    verdicts = [line.split("  ")[:2] for line in said.out.splitlines() if line.startswith(("PASS", "FAIL"))]
    assert verdicts == [["PASS", "01_first"], ["FAIL (exit status 1)", "02_second"], ["PASS", "10_third_one"]]
    assert said.out.splitlines()[-1] == "2 of 3 passed; failed: 02_second"
    assert "the check does not hold" in said.err


@pytest.mark.usefixtures("folder")
def test_a_failing_chapter_alone_is_exit_status_1(capfd):
    assert main(["chapters", "run", "2"]) == 1
    assert "FAIL (exit status 1)  02_second" in capfd.readouterr().out


@pytest.mark.usefixtures("folder")
def test_chapters_of_a_checkout_import_its_package(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(chapters, "_CHECKOUT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    assert main(["chapters", "run", "first"]) == 0
    capfd.readouterr()
    path = json.loads((tmp_path / "seen.json").read_text())[2]
    assert path == os.pathsep.join([str(tmp_path), "elsewhere"])


def test_an_installed_folder_comes_first(folder, tmp_path, monkeypatch):
    installed = tmp_path / "_chapters"
    installed.mkdir()
    (installed / "01_installed.py").write_text(BAD)
    monkeypatch.setattr(chapters, "FOLDERS", (installed, folder))
    assert [path.stem for path in chapters.find()] == ["01_installed"]


@pytest.mark.parametrize("which", ["3", "0", "secon", "notes", "", "-1", "01_second", "²"])
@pytest.mark.usefixtures("folder")
def test_an_unknown_chapter_is_refused(which, capsys):
    assert main(["chapters", "run", which]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("scratchdae chapters run: error: ")
    assert len(said.err.splitlines()) == 1


@pytest.mark.usefixtures("folder")
def test_a_negative_seed_is_refused_before_anything_runs(tmp_path, capsys):
    assert main(["chapters", "run", "1", "--seed", "-1"]) == 2
    assert "seed must be an integer of at least 0, found -1" in capsys.readouterr().err
    assert not (tmp_path / "seen.json").exists()


def test_no_chapters_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(chapters, "FOLDERS", (tmp_path,))
    assert main(["chapters", "list"]) == 2
    assert capsys.readouterr().err == f"scratchdae chapters list: error: no chapters were found in {tmp_path}\n"
