"""The fused steps of sigmoid layers under a softmax, against the network they stand for."""

import numpy as np
import pytest

pytest.importorskip("numba")

from scratchdae import NonFiniteError, Sequential, fit
from scratchdae.kernels import perceptron
from scratchdae.kernels.machine import threads
from scratchdae.layers import Dense, ReLU, Sigmoid
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import SGD

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
SIZES = [(5, 3), (13, 7, 4), (30, 20, 40, 3), (100, 64, 65, 66, 10), (784, 300, 200, 10)]


def network(sizes, dtype, rng):
    layers = [layer for n in sizes[1:-1] for layer in (Dense(n), Sigmoid())] + [Dense(sizes[-1])]
    net = Sequential(layers, sizes[:1], rng, loss="softmax_cross_entropy", dtype=dtype)
    for name, value in net.params.items():
        if name.endswith(".b"):
            value += rng.normal(0, 0.1, value.shape)
    return net


def batches(sizes, steps, B, dtype, rng, share=0.3):
    x = rng.random((steps, B, sizes[0])) * (rng.random((steps, B, sizes[0])) < share)
    return x.astype(dtype), rng.integers(0, sizes[-1], (steps, B))


def take(params, x, t, lr=0.1, l2=1e-3):
    weights, biases = ([value for name, value in params.items() if name.endswith(end)] for end in (".W", ".b"))
    losses, taken = perceptron.steps(weights, biases, x, t, lr, l2)
    return losses[:taken]


def reference(net, params, x, t, lr=0.1, l2=1e-3):
    """Take the steps in float64."""
    params, losses = {name: value.astype(np.float64) for name, value in params.items()}, []
    for batch, labels in zip(x.astype(np.float64), t, strict=True):
        loss, grads = net.loss_and_grads(params, batch, labels)
        decay = l2_penalty(params, l2)[1]
        params = {name: value - lr * (grads[name] + decay.get(name, 0)) for name, value in params.items()}
        losses.append(loss)
    return params, losses


def max_error(params, expected):
    return max(np.abs(value - expected[name]).max() / np.abs(expected[name]).max() for name, value in params.items())


@pytest.fixture(params=[1, 2, 3], ids="team of {}".format)
def team(request, monkeypatch):
    monkeypatch.setattr(perceptron, "_ALONE", 0)
    monkeypatch.setattr(threads, "count", lambda: request.param)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("B", [1, 3, 20, 150])
@pytest.mark.usefixtures("team")
def test_updates_are_the_network_s(sizes, B, dtype, rng):
    net = network(sizes, np.float64, rng)
    params = {name: value.astype(dtype) for name, value in net.params.items()}
    x, t = batches(sizes, 25, B, dtype, rng)
    expected, values = reference(net, params, x, t)
    losses = np.concatenate([take(params, x[:10], t[:10]), take(params, x[10:], t[10:])])
    assert losses == pytest.approx(values, rel=10 * TOLERANCE[dtype])
    assert max_error(params, expected) < TOLERANCE[dtype]


@pytest.mark.usefixtures("team")
def test_the_same_bits_however_many_at_a_time(rng):
    net, results = network((60, 40, 30, 5), np.float32, rng), []
    x, t = batches((60, 40, 30, 5), 6, 7, np.float32, rng)
    for size in (6, 6, 2, 1):
        params = {name: value.copy() for name, value in net.params.items()}
        for start in range(0, 6, size):
            take(params, x[start : start + size], t[start : start + size])
        results.append(params)
    for other in results[1:]:
        for name, value in results[0].items():
            np.testing.assert_array_equal(value, other[name])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.usefixtures("team")
def test_it_stops_before_a_batch_that_is_not_finite(bad, rng):
    net = network((30, 20, 10, 4), np.float64, rng)
    x, t = batches((30, 20, 10, 4), 5, 6, np.float64, rng)
    expected, _ = reference(net, net.params, x[:3], t[:3])
    x[3, 5, 29] = bad
    assert len(take(net.params, x, t)) == 3
    assert max_error(net.params, expected) < 1e-13


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["dense_1.W", "dense_1.b", "dense_2.W", "dense_3.b"])
def test_parameters_that_are_not_finite_are_left_alone(name, bad, rng):
    net = network((9, 8, 7, 4), np.float32, rng)
    net.params[name].flat[-1] = bad
    before = {key: value.copy() for key, value in net.params.items()}
    x, t = batches((9, 8, 7, 4), 2, 3, np.float32, rng)
    assert len(take(net.params, x, t)) == 0
    for key, value in net.params.items():
        np.testing.assert_array_equal(value, before[key])


def data(rng, n=120):
    x = rng.random((n, 16))
    return x, (x[:, :8].sum(axis=1) > x[:, 8:].sum(axis=1)).astype(np.int64)


@pytest.mark.parametrize(
    "labels",
    ["abc", None, [[0, 1]], np.array([["a", "b"]]), np.array([[None, 0]]), np.array([[0.5, 1]]), np.array([[0j, 1]]),
     np.array([0, 1]), np.array([[True, False]])],
    ids=str,
)  # fmt: skip
def test_labels_that_are_none_are_refused(labels, rng):
    weights, biases = [rng.random((4, 5)), rng.random((5, 3))], [np.ones(5), np.ones(3)]
    before = [value.copy() for value in (*weights, *biases)]
    with pytest.raises(ValueError, match=r"t must hold integer labels of shape \(1, 2\), found"):
        perceptron.steps(weights, biases, rng.random((1, 2, 4)), labels, 0.1)
    for value, expected in zip((*weights, *biases), before, strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("x", [np.ones((2, 4)), np.ones((1, 0, 4)), np.ones((1, 2, 4), int), np.ones((1, 2, 4), ">f8")])
def test_inputs_that_are_none_are_refused(x):
    with pytest.raises(ValueError, match=r"x must hold batches \(S, B, D\) of float32 or float64, found"):
        perceptron.steps([np.ones((4, 3), x.dtype)], [np.ones(3, x.dtype)], x, np.zeros(x.shape[:2], int), 0.1)


def test_a_fit_takes_them_and_learns_the_same(rng):
    x, labels = data(rng)
    runs = {}
    for backend in ("numpy", "numba"):
        net = network((16, 12, 10, 2), np.float64, np.random.default_rng(3))
        history = fit(net, x, labels, epochs=8, lr=0.5, batch_size=7, l2=1e-4, seed=1, backend=backend)
        runs[backend] = net.params, history["loss"], history.backend
    assert "all layers fused" in runs["numba"][2]
    assert "fused" not in runs["numpy"][2]
    assert runs["numba"][1] == pytest.approx(runs["numpy"][1], rel=1e-12)
    assert max_error(runs["numba"][0], runs["numpy"][0]) < 1e-12


@pytest.mark.parametrize(
    ("layers", "loss", "optimizer"),
    [
        ([Dense(5), ReLU(), Dense(2)], "softmax_cross_entropy", SGD()),
        ([Dense(5), Sigmoid(), Dense(3), Dense(2)], "softmax_cross_entropy", SGD()),
        ([Dense(5), Sigmoid(), Dense(16)], "squared_error", SGD()),
        ([Dense(5), Sigmoid(), Dense(2)], "softmax_cross_entropy", SGD(momentum=0.5)),
    ],
    ids=["another activation", "none between", "another loss", "another rule"],
)
def test_other_networks_take_the_general_step(layers, loss, optimizer, rng):
    x, labels = data(rng)
    net = Sequential(layers, (16,), rng, loss=loss)
    target = labels if loss == "softmax_cross_entropy" else None
    history = fit(net, x, target, epochs=1, lr=0.1, optimizer=optimizer, backend="numba")
    assert "fused" not in history.backend


def test_inputs_so_large_that_only_the_reference_can_tell(rng):
    """The bound is reached, the gradients are finite: the general step is taken, and the fused ones go on behind it."""
    x, labels = data(rng)
    x[50] *= 1e300
    runs = []
    for backend in ("numpy", "numba"):
        net = network((16, 12, 2), np.float64, np.random.default_rng(3))
        fit(net, x, labels, epochs=1, lr=1e-290, batch_size=10, seed=1, backend=backend)
        runs.append(net.params)
    assert max_error(runs[1], runs[0]) < 1e-12


def test_a_fit_that_diverges_is_reported(rng):
    x, labels = data(rng)
    net = network((16, 12, 2), np.float32, rng)
    with pytest.raises(NonFiniteError, match="batch"):
        fit(net, x.astype(np.float32), labels, epochs=3, lr=3e38, batch_size=10, backend="numba")
    assert all(np.isfinite(value).all() for value in net.params.values())
