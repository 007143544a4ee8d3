"""Grids hold every combination; random settings follow their distributions and do not disturb one another."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae.sweep import Choice, Integers, LogUniform, Uniform, grid, random_search

SPACE = {
    "lr": LogUniform(1e-3, 1.0),
    "nu": Uniform(0.0, 0.5),
    "n_hidden": Integers(100, 1000),
    "batch_size": Choice((1, 20)),
    "optimizer": Choice(["sgd", "adam"]),
}


def test_a_grid_is_every_combination_the_last_axis_fastest():
    assert grid(lr=[0.1, 1], nu=(0.0,), optimizer=["sgd", "adam"]) == [
        {"lr": 0.1, "nu": 0.0, "optimizer": "sgd"},
        {"lr": 0.1, "nu": 0.0, "optimizer": "adam"},
        {"lr": 1, "nu": 0.0, "optimizer": "sgd"},
        {"lr": 1, "nu": 0.0, "optimizer": "adam"},
    ]


def test_numpy_numbers_become_pythons():
    (first, *_), (drawn,) = (
        grid(a=np.arange(2), b=np.linspace(0, 1, 3)),
        random_search(1, rng(), a=Choice(np.arange(3))),
    )
    assert [type(value) for value in (*first.values(), *drawn.values())] == [int, float, int]


@pytest.mark.parametrize("axes", [{"a": []}, {"a": "abc"}, {"a": 3}])
def test_an_axis_that_is_no_list_of_values_is_refused(axes):
    with pytest.raises(ValueError, match="a must be a list of at least one value"):
        grid(**axes)


def test_no_axis_is_refused():
    with pytest.raises(ValueError, match="axes must name at least one setting"):
        grid()
    with pytest.raises(ValueError, match="distributions must name at least one setting"):
        random_search(3, rng())


def rng(seed=0):
    return np.random.default_rng(seed)


def test_every_draw_lies_in_its_range_and_ranges_are_filled():
    settings = random_search(4000, rng(), **SPACE)
    lr, nu, n_hidden = (np.array([setting[name] for setting in settings]) for name in ("lr", "nu", "n_hidden"))
    # A mean of n uniforms has the deviation width / sqrt(12 n): five of them are allowed.
    for draws, low, high in ((np.log(lr), math.log(1e-3), 0.0), (nu, 0.0, 0.5), (n_hidden, 100, 1000)):
        assert low <= draws.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < draws.max() <= high
        assert abs(draws.mean() - (low + high) / 2) < 5 * (high - low) / math.sqrt(12 * 4000)
    for name in ("batch_size", "optimizer"):
        counts = [sum(setting[name] == value for setting in settings) for value in SPACE[name].values]
        assert sum(counts) == 4000
        assert abs(counts[0] - 2000) < 5 * math.sqrt(4000) / 2
    assert {Integers(1, 2).draw(r) for r in [rng()] for _ in range(50)} == {1, 2}


@given(seed=st.integers(0, 2**32), n=st.integers(1, 8), more=st.integers(1, 4))
def test_more_settings_leave_the_first_as_they_were(seed, n, more):
    fewer = {name: SPACE[name] for name in ("lr", "nu", "n_hidden")}
    short, long = random_search(n, rng(seed), **fewer), random_search(n + more, rng(seed), **SPACE)
    assert short == [{name: setting[name] for name in fewer} for setting in long[:n]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(1, 1), "high must be a finite number, greater than 1, found 1"),
        (lambda: Uniform(0, math.inf), "high must be a finite number"),
        (lambda: LogUniform(0, 1), "low must be a finite number, greater than 0, found 0"),
        (lambda: LogUniform(1, 0.1), "high must be a finite number, greater than 1, found 0.1"),
        (lambda: Integers(3, 2), "high must be greater than low, 3, found 2"),
        (lambda: Integers(1.0, 2), "low must be an integer"),
        (lambda: Choice([]), "values must be a list of at least one value"),
        (lambda: Choice("ab"), "values must be a list of at least one value"),
        (lambda: random_search(0, rng(), a=Uniform(0, 1)), "n must be an integer of at least 1"),
        (lambda: random_search(1, 0, a=Uniform(0, 1)), "rng must be a numpy.random.Generator"),
        (lambda: random_search(1, rng(), a=0.1), "a must be Uniform, LogUniform, Integers or Choice, found 0.1"),
    ],
)
def test_impossible_spaces_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
