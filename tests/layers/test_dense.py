"""The fully connected layer: PyTorch, gradient checks, planted bugs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchdae.layers import Dense


@settings(settings.get_profile("layers"))
@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=4), units=st.integers(1, 6), seed=st.integers(0, 99))
def test_agrees_with_torch(shape, units, seed, torch):
    rng = np.random.default_rng(seed)
    layer = Dense(units)
    params = layer.init(tuple(shape[1:]), rng) | {"b": rng.normal(size=units)}
    x, W, b = (torch.tensor(a, requires_grad=True) for a in (rng.normal(size=shape), params["W"].T.copy(), params["b"]))
    expected = torch.nn.functional.linear(x, W, b)
    y, cache = layer.forward(params, x.detach().numpy())
    d_output = rng.normal(size=y.shape)
    expected.backward(torch.tensor(d_output))
    dx, grads = layer.backward(cache, d_output)
    assert y.shape[1:] == layer.output_shape(tuple(shape[1:]))
    for found, right in ((y, expected.detach()), (dx, x.grad), (grads["W"].T, W.grad), (grads["b"], b.grad)):
        assert np.abs(found - right.numpy()).max() < 1e-14 * max(np.abs(right.numpy()).max(), 1) * 5


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_gradients(shape, rng, check_gradients, check_pure):
    layer = Dense(3)
    check_gradients(layer, layer.init(shape, rng), rng.normal(size=(5, *shape)))
    check_pure(layer, shape)


class NotSummedOverSteps(Dense):
    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        x = cache.x
        return dx, {"W": x[:, 0].T @ d_output[:, 0], "b": d_output[:, 0].sum(axis=0)} if x.ndim == 3 else grads


class BiasAveraged(Dense):
    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        return dx, grads | {"b": d_output.mean(axis=(0, 1))}


class Transposed(Dense):
    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        return dx, grads | {"W": grads["W"].T}


class InputGradientWithoutWeights(Dense):
    def backward(self, cache, d_output):
        return d_output, super().backward(cache, d_output)[1]


@pytest.mark.parametrize("bug", [NotSummedOverSteps, BiasAveraged, Transposed, InputGradientWithoutWeights])
def test_planted_bugs_are_caught(bug, rng, check_gradients):
    params, x = Dense(4).init((3, 4), rng), rng.normal(size=(5, 3, 4))
    check_gradients(Dense(4), params, x)
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(bug(4), params, x)


def test_bad_arguments_are_named(rng):
    with pytest.raises(ValueError, match="units"):
        Dense(0)
    with pytest.raises(ValueError, match="initializer"):
        Dense(2, "xavier")
    with pytest.raises(ValueError, match="input_shape"):
        Dense(2).output_shape(())
    params = Dense(2).init((3,), rng)
    with pytest.raises(ValueError, match=r"x must have shape \(B, 3\)"):
        Dense(2).forward(params, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="d_output must"):
        Dense(2).backward(Dense(2).forward(params, np.zeros((4, 3)))[1], np.zeros((4, 3)))
