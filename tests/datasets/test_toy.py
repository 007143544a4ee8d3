"""Toy distributions: the moments their docstrings state, within what the sample size allows (seeds are fixed)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae.datasets import (
    bernoulli,
    curve,
    curved_manifold,
    project_to_curve,
    redundant_columns,
    sinusoids,
    uniform,
)

N = 200_000


@pytest.fixture
def rng():
    return np.random.default_rng(42)


def test_uniform_moments(rng):
    x = uniform(N, 3, rng)
    assert x.shape == (N, 3)
    assert 0 <= x.min() <= x.max() < 1
    np.testing.assert_allclose(x.mean(axis=0), 1 / 2, atol=4 * np.sqrt(1 / 12 / N))
    np.testing.assert_allclose(np.cov(x.T), np.eye(3) / 12, atol=1e-3)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_bernoulli_moments_and_entropy(rng, p):
    x = bernoulli(N, 4, rng, p)
    assert x.dtype == np.float64
    assert set(np.unique(x)) == {0.0, 1.0}
    np.testing.assert_allclose(x.mean(axis=0), p, atol=4 * np.sqrt(p * (1 - p) / N))
    np.testing.assert_allclose(np.cov(x.T), p * (1 - p) * np.eye(4), atol=2e-3)
    cross_entropy = -np.mean(np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1))
    assert cross_entropy == pytest.approx(4 * (-p * np.log(p) - (1 - p) * np.log(1 - p)), rel=5e-3)


def test_bernoulli_ends(rng):
    assert not bernoulli(50, 2, rng, 0.0).any()
    assert bernoulli(50, 2, rng, 1).all()


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_redundant_columns_moments(rng, noise):
    x, mixing = redundant_columns(N, 6, 2, rng, noise)
    assert (x.shape, mixing.shape) == ((N, 6), (6, 2))
    assert 0 <= x.min() <= x.max() <= 1
    np.testing.assert_allclose(mixing.sum(axis=1), 1, atol=1e-14)
    assert mixing.min() >= 0
    np.testing.assert_allclose(x.mean(axis=0), 1 / 2, atol=4 * np.sqrt(1 / 12 / N))
    expected = ((1 - noise) ** 2 * mixing @ mixing.T + noise**2 * np.eye(6)) / 12
    np.testing.assert_allclose(np.cov(x.T), expected, atol=1.2e-3)


@given(d=st.integers(1, 7), k=st.integers(1, 7), seed=st.integers(0, 99))
def test_redundant_columns_have_the_rank_of_the_hidden_ones(d, k, seed):
    rng = np.random.default_rng(seed)
    if k > d:
        with pytest.raises(ValueError, match=f"k must be at most d = {d}, found {k}"):
            redundant_columns(30, d, k, rng)
    else:
        x, mixing = redundant_columns(30, d, k, rng)
        hidden = np.linalg.lstsq(mixing, x.T, rcond=None)[0]
        np.testing.assert_allclose(mixing @ hidden, x.T, atol=1e-9)


def test_the_curve_is_traversed_at_constant_speed_and_has_the_stated_length():
    points = curve(np.linspace(0, 1, 10_001))
    steps = np.hypot(*np.diff(points, axis=0).T)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-9)
    assert steps.sum() == pytest.approx(0.525 * np.pi, rel=1e-6)
    assert 0.15 - 1e-12 <= points.min() <= points.max() <= 0.85 + 1e-12


def test_manifold_moments(rng):
    x, t = curved_manifold(N, rng)
    np.testing.assert_array_equal(x, curve(t))
    np.testing.assert_allclose(x.mean(axis=0), [0.5 - 0.35 * 2 * np.sqrt(2) / (3 * np.pi), 0.5], atol=3e-3)
    np.testing.assert_allclose(np.hypot(*(x - 0.5).T), 0.35, rtol=1e-12)


def test_manifold_noise_is_that_asked_for(rng):
    x, t = curved_manifold(N, rng, noise=0.03)
    np.testing.assert_allclose(np.cov((x - curve(t)).T), 0.03**2 * np.eye(2), atol=2e-5)


@given(t=st.floats(0, 1), r=st.floats(0.01, 2))
def test_projection_is_the_inverse_of_the_curve_at_any_distance_from_the_centre(t, r):
    """Points on the ray from the centre through curve(t) have curve(t) as the nearest point."""
    x = 0.5 + r * (curve(t) - 0.5)
    np.testing.assert_allclose(curve(project_to_curve(x)), curve(t), atol=1e-9)


@given(x=st.tuples(st.floats(-1, 2), st.floats(-1, 2)))
def test_no_point_of_the_curve_is_nearer_than_the_projection(x):
    grid = curve(np.linspace(0, 1, 2001))
    found = np.hypot(*(curve(project_to_curve(np.array(x))) - x))
    assert found <= np.hypot(*(grid - x).T).min() + 1e-12


def test_projection_keeps_the_shape_of_its_input():
    assert project_to_curve(np.zeros((4, 3, 2))).shape == (4, 3)
    assert project_to_curve([0.1, 0.2]).shape == ()


def test_sinusoid_moments(rng):
    x = sinusoids(50_000, 12, 2, rng)
    assert x.shape == (50_000, 12, 2)
    assert 0 <= x.min() <= x.max() <= 1
    np.testing.assert_allclose(x.mean(axis=0), 1 / 2, atol=6e-3)
    np.testing.assert_allclose(x.var(axis=0), 1 / 16, atol=1.5e-3)


def test_sinusoid_covariance_over_time_and_between_features(rng):
    steps = 12
    x = sinusoids(50_000, steps, 2, rng) - 0.5
    for h in (1, 2, 5):
        theta = 2 * np.pi * h / steps
        found = np.mean(x[:, 3, 0] * x[:, 3 + h, 0])
        assert found == pytest.approx((np.sin(4 * theta) - np.sin(theta)) / (48 * theta), abs=1.5e-3)
    assert np.abs(np.einsum("nsf,nsg->fg", x, x)[0, 1] / len(x) / steps) < 1e-3


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: uniform(20, 3, rng),
        lambda rng: bernoulli(20, 3, rng),
        lambda rng: redundant_columns(20, 3, 2, rng, 0.1)[0],
        lambda rng: curved_manifold(20, rng, 0.1)[0],
        lambda rng: sinusoids(20, 5, 2, rng),
    ],
)
def test_the_same_seed_draws_the_same_bits(draw):
    np.testing.assert_array_equal(draw(np.random.default_rng(1)), draw(np.random.default_rng(1)))
    assert not np.array_equal(draw(np.random.default_rng(1)), draw(np.random.default_rng(2)))
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
        draw(1)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: redundant_columns(2**45, 3, 2, rng),
        lambda rng: sinusoids(2, 3, 2**45, rng),
        lambda rng: sinusoids(2, 2**45, 1, rng),
    ],
)
def test_what_no_memory_holds_draws_nothing(draw):
    rng = np.random.default_rng(1)
    with pytest.raises(MemoryError):
        draw(rng)
    assert rng.bit_generator.state == np.random.default_rng(1).bit_generator.state


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda rng: uniform(0, 3, rng), "n must be an integer of at least 1, found 0"),
        (lambda rng: uniform(5, 1.5, rng), "d must be an integer of at least 1, found 1.5"),
        (lambda rng: bernoulli(5, 3, rng, 1.1), "p must be a finite number, at least 0 and at most 1, found 1.1"),
        (lambda rng: bernoulli(5, 3, rng, float("nan")), "p must be a finite number"),
        (lambda rng: redundant_columns(5, 3, 0, rng), "k must be an integer of at least 1, found 0"),
        (lambda rng: redundant_columns(5, 3, 2, rng, -0.1), "noise must be .* found -0.1"),
        (lambda rng: curved_manifold(5, rng, -1), "noise must be .* found -1"),
        (lambda rng: sinusoids(5, 0, 1, rng), "steps must be an integer of at least 1, found 0"),
        (lambda _: curve(np.array([0.5, 1.5])), r"t must lie in \[0, 1\], found values from 0.5 to 1.5"),
        (lambda _: curve(np.array([np.nan])), r"t must lie in \[0, 1\]"),
        (lambda _: project_to_curve(np.zeros((2, 3))), r"two coordinates along its last axis, found shape \(2, 3\)"),
    ],
)
def test_arguments_are_checked(rng, draw, message):
    with pytest.raises(ValueError, match=message):
        draw(rng)
