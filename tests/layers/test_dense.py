"""The fully connected layer: PyTorch, planted bugs; what all layers share is in `layer_table`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import distance_from_torch
from layer_table import dense

from scratchdae.layers import Dense


@settings(settings.get_profile("layers"))
@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=4), units=st.integers(1, 6), seed=st.integers(0, 99))
def test_agrees_with_torch(shape, units, seed, torch):
    rng = np.random.default_rng(seed)
    params = Dense(units).init(tuple(shape[1:]), rng) | {"b": rng.normal(size=units)}
    assert distance_from_torch(torch, dense, Dense(units), params, rng.normal(size=shape)) < 5e-14


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
    with pytest.raises(ValueError, match=r"x must have shape \(B, 3\)"):
        Dense(2).forward(Dense(2).init((3,), rng), np.zeros((4, 2)))
