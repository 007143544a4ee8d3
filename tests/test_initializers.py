"""Scales are those of the papers, streams those of the generator."""

import numpy as np
import pytest

from scratchdae.activations import relu
from scratchdae.initializers import (
    INITIALIZERS,
    constant,
    fans,
    get,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    orthogonal,
    sigmoid_uniform,
    zeros,
)

DRAWN = [INITIALIZERS[name] for name in INITIALIZERS if name != "zeros"]


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


@pytest.mark.parametrize("draw", DRAWN)
def test_dtype_and_seed(draw):
    a, b = (draw((4, 3), np.random.default_rng(5), np.float32) for _ in range(2))
    assert a.dtype == np.float32
    np.testing.assert_array_equal(a, b)
    assert (draw((4, 3), np.random.default_rng(6), np.float32) != a).all()


@pytest.mark.parametrize(
    ("draw", "variance"),
    [
        (glorot_uniform, lambda i, o: 2 / (i + o)),
        (glorot_normal, lambda i, o: 2 / (i + o)),
        (he_uniform, lambda i, _: 2 / i),
        (he_normal, lambda i, _: 2 / i),
        (lecun_uniform, lambda i, _: 1 / i),
        (lecun_normal, lambda i, _: 1 / i),
        (normal, lambda *_: 0.05**2),
    ],
)
def test_variances_by_fans(draw, variance, rng):
    """Of matrices and of kernels (kh, kw, C_in, C_out), whose fans are 300 and 120 here."""
    assert fans((3, 5, 20, 8)) == (300, 120)
    for shape, fan_in, fan_out in (((300, 200), 300, 200), ((3, 5, 20, 8), 300, 120), ((3, 5, 200, 80), 3000, 1200)):
        draws = np.stack([draw(shape, rng) for _ in range(max(1, 10**5 // int(np.prod(shape))))])
        assert draws.var() == pytest.approx(variance(fan_in, fan_out), rel=0.03)
        assert abs(draws.mean()) < 4 * np.sqrt(variance(fan_in, fan_out) / draws.size)
    scaled = draw((300, 200), np.random.default_rng(1), scale=3.0 * (0.05 if draw is normal else 1))
    np.testing.assert_allclose(scaled, 3 * draw((300, 200), np.random.default_rng(1)), rtol=1e-12, atol=1e-15)


def test_fans_are_those_of_torch(torch):
    for shape in ((30, 20), (3, 5, 20, 8)):
        assert fans(shape) == torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(shape[::-1]))  # (out, in, ...)


@pytest.mark.parametrize(
    ("draw", "activation", "kept"),
    [(he_normal, relu, True), (lecun_normal, lambda a: a, True), (lecun_normal, relu, False), (normal, relu, False)],
)
def test_the_forward_variance_argument(draw, activation, kept, rng):
    """Ten layers of 400 units: the mean square of the pre-activations stays, or it halves in every layer."""
    x = activation(rng.normal(size=(200, 400)))
    for _ in range(10):
        a = x @ draw((400, 400), rng)
        x = activation(a)
    expected = 1 if kept else 0.5**10  # a rectifier halves the mean square; 400 · 0.05² is 1
    assert expected / 2 < (a * a).mean() < 2 * expected  # a random walk of the logarithm


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (4, 7), (1, 3), (3, 3, 2, 5), (1, 1, 2, 5)])
def test_orthogonal(shape, rng):
    W = orthogonal(shape, rng, scale=1.5).reshape(-1, shape[-1]) / 1.5
    gram = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-14)


def test_orthogonal_is_uniform(rng):
    """Each entry of a uniform 3 × 3 orthogonal matrix is uniform on [−1, 1], and its determinant ±1 evenly."""
    Q = np.stack([orthogonal((3, 3), rng) for _ in range(4000)])
    for i in range(3):
        for j in range(3):
            found = np.sort(Q[:, i, j])
            assert np.abs(found - np.linspace(-1, 1, 4000)).max() < 0.07  # Kolmogorov: 0.0615 once in a thousand
    assert abs(np.linalg.det(Q).mean()) < 0.07


def test_the_registry():
    for name, function in INITIALIZERS.items():
        assert get(name) is function
        assert get(function) is function
    a, b = (get(i)((4, 3), np.random.default_rng(0)) for i in ("he_normal", "he_normal(0.1)"))
    np.testing.assert_allclose(b, 0.1 * a, rtol=1e-14)
    assert (get("normal(2)")((300, 200), np.random.default_rng(0))).std() == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(
    "name", ["", "xavier", "he", "he_normal(", "he_normal(1", "zeros(2)", "constant", "he_normal()x", None]
)
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match="initializer must be one of glorot_uniform"):
        get(name)


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "two", ""])
def test_other_scales_are_refused(scale):
    with pytest.raises(ValueError, match="scale of he_normal must be a finite number, greater than 0"):
        get(f"he_normal({scale})")


@pytest.mark.parametrize("draw", DRAWN)
def test_other_shapes_and_scales_are_refused(draw, rng):
    for shape in ((3,), (2, 3, 4), (0, 3), (3, 3, 0, 2), ()):
        with pytest.raises(ValueError, match=r"shape must be \(fan_in, fan_out\) or \(kh, kw, C_in, C_out\)"):
            draw(shape, rng)
    with pytest.raises(ValueError, match="scale must be a finite number, greater than 0"):
        draw((2, 3), rng, scale=0.0)
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
        draw((2, 3), 0)
