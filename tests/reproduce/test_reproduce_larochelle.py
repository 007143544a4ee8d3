"""The benchmark: what is tried, what is chosen, what is tested, and that it goes on where it stopped."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from optional_packages import require

from scratchdae import atomic, cli, plots
from scratchdae.datasets.larochelle import PROBLEMS
from scratchdae.models.layer_spec import LayerSpec
from scratchdae.reproduce import larochelle, larochelle_report, methods
from scratchdae.reproduce import recipe as recipes
from scratchdae.reproduce import trial as trials
from scratchdae.reproduce.interval import interval
from scratchdae.reproduce.published import NU, TABLE, published
from scratchdae.reproduce.trial import trial
from scratchdae.sweep import Failure, Result, Trial

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
            best = min(errors.values(), key=lambda outcome: (outcome["validation_error"], outcome["validation_loss"]))
            assert one["validation_error"] == best["validation_error"]
            assert one["test_error"] == best["test_error"]
            assert errors[json.dumps(one["chosen"], sort_keys=True)] is best
            assert (one["tried"], one["test_examples"]) == (2, 40)
        assert not list((tmp_path / larochelle.RUNS).iterdir())  # a finished trial leaves a line, no network

    def test_ties_go_to_the_less_loss_then_to_the_first(self):
        def result(error, loss, lr):
            value = {"validation_error": error} | ({} if loss is None else {"validation_loss": loss})
            return Result(Trial(trial, {"chosen": {"lr": lr}}, 0), value, None, 1.0, None)

        tried = [result(0.2, 0.1, 1), result(0.1, 0.9, 2), result(0.1, 0.5, 3), result(0.1, 0.5, 4)]
        assert larochelle._best(tried) is tried[2]
        support_vectors = [result(0.2, None, 1), result(0.1, None, 2), result(0.1, None, 3)]
        assert larochelle._best(support_vectors) is support_vectors[1]
        failed = Result(tried[0].trial, None, Failure("ValueError", "", ""), 1.0, None)
        assert larochelle._best([failed]) is None

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_choices_that_differ_in_fine_tuning_alone_share_their_layers(self, tmp_path, monkeypatch, jobs):
        few = [{**SMALL, "nu": nu, "lr": lr} for nu, lr in ((0.1, 0.1), (0.1, 0.3), (0.4, 0.1), (0.1, 0.6))]
        monkeypatch.setitem(FEW, "sda", few)
        begun, pretrain = [], recipes.pretrain

        def noted(*given, out, **options):
            begun.append((out.name, (out / "layer_3").exists()))
            return pretrain(*given, out=out, **options)

        monkeypatch.setattr(recipes, "pretrain", noted)
        found = larochelle.reproduce(["rect"], ["sda"], 4, tmp_path, sizes=SIZES, jobs=jobs, progress=False)
        monkeypatch.setattr(recipes, "pretrain", pretrain)
        lines = [json.loads(line) for line in (tmp_path / larochelle.TRIALS).read_text().splitlines()]
        for line in lines:  # without a folder nothing is shared
            alone = trial(**line["arguments"], seed=0)
            same = alone.keys() - {"seconds", "processor_seconds"}
            assert {key: line["value"][key] for key in same} == {key: alone[key] for key in same}
        assert len(lines) == found["rect"]["sda"]["tried"] == 4
        assert not list((tmp_path / larochelle.RUNS).iterdir())
        if jobs == 1:  # who needs new layers comes first
            assert [there for _, there in begun] == [False, False, True, True]
            assert len({name for name, _ in begun}) == 2

    def test_shared_layers_are_named_by_all_that_makes_them(self):
        base = {"problem": "rect", "method": "sda", "chosen": {**SMALL, "nu": 0.1}, "sizes": list(SIZES)}
        name = trials.pretrained(base, 0)
        assert trials.pretrained({**base, "chosen": {**base["chosen"], "lr": 0.7, "batch_size": 5}}, 0) == name
        others = [
            trials.pretrained(base, 1),
            trials.pretrained({**base, "problem": "convex"}, 0),
            trials.pretrained({**base, "chosen": {**SMALL, "nu": 0.4}}, 0),
            trials.pretrained({**base, "method": "dbn", "chosen": SMALL}, 0),
            trials.pretrained({**base, "method": "saa", "chosen": SMALL}, 0),
            trials.pretrained({**base, "sizes": [60, 20, 50]}, 0),
            trials.pretrained({**base, "originals": True}, 0),
        ]
        assert len({name, *others}) == 8
        assert trials.pretrained({**base, "method": "mlp", "chosen": FEW["mlp"][0]}, 0) is None
        assert trials.pretrained({**base, "method": "svm", "chosen": FEW["svm"][0]}, 0) is None

    def test_what_was_chosen_is_tested_on_more_draws(self, tmp_path, monkeypatch):
        require("sklearn")
        wanted = ["sda", "svm"]
        one = larochelle.reproduce(["rect"], wanted, 2, tmp_path, sizes=SIZES, progress=False)
        assert "draws" not in one["rect"]["sda"]
        ran, follow = [], trials.follow
        monkeypatch.setattr(trials, "follow", lambda *given, **how: ran.append(given[2]) or follow(*given, **how))
        found = larochelle.reproduce(["rect"], wanted, 2, tmp_path, draws=3, sizes=SIZES, progress=False)
        assert ran == [1, 2]  # nothing else runs again
        assert not list((tmp_path / larochelle.RUNS).iterdir())
        for method in wanted:
            ours = found["rect"][method]
            arguments = {"problem": "rect", "method": method, "chosen": ours["chosen"], "sizes": list(SIZES)}
            errors = [trial(**arguments, seed=seed, test=True)["test_error"] for seed in range(3)]
            assert ours["draws"]["test_errors"] == errors
            assert ours["draws"]["seeds"] == [0, 1, 2]
            assert ours["draws"]["mean"] == pytest.approx(sum(errors) / 3)
            assert ours["draws"]["range"] == [min(errors), max(errors)]
            assert {key: ours[key] for key in one["rect"][method]} == one["rect"][method]
        average, low, high = (100 * error for error in (ours["draws"]["mean"], *ours["draws"]["range"]))
        assert f" [{average:.2f}: {low:.2f}–{high:.2f}] (2.15) |" in larochelle_report.table(found)[2]
        assert "square brackets is the mean of 3 draws" in larochelle_report.notes(found)[0]

    def test_a_draw_that_failed_is_told(self, tmp_path, monkeypatch):
        follow = trials.follow
        monkeypatch.setattr(trials, "follow", lambda *given, **how: 1 / 0 if given[2] == 2 else follow(*given, **how))
        found = larochelle.reproduce(["rect"], ["mlp"], 1, tmp_path, draws=3, sizes=SIZES, progress=False)
        draws = found["rect"]["mlp"]["draws"]
        assert draws["test_errors"][2] is None
        assert draws["failed"] == [None, None, "ZeroDivisionError: division by zero"]
        assert draws["mean"] == pytest.approx(sum(draws["test_errors"][:2]) / 2)

    def test_a_second_command_in_the_folder_is_refused(self, tmp_path):
        with (
            atomic.locked(tmp_path, folder=True),
            pytest.raises(ValueError, match=r"is in use by process \d+ on .*; wait until it ends"),
        ):
            larochelle.reproduce(["rect"], ["mlp"], 1, tmp_path, sizes=SIZES, progress=False)
        assert not list(tmp_path.iterdir())

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
        with pytest.raises(ValueError, match=r"draws must be 1 for the originals, .* found 2"):
            larochelle.reproduce(["rect"], ["mlp"], 1, tmp_path, draws=2, originals=True)

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
        assert lines[0] == ("| test error, % | SdA-3 (paper) | SAA-3 (paper) | DBN-3 (paper) | MLP-3 | logistic |")
        assert len(lines) == 4
        assert len({line.count("|") for line in lines}) == 1
        one = found["convex"]["sda"]
        half = 196 * (one["test_error"] * (1 - one["test_error"]) / 40) ** 0.5
        assert f"{100 * one['test_error']:.2f} ± {half:.2f}" in lines[3]
        assert "(19.06)" in lines[3]
        least = min(other["test_error"] for other in found["convex"].values())
        assert larochelle_report.notes(found)[0].startswith("Bold is the least error here of a row.")
        assert lines[3].count("**") == 2 * sum(other["test_error"] == least for other in found["convex"].values())

    def test_rows_above_the_paper_s_interval_are_named(self, found):
        row, other = found["rect"], found["convex"]
        half = 1.96 * (0.0199 * (1 - 0.0199) / 50_000) ** 0.5
        for name in row:
            row[name]["test_error"] = other[name]["test_error"] = 0.001
        row["sda"]["test_error"] = 0.0199 + half + 1e-5
        row["mlp"]["test_error"] = 0.5  # the paper has none
        row["saa"]["test_error"] = other["saa"]["test_error"] = 0.3
        said = "Above the paper's 95 % interval: SdA-3 on rect; SAA-3 on rect, convex."
        assert larochelle_report.notes(found)[1] == said
        row["sda"]["test_error"] = 0.0199 + half - 1e-5
        assert "SdA-3" not in larochelle_report.notes(found)[1]
        row["saa"]["test_error"] = other["saa"]["test_error"] = 0.001
        assert larochelle_report.notes(found)[1] == "Above the paper's 95 % interval: none."

    def test_pairs_that_are_not_in_the_paper_s_order_are_named(self, found):
        row, other = found["rect"], found["convex"]
        for name, error in (("sda", 0.03), ("saa", 0.01), ("dbn", 0.02), ("mlp", 0.0), ("logistic", 0.0)):
            row[name]["test_error"] = other[name]["test_error"] = error
        # The paper's are 1.99, 2.41 and 2.60 on rect, of which the last two overlap; all three of convex do.
        assert larochelle_report.notes(found)[2] == (
            "Not in the paper's order, where its intervals do not overlap: "
            "SAA-3 before SdA-3 on rect; DBN-3 before SdA-3 on rect."
        )
        row["sda"]["test_error"] = 0.01
        assert larochelle_report.notes(found)[2].endswith("overlap: none.")

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

    def test_of_two_commands_that_end_at_a_time_one_waits(self, tmp_path, monkeypatch):
        """So the numbers and the figure, in one folder for both, are of the same command."""
        whole = larochelle.reproduce
        monkeypatch.setattr(larochelle, "reproduce", lambda *a, **k: whole(*a, **k, sizes=SIZES))
        command = ["reproduce", "larochelle", "--problem=rect", "--method=mlp", "--budget=1", f"--figures={tmp_path}"]
        numbers = tmp_path / "reproduce_larochelle.json"
        with ThreadPoolExecutor(1) as pool:
            with atomic.locked(numbers, folder=False):
                ended = pool.submit(cli.main, [*command, "--no-progress", "--out", str(tmp_path / "runs")])
                while not (tmp_path / "runs" / larochelle.TRIALS).exists():
                    time.sleep(0.01)
                time.sleep(0.3)
                assert not ended.done()
                assert not numbers.exists()
            assert ended.result() == 0
        assert numbers.exists()

    @pytest.mark.parametrize(
        "option",
        [
            "--problem=recht",
            "--method=sda,",
            "--budget=0",
            "--draws=0",
            "--jobs=0",
            "--seed=-1",
            f"--figures={__file__}",
        ],
    )
    def test_command_refuses(self, tmp_path, capsys, option):
        assert cli.main(["reproduce", "larochelle", option, "--out", str(tmp_path / "runs")]) == 2
        assert "found" in capsys.readouterr().err
        assert not (tmp_path / "runs").exists()
