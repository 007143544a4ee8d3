"""Scales are those of the papers, streams those of the generator."""

import numpy as np
import pytest

from scratchdae.initializers import constant, glorot_normal, glorot_uniform, sigmoid_uniform, zeros


def test_scales(rng):
    shape = (300, 200)
    variance = 2 / 500
    assert glorot_uniform(shape, rng).var() == pytest.approx(variance, rel=0.02)
    assert glorot_normal(shape, rng).var() == pytest.approx(variance, rel=0.02)
    bound = 4 * np.sqrt(6 / 500)
    W = sigmoid_uniform(shape, rng)
    assert W.var() == pytest.approx(16 * variance, rel=0.02)
    assert 0.99 * bound < np.abs(W).max() <= bound


def test_constants():
    assert (zeros((3, 2)) == 0).all()
    assert (constant(0.5)((3, 2), np.random.default_rng(0)) == 0.5).all()


@pytest.mark.parametrize("draw", [glorot_uniform, glorot_normal, sigmoid_uniform])
def test_dtype_and_seed(draw):
    a, b = (draw((4, 3), np.random.default_rng(5), np.float32) for _ in range(2))
    assert a.dtype == np.float32
    np.testing.assert_array_equal(a, b)
    assert (draw((4, 3), np.random.default_rng(6), np.float32) != a).all()
