"""The folder of a run: one run's at a time; what goes into it goes into JSON; a disk that refuses names the file."""

import errno
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from scratchdae import Corruption, DenoisingAutoencoder, Training, fit, streams
from scratchdae.schedules import Linear
from scratchdae.training import GrowingPatience, checkpoint

X = np.random.default_rng(0).random((20, 12))
FILES = ["checkpoint.safetensors", "config.json", "history.jsonl"]


def train(out, **options):
    model = DenoisingAutoencoder(12, 5, streams(0).initialisation)
    return fit(model, X, out=out, backend="numpy", **{"epochs": 2, "lr": 0.1} | options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_second_run_in_the_folder_is_refused_while_the_first_lasts(tmp_path):
    """With other options, it would leave its configuration beside the first one's checkpoint."""
    refused = []

    def second(record, params):
        before = contents(tmp_path / "run")
        for resume in (False, True):
            with pytest.raises(ValueError, match=f"run is in use by process {os.getpid()} on ") as error:
                train(tmp_path / "run", lr=0.2, resume=resume)
            refused.append(str(error.value))
        assert contents(tmp_path / "run") == before
        train(tmp_path / "run" / "inside", lr=0.2, resume=True)  # a folder in it is another

    train(tmp_path / "run", on_epoch=second)
    train(tmp_path / "whole")
    inside = contents(tmp_path / "run" / "inside")
    shutil.rmtree(tmp_path / "run" / "inside")
    assert len(refused) == 4
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
    assert sorted(inside) == FILES


TOGETHER = """
import sys
import numpy as np
from scratchdae import DenoisingAutoencoder, fit, streams
x = np.random.default_rng(0).random((200, 12))
model = DenoisingAutoencoder(12, 5, streams(0).initialisation)
print("ready", flush=True)
sys.stdin.readline()
try:
    fit(model, x, epochs=30, lr=float(sys.argv[2]), out=sys.argv[1], backend="numpy")
except ValueError as error:
    sys.exit(str(error))
"""


def test_of_two_that_start_together_one_is_refused_and_the_files_are_the_others(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    rates = ("0.1", "0.2")
    both = [subprocess.Popen([sys.executable, "-c", TOGETHER, str(tmp_path / "run"), lr], **pipes) for lr in rates]
    for process in both:
        process.stdout.readline()
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate()[1] for process in both]
    ended = [process.returncode for process in both]
    assert sorted(ended) == [0, 1]
    in_use = f"run is in use by process {both[ended.index(0)].pid} on"
    assert in_use in said[ended.index(1)] or "run holds a run already" in said[ended.index(1)]  # it was late
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config == checkpoint.load(tmp_path / "run")[1]["config"]
    assert config["training"]["lr"] == rates[ended.index(0)]
    assert sorted(contents(tmp_path / "run")) == FILES


def test_numpys_numbers_are_taken_like_pythons(tmp_path):
    options = {
        "epochs": np.int64(2),
        "lr": np.float32(0.125),
        "batch_size": np.uint8(7),
        "corruption": Corruption("masking", np.float32(0.25)),
        "l2": np.float32(0.5),
        "patience": np.int16(3),
        "seed": np.int64(3),
        "validation": X[:5],
        "error": lambda model, x, target, params: np.float32(0.5),
        "origin": {"rows": np.arange(2), "scale": np.float32(0.5), "sizes": (np.int64(3), 4)},
    }
    plain = {name: value.item() for name, value in options.items() if isinstance(value, np.generic)}
    plain |= {"corruption": Corruption("masking", 0.25), "origin": {"rows": [0, 1], "scale": 0.5, "sizes": [3, 4]}}
    train(tmp_path / "numpy", **options)
    train(tmp_path / "python", **options | plain)
    assert contents(tmp_path / "numpy") == contents(tmp_path / "python")


def test_a_schedule_may_return_numpys_numbers(tmp_path):
    level = Corruption("masking", lambda epoch: np.float32(0.25))
    history = train(tmp_path / "run", lr=lambda epoch: np.float32(0.125), corruption=level)
    assert history.records[0] | {"loss": 0} == json.loads(json.dumps(history.records[0])) | {"loss": 0}
    assert (type(history.records[0]["lr"]), type(history.records[0]["corruption"])) == (float, float)
    Training(2, Linear(np.float32(0.5), np.float32(0.25), np.int64(2)), patience=GrowingPatience(np.int64(3)))


@pytest.mark.parametrize("origin", [{1, 2}, {"scale": np.nan}, {"model": object()}, {"a": b"bytes"}, {(1, 2): 3}])
def test_an_origin_that_json_does_not_hold_is_refused_at_once(tmp_path, origin):
    with pytest.raises(ValueError, match=r"^origin must be what goes into JSON, found "):
        train(tmp_path / "run", origin=origin)
    assert not (tmp_path / "run").exists()


def test_a_great_number_of_epochs_is_taken_at_once_and_a_late_rate_is_looked_at_in_time():
    assert Training(2**31, Linear(0.1, 0.0, 5)).epochs == 2**31
    with pytest.raises(ValueError, match=r"lr must be a finite number, at least 0, found -0\.1"):
        Training(20_000, lambda epoch: 0.1 if epoch < 5000 else -0.1)
    late = Training(20_000, lambda epoch: 0.1 if epoch < 15_000 else -0.1)
    assert late.rate(14_999) == 0.1
    with pytest.raises(ValueError, match=r"lr must be a finite number, at least 0, found -0\.1"):
        late.rate(15_000)


def test_a_full_disk_is_told_with_the_name_of_the_file_and_the_last_epoch_stays(tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    out = tmp_path / "run"
    train(out, epochs=1)
    size = (out / checkpoint.FILE).stat().st_size
    whole = contents(out)

    def fill(record, params):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, before[1]))

    try:
        with pytest.raises(OSError, match=r"run/checkpoint\.safetensors") as full:
            train(out, resume=True, on_epoch=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (full.value.errno, full.value.filename) == (errno.EFBIG, str(out / checkpoint.FILE))
    assert contents(out) == whole
    train(out, resume=True)
    train(tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


def test_a_folder_that_is_deleted_midway_is_told_with_the_name_of_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"run/checkpoint\.safetensors"):
        train(tmp_path / "run", on_epoch=lambda record, params: shutil.rmtree(tmp_path / "run"))
    assert not list(tmp_path.iterdir())
