"""Schedules reach their ends exactly, change by equal steps or factors, and print as they are parsed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae.schedules import Constant, Cosine, Exponential, Geometric, Linear, Step, WarmUp, parse

LEVELS = st.floats(1e-6, 1e3)


@given(first=LEVELS, last=LEVELS, epochs=st.integers(2, 50))
def test_ends_are_exact_and_the_rest_between(first, last, epochs):
    for schedule in (Linear(first, last, epochs), Geometric(first, last, epochs), Cosine(first, last, epochs)):
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
        "cosine(1,2)",
        "cosine(1,2,3,4)",
        "step(1,2,3)",
        "step(1,0.1,0)",
        "exponential(1,1.1)",
        "exponential(1,0)",
        "exponential(1,0.5,3)",
        "warmup(0,0.1)",
        "warmup(3)",
        "warmup(3,warmup(2,0.1))",
        "warmup(3,linear(1,2))",
        "polynomial(1,2,3)",
        "linear(1,inf,3)",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="lr must be a number, linear"):
        parse("lr", text)


def test_step_and_exponential():
    np.testing.assert_allclose([Step(1, 0.1, 2)(e) for e in range(5)], [1, 1, 0.1, 0.1, 0.01])
    np.testing.assert_allclose([Exponential(3, 0.5)(e) for e in range(4)], [3, 1.5, 0.75, 0.375])
    assert Exponential(1, 0.5)(10**9) == Step(1, 0.5, 1)(10**9) == 0


def test_cosine_is_slow_at_both_ends():
    levels = np.array([Cosine(1, 0, 101)(e) for e in range(101)])
    np.testing.assert_allclose(levels, (1 + np.cos(np.pi * np.arange(101) / 100)) / 2, atol=1e-15)
    steps = -np.diff(levels)
    assert steps[0] == pytest.approx(steps[-1], rel=1e-9)
    assert steps[49] == pytest.approx(np.pi / 200, rel=1e-3)  # the slope half-way
    assert steps.argmax() in (49, 50)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Step(0.5, 0.1, 3), lambda s, o: s.StepLR(o, 3, gamma=0.1)),
        (Exponential(0.5, 0.9), lambda s, o: s.ExponentialLR(o, 0.9)),
        (Cosine(0.5, 0.1, 9), lambda s, o: s.CosineAnnealingLR(o, 8, eta_min=0.1)),
        (Linear(0.5, 0.1, 9), lambda s, o: s.LinearLR(o, 1.0, 0.2, 8)),
    ],
    ids=["step", "exponential", "cosine", "linear"],
)
def test_torch_agrees(torch, ours, theirs):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = theirs(torch.optim.lr_scheduler, optimizer)
    for epoch in range(9):
        assert ours(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        scheduler.step()


@given(first=LEVELS, factor=st.floats(0.01, 1), epochs=st.integers(2, 50), warm=st.integers(1, 9))
def test_every_schedule_prints_as_it_is_parsed(first, factor, epochs, warm):
    last = first / 3
    for schedule in (
        Constant(first),
        Linear(first, last, epochs),
        Geometric(first, last, epochs),
        Step(first, factor, epochs),
        Exponential(first, factor),
        Cosine(first, last, epochs),
    ):
        assert parse("lr", str(schedule)) == schedule
        warmed = WarmUp(warm, schedule)
        assert parse("lr", str(warmed)) == warmed
        levels = [warmed(epoch) for epoch in range(warm + 1)]
        np.testing.assert_allclose(np.diff(levels), first / (warm + 1), rtol=1e-6)  # equal steps, from one step up
        assert levels[0] == pytest.approx(first / (warm + 1), rel=1e-12)
        assert warmed(warm + 7) == schedule(7)


def test_a_warm_up_into_something_else_is_refused():
    for then in (WarmUp(1, Constant(1.0)), 0.1, None):
        with pytest.raises(ValueError, match="then must be a schedule of this module other than a warm-up"):
            WarmUp(2, then)
