"""Upsampling, flattening, reshaping: PyTorch and planted bugs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchdae.layers import Flatten, Reshape, UpSampling2D


@settings(settings.get_profile("layers"))
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5)),
    factor=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_upsampling_agrees_with_torch(loops, size, factor, seed, torch, tensor, difference):
    rng = np.random.default_rng(seed)
    x, layer = rng.normal(size=size), UpSampling2D(factor)
    t = tensor(x)
    expected = torch.nn.functional.interpolate(t, scale_factor=factor, mode="nearest")
    y, cache = layer.forward({}, x)
    assert difference(y, expected) == 0
    assert y.shape[1:] == layer.output_shape(size[1:])
    d_output = rng.normal(size=y.shape)
    expected.backward(torch.tensor(np.ascontiguousarray(np.moveaxis(d_output, -1, 1))))
    assert difference(layer.backward(cache, d_output)[0], t.grad) < 1e-14


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


@pytest.mark.parametrize("layer", [UpSampling2D(), UpSampling2D((1, 3)), Flatten(), Reshape((8, 3)), Reshape((24,))])
def test_gradients(loops, layer, rng, check_gradients, check_pure):
    check_gradients(layer, {}, rng.normal(size=(2, 3, 4, 2)))
    check_pure(layer, (3, 4, 2))


def test_reshaping_keeps_row_major_order(rng, torch):
    x = rng.normal(size=(2, 3, 4, 5))
    np.testing.assert_array_equal(Flatten().forward({}, x)[0], torch.flatten(torch.tensor(x), 1).numpy())
    np.testing.assert_array_equal(Reshape((6, 10)).forward({}, x)[0], torch.tensor(x).reshape(2, 6, 10).numpy())
    assert Flatten().output_shape((3, 4, 5)) == (60,)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="factor"):
        UpSampling2D(0)
    with pytest.raises(ValueError, match="x must have shape"):
        UpSampling2D().forward({}, np.zeros((2, 3)))
    with pytest.raises(ValueError, match="d_output must"):
        UpSampling2D().backward(UpSampling2D().forward({}, np.zeros((1, 2, 2, 1)))[1], np.zeros((1, 2, 2, 1)))
    for shape in ((), 3, (2, 0), (2.0,)):
        with pytest.raises(ValueError, match="shape must"):
            Reshape(shape)
    with pytest.raises(ValueError, match=r"must have 6 entries for shape \(2, 3\), found \(7,\)"):
        Reshape((2, 3)).output_shape((7,))
    with pytest.raises(ValueError, match="d_output must"):
        Flatten().backward(Flatten().forward({}, np.zeros((2, 3, 4)))[1], np.zeros((2, 3, 4)))
