"""The tutorial's experiment: its numbers, its clock, its interruptions, its command."""

import itertools
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from scratchdae import atomic, cli, datasets
from scratchdae.corruption import Corruption
from scratchdae.models.layer_spec import LayerSpec
from scratchdae.models.stack import finetune, pretrain
from scratchdae.reproduce import recipe as recipes
from scratchdae.reproduce import sda, sda_report
from scratchdae.reproduce.recipe import Parts, Recipe, follow
from scratchdae.training.evaluation import classification_error
from scratchdae.training.options import Training
from scratchdae.training.stopping import GrowingPatience

TINY = Recipe((LayerSpec(12, 0.1, 0.1, 2, 10), LayerSpec(9, 0.2, 0.1, 1, 10)), Training(epochs=5, lr=0.2, patience=3))


@pytest.fixture(scope="module")
def parts() -> Parts:
    data = datasets.digits()
    x, t = data.x_train, data.t_train
    return Parts((x[:200], t[:200]), (x[200:300], t[200:300]), (data.x_test[:100], data.t_test[:100]))


def without_clock(outcome):
    return {name: value for name, value in outcome.items() if not name.endswith("seconds")}


class TestFollow:
    def test_is_pretraining_then_finetuning(self, parts):
        found = follow(TINY, parts, 3, classes=10, progress=False)
        layers, _ = pretrain(parts.train[0], TINY.layers, seed=3, progress=False)
        network, history = finetune(
            layers,
            *parts.train,
            epochs=5,
            lr=0.2,
            classes=10,
            validation=parts.validation,
            patience=3,
            seed=3,
            progress=False,
        )
        assert found["validation_errors"] == list(history["validation_error"])
        assert found["validation_error"] == history["validation_error"].min()
        assert found["best_epoch"] == history.best_epoch
        assert found["epochs"] == len(history)
        assert found["test_error"] == classification_error(network, *parts.test)
        assert list(found["losses"]) == ["layer_1", "layer_2", "finetune"] == list(found["seconds"])

    @pytest.mark.parametrize("after", [1, 2, 3, 5], ids="epoch {}".format)
    def test_an_interrupted_run_ends_in_the_same_bits(self, parts, tmp_path, after):
        whole = follow(TINY, parts, 3, classes=10, out=tmp_path / "whole", progress=False)
        count = itertools.count(1)

        def interrupt(stage, record):
            if next(count) == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            follow(TINY, parts, 3, classes=10, out=tmp_path / "run", progress=False, on_epoch=interrupt)
        resumed = follow(TINY, parts, 3, classes=10, out=tmp_path / "run", progress=False)
        assert without_clock(resumed) == without_clock(whole)
        for stage in ("layer_1", "layer_2", "finetune"):
            saved = [(tmp_path / run / stage / "checkpoint.safetensors").read_bytes() for run in ("whole", "run")]
            assert saved[0] == saved[1], stage

    def test_shared_layers_are_the_same_bits_and_trained_once(self, parts, tmp_path):
        other = replace(TINY, finetuning=replace(TINY.finetuning, lr=0.05))
        trained = []
        for name, recipe in (("one", TINY), ("other", other)):
            alone = follow(recipe, parts, 3, classes=10, out=tmp_path / name / "alone", progress=False)
            found = follow(
                recipe,
                parts,
                3,
                classes=10,
                out=tmp_path / name / "run",
                shared=tmp_path / "layers",
                progress=False,
                on_epoch=lambda stage, record, name=name: trained.append((name, stage)),
            )
            assert without_clock(found) == without_clock(alone)
            assert list(found["seconds"]) == list(alone["seconds"])
            for stage, folder in (("layer_1", "layers"), ("layer_2", "layers"), ("finetune", f"{name}/run")):
                saved = [tmp_path / run / stage / "checkpoint.safetensors" for run in (f"{name}/alone", folder)]
                assert saved[0].read_bytes() == saved[1].read_bytes(), stage
            assert {path.name for path in (tmp_path / name / "run").iterdir()} == {"finetune", recipes.CLOCK}
        assert [stage for name, stage in trained if name == "one"][:3] == ["layer_1", "layer_1", "layer_2"]
        assert {stage for name, stage in trained if name == "other"} == {"finetune"}

    @pytest.mark.parametrize("after", [1, 2, 3, 4], ids="epoch {}".format)
    def test_shared_layers_that_were_interrupted_go_on(self, parts, tmp_path, after):
        whole = follow(TINY, parts, 3, classes=10, progress=False)
        count = itertools.count(1)

        def interrupt(stage, record):
            if next(count) == after:
                raise KeyboardInterrupt

        where = {"shared": tmp_path / "layers", "classes": 10, "progress": False}
        with pytest.raises(KeyboardInterrupt):
            follow(TINY, parts, 3, out=tmp_path / "run", on_epoch=interrupt, **where)
        assert without_clock(follow(TINY, parts, 3, out=tmp_path / "run", **where)) == without_clock(whole)

    def test_of_two_at_a_time_one_trains_shared_layers_and_one_waits(self, parts, tmp_path):
        whole = follow(TINY, parts, 3, classes=10, backend="numpy", progress=False)
        trained = []

        def note(stage, record):
            if stage != "finetune":
                trained.append((stage, record["epoch"]))
                time.sleep(0.2)  # so that the other comes meanwhile

        def run(name):
            where = {"out": tmp_path / name, "shared": tmp_path / "layers"}
            return follow(TINY, parts, 3, classes=10, backend="numpy", progress=False, on_epoch=note, **where)

        with ThreadPoolExecutor(2) as pool:
            for found in pool.map(run, ["one", "other"]):
                assert without_clock(found) == without_clock(whole)
        assert trained == [("layer_1", 1), ("layer_1", 2), ("layer_2", 1)]

    @pytest.mark.parametrize("content", [b"{", b"[]\n", b"\xff", b"{}\n"])
    def test_a_damaged_clock_is_refused(self, parts, tmp_path, content):
        (tmp_path / recipes.CLOCK).write_bytes(content)
        with pytest.raises(ValueError, match=r"seconds\.jsonl must be what a clock leaves"):
            follow(TINY, parts, 3, classes=10, out=tmp_path, progress=False)
        assert [path.name for path in tmp_path.iterdir()] == [recipes.CLOCK]

    def test_the_clock_leaves_out_the_interruption_and_counts_an_epoch_once(self, parts, tmp_path, monkeypatch):
        now, busy = itertools.count(), itertools.count(step=3)  # so much passes whenever the time is asked for
        clock = SimpleNamespace(perf_counter=lambda: float(next(now)), process_time=lambda: float(next(busy)))
        monkeypatch.setattr(recipes, "time", clock)

        def interrupt(stage, record):
            if stage == "finetune" and record["epoch"] == 2:
                raise KeyboardInterrupt  # the epoch is on the clock already, not yet in the checkpoint

        with pytest.raises(KeyboardInterrupt):
            follow(TINY, parts, 3, classes=10, out=tmp_path, progress=False, on_epoch=interrupt)
        for _ in range(50):
            next(now)
        found = follow(TINY, parts, 3, classes=10, out=tmp_path, progress=False)
        assert found["seconds"] == {"layer_1": 2.0, "layer_2": 1.0, "finetune": float(found["epochs"])}
        assert found["processor_seconds"] == {stage: 3 * seconds for stage, seconds in found["seconds"].items()}
        lines = [json.loads(line) for line in (tmp_path / recipes.CLOCK).read_text().splitlines()]
        assert len(lines) == 3 + found["epochs"]

    def test_a_finished_run_is_read(self, parts, tmp_path):
        first = follow(TINY, parts, 3, classes=10, out=tmp_path, progress=False)
        trained = []
        again = follow(
            TINY, parts, 3, classes=10, out=tmp_path, progress=False, on_epoch=lambda *epoch: trained.append(epoch)
        )
        assert again == first
        assert not trained

    def test_no_epochs_make_a_perceptron(self, parts):
        mlp = Recipe((LayerSpec(12, epochs=0),), Training(epochs=2, lr=0.2, patience=10))
        found = follow(mlp, parts, 3, classes=10, progress=False)
        assert list(found["seconds"]) == ["finetune"]


class TestSettings:
    def test_the_tutorials(self):
        tutorial = sda.SETTINGS["tutorial"]
        assert [str(spec.corruption) for spec in tutorial.layers] == [
            str(Corruption("bernoulli", nu)) for nu in (0.1, 0.2, 0.3)
        ]
        assert {(spec.units, spec.lr, spec.epochs, spec.batch_size) for spec in tutorial.layers} == {
            (1000, 0.001, 15, 1)
        }
        assert tutorial.finetuning == Training(epochs=100, lr=0.1, batch_size=1, patience=GrowingPatience())

    def test_the_split(self):
        if datasets.locate_mnist() is None:
            pytest.skip("MNIST is not in $SCRATCHDAE_DATA/mnist")
        data, found = datasets.mnist(), sda.split()
        assert [len(x) for x, _ in found] == [50_000, 10_000, 10_000]
        np.testing.assert_array_equal(np.concatenate([found.train[1], found.validation[1]]), data.t_train)
        np.testing.assert_array_equal(found.test[0], data.x_test)

    @pytest.mark.parametrize(
        ("settings", "seeds", "message"),
        [
            (["tutorail"], [0], "setting must be one of .*tutorial.*found 'tutorail'"),
            (["fast"], [-1], "seed must be .* at least 0, found -1"),
            ([], [0], "there must be a setting and a seed"),
            (["fast"], [], "there must be a setting and a seed"),
        ],
    )
    def test_refused(self, parts, tmp_path, settings, seeds, message):
        with pytest.raises(ValueError, match=message):
            sda.reproduce(settings, seeds, tmp_path / "runs", parts=parts)
        assert not (tmp_path / "runs").exists()


class TestReport:
    @pytest.fixture
    def found(self, parts, tmp_path):
        own = {"tutorial": TINY, "fast": TINY}
        return sda.reproduce(["tutorial", "fast"], [0, 1], tmp_path, parts=parts, recipes=own, progress=False)

    def test_means(self, found):
        for one in found.values():
            assert one["mean_test_error"] == pytest.approx(np.mean([run["test_error"] for run in one["runs"]]))
            assert [run["seed"] for run in one["runs"]] == [0, 1]

    def test_table(self, found):
        lines = sda_report.table(found)
        assert len(lines) == 3 + 2 * 3
        assert "| 1.3 | 585 | 444 |" in lines[2]
        run = found["fast"]["runs"][1]
        assert f"| fast | 1 | {100 * run['validation_error']:.2f} | {100 * run['test_error']:.2f} |" in lines[7]
        assert len({line.count("|") for line in lines}) == 1

    def test_figure(self, found):
        left, right = sda_report.draw(found).axes
        curves = [line for line in left.lines if len(line.get_xdata()) > 1]
        np.testing.assert_allclose(
            curves[0].get_ydata(), 100 * np.array(found["tutorial"]["runs"][0]["validation_errors"])
        )
        dots = [line for line in right.lines if line.get_label() == "fast"]
        minutes = [sum(run["processor_seconds"].values()) / 60 for run in found["fast"]["runs"]]
        np.testing.assert_allclose(dots[0].get_xdata(), minutes)


class TestCommand:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch, parts):
        monkeypatch.setattr(sda, "SETTINGS", {"tutorial": TINY, "fast": TINY})
        monkeypatch.setattr(sda, "split", lambda root: parts)

    def test_leaves_numbers_and_figure(self, tmp_path, capsys):
        command = ["reproduce", "sda", "--seeds", "4,2", "--threads", "1", "--out", str(tmp_path / "runs")]
        assert cli.main([*command, "--figures", str(tmp_path / "figures")]) == 0
        numbers = json.loads((tmp_path / "figures" / "reproduce_sda.json").read_text())
        assert [run["seed"] for run in numbers["settings"]["fast"]["runs"]] == [4, 2]
        assert numbers["settings"]["fast"]["command"].startswith("scratchdae reproduce sda --seeds 4,2")
        assert numbers["settings"]["fast"]["threads"] == 1
        assert (tmp_path / "figures" / "reproduce_sda.png").stat().st_size > 10_000
        assert "fast, seed 2: test error" in capsys.readouterr().out

    def test_keeps_the_setting_that_is_not_run_this_time(self, tmp_path):
        command = ["reproduce", "sda", "--threads", "1", "--out", str(tmp_path), "--no-progress"]
        assert cli.main([*command, "--setting", "fast", "--seeds", "1"]) == 0
        fast = json.loads((tmp_path / "reproduce_sda.json").read_text())["settings"]["fast"]
        assert cli.main([*command, "--setting", "tutorial", "--seeds", "0"]) == 0
        settings = json.loads((tmp_path / "reproduce_sda.json").read_text())["settings"]
        assert list(settings) == ["tutorial", "fast"]
        assert settings["fast"] == fast

    def test_refuses_a_folder_that_another_process_has(self, tmp_path, capsys):
        with atomic.locked(tmp_path, folder=True):
            assert cli.main(["reproduce", "sda", "--seeds", "0", "--out", str(tmp_path)]) == 2
        assert f"{tmp_path} is in use by process {os.getpid()} on " in capsys.readouterr().err
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("content", ["", "[]", '{"settings": 1}', "{}"])
    def test_refuses_a_file_of_something_else(self, tmp_path, capsys, content):
        (tmp_path / "reproduce_sda.json").write_text(content)
        assert cli.main(["reproduce", "sda", "--seeds", "0", "--out", str(tmp_path)]) == 2
        assert "must be what this command leaves" in capsys.readouterr().err
        assert (tmp_path / "reproduce_sda.json").read_text() == content

    @pytest.mark.parametrize("seeds", ["", "a", "1,1", "-1", "1.5"])
    def test_refuses_seeds(self, tmp_path, capsys, seeds):
        assert cli.main(["reproduce", "sda", f"--seeds={seeds}", "--out", str(tmp_path / "runs")]) == 2
        assert f"found {seeds!r}" in capsys.readouterr().err
        assert not (tmp_path / "runs").exists()

    def test_refuses_the_folder_of_another_run(self, tmp_path, capsys, parts, monkeypatch):
        command = ["reproduce", "sda", "--setting", "fast", "--seeds", "0", "--out", str(tmp_path)]
        assert cli.main(command) == 0
        monkeypatch.setattr(
            sda,
            "SETTINGS",
            {"fast": Recipe((LayerSpec(12, 0.3, 0.1, 2, 10),), Training(epochs=5, lr=0.2, patience=10))},
        )
        assert cli.main(command) == 2
        assert "cannot be resumed" in capsys.readouterr().err
