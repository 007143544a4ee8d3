"""`scratchdae train`: what it leaves, what it says, how it stops and goes on."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from unittest.mock import Mock

import numpy as np
import pytest

import scratchdae
from scratchdae import datasets, fit, load_model, plots, streams
from scratchdae.cli import main, pictures, training_run
from scratchdae.training import checkpoint
from scratchdae.training.history import History

SIX = sorted(["checkpoint.safetensors", "history.jsonl", "config.json", *pictures.NAMES])
SMALL = ["--limit", "300", "--epochs", "2", "--hidden", "16", "--backend", "numpy"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def picture_size(path):
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


@pytest.fixture
def examples(tmp_path):
    """Write forty examples of sixteen numbers in [0, 1]."""
    path = tmp_path / "examples.npy"
    np.save(path, np.random.default_rng(0).random((40, 16), dtype=np.float32))
    return path


def test_a_small_training_leaves_six_files_and_says_what_it_did(tmp_path, capsys):
    out = tmp_path / "deep" / "run"
    assert main(["train", *SMALL, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert names(out) == SIX
    model, history = load_model(out), History.read(out / "history.jsonl")
    assert (model.n_visible, model.n_hidden, model.dtype, model.tied) == (784, 16, np.float32, True)
    assert len(history) == 2
    config = json.loads((out / "config.json").read_text())
    assert config["data"]["train"]["shape"] == [250, 784]
    assert config["data"]["validation"]["shape"] == [50, 784]
    assert config["training"]["corruption"] == "masking:0.3"
    assert said.startswith(
        "data      250 training, 50 validation, 1000 test images of 28×28, from the embedded digits\n"
    )
    assert "backend   numpy (asked for), " in said
    test = scratchdae.evaluate(model, datasets.digits().x_test)
    last = history.records[-1]
    assert f"training {last['loss']:.6g} (corrupted inputs)" in said
    assert f"validation {last['validation_loss']:.6g} (clean inputs)" in said
    assert f"test {test:.6g} (clean inputs); nats per example" in said
    assert re.search(
        r"trained   2 epochs, in [\d.]+ s: [\d,]+ examples a second(; compiled in [\d.]+ s before, once)?\n", said
    )
    for name in pictures.NAMES:
        assert str(out / name) in said
        assert min(picture_size(out / name)) > 150


def test_it_is_the_training_of_the_library_to_the_bit(tmp_path):
    """First weights from the initialisation stream, the held-out examples the last, every option handed on."""
    out = tmp_path / "run"
    options = ["--corruption", "salt_and_pepper:linear(0.1, 0.4, 2)", "--lr", "geometric(0.2, 0.1, 2)", "--l2", "0.001"]
    options += ["--untied", "--loss", "squared_error", "--dtype", "float64", "--batch-size", "7", "--seed", "3"]
    options += ["--validation", "0.1", "--corrupt-validation", "--patience", "1", "--reduction", "mean"]
    assert main(["train", *SMALL, *options, "--out", str(out)]) == 0

    x = datasets.digits().x_train[:300]
    model = scratchdae.DenoisingAutoencoder(
        784, 16, streams(3).initialisation, tied=False, loss="squared_error", reduction="mean", dtype=np.float64
    )
    history = fit(
        model,
        x[:270],
        epochs=2,
        lr=scratchdae.schedules.Geometric(0.2, 0.1, 2),
        batch_size=7,
        corruption=scratchdae.Corruption("salt_and_pepper", scratchdae.schedules.Linear(0.1, 0.4, 2)),
        l2=0.001,
        validation=x[270:],
        corrupt_validation=True,
        patience=1,
        seed=3,
        backend="numpy",
        progress=False,
    )
    assert History.read(out / "history.jsonl").records == history.records
    found = load_model(out).params
    assert found.keys() == model.params.keys()
    assert all(np.array_equal(found[name], model.params[name]) for name in found)


@pytest.mark.parametrize(("name", "images"), [("x", (40, 16)), ("x_train", (40, 16)), ("anything", (40, 2, 8))])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_arrays_of_a_file(name, images, kind, tmp_path, capsys):
    values = np.random.default_rng(0).random(images)
    array = (255 * values).astype(np.uint8) if kind is np.uint8 else values
    others = {} if name == "anything" else {"t": np.arange(40)}
    path, out = tmp_path / "some.npz", tmp_path / "run"
    np.savez(path, **{name: array}, **others)
    assert main(["train", "--data", str(path), "--hidden", "3", "--epochs", "1", "--out", str(out)]) == 0
    said = "images of 2×8" if len(images) == 3 else "images of 4×4" if kind is np.uint8 else "examples of 16 numbers"
    assert f"33 training, 7 validation {said}, from {path}" in capsys.readouterr().out
    assert names(out) == SIX
    assert checkpoint.load(out)[1]["config"]["data"]["train"]["dtype"] == np.dtype(kind).name


def test_a_npy_file_is_mapped_not_read(examples, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(training_run, "fit", lambda model, x, **options: seen.append(x) or fit(model, x, **options))
    options = ["--hidden", "3", "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main(["train", "--data", str(examples), *options]) == 0
    base = seen[0]
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


@pytest.mark.parametrize("columns", [1, 10, 150])
def test_real_valued_data_and_strips(columns, tmp_path, capsys):
    """Data that are no images, one of them constant, with everything that the pictures can lack."""
    path, out = tmp_path / "real.npy", tmp_path / "run"
    np.save(path, np.random.default_rng(0).normal(5, 3, (30, columns)))
    options = ["--loss", "squared_error", "--output", "linear", "--corruption", "none", "--validation", "0"]
    options += ["--lr", "0.0001", "--hidden", "5", "--epochs", "1", "--out", str(out)]
    assert main(["train", "--data", str(path), *options]) == 0
    said = capsys.readouterr().out
    assert "validation" not in said
    assert re.search(r"loss +training [\d.]+ \(clean inputs\); squared error per example", said)
    assert names(out) == SIX
    assert all(min(picture_size(out / name)) > 60 for name in pictures.NAMES)


@pytest.mark.parametrize(("spread", "greys"), [(3.0, "(black is "), (0.0, "(black is 5 or less, white 5 or more)")])
def test_the_picture_of_real_values_states_its_greys(spread, greys, tmp_path, monkeypatch):
    """Also of values that are all the same, which have no range to scale by."""
    drawn = []

    def seen(ax, corrupted, reconstructed, clean, *shape):
        drawn.append((ax, clean))
        return reconstructions(ax, corrupted, reconstructed, clean, *shape)

    reconstructions = plots.reconstructions
    monkeypatch.setattr(plots, "reconstructions", seen)
    path = tmp_path / "real.npy"
    np.save(path, np.random.default_rng(0).normal(5, spread, (30, 9)))
    options = ["--loss", "squared_error", "--output", "linear", "--lr", "0.0001", "--hidden", "5", "--epochs", "1"]
    assert main(["train", "--data", str(path), *options, "--out", str(tmp_path / "run")]) == 0
    ((ax, clean),) = drawn
    assert greys in ax.get_title()
    assert (clean.min(), clean.max()) == pytest.approx((0, 1 if spread else 0), abs=1e-6)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["corrupted", "reconstructed", "clean"]


def test_the_first_examples_and_the_whole_of_them(examples, tmp_path):
    for limit, shape in (("40", [33, 16]), ("12", [10, 16])):
        out = tmp_path / limit
        options = ["--limit", limit, "--hidden", "3", "--epochs", "1", "--out", str(out)]
        assert main(["train", "--data", str(examples), *options]) == 0
        assert json.loads((out / "config.json").read_text())["data"]["train"]["shape"] == shape


def test_a_run_that_is_there_is_refused_unless_resumed(examples, tmp_path, capsys):
    out = tmp_path / "run"
    options = ["train", "--data", str(examples), "--hidden", "3", "--backend", "numpy", "--out", str(out)]
    assert main([*options, "--epochs", "2"]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    capsys.readouterr()
    assert main([*options, "--epochs", "2"]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main([*options, "--epochs", "3", "--lr", "0.2", "--resume"]) == 2
    assert "training.lr = '0.1' and cannot be resumed with '0.2'" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before

    (out / "loss.png").unlink()
    assert main([*options, "--epochs", "2", "--resume"]) == 0
    assert "nothing was left to train: the run has 2 epochs" in capsys.readouterr().out
    assert names(out) == SIX  # drawn again
    assert main([*options, "--epochs", "5", "--resume"]) == 0
    assert "trained   3 epochs, after 2 before, in " in capsys.readouterr().out

    whole = tmp_path / "whole"
    assert main([*options[:-1], str(whole), "--epochs", "5"]) == 0
    for name in SIX:
        assert (whole / name).read_bytes() == (out / name).read_bytes(), name


def test_the_best_epoch_is_kept_and_named(examples, tmp_path, capsys):
    out = tmp_path / "run"
    options = ["--hidden", "3", "--epochs", "50", "--patience", "2", "--lr", "linear(3, 9, 50)", "--out", str(out)]
    assert main(["train", "--data", str(examples), *options]) == 0
    said, history = capsys.readouterr().out, History.read(out / "history.jsonl")
    best = history.best_epoch
    assert len(history) == best + 2 < 50
    assert f"the parameters after epoch {best}, whose validation loss is the lowest" in said
    assert f"validation {history.records[best - 1]['validation_loss']:.6g}" in said
    validation = np.load(examples)[33:]
    assert scratchdae.evaluate(load_model(out), validation) == history["validation_loss"][best - 1]


def test_divergence_is_one_sentence_and_exit_status_1(tmp_path, capsys):
    path, out = tmp_path / "real.npy", tmp_path / "run"
    np.save(path, np.random.default_rng(0).normal(0, 9, (40, 5)))
    options = ["--loss", "squared_error", "--output", "linear", "--lr", "1e30", "--hidden", "3", "--backend", "numpy"]
    assert main(["train", "--data", str(path), *options, "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert re.match(r"scratchdae train: error: the (loss|gradient) .* in epoch 1, batch \d", said)
    assert "checkpoint.safetensors" not in names(out)


def test_ctrl_c_says_how_to_go_on_and_the_bits_agree(examples, tmp_path, capsys):
    """SIGINT at a moment that nobody chose; the command in the message, with a reachable end, finishes the run."""
    out = tmp_path / "a run"
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # where a parent ignores it
        "from scratchdae.cli import main; sys.exit(main())"
    )
    options = ["train", "--data", str(examples), "--hidden", "4", "--backend", "numpy", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *options, "--epochs", "1000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not (out / "history.jsonl").exists() or len(History.read(out / "history.jsonl")) < 3:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    done = len(checkpoint.load(out)[1]["history"])
    assert len(said.splitlines()) == 1
    start = f"scratchdae train: interrupted after {done} of 1000000 epochs; to go on: scratchdae "
    assert said.startswith(start)
    again = shlex.split(said.removeprefix(start))
    assert again == [*options, "--epochs", "1000000", "--resume"]
    assert not any(name.startswith(".") for name in names(out))

    again[again.index("1000000")] = str(done + 2)
    assert main(again) == 0
    assert f"trained   2 epochs, after {done} before" in capsys.readouterr().out
    whole = tmp_path / "whole"
    assert main([*options[:-1], str(whole), "--epochs", str(done + 2)]) == 0
    for name in SIX:
        assert (whole / name).read_bytes() == (out / name).read_bytes(), name


def test_ctrl_c_before_the_first_epoch(examples, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training_run, "fit", Mock(side_effect=KeyboardInterrupt))
    assert main(["train", "--data", str(examples), "--resume", "--out", str(tmp_path / "run")]) == 130
    said = capsys.readouterr().err
    assert said.startswith("scratchdae train: interrupted after 0 of 15 epochs; to go on: scratchdae train --data ")
    assert said.count("--resume") == 1
    assert not (tmp_path / "run").exists()


def test_threads_are_stated(examples, tmp_path, capsys):
    options = ["--hidden", "3", "--epochs", "1", "--threads", "1", "--out", str(tmp_path / "run")]
    assert main(["train", "--data", str(examples), *options]) == 0
    assert re.search(r"backend   \w+ \(.*\).*, 1 thread\n", capsys.readouterr().out)


def test_the_default_folder_is_named_after_the_data(examples, monkeypatch):
    training = Mock()
    monkeypatch.setattr(training_run, "train", training)
    for data, folder in (("digits", "runs/digits"), ("mnist", "runs/mnist"), (str(examples), "runs/examples")):
        assert main(["train", "--data", data]) == 0
        assert training.call_args.args[1].as_posix() == folder


def test_without_validation_data_it_leaves_the_same_files(examples, tmp_path):
    options = ["--hidden", "3", "--epochs", "1", "--backend", "numpy", "--validation", "0"]
    assert main(["train", "--data", str(examples), *options, "--out", str(tmp_path / "run")]) == 0
    assert names(tmp_path / "run") == SIX
