"""`scratchdae train --log`: the history as a table, or for TensorBoard."""

import csv
import json
import sys

import pytest
from optional_packages import require

from scratchdae.cli import main

SMALL = ["train", "--limit", "40", "--hidden", "4", "--backend", "numpy", "--no-progress"]


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def history(out):
    return [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]


def test_a_table_is_the_history_and_goes_on_with_a_run(tmp_path):
    out = tmp_path / "run"
    assert main([*SMALL, "--epochs", "2", "--log", "csv", "--out", str(out)]) == 0
    with (out / "log.csv").open("a") as file:
        file.write("3,9,,,,,\n")  # of an epoch that was killed
    assert main([*SMALL, "--epochs", "4", "--log", "csv", "--out", str(out), "--resume"]) == 0
    rows = table(out / "log.csv")
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    for row, record in zip(rows, history(out), strict=True):
        assert list(row) == list(record)
        assert float(row["loss"]) == record["loss"]
        assert row["validation_error"] == ""


def test_a_log_changes_nothing_of_the_run(tmp_path):
    for name, more in (("a", []), ("b", ["--log", "csv"])):
        assert main([*SMALL, "--epochs", "1", *more, "--out", str(tmp_path / name)]) == 0
    for name in ("checkpoint.safetensors", "history.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert not (tmp_path / "a" / "log.csv").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's own
def test_tensorboard_reads_what_is_written(tmp_path):
    require("tensorboard")
    require("torch")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = tmp_path / "run"
    for epochs, more in ((2, []), (3, ["--resume"])):
        assert main([*SMALL, "--epochs", str(epochs), "--log", "tensorboard", "--out", str(out), *more]) == 0
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "penalty", "validation_loss", "lr", "corruption"}
    found = events.Scalars("loss")
    assert [one.step for one in found] == [1, 2, 3]
    assert [one.value for one in found] == pytest.approx([record["loss"] for record in history(out)], rel=1e-6)


def test_without_a_writer_a_sentence_says_what_to_install(tmp_path, capsys, monkeypatch):
    for name in ("torch.utils.tensorboard", "tensorboardX"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main([*SMALL, "--epochs", "1", "--log", "tensorboard", "--out", str(tmp_path / "run")]) == 2
    assert "pip install tensorboardX" in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()
