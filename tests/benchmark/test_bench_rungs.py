"""The ladder: every rung takes the reference's steps; one runs by name; what it carries is what is counted."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from optional_packages import require
from planted_competitors import forgetful, raising

from scratchdae.benchmark import measure, rungs
from scratchdae.benchmark.competitors.reference import StepTrainer
from scratchdae.benchmark.works.work import Setting
from scratchdae.cli import bench, bench_rungs, main
from scratchdae.datasets import digits

FIGURES = Path(__file__).parents[2] / "figures"
COMPILED = importlib.util.find_spec("numba") is not None


@pytest.fixture
def small(monkeypatch):
    """Make a ladder that takes no time."""
    for name, value in (("HIDDEN", 9), ("BATCH_SIZE", 4), ("STEPS", 8)):
        monkeypatch.setattr(rungs, name, value)
    monkeypatch.setattr(bench.os, "cpu_count", lambda: 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", rungs.RUNGS)
def test_every_rung_takes_the_steps_of_the_reference(name, dtype):
    one = rungs.RUNGS[name]
    for package in one.packages:
        require(package)
    setting = Setting("rungs", 9, 4, dtype)
    work = rungs.prepare(setting, digits(), 8)
    error = measure.validate(one.competitor, work, measure.reference_params(work), 2)
    assert error < {"float32": 1e-4, "float64": 1e-11}[dtype]


def test_the_batches_are_corrupted_rows_of_the_bytes():
    work = rungs.prepare(Setting("rungs", 9, 4), digits(), 5)
    assert work.inputs.shape == work.targets.shape == (5, 4, 784)
    assert work.x.dtype == np.uint8
    rows = {row.tobytes() for row in np.rint(work.targets * 255).astype(np.uint8).reshape(-1, 784)}
    assert rows == {row.tobytes() for row in work.x}
    kept = work.inputs != 0
    assert np.array_equal(work.inputs[kept], work.targets[kept])
    assert (work.inputs == 0).sum() > (work.targets == 0).sum()


def test_fewer_batches_are_drawn_from_fewer_rows():
    work = rungs.prepare(Setting("rungs", 9, 4), digits(), 5).first(2)
    assert (work.inputs.shape, work.x.shape) == ((2, 4, 784), (8, 784))


def test_the_command_knows_the_rungs():
    assert tuple(rungs.RUNGS) == bench_rungs.RUNGS


def test_the_command_leaves_a_table_and_numbers(small, tmp_path, capsys):
    assert main(["bench", "--work", "rungs", "--rounds", "2", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    content = json.loads((tmp_path / "rungs.json").read_text())
    names = list(rungs.RUNGS) if COMPILED else ["numpy"]
    assert [row["name"] for row in content["rows"]] == names
    for row in content["rows"]:
        assert row["right"]
        assert row["rounds"] == 2
        assert row["samples_per_second"]["minimum"] > 0
        assert f"{row['name']:<9} {row['samples_per_second']['median']:>10,.0f}" in said
    assert content["bytes_of_W"] == 784 * 9 * 4
    if not COMPILED:
        assert "left out    fused: numba and scipy are not installed" in said


def test_a_rung_runs_by_its_name(small, tmp_path, capsys):
    name = "zeros" if COMPILED else "numpy"
    assert main(["bench", "--work", "rungs", "--rung", name, "--rounds", "1", "--out", str(tmp_path)]) == 0
    assert [row["name"] for row in json.loads((tmp_path / "rungs.json").read_text())["rows"]] == [name]
    assert rungs.RUNGS[name].idea in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda work, _: StepTrainer(work, forgetful), "numpy     WRONG, not timed: off by"),
        (raising, "numpy     FAILED while it was validated: RuntimeError: the machine is on fire"),
    ],
)
def test_a_rung_that_is_wrong_fails(prepare, said, small, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(rungs.RUNGS, "numpy", dataclasses.replace(rungs.RUNGS["numpy"], prepare=prepare))
    arguments = ["bench", "--work", "rungs", "--rung", "numpy", "--rounds", "1", "--out", str(tmp_path)]
    assert main(arguments) == 1
    assert said in capsys.readouterr().out
    assert json.loads((tmp_path / "rungs.json").read_text())["rows"][0]["samples_per_second"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--work", "rungs", "--rung", "zero"], "--rung must be one of 'numpy', 'compiled', "),
        (["--work", "rungs", "--grid", "full"], "--grid does not go with --work rungs"),
        (["--work", "rungs", "--peers", "torch"], "--peers does not go with --work rungs"),
        (["--rung", "numpy"], "--rung does not go with --work pixels"),
        (["--memory", "--rung", "numpy"], "--rung does not go with --memory"),
        (["--scale", "--work", "rungs"], "--work does not go with --scale"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, sentence, tmp_path, capsys):
    assert main(["bench", "--threads", "1", "--out", str(tmp_path), *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_the_reference_carries_what_chapter_33_counts():
    counted = json.loads((FIGURES / "33_traffic.json").read_text())["carried"]["plain"]
    assert rungs.RUNGS["numpy"].carried == (counted["read"], counted["written"])


def test_the_lists_leave_out_what_all_four_examples_have_zero():
    require("numba")
    from scratchdae.kernels.machine import zeros

    x = rungs.prepare(Setting("rungs", 9, 20), digits(), 1).inputs[0]  # (20, 784)
    groups = 5
    lists = zeros.Lists(
        np.zeros((groups, 785 * 4), x.dtype), np.zeros((groups, 785), np.int64), np.zeros(groups, np.int64)
    )
    zeros.list_used(lists, x, 0, groups, 0, 784, 1)
    assert lists.counts.tolist() == x.reshape(groups, 4, 784).any(axis=1).sum(axis=1).tolist()


def test_the_number_of_threads_comes_back():
    require("numba")
    from scratchdae.kernels.machine import threads

    before = threads.count()
    with threads.counted(before + 1):
        assert threads.count() == before + 1
    assert threads.count() == before
