"""`scratchdae bench --work fit`: the files that it leaves, the table that it prints, going on with a run."""

import dataclasses
import importlib.util
import json

import pytest
from planted_competitors import raising

from scratchdae.benchmark import epoch_figure, epoch_report, machine, measure_epochs
from scratchdae.benchmark.competitors import PEERS, fitting
from scratchdae.benchmark.works import EPOCHS
from scratchdae.benchmark.works.epoch import EpochSetting
from scratchdae.cli import bench, main

SUBJECT = [] if importlib.util.find_spec("numba") is None else ["scratchdae"]
BARE = ["bare steps"] if SUBJECT else []


@pytest.fixture
def small(monkeypatch):
    """Make grids that take no time."""
    for kind in EPOCHS.values():
        monkeypatch.setitem(kind.grids, "small", ((6,), (4, 8)))
    monkeypatch.setattr(bench.os, "cpu_count", lambda: 1)


def run(out, *more, work="fit", peers="numpy"):
    options = ["bench", "--work", work, "--peers", peers, "--rounds", "1", "--samples", "40", "--out", str(out)]
    return main([*options, *more])


@pytest.mark.parametrize("work", EPOCHS)
def test_bench_fit_leaves_numbers_and_a_figure(work, small, tmp_path, capsys):
    assert run(tmp_path, "--cells", "6x4", work=work, peers="numpy,sklearn") == 0
    said = capsys.readouterr().out
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    content = json.loads((tmp_path / "bench.json").read_text())
    noises = EPOCHS[work].corruptions["small"]
    bare = BARE if work == "fit" else []
    assert [(row["name"], row["n_hidden"], row["batch_size"], row["corruption"]) for row in content["rows"]] == [
        (name, 6, 4, noise) for noise in noises for name in (*SUBJECT, "numpy", *bare)
    ]
    assert all(row["right"] and row["examples"] == 40 and len(row["rates"]) == 1 for row in content["rows"])
    assert content["work"]["name"] == work
    assert content["finding"] in said
    assert "left out    sklearn: it is not written here for this work" in said
    assert f"| 6 | 4 | {noises[0]} |" in said


def test_a_run_is_gone_on_with(small, monkeypatch, tmp_path, capsys):
    assert run(tmp_path, "--cells", "6x4") == 0
    first = json.loads((tmp_path / "bench.json").read_text())
    assert run(tmp_path, "--resume") == 0
    both = json.loads((tmp_path / "bench.json").read_text())
    assert both["rows"][: len(first["rows"])] == first["rows"]
    assert [row["batch_size"] for row in both["rows"]] == [4] * len(first["rows"]) + [8] * len(first["rows"])
    monkeypatch.setattr(measure_epochs, "measure", raising)  # nothing is left to measure
    assert run(tmp_path, "--resume") == 0
    capsys.readouterr()
    assert run(tmp_path, "--resume", "--dtype", "float64") == 2
    assert "--resume must find the same work, machine and options" in capsys.readouterr().err
    (tmp_path / "bench.json").write_text("{}")
    assert run(tmp_path, "--resume") == 2


def test_bench_fit_fails_where_a_competitor_does(small, monkeypatch, tmp_path, capsys):
    def lazy(work, threads):
        trainer = fitting.plain(work, threads)
        trainer.epoch = lambda n: None
        return trainer

    wrong = dataclasses.replace(PEERS["torch"], packages=(), trainers=dict.fromkeys(PEERS["torch"].trainers, lazy))
    monkeypatch.setitem(PEERS, "torch", wrong)
    assert run(tmp_path, peers="torch,numpy") == 1
    assert "its epoch of 256 examples lowered the loss 0.00 times as far" in capsys.readouterr().out
    assert (tmp_path / "bench.png").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--work", "fit", "--cells", "500x21"], "--cells must be one of '500x1', '500x20', '500x100', '500x512', fou"),
        (["--work", "fit", "--samples", "0"], "samples must be an integer of at least 1, found 0"),
        (["--cells", "500x1"], "--cells does not go with --work pixels"),
        (["--work", "hidden", "--resume"], "--resume does not go with --work hidden"),
        (["--memory", "--samples", "3"], "--samples does not go with --memory"),
        (["--memory", "--work", "fit"], "--work does not go with --memory"),
    ],
)
def test_bad_arguments_are_a_sentence(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def row(name, B, noise, *rates):
    return measure_epochs.EpochRow(name, EpochSetting("fit", 500, B, "float32", noise), rates, 1.0, 1e-6, None, 100)


ROWS = (
    row("scratchdae", 1, "masking:0.25", 900.0), row("torch", 1, "masking:0.25", 300.0),
    row("bare steps", 1, "masking:0.25", 1000.0), row("scratchdae", 1, "none", 950.0), row("torch", 1, "none", 400.0),
    row("scratchdae", 20, "masking:0.25", 3000.0), row("torch", 20, "masking:0.25", 4000.0),
    row("scratchdae", 20, "none", 6000.0),
)  # fmt: skip


def result():
    about = {"threads": 2, "machine": machine.describe()}
    return epoch_report.EpochResult(EPOCHS["fit"], ROWS, {}, about)


def test_the_table_can_be_quoted():
    assert epoch_report.table(result()) == [
        "| H | B | corruption | `fit` | PyTorch | ÷ PyTorch | ÷ clean | ÷ bare steps |",
        "|---|---|---|---|---|---|---|---|",
        "| 500 | 1 | masking:0.25 | 900 | 300 | 3.00 | 0.95 | 0.90 |",
        "| 500 | 1 | none | 950 | 400 | 2.38 |  |  |",
        "| 500 | 20 | masking:0.25 | 3,000 | 4,000 | 0.75 | 0.50 |  |",
        "| 500 | 20 | none | 6,000 |  |  |  |  |",
    ]
    compared = result().as_json()["scratchdae_divided_by"]
    assert compared[0]["ratios"] == {"torch": 3.0, "bare steps": 0.9, "clean": 0.947}
    assert compared[3]["ratios"] == {}


def test_the_finding_is_about_the_first_corruption_and_says_where_fit_is_slower():
    sentence = "fit with masking:0.25: 0.75 to 3.00 × torch; slower than torch at H = 500, B = 20"
    assert epoch_report.finding(result()) == sentence
    alone = dataclasses.replace(result(), rows=ROWS[:1])
    assert epoch_report.finding(alone) == "scratchdae and a peer were never both timed"


def test_the_figure_shows_fit_with_and_without_corruption():
    drawn = epoch_figure.draw(result())
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == [
        "scratchdae", "torch", "scratchdae, no corruption", "scratchdae's bare steps",
    ]  # fmt: skip
    (ax,) = drawn.axes
    assert ax.get_title() == "H = 500"
    assert [tuple(line.get_ydata()) for line, _, _ in ax.containers] == [
        (900.0, 3000.0), (300.0, 4000.0), (950.0, 6000.0), (1000.0,),
    ]  # fmt: skip
