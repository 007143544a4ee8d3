"""Activations as layers: PyTorch, kinks, planted bugs."""

import numpy as np
import pytest

from scratchdae.layers import Identity, LeakyReLU, ReLU, Sigmoid, Tanh

LAYERS = [ReLU(), LeakyReLU(), LeakyReLU(0.3), Sigmoid(), Tanh(), Identity()]


def in_torch(torch, layer):
    return {
        "ReLU": torch.nn.functional.relu,
        "LeakyReLU": lambda a: torch.nn.functional.leaky_relu(a, layer.slope),
        "Sigmoid": torch.sigmoid,
        "Tanh": torch.tanh,
        "Identity": lambda a: 1 * a,
    }[type(layer).__name__]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_agrees_with_torch(loops, layer, rng, torch):
    """At the kink too."""
    x = rng.normal(0, 2, (5, 3, 4))
    x[0, 0] = [0, -0.0, 1e-300, -1e-300]
    t = torch.tensor(x, requires_grad=True)
    expected, (y, cache) = in_torch(torch, layer)(t), layer.forward({}, x)
    d_output = rng.normal(size=x.shape)
    expected.backward(torch.tensor(d_output))
    assert np.abs(y - expected.detach().numpy()).max() < 1e-15
    assert np.abs(layer.backward(cache, d_output)[0] - t.grad.numpy()).max() < 1e-15


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_gradients(loops, layer, rng, check_gradients, check_pure):
    check_gradients(layer, {}, rng.normal(0, 2, (3, 4, 5)))
    check_pure(layer, (4, 5))


def test_a_large_rectifier_is_shared_among_threads(loops, rng, monkeypatch):
    if loops == "numba":
        monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", 3)
    x = rng.normal(size=(7, 100_003)).astype(np.float32)
    y, cache = ReLU().forward({}, x)
    np.testing.assert_array_equal(y, np.where(x > 0, x, 0))
    np.testing.assert_array_equal(ReLU().backward(cache, x)[0], y)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_nan_stays_nan(loops, layer):
    assert np.isnan(layer.forward({}, np.array([[np.nan]]))[0]).all()
    y, cache = layer.forward({}, np.array([[-1.0, 1.0]]))
    assert np.isnan(layer.backward(cache, np.full(y.shape, np.nan))[0]).all()


class ActiveAtTheKink(ReLU):
    def _gradient(self, dy, y):
        return dy * (y >= 0)


class DerivativeOfThePreActivation(Sigmoid):
    """s(y) (1 − s(y)): the derivative's formula applied to the value as if it were the argument."""

    def _gradient(self, dy, y):
        s = 1 / (1 + np.exp(-y))
        return dy * s * (1 - s)


class NoDerivative(Tanh):
    def _gradient(self, dy, y):
        return dy


class SlopeTwice(LeakyReLU):
    def _gradient(self, dy, y):
        return dy * np.where(y > 0, 1, self.slope**2)


@pytest.mark.parametrize("bug", [ActiveAtTheKink, DerivativeOfThePreActivation, NoDerivative, SlopeTwice])
def test_planted_bugs_are_caught(bug, rng, check_gradients):
    x = rng.normal(0, 2, (3, 4))
    check_gradients(bug.__base__(), {}, x)
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(bug(), {}, x)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="slope"):
        LeakyReLU(0)
    with pytest.raises(ValueError, match="floating-point"):
        ReLU().forward({}, np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="d_output must"):
        ReLU().backward(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="input_shape"):
        Tanh().output_shape((0,))
