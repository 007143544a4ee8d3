"""Values against mpmath, derivatives against the complex step, extremes against the limits."""

import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scratchdae import activations
from scratchdae.activations import ACTIVATIONS, Activation, sigmoid, softmax, softmax_backward, softplus

POINTS = [-745.0, -100.0, -36.8, -1.5, -1e-8, 0.0, 1e-8, 0.5, 16.6, 36.7, 100.0, 709.0]


@pytest.mark.parametrize("a", POINTS)
def test_sigmoid_and_softplus_keep_their_relative_precision(a):
    with mpmath.workdps(50):
        s = float(1 / (1 + mpmath.exp(-mpmath.mpf(a))))
        p = float(mpmath.log1p(mpmath.exp(mpmath.mpf(a))))
    assert sigmoid(np.array([a]))[0] == pytest.approx(s, rel=4e-16, abs=5e-324)
    assert softplus(np.array([a]))[0] == pytest.approx(p, rel=4e-16, abs=5e-324)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_extremes_neither_warn_nor_change_dtype(name, dtype):
    big = np.array([-np.inf, np.finfo(dtype).min, -800, -0.0, 0.0, 800, np.finfo(dtype).max, np.inf], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = ACTIVATIONS[name].value(big)
    assert y.dtype == dtype
    assert not np.isnan(y).any()
    assert (np.diff(y) >= 0).all()
    assert ACTIVATIONS[name].derivative(y[2:6]).dtype == dtype


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_passes_through(name):
    assert np.isnan(ACTIVATIONS[name].value(np.array([np.nan, 1.0]))).tolist() == [True, False]


def test_saturation_is_where_rounding_puts_it():
    for dtype, bits in ((np.float32, 24), (np.float64, 53)):
        edge = dtype(bits * np.log(2))
        assert sigmoid(np.array([edge * dtype(1.001)]))[0] == 1
        assert sigmoid(np.array([edge * dtype(0.99)]))[0] < 1


TORCH = {  # every activation's twin
    "sigmoid": lambda t: t.sigmoid,
    "softplus": lambda t: (
        lambda a: t.nn.functional.softplus(a, threshold=1e9)
    ),  # exact: by default it is linear from 20
    "relu": lambda t: t.relu,
    "leaky_relu": lambda t: t.nn.functional.leaky_relu,
    "tanh": lambda t: t.tanh,
    "identity": lambda t: lambda a: a * 1,
}


def agrees_with_torch(activation, name, torch):
    a = np.random.default_rng(0).normal(0, 3, 50)
    ta = torch.tensor(a, requires_grad=True)
    expected = TORCH[name](torch)(ta)
    expected.sum().backward()
    y = activation.value(a)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(activation.derivative(y), ta.grad.numpy(), rtol=1e-12, atol=1e-15)


def test_every_activation_is_that_of_torch(torch):
    assert set(TORCH) == set(ACTIVATIONS)
    for name, activation in ACTIVATIONS.items():
        agrees_with_torch(activation, name, torch)


BUGS = {
    "derivative of the pre-activation": ("sigmoid", Activation(sigmoid, lambda y: sigmoid(y) * (1 - sigmoid(y)))),
    "y forgotten": ("sigmoid", Activation(sigmoid, lambda y: 1 - y)),
    "not squared": ("tanh", Activation(np.tanh, lambda y: 1 - y)),
    "another slope": (
        "leaky_relu",
        Activation(lambda a: activations.leaky_relu(a, 0.02), ACTIVATIONS["leaky_relu"][1]),
    ),
    "the value for the slope": ("relu", Activation(activations.relu, lambda y: y)),
    "linear too soon": ("softplus", Activation(lambda a: np.where(a > 2, a, softplus(a)), ACTIVATIONS["softplus"][1])),
}


@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_is_caught(bug, torch):
    name, activation = BUGS[bug]
    with pytest.raises(AssertionError):
        agrees_with_torch(activation, name, torch)


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(a=arrays(np.float64, array_shapes(max_dims=2, max_side=5), elements=st.floats(-20, 20)))
def test_derivative_from_the_value_is_the_complex_step(name, a):
    a = np.where(np.abs(a) < 1e-6, 0.5, a)  # away from the kinks
    value, derivative = ACTIVATIONS[name]
    np.testing.assert_allclose(derivative(value(a)), value(a + 1e-30j).imag / 1e-30, rtol=1e-12, atol=3e-16)


def test_kinks_are_the_frameworks_choice(torch):
    a = torch.zeros(1, requires_grad=True)
    torch.relu(a).sum().backward()
    assert a.grad.item() == activations.relu_derivative(activations.relu(np.zeros(1)))[0] == 0
    b = torch.zeros(1, requires_grad=True, dtype=torch.float64)
    torch.nn.functional.leaky_relu(b, 0.01).sum().backward()
    assert b.grad.item() == activations.leaky_relu_derivative(activations.leaky_relu(np.zeros(1)))[0]


@given(
    a=arrays(np.float64, (3, 5), elements=st.floats(-300, 300)),
    dy=arrays(np.float64, (3, 5), elements=st.floats(-2, 2)),
)
def test_softmax_sums_to_one_and_its_backward_is_the_complex_step(a, dy):
    y = softmax(a)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(softmax(a - 1000), y, rtol=1e-12)
    da = softmax_backward(y, dy)
    for k in range(5):
        v = np.zeros(5)
        v[k] = 1
        along = (softmax(a + 1e-30j * v) * dy).sum(axis=1).imag / 1e-30
        np.testing.assert_allclose(da[:, k], along, rtol=1e-11, atol=1e-15)
