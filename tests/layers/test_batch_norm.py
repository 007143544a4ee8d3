"""Batch normalisation: PyTorch's and Keras' layers beside it, in training and in evaluation, and its statistics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_checks import by_keras, check_gradients
from optional_packages import require

from scratchdae import NonFiniteError, Sequential, evaluate, fit, gradcheck, layer_statistics, load_model
from scratchdae.layers import BatchNorm, Conv2D, Dense, Dropout, Sigmoid
from scratchdae.optimizers import SGD, Adam
from scratchdae.training import checkpoint


def problem(shape, dtype=np.float64):
    rng = np.random.default_rng(3)
    params = {
        name: value + rng.uniform(0.1, 0.9, value.shape) for name, value in BatchNorm().init(shape[1:], rng).items()
    }
    arrays = params | {"x": rng.normal(1, 2, shape), "dy": rng.normal(size=shape)}
    arrays = {name: value.astype(dtype) for name, value in arrays.items()}
    return {name: arrays.pop(name) for name in params}, *arrays.values()


def ours(layer, params, x, dy, training):
    y, cache = layer.forward(params, x, np.random.default_rng(0) if training else None)
    dx, grads = layer.backward(cache, dy)
    after = params | cache.statistics
    return {"y": y, "dx": dx, **{f"d{k}": grads[k] for k in ("gamma", "beta")}, **{k: after[k] for k in layer.held}}


def assert_equal(found, expected, bound):
    for name, value in expected.items():
        assert np.abs(found[name] - value).max() <= bound * np.abs(value).max(), name


SHAPES = [(7, 3), (2, 1), (4, 5, 3), (3, 4, 5, 2)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_pytorchs(shape, training):
    torch = require("torch")
    params, x, dy = problem(shape)
    theirs = (torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d)(shape[-1]).double().train(training)
    names = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_variance": "running_var"}
    theirs.load_state_dict({names[name]: torch.tensor(value) for name, value in params.items()}, strict=False)
    leaf = torch.tensor(np.moveaxis(x, -1, 1).copy(), requires_grad=True)
    y = theirs(leaf)
    y.backward(torch.tensor(np.moveaxis(dy, -1, 1).copy()))
    expected = {"y": np.moveaxis(y.detach().numpy(), 1, -1), "dx": np.moveaxis(leaf.grad.numpy(), 1, -1)}
    expected |= {"dgamma": theirs.weight.grad.numpy(), "dbeta": theirs.bias.grad.numpy()}
    expected |= {name: getattr(theirs, names[name]).numpy() for name in BatchNorm.held}
    assert_equal(ours(BatchNorm.of("torch"), params, x, dy, training), expected, 1e-13)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[0] > 2])
def test_it_is_kerass(keras, jax, shape, training):
    """Which computes in float32 here, whatever it is told: measured up to 2e-6."""
    params, x, dy = problem(shape)
    gamma, beta, *state = params.values()
    theirs = keras.layers.BatchNormalization(dtype="float64")
    y, dx, (dgamma, dbeta), after = by_keras(jax, theirs, [gamma, beta], x, dy, state, training=training)
    expected = {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta, **dict(zip(BatchNorm.held, after, strict=True))}
    assert_equal(ours(BatchNorm.of("keras"), params, x, dy, training), expected, 1e-5)


@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), batch=st.integers(2, 5), training=st.booleans())
def test_gradients(shape, batch, training):
    params, x, _ = problem((batch, *shape))
    check_gradients(BatchNorm(eps=0.1), params, x, seed=0 if training else None, tolerance=1e-11)


class ForgetsTheMean(BatchNorm):
    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        return dx + cache.gamma * cache.inverse * d_output.mean(axis=0), grads


class ForgetsTheVariance(BatchNorm):
    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        return dx + cache.gamma * cache.inverse * cache.x_hat * (d_output * cache.x_hat).mean(axis=0), grads


@pytest.mark.parametrize("bug", [ForgetsTheMean(), ForgetsTheVariance()], ids=str)
def test_planted_bugs_are_caught(bug):
    params, x, _ = problem((5, 3))
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(bug, params, x, seed=0)


def network(dtype=np.float64):
    layers = [Dense(5), BatchNorm(), Dropout(0.2), Dense(6), BatchNorm(0.5), Sigmoid()]
    return Sequential(layers, (6,), np.random.default_rng(0), loss="cross_entropy", dtype=dtype)


X = np.random.default_rng(1).random((23, 6))
RULES = [SGD(momentum=0.9), Adam.of("torch", weight_decay=0.1), Adam.of("keras", weight_decay=0.1)]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_fit_keeps_the_running_statistics_and_no_rule_touches_them(rule, backend):
    """In one batch an epoch, of data that no step changes, they are known."""
    net = Sequential([BatchNorm(), Dense(6)], (6,), np.random.default_rng(0))
    fit(net, X, epochs=5, lr=0.01, batch_size=99, optimizer=rule, backend=backend, progress=False, l2=0.1)
    mean, variance = (net.params[f"batchnorm_1.{name}"] for name in BatchNorm.held)
    np.testing.assert_allclose(mean, (1 - 0.9**5) * X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, 0.9**5 + (1 - 0.9**5) * X.var(axis=0, ddof=1), rtol=1e-12)


def test_a_compiled_update_does_not_touch_them_either():
    """It is taken where there are many parameters."""
    require("numba")
    net = Sequential([BatchNorm(), Dense(20_000), Dense(6)], (6,), np.random.default_rng(0))
    history = fit(net, X, epochs=2, lr=0.01, batch_size=99, optimizer=RULES[1], progress=False)
    assert history.backend.endswith("and the update)")
    np.testing.assert_allclose(net.params["batchnorm_1.running_mean"], 0.19 * X.mean(axis=0), rtol=1e-12)


def test_a_hand_written_loop_takes_them_from_the_gradients():
    net = network()
    rng, params, rule = np.random.default_rng(4), net.params, SGD()
    _, grads = net.loss_and_grads(params, X, X, rng)
    assert all((grads[f"{name}.{key}"] == 0).all() for name in ("batchnorm_1", "batchnorm_2") for key in BatchNorm.held)
    params, _ = rule.update(params, grads, rule.init(params), 0.1)
    params |= grads.statistics
    hidden = net.forward(net.params, X, depth=1)[0]
    np.testing.assert_allclose(params["batchnorm_1.running_mean"], 0.1 * hidden.mean(axis=0), rtol=1e-12)
    spread = 0.9 + 0.1 * hidden.var(axis=0, ddof=1)
    np.testing.assert_allclose(params["batchnorm_1.running_variance"], spread, rtol=1e-12)
    assert net.loss_and_grads(net.params, X, X)[1].statistics == {}


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_of_a_network(training):
    net = network()
    net.params = {name: value + 0.1 for name, value in net.params.items()}
    rng = 5 if training else None
    report = gradcheck.check(
        lambda params: net.loss_and_grads(params, X, X, None if rng is None else np.random.default_rng(rng)), net.params
    )
    report.raise_on_failure()


def test_evaluation_goes_by_the_running_statistics_whatever_the_batch():
    net = network()
    fit(net, X, epochs=30, lr=0.5, batch_size=5, progress=False)
    whole = net.predict(X)
    np.testing.assert_allclose(np.concatenate([net.predict(X[i : i + 1]) for i in range(len(X))]), whole, rtol=1e-12)
    by_batch = net.loss_and_grads(net.params, X, X, np.random.default_rng(0))[0]
    assert evaluate(net, X) != by_batch
    table = layer_statistics(net, X, X, rng=np.random.default_rng(0))
    assert table[1].mean == pytest.approx(net.params["batchnorm_1.beta"].mean(), abs=1e-12)
    kept = [net.params[f"batchnorm_1.{name}"] for name in ("gamma", "beta")]
    assert table[1].weight == pytest.approx(np.sqrt(sum((value**2).sum() for value in kept)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stopped_and_resumed_is_the_whole(tmp_path, dtype):
    x = X.astype(dtype)

    def run(folder, epochs, resume=False):
        net = network(dtype)
        options = {"lr": 0.1, "batch_size": 5, "optimizer": Adam(), "validation": x[:7], "patience": 9}
        fit(net, x, epochs=epochs, out=folder, resume=resume, progress=False, **options)
        return net

    whole = run(tmp_path / "whole", 5)
    run(tmp_path / "parts", 2)
    run(tmp_path / "parts", 5, resume=True)
    assert (tmp_path / "parts" / checkpoint.FILE).read_bytes() == (tmp_path / "whole" / checkpoint.FILE).read_bytes()
    np.testing.assert_array_equal(load_model(tmp_path / "parts").predict(x), whole.predict(x))


def test_images_train_by_channels():
    x = np.random.default_rng(0).random((8, 4, 4, 1)).astype(np.float32)
    net = Sequential(
        [Conv2D(3), BatchNorm.of("keras"), Conv2D(1)], (4, 4, 1), np.random.default_rng(0), dtype=np.float32
    )
    history = fit(net, x, epochs=20, lr=0.1, batch_size=4, progress=False)
    assert net.params["batchnorm_1.running_variance"].shape == (3,)
    assert history.records[-1]["loss"] < history.records[0]["loss"]


def test_one_number_a_channel_has_no_variance():
    params, x, _ = problem((1, 3))
    with pytest.raises(
        ValueError, match=r"x must have more than one number a channel in training, found shape \(1, 3\)"
    ):
        BatchNorm().forward(params, x, np.random.default_rng(0))
    y, cache = BatchNorm.of("keras").forward(params, x, np.random.default_rng(0))
    np.testing.assert_array_equal(y[0], params["beta"])
    assert not BatchNorm.of("keras").backward(cache, x)[0].any()
    assert np.isfinite(BatchNorm().forward(params, x)[0]).all()


def test_a_variance_that_overflows_is_named():
    """The normalised numbers are all 0 then, and the loss says nothing."""
    net = Sequential([BatchNorm(), Dense(6)], (6,), np.random.default_rng(0), dtype=np.float32)
    x = np.float32(1e25) * X.astype(np.float32)
    with pytest.raises(NonFiniteError, match=r"'batchnorm_1\.running_variance' is not finite"):
        fit(net, x, target=X.astype(np.float32), epochs=1, lr=0.01, progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay_rate": 1.0}, "decay_rate must be less than 1"),
        ({"eps": 0.0}, "eps must be a finite number, greater than 0"),
        ({"running": "none"}, "running must be one of"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        BatchNorm(**options)
    with pytest.raises(ValueError, match="convention must be one of"):
        BatchNorm.of("caffe")
