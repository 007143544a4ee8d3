"""Intervals of an error rate: the paper's by its own numbers, Wilson's by SciPy, and how often each holds the truth."""

from math import comb

import pytest
from optional_packages import require

from scratchdae.reproduce.interval import interval

WILSON = [(0, 10), (3, 10), (10, 10), (130, 10_000), (1515, 50_000)]


@pytest.mark.parametrize(("error", "half"), [(3.03, 0.15), (11.11, 0.28), (14.58, 0.31), (22.61, 0.37), (55.18, 0.44)])
def test_half_widths_of_the_papers_table(error, half):
    """Per cent, of 50,000: the column of the support vector machine."""
    low, high = (100 * end for end in interval(error / 100, 50_000))
    assert round((high - low) / 2, 2) == half
    assert (low + high) / 2 == pytest.approx(error)


@pytest.mark.parametrize(("wrong", "n"), WILSON)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_scipy_agrees(wrong, n, confidence):
    expected = require("scipy.stats").binomtest(wrong, n).proportion_ci(confidence, method="wilson")
    found = interval(wrong / n, n, "wilson", confidence)
    assert found == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-15)
    assert -1e-15 < found.low < wrong / n + 1e-15
    assert wrong / n - 1e-15 < found.high < 1 + 1e-15


@pytest.mark.parametrize(
    ("method", "n", "held"), [("normal", 100, 0.633), ("wilson", 100, 0.921), ("wilson", 1000, 0.9635)]
)
def test_how_often_it_holds_a_true_rate_of_one_per_cent(method, n, held):
    """Summed over all outcomes: where one mistake is expected, the normal interval fails a third of the time."""
    p = 0.01
    ends = [interval(k / n, n, method) for k in range(n + 1)]
    often = sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k, (low, high) in enumerate(ends) if low <= p <= high)
    assert often == pytest.approx(held, abs=5e-4)


def test_they_agree_on_many_examples():
    normal, wilson = (interval(0.03, 50_000, method) for method in ("normal", "wilson"))
    assert normal == pytest.approx(wilson, rel=2e-3)


CASES = {
    "per cent": (lambda: interval(3.03, 50_000), "error must be a finite number, at least 0 and at most 1, found 3.03"),
    "NaN": (lambda: interval(float("nan"), 10), "error must be a finite number"),
    "none": (lambda: interval(0.5, 0), "n must be an integer of at least 1"),
    "method": (lambda: interval(0.5, 10, "exact"), "method must be one of 'normal', 'wilson'"),
    "certainty": (lambda: interval(0.5, 10, confidence=1), "confidence must be less than 1"),
    "no confidence": (lambda: interval(0.5, 10, confidence=0), "confidence must be a finite number, .*greater than 0"),
}


@pytest.mark.parametrize(("call", "what"), CASES.values(), ids=CASES)
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()
