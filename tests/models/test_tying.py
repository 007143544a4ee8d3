"""Tied weights in a network of layers: one array, two uses, and a gradient that is the sum of both."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae import DenoisingAutoencoder, Sequential, fit, gradcheck, layer_statistics, load_model
from scratchdae.layers import Dense, ReLU, Sigmoid, Tanh, TiedDense
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import Adam
from scratchdae.training import checkpoint

X = np.random.default_rng(1).random((9, 6))


def deep(n=6, widths=(5, 3), loss="cross_entropy", dtype=np.float64):
    """n-5-3-5-n, both pairs tied."""
    encoder = [layer for width in widths for layer in (Dense(width), Tanh())]
    sizes = (n, *widths[:-1])
    decoder = [layer for i in reversed(range(len(sizes))) for layer in (TiedDense(sizes[i], 2 * i), Sigmoid())]
    net = Sequential([*encoder, *decoder], (n,), np.random.default_rng(0), loss=loss, dtype=dtype)
    net.params = {name: value + dtype(0.1) for name, value in net.params.items()}
    return net


def test_one_hidden_layer_is_the_tied_autoencoder():
    paper = DenoisingAutoencoder(6, 4, np.random.default_rng(0))
    layers = [Dense(4), Sigmoid(), TiedDense(6, 0), Sigmoid()]
    net = Sequential(layers, (6,), np.random.default_rng(0), loss="cross_entropy", reduction="paper")
    names = {"dense_1.W": "W", "dense_1.b": "b", "tieddense_1.b": "b_prime"}
    assert list(net.params) == list(names)
    params = {name: paper.params[theirs] + 0.1 for name, theirs in names.items()}
    loss, grads = net.loss_and_grads(params, X, X)
    expected, theirs = paper.loss_and_grads({names[name]: value for name, value in params.items()}, X, X)
    assert loss == pytest.approx(expected, rel=1e-14)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, theirs[names[name]], rtol=0, atol=1e-14 * np.abs(theirs[names[name]]).max())


@given(n=st.integers(1, 5), widths=st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_gradients(n, widths):
    net, x = deep(n, tuple(widths)), np.random.default_rng(2).random((4, n))
    gradcheck.check(lambda params: net.loss_and_grads(params, x, x), net.params).raise_on_failure()


class TiedTheWrongWay(TiedDense):
    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        return dx, grads | {"W": 0 * grads["W"]}


def test_a_gradient_without_its_decoder_term_is_caught():
    net = Sequential([Dense(4), Tanh(), TiedTheWrongWay(6, 0)], (6,), np.random.default_rng(0))
    report = gradcheck.check(lambda params: net.loss_and_grads(params, X, X), net.params)
    assert [row.name for row in report.rows if not row.ok] == ["dense_1.W"]


def test_it_is_pytorchs(torch):
    net = deep(loss="squared_error")
    p = {name: torch.tensor(value, requires_grad=True) for name, value in net.params.items()}
    linear, h = torch.nn.functional.linear, torch.tensor(X)
    for k in (1, 2):
        h = torch.tanh(linear(h, p[f"dense_{k}.W"].T, p[f"dense_{k}.b"]))
    for k, partner in ((1, 2), (2, 1)):
        h = torch.sigmoid(linear(h, p[f"dense_{partner}.W"], p[f"tieddense_{k}.b"]))
    loss = torch.nn.functional.mse_loss(h, torch.tensor(X))
    loss.backward()
    value, grads = net.loss_and_grads(net.params, X, X)
    assert value == pytest.approx(loss.item(), rel=1e-13)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, p[name].grad, rtol=0, atol=1e-13 * float(p[name].grad.abs().max()))


def test_the_weights_are_counted_penalised_and_updated_once():
    net = deep()
    rows = [line.split() for line in net.summary().splitlines()]
    assert ["tieddense_1", "(5)", "5"] in rows
    assert rows[-1] == ["total", f"{6 * 5 + 5 + 5 * 3 + 3 + 5 + 6}"]
    squares = sum((net.params[f"dense_{k}.W"] ** 2).sum() for k in (1, 2))
    assert l2_penalty(net.params, 0.1)[0] == pytest.approx(0.1 * squares)
    table = layer_statistics(net, X, X, updated={name: 1.01 * value for name, value in net.params.items()})
    assert table[4].name == "tieddense_1"
    assert table[4].update == pytest.approx(0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stopped_and_resumed_is_the_whole(tmp_path, dtype):
    x = X.astype(dtype)

    def run(folder, epochs, resume=False):
        net = deep(dtype=dtype)
        history = fit(
            net, x, epochs=epochs, lr=0.01, batch_size=4, optimizer=Adam(), out=folder, resume=resume, l2=1e-3
        )
        return net, history

    whole, history = run(tmp_path / "whole", 6)
    run(tmp_path / "parts", 2)
    run(tmp_path / "parts", 6, resume=True)
    assert (tmp_path / "parts" / checkpoint.FILE).read_bytes() == (tmp_path / "whole" / checkpoint.FILE).read_bytes()
    assert history.records[-1]["loss"] < history.records[0]["loss"]
    again = load_model(tmp_path / "parts")
    np.testing.assert_array_equal(again.predict(x), whole.predict(x))
    assert again.config == whole.config == json.loads(json.dumps(whole.config))


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        ([Dense(4), ReLU(), TiedDense(6, 1)], r"found 1, ReLU\(\)"),
        ([Dense(4), TiedDense(6, 1)], "found 1, no earlier layer"),
        ([Dense(4), TiedDense(6, 2)], "found 2, no earlier layer"),
        ([Dense(4), TiedDense(5, 0), Dense(6)], r"5 features and gives 4, found 0, Dense\(units=4"),
        ([Dense(4), Dense(3), TiedDense(6, 0)], r"6 features and gives 3, found 0, Dense\(units=4"),
        ([TiedDense(6, 0), Dense(6)], "found 0, no earlier layer"),
    ],
)
def test_a_partner_that_does_not_fit_is_refused(layers, found):
    message = f"tieddense_1: tied_to must be the place of a Dense before it that takes .*{found}"
    with pytest.raises(ValueError, match=message):
        Sequential(layers, (6,), np.random.default_rng(0))


def test_places_are_counted_from_the_start():
    with pytest.raises(ValueError, match="tied_to must be an integer of at least 0, found -1"):
        TiedDense(3, -1)
