"""The benchmark: what is tried, what is chosen, what is tested, and that it goes on where it stopped."""

import json
import sys

import pytest
from optional_packages import require

from scratchdae import cli, plots
from scratchdae.datasets.larochelle import PROBLEMS
from scratchdae.models.layer_spec import LayerSpec
from scratchdae.reproduce import larochelle, larochelle_report, methods
from scratchdae.reproduce import trial as trials
from scratchdae.reproduce.interval import interval
from scratchdae.reproduce.published import NU, TABLE, published
from scratchdae.reproduce.trial import trial

SIZES = (60, 20, 40)
SMALL = {"units": 8, "pretraining_lr": 0.1, "pretraining_steps": 6, "lr": 0.1}
FEW = {
    "sda": ({**SMALL, "nu": 0.1}, {**SMALL, "nu": 0.4}),
    "saa": (SMALL, {**SMALL, "lr": 0.3}),
    "dbn": (SMALL,),
    "mlp": ({"units": 8, "lr": 0.1}, {"units": 8, "lr": 0.3}),
    "svm": ({"C": 1, "gamma": 0.02}, {"C": 10, "gamma": 0.02}),
    "logistic": ({"lr": 0.03},),
}


@pytest.fixture
def small(monkeypatch):
    """Networks of eight units, and two choices of each."""
    choices = methods.choices

    def few(method, problem, budget):
        choices(method, problem, budget)  # which refuses what is wrong
        return FEW[method][:budget]

    monkeypatch.setattr(methods, "choices", few)


def without_clock(found):
    """Leave out what no two runs have in common."""
    return json.loads(json.dumps(found), object_hook=lambda d: {k: v for k, v in d.items() if k != "seconds"})


class TestMethods:
    @pytest.mark.parametrize("method", methods.NAMES)
    @pytest.mark.parametrize("problem", PROBLEMS)
    def test_a_budget_takes_the_first_choices_and_none_is_there_twice(self, method, problem):
        every = methods.choices(method, problem, 100)
        assert methods.choices(method, problem, 2) == every[:2]
        assert len({json.dumps(one, sort_keys=True) for one in every}) == len(every) >= 3

    def test_the_methods_differ_in_their_layers_alone(self):
        sda, saa, mlp, dbn = (
            methods.recipe(name, methods.choices(name, "rot", 1)[0], 10_000) for name in ("sda", "saa", "mlp", "dbn")
        )
        assert sda.layers == (LayerSpec(1000, 0.1, 0.1, 60, 20),) * 3
        assert saa.layers == (LayerSpec(1000, 0.0, 0.1, 60, 20),) * 3
        assert [spec.epochs for spec in mlp.layers] == [0, 0, 0]
        assert [spec.kind for spec in dbn.layers] == ["rbm"] * 3
        assert len({one.finetuning for one in (sda, saa, mlp, dbn)}) == 1

    def test_few_examples_are_seen_more_often(self):
        chosen = methods.choices("saa", "rect", 1)[0]
        assert [methods.recipe("saa", chosen, n).layers[0].epochs for n in (1000, 6000, 10_000)] == [600, 100, 60]

    @pytest.mark.parametrize("problem", PROBLEMS)
    def test_the_paper_s_nu_comes_first_and_what_it_found_elsewhere_soon(self, problem):
        tried = [(one["nu"], one["lr"]) for one in methods.choices("sda", problem, 5)]
        assert tried[:2] == [(NU[problem], 1.0), (NU[problem], 0.1)]
        assert {lr for nu, lr in tried if nu == tried[2][0]} == {1.0, 0.1}
        assert set(NU.values()) == {nu for nu, _ in tried}

    @pytest.mark.parametrize("method", ["sda", "saa", "dbn", "mlp"])
    def test_the_batches_of_fine_tuning_differ_and_those_of_pretraining_do_not(self, method):
        tried = [methods.recipe(method, chosen, 10_000) for chosen in methods.choices(method, "rot", 8)]
        assert {(one.finetuning.lr, one.finetuning.batch_size) for one in tried} >= {(1.0, 20), (0.1, 20), (0.5, 5)}
        assert {spec.batch_size for one in tried for spec in one.layers} == {20}

    def test_refused(self):
        with pytest.raises(ValueError, match=r"method must be one of .*found 'sad'"):
            methods.choices("sad", "rect", 1)
        with pytest.raises(ValueError, match=r"problem must be one of .*found 'rekt'"):
            methods.choices("sda", "rekt", 1)
        with pytest.raises(ValueError, match=r"budget must be .*found 0"):
            methods.choices("sda", "rect", 0)


class TestPublished:
    def test_covers_the_problems(self):
        assert list(TABLE) == list(NU) == list(PROBLEMS)

    def test_values(self):
        assert published("bg-rand", "dbn") == pytest.approx(0.0673)
        assert published("bg-rand", "mlp") is None


@pytest.mark.usefixtures("small")
class TestReproduce:
    def test_tests_what_validates_best(self, tmp_path):
        found = larochelle.reproduce(["rect"], ["sda", "mlp"], 2, tmp_path, sizes=SIZES, progress=False)
        for method, one in found["rect"].items():
            errors = {
                json.dumps(chosen, sort_keys=True): trial(
                    problem="rect", method=method, chosen=chosen, seed=0, sizes=list(SIZES)
                )
                for chosen in FEW[method]
            }
            best = min(errors.values(), key=lambda outcome: outcome["validation_error"])
            assert one["validation_error"] == best["validation_error"]
            assert one["test_error"] == best["test_error"]
            assert errors[json.dumps(one["chosen"], sort_keys=True)] is best
            assert (one["tried"], one["test_examples"]) == (2, 40)
        assert not list((tmp_path / "runs").iterdir())  # a finished trial leaves a line, no network

    def test_goes_on(self, tmp_path, monkeypatch):
        whole = larochelle.reproduce(["rect"], ["sda", "saa"], 2, tmp_path / "whole", sizes=SIZES, progress=False)
        count = iter(range(100))
        follow = trials.follow

        def interrupted(*given, **options):
            if next(count) == 2:
                raise KeyboardInterrupt
            return follow(*given, **options)

        monkeypatch.setattr(trials, "follow", interrupted)
        with pytest.raises(KeyboardInterrupt):
            larochelle.reproduce(["rect"], ["sda", "saa"], 2, tmp_path / "run", sizes=SIZES, progress=False)
        assert len((tmp_path / "run" / larochelle.TRIALS).read_text().splitlines()) >= 2
        found = larochelle.reproduce(["rect"], ["sda", "saa"], 2, tmp_path / "run", sizes=SIZES, progress=False)
        assert without_clock(found) == without_clock(whole)
        assert next(count) == 5  # four trials, one of them twice

    def test_a_larger_budget_adds(self, tmp_path, monkeypatch):
        small = larochelle.reproduce(["rect"], ["sda"], 1, tmp_path, sizes=SIZES, progress=False)
        large = larochelle.reproduce(["rect"], ["sda"], 2, tmp_path, sizes=SIZES, progress=False)
        assert large["rect"]["sda"]["trials"][0] == small["rect"]["sda"]["trials"][0]
        assert large["rect"]["sda"]["tried"] == 2

    def test_support_vectors_are_tested_once(self, tmp_path):
        require("sklearn")
        found = larochelle.reproduce(["rect"], ["svm"], 2, tmp_path, sizes=SIZES, progress=False)["rect"]["svm"]
        lines = [json.loads(line) for line in (tmp_path / larochelle.TRIALS).read_text().splitlines()]
        tested = [line for line in lines if line.get("value") and line["value"]["test_error"] is not None]
        assert len(tested) == 1
        assert found["test_error"] == tested[0]["value"]["test_error"]

    def test_a_failed_trial_is_told(self, tmp_path, monkeypatch):
        monkeypatch.setitem(FEW, "mlp", ({"units": 8, "lr": 0.1}, {"units": 8, "lr": 1e30}))
        found = larochelle.reproduce(["rect"], ["mlp"], 2, tmp_path, sizes=SIZES, progress=False)["rect"]["mlp"]
        assert found["chosen"]["lr"] == 0.1
        assert found["trials"][0]["failed"] is None
        assert found["trials"][1]["failed"].startswith("NonFiniteError: ")

    @pytest.mark.parametrize("originals", [False, True])
    def test_missing_data_are_told_before_anything_runs(self, tmp_path, monkeypatch, originals):
        monkeypatch.delenv("SCRATCHDAE_DATA", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        with pytest.raises(FileNotFoundError):
            larochelle.reproduce(["basic"], ["mlp"], 1, tmp_path / "out", originals=originals, progress=False)
        assert not (tmp_path / "out").exists()

    def test_a_missing_library_is_told_before_anything_runs(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "sklearn.svm", None)
        with pytest.raises(ModuleNotFoundError, match="scikit-learn"):
            larochelle.reproduce(["rect"], ["mlp", "svm"], 1, tmp_path / "out", progress=False)
        assert not (tmp_path / "out").exists()

    def test_a_method_that_always_fails_is_told_and_tried_again(self, tmp_path, monkeypatch):
        follow = trials.follow
        monkeypatch.setattr(trials, "follow", lambda *given, **options: 1 / 0)
        found = larochelle.reproduce(["rect"], ["sda", "mlp"], 1, tmp_path, sizes=SIZES, progress=False)
        assert found["rect"]["mlp"]["test_error"] is None
        assert "failed (1.99)" in larochelle_report.table(found)[2]
        assert "failed; ZeroDivisionError" in larochelle_report.details(found)[1]
        assert larochelle_report.finding(found) == "nothing to compare yet"
        assert larochelle_report.draw(found).axes[0].get_title() == "rect"
        monkeypatch.setattr(trials, "follow", follow)
        found = larochelle.reproduce(["rect"], ["sda", "mlp"], 1, tmp_path, sizes=SIZES, progress=False)
        assert found["rect"]["mlp"]["test_error"] > 0

    def test_the_originals_are_others_trials(self, tmp_path, monkeypatch):
        drawn = trials.larochelle("rect", 5, sizes=SIZES)
        monkeypatch.setattr(trials, "larochelle_original", lambda problem: drawn)
        trials._originals.cache_clear()
        one = larochelle.reproduce(["rect"], ["mlp"], 1, tmp_path, sizes=SIZES, progress=False)["rect"]["mlp"]
        other = larochelle.reproduce(["rect"], ["mlp"], 1, tmp_path, originals=True, progress=False)["rect"]["mlp"]
        trials._originals.cache_clear()
        assert len((tmp_path / larochelle.TRIALS).read_text().splitlines()) == 2
        assert other["test_error"] != one["test_error"]
        assert other["test_examples"] == 50_000  # that of the published files
        with pytest.raises(ValueError, match="sizes must be left out for the originals"):
            larochelle.reproduce(["rect"], ["mlp"], 1, tmp_path, sizes=SIZES, originals=True)

    @pytest.mark.parametrize(
        ("problems", "wanted", "budget", "message"),
        [
            (["wrect"], ["sda"], 1, "problem must be one of .*found 'wrect'"),
            (["rect"], ["sad"], 1, "method must be one of .*found 'sad'"),
            (["rect"], ["sda"], 0, "budget must be .*found 0"),
        ],
    )
    def test_refused(self, tmp_path, problems, wanted, budget, message):
        with pytest.raises(ValueError, match=message):
            larochelle.reproduce(problems, wanted, budget, tmp_path / "out", sizes=SIZES, progress=False)
        assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("small")
class TestReport:
    @pytest.fixture
    def found(self, tmp_path):
        wanted = ["sda", "saa", "dbn", "mlp", "logistic"]
        return larochelle.reproduce(["rect", "convex"], wanted, 1, tmp_path, sizes=SIZES, progress=False)

    def test_table(self, found):
        lines = larochelle_report.table(found)
        assert lines[0] == (
            "| test error, % | SdA-3 (paper) | SAA-3 (paper) | DBN-3 (paper) | MLP-3 (paper) | logistic (paper) |"
        )
        assert len(lines) == 4
        assert len({line.count("|") for line in lines}) == 1
        one = found["convex"]["sda"]
        half = 196 * (one["test_error"] * (1 - one["test_error"]) / 40) ** 0.5
        assert f"{100 * one['test_error']:.2f} ± {half:.2f}" in lines[3]
        assert "(19.06)" in lines[3]
        least = min(other["test_error"] for other in found["convex"].values())
        assert lines[3].count("**") == 2 * sum(other["test_error"] == least for other in found["convex"].values())

    def test_finding(self, found):
        better = sum(row["sda"]["test_error"] < row["saa"]["test_error"] for row in found.values())
        assert f"SAA-3 on {better} of 2" in larochelle_report.finding(found)

    def test_figure(self, found):
        panels = larochelle_report.draw(found).axes
        assert [ax.get_title() for ax in panels[:2]] == ["rect", "convex"]
        ours = [100 * one["test_error"] for one in found["rect"].values()]
        marks = [bar.lines[0] for bar in panels[0].containers]
        drawn = [mark.get_xdata()[0] for mark in marks if mark.get_color() != plots.GREY]
        assert sorted(drawn) == pytest.approx(sorted(ours))
        for bar in panels[0].containers:
            ((low, row), (high, same)), *_ = bar.lines[2][0].get_segments()
            error, n = bar.lines[0].get_xdata()[0] / 100, 50_000 if bar.lines[0].get_color() == plots.GREY else 40
            assert (low, high) == pytest.approx([100 * end for end in interval(error, n)])
            assert row == same == bar.lines[0].get_ydata()[0]

    def test_command(self, tmp_path, capsys, monkeypatch):
        whole = larochelle.reproduce
        monkeypatch.setattr(larochelle, "reproduce", lambda *a, **k: whole(*a, **k, sizes=SIZES))
        command = ["reproduce", "larochelle", "--problem", "rect", "--method", "sda,mlp", "--budget", "2"]
        assert cli.main([*command, "--out", str(tmp_path / "runs"), "--figures", str(tmp_path / "figures")]) == 0
        numbers = json.loads((tmp_path / "figures" / "reproduce_larochelle.json").read_text())
        assert list(numbers["problems"]["rect"]) == ["sda", "mlp"]
        assert numbers["budget"] == 2
        assert (tmp_path / "figures" / "reproduce_larochelle.png").stat().st_size > 10_000
        assert numbers["finding"] in capsys.readouterr().out

    @pytest.mark.parametrize(
        "option",
        ["--problem=recht", "--method=sda,", "--budget=0", "--jobs=0", "--seed=-1", f"--figures={__file__}"],
    )
    def test_command_refuses(self, tmp_path, capsys, option):
        assert cli.main(["reproduce", "larochelle", option, "--out", str(tmp_path / "runs")]) == 2
        assert "found" in capsys.readouterr().err
        assert not (tmp_path / "runs").exists()
