"""The kernels' sigmoid and tanh: as exact as the library's, and as honest about NaN and inf."""

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from scratchdae.kernels.machine import sigmoidal  # noqa: E402


@numba.njit
def _sigmoids(a, out):
    for k in range(a.size):
        out[k] = sigmoidal.sigmoid(a[k])


@numba.njit
def _tanhs(a, out):
    for k in range(a.size):
        out[k] = sigmoidal.tanh(a[k])


def values(function, a):
    out = np.empty_like(a)
    function(a, out)
    return out


def exact_sigmoid(a):
    a = a.astype(np.longdouble)
    return 1 / (1 + np.exp(-a))


def exact_tanh(a):
    return np.tanh(a.astype(np.longdouble))


POINTS = np.concatenate([np.linspace(-87, 87, 40001), np.geomspace(1e-30, 80, 5000), -np.geomspace(1e-30, 80, 5000)])


@pytest.mark.parametrize(("function", "exact"), [(_sigmoids, exact_sigmoid), (_tanhs, exact_tanh)])
@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 2.5e-7), (np.float64, 6e-16)])
def test_every_value_is_right_relative_to_itself(function, exact, dtype, bound):
    a = POINTS.astype(dtype)
    a = a[(np.abs(a) <= 87) & (a != 0)]
    found, right = values(function, a).astype(np.longdouble), exact(a)
    assert np.abs((found - right) / right).max() < bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ends(dtype):
    a = np.array([np.nan, np.inf, -np.inf, 0, 1000, -1000, 88], dtype)
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_array_equal(values(_sigmoids, a), np.array([np.nan, 1, 0, 0.5, 1, 0, 1], dtype))
        np.testing.assert_array_equal(values(_tanhs, a), np.array([np.nan, 1, -1, 0, 1, -1, 1], dtype))
    assert values(_sigmoids, np.full(1, -100, np.float32)) < 1.2e-38  # below the smallest normal number


def test_both_are_monotone_and_symmetric():
    a = np.sort(POINTS.astype(np.float32))
    for function in (_sigmoids, _tanhs):
        assert (np.diff(values(function, a)) >= -1.3e-7).all()  # to a unit in the last place of 1
    np.testing.assert_array_equal(values(_tanhs, -a), -values(_tanhs, a))
    np.testing.assert_allclose(values(_sigmoids, a) + values(_sigmoids, -a), 1, rtol=2e-7)


def test_the_plain_functions_say_the_same():
    """Where numba compiles nothing these run: they are NumPy's."""
    for a in np.linspace(-5, 5, 11):
        assert sigmoidal.sigmoid(a) == pytest.approx(float(exact_sigmoid(a)), rel=1e-15)
        assert sigmoidal.tanh(a) == np.tanh(a)
