"""Every initializer is a row of `ROWS`, which buys it the suite: scales of the papers, streams of the generator.

The suite is itself tested with planted bugs.
"""

import pickle
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from scratchdae.activations import relu
from scratchdae.initializers import (
    INITIALIZERS,
    constant,
    fans,
    get,
    he_normal,
    lecun_normal,
    normal,
    orthogonal,
    sigmoid_uniform,
    zeros,
)


class Row(NamedTuple):
    """What the suite is told of an initializer."""

    variance: Callable[[int, int], float]  # of its entries, from the fans
    bounded: bool = False  # whether it is uniform: no entry beyond sqrt(3) deviations
    scale: float = 1.0  # where none is given


ROWS = {
    "glorot_uniform": Row(lambda i, o: 2 / (i + o), bounded=True),
    "glorot_normal": Row(lambda i, o: 2 / (i + o)),
    "sigmoid_uniform": Row(lambda i, o: 16 * 2 / (i + o), bounded=True),
    "he_uniform": Row(lambda i, o: 2 / i, bounded=True),
    "he_normal": Row(lambda i, o: 2 / i),
    "lecun_uniform": Row(lambda i, o: 1 / i, bounded=True),
    "lecun_normal": Row(lambda i, o: 1 / i),
    "orthogonal": Row(lambda i, o: 1 / i),  # of matrices with no fewer rows than columns
    "normal": Row(lambda i, o: 0.05**2, scale=0.05),
}


def test_every_initializer_has_a_row():
    assert set(ROWS) | {"zeros"} == set(INITIALIZERS)


# The suite

SHAPES = {(300, 200): (300, 200), (3, 5, 20, 8): (300, 120), (1, 1, 90, 7): (90, 7)}  # and their fans


def has_its_variance(draw, row):
    """Of twenty seeds, whose draws are no copies of each other; the mean is 0."""
    for shape, (fan_in, fan_out) in SHAPES.items():
        draws = np.stack([draw(shape, np.random.default_rng(seed)) for seed in range(20)])
        variance = row.variance(fan_in, fan_out)
        assert draws.var() == pytest.approx(variance, rel=8 / np.sqrt(draws.size))  # a kurtosis of 3: sqrt(2/n)
        assert abs(draws.mean()) < 5 * np.sqrt(variance / draws.size)
        beyond = np.abs(draws).max() / np.sqrt(3 * variance)
        assert 0.99 < beyond <= 1 + 1e-12 if row.bounded else beyond > 1.5
        assert np.abs(np.corrcoef(draws.reshape(20, -1)) - np.eye(20)).max() < 6 / np.sqrt(draws[0].size)


def is_of_the_dtype_and_the_seed(draw, row):
    for dtype in (np.float32, np.float64):
        one, same, other = (draw((4, 3), np.random.default_rng(seed), dtype) for seed in (5, 5, 6))
        assert one.dtype == dtype
        np.testing.assert_array_equal(one, same)
        assert (one != other).all()
        assert dtype == np.float32 or (one != one.astype(np.float32)).any()  # all of its digits are drawn
    generator = np.random.default_rng(5)
    assert (draw((4, 3), generator) != draw((4, 3), generator)).all()  # the generator went on


def takes_a_scale(draw, row):
    scaled = draw((300, 200), np.random.default_rng(1), scale=3.0 * row.scale)
    np.testing.assert_allclose(scaled, 3 * draw((300, 200), np.random.default_rng(1)), rtol=1e-12, atol=1e-15)


def refuses_bad_input(draw, row):
    rng = np.random.default_rng(1)
    for shape in ((3,), (2, 3, 4), (0, 3), (3, 3, 0, 2), ()):
        with pytest.raises(ValueError, match=r"shape must be \(fan_in, fan_out\) or \(kh, kw, C_in, C_out\)"):
            draw(shape, rng)
    for scale in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="scale must be a finite number, greater than 0"):
            draw((2, 3), rng, scale=scale)
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
        draw((2, 3), 0)


CHECKS = {
    check.__name__: check
    for check in (has_its_variance, is_of_the_dtype_and_the_seed, takes_a_scale, refuses_bad_input)
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ROWS)
def test_every_initializer(name, check):
    CHECKS[check](INITIALIZERS[name], ROWS[name])


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_initializer_is_found_by_its_name(name):
    assert get(name) is get(INITIALIZERS[name]) is INITIALIZERS[name]
    assert pickle.loads(pickle.dumps(INITIALIZERS[name])) is INITIALIZERS[name]  # noqa: S301  # ours: a spawned sweep
    assert INITIALIZERS[name].__name__ == name
    assert INITIALIZERS[name].__doc__
    if name != "zeros":
        a, b = (get(text)((4, 3), np.random.default_rng(0)) for text in (name, f"{name}({0.1 * ROWS[name].scale})"))
        np.testing.assert_allclose(b, 0.1 * a, rtol=1e-13)


# Planted bugs of the suite

GLOROT = INITIALIZERS["glorot_uniform"]
BUGS = {
    "fan_out for fan_in": (
        "he_normal",
        lambda s, r, d=float, scale=1.0: he_normal(s[:-2] + s[:-3:-1], r, d, scale).reshape(s),
    ),
    "the field forgotten": (
        "he_normal",
        lambda s, r, d=float, scale=1.0: he_normal(s, r, d, scale * np.sqrt(np.prod(s[:-2]))),
    ),
    "the bound for the deviation": ("glorot_uniform", lambda s, r, d=float, scale=1.0: GLOROT(s, r, d, scale * 3**0.5)),
    "the uniform for the normal": ("glorot_normal", GLOROT),
    "PyTorch's for LeCun's": (
        "lecun_uniform",
        lambda s, r, d=float, scale=1.0: INITIALIZERS["lecun_uniform"](s, r, d, scale / 3**0.5),
    ),
    "He's for LeCun's": ("lecun_normal", he_normal),
    "a mean": ("normal", lambda s, r, d=float, scale=0.05: normal(s, r, d, scale) + 0.001),
    "a seed of its own": ("normal", lambda s, r, d=float, scale=0.05: normal(s, np.random.default_rng(0), d, scale)),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_suite_notices(bug):
    name, draw = BUGS[bug]
    with pytest.raises(AssertionError):
        has_its_variance(draw, ROWS[name])


@pytest.mark.parametrize(
    ("draw", "check"),
    [
        (lambda s, r, d=float, scale=0.05: normal(s, r, float, scale), "is_of_the_dtype_and_the_seed"),
        (lambda s, r, d=float, scale=0.05: normal(s, r, "f", scale).astype(d), "is_of_the_dtype_and_the_seed"),
        (lambda s, r, d=float, scale=0.05: normal(s, r, d), "takes_a_scale"),
        (lambda s, r, d=float, scale=0.05: normal(s, r, d, scale**2), "takes_a_scale"),
        (lambda s, r, d=float, scale=0.05: normal(s, np.random.default_rng(r), d, scale), "refuses_bad_input"),
        (lambda s, r, d=float, scale=0.05: r.normal(0, scale, s).astype(d), "refuses_bad_input"),
    ],
)
def test_the_rest_of_the_suite_notices(draw, check):
    with pytest.raises((AssertionError, pytest.fail.Exception, AttributeError)):
        CHECKS[check](draw, ROWS["normal"])


# What is special about one of them


def test_constants():
    assert (zeros((3, 2)) == 0).all()
    assert (constant(0.5)((3, 2), np.random.default_rng(0)) == 0.5).all()
    for dtype in (np.float32, np.float64):
        assert zeros((3,), dtype=dtype).dtype == constant(1)((3,), dtype=dtype).dtype == dtype


def test_the_bound_of_the_tutorial(rng):
    """±4 sqrt(6 / (fan_in + fan_out))."""
    bound = 4 * np.sqrt(6 / 500)
    assert 0.99 * bound < np.abs(sigmoid_uniform((300, 200), rng)).max() <= bound


def test_fans_are_those_of_torch(torch):
    for shape in ((30, 20), (3, 5, 20, 8)):
        assert fans(shape) == torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(shape[::-1]))  # (out, in, ...)


@pytest.mark.parametrize(
    ("draw", "activation", "kept"),
    [(he_normal, relu, True), (lecun_normal, lambda a: a, True), (lecun_normal, relu, False), (normal, relu, False)],
)
def test_the_forward_variance_argument(draw, activation, kept, rng):
    """Ten layers of 400 units: the mean square of the pre-activations stays, or it halves in every layer."""
    x = activation(rng.normal(size=(200, 400)))
    for _ in range(10):
        a = x @ draw((400, 400), rng)
        x = activation(a)
    expected = 1 if kept else 0.5**10  # a rectifier halves the mean square; 400 · 0.05² is 1
    assert expected / 2 < (a * a).mean() < 2 * expected  # a random walk of the logarithm


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (4, 7), (1, 3), (3, 3, 2, 5), (1, 1, 2, 5)])
def test_orthogonal(shape, rng):
    W = orthogonal(shape, rng, scale=1.5).reshape(-1, shape[-1]) / 1.5
    gram = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-14)


def test_orthogonal_is_uniform(rng):
    """Each entry of a uniform 3 × 3 orthogonal matrix is uniform on [−1, 1], and its determinant ±1 evenly."""
    Q = np.stack([orthogonal((3, 3), rng) for _ in range(4000)])
    for i in range(3):
        for j in range(3):
            found = np.sort(Q[:, i, j])
            assert np.abs(found - np.linspace(-1, 1, 4000)).max() < 0.07  # Kolmogorov: 0.0615 once in a thousand
    assert abs(np.linalg.det(Q).mean()) < 0.07


@pytest.mark.parametrize(
    "name", ["", "xavier", "he", "he_normal(", "he_normal(1", "zeros(2)", "constant", "he_normal()x", None]
)
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match="initializer must be one of glorot_uniform"):
        get(name)


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "two", ""])
def test_other_scales_are_refused(scale):
    with pytest.raises(ValueError, match="scale of he_normal must be a finite number, greater than 0"):
        get(f"he_normal({scale})")
