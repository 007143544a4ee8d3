"""The B-spline: what defines it, checked without its formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae.datasets.splines import arc_length_samples, bspline_matrix


@given(points=st.integers(2, 12), seed=st.integers(0, 99))
def test_weights_are_those_of_a_mean(points, seed):
    parameters = np.random.default_rng(seed).random(20)
    matrix = bspline_matrix(points, parameters)
    assert matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-14)


@given(points=st.integers(2, 12), seed=st.integers(0, 99))
def test_the_curve_joins_its_end_points(points, seed):
    control = np.random.default_rng(seed).normal(size=(points, 2))
    np.testing.assert_allclose(bspline_matrix(points, np.array([0.0, 1.0])) @ control, control[[0, -1]], atol=1e-13)


def test_the_second_derivative_is_continuous_across_pieces():
    points, h = 7, 1e-3
    pieces = points + 1
    knots = np.arange(1, pieces) / pieces
    # A cubic's third difference is its third derivative times h³; a jump in the second would add one of order h².
    stencil = bspline_matrix(points, (knots[:, None] + h * np.array([-1.5, -0.5, 0.5, 1.5])).ravel())
    third = np.einsum("s,ksp->kp", [-1, 3, -3, 1], stencil.reshape(len(knots), 4, points))
    assert np.abs(third).max() < 5 * pieces**3 * h**3


def test_collinear_points_give_a_straight_line():
    control = np.outer(np.linspace(0, 1, 5), [2.0, -1.0])
    curve = bspline_matrix(5, np.linspace(0, 1, 30)) @ control
    np.testing.assert_allclose(curve[:, 0], -2 * curve[:, 1], atol=1e-14)
    assert np.all(np.diff(curve[:, 0]) >= 0)


def test_a_point_given_three_times_is_a_corner():
    control = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    curve = arc_length_samples(control, 0.01) @ control
    assert np.hypot(*(curve - [1.0, 0.0]).T).min() < 0.006
    assert np.all((curve[:, 1] < 1e-12) | (curve[:, 0] > 1 - 1e-12))  # along one leg, then along the other


@given(seed=st.integers(0, 99), spacing=st.floats(0.01, 0.5))
def test_samples_are_evenly_spaced(seed, spacing):
    control = np.cumsum(np.random.default_rng(seed).uniform(0.2, 1, size=(6, 2)), axis=0)
    gaps = np.hypot(*np.diff(arc_length_samples(control, spacing) @ control, axis=0).T)
    assert gaps.max() <= spacing * 1.02
    assert gaps.min() > 0.9 * gaps.max()


def test_one_point_is_no_curve():
    with pytest.raises(ValueError, match="points must be an integer of at least 2, found 1"):
        bspline_matrix(1, np.array([0.5]))
