"""Where a model stands: known models, those of the frameworks in whatever mode, and what is refused."""

import numpy as np
import pytest

from scratchdae import DenoisingAutoencoder, Sequential, floors
from scratchdae.layers import Dense, Dropout

X = np.random.default_rng(4).random((40, 6))


def test_the_constant_the_floor_and_a_linear_code():
    best = floors.best_constant(X)
    found = floors.standing(lambda x: np.broadcast_to(best, x.shape), X)
    assert (found.value, found.excess, found.varies, found.units) == (pytest.approx(found.constant), 1, 0, 0)
    assert found.constant == floors.constant(X)
    said = str(found)
    assert "100.0% of the way from the floor to the constant" in said
    assert "linear code" not in said
    assert "no better than the constant" in said
    assert "the outputs hardly differ between examples" in said
    exact = floors.standing(lambda x: x, X)
    assert (exact.value, exact.excess, exact.varies, exact.units) == (0, 0, 1, 6)

    centred = X - X.mean(axis=0)
    V = np.linalg.svd(centred)[2][:3]
    coded = floors.standing(lambda x: X.mean(axis=0) + 0.99 * (centred @ V.T @ V), X)
    assert coded.value == pytest.approx(floors.pca(X)[3], rel=1e-3)
    assert coded.units == 3  # as a code of two leaves more than this, and one of three less
    assert "as little as a linear code of 3 units leaves" in str(coded)


def test_the_other_losses():
    half = floors.standing(lambda x: np.full(x.shape, 0.5), X, loss="cross_entropy")
    assert half.value == pytest.approx(np.log(2))
    assert (half.floor, half.constant) == (floors.cross_entropy(X), floors.constant(X, "cross_entropy"))
    assert half.excess == pytest.approx(floors.relative_excess(half.value, half.floor, half.constant))
    assert floors.standing(lambda x: x, X, loss="cross_entropy").excess == pytest.approx(0, abs=1e-12)
    bits = (X > 0.5).astype(float)
    assert floors.standing(lambda x: bits, X, bits, loss="cross_entropy").value == 0
    assert floors.standing(lambda x: 1 - bits, X, bits, loss="cross_entropy").excess == np.inf
    median = floors.standing(lambda x: np.broadcast_to(np.median(X, axis=0), X.shape), X, loss="absolute_error")
    assert (median.excess, median.units) == (pytest.approx(1), None)
    assert np.isnan(floors.standing(lambda x: x, np.ones((3, 2))).excess)


def test_our_own_models():
    model = DenoisingAutoencoder(6, 4, np.random.default_rng(0))
    assert floors.standing(model, X, loss="cross_entropy").value == pytest.approx(
        float(model.loss(model.params, X, X)) / 6
    )
    network = Sequential([Dropout(0.5), Dense(6)], (6,), np.random.default_rng(0))
    assert floors.standing(network, X, X).value == pytest.approx(float(network.loss(network.params, X, X)))


def test_a_module_of_pytorch_in_whatever_mode(torch):
    inner = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.LayerNorm(6))  # no layer of ours, it is only run
    module = torch.nn.Sequential(torch.nn.Dropout(0.5), inner.eval())
    x = torch.rand(300, 2, 3)
    module.train()
    inner.eval()
    found = floors.standing(torch.nn.Sequential(torch.nn.Flatten(), module), x, x.flatten(1))
    with torch.no_grad():
        expected = float(((inner(x.flatten(1)) - x.flatten(1)) ** 2).mean())
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert (module.training, inner.training) == (True, False)


def test_a_network_of_keras(keras):
    k = keras.layers
    network = keras.Sequential([keras.Input((6,)), k.Dropout(0.5), k.Dense(6, "softplus")])
    found = floors.standing(network, X)
    assert found.value == pytest.approx(float(np.square(np.asarray(network(X)) - X).mean()))


def test_what_does_not_fit_is_named():
    for model, given, said in (
        (None, {}, "model must be a model, or a function"),
        (lambda x: x[:, :2], {}, "model must give outputs of the targets' shape"),
        (lambda x: np.nan * x, {}, "the output of model must be finite"),
        (lambda x: 2 * x, {"loss": "cross_entropy"}, r"the output of model must lie in \[0, 1\]"),
        (lambda x: x, {"loss": "huber"}, "loss must be one of"),
        (lambda x: x, {"target": (9 * X).astype(int)}, "target must be"),
    ):
        with pytest.raises(ValueError, match=said):
            floors.standing(model, X, **given)
    with pytest.raises(ValueError, match="x must be finite"):
        floors.standing(lambda x: X, np.nan * X, X)
