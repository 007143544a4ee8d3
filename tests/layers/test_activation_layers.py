"""Activations as layers: NaN, threads, planted bugs; what all layers share is in `layer_table`."""

import numpy as np
import pytest
from layer_table import ROWS
from optional_packages import require

from scratchdae.activations import sigmoid
from scratchdae.layers import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from scratchdae.layers.activation import Elementwise
from scratchdae.layers.gelu import normal_cdf

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
    for layer, value, name in (
        (LeakyReLU, 0, "slope"),
        (ELU, 0, "alpha"),
        (ELU, -1, "alpha"),
        (GELU, "erf", "approximate"),
    ):
        with pytest.raises(ValueError, match=f"{name} must be"):
            layer(value)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_is_torchs_in_both_tails(approximate, torch):
    a = np.linspace(-9, 9, 1801)
    t = torch.tensor(a, requires_grad=True)
    expected = torch.nn.functional.gelu(t, approximate=approximate)
    expected.sum().backward()
    y, cache = GELU(approximate).forward({}, a)
    da = GELU(approximate).backward(cache, np.ones_like(a))[0]
    assert np.abs(y - expected.detach().numpy())[np.abs(a) < 4].max() < 1e-15
    assert np.abs(y - expected.detach().numpy()).max() < 2e-15  # the rounding of 9 is 9e-16
    assert np.abs(da - t.grad.numpy()).max() < {"none": 1e-15, "tanh": 1e-14}[approximate]  # measured: 2e-16, 5e-15


def test_gelu_keeps_the_relative_precision_of_small_values():
    mpmath = require("mpmath")
    a = np.linspace(-30, 0, 61)
    with mpmath.workdps(40):
        exact = np.array([float(mpmath.ncdf(v)) for v in a])
    np.testing.assert_allclose(normal_cdf(a), exact, rtol=2e-13)  # that of exp(−a²/2), whose exponent is rounded
    np.testing.assert_allclose(normal_cdf(a[a > -6]), exact[a > -6], rtol=3e-15)
    np.testing.assert_allclose(normal_cdf(a + 0j).real, exact, rtol=0, atol=1e-13)


def test_the_forms_of_gelu_and_the_functions_that_it_is_confused_with_are_apart():
    a = np.linspace(-8, 8, 3201)
    exact = GELU().forward({}, a)[0]
    assert np.abs(exact - GELU("tanh").forward({}, a)[0]).max() == pytest.approx(4.73e-4, rel=1e-3)
    assert np.abs(exact - a * sigmoid(1.702 * a)).max() == pytest.approx(0.0203, rel=1e-2)
    assert np.abs(exact - a * sigmoid(a)).max() > 0.1  # SiLU
    assert exact.min() == pytest.approx(-0.16997, rel=1e-4)


def test_softplus_of_torch_is_linear_above_its_threshold(torch):
    a = np.linspace(15, 30, 1501)
    apart = Softplus().forward({}, a)[0] - torch.nn.functional.softplus(torch.tensor(a)).numpy()
    assert np.abs(apart[a <= 20]).max() < 4e-15
    assert 2.0e-9 < apart[a > 20].max() < 2.1e-9


def test_softplus_and_elu_are_stable_at_both_ends():
    a = np.array([-1e5, -700.0, -50.0, 50.0, 1e5])
    for layer, y, da in (
        (Softplus(), np.maximum(np.exp(np.minimum(a, 0)) * (a < 0), a), np.minimum(np.exp(np.minimum(a, 0)), 1)),
        (ELU(0.5), np.where(a > 0, a, -0.5), np.where(a > 0, 1, 0)),
    ):
        found, cache = layer.forward({}, a)
        np.testing.assert_allclose(found, y, rtol=1e-15)
        np.testing.assert_allclose(layer.backward(cache, np.ones_like(a))[0], da, rtol=1e-15)


@pytest.mark.parametrize(("layer", "theirs"), [(SiLU(), "silu"), (Softmax(), "softmax")], ids=str)
def test_it_is_kerass(keras, jax, layer, theirs):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(0, 3, (4, 5)), rng.normal(size=(4, 5))
    y, cache = layer.forward({}, x)
    expected, pullback = jax.vjp(getattr(keras.activations, theirs), jax.numpy.asarray(x))
    np.testing.assert_allclose(y, expected, rtol=1e-13)
    np.testing.assert_allclose(layer.backward(cache, dy)[0], pullback(jax.numpy.asarray(dy))[0], rtol=0, atol=1e-14)


def test_a_softmax_does_not_overflow_and_a_silu_has_its_minimum_where_it_says():
    y = Softmax().forward({}, np.array([[1e300, 0.0, -1e300], [5.0, 5.0, 5.0]]))[0]
    np.testing.assert_allclose(y, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-15)
    a = np.linspace(-3, 0, 3001)[:, None]
    assert -0.279 < SiLU().forward({}, a)[0].min() < -0.278
    twice = Softmax().forward({}, np.eye(10))[0].max()  # the largest probability that a softmax of a softmax gives
    assert twice == pytest.approx(np.e / (np.e + 9))
