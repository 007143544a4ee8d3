"""`scratchdae bench`: who is timed, in which order, on the same work, and what is left. No test asserts a time."""

import dataclasses
import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from optional_packages import require

from scratchdae import autoencoder, datasets
from scratchdae.benchmark import figure, limits, machine, measure, memory, report, scale, work
from scratchdae.benchmark.competitors import PEERS, SCRATCHDAE, Competitor, reference
from scratchdae.benchmark.work import Setting
from scratchdae.cli import bench, main

IMAGES = datasets.digits().x_train
SMALL = Setting(7, 3)


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
    return Competitor(name, "a test's", (), lambda w, threads: reference.StepTrainer(w, step))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(measure, "_SETTLE", 0.0)
    monkeypatch.setattr(measure, "_AT_LEAST", 0.0)


@pytest.fixture
def tiny(monkeypatch):
    """Make a grid of two settings and limits that take no time."""
    monkeypatch.setitem(work.GRIDS, "small", ((5, 9), (1, 4)))
    monkeypatch.setattr(Setting, "steps", lambda self: 6)
    monkeypatch.setattr(bench.os, "cpu_count", lambda: 1)
    small = limits.measure
    monkeypatch.setattr(limits, "measure", lambda some, dtype, n: small(some, dtype, n, side=32, nbytes=2**16))


def test_work_is_the_same_every_time_and_masked_as_the_paper_does():
    first, again = work.prepare(SMALL, IMAGES, 4), work.prepare(SMALL, IMAGES, 4)
    assert first.x.shape == first.x_tilde.shape == (4, 3, 784)
    assert first.x.dtype == first.params["W"].dtype == np.float32
    assert np.array_equal(first.x_tilde, again.x_tilde)
    assert np.array_equal(first.params["W"], again.params["W"])
    changed = first.x_tilde != first.x
    assert not first.x_tilde[changed].any()  # only zeros were put in
    lit = (first.x > 0).sum()
    assert changed.sum() == pytest.approx(work.NU * lit, rel=0.1)  # 0.2484 of the lit pixels were found


@pytest.mark.parametrize("name", ["scratchdae", "torch", "torch-inplace", "jax", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_every_competitor_takes_the_steps_of_the_reference(name, dtype, batch_size):
    one = SCRATCHDAE if name == "scratchdae" else PEERS[name]
    for package in one.packages:
        require(package)
    setting = Setting(16, batch_size, dtype)
    error = measure.validate(one, work.prepare(setting, IMAGES, 6), threads=1)
    assert error < {"float32": 1e-5, "float64": 1e-13}[dtype]  # found: up to 2e-6 and 4e-15


@pytest.mark.parametrize("name", ["scratchdae", "torch", "torch-inplace", "jax", "numpy"])
def test_steps_then_stretches_go_on_from_where_they_were(name):
    """What is timed is what was validated: a step on the first batch, then one on each."""
    one = SCRATCHDAE if name == "scratchdae" else PEERS[name]
    for package in one.packages:
        require(package)
    task = work.prepare(Setting(16, 2, "float64"), IMAGES, 3)
    trainer = one.prepare(task, 1)
    trainer.step()
    trainer.stretch()
    expected = task.copy_params()
    for i in (0, 0, 1, 2):
        autoencoder.sgd_step(expected, task.x_tilde[i], task.x[i], task.lr)
    assert measure.update_error(trainer.params(), expected, task.params) < 1e-13
    assert not any(task.params[name].any() for name in ("b", "b_prime"))  # the common beginning is untouched


def test_a_wrong_update_is_reported_and_not_timed():
    right, wrong = competitor("right", autoencoder.sgd_step), competitor("wrong", forgetful)
    task = work.prepare(SMALL, IMAGES, 6)
    rows = measure.measure([wrong, right], SMALL, task, 1, rounds=2)
    assert [(row.name, row.right, len(row.rates)) for row in rows] == [("wrong", False, 0), ("right", True, 2)]
    assert rows[0].error > 0.01
    lines = "\n".join(report.table(rows))
    assert "wrong         WRONG, not timed" in lines
    assert rows[0].as_json()["samples_per_second"] is None


def test_the_summary_names_the_strongest_peer_of_each_setting():
    def row(name, B, rates, error=1e-6):
        return measure.Row(name, Setting(500, B), rates, 1.0, error)

    rows = (
        row("scratchdae", 1, (1000.0, 3000.0, 9000.0)), row("torch", 1, (1500.0,)), row("numpy", 1, (700.0,)),
        row("scratchdae", 20, (5000.0,)), row("torch", 20, (), error=0.3), row("numpy", 20, (10_000.0,)),
    )  # fmt: skip
    result = report.Result(rows, {}, limits.Limits({"numpy": 39.2, "torch": 19.6}, 1.0), 784, {})
    heading, first, second = report.summary(result)
    assert heading.split() == ["H", "B", "scratchdae", "torch", "numpy", "dense", "limit"]
    assert first.split()[:6] == ["500", "1", "3,000", "1,500", "700", "10,000"]
    assert first.endswith("scratchdae is 2.00 × torch")
    assert second.split()[:6] == ["500", "20", "5,000", "wrong", "10,000", "10,000"]
    assert second.endswith("scratchdae is 0.50 × numpy")


def test_an_update_of_nan_is_wrong():
    def nan(params, x_tilde, x, lr):
        params["b"] *= np.nan
        return 0.0, True

    (row,) = measure.measure([competitor("nan", nan)], SMALL, work.prepare(SMALL, IMAGES, 6), 1, rounds=1)
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

    three = [Competitor(name, "", (), lambda w, threads, name=name: Recorder(w, name)) for name in "abc"]
    measure.measure(three, SMALL, work.prepare(SMALL, IMAGES, 6), 1, rounds=4)
    timed = calls[3:]  # after the three validations
    assert timed[0::2] == [f"step {name}" for name in "abcbcacababc"]
    assert timed[1::2] == [f"stretch {name}" for name in "abcbcacababc"]


def test_a_rate_is_samples_by_seconds(monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: float(next(ticks)))
    monkeypatch.setattr(measure.time, "process_time", lambda: 0.0)
    _, _, stretches = measure._time(competitor("one", autoencoder.sgd_step).prepare(work.prepare(SMALL, IMAGES, 6), 1))
    (row,) = measure.measure(
        [competitor("one", autoencoder.sgd_step)], SMALL, work.prepare(SMALL, IMAGES, 6), 1, rounds=3
    )
    # One tick before the stretch, one to see whether to go on, one at the end: two seconds for 6 batches of 3.
    assert stretches == 1
    assert row.rates == (9.0, 9.0, 9.0)


def test_the_dense_limit_is_the_fastest_library_by_five_products():
    found = limits.Limits({"numpy": 100.0, "torch": 50.0}, 1.0)
    assert found.dense(784, 500) == pytest.approx(100e9 / (10 * 784 * 500))
    both = found.best(limits.Limits({"numpy": 90.0, "torch": 120.0, "jax": 10.0}, 5.0))
    assert both == limits.Limits({"numpy": 100.0, "torch": 120.0, "jax": 10.0}, 5.0)
    assert both.fastest == "torch"


@pytest.mark.parametrize("name", ["torch", "jax", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_product_of_each_library_is_measured(name, dtype, rng):
    for package in PEERS[name].packages:
        require(package)
    found = limits.measure([PEERS[name], SCRATCHDAE], dtype, 1, side=64, nbytes=2**16)
    assert set(found.gflops) == {"numpy", name}
    assert min(*found.gflops.values(), found.gbytes) > 0
    a, b = (rng.random((9, 9)).astype(dtype) for _ in range(2))
    multiply = PEERS[name].product or reference.product
    result = np.asarray(multiply(a, b, 1)())
    assert result.dtype == dtype
    np.testing.assert_allclose(result, a @ b, rtol=1e-5)


def test_bench_leaves_numbers_and_a_figure(tiny, tmp_path, capsys):
    out = tmp_path / "a" / "b"
    assert main(["bench", "--peers", "numpy,sklearn", "--rounds", "2", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "H = 9, B = 4, float32: samples a second, median (least to most) of 2 rounds" in said
    assert "sklearn: scikit-learn's MLPRegressor can neither tie its weights" in said
    assert sorted(path.name for path in out.iterdir()) == ["bench.json", "bench.png"]
    assert (out / "bench.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    content = json.loads((out / "bench.json").read_text())
    assert content["command"] == f"scratchdae bench --peers numpy,sklearn --rounds 2 --out {out}"
    assert content["threads"] == 1
    assert content["versions"]["numpy"] == np.__version__
    assert content["machine"]["processors"] == 1
    assert content["machine"]["blas"] in said
    assert content["limits"]["gemm_gflops"]["numpy"] > 0
    assert set(content["limits"]["dense_samples_per_second"]) == {"5", "9"}
    names = ["numpy"] if importlib.util.find_spec("numba") is None else ["scratchdae", "numpy"]
    found = [(row["name"], row["n_hidden"], row["batch_size"], row["dtype"]) for row in content["rows"]]
    assert found == [(name, H, B, "float32") for H in (5, 9) for B in (1, 4) for name in names]
    for row in content["rows"]:
        rates = row["samples_per_second"]
        assert 0 < rates["minimum"] <= rates["median"] <= rates["maximum"]
        assert row["right"]
        assert row["update_error"] < 1e-4
        assert row["rounds"] == 2
    assert "sklearn" in [entry["name"] for entry in content["left_out"]]


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
    broken = Competitor("broken", "", ("broken_package",), reference.plain)
    expected = "broken_package is installed but cannot be imported: it needs another NumPy"
    assert broken.reason_to_leave_out() == expected


def test_bench_fails_where_a_competitor_is_wrong(tiny, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(PEERS, "numpy", competitor("numpy", forgetful))
    assert main(["bench", "--peers", "numpy", "--rounds", "1", "--out", str(tmp_path)]) == 1
    assert "WRONG, not timed" in capsys.readouterr().out
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [row["samples_per_second"] for row in rows if row["name"] == "numpy"] == [None] * 4


def test_the_figure_has_a_panel_for_every_h_and_a_line_for_every_competitor():
    rows = tuple(
        measure.Row(name, Setting(H, B), (1e3 * B, 2e3 * B, 3e3 * B), 1.0, 1e-6)
        for H in (500, 1000, 2000)
        for B in (1, 20)
        for name in ("scratchdae", "numpy", "jax", "torch", "torch-inplace")
    )
    about = {"threads": 2, "machine": machine.describe()}
    drawn = figure.draw(report.Result(rows, {}, limits.Limits({"numpy": 300.0}, 50.0), 784, about))
    assert [ax.get_title() for ax in drawn.axes] == ["H = 500", "H = 1000", "H = 2000"]
    for ax, H in zip(drawn.axes, (500, 1000, 2000), strict=True):
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        assert len(ax.containers) == 5  # a line with error bars each
        styles = {(line.get_marker(), line.get_linestyle()) for line, _, _ in ax.containers}
        assert len({marker for marker, _ in styles}) == 5  # told apart without their colour
        limit = [line for line in ax.lines if str(line.get_label()).startswith("dense limit")]
        assert limit[0].get_ydata()[0] == pytest.approx(300e9 / (10 * 784 * H))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--peers", "tensorflow"],
            "--peers must be one of 'torch', 'torch-inplace', 'jax', 'numpy', 'sklearn', found",
        ),
        (["--rounds", "0"], "rounds must be an integer of at least 1, found 0"),
        (["--threads", "0"], "threads must be an integer of at least 1, found 0"),
        (["--threads", "100000"], "threads must be at most"),
        (["--grid", "huge"], "invalid choice: 'huge'"),
        (["--memory", "--scale"], "not allowed with"),
        (["--memory", "--rounds", "3"], "--rounds does not go with --memory"),
        (["--scale", "--peers", "numpy"], "--peers does not go with --scale"),
        (["--scale", "--data", "mnist"], "--scale draws its digits"),
        (["--out", __file__], "--out must be a folder, found the file"),
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
    monkeypatch.setattr(scale, "_epoch", lambda images, dtype: seen.append((type(images), len(images), dtype)))
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
