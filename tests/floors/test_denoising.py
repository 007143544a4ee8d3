"""Floors of denoisers, against least squares on drawn noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from least_squares import least_squares

from scratchdae import corruption, floors
from scratchdae.datasets import redundant_columns

PROBABILITIES = arrays(np.float64, st.integers(1, 9), elements=st.floats(0, 1))


def test_wiener_is_least_squares_on_drawn_noise(rng):
    values = np.array([3.0, 1.0, 0.3, 0.0])
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    x = (rng.normal(size=(200000, 4)) * np.sqrt(values)) @ turn.T
    for s in (0.1, 0.5, 2.0):
        x_tilde = corruption.gaussian(x, s, rng)
        assert floors.wiener(values, s) == pytest.approx(least_squares(x_tilde, x), rel=0.01)
        for k in range(5):  # reduced-rank regression: the fitted values, then their first k components
            A = np.linalg.lstsq(x_tilde, x, rcond=None)[0]
            fitted = x_tilde @ A
            V = np.linalg.svd(fitted, full_matrices=False)[2][:k]
            assert floors.wiener(values, s, k) == pytest.approx(np.square(x - fitted @ V.T @ V).mean(), rel=0.01)


@given(values=arrays(np.float64, 5, elements=st.floats(0, 4)), k=st.integers(0, 5), s=st.floats(0, 5))
def test_wiener_between_its_limits(values, k, s):
    codes = floors.linear_codes(values)
    assert floors.wiener(values, 0.0, k) == pytest.approx(codes[k], abs=1e-15)
    assert codes[k] - 1e-12 <= floors.wiener(values, s, k) <= codes[0] + 1e-12
    assert floors.wiener(values, s) <= s**2 + 1e-12  # leaving the noise in costs s²


@pytest.mark.parametrize("exact_count", [False, True])
@pytest.mark.parametrize("constant", [False, True])
def test_masking_is_least_squares_on_drawn_masks(constant, exact_count, rng):
    x, _ = redundant_columns(200000, 5, 2, rng, noise=0.3)
    mean = x.mean(axis=0) if constant else None
    for nu in (0.2, 0.4, 0.8):
        x_tilde = (corruption.masking if exact_count else corruption.bernoulli_masking)(x, nu, rng)
        floor, W = floors.masking(x.T @ x / len(x), nu, mean, exact_count)
        assert floor == pytest.approx(least_squares(x_tilde, x, constant), rel=0.008)
        b = mean - (1 - nu) * mean @ W if constant else 0
        assert np.square(x_tilde @ W + b - x).mean() == pytest.approx(floor, rel=0.008)


def test_masking_of_independent_centred_columns_is_nu_times_the_variance():
    variances = np.array([1.0, 4.0, 0.5])
    for nu in (0, 0.25, 1):
        floor, W = floors.masking(np.diag(variances), nu)
        assert floor == pytest.approx(nu * variances.mean(), abs=1e-15)
        np.testing.assert_allclose(W, np.eye(3) if nu < 1 else 0, atol=1e-15)


def test_masking_of_two_correlated_columns_by_hand():
    """W = [[1 - p ρ², nu ρ], [nu ρ, 1 - p ρ²]] / (1 - p² ρ²), p = 1 - nu."""
    rho, nu = 0.6, 0.3
    p = 1 - nu
    _, W = floors.masking(np.array([[1, rho], [rho, 1]]), nu)
    diagonal, off = 1 - p * rho**2, nu * rho
    np.testing.assert_allclose(W, np.array([[diagonal, off], [off, diagonal]]) / (1 - p**2 * rho**2), rtol=1e-13)


def test_masking_takes_dead_columns_and_one_column(rng):
    x = np.hstack([rng.random((50, 2)), np.zeros((50, 1))])
    S = x.T @ x / 50
    floor, W = floors.masking(S, 0.5)
    assert floor == pytest.approx(floors.masking(S[:2, :2], 0.5)[0] * 2 / 3, rel=1e-12)
    np.testing.assert_array_equal(W[2], 0)
    assert floors.masking(np.zeros((2, 2)), 0.5)[0] == 0
    assert floors.masking(np.array([[2.0]]), 1.0, exact_count=True)[0] == 2


def test_masking_of_columns_that_depend_on_each_other_has_the_smallest_map(rng):
    """Round-off must not count as a direction: where nothing is destroyed the map is the projection on the data."""
    x = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 12))
    floor, W = floors.masking(x.T @ x / 50, 0.0)
    np.testing.assert_allclose(W, np.linalg.pinv(x, rcond=1e-10) @ x, atol=1e-12)
    assert floor == pytest.approx(0, abs=1e-13)


def test_a_second_moment_is_symmetric_but_for_round_off(rng):
    S = np.array([[2.0, 1.0], [1.0, 3.0]])
    assert floors.masking(S * [[1, 1 + 1e-11], [1, 1]], 0.3)[0] == pytest.approx(floors.masking(S, 0.3)[0], rel=1e-9)
    with pytest.raises(ValueError, match="S must be a symmetric matrix"):
        floors.masking(S * [[1, 1 + 1e-9], [1, 1]], 0.3)


def test_masking_binary_is_what_the_counts_say(rng):
    p, nu = np.array([0.1, 0.5, 0.9]), 0.3
    x = (rng.random((300000, 3)) < p).astype(float)
    x_tilde = corruption.bernoulli_masking(x, nu, rng)
    # The best prediction from one bit seen: the mean of the clean bits where it was 0, and where it was 1.
    best = [
        sum(
            (x_tilde[:, k] == seen).mean() * floors.binary_entropy(x[x_tilde[:, k] == seen, k].mean())
            for seen in (0, 1)
        )
        for k in range(3)
    ]
    assert floors.masking_binary(p, nu) == pytest.approx(np.mean(best), rel=0.005)
    assert floors.masking_binary(0.5, 0.3) == pytest.approx(0.65 * floors.binary_entropy(0.15 / 0.65))


@given(p=PROBABILITIES, nu=st.floats(0, 1))
def test_masking_binary_between_nothing_lost_and_all_lost(p, nu):
    assert floors.masking_binary(p, 0) == 0
    assert floors.masking_binary(p, 1) == pytest.approx(floors.binary_entropy(p).mean(), abs=1e-15)
    between = floors.masking_binary(p, nu)
    assert nu * floors.binary_entropy(p).mean() - 1e-15 <= between <= floors.binary_entropy(p).mean() + 1e-15
