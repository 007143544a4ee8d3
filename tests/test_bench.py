"""`scratchdae bench`: who is timed, in which order, on the same work, and what is left. No test asserts a time."""

import dataclasses
import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from optional_packages import require

from scratchdae import autoencoder, datasets, kernels
from scratchdae.benchmark import figure, limits, machine, measure, memory, report, scale
from scratchdae.benchmark.competitors import PEERS, SCRATCHDAE, Competitor, compiled, reference
from scratchdae.benchmark.competitors.competitor import Gemm
from scratchdae.benchmark.works import KINDS
from scratchdae.benchmark.works.denoising import HIDDEN, NU, PIXELS, Denoising
from scratchdae.benchmark.works.finetuning import FINETUNE, Finetuning
from scratchdae.benchmark.works.work import Kind, Setting
from scratchdae.cli import bench, main

DATA = datasets.digits()
SMALL = Setting("pixels", 7, 3)
TIMED = ["scratchdae", "torch", "torch-inplace", "jax", "numpy"]


def draw(setting, steps=6):
    return KINDS[setting.work].prepare(setting, DATA, steps)


def who(name):
    one = SCRATCHDAE if name == "scratchdae" else PEERS[name]
    for package in one.packages:
        require(package)
    return one


def forgetful(params, x_tilde, x, lr):
    """Take a step that leaves out the decoder's part of the gradient of W."""
    _, grads = autoencoder.loss_and_grads(params, x_tilde, x)
    a_z, cache = autoencoder.forward(params, x_tilde)
    da_z = autoencoder.output_loss(a_z, x, "cross_entropy", "sigmoid", "paper")[1]
    grads["W"] -= da_z.T @ cache.y
    for name, array in params.items():
        array -= lr * grads[name]
    return 0.0, True


def competitor(name, step):
    return trained(name, lambda w, threads: reference.StepTrainer(w, step))


def trained(name, prepare):
    return Competitor(name, "a test's", (), {Denoising: prepare})


def raising(*arguments):
    raise RuntimeError("the machine\n  is on fire")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(measure, "_SETTLE", 0.0)
    monkeypatch.setattr(measure, "_AT_LEAST", 0.0)


@pytest.fixture
def tiny(monkeypatch):
    """Make a grid of two settings and limits that take no time."""
    for kind in (PIXELS, HIDDEN, FINETUNE):
        monkeypatch.setitem(kind.grids, "small", ((5, 9), (1, 4)))
    monkeypatch.setattr(Kind, "steps", lambda self, setting: 6)
    monkeypatch.setattr(bench.os, "cpu_count", lambda: 1)
    small = limits.measure
    monkeypatch.setattr(limits, "measure", lambda some, dtype, n: small(some, dtype, n, side=32, nbytes=2**16))


@pytest.mark.parametrize("kind", KINDS)
def test_work_is_the_same_every_time(kind):
    setting = Setting(kind, 7, 3)
    first, again = draw(setting, 4), draw(setting, 4)
    D = 7 if kind == "hidden" else 784
    assert first.inputs.shape == (4, 3, D)
    assert first.samples == 12
    assert {array.dtype for array in (first.inputs, *first.params.values())} == {np.dtype(np.float32)}
    assert np.array_equal(first.inputs, again.inputs)
    assert np.array_equal(first.targets, again.targets)
    assert all(np.array_equal(value, again.params[name]) for name, value in first.params.items())


def test_images_are_masked_as_the_paper_does():
    task = draw(SMALL, 4)
    changed = task.inputs != task.targets
    assert not task.inputs[changed].any()  # only zeros were put in
    lit = (task.targets > 0).sum()
    assert changed.sum() == pytest.approx(NU * lit, rel=0.1)  # 0.2484 of the lit pixels were found


def test_a_hidden_layer_is_given_dense_numbers_of_which_a_quarter_is_masked():
    task = draw(Setting("hidden", 40, 50), 4)
    assert 0 < task.targets.min() < 0.1
    assert 0.9 < task.targets.max() < 1
    assert task.targets.std(axis=(0, 1)).min() > 0.05  # every unit says something about the image; 0.17 were found
    assert ((task.inputs == 0).sum(axis=-1) == 10).all()
    assert np.array_equal(task.inputs[task.inputs != 0], task.targets[task.inputs != 0])


def test_fine_tuning_sees_images_with_their_own_labels():
    task = draw(Setting("finetune", 7, 20), 4)
    assert task.targets.shape == (4, 20)
    known = {image.tobytes(): label for image, label in zip(DATA.x_train, DATA.t_train, strict=True)}
    images = np.rint(task.inputs * 255).astype(np.uint8).reshape(-1, 784)
    assert [known[image.tobytes()] for image in images] == list(task.targets.ravel())
    assert [value.shape for value in task.params.values()][::2] == [(784, 7), (7, 7), (7, 7), (7, 10)]


@pytest.mark.parametrize(
    ("kind", "H", "operations"),
    [
        (PIXELS, 500, 10 * 784 * 500),
        (HIDDEN, 2000, 10 * 2000 * 2000),
        (FINETUNE, 1000, 4 * 784_000 + 6 * (1_000_000 + 1_000_000 + 10_000)),
    ],
    ids=KINDS,
)
def test_operations_are_those_of_the_products(kind, H, operations):
    assert kind.operations(H) == operations


def test_the_grids_are_those_of_the_targets():
    grid = [(s.n_hidden, s.batch_size) for s in PIXELS.settings("full", "float32")]
    assert grid == [(H, B) for H in (500, 1000, 2000) for B in (1, 20, 100, 512)]
    assert [(s.n_hidden, s.batch_size) for s in HIDDEN.settings("full", "float64")] == grid
    assert [s.batch_size for s in FINETUNE.settings("full", "float32")] == [1, 20, 100, 512]
    assert [str(s) for s in FINETUNE.settings("small", "float64")] == [
        "finetune, H = 1000, B = 1, float64", "finetune, H = 1000, B = 20, float64",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_stretch_has_as_many_steps_as_are_validated_or_more_and_as_training_takes_at_once_or_fewer(kind):
    steps = [KINDS[kind].steps(Setting(kind, H, B)) for H, B in ((2, 1), (1000, 20), (10**5, 512))]
    assert steps[0] == 256
    assert steps == sorted(steps, reverse=True)
    assert steps[2] == measure.VALIDATED_STEPS


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_competitor_takes_the_steps_of_the_reference(kind, name, dtype, batch_size):
    task = draw(Setting(kind, 16, batch_size, dtype))
    error = measure.validate(who(name), task, measure.reference_params(task), threads=1)
    factor = 10 if kind == "finetune" else 1  # a deep network's weights change little, their own rounding counts
    assert error < factor * {"float32": 1e-5, "float64": 1e-13}[dtype]  # found: 2e-6, 4e-15; 3e-5, 2e-13


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("kind", KINDS)
def test_steps_then_stretches_go_on_from_where_they_were(kind, name):
    """What is timed is what was validated: a step on the first batch, then one on each."""
    task = draw(Setting(kind, 16, 2, "float64"), 3)
    before = task.copy_params()
    trainer = who(name).prepare(task, 1)
    trainer.step()
    trainer.stretch()
    expected = task.copy_params()
    for i in (0, 0, 1, 2):
        task.sgd_step(expected, task.inputs[i], task.targets[i], task.lr)
    assert measure.update_error(trainer.params(), expected, task.params) < 1e-13
    for key, value in before.items():  # the common beginning is untouched
        assert np.array_equal(task.params[key], value)


def test_compiled_steps_that_stop_early_are_not_timed_as_if_they_had_not(monkeypatch):
    task = draw(Setting("finetune", 5, 2, "float64"), 4)
    monkeypatch.setattr(kernels, "perceptron_steps", lambda: lambda W, b, x, t, lr: (np.zeros(4), 2))
    with pytest.raises(FloatingPointError, match="step 3 of 4 was not taken"):
        compiled.finetuning(task, 1).stretch()
    monkeypatch.setattr(kernels, "perceptron_steps", lambda: None)
    with pytest.raises(ValueError, match="NUMBA_DISABLE_JIT is set"):
        compiled.finetuning(task, 1)


def test_compiled_steps_of_numbers_that_are_not_finite_are_not_timed():
    require("numba")
    task = draw(Setting("pixels", 5, 2), 4)
    task.inputs[2, 0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="step 3 of 4 was not taken"):
        compiled.denoising(task, 1).stretch()


def test_a_wrong_update_is_reported_and_not_timed():
    right, wrong = competitor("right", autoencoder.sgd_step), competitor("wrong", forgetful)
    rows = measure.measure([wrong, right], SMALL, draw(SMALL), 1, rounds=2)
    assert [(row.name, row.right, len(row.rates)) for row in rows] == [("wrong", False, 0), ("right", True, 2)]
    assert rows[0].update_error > 0.01
    lines = "\n".join(report.table(rows))
    assert "wrong         WRONG, not timed" in lines
    assert rows[0].as_json()["samples_per_second"] is None


class Failing(reference.StepTrainer):
    """It does what it should for some stretches, of which the first is validated."""

    def __init__(self, task, good):
        super().__init__(task, autoencoder.sgd_step)
        self.good = good

    def stretch(self):
        if self.good == 0:
            raising()
        self.good -= 1
        super().stretch()


def not_twice(task, threads):
    """Make a trainer for the validation, and then no more."""
    if len(task.inputs) > measure.VALIDATED_STEPS:
        raising()
    return reference.StepTrainer(task, autoencoder.sgd_step)


@pytest.mark.parametrize(
    ("prepare", "stage"),
    [
        (raising, "validated"),
        (lambda w, threads: Failing(w, 0), "validated"),
        (not_twice, "prepared"),
        (lambda w, threads: Failing(w, 2), "timed"),
    ],
    ids=["preparing for validation", "validating", "preparing", "timing round 3"],
)
def test_a_competitor_that_raises_does_not_end_the_run(prepare, stage):
    right = competitor("right", autoencoder.sgd_step)
    rows = measure.measure([trained("broken", prepare), right], SMALL, draw(SMALL, 8), 1, rounds=4)
    assert [(row.name, row.right, len(row.rates)) for row in rows] == [("broken", False, 0), ("right", True, 4)]
    failure = f"while it was {stage}: RuntimeError: the machine is on fire"
    assert rows[0].as_json()["failure"] == rows[0].failure == failure
    assert rows[0].as_json()["samples_per_second"] is None
    assert rows[1].as_json()["failure"] is None
    json.dumps([row.as_json() for row in rows], allow_nan=False)
    assert f"  broken        FAILED {failure}" in report.table(rows)


def row(name, B, rates, error=1e-6, failure=None):
    return measure.Row(name, Setting("pixels", 500, B), rates, 1.0, error, failure)


ROWS = (
    row("scratchdae", 1, (1000.0, 3000.0, 9000.0)), row("torch", 1, (1500.0,)), row("numpy", 1, (700.0,)),
    row("scratchdae", 20, (5000.0,)), row("torch", 20, (), error=0.3), row("numpy", 20, (10_000.0,)),
    row("scratchdae", 100, (), failure="while it was timed: ValueError"), row("torch", 100, (1.0,)),
    row("numpy", 100, (2.0,)),
)  # fmt: skip
RESULT = report.Result(
    PIXELS, ROWS, {}, limits.Limits({"numpy": 39.2, "torch": 19.6}, 1.0, {"numpy": "fastblas 3"}), {}
)


def test_the_summary_names_the_strongest_peer_of_each_setting():
    heading, first, second, third = report.summary(RESULT)
    assert heading.split() == ["H", "B", "scratchdae", "torch", "numpy", "dense", "limit"]
    assert first.split()[:6] == ["500", "1", "3,000", "1,500", "700", "10,000"]
    assert first.endswith("scratchdae is 2.00 × torch")
    assert second.split()[:6] == ["500", "20", "5,000", "wrong", "10,000", "10,000"]
    assert second.endswith("scratchdae is 0.50 × numpy")
    assert third.split() == ["500", "100", "failed", "1", "2", "10,000"]


def test_the_finding_says_where_the_subject_is_slower():
    sentence = (
        "scratchdae is 0.50 to 2.00 times as fast as its strongest peer; slower in 1 of 2 settings (H = 500, B = 20)"
    )
    assert report.finding(RESULT) == sentence
    alone = dataclasses.replace(RESULT, rows=ROWS[:1])
    assert report.finding(alone) == "scratchdae and a peer were never both timed"
    assert report.finding(dataclasses.replace(RESULT, rows=ROWS[:3])).startswith("scratchdae is 2.00 times as fast")


def test_the_subject_is_compared_with_the_products_of_each_library():
    found = RESULT.as_json()["scratchdae_beside_products"]
    assert [entry["batch_size"] for entry in found] == [1, 20]  # the third was not timed
    assert found[1]["equivalent_gflops"] == pytest.approx(5000 * 10 * 784 * 500 / 1e9)
    assert found[1]["of_gemm"] == pytest.approx({"numpy": 0.5, "torch": 1.0})
    then = dataclasses.replace(RESULT, nearby={ROWS[3].setting: limits.Limits({"numpy": 78.4}, 1.0)})
    assert [entry["of_gemm"]["numpy"] for entry in then.as_json()["scratchdae_beside_products"]] == pytest.approx(
        [0.3, 0.25]
    )
    assert report.products(RESULT) == []
    assert report.products(dataclasses.replace(RESULT, rows=ROWS[:6])) == [
        "H = 500, B = 20: scratchdae does the work of 20 dense GFLOP/s (10 operations a weight), "
        "0.50 × numpy (fastblas 3), 1.00 × torch"
    ]


def test_an_update_of_nan_is_wrong():
    def nan(params, x_tilde, x, lr):
        params["b"] *= np.nan
        return 0.0, True

    (row,) = measure.measure([competitor("nan", nan)], SMALL, draw(SMALL), 1, rounds=1)
    assert not row.right
    assert not row.rates
    json.dumps(row.as_json(), allow_nan=False)


def test_rounds_alternate_and_each_stretch_follows_a_step(monkeypatch):
    calls = []

    class Recorder(reference.StepTrainer):
        def __init__(self, task, name):
            super().__init__(task, autoencoder.sgd_step)
            self.name = name

        def step(self):
            calls.append(f"step {self.name}")

        def stretch(self):
            calls.append(f"stretch {self.name}")
            super().stretch()

    three = [trained(name, lambda w, threads, name=name: Recorder(w, name)) for name in "abc"]
    measure.measure(three, SMALL, draw(SMALL), 1, rounds=4)
    timed = calls[3:]  # after the three validations
    assert timed[0::2] == [f"step {name}" for name in "abcbcacababc"]
    assert timed[1::2] == [f"stretch {name}" for name in "abcbcacababc"]


def test_a_rate_is_samples_by_seconds(monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: float(next(ticks)))
    monkeypatch.setattr(measure.time, "process_time", lambda: 0.0)
    one = competitor("one", autoencoder.sgd_step)
    _, _, stretches = measure._time(one.prepare(draw(SMALL), 1))
    (row,) = measure.measure([one], SMALL, draw(SMALL), 1, rounds=3)
    # One tick before the stretch, one to see whether to go on, one at the end: two seconds for 6 batches of 3.
    assert stretches == 1
    assert row.rates == (9.0, 9.0, 9.0)


def test_the_dense_limit_is_the_fastest_library_by_five_products():
    found = limits.Limits({"numpy": 100.0, "torch": 50.0}, 1.0)
    assert found.dense(PIXELS.operations(500)) == pytest.approx(100e9 / (10 * 784 * 500))
    both = found.best(limits.Limits({"numpy": 90.0, "torch": 120.0, "jax": 10.0}, 5.0))
    assert both == limits.Limits({"numpy": 100.0, "torch": 120.0, "jax": 10.0}, 5.0)
    assert both.fastest == "torch"


@pytest.mark.parametrize("name", ["torch", "jax", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_product_of_each_library_is_measured(name, dtype, rng):
    found = limits.measure([who(name), SCRATCHDAE], dtype, 1, side=64, nbytes=2**16)
    assert set(found.gflops) == set(found.blas) == {"numpy", name}
    assert min(*found.gflops.values(), found.gbytes) > 0
    assert f"{name} ({found.blas[name]})" in str(found)
    a, b = (rng.random((9, 9)).astype(dtype) for _ in range(2))
    result = np.asarray(PEERS[name].gemm.prepare(a, b, 1)())
    assert result.dtype == dtype
    np.testing.assert_allclose(result, a @ b, rtol=1e-5)


def test_a_product_that_raises_is_left_out():
    broken = dataclasses.replace(competitor("broken", autoencoder.sgd_step), gemm=Gemm(str, raising))
    found = limits.measure([broken], "float32", 1, side=16, nbytes=2**16)
    assert set(found.gflops) == {"numpy"}
    assert found.failed == {"broken": "RuntimeError: the machine is on fire"}
    assert found.best(limits.Limits({"numpy": 1.0}, 1.0)).failed == found.failed


@pytest.mark.parametrize("kind", KINDS)
def test_bench_leaves_numbers_and_a_figure(kind, tiny, tmp_path, capsys):
    out = tmp_path / "a" / "b"
    arguments = ["bench", "--work", kind, "--peers", "numpy,sklearn", "--rounds", "2", "--out", str(out)]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert f"{kind}, H = 9, B = 4, float32: samples a second, median (least to most) of 2 rounds" in said
    assert PEERS["sklearn"].cannot[KINDS[kind].work] in said
    assert sorted(path.name for path in out.iterdir()) == ["bench.json", "bench.png"]
    assert (out / "bench.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    content = json.loads((out / "bench.json").read_text())
    assert content["command"] == " ".join(["scratchdae", *arguments])
    assert content["threads"] == 1
    assert content["versions"]["numpy"] == np.__version__
    assert content["machine"]["processors"] == 1
    assert content["machine"]["blas"] in said
    assert content["work"]["name"] == kind
    assert content["work"]["operations_a_sample"]["9"] == KINDS[kind].operations(9)
    assert content["finding"] in said
    assert content["limits"]["gemm_gflops"]["numpy"] > 0
    assert content["limits"]["gemm_blas"]["numpy"] in said
    assert set(content["limits"]["dense_samples_per_second"]) == {"5", "9"}
    names = ["numpy"] if importlib.util.find_spec("numba") is None else ["scratchdae", "numpy"]
    found = [tuple(row[key] for key in ("name", "work", "n_hidden", "batch_size", "dtype")) for row in content["rows"]]
    assert found == [(name, kind, H, B, "float32") for H in (5, 9) for B in (1, 4) for name in names]
    for entry in content["rows"]:
        rates = entry["samples_per_second"]
        assert 0 < rates["minimum"] <= rates["median"] <= rates["maximum"]
        assert entry["right"]
        assert entry["update_error"] < 1e-4
        assert entry["rounds"] == 2
    assert "sklearn" in [entry["name"] for entry in content["left_out"]]
    if "scratchdae" in names:
        beside = content["scratchdae_beside_products"]
        assert len(beside) == 4
        # The limits are the best of all minutes.
        assert max(one["gemm_gflops"]["numpy"] for one in beside) == content["limits"]["gemm_gflops"]["numpy"]
        assert "products    H = 9, B = 4: scratchdae does the work of" in said


def test_a_peer_that_is_not_installed_is_named(tiny, monkeypatch, tmp_path, capsys):
    absent = dataclasses.replace(PEERS["torch"], packages=("no_such_package",))
    monkeypatch.setitem(PEERS, "torch", absent)
    assert main(["bench", "--peers", "torch,numpy", "--rounds", "1", "--out", str(tmp_path)]) == 0
    assert "left out    torch: no_such_package is not installed" in capsys.readouterr().out
    left_out = json.loads((tmp_path / "bench.json").read_text())["left_out"]
    assert {"name": "torch", "reason": "no_such_package is not installed"} in left_out


def test_a_peer_that_cannot_be_imported_is_named(monkeypatch, tmp_path):
    (tmp_path / "broken_package.py").write_text("raise ImportError('it needs\\nanother NumPy')")
    monkeypatch.syspath_prepend(tmp_path)
    broken = Competitor("broken", "", ("broken_package",), {Denoising: reference.plain}, {Finetuning: "too deep"})
    expected = "broken_package is installed but cannot be imported: ImportError: it needs another NumPy"
    assert broken.reason_to_leave_out(Denoising) == expected
    assert broken.reason_to_leave_out(Finetuning) == "too deep"


def test_bench_fails_where_a_competitor_is_wrong(tiny, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(PEERS, "numpy", competitor("numpy", forgetful))
    assert main(["bench", "--peers", "numpy", "--rounds", "1", "--out", str(tmp_path)]) == 1
    assert "WRONG, not timed" in capsys.readouterr().out
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [row["samples_per_second"] for row in rows if row["name"] == "numpy"] == [None] * 4


def test_bench_fails_where_a_competitor_does_and_times_the_others(tiny, monkeypatch, tmp_path, capsys):
    broken = dataclasses.replace(trained("torch", raising), gemm=Gemm(str, raising))
    monkeypatch.setitem(PEERS, "torch", broken)
    assert main(["bench", "--peers", "torch,numpy", "--rounds", "1", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    failure = "while it was validated: RuntimeError: the machine is on fire"
    assert said.count(f"torch         FAILED {failure}") == 4
    assert "the matrix product of torch FAILED: RuntimeError: the machine is on fire" in said
    content = json.loads((tmp_path / "bench.json").read_text())
    for entry in content["rows"]:
        assert entry["failure"] == (failure if entry["name"] == "torch" else None)
        assert (entry["samples_per_second"] is None) == (entry["name"] == "torch")
    assert content["limits"]["gemm_failed"] == {"torch": "RuntimeError: the machine is on fire"}
    assert (tmp_path / "bench.png").exists()


def test_a_run_in_which_nobody_was_timed_leaves_no_figure(tiny, monkeypatch, tmp_path):
    (tmp_path / "bench.png").write_bytes(b"an earlier run's")
    monkeypatch.setattr(bench, "SCRATCHDAE", trained("scratchdae", raising))
    monkeypatch.setitem(PEERS, "numpy", competitor("numpy", forgetful))
    assert main(["bench", "--peers", "numpy", "--rounds", "1", "--out", str(tmp_path)]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_the_figure_has_a_panel_for_every_h_and_a_line_for_every_competitor():
    rows = tuple(
        measure.Row(name, Setting("pixels", H, B), () if (name, H) == ("jax", 500) else (1e3, 2e3, 3e3), 1.0, 1e-6)
        for H in (500, 1000, 2000)
        for B in (1, 20)
        for name in TIMED
    )
    about = {"threads": 2, "machine": machine.describe()}
    drawn = figure.draw(report.Result(PIXELS, rows, {}, limits.Limits({"numpy": 300.0}, 50.0), about))
    assert drawn.get_suptitle() == "scratchdae is 1.00 times as fast as its strongest peer"
    assert [text.get_text() for text in drawn.legends[0].get_texts()][1:] == ["scratchdae", "torch-inplace", "torch",
                                                                              "numpy", "jax"]  # fmt: skip
    assert [ax.get_title() for ax in drawn.axes] == ["H = 500", "H = 1000", "H = 2000"]
    for ax, H in zip(drawn.axes, (500, 1000, 2000), strict=True):
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        timed = 4 if H == 500 else 5
        assert len(ax.containers) == timed  # a line with error bars each
        assert len({line.get_marker() for line, _, _ in ax.containers}) == timed  # told apart without their colour
        limit = [line for line in ax.lines if str(line.get_label()).startswith("dense limit")]
        assert limit[0].get_ydata()[0] == pytest.approx(300e9 / (10 * 784 * H))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--peers", "tensorflow"],
            "--peers must be one of 'torch', 'torch-inplace', 'jax', 'numpy', 'sklearn', found",
        ),
        (["--peers", "torch,,numpy"], "'sklearn', found ''"),
        (["--peers", ""], "'sklearn', found ''"),
        (["--work", "pixel"], "invalid choice: 'pixel'"),
        (["--dtype", "float16"], "invalid choice: 'float16'"),
        (["--data", "cifar"], "invalid choice: 'cifar'"),
        (["--rounds", "two"], "argument --rounds: invalid int value: 'two'"),
        (["--threads", "1.5"], "argument --threads: invalid int value: '1.5'"),
        (["--rounds", "0"], "rounds must be an integer of at least 1, found 0"),
        (["--threads", "0"], "threads must be an integer of at least 1, found 0"),
        (["--threads", "100000"], "threads must be at most"),
        (["--grid", "huge"], "invalid choice: 'huge'"),
        (["--memory", "--scale"], "not allowed with"),
        (["--memory", "--rounds", "3"], "--rounds does not go with --memory"),
        (["--memory", "--work", "pixels"], "--work does not go with --memory"),
        (["--scale", "--work", "hidden"], "--work does not go with --scale"),
        (["--scale", "--peers", "numpy"], "--peers does not go with --scale"),
        (["--scale", "--data", "mnist"], "--scale draws its digits"),
        (["--out", __file__], "--out must be a folder, found the file"),
        (["--out", f"{__file__}/runs/bench"], "--out must be a folder, found the file"),
    ],
)
def test_bad_arguments_are_a_sentence(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("scratchdae bench: error: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


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


def test_help_imports_no_peer():
    code = """
import sys
from scratchdae.cli import main
try:
    main(["bench", "--help"])
except SystemExit:
    pass
heavy = ("torch", "jax", "sklearn", "numba", "scipy", "matplotlib", "threadpoolctl", "tqdm", "safetensors")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
