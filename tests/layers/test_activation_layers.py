"""Activations as layers: NaN, threads, planted bugs; what all layers share is in `layer_table`."""

import numpy as np
import pytest
from layer_table import ROWS

from scratchdae.layers import LeakyReLU, ReLU, Sigmoid, Tanh
from scratchdae.layers.activation import Elementwise

LAYERS = [layer for row in ROWS for layer in row.examples if isinstance(layer, Elementwise)]


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
