"""``scratchdae exercises``: a student's way through one, and a teacher's through a class."""

import json
import os
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest

from scratchdae.cli import main
from scratchdae.exercises import progress
from scratchdae.exercises.catalogue import EXERCISES

GOOD = (
    "import numpy as np\n\ndef bias_gradients(da_z, y, W):\n    return (da_z @ W * y * (1 - y)).sum(0), da_z.sum(0)\n"
)
NO_SLOPE = GOOD.replace(" * y * (1 - y)", "")
ENDLESS = GOOD.replace("    return", "    while True: pass\n    return")


def said(capsys, *arguments, status=0):
    assert main(["exercises", *map(str, arguments)]) == status
    return capsys.readouterr().out


def test_a_student_begins_is_told_the_mistake_and_is_done(tmp_path, capsys):
    folder = tmp_path / "mine"
    assert "0 of" in said(capsys, "--dir", folder)
    assert "Fill the gap" in said(capsys, "start", "06", "--dir", folder)
    path = folder / "06_biases.py"
    assert "not begun" in said(capsys, "check", "biases", "--dir", folder, status=1)
    path.write_text(NO_SLOPE)
    question = said(capsys, "check", "6", "--dir", folder, status=1)
    assert "What lies between dy and da_y?" in question
    assert "slope" not in question
    assert "is missing" in said(capsys, "check", "06", "--hint", "--dir", folder, status=1)
    whole = said(capsys, "check", "06", "--hint", "--hint", "--dir", folder, status=1)
    assert "(11)" in whole
    assert "chapter 01" in whole
    path.write_text(GOOD)
    assert "Exercise 06: right." in said(capsys, "check", path)
    listed = said(capsys, "list", "--dir", folder)
    assert "✓ 06" in listed
    assert "1 of" in listed
    path.write_text(GOOD + "\n# more\n")
    assert "… 06" in said(capsys, "list", "--dir", folder)


def test_who_has_gone_into_the_folder_is_at_home(tmp_path, capsys, monkeypatch):
    said(capsys, "start", "06", "--dir", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "… 06" in said(capsys, "list")
    assert "not begun" in said(capsys, "check", "06", status=1)
    said(capsys, "start", "01")
    assert (tmp_path / "01_stable_loss.py").is_file()


def test_start_never_overwrites(tmp_path, capsys):
    said(capsys, "start", "01", "--dir", tmp_path)
    path = tmp_path / "01_stable_loss.py"
    path.write_text("mine")
    said(capsys, "start", "01", "--dir", tmp_path, status=2)
    assert path.read_text() == "mine"


def test_progress_that_is_damaged_begins_anew(tmp_path, capsys):
    for damage in ("{", "[]", '{"06": 3}', '{"06": {"state": [1], "checks": "x", "sha256": 0}}'):
        (tmp_path / progress.NAME).write_text(damage)
        (tmp_path / "06_biases.py").write_text(GOOD)
        said(capsys, "list", "--dir", tmp_path)
        said(capsys, "check", "06", "--dir", tmp_path)
        assert json.loads((tmp_path / progress.NAME).read_text())["06"]["state"] == "right"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "99"), ("check", "06"), ("start", "none"), ("check", "06", "--json", "x.json"),
        ("check", "nowhere", "--all"),
        ("check", ".", "--all", "--jobs", "0"), ("check", ".", "--all", "--json", "nowhere/x.json"),
        ("check", ".", "--all", "--weights", "nowhere.toml"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["exercises", *arguments]) == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["[", "weights = 3", "[weights]\n99 = 1", "due = 3", "other = 1", "[weights]\n06 = -1"]
)
def test_a_course_that_is_none_is_refused(text, tmp_path, capsys):
    (tmp_path / "course.toml").write_text(text)
    assert main(["exercises", "check", str(tmp_path), "--all", "--weights", str(tmp_path / "course.toml")]) == 2


def test_a_notebook_is_begun_and_checked(tmp_path, capsys):
    said(capsys, "start", "06", "--format", "ipynb", "--dir", tmp_path)
    path = tmp_path / "06_biases.ipynb"
    assert "not begun" in said(capsys, "check", "06", "--dir", tmp_path, status=1)
    notebook = json.loads(path.read_text())
    assert [cell["cell_type"] for cell in notebook["cells"]] == ["markdown", "code", "code"]
    assert "__main__" not in path.read_text()
    notebook["cells"][1]["source"] = ["%matplotlib inline\n", *GOOD.splitlines(keepends=True), "\n", "print(1 / 0)\n"]
    path.write_text(json.dumps(notebook))
    assert "right" in said(capsys, "check", "06", "--dir", tmp_path)
    path.write_text("{}")
    assert "no notebook" in said(capsys, "check", "06", "--dir", tmp_path, status=1)


def test_watching_checks_again_at_a_save(tmp_path):
    path = tmp_path / "06_biases.py"
    path.write_text(NO_SLOPE)
    command = [sys.executable, "-m", "scratchdae", "exercises", "check", str(path), "--watch"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("  ("):  # the seconds: a check is done
            if any("right" in one for one in lines):
                break
            path.write_text(GOOD)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    assert process.wait(20) in (0, 130)
    assert any("wrong" in line for line in lines)


def test_a_class_is_graded(tmp_path, capsys):
    folder = tmp_path / "class"
    for name, text in {"ann": GOOD, "bob": NO_SLOPE, "cy <b>": NO_SLOPE, "dee": ENDLESS, "eve": None}.items():
        (folder / name).mkdir(parents=True)
        if text:
            (folder / name / "06_biases.py").write_text(text)
    (folder / "fay").mkdir()
    (folder / "gil").symlink_to(folder / "ann")
    (folder / "fay" / "06_biases.py").symlink_to(folder / "ann" / "06_biases.py")
    (tmp_path / "course.toml").write_text('due = ["06"]\n[weights]\n06 = 2.5\n')
    files = [tmp_path / name for name in ("out.json", "out.xml", "out.html")]
    text = said(
        capsys, "check", folder, "--all", "--jobs", "2", "--weights", tmp_path / "course.toml",
        "--json", files[0], "--junit", files[1], "--html", files[2],
    )  # fmt: skip
    assert "2.5 of 2.5" in text
    assert "2  06 bias_gradients, no slope: The hidden sigmoid's slope" in text.replace("   ", "")
    found = {row["student"]: row for row in json.loads(files[0].read_text())["students"]}
    states = {name: row["exercises"]["06"]["state"] for name, row in found.items()}
    assert states == {
        "ann": "right", "bob": "wrong", "cy <b>": "wrong", "dee": "refused", "eve": "not begun", "fay": "not begun",
    }  # fmt: skip
    assert found["bob"]["exercises"]["06"]["mistake"] == "no slope"
    suites = ElementTree.fromstring(files[1].read_text())
    assert [suite.get("failures") for suite in suites] == ["0", "1", "1", "1", "0", "0"]
    page = files[2].read_text()
    assert "cy &lt;b&gt;" in page
    assert "<b>" not in page
    assert "no slope" in page


def test_a_repository_of_one_student_is_graded(tmp_path, capsys):
    (tmp_path / "06_biases.py").write_text(GOOD)
    (tmp_path / "notes").mkdir()
    (tmp_path / "course.toml").write_text('due = ["06"]\n')
    text = said(capsys, "check", tmp_path, "--all", "--weights", tmp_path / "course.toml")
    assert "1 of 1 right" in text
    assert "notes" not in text


def test_the_file_that_was_saved_last_is_checked(tmp_path, capsys):
    said(capsys, "start", "06", "--format", "ipynb", "--dir", tmp_path)
    path = tmp_path / "06_biases.py"
    path.write_text(GOOD)
    os.utime(path, ns=(2**61, 2**61))
    assert "06_biases.py, which was saved last:" in said(capsys, "check", "06", "--dir", tmp_path)


def test_every_exercise_says_what_it_needs():
    numbers = [exercise.number for exercise in EXERCISES]
    assert numbers == list(range(1, len(EXERCISES) + 1))
    for exercise in EXERCISES:
        assert all(n < exercise.number for n in exercise.builds_on)
        assert exercise.skeleton.startswith(f'"""Exercise {exercise.id}: ')
