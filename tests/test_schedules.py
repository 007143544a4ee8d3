"""Every schedule is a row of `ROWS`: its levels, PyTorch's twin, the form in which it prints, what it refuses."""

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae import schedules
from scratchdae.schedules import (
    KINDS,
    AnySchedule,
    Constant,
    Cosine,
    Exponential,
    Geometric,
    Linear,
    Step,
    WarmUp,
    parse,
)

LEVELS = st.floats(1e-6, 1e3)
EPOCHS, FACTORS = st.integers(2, 50), st.floats(0.01, 1)


class Row(NamedTuple):
    """What the suite is told of a schedule."""

    drawn: st.SearchStrategy[Any]  # all that there are
    prints: str  # one of them
    levels: list[float]  # and its levels from epoch 0 on
    refused: list[str]
    twin: tuple[Any, Callable[..., Any]] | None = None  # one that begins at 0.5, and PyTorch's


ROWS = {
    Constant: Row(st.builds(Constant, LEVELS), "0.1", [0.1, 0.1, 0.1], ["", "nan", "inf", "fast"]),
    Linear: Row(
        st.builds(Linear, LEVELS, LEVELS, EPOCHS),
        "linear(1.0, 0.2, 5)",
        [1, 0.8, 0.6, 0.4, 0.2, 0.2],
        ["linear(1,2)", "linear(1,2,3", "linear(1,2,1)", "linear(1,inf,3)", "linear(1,2,2.5)"],
        (Linear(0.5, 0.1, 9), lambda s, o: s.LinearLR(o, 1.0, 0.2, 8)),
    ),
    Geometric: Row(
        st.builds(Geometric, LEVELS, LEVELS, EPOCHS),
        "geometric(1.0, 0.0001, 5)",
        [1, 0.1, 0.01, 0.001, 0.0001, 0.0001],
        ["geometric(0,1,3)", "geometric(1,-1,3)", "geometric(1,2,1)"],
    ),
    Cosine: Row(
        st.builds(Cosine, LEVELS, LEVELS, EPOCHS),
        "cosine(1.0, 0.0, 5)",
        [1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4, 0, 0],
        ["cosine(1,2)", "cosine(1,2,3,4)", "cosine(1,2,1)"],
        (Cosine(0.5, 0.1, 9), lambda s, o: s.CosineAnnealingLR(o, 8, eta_min=0.1)),
    ),
    Step: Row(
        st.builds(Step, LEVELS, FACTORS, EPOCHS),
        "step(1.0, 0.1, 2)",
        [1, 1, 0.1, 0.1, 0.01],
        ["step(1,2,3)", "step(1,0.1,0)", "step(1,0,3)"],
        (Step(0.5, 0.1, 3), lambda s, o: s.StepLR(o, 3, gamma=0.1)),
    ),
    Exponential: Row(
        st.builds(Exponential, LEVELS, FACTORS),
        "exponential(3.0, 0.5)",
        [3, 1.5, 0.75, 0.375],
        ["exponential(1,1.1)", "exponential(1,0)", "exponential(1,0.5,3)"],
        (Exponential(0.5, 0.9), lambda s, o: s.ExponentialLR(o, 0.9)),
    ),
    WarmUp: Row(
        st.builds(WarmUp, st.integers(1, 9), st.builds(Linear, LEVELS, LEVELS, EPOCHS)),
        "warmup(3, linear(0.8, 0.4, 3))",
        [0.2, 0.4, 0.6, 0.8, 0.6, 0.4, 0.4],
        ["warmup(0,0.1)", "warmup(3)", "warmup(3,warmup(2,0.1))", "warmup(3,linear(1,2))", "warmup(2.5,0.1)"],
    ),
}


def test_every_schedule_has_a_row():
    kinds = {thing for thing in vars(schedules).values() if isinstance(thing, type) and issubclass(thing, AnySchedule)}
    assert set(ROWS) == {kind for kind in kinds - {AnySchedule} if not kind.__name__.startswith("_")}
    assert set(KINDS.values()) == set(ROWS) - {Constant, WarmUp}


def has_its_levels(schedule, row):
    found = [schedule(epoch) for epoch in range(len(row.levels))]
    np.testing.assert_allclose(found, row.levels, rtol=1e-12, atol=1e-15)
    assert {type(level) for level in found} == {float}


def is_read_as_it_prints(read, schedule):
    assert read("lr", str(schedule)) == schedule == pickle.loads(pickle.dumps(schedule))  # noqa: S301  # ours
    assert hash(read("lr", str(schedule))) == hash(schedule)
    warmed = schedule if isinstance(schedule, WarmUp) else WarmUp(3, schedule)
    assert read("lr", str(warmed)) == warmed


@pytest.mark.parametrize("kind", ROWS)
def test_every_schedule_has_its_levels(kind):
    schedule = parse("lr", ROWS[kind].prints)
    assert type(schedule) is kind
    assert str(schedule) == ROWS[kind].prints
    has_its_levels(schedule, ROWS[kind])


@pytest.mark.parametrize("kind", ROWS)
@given(data=st.data())
def test_every_schedule_is_read_as_it_prints(kind, data):
    is_read_as_it_prints(parse, data.draw(ROWS[kind].drawn))


@pytest.mark.parametrize("text", [*(text for row in ROWS.values() for text in row.refused), "polynomial(1,2,3)"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"lr must be a number, linear\(FIRST, LAST, EPOCHS\), .* or warmup\(EPOCHS, "):
        parse("lr", text)


@pytest.mark.parametrize("kind", [kind for kind, row in ROWS.items() if row.twin])
def test_torch_agrees(torch, kind):
    ours, theirs = ROWS[kind].twin
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = theirs(torch.optim.lr_scheduler, optimizer)
    for epoch in range(9):
        assert ours(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        scheduler.step()


# Planted bugs of the suite

BUGS = {  # a row, and its levels with one mistake
    "counted from 1": (Linear, lambda e: Linear(1, 0.2, 5)(e + 1)),
    "one epoch too long": (Linear, Linear(1, 0.2, 6)),
    "never ends": (Linear, lambda e: 1 - 0.2 * e),
    "steps for factors": (Geometric, Linear(1, 1e-4, 5)),
    "a whole cosine": (Cosine, lambda e: (1 + np.cos(2 * np.pi * e / 4)) / 2),
    "a step too early": (Step, lambda e: Step(1, 0.1, 2)(e + 1)),
    "smooth steps": (Step, Exponential(1, 0.1**0.5)),
    "begins at zero": (WarmUp, lambda e: 0.8 * e / 3 if e < 3 else Linear(0.8, 0.4, 3)(e - 3)),
    "goes on where it would have been": (WarmUp, lambda e: 0.2 * (e + 1) if e < 3 else Linear(0.8, 0.4, 3)(e)),
    "an array": (Constant, lambda e: np.float64(0.1)),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_suite_notices(bug):
    kind, levels = BUGS[bug]
    with pytest.raises(AssertionError):
        has_its_levels(levels, ROWS[kind])


@pytest.mark.parametrize("wrong", [lambda f, last, n: (last, f, n), lambda f, last, n: (round(f, 3), last, n)])
def test_a_wrong_reader_is_noticed(wrong):
    def read(name, text):
        right = parse(name, text)
        return Linear(*wrong(right.first, right.last, right.epochs)) if isinstance(right, Linear) else right

    with pytest.raises(AssertionError):
        is_read_as_it_prints(read, Linear(0.12345, 0.1, 4))


# What is special about some


@given(first=LEVELS, last=LEVELS, epochs=EPOCHS)
def test_ends_are_exact_and_the_rest_between(first, last, epochs):
    for schedule in (Linear(first, last, epochs), Geometric(first, last, epochs), Cosine(first, last, epochs)):
        assert (schedule(0), schedule(epochs - 1), schedule(epochs + 7)) == (first, last, last)
        levels = [schedule(epoch) for epoch in range(epochs)]
        assert min(first, last) * (1 - 1e-12) <= min(levels) <= max(levels) <= max(first, last) * (1 + 1e-12)


def test_numbers_are_constants_and_small_levels_vanish():
    assert parse("lr", "0.1") == parse("lr", 0.1) == Constant(0.1)
    assert Exponential(1, 0.5)(10**9) == Step(1, 0.5, 1)(10**9) == 0


def test_cosine_is_slow_at_both_ends():
    levels = np.array([Cosine(1, 0, 101)(e) for e in range(101)])
    np.testing.assert_allclose(levels, (1 + np.cos(np.pi * np.arange(101) / 100)) / 2, atol=1e-15)
    steps = -np.diff(levels)
    assert steps[0] == pytest.approx(steps[-1], rel=1e-9)
    assert steps[49] == pytest.approx(np.pi / 200, rel=1e-3)  # the slope half-way
    assert steps.argmax() in (49, 50)


@given(schedule=st.one_of(*(row.drawn for kind, row in ROWS.items() if kind is not WarmUp)), warm=st.integers(1, 9))
def test_a_warm_up_climbs_in_equal_steps(schedule, warm):
    warmed = WarmUp(warm, schedule)
    levels = [warmed(epoch) for epoch in range(warm + 1)]
    np.testing.assert_allclose(np.diff(levels), schedule(0) / (warm + 1), rtol=1e-6)  # from one step up
    assert levels[0] == pytest.approx(schedule(0) / (warm + 1), rel=1e-12)
    assert warmed(warm + 7) == schedule(7)


def test_a_warm_up_into_something_else_is_refused():
    for then in (WarmUp(1, Constant(1.0)), 0.1, None):
        with pytest.raises(ValueError, match="then must be a schedule of this module other than a warm-up"):
            WarmUp(2, then)
