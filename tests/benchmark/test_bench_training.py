"""The library alone: the peak of its memory, and how its time grows with the data."""

import json

import numpy as np
import pytest

from scratchdae.benchmark import memory, scale
from scratchdae.cli import main


def test_memory_is_measured_in_another_process_on_the_file_that_is_given(monkeypatch, tmp_path, capsys):
    try:
        mine = memory.peak()
    except ValueError as error:
        pytest.skip(str(error))
    ballast = np.ones(mine // 8 + 30_000_000)  # the parent is large; its child must not look so
    monkeypatch.setattr(memory, "IMAGES", 300)
    monkeypatch.setattr(memory, "ALLOWANCE", 10**9)  # whatever the libraries weigh
    assert main(["bench", "--memory", "--threads", "1", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "memory.json").read_text())["bytes"]
    assert found["images"] == 300
    assert found["file"] == 300 * 784 + 128
    assert 0 < found["before"] <= found["peak"] < memory.peak() - ballast.nbytes // 2
    assert "verdict     under the file's size plus 1,000 MB" in said
    assert found["within"]


def test_memory_over_its_allowance_is_a_failure(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(memory, "IMAGES", 40)
    monkeypatch.setattr(memory, "ALLOWANCE", 0)
    assert main(["bench", "--memory", "--threads", "1", "--out", str(tmp_path)]) == 1
    assert "NOT UNDER" in capsys.readouterr().out


def test_scale_times_every_size_and_fits_an_exponent(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(scale.SIZES, "small", (100, 300))
    seen = []
    monkeypatch.setattr(scale, "epoch", lambda images, batch, dtype: seen.append((type(images), len(images), dtype)))
    assert main(["bench", "--scale", "--threads", "1", "--rounds", "2", "--out", str(tmp_path)]) == 0
    assert seen == [(np.memmap, n, "float32") for n in (100, 100, 300, 100, 300)]  # the first is not timed
    content = json.loads((tmp_path / "scale.json").read_text())
    assert [row["images"] for row in content["rows"]] == [100, 300]
    assert f"exponent    {content['exponent']:.3f}" in capsys.readouterr().out


def test_an_epoch_of_a_mapped_file_runs(tmp_path):
    scale.draw(tmp_path / "x.npy", 120)
    images = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert images.shape == (120, 784)
    assert images.any(axis=1).all()  # every row was drawn
    assert set(scale.seconds_an_epoch(images, (40, 120), 1, "float32")) == {40, 120}


@pytest.mark.parametrize("power", [1.0, 1.5])
def test_the_exponent_is_the_slope(power):
    seconds = {n: [9.0 * n**power, 3.0 * n**power, 1.0 * n**power] for n in (10, 100, 1000)}
    assert scale.exponent(seconds) == pytest.approx(power)
