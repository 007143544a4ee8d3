"""Upsampling, reshaping: PyTorch and planted bugs; what all layers share is in `layer_table`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import distance_from_torch
from layer_table import upsample

from scratchdae.layers import Reshape, UpSampling2D


@settings(settings.get_profile("layers"))
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5)),
    factor=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_upsampling_agrees_with_torch(loops, size, factor, seed, torch):
    x = np.random.default_rng(seed).normal(size=size)
    assert distance_from_torch(torch, upsample, UpSampling2D(factor), {}, x) < 1e-14


class OneCopyOnly(UpSampling2D):
    def backward(self, cache, d_output):
        return d_output[:, ::2, ::2], {}


class Averaged(UpSampling2D):
    def backward(self, cache, d_output):
        return super().backward(cache, d_output)[0] / 4, {}


class Tiled(UpSampling2D):
    """The copies of the whole image side by side, which numpy.tile makes, instead of each pixel's."""

    def backward(self, cache, d_output):
        B, H, W, C = cache.shape
        return d_output.reshape(B, 2, H // 2, 2, W // 2, C).sum(axis=(1, 3)), {}


@pytest.mark.parametrize("bug", [OneCopyOnly, Averaged, Tiled])
def test_planted_bugs_are_caught(loops, bug, rng, check_gradients):
    x = rng.normal(size=(2, 3, 4, 2))
    check_gradients(UpSampling2D(), {}, x)
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(bug(), {}, x)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="factor"):
        UpSampling2D(0)
    for shape in ((), 3, (2, 0), (2.0,)):
        with pytest.raises(ValueError, match="shape must"):
            Reshape(shape)
    with pytest.raises(ValueError, match=r"must have 6 entries for shape \(2, 3\), found \(7,\)"):
        Reshape((2, 3)).output_shape((7,))
