"""Floors of linear codes, against reconstructions that use no eigenvalue."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from least_squares import least_squares

from scratchdae import floors
from scratchdae.datasets import redundant_columns, uniform

MATRICES = arrays(np.float64, st.tuples(st.integers(2, 12), st.integers(1, 7)), elements=st.floats(-3, 3))


@given(x=MATRICES)
def test_pca_is_what_a_truncated_singular_value_decomposition_leaves(x):
    """No eigenvalue is used: the rows themselves are reconstructed."""
    d = x.shape[1]
    centred = x - x.mean(axis=0)
    U, s, Vt = np.linalg.svd(centred, full_matrices=False)
    for k in range(d + 1):
        reconstruction = (U[:, :k] * s[:k]) @ Vt[:k]
        assert floors.pca(x)[k] == pytest.approx(np.square(centred - reconstruction).mean(), abs=1e-13)
    assert floors.pca(x)[0] == pytest.approx(floors.constant(x), rel=1e-12, abs=1e-15)
    assert floors.pca(x)[d] == 0
    assert np.all(np.diff(floors.pca(x)) <= 0)


def test_no_random_code_is_below_pca(rng):
    x = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6)
    floor = floors.pca(x)[2]
    best = min(least_squares(x @ rng.normal(size=(6, 2)), x) for _ in range(300))
    assert floor < best < 3 * floor  # the search comes near, so that a floor of 0 would not pass
    vectors = np.linalg.eigh(np.cov(x.T))[1][:, -2:]
    assert least_squares(x @ vectors, x) == pytest.approx(floor, rel=1e-12)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (7, 7), (1, 4)])
def test_eigenvalues_whichever_side_is_longer(shape, rng):
    x = rng.normal(size=shape)
    found = floors.eigenvalues(x)
    np.testing.assert_allclose(
        found, np.linalg.eigvalsh(np.cov(x.T, bias=True).reshape(shape[1], -1))[::-1], atol=1e-14
    )
    assert found.shape == (shape[1],)
    assert found.min() >= 0


def test_redundant_columns_compress_and_shuffled_ones_do_not(rng):
    x, _ = redundant_columns(4000, 12, 3, rng)
    assert floors.pca(x)[3] < 1e-15
    shuffled = floors.permute_features(x, rng)
    assert floors.pca(shuffled)[3] > 0.6 * floors.pca(shuffled)[0]  # (1 - 3/12) = 0.75 where variances are equal
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(x, axis=0))
    assert floors.constant(shuffled) == pytest.approx(floors.constant(x), rel=1e-12)
    assert not np.array_equal(np.argsort(shuffled[:, 0]), np.argsort(shuffled[:, 1]))


def test_independent_is_the_limit_of_many_examples(rng):
    p = floors.pca(uniform(100000, 20, rng))
    for k in (0, 1, 7, 19, 20):
        assert p[k] == pytest.approx(floors.independent(k, 20), rel=0.03)
        assert floors.sample_pca(k, 10**9, 20) == pytest.approx(
            floors.independent(k, 20), rel=5e-4
        )  # it differs by 2 √(d/n)


@pytest.mark.parametrize(("n", "d"), [(400, 100), (150, 100), (101, 100), (60, 100)])
def test_sample_pca_is_what_components_of_drawn_data_leave(n, d, rng):
    measured = np.mean([floors.pca(uniform(n, d, rng)) for _ in range(5)], axis=0)
    for k in (0, 5, 20, 40, 55):
        # Of the order 1/d: measured up to 0.008 of the variance, half of it the luck of five draws.
        assert floors.sample_pca(k, n, d) == pytest.approx(measured[k], abs=0.012 / 12)
        assert floors.sample_pca(k, n, d) < floors.independent(k, d)
    assert floors.sample_pca(min(n - 1, d), n, d) == 0
    assert floors.sample_pca(0, n, d, 2.0) == pytest.approx(2 * (n - 1) / n, rel=1e-14)


@given(gamma=st.one_of(st.floats(0.05, 0.98), st.floats(1.02, 20)), phi=st.floats(0.1, np.pi))
def test_marchenko_pastur_mass_is_the_integral_of_its_density(gamma, phi):
    from scratchdae.floors.spectrum import _mass

    low = (1 - np.sqrt(gamma)) ** 2
    high = (1 + np.sqrt(gamma)) ** 2
    theta = np.linspace(0, phi, 20001)  # λ = 1 + γ - 2√γ cos θ takes the square roots out of the density
    value = 1 + gamma - 2 * np.sqrt(gamma) * np.cos(theta)
    with np.errstate(invalid="ignore", divide="ignore"):
        density = np.sqrt(np.maximum((high - value) * (value - low), 0)) / (2 * np.pi * gamma * value)
        integrand = density * 2 * np.sqrt(gamma) * np.sin(theta)
    integrand[0] = 0
    assert _mass(phi, 1.0) == pytest.approx((phi + np.sin(phi)) / np.pi, rel=1e-14)  # ∫ (1 + cos θ) / π, by hand
    assert _mass(phi, gamma) == pytest.approx((integrand[1:] + integrand[:-1]).sum() / 2 * theta[1], abs=2e-5)
