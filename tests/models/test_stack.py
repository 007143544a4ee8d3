"""Stacks: each stage is a plain `fit` on clean codes, fine-tuning begins where pretraining ended, and all can resume."""

import inspect
import itertools
import json
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from optional_packages import require

from scratchdae import (
    Corruption,
    DenoisingAutoencoder,
    GrowingPatience,
    LayerSpec,
    Sequential,
    classification_error,
    finetune,
    fit,
    load_model,
    pretrain,
    streams,
)
from scratchdae.activations import sigmoid
from scratchdae.datasets import digits
from scratchdae.layers import Dense
from scratchdae.models import stack
from scratchdae.models.stack import FINETUNE, codes, stage_seed
from scratchdae.schedules import Linear

FILES = ("checkpoint.safetensors", "history.jsonl", "config.json")
X, T = np.random.default_rng(0).random((90, 12)), np.random.default_rng(1).integers(0, 3, 90)
PIXELS = (255 * X).astype(np.uint8)
SPECS = [
    LayerSpec(9, nu=0.25, lr=0.1, epochs=3, batch_size=7),
    LayerSpec(8, nu=Corruption("gaussian", 0.3), lr=Linear(0.2, 0.1, 4), epochs=4, batch_size=5, loss="squared_error"),
    LayerSpec(7, nu=0.5, lr=0.05, epochs=2, batch_size=1),
]
TOP = {"epochs": 6, "lr": 0.3, "batch_size": 4, "validation": (X[60:], T[60:]), "patience": 4}


def equal(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# Pretraining


def test_the_first_layer_is_a_plain_fit_to_the_bit():
    (layer, *_), (history, *_) = pretrain(X, SPECS, seed=3)
    own = stage_seed(3, 1)
    direct = DenoisingAutoencoder(12, 9, streams(own).initialisation, dtype=np.float32)
    expected = fit(direct, X, epochs=3, lr=0.1, batch_size=7, corruption=Corruption("masking", 0.25), seed=own)
    equal(layer.params, direct.params)
    assert history.records == expected.records
    assert history.backend == expected.backend


def test_layers_above_see_clean_codes(monkeypatch):
    seen = []

    def spy(model, x, *args, **options):
        seen.append((x.copy(), options["validation"].copy(), options["training"].corruption))
        return fit(model, x, *args, **options)

    monkeypatch.setattr(stack, "fit", spy)
    layers, _ = pretrain(X[:60], SPECS, validation=X[60:])
    assert [corruption for *_, corruption in seen] == [spec.corruption for spec in SPECS]
    clean, clean_valid = X[:60].astype(np.float32), X[60:].astype(np.float32)
    for layer, (x, x_valid, _) in zip(layers, seen, strict=True):
        np.testing.assert_allclose(x, clean, rtol=1e-6)
        np.testing.assert_allclose(x_valid, clean_valid, rtol=1e-6)
        # From the equation, with the layer's final parameters: not corrupted, and not those of another epoch.
        clean, clean_valid = (sigmoid(h @ layer.params["W"] + layer.params["b"]) for h in (clean, clean_valid))


def test_a_layer_added_above_changes_nothing_below():
    two, three = pretrain(X, SPECS[:2])[0], pretrain(X, SPECS)[0]
    for below, same in zip(two, three, strict=False):
        equal(below.params, same.params)
    assert len({stage_seed(seed, stage) for seed in range(50) for stage in range(5)}) == 250
    assert type(stage_seed(0, 1)) is int  # NumPy's would overflow where somebody counts on from it


def test_without_corruption_it_stacks_ordinary_autoencoders():
    """nu = 0 draws nothing: the result does not depend on what would have been destroyed."""
    layers, histories = pretrain(X, [LayerSpec(9, nu=0), LayerSpec(8, nu=Corruption("masking", 0.0))])
    direct = DenoisingAutoencoder(12, 9, streams(stage_seed(0, 1)).initialisation, dtype=np.float32)
    fit(direct, X, epochs=10, lr=0.1, seed=stage_seed(0, 1))
    equal(layers[0].params, direct.params)
    assert np.isnan(histories[0]["corruption"]).all()
    assert (histories[1]["corruption"] == 0).all()


@pytest.mark.parametrize("function", [pretrain, finetune])
def test_what_is_left_out_is_what_fit_takes_for_it(function):
    those, ours = inspect.signature(fit).parameters, inspect.signature(function).parameters
    common = those.keys() & ours.keys()
    assert common >= {"validation", "out", "resume", "progress", "on_epoch"}
    assert {name: ours[name].default for name in common} == {name: those[name].default for name in common}


def test_no_epochs_leave_the_first_weights(tmp_path):
    specs = [LayerSpec(spec.units, epochs=0) for spec in SPECS]
    layers, histories = pretrain(X, specs, seed=5, out=tmp_path / "run")
    for stage, (layer, spec) in enumerate(zip(layers, SPECS, strict=True), start=1):
        rng = streams(stage_seed(5, stage)).initialisation
        equal(layer.params, DenoisingAutoencoder(layer.n_visible, spec.units, rng, dtype=np.float32).params)
    assert [len(history) for history in histories] == [0, 0, 0]
    assert not (tmp_path / "run").exists()


def test_an_untrained_layer_under_a_trained_one_is_passed():
    mixed = [LayerSpec(9, epochs=0), SPECS[1]]
    (first, second), _ = pretrain(X, mixed)
    own = stage_seed(0, 2)
    direct = DenoisingAutoencoder(9, 8, streams(own).initialisation, dtype=np.float32, loss="squared_error")
    options = {"epochs": 4, "lr": SPECS[1].lr, "batch_size": 5, "corruption": SPECS[1].nu, "seed": own}
    fit(direct, codes([first], X), **options)
    equal(second.params, direct.params)


def test_codes_are_those_of_the_stack_however_many_at_a_time(monkeypatch):
    layers, _ = pretrain(X, SPECS, dtype=np.float64)
    h = X
    for layer in layers:
        h = layer.encode(h)
    np.testing.assert_allclose(codes(layers, X), h, rtol=1e-13)
    monkeypatch.setattr(stack, "EVALUATION_BATCH", 7)
    np.testing.assert_allclose(codes(layers, X), h, rtol=1e-13)
    np.testing.assert_allclose(codes(layers[:1], PIXELS), layers[0].encode(PIXELS / 255), rtol=1e-13)
    assert codes(pretrain(X, SPECS)[0], X).dtype == np.float32


# Fine-tuning


def test_finetuning_begins_with_the_pretrained_weights(monkeypatch):
    begin = {}

    def spy(model, *args, **options):
        begin.update({name: value.copy() for name, value in model.params.items()}, output=model.predict(X))
        return fit(model, *args, **options)

    layers, _ = pretrain(X, SPECS, dtype=np.float64)
    before = [{name: value.copy() for name, value in layer.params.items()} for layer in layers]
    monkeypatch.setattr(stack, "fit", spy)
    network, _ = finetune(layers, X, T, epochs=1, lr=0.5, init_W="glorot_normal")
    for k, params in enumerate(before, start=1):
        np.testing.assert_array_equal(begin[f"dense_{k}.W"], params["W"])
        np.testing.assert_array_equal(begin[f"dense_{k}.b"], params["b"])
        assert (network.params[f"dense_{k}.W"] != params["W"]).any()  # all layers learn
        equal(layers[k - 1].params, params)  # and the stack keeps its own
    assert np.abs(begin["dense_4.W"]).min() > 0
    expected = codes(layers, X) @ begin["dense_4.W"] + begin["dense_4.b"]
    np.testing.assert_allclose(begin["output"], expected, rtol=1e-13)


def test_the_output_layer_begins_at_zero():
    layers, _ = pretrain(X, SPECS)
    first = []
    finetune(layers, X, T, epochs=1, lr=1e-30, on_epoch=lambda record, params: first.append((record["loss"], params)))
    assert np.abs(first[0][1]["dense_4.W"]).max() < 1e-25
    assert first[0][0] == pytest.approx(np.log(3), rel=1e-6)


def test_no_layers_are_logistic_regression():
    network, history = finetune([], X, T, epochs=3, lr=0.1, seed=2)
    direct = Sequential([Dense(3, "zeros")], (12,), streams(0).layers, loss="softmax_cross_entropy")
    expected = fit(direct, X, T, epochs=3, lr=0.1, seed=stage_seed(2, FINETUNE))
    equal(network.params, direct.params)
    assert history.records == expected.records
    assert finetune([], PIXELS, T, epochs=1, lr=0.1)[0].dtype == np.float32


def test_it_stops_on_the_error_and_keeps_the_parameters_of_the_lowest():
    """One absurd validation example makes the loss rise from the first epoch, while the error falls for many."""
    labels = (X[:, 0] > 0.6).astype(int)
    x_valid, t_valid = np.vstack([X[60:], 100 * np.eye(12)[:1]]), np.append(labels[60:], 0)
    options = {"epochs": 300, "lr": 0.2, "batch_size": 4, "validation": (x_valid, t_valid), "patience": 15}
    network, history = finetune([], X[:60], labels[:60], **options)
    errors = history["validation_error"]
    assert np.argmin(history["validation_loss"]) == 0
    assert history.best_epoch == np.argmin(errors) + 1 > 1
    assert len(history) == history.best_epoch + 15 < 300
    assert classification_error(network, x_valid, t_valid) == errors.min() < errors[0]


def test_error_of_classification():
    network = Sequential([Dense(3)], (12,), streams(0).layers, loss="softmax_cross_entropy")
    x, t = np.tile(X, (30, 1)), np.tile(T, 30)  # more than are evaluated at a time
    expected = (network.predict(x).argmax(axis=1) != t).mean()
    assert 0 < expected < 1
    assert classification_error(network, x, t) == pytest.approx(expected, rel=1e-14)
    assert classification_error(network, x, network.predict(x).argmax(axis=1)) == 0
    params = network.params | {"dense_1.W": -network.params["dense_1.W"]}
    other = classification_error(network, x, t, params=params)
    assert other == pytest.approx(((-network.predict(x)).argmax(axis=1) != t).mean(), rel=1e-14)
    assert np.isnan(classification_error(network, x, t, params=params | {"dense_1.b": np.array([0, np.nan, 0])}))


def tutorial(errors, n, patience, factor, threshold):
    """Count minibatches as the tutorials do; return how many epochs are validated."""
    patience, least, validated = patience * n, np.inf, 0
    for epoch in range(len(errors)):
        for batch in range(n):
            step = epoch * n + batch
            if batch == n - 1:
                validated += 1
                if errors[epoch] < least:
                    if errors[epoch] < least * threshold:
                        patience = max(patience, step * factor)
                    least = errors[epoch]
            if patience <= step:
                return validated
    return validated


@pytest.mark.parametrize("n", [2, 10, 500])
@pytest.mark.parametrize("epochs", [2, 3, 10])
def test_growing_patience_is_that_of_the_tutorials(n, epochs):
    rng = np.random.default_rng(n)
    stopped = []
    for _ in range(200):
        errors = np.exp(-rng.uniform(0, 0.3) * np.arange(80)) + rng.uniform(0, 0.2) * rng.random(80)
        rule = GrowingPatience(epochs, 2.0, 0.995)
        ours = next((k for k in range(1, 80) if rule.over(errors[:k])), 80)
        assert ours == tutorial(errors, n, epochs, 2.0, 0.995)
        stopped.append(ours)
    assert min(stopped) < 80
    assert len(set(stopped)) > 5


def test_growing_patience_waits_as_the_tutorials_do():
    assert GrowingPatience() == GrowingPatience(10, 2.0, 0.995)


def test_growing_patience_passes_what_is_no_number():
    errors = np.array([0.5, np.nan, 0.4, 0.4, 0.4, 0.4, 0.4])
    over = [GrowingPatience(2).over(errors[:k]) for k in range(1, 8)]
    assert over == [False, True, False, False, True, True, True]  # 0.4 was an improvement on 0.5


def test_growing_patience_stops_a_run():
    rates = Linear(1e-30, 1e-29, 40)  # nothing is learnt: the first epoch is the last improvement
    _, history = finetune([], X[:60], T[:60], **TOP | {"lr": rates, "epochs": 40, "patience": GrowingPatience(5)})
    assert len(history) == 5
    assert history.best_epoch == 1


@pytest.mark.parametrize("depth", [1, 3])
def test_backends_agree(depth):
    require("numba")
    results = {}
    for backend in ("numpy", "numba"):
        layers, histories = pretrain(X[:60], SPECS[:depth], dtype=np.float64, backend=backend)
        network, history = finetune(layers, X[:60], T[:60], backend=backend, **TOP)
        assert {h.backend.partition(" ")[0] for h in [*histories, history]} == {backend}
        results[backend] = network.params, history["loss"], history["validation_error"]
    assert "all layers fused" in history.backend
    for name, value in results["numpy"][0].items():
        np.testing.assert_allclose(results["numba"][0][name], value, rtol=1e-12, atol=1e-12 * np.abs(value).max())
    np.testing.assert_allclose(results["numba"][1], results["numpy"][1], rtol=1e-12)
    np.testing.assert_array_equal(results["numba"][2], results["numpy"][2])


@pytest.mark.parametrize("epochs", [0, 3])
def test_it_learns_the_digits(epochs):
    data = digits()
    x, t, x_valid, t_valid = data.x_train[:2000], data.t_train[:2000], data.x_train[2000:3000], data.t_train[2000:3000]
    layers, _ = pretrain(x, [LayerSpec(100, nu=0.2, lr=0.05, epochs=epochs)] * 2)
    network, _ = finetune(layers, x, t, epochs=15, lr=0.2, validation=(x_valid, t_valid), patience=4)
    error = classification_error(network, data.x_test, data.t_test)
    assert error < 0.075  # found 0.035 to 0.060 with eight seeds; chance is 0.9


# Stopping and going on


def both(out, *, specs=SPECS, seed=1, stop=None, **options):
    """Pretrain and fine-tune in a folder; be interrupted after an epoch of a stage, before it is written."""

    def watch(stage, record, params=None):
        if stop == (stage, record["epoch"]):
            raise KeyboardInterrupt

    common = {"seed": seed, "out": out, "resume": True}
    layers, histories = pretrain(X[:60], specs, validation=X[60:], on_epoch=watch, **common)
    top = {**TOP, **common, "on_epoch": lambda record, params: watch("finetune", record), **options}
    return finetune(layers, X[:60], T[:60], **top), layers, histories


def test_interrupted_in_any_epoch_and_resumed_ends_in_the_same_bits(tmp_path):
    (network, history), layers, _ = both(tmp_path / "whole")
    expected = contents(tmp_path / "whole")
    stages = ["layer_1", "layer_2", "layer_3", "finetune"]
    assert {str(path) for path in expected} == {f"{stage}/{name}" for stage in stages for name in FILES}
    for stage, epochs in zip(stages, (3, 4, 2, len(history)), strict=True):
        for epoch in range(1, epochs + 1):
            out = tmp_path / f"{stage}_{epoch}"
            with pytest.raises(KeyboardInterrupt):
                both(out, stop=(stage, epoch))
            assert contents(out) != expected
            (again, records), layers_again, _ = both(out)
            assert contents(out) == expected
            assert records.records == history.records
            equal(again.params, network.params)
            for one, other in zip(layers, layers_again, strict=True):
                equal(one.params, other.params)
    equal(load_model(tmp_path / "whole" / "finetune").params, network.params)
    equal(load_model(tmp_path / "whole" / "layer_2").params, layers[1].params)


TRAIN = """
import sys
import numpy as np
from scratchdae import GrowingPatience, LayerSpec, finetune, pretrain
rng = np.random.default_rng(0)
x, t = rng.random((200, 30)).astype(np.float32), rng.integers(0, 4, 200)
print("ready", flush=True)
common = dict(out=sys.argv[1], resume=True, backend=sys.argv[2])
layers, _ = pretrain(x[:150], [LayerSpec(40, 0.3, 0.05, 25, 7), LayerSpec(30, 0.2, 0.05, 25, 10)], **common)
finetune(layers, x[:150], t[:150], epochs=25, lr=0.1, batch_size=5, validation=(x[150:], t[150:]),
         patience=GrowingPatience(25), **common)
"""


def test_killed_at_any_moment_and_resumed_ends_in_the_same_bits(tmp_path, backend):
    def start(out):
        return subprocess.Popen([sys.executable, "-c", TRAIN, str(out), backend], stdout=subprocess.PIPE)

    whole = start(tmp_path / "whole")
    whole.communicate()
    assert whole.returncode == 0
    rng, kills, killed = np.random.default_rng(0), set(), tmp_path / "killed"
    for stage in ("layer_1", "layer_1", "layer_2", "layer_2", "finetune", "finetune"):
        process = start(killed)
        process.stdout.read(5)
        history = killed / stage / "history.jsonl"
        lines = history.read_bytes().count(b"\n") if history.exists() else 0
        # Wait until it is in that stage and has got on, then a moment more: kills fall before, in and after the writes.
        while process.poll() is None and (not history.exists() or history.read_bytes().count(b"\n") <= lines):
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            kills.add(stage)
    process = start(killed)
    process.communicate()
    assert process.returncode == 0
    assert len(kills) >= 2
    for stage in ("layer_1", "layer_2", "finetune"):
        for name in FILES:
            assert (killed / stage / name).read_bytes() == (tmp_path / "whole" / stage / name).read_bytes()


def test_a_layer_may_be_added_to_what_is_there(tmp_path):
    common = {"out": tmp_path / "run", "resume": True}
    pretrain(X, SPECS[:2], **common)
    below = contents(tmp_path / "run")
    deeper, _ = pretrain(X, SPECS, **common)
    assert {path: content for path, content in contents(tmp_path / "run").items() if path in below} == below
    equal(deeper[2].params, pretrain(X, SPECS)[0][2].params)


def replaced(index, **changes):
    specs = list(SPECS)
    specs[index] = LayerSpec(**{**vars(specs[index]), **changes})
    return specs


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"specs": replaced(0, epochs=5)}, r"layer_1.*origin\.layer_1\.epochs = 3 and cannot be resumed with 5"),
        ({"specs": replaced(0, epochs=2)}, r"layer_1.*origin\.layer_1\.epochs = 3"),
        ({"specs": replaced(1, lr=0.3)}, r"layer_2.*origin\.layer_2\.lr = 'linear\(0\.2, 0\.1, 4\)'"),
        ({"specs": replaced(1, nu=0.3)}, r"layer_2.*origin\.layer_2\.corruption = 'gaussian:0\.3'"),
        ({"specs": replaced(2, units=6)}, r"layer_3.*model\.n_hidden = 7"),
        ({"seed": 2}, r"origin\.seed = 1"),
        ({"lr": 0.1}, r"finetune.*training\.lr = '0\.3'"),
        ({"patience": GrowingPatience(3)}, r"finetune.*training\.patience = 4.*'GrowingPatience\(epochs=3"),
        ({"specs": [LayerSpec(spec.units, epochs=0) for spec in SPECS]}, r"finetune.*origin\.sha256_of_first_params"),
    ],
)
def test_resuming_something_else_is_refused(tmp_path, options, what):
    both(tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(ValueError, match=what):
        both(tmp_path / "run", **options)
    assert contents(tmp_path / "run") == before


def test_what_is_there_is_not_overwritten(tmp_path):
    both(tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(ValueError, match="layer_1 holds a run already; resume it, or choose another folder"):
        pretrain(X[:60], SPECS, out=tmp_path / "run")
    with pytest.raises(ValueError, match="finetune holds a run already"):
        finetune([], X[:60], T[:60], epochs=1, lr=0.1, out=tmp_path / "run")
    assert contents(tmp_path / "run") == before


# Bad input


def test_a_specification_goes_through_json():
    for spec in SPECS:
        found = json.loads(json.dumps(spec.config))
        assert found == spec.config
        assert Corruption.parse(found["corruption"]) == spec.corruption
    assert len({*SPECS, LayerSpec(9, nu=0.25, epochs=3, batch_size=7)}) == 3


def layers_of(*sizes, dtype=np.float64):
    return [DenoisingAutoencoder(a, b, streams(0).layers, dtype=dtype) for a, b in itertools.pairwise(sizes)]


def tune(layers=(), x=X, labels=T, **options):
    return lambda: finetune(layers, x, labels, **{"epochs": 1, "lr": 0.1} | options)


CASES = {
    "no units": (lambda: LayerSpec(0), "units must be an integer of at least 1, found 0"),
    "nu per cent": (lambda: LayerSpec(3, nu=25), "nu must be a finite number, at least 0 and at most 1, found 25"),
    "nu in words": (lambda: LayerSpec(3, nu="masking:0.1"), "nu must be a finite number"),
    "lr zero": (lambda: LayerSpec(3, lr=0), "lr must be a finite number, greater than 0"),
    "epochs negative": (lambda: LayerSpec(3, epochs=-1), "epochs must be an integer of at least 0"),
    "no batch": (lambda: LayerSpec(3, batch_size=0), "batch_size must be an integer"),
    "no batch, untrained": (lambda: LayerSpec(3, epochs=0, batch_size=0), "batch_size must be an integer"),
    "lr negative, untrained": (lambda: LayerSpec(3, epochs=0, lr=-1.0), "lr must be a finite number, greater than 0"),
    "unknown loss": (lambda: LayerSpec(3, loss="huber"), "loss must be one of 'cross_entropy', 'squared_error'"),
    "sizes for specifications": (lambda: pretrain(X, [5, 4]), r"specs\[0\] must be a LayerSpec, found 5"),
    "one specification": (lambda: pretrain(X, [SPECS[0], None]), r"specs\[1\] must be a LayerSpec, found None"),
    "examples a list": (lambda: pretrain(X.tolist(), SPECS), "x must be a matrix with one example a row, found list"),
    "examples a vector": (lambda: pretrain(X[0], SPECS), r"x must be a matrix .*, found float64 \(12,\)"),
    "no examples": (lambda: pretrain(X[:0], SPECS), r"x must be a matrix .*, found float64 \(0, 12\)"),
    "examples above one": (lambda: pretrain(2 * X, SPECS), r"x does not fit the model: target must lie in \[0, 1\]"),
    "examples NaN": (lambda: pretrain(X * np.nan, SPECS), "x must be finite"),
    "validation columns": (lambda: pretrain(X, SPECS, validation=X[:, :5]), "validation does not fit the model"),
    "dtype": (lambda: pretrain(X, SPECS, dtype=int), "dtype must be one of"),
    "seed": (lambda: pretrain(X, SPECS, seed=-1), "seed must be an integer"),
    "resuming nowhere": (lambda: pretrain(X, SPECS, resume=True), "resume needs the folder"),
    "codes of no layers": (lambda: codes([], X), "layers must hold at least one layer, found none"),
    "codes of other examples": (lambda: codes(layers_of(5, 4), X), "layer 1 must have as many inputs as the 12 columns"),
    "codes of a list": (lambda: codes(layers_of(12, 4), [[0.1] * 12]), "x must be a matrix"),
    "layers that do not meet": (
        tune([*layers_of(12, 4), *layers_of(5, 4)]), "layer 2 must have as many inputs as the 4 hidden units of layer 1, found 5"),
    "layers of two dtypes": (
        tune([*layers_of(12, 4), *layers_of(4, 3, dtype=np.float32)]), "layer 2 must have the dtype of layer 1, float64, found float32"),
    "layers that are none": (tune([Dense(3)]), "layer 1 must be a DenoisingAutoencoder or RestrictedBoltzmannMachine, found Dense"),
    "labels of floats": (tune(labels=T / 1.0), r"labels must be a vector of integers, found float64 \(90,\)"),
    "labels one-hot": (tune(labels=np.eye(3, dtype=int)[T]), r"labels must be a vector of integers, found int64 \(90, 3\)"),
    "labels a list": (tune(labels=T.tolist()), "labels must be a vector of integers, found list"),
    "labels too few": (tune(labels=T[:80]), "x and its target must have as many examples, found 90 and 80"),
    "labels negative": (tune(labels=T - 1), "target must be integer labels from 0 to 1"),
    "labels beyond the classes": (tune(classes=2), "target must be integer labels from 0 to 1"),
    "pixels with a late label beyond the classes": (
        tune(x=PIXELS, labels=np.arange(90) // 89 * 7, classes=3), "target must be integer labels from 0 to 2"),
    "validation label beyond the classes": (
        tune(validation=(PIXELS, np.arange(90))), "validation does not fit the model: target must be integer labels"),
    "validation without labels": (tune(validation=X), "validation must be examples and labels, found ndarray"),
    "classes none": (tune(classes=0), "classes must be an integer"),
    "initializer": (tune(init_W="ones"), "initializer must be one of"),
    "patience without validation": (tune(patience=3), "patience needs validation data"),
    "growing patience without validation": (tune(patience=GrowingPatience()), "patience needs validation data"),
    "patience in words": (tune(patience="long", validation=(X, T)), "patience must be an integer"),
    "fine-tuning, resuming nowhere": (tune(resume=True), "resume needs the folder"),
    "growing patience, epochs": (lambda: GrowingPatience(0), "epochs must be an integer"),
    "growing patience, factor": (lambda: GrowingPatience(factor=1), "factor must be a finite number, greater than 1"),
    "growing patience, threshold": (lambda: GrowingPatience(threshold=1.1), "threshold must be a finite number"),
    "error without validation": (
        lambda: fit(layers_of(12, 4)[0], X, epochs=1, lr=0.1, error=classification_error), "error needs validation data"),
    "error a number": (
        lambda: fit(layers_of(12, 4)[0], X, epochs=1, lr=0.1, error=0.1, validation=X), "error must be a function like"),
    "error of other labels": (lambda: classification_error(tune()()[0], X, T + 1), "x does not fit the model: target must be"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "what"), CASES.values(), ids=CASES)
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()


@pytest.mark.parametrize(
    "call", [partial(pretrain, 2 * X, SPECS), partial(finetune, [], X, T, epochs=1, lr=0.1, classes=2)]
)
def test_what_is_refused_leaves_nothing(call, tmp_path):
    with pytest.raises(ValueError, match="must"):
        call(out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
