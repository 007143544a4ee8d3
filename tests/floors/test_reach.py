"""What an output cannot reach, against the nearest value and the repeated mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratchdae import floors

MATRICES = arrays(np.float64, st.tuples(st.integers(2, 12), st.integers(1, 7)), elements=st.floats(-3, 3))


@given(x=MATRICES, low=st.floats(-2, 0), high=st.floats(0, 2))
def test_output_range_is_the_loss_of_the_nearest_value(x, low, high):
    assert floors.output_range(x, low, high) == pytest.approx(np.square(x - np.clip(x, low, high)).mean(), abs=1e-15)


def test_output_range_of_unscaled_pixels():
    x = np.arange(256.0)[:, None]
    floor, half = floors.output_range(x, 0, 1), np.square(x - 0.5).mean()
    assert 1 - floor / half == pytest.approx(0.00587, abs=5e-6)
    assert floors.output_range(x, 0) == 0
    assert floors.output_range(-x, 0) == pytest.approx(np.square(x).mean())
    assert floors.output_range(x) == 0


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_average_pooling_is_what_pooling_and_repeating_leaves(k, rng):
    images = rng.random((4, 6, 12))
    repeated = np.zeros_like(images)
    for top in range(0, 6, k):
        for left in range(0, 12, k):
            block = np.s_[:, top : top + k, left : left + k]
            repeated[block] = images[block].mean(axis=(1, 2), keepdims=True)
    assert floors.average_pooling(images, k) == pytest.approx(np.square(images - repeated).mean(), rel=1e-13, abs=1e-30)
