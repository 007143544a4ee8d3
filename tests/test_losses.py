"""Every loss is a row of `ROWS`, which buys it the suite: gradient, PyTorch's twin, reductions, purity, bad input.

Each loss and its gradient come from one function; three oracles say whether they belong together. The suite is itself
tested with planted bugs.
"""

from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae import losses
from scratchdae.losses import (
    LOSSES,
    REDUCTIONS,
    absolute_error,
    cross_entropy,
    huber,
    l2_penalty,
    softmax_cross_entropy,
    squared_error,
)

SHAPE = (3, 5)


class Row(NamedTuple):
    """What the suite is told of a loss."""

    torch: str  # its twin in torch.nn.functional
    output: str  # what its first argument is called
    target: str = "real"  # or "unit", in [0, 1], or "label": then an example has one term, and both reductions are one
    options: tuple[dict[str, Any], ...] = ({},)  # which have the same names in PyTorch
    refused: tuple[tuple[dict[str, Any], str], ...] = ()  # options, and what the error says


ROWS = {
    "squared_error": Row("mse_loss", "z"),
    "absolute_error": Row("l1_loss", "z"),
    "huber": Row(
        "huber_loss",
        "z",
        options=({}, {"delta": 2.5}),
        refused=tuple(({"delta": d}, "delta must be a finite number, greater than 0") for d in (0, -1, np.nan)),
    ),
    "cross_entropy": Row("binary_cross_entropy_with_logits", "a_z", "unit"),
    "softmax_cross_entropy": Row("cross_entropy", "a", "label"),
}


def test_every_loss_has_a_row():
    assert set(ROWS) == set(LOSSES)


# The suite


def problem(row, seed=0, shape=SHAPE, scale=3.0, dtype=np.float64):
    """An output and its target."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, shape[1], shape[0]) if row.target == "label" else rng.random(shape).astype(dtype)
    return rng.normal(0, scale, shape).astype(dtype), target


def both(row):
    return [(reduction, options) for reduction in REDUCTIONS for options in row.options]


def has_its_gradient(loss, row, **where):
    """Complex step and central difference, along a random direction."""
    a, t = problem(row, **where)
    v = np.random.default_rng(1).uniform(-1, 1, a.shape)
    for reduction, options in both(row):
        value, da = loss(a, t, reduction, **options)
        along = loss(a + 1e-30j * v, t, reduction, **options)[0].imag / 1e-30
        assert (da * v).sum() == pytest.approx(along, rel=1e-12, abs=1e-13)
        if row.torch != "l1_loss" and np.abs(a).max() < 30:
            up, down = (loss(a + h * v, t, reduction, **options)[0] for h in (1e-5, -1e-5))
            assert (da * v).sum() == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-8 * max(1, abs(value)))


def has_factors_between_its_reductions(loss, row):
    a, t = problem(row)
    factor = 1 if row.target == "label" else SHAPE[1]
    for options in row.options:
        (paper, d_paper), (mean, d_mean) = (loss(a, t, reduction, **options) for reduction in ("paper", "mean"))
        assert paper == pytest.approx(mean * factor, rel=1e-15)
        np.testing.assert_allclose(d_paper, d_mean * factor, rtol=1e-15)


def is_pure_and_keeps_the_dtype(loss, row):
    for dtype in (np.float32, np.float64):
        a, t = problem(row, dtype=dtype)
        value, da = loss(a, t)
        again, da_again = loss(a, t)
        assert value.dtype == da.dtype == dtype
        assert np.ndim(value) == 0
        assert value == again
        np.testing.assert_array_equal(da, da_again)
        for mine, given_ in zip((a, t), problem(row, dtype=dtype), strict=True):
            np.testing.assert_array_equal(mine, given_)


def shows_nan_and_inf(loss, row):
    for bad in (np.nan, np.inf, -np.inf):
        a, t = problem(row)
        a[0, 1] = bad
        if row.target == "label":
            t[0] = 1
        with np.errstate(invalid="ignore"):
            value, da = loss(a, t)
        assert not np.isfinite(value)
        if np.isnan(bad):
            assert np.isnan(da[0, 1])


def refuses_bad_input(loss, row):
    a, t = problem(row)
    cases = [
        (a[0], t, f"{row.output} must be a matrix"),
        (a[:0], t[:0], f"{row.output} must not be empty"),
        ((255 * a).astype(int), t, f"{row.output} must be floating-point"),
        (a, t[:2], "t must be 3 integer labels" if row.target == "label" else f"x must have the shape of {row.output}"),
        (a, a.astype(str), "t must be 3 integer labels" if row.target == "label" else "x must be floating-point"),
    ]
    cases += [(a, t + 2, r"x must lie in \[0, 1\]")] * (row.target == "unit")
    cases += [(a, t + 5, "t must lie in 0 to 4")] * (row.target == "label")
    for output, target, what in cases:
        with pytest.raises(ValueError, match=what):
            loss(output, target)
    for reduction in ("sum", "none", 1, None):
        with pytest.raises(ValueError, match="reduction must be one of"):
            loss(a, t, reduction)
    for options, what in row.refused:
        with pytest.raises(ValueError, match=what):
            loss(a, t, **options)


CHECKS = {
    check.__name__: check
    for check in (
        has_its_gradient,
        has_factors_between_its_reductions,
        is_pure_and_keeps_the_dtype,
        shows_nan_and_inf,
        refuses_bad_input,
    )
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ROWS)
def test_every_loss(name, check):
    CHECKS[check](LOSSES[name], ROWS[name])


@pytest.mark.parametrize("name", ROWS)
@given(seed=st.integers(0, 10**6), shape=st.tuples(st.integers(1, 6), st.integers(1, 7)), scale=st.floats(0.01, 30))
def test_every_gradient_belongs_to_its_loss(name, seed, shape, scale):
    has_its_gradient(LOSSES[name], ROWS[name], seed=seed, shape=shape, scale=scale)


@pytest.mark.parametrize("name", ROWS)
def test_every_loss_is_that_of_torch(name, torch):
    row = ROWS[name]
    twin = getattr(torch.nn.functional, row.torch)
    for seed, (reduction, options) in enumerate(5 * both(row)):
        a, t = problem(row, seed, scale=5)
        ta, tt = torch.tensor(a, requires_grad=True), torch.tensor(t)
        value = twin(ta, tt, reduction="sum", **options) / SHAPE[0] if reduction == "paper" else twin(ta, tt, **options)
        value.backward()
        loss, da = LOSSES[name](a, t, reduction, **options)
        assert loss == pytest.approx(value.item(), rel=1e-14)
        np.testing.assert_allclose(da, ta.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ROWS)
def test_every_door_leads_to_its_unchecked_twin(name):
    over = getattr(losses, f"{name}_over")
    for reduction, options in both(ROWS[name]):
        a, t = problem(ROWS[name])
        n = SHAPE[0] if ROWS[name].target == "label" else losses.divisor(SHAPE, reduction)
        value, da = over(a, t, n, **options)
        expected, d_expected = LOSSES[name](a, t, reduction, **options)
        assert value == expected
        np.testing.assert_array_equal(da, d_expected)


# Planted bugs of the suite: a loss, and the check that must notice it


def with_gradient(loss, wrong):
    """The loss, and another gradient."""
    return lambda a, t, reduction="paper", **options: (loss(a, t, reduction, **options)[0], wrong(a, t, reduction))


def with_sum(loss, b):
    """The loss of another reduction."""
    return lambda a, t, reduction="paper", **o: tuple(part * b for part in loss(a, t, "paper", **o))


def unchecked(name):
    over = getattr(losses, f"{name}_over")
    return lambda a, t, reduction="paper": over(a, t, losses.divisor(a.shape, reduction))


def centres_in_place(z, x, reduction="paper"):
    z -= z.mean()
    return squared_error(z, x, reduction)


def hiding(a, t, reduction="paper"):
    return cross_entropy(np.nan_to_num(a), t, reduction)


def one_hot(t):
    return np.eye(5)[t]


GRADIENT_BUGS = {
    "labels shifted by one": ("softmax_cross_entropy", lambda a, t, r: softmax_cross_entropy(a, (t + 1) % 5)[1]),
    "one-hot forgotten": (
        "softmax_cross_entropy",
        lambda a, t, r: softmax_cross_entropy(a, t)[1] + one_hot(t) / len(t),
    ),
    "not divided by B": ("softmax_cross_entropy", lambda a, t, r: 3 * softmax_cross_entropy(a, t)[1]),
    "Huber uncut": ("huber", lambda a, t, r: (a - t) / 3),
    "Huber of the wrong delta": ("huber", lambda a, t, r: huber(a, t, r, delta=1.1)[1]),
    "absolute error without its sign": ("absolute_error", lambda a, t, r: np.ones(SHAPE) / 3),
    "half the squared error's": ("squared_error", lambda a, t, r: squared_error(a, t, r)[1] / 2),
    "the slope of the sigmoid once more": (
        "cross_entropy",
        lambda a, t, r: cross_entropy(a, t, r)[1] / (4 * np.cosh(a / 2) ** 2),
    ),
}
BUGS = {
    **{bug: (name, with_gradient(LOSSES[name], da), "has_its_gradient") for bug, (name, da) in GRADIENT_BUGS.items()},
    "one reduction for all": ("squared_error", with_sum(squared_error, 1), "has_factors_between_its_reductions"),
    "its reductions differ": (
        "softmax_cross_entropy",
        lambda a, t, r="paper": tuple(x / (5 if r == "mean" else 1) for x in softmax_cross_entropy(a, t)),
        "has_factors_between_its_reductions",
    ),
    "writes into its output": ("squared_error", centres_in_place, "is_pure_and_keeps_the_dtype"),
    "upcasts": (
        "squared_error",
        lambda z, x, r="paper": squared_error(z.astype(float), x.astype(float), r),
        "is_pure_and_keeps_the_dtype",
    ),
    "hides NaN": ("cross_entropy", hiding, "shows_nan_and_inf"),
    "no door": ("cross_entropy", unchecked("cross_entropy"), "refuses_bad_input"),
    "no door, labels": ("softmax_cross_entropy", unchecked("softmax_cross_entropy"), "refuses_bad_input"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_suite_notices(bug):
    name, loss, check = BUGS[bug]
    with pytest.raises((AssertionError, pytest.fail.Exception, IndexError)):
        CHECKS[check](loss, ROWS[name])


# What is special about one loss, and the penalty


def test_cross_entropy_is_the_papers_formula_to_the_last_digits():
    """The formula of section 2.1, in 60 digits, at pre-activations where z rounds to 0 or 1."""
    for a in (-800.0, -40.0, -3.0, 0.0, 0.7, 20.0, 40.0, 800.0):
        for x in (0.0, 0.25, 1.0):
            with mpmath.workdps(800):
                z = 1 / (1 + mpmath.exp(-mpmath.mpf(a)))
                exact = float(-(x * mpmath.log(z) + (1 - x) * mpmath.log(1 - z)))
            loss, _ = cross_entropy(np.array([[a]]), np.array([[x]]))
            assert loss == pytest.approx(exact, rel=1e-15, abs=1e-300)


def test_least_cross_entropy_is_the_entropy_of_the_target(rng):
    x = rng.uniform(0.01, 0.99, SHAPE)
    loss, da = cross_entropy(np.log(x / (1 - x)), x)
    entropy = -(x * np.log(x) + (1 - x) * np.log(1 - x)).sum() / SHAPE[0]
    assert loss == pytest.approx(entropy, rel=1e-14)
    np.testing.assert_allclose(da, 0, atol=1e-16)


@pytest.mark.parametrize("target", [-1e-9, 1 + 1e-9, 255.0, np.nan, np.inf])
def test_targets_outside_the_unit_interval_are_refused(target):
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\], found values"):
        cross_entropy(np.zeros((1, 2)), np.array([[0.5, target]]))


def test_l2_penalty_is_of_weights_alone(rng):
    params = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    penalty, grads = l2_penalty(params, 0.3)
    assert penalty == pytest.approx(0.3 * (params["W"] ** 2).sum())
    assert set(grads) == {"W"}
    np.testing.assert_allclose(grads["W"], 0.6 * params["W"])


def test_softmax_cross_entropy_to_the_last_digits():
    """Small losses of confident answers, large ones of wrong answers, in 800 digits."""
    for a in ([0.0, -40.0, -50.0], [800.0, 0.0, -800.0], [1e-9, 0.0, 2e-9], [-1e4, -1e4, -1e4 + 30]):
        for t in range(3):
            with mpmath.workdps(800):
                exact = float(mpmath.log(sum(mpmath.exp(mpmath.mpf(k) - mpmath.mpf(a[t])) for k in a)))
            loss, da = softmax_cross_entropy(np.array([a]), np.array([t]))
            assert loss == pytest.approx(exact, rel=1e-15, abs=1e-300)
            assert abs(da.sum()) < 3e-16


def test_softmax_of_two_classes_is_the_sigmoid(rng):
    """With two classes it is the cross-entropy of one unit whose pre-activation is the difference."""
    a, t = rng.normal(0, 3, (6, 2)), np.array([0, 1, 1, 0, 1, 0])
    loss, da = softmax_cross_entropy(a, t)
    other, d = cross_entropy((a[:, 1] - a[:, 0])[:, None], t[:, None].astype(float))
    assert loss == pytest.approx(other, rel=1e-14)
    np.testing.assert_allclose(da, np.hstack([-d, d]), rtol=1e-13, atol=1e-16)


def test_best_constants_are_the_mean_the_median_and_between():
    x = np.array([[0.0], [1.0], [1.2], [2.0], [100.0]])
    grid = np.linspace(0, 100, 10001)

    def best(loss):
        return grid[np.argmin([loss(np.full((5, 1), constant), x)[0] for constant in grid])]

    assert best(squared_error) == pytest.approx(x.mean(), abs=0.01)
    assert best(absolute_error) == pytest.approx(np.median(x), abs=0.01)
    assert best(huber) == pytest.approx(1.4, abs=0.01)  # the mean of the three within 1; 0 and 100 weigh −1 and 1


def test_huber_is_the_square_near_and_the_absolute_error_far(rng):
    z, x = rng.normal(size=SHAPE), rng.normal(size=SHAPE)
    assert huber(z, x, delta=1e6)[0] == pytest.approx(squared_error(z, x)[0] / 2, rel=1e-14)
    assert huber(z, x, delta=1e-9)[0] / 1e-9 == pytest.approx(absolute_error(z, x)[0], rel=1e-7)


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (np.array([0, 1]), "t must be 3 integer labels, found int64 of shape"),
        (np.array([0.0, 1.0, 2.0]), "t must be 3 integer labels, found float64"),
        (np.eye(3, 5, dtype=int), "t must be 3 integer labels"),
        (np.array([True, False, True]), "t must be 3 integer labels, found bool"),
        (np.array([0, 1, 5]), "t must lie in 0 to 4, found labels from 0 to 5"),
        (np.array([0, -1, 2]), "t must lie in 0 to 4, found labels from -1 to 2"),
    ],
)
def test_other_labels_are_refused(labels, what):
    with pytest.raises(ValueError, match=what):
        softmax_cross_entropy(np.zeros(SHAPE), labels)
