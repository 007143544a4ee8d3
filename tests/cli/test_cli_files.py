"""The four commands that read a user's data read the same files, say the same of them, and give advice that works."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from optional_packages import require

from scratchdae import datasets
from scratchdae.cli import main

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from peoples_files import ROWS, csv, file

FOUND = re.compile(r"^found +(.*)$", re.MULTILINE)
SAMPLE = [
    "npy, int64 grey levels", "npy, channels first", "npy, shape said", "npy, other integers, raw", "npz, Keras",
    "csv.zip", "zip, EMNIST", "EMNIST", "Fashion-MNIST, a folder", "csv, Kaggle's digits", "csv, label by name",
    "parquet, pictures", "matlab 5, SVHN", "hdf5, by name", "sparse, csr", "png, colour",
    "png, 16 bits", "png, transparent on white", "tif, several frames", "wav, stereo",
]  # fmt: skip
REFUSED = ["npz, several", "csv, a value missing", "png, transparent", "pickle", "gz, cut", "npy, other integers"]


def flags(options):
    """Write a reader's options as those of a command."""
    given = []
    for name, value in options.items():
        if name == "transpose" or (name, value) == ("scale", "raw"):
            given.append("--transpose" if name == "transpose" else "--raw")
        else:
            given += [f"--{name}", "x".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return given


def commands(text, folder):
    """List the four commands on some data."""
    (folder / "h.jsonl").write_text("".join(json.dumps({"loss": 1 / i}) + "\n" for i in range(1, 9)))
    real = ["--loss", "squared_error", "--output", "linear", "--lr", "1e-9", "--backend", "numpy"]
    return {
        "train": ["train", "--data", text, *real, "--hidden", "2", "--epochs", "1", "--out", str(folder / "run")],
        "floors": ["floors", text],
        "data sheet": ["data", "sheet", text, "--out", str(folder / "sheet.png")],
        "doctor": ["doctor", "--history", str(folder / "h.jsonl"), "--data", text, "--loss", "mse"],
    }


@pytest.mark.parametrize("name", SAMPLE)
def test_the_commands_read_the_same(name, tmp_path, capsys):
    for package in ("h5py", "pyarrow", "scipy"):
        require(package)
    (files := tmp_path / "files").mkdir()
    text = ROWS[name].make(files)
    said = {}
    for command, line in commands(text, tmp_path).items():
        status = main([*line, *flags(ROWS[name].options)])
        found = capsys.readouterr()
        assert status in ((0, 1, 3) if command == "doctor" else (0,)), (command, found.err)
        said[command] = FOUND.search(found.out)[1]
    assert len(set(said.values())) == 1, said
    assert ROWS[name].said in said["train"]
    assert (tmp_path / "sheet.png").stat().st_size > 5000


@pytest.mark.parametrize("name", REFUSED)
def test_the_commands_refuse_the_same(name, tmp_path, capsys):
    (files := tmp_path / "files").mkdir()
    text = ROWS[name].make(files)
    said = set()
    for command, line in commands(text, tmp_path).items():
        assert main(line) == 2, command
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        said.add(error.removeprefix(f"scratchdae {command}: error: "))
    assert len(said) == 1, said
    assert ROWS[name].said in said.pop()
    assert {one.name for one in tmp_path.iterdir()} == {"files", "h.jsonl"}


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_the_names_are_names_for_all(name, tmp_path, capsys, monkeypatch):
    if name == "mnist":
        ROWS["Fashion-MNIST, a folder"].make(tmp_path)
    given = ["--root", str(tmp_path)] if name == "mnist" else []
    for command, line in commands(name, tmp_path).items():
        more = ["--limit", "60"] if command == "train" and name == "digits" else []
        more += ["--sample", "50"] if command == "floors" else []
        assert main([*line, *given, *more]) in ((0, 1, 3) if command == "doctor" else (0,)), command
        out = capsys.readouterr().out
        if name == "mnist" and command in ("train", "floors"):
            assert "files laid out as MNIST's in" in out  # it is not, and is not called so
            assert "not the published bytes" in out
    if name == "mnist":
        assert main([*commands("digits", tmp_path)["floors"], *given]) == 2
        assert "--root is the folder of MNIST and goes with --data mnist, found digits" in capsys.readouterr().err


def left(out):
    return re.search(r"yours \S+: (.*)", out)[1]


def factors(rng, n, d, k):
    return rng.normal(0, 1, (n, k)) @ rng.normal(0, 1, (k, d)) + rng.normal(0, 0.1, (n, d))


REAL = {
    "grey levels as floats": lambda rng: datasets.digits().x_train[:600].astype(np.float32),
    "pictures from -1 to 1": lambda rng: (datasets.digits().x_train[:600] / 127.5 - 1).reshape(-1, 28, 28),
    "a table": lambda rng: factors(rng, 500, 30, 4),
    "a table of large numbers": lambda rng: 1000 + 40 * factors(rng, 300, 10, 2),
    "a table of one factor": lambda rng: factors(rng, 300, 400, 1),
    "columns of several units": lambda rng: factors(rng, 400, 5, 2) * [1, 1000, 0.01, 30, 5],
}


@pytest.mark.parametrize("name", REAL)
def test_the_advice_that_is_printed_beats_the_best_constant(name, tmp_path, capsys, rng):
    np.save(tmp_path / "x.npy", REAL[name](rng))
    line = ["train", "--data", str(tmp_path / "x.npy"), "--out", str(tmp_path / "run")]
    assert main(line) == 2
    advice = re.search(r"use (--scale .*)$", capsys.readouterr().err.strip())[1]
    assert main([*line, *advice.split()]) == 0
    verdict = left(capsys.readouterr().out)
    assert verdict.endswith(" % is left"), verdict
    assert float(verdict.split()[0]) < 60


def test_what_looks_wrong_is_said_by_all(tmp_path, capsys):
    np.save(tmp_path / "x.npy", datasets.digits().x_train[:40].astype(np.float32))
    for command, line in commands(str(tmp_path / "x.npy"), tmp_path).items():
        main(line)
        assert "--scale 255 brings them to [0, 1]" in capsys.readouterr().out, command


def test_a_value_is_printed_with_all_its_digits(tmp_path, capsys):
    x = np.full((10, 3), 0.5, np.float32)
    x[3, 1] = 1.0000001
    np.save(tmp_path / "x.npy", x)
    assert main(["train", "--data", str(tmp_path / "x.npy"), "--out", str(tmp_path / "run")]) == 2
    assert "found values from 0.5 to 1.0000001: use --scale standard" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--shape", "8by8"], "--shape must be like 28x28, 32x32x3 or 784, found '8by8'"),
        (["--scale", "much"], "--scale must be a number, range or standard, found 'much'"),
        (["--scale", "0"], "scale must be a finite number, greater than 0, found 0"),
        (["--frame", "0"], "frame must be an integer of at least 1, found 0"),
        (["--scale", "2", "--raw"], "argument --raw: not allowed with argument --scale"),
        (["--transpose", "--shape", "64"], "transpose needs images in an array"),
    ],
)  # fmt: skip
def test_options_that_say_nothing_are_refused(given, message, tmp_path, capsys):
    text = ROWS["npy, uint8"].make(tmp_path)
    assert main(["floors", text, *given]) == 2
    assert message in capsys.readouterr().err


def test_the_doctor_finds_the_data_of_a_run_by_the_same_options(tmp_path, capsys):
    text = file("a.csv", csv(datasets.digits().x_train[:200, 300:364], ",".join(f"pixel{i}" for i in range(64))))(
        tmp_path
    )
    run = ["--hidden", "3", "--epochs", "1", "--backend", "numpy", "--out", str(tmp_path / "run")]
    assert main(["train", "--data", text, *run]) == 0
    assert main(["doctor", str(tmp_path / "run"), "--data", text, "--budget", "1"]) in (0, 1, 3)
    assert "scratchdae, 167 examples" in capsys.readouterr().out
