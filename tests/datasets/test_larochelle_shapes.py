"""Rectangles and convex regions: what is drawn is what the label says, by checks of their own."""

import numpy as np
import pytest

from scratchdae.datasets.larochelle import convex, rectangles
from scratchdae.datasets.larochelle.convex import draw_convex_or_not, is_convex
from scratchdae.datasets.larochelle.rectangles import draw_outlines, draw_rectangles_of_images


def box(mask):
    """Return the first and the last row, the first and the last column of what is taken."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], rows[-1], columns[0], columns[-1]


def test_outlines(rng):
    x, t = draw_outlines(3000, rng)
    assert (x.dtype, x.shape, t.dtype) == (np.uint8, (3000, 784), np.uint8)
    sizes = set()
    for image, label in zip(x.reshape(-1, 28, 28), t, strict=True):
        top, bottom, left, right = box(image)
        expected = np.zeros((28, 28), np.uint8)
        expected[[top, bottom], left : right + 1] = 255
        expected[top : bottom + 1, [left, right]] = 255
        np.testing.assert_array_equal(image, expected)
        height, width = bottom - top + 1, right - left + 1
        assert label == (height > width)
        sizes.add((height, width))
    assert min(abs(h - w) for h, w in sizes) == 3
    assert min(min(size) for size in sizes) == 3
    assert max(max(size) for size in sizes) == 28
    assert abs(t.mean() - 0.5) < 0.04  # four standard deviations


def test_rectangles_of_images(rng, monkeypatch):
    """With black inside and white outside, what is drawn is seen."""
    levels = iter([np.full((2000, 28, 28), 255, np.uint8), np.zeros((2000, 28, 28), np.uint8)])
    least = []

    def patches(images, n, side, rng, least_deviation):
        least.append(least_deviation)
        return next(levels)

    monkeypatch.setattr(rectangles, "draw_patches", patches)
    x, t = draw_rectangles_of_images(2000, [], rng)
    assert least == [15, 15]  # not that of the backgrounds of digits
    areas = []
    for image, label in zip(x.reshape(-1, 28, 28), t, strict=True):
        top, bottom, left, right = box(image)
        height, width = bottom - top + 1, right - left + 1
        assert (image[top : bottom + 1, left : right + 1] == 255).all()
        assert np.count_nonzero(image) == height * width
        assert label == (height > width)
        assert min(height, width) >= 10
        assert abs(height - width) >= 5
        areas.append(height * width)
    assert 196 <= min(areas) < 215
    assert 560 < max(areas) <= 588
    assert abs(t.mean() - 0.5) < 0.05


def test_places_are_uniform(rng):
    """The upper left corner takes every row where the rectangle fits equally often."""
    corner, size = rectangles._place(np.array([[20, 25]]), 9000, rng)
    assert (size == [20, 25]).all()
    counts = np.bincount(corner[:, 0])
    assert len(counts) == 9
    assert abs(counts - 1000).max() < 130
    assert set(corner[:, 1]) == {0, 1, 2, 3}


def hull_holds_only(mask):
    """Say whether the convex hull of the taken pixels holds no other pixel: by a hull of points, in integers."""
    points = sorted((int(x), int(y)) for y, x in np.argwhere(mask))

    def turn(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    def chain(sequence):
        kept = []
        for point in sequence:
            while len(kept) > 1 and turn(kept[-2], kept[-1], point) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    hull = chain(points) + chain(points[::-1])
    if len(hull) < 3:  # a line: the pixels between its ends
        (x0, y0), (x1, y1) = points[0], points[-1]
        return len(points) == np.gcd(x1 - x0, abs(y1 - y0)) + 1
    y, x = np.indices(mask.shape)
    inside = np.ones(mask.shape, bool)
    for (ax, ay), (bx, by) in zip(hull, hull[1:] + hull[:1], strict=True):
        inside &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0
    return bool((inside == mask).all())


def test_labels_of_convex_regions(rng):
    x, t = draw_convex_or_not(601, rng)
    assert set(np.unique(x)) == {0, 255}
    assert np.bincount(t).tolist() == [301, 300]
    masks = x.reshape(-1, 28, 28) > 0
    np.testing.assert_array_equal([hull_holds_only(mask) for mask in masks], t == 1)
    pixels = masks.sum(axis=(1, 2))
    assert pixels[t == 1].min() >= 19
    assert pixels[t == 0].min() >= 10


def test_the_classes_are_equally_white(rng):
    """What the authors say of their numbers, and why the number of half-planes must start at 0."""
    x, t = draw_convex_or_not(12_000, rng)
    white = (x > 0).mean(axis=1)
    assert abs(white[t == 1].mean() - white[t == 0].mean()) < 0.05  # from 1 half-plane on it would be about 0.09
    assert abs((white[t == 1] == 1).mean() - 0.2) < 0.025  # no half-plane at all
    assert abs(t.mean() - 0.5) < 1e-12


def test_half_planes_hold_a_point_near_the_middle(rng, monkeypatch):
    def near_the_centre():
        regions = convex._intersections(0.07, 10, rng)
        return regions[:, 13:15, 13:15].any(axis=(1, 2)).mean()

    assert 0.35 < near_the_centre() < 0.6
    monkeypatch.setattr(convex, "_MIDDLE", 0)
    assert near_the_centre() > 0.95  # an edge may pass between the centre and the four pixels around it


def test_parts_of_a_union_are_independent(rng):
    """Batches end sorted by the number of half-planes unless they are mixed; halves of one must look alike."""
    regions = convex._intersections(0.07, 10, rng)
    pixels = regions.sum(axis=(1, 2))
    half = len(pixels) // 2
    assert abs(pixels[:half].mean() - pixels[half:].mean()) < 0.15 * pixels.mean()


def drawn(*rows):
    return np.array([[c == "#" for c in row] for row in rows])


@pytest.mark.parametrize(
    ("mask", "convex"),
    [
        (drawn("#"), True),
        (drawn("###", "###", "###"), True),
        (drawn("###", "#.#", "###"), False),  # a hole
        (drawn("#..", "#..", "###"), False),  # the diagonal's middle is left out
        (drawn("#..", "##.", "###"), True),
        (drawn("#.#"), False),
        (drawn("#..", "...", "..#"), False),  # (1, 1) is on the line
        (drawn("#.", "..", ".#"), True),  # in pieces, but no other centre is on the line
        (drawn("##.", ".##"), True),
        (drawn("#...", ".##.", "...#"), True),
        (drawn("#...", "..#.", "...#"), True),  # the hull is too thin to hold another centre
        (drawn("#..", "..#", "..#"), False),  # (1, 1) is on the hull's border
        (drawn(".#.", "###", ".#."), True),
        (drawn("#.#", ".#.", "#.#"), False),
        (drawn("...", "...", "..."), True),  # nothing, nothing left out
    ],
)
def test_convexity_of_small_regions(mask, convex):
    for turned in range(4):
        assert is_convex(np.rot90(mask, turned)[None]).tolist() == [convex]
    if mask.any():
        assert hull_holds_only(mask) == convex


def test_convexity_of_random_regions(rng):
    """Near the border of the two answers: small regions of which every third pixel or so is taken."""
    masks = rng.random((3000, 4, 5)) < 0.35
    masks = masks[masks.any(axis=(1, 2))]
    expected = [hull_holds_only(mask) for mask in masks]
    np.testing.assert_array_equal(is_convex(masks), expected)
    assert 0.02 < np.mean(expected) < 0.5  # both answers occur
