"""Dropout and Gaussian noise: what is drawn, when, and what the gradient sees of it."""

import numpy as np
import pytest

from scratchdae.layers import Dropout, GaussianNoise


@pytest.mark.parametrize("layer", [Dropout(0.5), GaussianNoise(0.5)])
def test_without_a_generator_nothing_happens(layer, rng):
    x = rng.normal(size=(3, 4))
    y, cache = layer.forward({}, x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(layer.backward(cache, x)[0], x)
    assert not np.array_equal(layer.forward({}, x, rng)[0], x)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_scales_what_is_left(rate, rng):
    n = 200_000
    y, cache = Dropout(rate).forward({}, np.ones((n, 1)), rng)
    assert set(np.round(np.unique(y), 12)) == {0, round(1 / (1 - rate), 12)}
    assert y.mean() == pytest.approx(1, abs=5 * np.sqrt(rate / (1 - rate) / n))
    np.testing.assert_array_equal(Dropout(rate).backward(cache, np.ones((n, 1)))[0], y)


def test_dropout_draws_the_same_units_in_both_dtypes():
    x = np.ones((9, 50))
    drawn = [Dropout(0.4).forward({}, x.astype(t), np.random.default_rng(5))[1] for t in (np.float32, np.float64)]
    np.testing.assert_array_equal(*drawn)


def test_gaussian_noise_has_its_deviation(rng):
    n = 200_000
    noise = GaussianNoise(0.5).forward({}, np.full((n, 1), 3.0), rng)[0] - 3
    assert noise.std() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(2 * n))
    assert noise.mean() == pytest.approx(0, abs=5 * 0.5 / np.sqrt(n))


def test_noise_is_drawn_in_the_dtype_of_the_input():
    """The half of the digits that float32 has not are noise too; and float32 has draws of its own."""
    noise, narrow = (GaussianNoise(1).forward({}, np.zeros((9, 50), t), np.random.default_rng(5))[0] for t in "df")
    assert (noise != noise.astype(np.float32)).mean() > 0.9
    np.testing.assert_array_equal(narrow, np.random.default_rng(5).standard_normal((9, 50), np.float32))


def test_destroyed_values_show(rng):
    """A NaN that is left out still shows: 0 · NaN is NaN."""
    assert np.isnan(Dropout(0.5).forward({}, np.full((50, 1), np.nan), rng)[0]).all()


class NotRescaledBackwards(Dropout):
    def backward(self, cache, d_output):
        return d_output * cache, {}


class MaskDrawnAgain(Dropout):
    def backward(self, cache, d_output):
        kept = np.random.default_rng(0).random(cache.shape) >= self.rate
        return d_output * kept / (1 - self.rate), {}


class IgnoredBackwards(Dropout):
    def backward(self, cache, d_output):
        return d_output, {}


class ScaledByTheRate(Dropout):
    def backward(self, cache, d_output):
        return d_output * cache / self.rate, {}


@pytest.mark.parametrize("bug", [NotRescaledBackwards, MaskDrawnAgain, IgnoredBackwards, ScaledByTheRate])
def test_planted_bugs_are_caught(bug, rng, check_gradients):
    x = rng.normal(size=(5, 6))
    check_gradients(Dropout(0.3), {}, x, seed=3)
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(bug(0.3), {}, x, seed=3)


def test_bad_arguments_are_named():
    for rate in (-0.1, 1, 1.5, np.nan, "0.5"):
        with pytest.raises(ValueError, match="rate must be"):
            Dropout(rate)
    with pytest.raises(ValueError, match="std must be"):
        GaussianNoise(-1)
