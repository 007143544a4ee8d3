"""Rotation: right angles exact, everything else as a pixel-by-pixel interpolation has it."""

import math

import numpy as np
import pytest

from scratchdae.datasets.larochelle.rotation import rotate


def slow(image, angle):
    """One pixel after the other, straight from the definition."""
    side = len(image)
    middle = (side - 1) / 2

    def level(i, j):
        return float(image[i, j]) if 0 <= i < side and 0 <= j < side else 0.0

    turned = np.zeros((side, side))
    for i in range(side):
        for j in range(side):
            # As looked at, x runs right and y up; the pixel came from its place turned back, that is by -angle.
            x, y = j - middle, middle - i
            x, y = x * math.cos(-angle) - y * math.sin(-angle), x * math.sin(-angle) + y * math.cos(-angle)
            row, column = middle - y, middle + x
            a, b = math.floor(row), math.floor(column)
            u, v = row - a, column - b
            turned[i, j] = (1 - u) * ((1 - v) * level(a, b) + v * level(a, b + 1)) + u * (
                (1 - v) * level(a + 1, b) + v * level(a + 1, b + 1)
            )
    return turned


@pytest.mark.parametrize("side", [1, 2, 7, 28])
def test_right_angles_are_exact_and_counter_clockwise(rng, side):
    images = rng.integers(0, 256, (5, side, side), np.uint8)
    for quarters in range(-1, 5):
        turned = rotate(images, np.full(5, quarters * np.pi / 2))
        np.testing.assert_array_equal(turned, np.rot90(images, quarters, axes=(1, 2)))


@pytest.mark.parametrize("side", [2, 5, 28])
def test_it_agrees_with_the_definition(rng, side):
    images = rng.integers(0, 256, (6, side, side), np.uint8)
    angles = rng.uniform(0, 2 * np.pi, 6)
    turned = rotate(images, angles)
    for image, angle, found in zip(images, angles, turned, strict=True):
        # Rounding takes half a level, float32 a little where it is near a half.
        assert np.abs(found - slow(image, angle)).max() <= 0.501


def test_each_image_has_its_own_angle(rng):
    images = rng.integers(0, 256, (2500, 6, 6), np.uint8)  # more than one batch
    angles = rng.uniform(0, 2 * np.pi, 2500)
    together = rotate(images, angles)
    for i in (0, 1999, 2000, 2499):
        np.testing.assert_array_equal(together[i], rotate(images[i : i + 1], angles[i : i + 1])[0])


def test_it_stays_in_range_and_keeps_the_mean_of_what_stays_inside(rng):
    image = np.zeros((28, 28), np.uint8)
    image[7:21, 7:21] = rng.integers(0, 256, (14, 14))  # turns within the image, as a digit does
    turned = rotate(np.repeat(image[None], 300, axis=0), rng.uniform(0, 2 * np.pi, 300))
    assert turned.max() <= image.max()
    assert abs(turned.mean() / image.mean() - 1) < 0.002  # measured: 0.0002
    white = rotate(np.full((50, 9, 9), 255, np.uint8), rng.uniform(0, 2 * np.pi, 50))
    assert (white[:, 4, 4] == 255).all()  # weights that summed to more would wrap round here


def test_bad_input_is_refused():
    square = np.zeros((2, 3, 3), np.uint8)
    with pytest.raises(ValueError, match=r"images must be uint8 of shape \(N, side, side\), found shape \(2, 3, 4\)"):
        rotate(np.zeros((2, 3, 4), np.uint8), np.zeros(2))
    with pytest.raises(ValueError, match=r"images must be uint8 .* dtype float64"):
        rotate(square.astype(float), np.zeros(2))
    with pytest.raises(ValueError, match=r"one angle for each of the 2 images, found float64 of shape \(3,\)"):
        rotate(square, np.zeros(3))
