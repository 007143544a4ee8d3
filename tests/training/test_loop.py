"""The epoch loop: what it visits, what it records, when it stops, and what it refuses before it begins."""

import json

import numpy as np
import pytest
from optional_packages import require

from scratchdae import (
    Corruption,
    DenoisingAutoencoder,
    History,
    NonFiniteError,
    Training,
    autoencoder,
    evaluate,
    fit,
    streams,
)
from scratchdae.corruption import processes
from scratchdae.optimizers import SGD, Adam
from scratchdae.schedules import Geometric, Linear
from scratchdae.training import batches, evaluation, loop, steps
from scratchdae.training.options import FORESEEN
from scratchdae.training.state import fingerprint


@pytest.fixture
def x():
    return np.random.default_rng(1).random((23, 12))


def model(dtype=np.float64, **options):
    return DenoisingAutoencoder(12, 8, streams(3).initialisation, dtype=dtype, **options)


class Plain(SGD):
    """The same rule, but not the type that has a fused step."""


def equal(a, b):
    return all((a[name] == b[name]).all() for name in a)


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_every_example_is_visited_once_an_epoch(x, batch_size, monkeypatch):
    seen = []
    steps = autoencoder.sgd_steps

    def spy(params, x_tilde, target, *rates, **options):
        seen.extend(target.copy())  # it is overwritten by the next stretch
        return steps(params, x_tilde, target, *rates, **options)

    monkeypatch.setattr(autoencoder, "sgd_steps", spy)
    fit(model(), x, epochs=2, lr=0.1, batch_size=batch_size, backend="numpy")
    batches = -(-23 // batch_size)
    assert len(seen) == 2 * batches
    epochs = np.concatenate(seen[:batches]), np.concatenate(seen[batches:])
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch, axis=0), np.sort(x, axis=0))
    assert (epochs[0] != epochs[1]).any()


def test_the_loop_is_the_equations_applied_in_order(x):
    """One epoch against a loop written here: the streams, the corruption, the schedules, the penalty."""
    trained = model()
    lr, corruption = Geometric(0.2, 0.05, 3), Corruption("masking", Linear(0.5, 0.25, 3))
    history = fit(trained, x, epochs=3, lr=lr, corruption=corruption, l2=0.01, batch_size=5, seed=9, backend="numpy")
    params, (_, shuffling, corrupting, _, _) = model().params, streams(9)
    losses = []
    for lr, nu in zip((0.2, 0.1, 0.05), (0.5, 0.375, 0.25), strict=True):
        total, order = 0.0, shuffling.permutation(23)
        for start in range(0, 23, 5):
            clean = x[order[start : start + 5]]
            noisy = Corruption("masking", nu).corrupt(clean, corrupting)
            loss, grads = autoencoder.loss_and_grads(params, noisy, clean)
            grads["W"] = grads["W"] + 0.02 * params["W"]
            params = {name: value - lr * grads[name] for name, value in params.items()}
            total += loss * len(clean)
        losses.append(total / 23)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-12)
    np.testing.assert_allclose(trained.params["W"], params["W"], rtol=1e-10)
    np.testing.assert_allclose(history["lr"], [0.2, 0.1, 0.05], rtol=1e-12)
    np.testing.assert_allclose(history["corruption"], [0.5, 0.375, 0.25])
    assert history["penalty"][-1] == pytest.approx(0.01 * (params["W"] ** 2).sum(), rel=1e-10)


def test_backends_and_the_general_path_agree(x):
    require("numba")
    results = {}
    for name, options in (
        ("numpy", {"backend": "numpy"}),
        ("numba", {"backend": "numba"}),
        ("general", {"optimizer": Plain()}),
    ):
        trained = model()
        fit(trained, x, epochs=3, lr=0.1, batch_size=4, l2=1e-3, corruption=Corruption("masking", 0.25), **options)
        results[name] = trained.params
    for name in ("numba", "general"):
        np.testing.assert_allclose(results[name]["W"], results["numpy"]["W"], rtol=1e-11)


def test_same_seed_same_bits_and_separate_streams(x):
    first, again, other, uncorrupted = (model() for _ in range(4))
    common = {"epochs": 2, "lr": 0.1, "batch_size": 4}
    fit(first, x, corruption=Corruption("masking", 0.5), seed=1, **common)
    fit(again, x, corruption=Corruption("masking", 0.5), seed=1, **common)
    fit(other, x, corruption=Corruption("masking", 0.5), seed=2, **common)
    fit(uncorrupted, x, seed=1, **common)
    assert equal(first.params, again.params)
    assert not equal(first.params, other.params)
    assert not equal(first.params, uncorrupted.params)
    a, b = streams(5), streams(5)
    a.corruption.random(1000)  # more corruption drawn: the order of the examples is not disturbed
    np.testing.assert_array_equal(a.shuffling.permutation(50), b.shuffling.permutation(50))


def test_uint8_images_are_scaled_a_few_batches_at_a_time(monkeypatch):
    monkeypatch.setattr(batches, "STRETCH_SIZE", 2 * 8 * 12)  # numbers in two batches
    images = np.random.default_rng(0).integers(0, 256, (40, 12), dtype=np.uint8)
    whole, batched = model(np.float32), model(np.float32)
    fit(whole, (images / np.float32(255)).astype(np.float32), epochs=2, lr=0.1, batch_size=8, backend="numpy")
    largest = []
    prepare = processes.prepare
    monkeypatch.setattr(
        processes, "prepare", lambda x, rows, *rest: largest.append(len(rows)) or prepare(x, rows, *rest)
    )
    fit(batched, images, epochs=2, lr=0.1, batch_size=8, backend="numpy")
    np.testing.assert_allclose(batched.params["W"], whole.params["W"], rtol=1e-6)
    assert max(largest) == 16


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_what_an_example_becomes_does_not_depend_on_its_stretch(backend, x, monkeypatch):
    if backend == "numba":
        require("numba")
    weights = []
    for together in (1, 2, 256):
        monkeypatch.setattr(batches, "TOGETHER", together)
        trained = model()
        fit(trained, x, epochs=3, lr=0.1, batch_size=4, corruption=Corruption("salt_and_pepper", 0.4), backend=backend)
        weights.append(trained.params)
    assert equal(weights[0], weights[1])
    assert equal(weights[0], weights[2])


def test_targets_keep_to_their_examples(x):
    """A target that says which example it belongs to."""
    seen = []

    class Spy(DenoisingAutoencoder):
        def loss_and_grads(self, params, x_tilde, t, rng=None):
            seen.append((x_tilde.copy(), t.copy()))
            return super().loss_and_grads(params, x_tilde, t, rng)

    spy = Spy(12, 8, streams(3).initialisation, loss="squared_error", dtype=np.float64)
    fit(spy, x, x + 1, epochs=2, lr=1e-3, batch_size=5, optimizer=Plain(), backend="numpy")
    assert len(seen) == 10
    for x_tilde, t in seen:
        np.testing.assert_array_equal(t, x_tilde + 1)


def test_memory_maps_are_read_without_a_copy(tmp_path):
    import tracemalloc

    images = np.random.default_rng(0).integers(0, 256, (20_000, 784), dtype=np.uint8)  # 16 MB, 63 MB as float32
    np.save(tmp_path / "x.npy", images)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    small = DenoisingAutoencoder(784, 2, streams(0).initialisation, dtype=np.float32)
    del images
    tracemalloc.start()
    fit(small, mapped[:2000], epochs=1, lr=0.1, batch_size=500)  # what the loop needs at all
    few = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    fit(small, mapped, epochs=1, lr=0.1, batch_size=500)
    many = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert many < few + 2_000_000


def test_validation_is_clean_unless_asked_otherwise(x):
    corruption = Corruption("masking", 0.5)
    clean, noisy = model(), model()
    a = fit(clean, x[:15], epochs=2, lr=0.1, corruption=corruption, validation=x[15:])
    b = fit(noisy, x[:15], epochs=2, lr=0.1, corruption=corruption, validation=x[15:], corrupt_validation=True)
    assert equal(clean.params, noisy.params)
    assert a["validation_loss"][-1] == pytest.approx(float(clean.loss(clean.params, x[15:], x[15:])), rel=1e-13)
    x_tilde = corruption.corrupt(x[15:], streams(0).validation)
    assert b["validation_loss"][-1] == pytest.approx(float(noisy.loss(noisy.params, x_tilde, x[15:])), rel=1e-13)


def test_noise_of_an_evaluation_is_drawn_in_order(x):
    corruption = Corruption("gaussian", Linear(0.1, 0.5, 4))
    found = evaluate(model(loss="squared_error"), x, noise=(corruption, 2, np.random.default_rng(5)))
    x_tilde = corruption.corrupt(x, np.random.default_rng(5), 2)
    expected = model(loss="squared_error").loss(model().params, x_tilde, x)
    assert found == pytest.approx(float(expected), rel=1e-13)


def test_targets_other_than_the_input(x):
    target = x[:, ::-1].copy()
    trained = model(loss="squared_error")
    before = evaluate(trained, x, target)
    fit(trained, x, target, epochs=60, lr=0.1, validation=(x, target))
    assert evaluate(trained, x, target) < 0.9 * before


def test_early_stopping_keeps_the_best_parameters(x):
    """A learning rate that grows until it hurts: the validation loss falls, then rises."""
    trained = model(loss="squared_error", output="linear")
    history = fit(
        trained, x[:15], epochs=200, lr=Geometric(0.01, 3.0, 100), validation=x[15:], patience=3, batch_size=15
    )
    assert len(history) < 200
    assert history.best_epoch == len(history) - 3
    assert evaluate(trained, x[15:]) == pytest.approx(history["validation_loss"].min(), rel=1e-12)


def test_without_patience_the_last_parameters_stay(x):
    trained = model(loss="squared_error", output="linear")
    history = fit(trained, x[:15], epochs=20, lr=Geometric(0.01, 2.0, 20), validation=x[15:], batch_size=15)
    assert evaluate(trained, x[15:]) == pytest.approx(history["validation_loss"][-1], rel=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("optimizer", [None, Plain()])
def test_divergence_stops_with_the_place(x, backend, optimizer, tmp_path):
    if optimizer is not None and backend == "numba":
        backend = "auto"
    elif backend == "numba":
        require("numba")
    trained = model(np.float32, loss="squared_error", output="linear")
    with pytest.raises(
        NonFiniteError,
        match=r"(loss became|gradient of 'W' is not finite).* in epoch \d+, batch \d+; the learning rate was",
    ):
        fit(trained, x, epochs=50, lr=50.0, batch_size=4, backend=backend, optimizer=optimizer, out=tmp_path / "run")
    assert all(np.isfinite(value).all() for value in trained.params.values())


def test_a_gradient_that_overflows_alone_is_named(x):
    trained = model(np.float32, loss="squared_error", output="linear", tied=False)
    trained.params["b_prime"][:] = 1e18  # the loss, 1e37, is finite in float32
    trained.params["W_prime"][:] = 1e20 * np.array([1, -1] * 4)[:, None]  # cancels going forward, overflows going back
    with pytest.raises(
        NonFiniteError, match=r"the gradient of 'b' is not finite \(the loss was 1.2e\+37\) in epoch 1, batch 1"
    ):
        fit(trained, 0 * x, epochs=1, lr=0.1, backend="numpy")


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("bad", range(4))
def test_the_batch_that_overflows_is_the_one_that_is_asked_why(bad, backend):
    if backend == "numba":
        require("numba")
    trained = model(np.float32, loss="squared_error", output="linear", tied=False)
    trained.params["b_prime"][:] = 1e18
    trained.params["W_prime"][:] = 1e20 * np.array([1, -1] * 4)[:, None]
    step = steps.choose(trained, SGD(), backend)
    clean = np.full((4, 5, 12), 1e18, np.float32)  # reconstructed as it is, so that no gradient is left
    clean[bad] = 0
    run = loop._begin(trained, Training(1, 0.1), step, {})
    with np.errstate(over="ignore", invalid="ignore"):
        losses, culprit = step.take(run, 0 * clean, clean, 0.1, 0.0)
    assert culprit == "the gradient of 'W'"
    assert len(losses) == bad + 1


def test_a_schedule_of_ones_own_is_looked_at_as_far_as_it_is_foreseen():
    assert Training(FORESEEN + 1, lambda epoch: 0.1 * (epoch == FORESEEN)).epochs == FORESEEN + 1
    assert Training(3, Linear(0, 0.1, 3)).rate(2) == 0.1  # greater than 0 in the last epoch alone would do


@pytest.mark.parametrize(("n", "seen"), [(64, 1), (65, 2), (128, 2), (129, 3)])
def test_a_data_set_is_known_by_up_to_64_of_its_examples(n, seen):
    x = np.random.default_rng(n).random((n, 3))
    before = fingerprint(x, x)
    for row in range(n):
        changed = x.copy()
        changed[row] += 1
        assert (fingerprint(x, changed) == before) == (row % seen != 0)


def test_penalty_overflow_is_named(x):
    trained = model(np.float32, loss="squared_error")
    trained.params["W"][:] = 1e19
    with pytest.raises(NonFiniteError, match="the penalty became inf in epoch 1"):
        fit(trained, x, epochs=1, lr=1e-30, l2=1.0, backend="numpy")


def test_history_on_disk_is_the_history_in_memory(x, tmp_path):
    history = fit(model(), x[:15], epochs=3, lr=0.1, validation=x[15:], out=tmp_path / "run")
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == history.records
    assert History.read(tmp_path / "run" / "history.jsonl").records == history.records
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["training"]["lr"] == "0.1"
    assert config["training"]["error"] is None
    assert config["data"]["train"]["shape"] == [15, 12]


class Judge:
    """A measure that is an object has no name but its class's."""

    def __call__(self, model, x, target, params=None):
        return evaluate(model, x, target, params=params) / 2


@pytest.mark.parametrize(("error", "name"), [(evaluate, "evaluate"), (Judge(), "Judge")])
def test_the_measure_of_the_validation_is_recorded_by_its_name(x, tmp_path, error, name):
    """A run is resumed with the same alone: another would continue its column with other numbers."""

    def run(error, epochs):
        return fit(model(), x[:15], epochs=epochs, lr=0.1, validation=x[15:], error=error, out=tmp_path, resume=True)

    history = run(error, 2)
    assert json.loads((tmp_path / "config.json").read_text())["training"]["error"] == name
    assert None not in history["validation_error"]
    for other in (None, lambda *_, params: 1.0):
        with pytest.raises(ValueError, match=rf"training\.error = '{name}'"):
            run(other, 3)


def test_on_epoch_sees_every_record_and_its_parameters(x):
    seen = []
    trained = model()
    history = fit(
        trained, x, epochs=3, lr=0.1, on_epoch=lambda record, params: seen.append((record, params["W"].copy()))
    )
    assert [record for record, _ in seen] == history.records
    assert (seen[0][1] != seen[1][1]).any()
    np.testing.assert_array_equal(seen[-1][1], trained.params["W"])


def test_progress_bar_is_silent_without_a_terminal(x, capsys):
    fit(model(), x, epochs=2, lr=0.1)
    assert capsys.readouterr() == ("", "")


def test_auto_says_what_it_took_and_why(x):
    assert fit(model(), x, epochs=1, lr=0.1, backend="numpy").backend == "numpy (asked for)"
    assert (
        "no compiled twin for DenoisingAutoencoder with" in fit(model(), x, epochs=1, lr=0.1, optimizer=Plain()).backend
    )
    require("numba")
    assert fit(model(), x, epochs=1, lr=0.1).backend == "numba (numba is installed)"


def test_large_examples_are_evaluated_a_few_at_a_time(monkeypatch):
    """The floating-point copy stays within a million numbers, however large an example is."""
    seen = []
    convert = evaluation.to_float
    monkeypatch.setattr(evaluation, "to_float", lambda a, dtype: seen.append(a.shape) or convert(a, dtype))
    wide = DenoisingAutoencoder(300_000, 1, streams(0).initialisation, dtype=np.float32)
    value = evaluate(wide, np.full((7, 300_000), 51, np.uint8))
    assert max(shape[0] for shape in seen) == 3
    one = evaluate(wide, np.full((1, 300_000), 51, np.uint8))
    assert value == pytest.approx(one, rel=1e-6)


@pytest.mark.parametrize("optimizer", [SGD(), Adam()], ids=str)
@pytest.mark.parametrize("n", [1, 99, 100, 250, 1350], ids="{} examples".format)
def test_both_backends_find_the_same_validation_loss(n, optimizer):
    pytest.importorskip("numba")
    rng = np.random.default_rng(5)
    x, held_out = rng.random((40, 30)), rng.random((n, 30))
    options = {"epochs": 2, "lr": 0.1, "optimizer": optimizer, "validation": held_out, "corrupt_validation": True}
    found = []
    for name in ("numpy", "numba"):
        trained = DenoisingAutoencoder(30, 12, np.random.default_rng(0))
        history = fit(trained, x, corruption=Corruption("masking", 0.3), backend=name, batch_size=8, **options)
        found.append(history["validation_loss"])
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_a_notebook_has_its_bar_although_it_is_no_terminal(x, monkeypatch):
    import tqdm.auto

    seen = []

    class Bar(tqdm.auto.tqdm):
        def __init__(self, **options):
            seen.append(options["disable"])
            super().__init__(**options | {"disable": True})

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    fit(model(), x, epochs=1, lr=0.1)
    Bar.__module__ = "tqdm.notebook"  # as the class is that draws in a notebook
    fit(model(), x, epochs=1, lr=0.1)
    fit(model(), x, epochs=1, lr=0.1, progress=False)
    assert seen == [None, False, True]


def test_what_on_epoch_raises_ends_the_training_after_that_epoch(x, tmp_path):
    class Enough(Exception):
        pass

    def stop(record, params):
        if record["epoch"] == 3:
            raise Enough

    options = {"lr": 0.1, "progress": False, "backend": "numpy"}
    stopped, whole = model(), model()
    with pytest.raises(Enough):
        fit(stopped, x, epochs=9, on_epoch=stop, out=tmp_path / "run", **options)
    fit(whole, x, epochs=3, **options)
    for name, value in whole.params.items():
        np.testing.assert_array_equal(stopped.params[name], value)
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 2
