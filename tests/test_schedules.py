"""Schedules reach their ends exactly, change by equal steps or factors, and print as they are parsed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae.schedules import Constant, Geometric, Linear, parse

LEVELS = st.floats(1e-6, 1e3)


@given(first=LEVELS, last=LEVELS, epochs=st.integers(2, 50))
def test_ends_are_exact_and_the_rest_between(first, last, epochs):
    for schedule in (Linear(first, last, epochs), Geometric(first, last, epochs)):
        assert (schedule(0), schedule(epochs - 1), schedule(epochs + 7)) == (first, last, last)
        levels = [schedule(epoch) for epoch in range(epochs)]
        assert min(first, last) * (1 - 1e-12) <= min(levels) <= max(levels) <= max(first, last) * (1 + 1e-12)
        assert parse("lr", str(schedule)) == schedule


def test_equal_steps_and_equal_factors():
    np.testing.assert_allclose([Linear(1, 0.2, 5)(e) for e in range(5)], [1, 0.8, 0.6, 0.4, 0.2])
    np.testing.assert_allclose([Geometric(1, 1e-4, 5)(e) for e in range(5)], [1, 0.1, 0.01, 0.001, 0.0001])
    assert Constant(0.1)(12) == 0.1
    assert parse("lr", "0.1") == parse("lr", 0.1) == Constant(0.1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast",
        "nan",
        "linear(1,2)",
        "linear(1,2,3",
        "linear(1,2,1)",
        "geometric(0,1,3)",
        "cosine(1,2,3)",
        "linear(1,inf,3)",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="lr must be a number, linear"):
        parse("lr", text)
