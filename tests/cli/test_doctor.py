"""``scratchdae doctor``: a user's file, a curve, what is refused, what is written, what is left behind."""

import json
import re
import sys
import types

import numpy as np
import pytest

from scratchdae import doctor
from scratchdae.cli import main
from scratchdae.doctor.report import Report

PLAIN = """
import numpy as np
print("loading")
x = np.zeros((30, 4))
def build(seed):
    return None, None
def step(model, optimizer, batch):
    return 0.0
"""
TORCH = """
import numpy as np
import torch
import neighbour
x = np.random.default_rng(0).random((200, 6)).astype("float32")
steps, batch_size = 20, 10
def build(seed):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(6, 3), torch.nn.Linear(3, 6))
    return model, torch.optim.Adam(model.parameters(), 1e-2)
def step(model, optimizer, batch):
    print("a step")
    loss = ((model(batch) - batch) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
"""


@pytest.fixture
def asked(monkeypatch):
    """What `examine` was asked, in place of an examination; a report of each verdict can be had."""
    found = types.SimpleNamespace(verdict="healthy")

    def examine(build, step, x, **options):
        found.build, found.step, found.x, found.options = build, step, x, options
        options.pop("progress")("adam + lr_up", 3.0)
        return Report(found.verdict, "all is well")

    monkeypatch.setattr(doctor, "examine", examine)
    return found


def there(folder):
    return sorted(path.name for path in folder.iterdir())


def write(folder, text, name="mine.py"):
    (folder / name).write_text(text)
    return str(folder / name)


def test_options_win_over_the_file_and_the_file_over_defaults(asked, tmp_path, capsys):
    path = write(tmp_path, PLAIN + "steps = 7\nbatch_size = 5\nheld_out = x[:3]\n")
    assert main(["doctor", path]) == 0
    assert asked.options.pop("held_out").shape == (3, 4)
    assert asked.options == {"steps": 7, "batch_size": 5, "budget_s": 60.0}
    assert asked.x.shape == (30, 4)
    said = capsys.readouterr()
    assert said.out.startswith("HEALTHY\n")
    assert said.err == "loading\n"  # no bar where there is no terminal
    np.save(tmp_path / "held.npy", np.ones((2, 4)))
    line = ["--steps", "9", "--seed", "3", "--budget", "2.5", "--held-out", str(tmp_path / "held.npy"), "--loss", "mse",
            "--output", "sigmoid", "--corruption", "gaussian:0.3"]  # fmt: skip
    assert main(["doctor", path, *line]) == 0
    assert asked.options.pop("held_out").sum() == 8
    stated = {"loss": "mse", "output": "sigmoid", "corruption": "gaussian:0.3"}
    assert asked.options == {"steps": 9, "batch_size": 5, "budget_s": 2.5, "seed": 3, **stated}


@pytest.mark.parametrize(("verdict", "status"), [("at_floor", 0), ("cause", 1), ("contract", 2), ("unknown", 3)])
def test_the_exit_status_is_the_verdicts(verdict, status, asked, tmp_path, monkeypatch):
    asked.verdict = verdict
    if verdict == "cause":
        monkeypatch.setattr(
            doctor, "examine", lambda *a, **k: Report("cause", "", causes=[doctor.report.Named("F01", 1)])
        )
    assert main(["doctor", write(tmp_path, PLAIN)]) == status


def test_what_is_asked_for_is_written_and_nothing_else(asked, tmp_path, capsys):
    path, kept = write(tmp_path, PLAIN), (sys.path[:], dict(sys.modules), sys.dont_write_bytecode)
    line = ["doctor", path, "--html", str(tmp_path / "r.html"), "--json", str(tmp_path / "r.json")]
    assert main(line) == 0
    assert there(tmp_path) == ["mine.py", "r.html", "r.json"]
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] == "healthy"
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")
    assert (sys.path, sys.dont_write_bytecode) == (kept[0], kept[2])
    assert "mine" not in sys.modules
    capsys.readouterr()
    assert main(["doctor", path, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["sentence"] == "all is well"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1\n", r"mine.py must have a function build\(seed\), which returns \(model, optimizer\), found x$"),
        ("import os\n", "found no names of its own$"),
        ("def build(seed): pass\nstep = 3\nx = 1", r"must have a function step\(model, optimizer, batch\).*, found 3$"),
        (
            "def build(seed): pass\ndef step(m, o, b): pass\n",
            "must have x, the examples as you feed them, found build, step$",
        ),
        ("x = [1, 2\n", r"mine.py, line 1: SyntaxError: '\[' was never closed$"),
        ("\ndef f():\n    return missing\nf()\n", "mine.py, line 3: return missing: NameError: name 'missing' is not"),
        ("import sys\nsys.exit('no data')\n", r"mine.py, line 2: sys.exit\('no data'\): SystemExit: no data$"),
        ("import nosuchmodule\n", "line 1: import nosuchmodule: ModuleNotFoundError: No module named 'nosuchmodule'$"),
    ],
)
def test_a_file_that_is_wrong_is_a_sentence_with_its_line(text, sentence, asked, tmp_path, capsys):
    assert main(["doctor", write(tmp_path, text)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("scratchdae doctor: error: ")
    assert said.err.count("\n") == 1
    assert re.search(sentence, said.err.strip()), said.err
    assert there(tmp_path) == ["mine.py"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "FILE.py, the folder of a run, or --history must be given"),
        ("none.py", "none.py: no such file or directory"),
        ("mine.txt", "FILE.py must be a Python file, or the folder of a run"),
        ("mine.py --steps 0", "--steps must be an integer of at least 1, found 0"),
        ("mine.py --budget 0", "--budget must be a finite number, greater than 0"),
        ("mine.py --budget nan", "--budget must be a finite number"),
        ("mine.py --html r.png", "--html must be a .html or .htm file"),
        ("mine.py --html none/r.html", "in a folder that exists"),
        ("mine.py --json r.txt", "--json must be a .json file"),
        ("mine.py --held-out none.npy", "none.npy"),
        ("mine.py --data x.npy", "--data is for --history or a run"),
        (". --batch-size 3", "--batch-size is for a file of your own"),
        ("--history l.csv", "--history needs --data and --loss"),
        ("mine.py --history l.csv --data x.npy --loss mse", "--history needs --data and --loss, and no FILE.py"),
        ("--history l.csv --data x.npy --loss nll", "loss must be one of"),
        ("--history none.csv --data x.npy --loss mse", "none.csv: no such file"),
    ],
)
def test_what_is_refused_is_refused_before_any_work(line, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "raise SystemExit('it ran')")
    write(tmp_path, "1\n", "l.csv")
    np.save("x.npy", np.random.default_rng(0).random((20, 3)))
    assert main(["doctor", *line.split()]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert "it ran" not in said.err
    assert said.out == ""
    assert there(tmp_path) == ["l.csv", "mine.py", "x.npy"]


def test_a_curve_and_the_data(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((200, 8)))
    (tmp_path / "l.csv").write_text("epoch,loss\n" + "".join(f"{k},{0.09 - 0.001 * k}\n" for k in range(40)))
    line = [
        "doctor",
        "--history",
        str(tmp_path / "l.csv"),
        "--data",
        str(tmp_path / "x.npy"),
        "--loss",
        "mse",
        "--json",
        "-",
    ]
    assert main(line) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "unknown"
    assert found["causes"][0]["id"] in ("F04", "F23")
    assert "x.npy" in found["about"]["data"]


def test_a_whole_examination(torch, tmp_path, capsys):
    del torch
    path = write(tmp_path, TORCH)
    write(tmp_path, "x = 1", "neighbour.py")
    try:
        status = main(["doctor", path, "--budget", "3", "--json", "-"])
    finally:
        sys.modules.pop("neighbour", None)
    said = capsys.readouterr()
    found = json.loads(said.out)  # what the step prints goes elsewhere
    assert "a step" in said.err
    assert status == found["status"]
    assert (found["about"]["steps"], found["about"]["batch_size"]) == (20, 10)
    assert found["trials"][0]["changes"] == []
    assert there(tmp_path) == ["mine.py", "neighbour.py"]


def test_an_exception_in_a_step_is_told_with_its_line(torch, tmp_path, capsys):
    del torch
    write(tmp_path, "x = 1", "neighbour.py")
    assert main(["doctor", write(tmp_path, TORCH.replace("- batch)", "- bach)")), "--budget", "3"]) == 2
    sys.modules.pop("neighbour", None)
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("IT DOES NOT RUN")
    assert "NameError: name 'bach' is not defined" in said
    assert "line 13" in said


def test_a_run_of_its_own_by_its_folder(tmp_path, capsys):
    out = str(tmp_path / "run")
    assert main(["train", "--epochs", "1", "--limit", "300", "--hidden", "20", "--out", out, "--backend", "numpy"]) == 0
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    capsys.readouterr()
    status = main(["doctor", out, "--budget", "4", "--steps", "30", "--json", "-"])
    found = json.loads(capsys.readouterr().out)
    assert status == found["status"]
    assert found["about"]["framework"] == "scratchdae"
    assert found["about"]["steps"] == 30
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before
    assert main(["doctor", str(tmp_path)]) == 2
    assert "error: " in capsys.readouterr().err
