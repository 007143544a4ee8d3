"""Drawn digits: reproducible, in their box, inked where the pen went."""

import tracemalloc

import numpy as np
import pytest

from scratchdae.datasets import draw_digits, draw_labelled_digits
from scratchdae.datasets.glyphs import GLYPHS
from scratchdae.datasets.stroke_digits import _EDGE, _ink


@pytest.fixture(scope="module")
def drawn():
    return draw_digits(3000, np.random.default_rng(11))


def test_shapes_and_dtypes(drawn):
    x, t = drawn
    assert (x.shape, x.dtype, t.shape, t.dtype) == ((3000, 784), np.uint8, (3000,), np.uint8)
    assert x.flags.c_contiguous


def test_the_same_seed_draws_the_same_bits():
    first, second = (draw_digits(300, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert not np.array_equal(first[0], draw_digits(300, np.random.default_rng(4))[0])


def test_a_generator_goes_on():
    rng = np.random.default_rng(3)
    t = np.full(50, 8)
    assert not np.array_equal(draw_labelled_digits(t, rng), draw_labelled_digits(t, rng))


def test_labels_are_uniform(drawn):
    counts = np.bincount(drawn[1], minlength=10)
    chi_square = np.sum((counts - 300) ** 2 / 300)
    assert chi_square < 33.7  # the 99.99 % quantile with 9 degrees of freedom; the seed is fixed


def test_sixteen_grey_levels(drawn):
    np.testing.assert_array_equal(np.unique(drawn[0]), np.arange(0, 256, 17))


def test_ink_statistics_are_those_of_handwriting(drawn):
    x, _ = drawn
    assert 0.75 < (x == 0).mean() < 0.85  # MNIST: 0.81
    assert 0.11 < x.mean() / 255 < 0.15  # MNIST: 0.131
    assert (x.reshape(-1, 784).max(axis=1) >= 238).all()  # a pen that writes


def test_digits_fill_their_box_and_keep_off_the_border(drawn):
    image = drawn[0].reshape(-1, 28, 28)
    assert not image[:, [0, -1], :].any()
    assert not image[:, :, [0, -1]].any()
    height, width = image.any(axis=2).sum(axis=1), image.any(axis=1).sum(axis=1)
    longest = np.maximum(height, width)
    assert longest.min() >= 19
    assert longest.max() <= 22  # 20 pixels and the soft edge on both sides


def test_digits_are_centred_by_mass(drawn):
    image = drawn[0].reshape(-1, 28, 28).astype(float)
    mass = image.sum(axis=(1, 2))
    pixel = np.arange(28) + 0.5
    for axis in (1, 2):
        centre = image.sum(axis=axis) @ pixel / mass
        assert abs(centre.mean() - 14) < 0.15
        assert np.abs(centre - 14).max() < 3
        assert (
            0.3 < centre.std() < 0.8
        )  # the centring errs by 0.35 pixels, standard deviation, and by the ink's own share


def test_every_variant_is_drawn_and_legible():
    """The nearest class mean, the simplest of classifiers, tells them apart: labels belong to their images."""
    rng = np.random.default_rng(0)
    t = np.repeat(np.arange(10), 200)
    train, test = (draw_labelled_digits(t, rng).astype(float) for _ in range(2))
    means = np.stack([train[t == digit].mean(axis=0) for digit in range(10)])
    distance = (means**2).sum(axis=1) - 2 * test @ means.T
    assert (distance.argmin(axis=1) == t).mean() > 0.75


def test_no_two_drawings_are_near_duplicates(drawn):
    x = drawn[0][:1000].astype(float) / 255
    square = (x**2).sum(axis=1)
    distance = square[:, None] + square - 2 * x @ x.T
    np.fill_diagonal(distance, np.inf)
    assert distance.min() > 0.5


def test_every_digit_has_two_to_four_variants():
    assert sorted(GLYPHS) == list(range(10))
    assert all(2 <= len(variants) <= 4 for variants in GLYPHS.values())


def test_ink_against_the_distance_to_every_stamp():
    """Windows, broadcasting and the power distance, against a loop over pixels and stamps with equal radii."""
    rng = np.random.default_rng(5)
    curve = np.cumsum(rng.normal(0, 0.8, (3, 25, 2)), axis=1) + 14
    radius = np.broadcast_to(rng.uniform(0.8, 1.6, (3, 1, 1)), (3, 25, 1))
    expected = np.zeros((3, 28, 28))
    for n in range(3):
        for row in range(28):
            for column in range(28):
                d = min(np.hypot(column + 0.5 - x, row + 0.5 - y) for x, y in curve[n])
                expected[n, row, column] = np.clip((radius[n, 0, 0] - d) / _EDGE + 0.5, 0, 1)
    np.testing.assert_allclose(_ink(curve, radius).reshape(3, 28, 28) / 255, expected, atol=1 / 30 + 1e-5)


def test_memory_does_not_grow_with_the_number_of_drawings():
    """Beyond the result, drawing 12,000 may not need more than drawing 6,000 and a few words a drawing."""
    peaks = []
    for n in (6000, 12000):
        tracemalloc.start()
        x, _ = draw_digits(n, np.random.default_rng(0))
        peaks.append(tracemalloc.get_traced_memory()[1] - x.nbytes)
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 6000 * 64


def test_no_labels_no_images():
    assert draw_labelled_digits(np.empty(0, int), np.random.default_rng(0)).shape == (0, 784)


@pytest.mark.parametrize("n", [0, -1, 2.0, True, None])
def test_n_is_checked(n):
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        draw_digits(n, np.random.default_rng(0))


def test_a_seed_is_not_a_generator():
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
        draw_digits(5, 0)
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
        draw_labelled_digits(np.array([1]), 0)


@pytest.mark.parametrize(
    ("t", "message"),
    [
        (np.array([3, 10]), "digits from 0 to 9, found values from 3 to 10"),
        (np.array([-1]), "digits from 0 to 9, found values from -1 to -1"),
        (np.array([1.0]), "vector of integers, found shape .1,., dtype float64"),
        (np.array([[1]]), "vector of integers, found shape .1, 1., dtype int64"),
    ],
)
def test_labels_are_checked(t, message):
    with pytest.raises(ValueError, match=message):
        draw_labelled_digits(t, np.random.default_rng(0))
