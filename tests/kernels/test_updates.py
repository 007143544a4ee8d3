"""The compiled update rules against those that they stand for, and in a fit of any model that is large enough."""

import numpy as np
import pytest

pytest.importorskip("numba")

from scratchdae import DenoisingAutoencoder, Sequential, fit, kernels, streams
from scratchdae.kernels import update
from scratchdae.kernels.machine import threads
from scratchdae.layers import LSTM, Conv2D, Dense, Flatten, ReLU
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import SGD, Adagrad, Adam, AdamW, Clipped, RMSprop

EPS = {dtype: float(np.finfo(dtype).eps) for dtype in (np.float32, np.float64)}
EVERY_PLACE = [
    SGD(momentum=0.9),
    SGD(momentum=0.8, nesterov=True),
    SGD(momentum=0.8, nesterov=True, momentum_lr="inside"),
    SGD(momentum=0.9, dampening=0.3, momentum_lr="inside"),
    SGD(momentum=0.5, weight_decay=0.1),
    SGD(momentum=0.5, weight_decay=0.1, decay="decoupled", decayed="all"),
    RMSprop(),
    RMSprop(epsilon="inside", eps=1e-3, decay_rate=0.9),
    RMSprop(momentum=0.9, weight_decay=0.1),
    RMSprop(centred=True, eps=1e-2, decayed="all", weight_decay=0.1),
    RMSprop(momentum=0.9, centred=True, momentum_lr="inside", epsilon="inside", eps=1e-2),
    Adagrad(),
    Adagrad(initial=0.1, eps=1e-3, epsilon="inside", weight_decay=0.1, decay="decoupled"),
    Adam(),
    Adam(beta1=0.5, beta2=0.9, eps=1e-3, weight_decay=0.1),
    Adam(epsilon="inside", eps=1e-3),
    Adam(epsilon="hat", eps=1e-3, decayed="all", weight_decay=0.1),
    AdamW(weight_decay=0.1),
    AdamW(weight_decay=0.1, decayed="all", epsilon="hat"),
]


def max_error(found, expected):
    return max(
        np.abs(value - expected[name]).max() / max(np.abs(expected[name]).max(), 1e-30) for name, value in found.items()
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", EVERY_PLACE, ids=str)
def test_fifty_updates_of_a_row_are_the_rule_s(optimizer, dtype):
    """Wherever lr, eps and decay go: the error is rounding's, of 50 steps, in 20 draws."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        params = {"W": rng.normal(size=(7, 19)).astype(dtype), "b": rng.normal(size=37).astype(dtype)}
        expected = {name: value.astype(np.float64) for name, value in params.items()}
        state, other = optimizer.init(params), optimizer.init(expected)
        numbers = update.numbers(optimizer, 0.01, 1e-3, state, 50, dtype)
        for step in range(50):
            grads = {name: rng.normal(size=value.shape).astype(dtype) for name, value in params.items()}
            for row, (name, value) in enumerate(params.items()):
                kept = update.kept(optimizer, state, name)
                update.update(value.reshape(-1), grads[name].reshape(-1), numbers[row, step], 0, kept)
            decay = l2_penalty(expected, 1e-3)[1]
            grads = {name: grad.astype(np.float64) + decay.get(name, 0) for name, grad in grads.items()}
            expected, other = optimizer.update(expected, grads, other, 0.01)
        assert max_error(params, expected) < 16 * EPS[dtype]
        assert max_error(update.after(state, 50), other) < 8 * EPS[dtype]


@pytest.fixture
def whatever_the_size(monkeypatch):
    """Compiled however few parameters there are, in more parts than threads."""
    monkeypatch.setattr(update, "MANY", 0)
    monkeypatch.setattr(update, "_LEAST", 5)
    monkeypatch.setattr(threads, "count", lambda: 2)


NETWORKS = {
    "dense": ([Dense(9), ReLU(), Dense(3)], (12,)),
    "convolution": ([Conv2D(2, 3), ReLU(), Flatten(), Dense(3)], (4, 3, 1)),
    "LSTM": ([LSTM(5, return_sequences=False), Dense(3)], (4, 3)),
}


def trained(network, x, backend, **options):
    layers, shape = NETWORKS[network]
    net = Sequential(layers, shape, streams(3).initialisation, dtype=x.dtype, output_shape=(3,))
    given = {"epochs": 4, "lr": 0.01, "batch_size": 10, "l2": 1e-3, "optimizer": Adam(eps=1e-3)} | options
    history = fit(net, x.reshape(-1, *shape), x[:, :3].copy(), backend=backend, **given)
    return net.params, history


@pytest.fixture
def x(rng):
    return rng.random((53, 12))


@pytest.mark.parametrize("optimizer", [Adam(eps=1e-3), SGD(momentum=0.9), AdamW(eps=1e-3, decayed="all")], ids=str)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.usefixtures("whatever_the_size")
def test_a_network_learns_the_same(network, optimizer, x):
    (found, history), (expected, other) = (trained(network, x, name, optimizer=optimizer) for name in ("auto", "numpy"))
    assert history.backend.endswith("the loops of layers that have a twin, and the update)")
    assert history["loss"] == pytest.approx(other["loss"], rel=1e-12)
    assert max_error(found, expected) < 1e-11


@pytest.mark.usefixtures("whatever_the_size")
def test_a_run_goes_on_where_it_stopped_to_the_bit(x, tmp_path):
    def interrupt(record, _):
        if record["epoch"] == 3:
            raise InterruptedError

    whole, _ = trained("dense", x, "numba")
    with pytest.raises(InterruptedError):
        trained("dense", x, "numba", out=tmp_path, on_epoch=interrupt)
    resumed, _ = trained("dense", x, "numba", out=tmp_path, resume=True)
    for name, value in whole.items():
        np.testing.assert_array_equal(resumed[name], value)


@pytest.mark.usefixtures("whatever_the_size")
def test_untied_weights_take_it_too_and_the_first_parameters_are_left_alone(x):
    results = []
    for backend in ("numba", "numpy"):
        model = DenoisingAutoencoder(12, 8, streams(3).initialisation, tied=False)
        first = model.params
        before = {name: value.copy() for name, value in first.items()}
        history = fit(model, x, epochs=3, lr=0.01, l2=1e-3, optimizer=RMSprop(eps=1e-2), backend=backend)
        for name, value in before.items():
            np.testing.assert_array_equal(first[name], value)
        results.append((model.params, history))
    assert results[0][1].backend == "numba (asked for; the update)"
    assert max_error(results[0][0], results[1][0]) < 1e-12


def test_few_parameters_and_rules_unknown_are_left_to_the_reference():
    few, many = {"W": np.ones((9, 9))}, {"W": np.ones((400, 400))}
    assert kernels.updates(Adam(), few) is None
    assert kernels.updates(Adam(), many) is update.step
    assert kernels.updates(Clipped(Adam(), limit=1.0), many) is None
    assert kernels.updates(SGD(), many) is None
