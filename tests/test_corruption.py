"""Counts are exact, rates and moments are those of the distribution, and every component is as likely as any other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae.corruption import (
    CORRUPTIONS,
    Corruption,
    bernoulli_mask,
    exact_mask,
    gaussian,
    masking,
    salt_and_pepper,
)
from scratchdae.schedules import Geometric, Linear


@given(b=st.integers(1, 5), d=st.integers(1, 40), nu=st.floats(0, 1), seed=st.integers(0, 100))
def test_masking_destroys_an_exact_count_in_every_example(b, d, nu, seed):
    x = np.ones((b, d))
    x_tilde = masking(x, nu, np.random.default_rng(seed))
    assert ((x_tilde == 0).sum(axis=1) == round(nu * d)).all()
    assert (x == 1).all()


def test_every_component_is_destroyed_equally_often(rng):
    """Of 20,000 draws of 3 from 10 each component is hit 6,000 times, give or take 5 standard deviations."""
    hits = exact_mask((20_000, 10), 0.3, rng).sum(axis=0)
    assert np.abs(hits - 6_000).max() < 5 * np.sqrt(20_000 * 0.3 * 0.7)
    pairs = exact_mask((20_000, 4), 0.5, rng)
    together = (pairs[:, 0] & pairs[:, 1]).mean()
    assert together == pytest.approx(1 / 6, abs=0.015)  # without replacement: 2/4 · 1/3


def test_bernoulli_mask_is_binomial(rng):
    counts = bernoulli_mask((20_000, 50), 0.3, rng).sum(axis=1)
    assert counts.mean() == pytest.approx(15, abs=0.12)
    assert counts.var() == pytest.approx(10.5, abs=0.6)
    assert bernoulli_mask((3, 4), 1.0, rng).all()
    assert not bernoulli_mask((3, 4), 0.0, rng).any()


def test_salt_and_pepper_sets_a_fair_half_to_each_extreme(rng):
    x = np.full((2_000, 100), 0.5)
    x_tilde = salt_and_pepper(x, 0.4, rng)
    assert ((x_tilde != 0.5).sum(axis=1) == 40).all()
    assert (x_tilde == 1).sum() / 80_000 == pytest.approx(0.5, abs=0.01)
    assert set(np.unique(x_tilde)) == {0, 0.5, 1}


def test_gaussian_has_its_standard_deviation_and_is_not_clipped(rng):
    noise = gaussian(np.zeros((1_000, 200)), 0.7, rng)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(0.7, rel=0.01)
    assert noise.min() < -2


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_level_zero_changes_nothing_and_dtype_stays(kind, rng):
    x = rng.random((4, 6)).astype(np.float32)
    for level in (0.0, 0.5):
        x_tilde = CORRUPTIONS[kind](x, level, rng)
        assert x_tilde.dtype == np.float32
        assert x_tilde is not x
        assert (level > 0) == bool((x_tilde != x).any())


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_same_generator_state_same_corruption(kind, rng):
    x = rng.random((4, 6))
    a, b = (Corruption(kind, 0.4).corrupt(x, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_level_follows_its_schedule():
    annealed = Corruption.parse("gaussian:linear(0.5, 0.1, 5)")
    assert annealed == Corruption("gaussian", Linear(0.5, 0.1, 5))
    assert [round(annealed.at(epoch), 12) for epoch in (0, 2, 4, 99)] == [0.5, 0.3, 0.1, 0.1]
    x = np.zeros((50, 400))
    first, last = (annealed.corrupt(x, np.random.default_rng(0), epoch).std() for epoch in (0, 4))
    assert first / last == pytest.approx(5, rel=1e-9)


def test_images_are_corrupted_as_their_rows_are(rng):
    x = rng.random((3, 4, 5, 2))
    for kind in CORRUPTIONS:
        corruption = Corruption(kind, 0.4)
        images = corruption.corrupt(x, np.random.default_rng(1))
        rows = corruption.corrupt(x.reshape(3, -1), np.random.default_rng(1))
        np.testing.assert_array_equal(images.reshape(3, -1), rows)


@pytest.mark.parametrize("text", ["masking:0.3", "bernoulli:0.25", "salt_and_pepper:geometric(0.5, 0.1, 3)"])
def test_prints_as_it_is_parsed(text):
    assert str(Corruption.parse(text)) == text
    assert Corruption.parse("none") is None
    assert Corruption("gaussian", Geometric(0.5, 0.1, 3)) == Corruption.parse("gaussian:geometric(0.5,0.1,3)")
