"""Deep belief networks: a stack of Boltzmann machines that differs from the others in its specification alone."""

import json

import numpy as np
import pytest
from optional_packages import require

from scratchdae import (
    Corruption,
    DenoisingAutoencoder,
    LayerSpec,
    classification_error,
    finetune,
    fit,
    load_model,
    pretrain,
    streams,
)
from scratchdae.activations import sigmoid
from scratchdae.datasets import digits
from scratchdae.models import stack
from scratchdae.models.boltzmann import RestrictedBoltzmannMachine
from scratchdae.models.stack import codes, stage_seed
from scratchdae.schedules import Linear

X, T = np.random.default_rng(0).random((90, 12)), np.random.default_rng(1).integers(0, 3, 90)
SPECS = [
    LayerSpec(9, lr=0.1, epochs=3, batch_size=7, kind="rbm"),
    LayerSpec(8, lr=Linear(0.2, 0.1, 3), epochs=3, batch_size=5, kind="rbm", k=2),
]
TOP = {"epochs": 4, "lr": 0.3, "batch_size": 4, "validation": (X[60:], T[60:]), "patience": 3}


def equal(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_each_layer_is_a_plain_fit_to_the_probabilities_below():
    layers, histories = pretrain(X[:60], SPECS, validation=X[60:], seed=3)
    x, x_valid = X[:60].astype(np.float32), X[60:].astype(np.float32)
    for stage, (spec, layer, history) in enumerate(zip(SPECS, layers, histories, strict=True), start=1):
        own = stage_seed(3, stage)
        direct = RestrictedBoltzmannMachine(
            x.shape[1], spec.units, streams(own).initialisation, k=spec.k, dtype=np.float32
        )
        options = {"epochs": spec.epochs, "lr": spec.lr, "batch_size": spec.batch_size, "seed": own}
        expected = fit(direct, x, validation=x_valid, **options)
        equal(layer.params, direct.params)
        assert history.records == expected.records
        assert history.backend == expected.backend
        x, x_valid = (direct.encode(h) for h in (x, x_valid))
    h = X[60:]
    for layer in layers:
        h = sigmoid(h @ layer.params["W"] + layer.params["b"])
    np.testing.assert_allclose(codes(layers, X[60:]), h, rtol=1e-5)


def test_finetuning_begins_with_the_machines_weights(monkeypatch):
    begin = {}

    def spy(model, *args, **options):
        begin.update({name: value.copy() for name, value in model.params.items()})
        return fit(model, *args, **options)

    layers, _ = pretrain(X, SPECS, dtype=np.float64)
    monkeypatch.setattr(stack, "fit", spy)
    network, _ = finetune(layers, X, T, epochs=1, lr=0.5)
    for k, layer in enumerate(layers, start=1):
        for name in ("W", "b"):
            np.testing.assert_array_equal(begin[f"dense_{k}.{name}"], layer.params[name])
    assert (network.params["dense_2.W"] != layers[1].params["W"]).any()


def test_machines_and_autoencoders_stack_on_each_other():
    mixed = [SPECS[0], LayerSpec(8, nu=0.25, epochs=2), LayerSpec(7, epochs=0, kind="rbm")]
    layers, histories = pretrain(X, mixed)
    assert [type(layer).__name__[0] for layer in layers] == ["R", "D", "R"]
    own = stage_seed(0, 2)
    direct = DenoisingAutoencoder(9, 8, streams(own).initialisation, dtype=np.float32)
    fit(direct, codes(layers[:1], X), epochs=2, lr=0.1, corruption=Corruption("masking", 0.25), seed=own)
    equal(layers[1].params, direct.params)
    assert len(histories[2]) == 0
    assert layers[2].params["W"].std() < 0.02  # as drawn


def both(out, *, specs=SPECS, stop=None):
    """Pretrain and fine-tune in a folder; be interrupted after an epoch of a stage, before it is written."""

    def watch(stage, record, params=None):
        if stop == (stage, record["epoch"]):
            raise KeyboardInterrupt

    common = {"out": out, "resume": True}
    layers, _ = pretrain(X[:60], specs, on_epoch=watch, **common)
    return finetune(layers, X[:60], T[:60], **TOP, **common)[0], layers


def test_interrupted_in_any_epoch_and_resumed_ends_in_the_same_bits(tmp_path):
    network, layers = both(tmp_path / "whole")
    expected = contents(tmp_path / "whole")
    assert len(expected) == 9
    for stage in ("layer_1", "layer_2"):
        for epoch in (1, 2, 3):
            out = tmp_path / f"{stage}_{epoch}"
            with pytest.raises(KeyboardInterrupt):
                both(out, stop=(stage, epoch))
            assert contents(out) != expected
            again, _ = both(out)
            assert contents(out) == expected
            equal(again.params, network.params)
    equal(load_model(tmp_path / "whole" / "layer_2").params, layers[1].params)


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (LayerSpec(9, lr=0.1, epochs=3, batch_size=7), r"layer_1.*"),
        (LayerSpec(9, lr=0.1, epochs=3, batch_size=7, kind="rbm", k=2), r"layer_1.*model\.k = 1"),
        (LayerSpec(9, lr=0.1, epochs=4, batch_size=7, kind="rbm"), r"layer_1.*origin\.layer_1\.epochs = 3"),
    ],
)
def test_resuming_something_else_is_refused(tmp_path, spec, what):
    both(tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(ValueError, match=what + ".*cannot be resumed with"):
        both(tmp_path / "run", specs=[spec, SPECS[1]])
    assert contents(tmp_path / "run") == before


def test_it_learns_the_digits():
    data = digits()
    x, t, x_valid, t_valid = data.x_train[:2000], data.t_train[:2000], data.x_train[2000:3000], data.t_train[2000:3000]
    layers, histories = pretrain(x, [LayerSpec(100, lr=0.05, epochs=5, kind="rbm")] * 2)
    for history in histories:
        assert history["loss"][-1] < 0.8 * history["loss"][0]
    network, _ = finetune(layers, x, t, epochs=15, lr=0.2, validation=(x_valid, t_valid), patience=4)
    assert classification_error(network, data.x_test, data.t_test) < 0.06


# Specifications


def test_what_an_autoencoder_records_has_not_changed():
    """To the order of its keys: runs of before there were machines must resume, byte for byte."""
    spec = LayerSpec(100, nu=0.1, lr=0.02, epochs=15, batch_size=20)
    assert json.dumps(spec.config) == (
        '{"units": 100, "corruption": "masking:0.1", "lr": "0.02", "epochs": 15, "batch_size": 20, '
        '"loss": "cross_entropy"}'
    )


def test_a_machines_specification_goes_through_json():
    found = [json.loads(json.dumps(spec.config)) for spec in SPECS]
    assert found[0] == {"kind": "rbm", "units": 9, "k": 1, "lr": "0.1", "epochs": 3, "batch_size": 7}
    assert found[1]["k"] == 2
    assert len({*SPECS, LayerSpec(9, lr=0.1, epochs=3, batch_size=7), LayerSpec(**vars(SPECS[0]))}) == 3


CASES = {
    "a chain in an autoencoder": (lambda: LayerSpec(3, k=2), "k must be left out for an autoencoder"),
    "no step": (lambda: LayerSpec(3, kind="rbm", k=0), "k must be an integer of at least 1"),
    "destruction in a machine": (lambda: LayerSpec(3, nu=0.1, kind="rbm"), "nu and loss must be left out .* nu=0.1"),
    "noise in a machine": (
        lambda: LayerSpec(3, nu=Corruption("gaussian", 0.3), kind="rbm"), "nu and loss .* nu=gaussian:0.3"),
    "another loss": (lambda: LayerSpec(3, loss="squared_error", kind="rbm"), "nu and loss .* loss='squared_error'"),
    "unknown kind": (lambda: LayerSpec(3, kind="dbn"), "kind must be one of 'autoencoder', 'rbm'"),
    "a compiled twin": (
        lambda: require("numba") and pretrain(X, SPECS, backend="numba"), "no compiled twin, found 'numba'"),
    "examples above one": (lambda: pretrain(2 * X, SPECS), r"x must lie in \[0, 1\]"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "what"), CASES.values(), ids=CASES)
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()
