"""Repeating a vector, and the sum that is its gradient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae import gradcheck
from scratchdae.layers.repeat import RepeatVector


def scalar(layer, cotangent):
    def loss_and_grads(arrays):
        y, cache = layer.forward({}, arrays["x"])
        return (y * cotangent).sum() + (y**3).sum() / 3, {"x": layer.backward(cache, cotangent + y**2)[0]}

    return loss_and_grads


@given(B=st.integers(1, 4), n=st.integers(1, 5), F=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_values_and_gradient(B, n, F, seed):
    rng = np.random.default_rng(seed)
    layer, x, cotangent = RepeatVector(n), rng.normal(size=(B, F)), rng.normal(size=(B, n, F))
    assert layer.output_shape((F,)) == (n, F)
    assert layer.init((F,), rng) == {}
    y, _ = layer.forward({}, x, rng)
    assert y.shape == (B, n, F)
    for t in range(n):
        np.testing.assert_array_equal(y[:, t], x)
    gradcheck.check(scalar(layer, cotangent), {"x": x}, "complex").raise_on_failure()


def test_torch_agrees(torch, rng):
    x, cotangent = rng.normal(size=(3, 4)), rng.normal(size=(3, 5, 4))
    tx = torch.tensor(x, requires_grad=True)
    theirs = tx.unsqueeze(1).expand(-1, 5, -1)
    (theirs * torch.tensor(cotangent)).sum().backward()
    y, cache = RepeatVector(5).forward({}, x)
    np.testing.assert_array_equal(y, theirs.detach().numpy())
    np.testing.assert_allclose(RepeatVector(5).backward(cache, cotangent)[0], tx.grad.numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    "wrong", [lambda d: d[:, -1], lambda d: d.mean(axis=1), lambda d: d[:, 0]], ids=["last", "mean", "first"]
)
def test_each_planted_bug_is_caught(wrong, rng):
    class Wrong(RepeatVector):
        def backward(self, _, d_output):
            return wrong(d_output), {}

    report = gradcheck.check(scalar(Wrong(4), rng.normal(size=(3, 4, 2))), {"x": rng.normal(size=(3, 2))})
    assert not report.ok


def test_output_is_its_own_and_keeps_the_dtype(rng):
    x = rng.normal(size=(2, 3)).astype(np.float32)
    y, cache = RepeatVector(4).forward({}, x)
    assert y.dtype == RepeatVector(4).backward(cache, y)[0].dtype == np.float32
    assert not np.shares_memory(x, y)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: RepeatVector(0), "n must be an integer of at least 1, found 0"),
        (lambda: RepeatVector(2).output_shape((3, 4)), r"input_shape must be \(features,\)"),
        (lambda: RepeatVector(2).forward({}, np.ones((2, 3, 4))), r"x must have shape \(B, any\)"),
        (lambda: RepeatVector(2).backward(None, np.ones((2, 3, 4))), r"d_output must have shape \(B, 2, any\)"),
    ],
)
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()
