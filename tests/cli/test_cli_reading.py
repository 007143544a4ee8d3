"""How `scratchdae train` says to read a run: numbers of that run and of its data, whatever the loss."""

import re

import numpy as np
import pytest

from scratchdae import DenoisingAutoencoder, datasets, evaluate, floors, load_model
from scratchdae.cli import main, pictures, reading
from scratchdae.corruption import CORRUPTIONS

FIRST = re.compile(r"nothing learned costs (\S+), perfect (\S+), yours (\S+): (.*)")
LOSSES = [("cross_entropy", "sigmoid"), ("squared_error", "sigmoid"), ("squared_error", "linear")]
OPTIONS = [
    *((*loss, reduction, "masking:linear(0.1,0.3,2)") for loss in LOSSES for reduction in ("paper", "mean")),
    *((*LOSSES[0], "paper", corruption) for corruption in ("none", *(f"{kind}:0.3" for kind in CORRUPTIONS))),
]


def trained(capsys, out, *options):
    """Train; return the lines of the reading."""
    assert main(["train", "--hidden", "5", "--backend", "numpy", "--no-progress", "--out", str(out), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("reading   "))
    assert lines[first - 1].startswith("pictures  ")
    assert all(line.startswith(" " * 10) for line in lines[first + 1 :])
    return [line[10:] for line in lines[first:]]


@pytest.mark.parametrize(("loss", "output", "reduction", "corruption"), OPTIONS)
def test_every_loss_is_read_between_the_floors_of_its_data(loss, output, reduction, corruption, tmp_path, capsys):
    options = ["--loss", loss, "--output", output, "--reduction", reduction, "--corruption", corruption]
    options += ["--lr", "0.001" if loss == "squared_error" and reduction == "paper" else "0.1"]
    lines = trained(capsys, tmp_path / "run", "--limit", "720", "--epochs", "2", *options)
    assert len(lines) == 5
    nothing, perfect, yours, verdict = FIRST.fullmatch(lines[0]).groups()
    held_out = datasets.digits().x_train[600:720]
    x, times = datasets.to_float(held_out), 784 if reduction == "paper" else 1
    expected = evaluate(load_model(tmp_path / "run"), held_out)
    ceiling = times * floors.constant(x, loss)
    floor = times * floors.cross_entropy(x) if loss == "cross_entropy" else 0.0
    assert [float(nothing), float(perfect), float(yours)] == pytest.approx([ceiling, floor, expected], rel=1e-3)
    left = floors.relative_excess(expected, floor, ceiling)
    said = f"{100 * left:.3g} % is left" if left <= 1 else "worse than a model that learned nothing"
    assert verdict == said
    assert lines[1].startswith("(120 held-out examples, clean; ")
    assert "after 60 steps " in lines[2]
    assert [line.partition(":")[0] for line in lines[2:]] == list(pictures.NAMES)
    assert "validation rising" in lines[4]


def test_the_longer_training_has_less_left(tmp_path, capsys):
    options = ["--limit", "720", "--hidden", "30"]
    left = [
        float(FIRST.fullmatch(trained(capsys, tmp_path / epochs, *options, "--epochs", epochs)[0])[4].split()[0])
        for epochs in ("2", "12")
    ]
    assert 5 < left[1] < left[0] < 100


def test_the_kept_epoch_is_the_one_that_counts_steps(tmp_path, capsys):
    options = ["--limit", "720", "--epochs", "40", "--patience", "1", "--lr", "linear(1,60,12)"]
    lines = trained(capsys, tmp_path / "run", *options)
    history = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert f"after {30 * (len(history) - 1):,} steps " in lines[2]


@pytest.mark.parametrize(("validation", "read"), [("0", "1000 test"), ("0.01", "1000 test"), ("0.5", "120 held-out")])
def test_few_held_out_examples_are_passed_over(validation, read, tmp_path, capsys):
    lines = trained(capsys, tmp_path / "run", "--limit", "240", "--epochs", "1", "--validation", validation)
    assert lines[1].startswith(f"({read} examples, clean; ")
    assert ("validation rising" in lines[4]) == (validation != "0")


def save(path, x):
    np.save(path, x)
    return ["--data", str(path), "--epochs", "1", "--loss", "squared_error"]


def test_an_output_that_cannot_reach_the_data_is_no_fault_of_the_model(tmp_path, capsys, rng):
    x = rng.normal(0.5, 1, (150, 4))
    lines = trained(capsys, tmp_path / "run", *save(tmp_path / "x.npy", x), "--validation", "0")
    assert float(FIRST.fullmatch(lines[0])[2]) == pytest.approx(4 * floors.output_range(x, 0, 1), rel=1e-3)
    assert "as near as an output in [0, 1] gets; --output linear gets to 0" in lines[1]
    far = save(tmp_path / "far.npy", x + 9)
    assert trained(capsys, tmp_path / "far", *far)[0].endswith(": this model has nothing to gain")


def test_data_without_anything_to_learn(tmp_path, capsys):
    lines = trained(capsys, tmp_path / "run", *save(tmp_path / "x.npy", np.full((30, 4), 0.5)), "--output", "linear")
    assert re.fullmatch(r"nothing learned costs 0, perfect 0, yours \S+: this model has nothing to gain", lines[0])
    assert lines[1].startswith("(25 training examples")


def test_numbers_that_are_too_large_are_not_compared(tmp_path, capsys, rng):
    x = rng.normal(0, 1e200, (30, 4))
    model = DenoisingAutoencoder(4, 2, rng, loss="squared_error", output="linear")
    assert reading.loss(model, {"training": x})[0].endswith(": these numbers cannot be compared")


@pytest.mark.parametrize(("numbers", "used"), [(4_000_000, 5000), (6000, 2000), (2, 1)])
def test_it_looks_at_so_many_examples_that_it_takes_no_time(numbers, used, monkeypatch, rng):
    monkeypatch.setattr(reading, "_NUMBERS", numbers)
    model = DenoisingAutoencoder(3, 2, rng, loss="squared_error")
    assert f"({used} test examples" in reading.loss(model, {"test": rng.random((6000, 3))})[1]
