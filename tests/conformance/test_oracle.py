"""Every frozen value is the float64 nearest to what the formulas give at fifty digits, and the oracle can tell."""

import numpy as np
import pytest
from mpmath import mp, mpf
from oracle import OPERATIONS, recompute
from oracle_numbers import Number, differentiate, exp, log1p, nearest, numbers, reciprocal

from scratchdae.conformance import load_cases

CASES = load_cases(spec=1)


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_every_frozen_value_is_the_nearest_float64(case):
    found = recompute(case.operation, case.inputs, case.conventions)
    for name, expected in case.expected.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name, strict=True)


def test_every_operation_has_cases():
    assert {case.operation for case in load_cases()} == set(OPERATIONS)


# The oracle's own numbers


def function(x, y):
    return reciprocal(1 + exp(x * y)) * log1p(exp(x - y)) / (2 - y) - x / 3


def test_derivatives_are_those_of_mpmath():
    with mp.workdps(50):
        x, y = Number(0.7), Number(-1.3)
        differentiate(function(x, y))

        def plain(u, v):
            return 1 / (1 + mp.exp(u * v)) * mp.log1p(mp.exp(u - v)) / (2 - v) - u / 3

        assert abs(x.gradient - mp.diff(plain, (0.7, -1.3), (1, 0))) < mpf(10) ** -40
        assert abs(y.gradient - mp.diff(plain, (0.7, -1.3), (0, 1))) < mpf(10) ** -40


def test_a_number_used_twice_has_both_gradients():
    x = numbers(np.array([3.0, 5.0]))
    differentiate((x * x).sum() * x[0])
    assert [number.gradient for number in x] == [3 * 9 + 25, 2 * 5 * 3]


def test_rounding_is_to_nearest_even_down_to_the_smallest_number():
    with mp.workdps(50):
        half = mpf(2) ** -53
        found = nearest(np.array([1 + half, 1 + 3 * half, mpf(2) ** -1075, 3 * mpf(2) ** -1075, mp.exp(-800)]))
    np.testing.assert_array_equal(found, [1, 1 + 2.0**-51, 0, 2.0**-1073, 0])
