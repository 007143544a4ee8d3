"""Penalties of activities: their values by hand, PyTorch and Keras beside them, and what training makes of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_checks import by_keras

from scratchdae import Sequential, evaluate, fit, gradcheck, load_model
from scratchdae.layers import BatchNorm, ContractiveDense, Dense, KLSparsity, L1Activity, ReLU, Sigmoid, TiedDense
from scratchdae.optimizers import Adam
from scratchdae.training import checkpoint


def training():
    return np.random.default_rng(0)


def problem(layer, shape, seed=1):
    rng = np.random.default_rng(seed)
    params = {name: value + 0.1 for name, value in layer.init(shape[1:], rng).items()}
    x = rng.random(shape) if isinstance(layer, KLSparsity) else rng.normal(size=shape)
    return params, x, rng.normal(size=layer.forward(params, x)[0].shape)


def penalty(torch, layer, x, params):
    """The same by autograd, the contractive one by way of the Jacobian."""
    match layer:
        case L1Activity():
            return layer.weight * x.abs().flatten(1).sum(1).mean()
        case KLSparsity():
            mean, wanted = x.flatten(0, -2).mean(0), torch.tensor(layer.rho, dtype=x.dtype)
            on = torch.distributions.Bernoulli(wanted.expand_as(mean))
            return layer.weight * torch.distributions.kl_divergence(on, torch.distributions.Bernoulli(mean)).sum()
        case ContractiveDense():
            jacobians = torch.func.vmap(torch.func.jacrev(lambda v: torch.sigmoid(v @ params["W"] + params["b"])))(x)
            return layer.weight * (jacobians**2).sum((1, 2)).mean()


CASES = [
    (L1Activity(0.3), (5, 4)),
    (L1Activity(0.3), (2, 3, 2, 4)),
    (KLSparsity(0.05, 0.7), (5, 4)),
    (KLSparsity(0.2, 0.7), (3, 2, 4)),
    (ContractiveDense(3, weight=0.7), (5, 4)),
]


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=str)
def test_it_is_pytorchs(torch, layer, shape):
    params, x, dy = problem(layer, shape)
    y, cache = layer.forward(params, x, training())
    dx, grads = layer.backward(cache, dy)
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in {**params, "x": x}.items()}
    output = torch.sigmoid(leaves["x"] @ leaves["W"] + leaves["b"]) if params else leaves["x"]
    expected = penalty(torch, layer, leaves["x"], leaves)
    (expected + (output * torch.tensor(dy)).sum()).backward()
    assert cache.penalty == pytest.approx(expected.item(), rel=1e-13)
    np.testing.assert_array_equal(y, layer.forward(params, x)[0])
    for name, found in {**grads, "x": dx}.items():
        theirs = leaves[name].grad.numpy()
        np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-13 * np.abs(theirs).max())


def test_l1_is_kerass(keras, jax):
    layer, (_, x, dy) = L1Activity(0.3), problem(L1Activity(0.3), (5, 4))
    theirs = keras.layers.ActivityRegularization(l1=0.3)
    y, dx, _, _ = by_keras(jax, theirs, [], x, dy)
    theirs(x)
    found, cache = layer.forward({}, x, training())
    np.testing.assert_array_equal(found, y)
    assert cache.penalty == pytest.approx(float(theirs.losses[0]), rel=1e-6)
    slope = jax.grad(lambda x: 0.3 * jax.numpy.abs(x).sum() / len(x))(jax.numpy.asarray(x))
    np.testing.assert_allclose(layer.backward(cache, dy)[0], dx + np.asarray(slope), rtol=1e-12)


@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), batch=st.integers(1, 5), weight=st.floats(0.01, 3))
def test_gradients_of_the_sparsities(shape, batch, weight):
    x = np.random.default_rng(1).uniform(0.1, 0.9, (batch, *shape))
    for layer in (L1Activity(weight), KLSparsity(0.3, weight)):

        def loss_and_grads(arrays, layer=layer):
            _, cache = layer.forward({}, arrays["x"], training())
            return cache.penalty, {"x": layer.backward(cache, np.zeros(x.shape))[0]}

        gradcheck.check(loss_and_grads, {"x": x}, tolerance=1e-11).raise_on_failure()


@given(n=st.integers(1, 5), units=st.integers(1, 4), batch=st.integers(1, 4))
def test_gradients_of_a_contractive_autoencoder(n, units, batch):
    x = np.random.default_rng(2).random((batch, n))
    layers = [ContractiveDense(units, weight=0.5), KLSparsity(0.1, 0.2), TiedDense(n, 0), Sigmoid()]
    net = Sequential(layers, (n,), training(), loss="cross_entropy")
    params = {name: value + 0.1 for name, value in net.params.items()}
    gradcheck.check(lambda params: net.loss_and_grads(params, x, x, training()), params).raise_on_failure()


class OfEveryExample(KLSparsity):
    """The divergence of each example's values, and then the mean: another penalty, with a right gradient."""

    def _penalty(self, x):
        found = [super(OfEveryExample, self)._penalty(row[None]) for row in x]
        return np.mean([value for value, _ in found]), np.concatenate([slope for _, slope in found]) / len(x)


class WithoutItsWeights(ContractiveDense):
    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        slope = cache.y * (1 - cache.y)
        return dx, grads | {"W": grads["W"] - 2 * cache.share * cache.W * (slope**2).sum(axis=0)}


@pytest.mark.parametrize("bug", [OfEveryExample(0.05, 0.7), WithoutItsWeights(3, weight=0.7)], ids=str)
def test_planted_bugs_are_caught(torch, bug):
    with pytest.raises(AssertionError):
        test_it_is_pytorchs(torch, bug, (5, 4))


def test_the_divergence_is_that_of_the_mean_over_the_batch():
    """Half the examples on and half off is a mean of one half, which is what was wanted: the penalty is 0."""
    x = np.array([[0.0, 0.2], [1.0, 0.8]])
    _, cache = KLSparsity(0.5, 3.0).forward({}, x, training())
    assert cache.penalty == pytest.approx(0, abs=1e-15)
    assert not KLSparsity(0.5, 3.0).backward(cache, np.zeros(x.shape))[0].any()


def test_a_unit_that_is_never_on_costs_infinitely():
    with np.errstate(divide="ignore"):
        _, cache = KLSparsity(0.1, 1.0).forward({}, np.array([[0.0, 0.1], [0.0, 0.1]]), training())
    assert cache.penalty == np.inf


def test_values_that_are_no_fractions_are_refused():
    net = Sequential([Dense(3), ReLU(), KLSparsity(0.1, 1.0), Dense(4)], (4,), training())
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\] for a KL penalty, as behind a Sigmoid, found 0 to"):
        fit(net, 9 * np.random.default_rng(0).random((8, 4)), epochs=1, lr=0.1, progress=False)
    net.predict(np.ones((2, 4)))  # it acts in training only


def test_contraction_is_the_effect_of_small_noise():
    """The mean squared change of the code under Gaussian noise of σ is σ² ‖∂y/∂x‖², to first order."""
    layer, sigma = ContractiveDense(4, weight=1.0), 1e-3
    params, x, _ = problem(layer, (6, 5))
    y, cache = layer.forward(params, x, training())
    noise = np.random.default_rng(7).normal(0, sigma, (20_000, *x.shape))
    moved = layer.forward(params, (x + noise).reshape(-1, 5))[0].reshape(-1, *y.shape) - y
    assert (moved**2).sum(axis=2).mean() == pytest.approx(sigma**2 * cache.penalty, rel=0.02)


X = np.random.default_rng(3).random((30, 6))


def network(*code):
    return Sequential([*code, TiedDense(6, 0), Sigmoid()], (6,), training(), loss="cross_entropy")


def test_they_are_in_the_training_loss_alone():
    net = network(ContractiveDense(8, weight=2.0))
    plain = network(Dense(8), Sigmoid())
    params = dict(zip(plain.params, net.params.values(), strict=True))
    assert net.loss(net.params, X, X) == plain.loss(params, X, X) == net.loss_and_grads(net.params, X, X)[0]
    expected = net.layers[0].forward(net.own(net.params, "contractivedense_1"), X, training())[1].penalty
    assert net.loss_and_grads(net.params, X, X, training())[0] == pytest.approx(evaluate(net, X) + expected)


@pytest.mark.parametrize(
    ("code", "measure"),
    [
        ([Dense(8), Sigmoid(), KLSparsity(0.05, 1.0)], lambda y, s: y.mean()),
        ([Dense(8), L1Activity(0.5)], lambda y, s: np.abs(y).mean()),
        ([ContractiveDense(8, weight=3.0)], lambda y, s: s),
    ],
    ids=["kl", "l1", "contractive"],
)
def test_training_lowers_what_is_penalised(code, measure):
    found = []
    for layers in (code, [type(code[0])(8), *code[1:-1]]):
        net = network(
            *(ContractiveDense(8, weight=0.0) if isinstance(one, ContractiveDense) else one for one in layers)
        )
        if len(code) == 1 and layers is code:
            net = network(*code)
        fit(net, X, epochs=100, lr=0.01, batch_size=10, optimizer=Adam(), progress=False)
        y = net.forward(net.params, X, depth=len(layers))[0]
        W = net.params[f"{net.names[0]}.W"]
        found.append(measure(y, ((y * (1 - y)) ** 2 * (W**2).sum(axis=0)).sum(axis=1).mean()))
    assert found[0] < 0.6 * found[1]


def test_stopped_and_resumed_is_the_whole(tmp_path):
    def run(folder, epochs, resume=False):
        layers = [ContractiveDense(8), KLSparsity(0.2, 0.1), BatchNorm(), L1Activity(0.01), Dense(6), Sigmoid()]
        net = Sequential(layers, (6,), training(), loss="cross_entropy")
        fit(net, X, epochs=epochs, lr=0.01, optimizer=Adam(), out=folder, resume=resume, validation=X[:5])
        return net

    whole = run(tmp_path / "whole", 5)
    run(tmp_path / "parts", 2)
    run(tmp_path / "parts", 5, resume=True)
    assert (tmp_path / "parts" / checkpoint.FILE).read_bytes() == (tmp_path / "whole" / checkpoint.FILE).read_bytes()
    again = load_model(tmp_path / "parts")
    assert again.layers == whole.layers
    np.testing.assert_array_equal(again.predict(X), whole.predict(X))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L1Activity(-1), "weight must be a finite number, at least 0"),
        (lambda: KLSparsity(0.0, 1), "rho must be a finite number, greater than 0"),
        (lambda: KLSparsity(1.0, 1), "rho must be less than 1"),
        (lambda: ContractiveDense(3, weight=np.nan), "weight must be a finite number"),
    ],
)
def test_options_that_do_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()
