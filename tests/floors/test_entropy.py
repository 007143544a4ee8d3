"""The entropy floor, in fifty digits and against drawn data."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratchdae import floors, losses
from scratchdae.datasets import bernoulli

PROBABILITIES = arrays(np.float64, st.integers(1, 9), elements=st.floats(0, 1))


@given(p=PROBABILITIES)
def test_binary_entropy_in_fifty_digits(p):
    with mpmath.workdps(50):
        exact = [-sum(q * mpmath.log(q) for q in (mpmath.mpf(float(v)), 1 - mpmath.mpf(float(v))) if q > 0) for v in p]
    np.testing.assert_allclose(floors.binary_entropy(p), [float(h) for h in exact], rtol=3e-16, atol=2e-16)


@given(p=PROBABILITIES, a=st.floats(-20, 20))
def test_no_output_is_below_the_entropy(p, a):
    x = p[None]
    floor = floors.cross_entropy(x)
    assert losses.cross_entropy(np.full(x.shape, a), x, "mean")[0] >= floor - 1e-15
    inside = x[(x > 0) & (x < 1)][None]
    if inside.size:
        at_x = losses.cross_entropy(np.log(inside) - np.log1p(-inside), inside, "mean")[0]
        assert at_x == pytest.approx(floors.cross_entropy(inside), rel=1e-14)


def test_binary_entropy_at_its_ends_is_exact():
    np.testing.assert_array_equal(floors.binary_entropy([0, 1]), [0, 0])
    assert floors.binary_entropy(0.5) == np.log(2)
    assert floors.binary_entropy(np.eye(3)).shape == (3, 3)
    assert floors.cross_entropy(bernoulli(50, 4, np.random.default_rng(0))) == 0


@given(x=st.floats(1e-12, 1e12))
def test_digamma_is_that_of_mpmath(x):
    exact = float(mpmath.digamma(mpmath.mpf(x)))
    assert floors.digamma(x) == pytest.approx(exact, rel=3e-15, abs=3e-15)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (0.5, 0.5), (2, 5), (0.01, 3), (40, 60), (1e-9, 1e-9), (1e6, 1)])
def test_beta_cross_entropy_is_the_integral(a, b):
    with mpmath.workdps(40):
        a_, b_ = mpmath.mpf(a), mpmath.mpf(b)
        # E[-x ln x] from the derivative of the moment E[x^s], written with Gamma functions, at s = 1.
        moment = lambda s, a=a_, b=b_: mpmath.gammaprod([a + s, a + b], [a, a + b + s])  # noqa: E731
        exact = -mpmath.diff(moment, 1) - mpmath.diff(lambda s: moment(s, b_, a_), 1)
    assert floors.beta_cross_entropy(a, b) == pytest.approx(float(exact), rel=1e-14, abs=1e-15)


def test_beta_cross_entropy_is_the_mean_of_drawn_data(rng):
    for a, b in ((1, 1), (0.3, 0.8), (3, 2)):
        x = rng.beta(a, b, (100000, 1))
        assert floors.cross_entropy(x) == pytest.approx(floors.beta_cross_entropy(a, b), rel=0.006)
    assert floors.beta_cross_entropy(1, 1) == pytest.approx(0.5, rel=1e-15)
