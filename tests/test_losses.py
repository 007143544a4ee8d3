"""Each loss and its gradient come from one function; three oracles say whether they belong together."""

from functools import partial

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratchdae.losses import absolute_error, cross_entropy, huber, l2_penalty, softmax_cross_entropy, squared_error

SHAPE = (3, 5)
PRE_ACTIVATIONS = arrays(np.float64, SHAPE, elements=st.floats(-30, 30))
TARGETS = arrays(np.float64, SHAPE, elements=st.floats(0, 1))


@pytest.mark.parametrize("reduction", ["paper", "mean"])
@pytest.mark.parametrize("loss", [cross_entropy, squared_error, absolute_error, huber])
@given(a=PRE_ACTIVATIONS, x=TARGETS, v=arrays(np.float64, SHAPE, elements=st.floats(-1, 1)))
def test_gradient_belongs_to_the_loss(loss, reduction, a, x, v):
    _, da = loss(a, x, reduction)
    along = loss(a + 1e-30j * v, x, reduction)[0].imag / 1e-30
    assert (da * v).sum() == pytest.approx(along, rel=1e-12, abs=1e-14)


def test_reductions_differ_by_the_number_of_components(rng):
    a, x = rng.normal(size=SHAPE), rng.random(SHAPE)
    for loss in (cross_entropy, squared_error, absolute_error, huber):
        paper, d_paper = loss(a, x, "paper")
        mean, d_mean = loss(a, x, "mean")
        assert paper == pytest.approx(mean * SHAPE[1], rel=1e-15)
        np.testing.assert_allclose(d_paper, d_mean * SHAPE[1], rtol=1e-15)


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


@pytest.mark.parametrize("reduction", ["paper", "mean"])
def test_torch_agrees(torch, rng, reduction):
    a, x = rng.normal(0, 5, SHAPE), rng.random(SHAPE)
    ta, tx = torch.tensor(a, requires_grad=True), torch.tensor(x)
    functional = torch.nn.functional
    for mine, theirs in (
        (cross_entropy, functional.binary_cross_entropy_with_logits),
        (squared_error, functional.mse_loss),
        (absolute_error, functional.l1_loss),
        (huber, functional.huber_loss),
        (partial(huber, delta=2.5), partial(functional.huber_loss, delta=2.5)),
    ):
        ta.grad = None
        value = theirs(ta, tx, reduction="sum") / SHAPE[0] if reduction == "paper" else theirs(ta, tx)
        value.backward()
        loss, da = mine(a, x, reduction)
        assert loss == pytest.approx(value.item(), rel=1e-14)
        np.testing.assert_allclose(da, ta.grad.numpy(), rtol=1e-13, atol=1e-16)


def test_nan_and_inf_stay_visible():
    x = np.full((1, 2), 0.5)
    for bad in (np.nan, np.inf, -np.inf):
        with np.errstate(invalid="ignore"):
            assert not np.isfinite(cross_entropy(np.array([[0.0, bad]]), x)[0])
            for loss in (squared_error, absolute_error, huber):
                assert not np.isfinite(loss(np.array([[0.0, bad]]), x)[0])
            assert np.isnan(absolute_error(np.array([[0.0, np.nan]]), x)[1][0, 1])
            assert np.isnan(huber(np.array([[0.0, np.nan]]), x)[1][0, 1])


@pytest.mark.parametrize("target", [-1e-9, 1 + 1e-9, 255.0, np.nan, np.inf])
def test_targets_outside_the_unit_interval_are_refused(target):
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\], found values"):
        cross_entropy(np.zeros((1, 2)), np.array([[0.5, target]]))


def test_float32_stays_float32(rng):
    a, x = rng.normal(size=SHAPE).astype(np.float32), rng.random(SHAPE).astype(np.float32)
    for loss in (cross_entropy, squared_error, absolute_error, huber):
        value, da = loss(a, x)
        assert value.dtype == da.dtype == np.float32


def test_l2_penalty_is_of_weights_alone(rng):
    params = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    penalty, grads = l2_penalty(params, 0.3)
    assert penalty == pytest.approx(0.3 * (params["W"] ** 2).sum())
    assert set(grads) == {"W"}
    np.testing.assert_allclose(grads["W"], 0.6 * params["W"])


LOGITS = arrays(np.float64, SHAPE, elements=st.floats(-30, 30))
LABELS = arrays(np.int64, SHAPE[0], elements=st.integers(0, SHAPE[1] - 1))


@pytest.mark.parametrize("reduction", ["paper", "mean"])
@given(a=LOGITS, t=LABELS, v=arrays(np.float64, SHAPE, elements=st.floats(-1, 1)))
def test_gradient_of_the_softmax_belongs_to_its_loss(reduction, a, t, v):
    _, da = softmax_cross_entropy(a, t, reduction)
    along = softmax_cross_entropy(a + 1e-30j * v, t, reduction)[0].imag / 1e-30
    assert (da * v).sum() == pytest.approx(along, rel=1e-12, abs=1e-14)


@given(a=LOGITS, t=LABELS)
def test_softmax_cross_entropy_is_that_of_torch(torch, a, t):
    ta = torch.tensor(a, requires_grad=True)
    value = torch.nn.functional.cross_entropy(ta, torch.tensor(t))
    value.backward()
    loss, da = softmax_cross_entropy(a, t)
    assert loss == pytest.approx(value.item(), rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(da, ta.grad.numpy(), rtol=1e-12, atol=1e-15)


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


def test_bad_arguments_of_the_new_losses_are_refused():
    a, x = np.zeros(SHAPE), np.zeros((2, 5))
    for loss in (absolute_error, huber):
        with pytest.raises(ValueError, match="x must have the shape of z"):
            loss(a, x)
        with pytest.raises(ValueError, match="reduction must be one of"):
            loss(a, a, "sum")
    for delta in (0, -1, np.nan):
        with pytest.raises(ValueError, match="delta must be a finite number, greater than 0"):
            huber(a, a, delta=delta)
    with pytest.raises(ValueError, match="reduction must be one of"):
        softmax_cross_entropy(a, np.zeros(3, int), "sum")


BUGS = {
    "labels shifted by one": lambda a, t: (softmax_cross_entropy(a, t)[0], softmax_cross_entropy(a, (t + 1) % 5)[1]),
    "one-hot forgotten": lambda a, t: (
        softmax_cross_entropy(a, t)[0],
        softmax_cross_entropy(a, t)[1] + np.eye(5)[t] / len(t),
    ),
    "not divided by B": lambda a, t: (softmax_cross_entropy(a, t)[0], 3 * softmax_cross_entropy(a, t)[1]),
    "Huber uncut": lambda a, _: (huber(a, np.zeros(SHAPE))[0], a / 3),
    "Huber of the wrong delta": lambda a, _: (huber(a, np.zeros(SHAPE))[0], huber(a, np.zeros(SHAPE), delta=1.1)[1]),
    "absolute error without its sign": lambda a, _: (absolute_error(a, np.zeros(SHAPE))[0], np.ones(SHAPE) / 3),
}


@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_is_caught(bug, rng):
    a, t, v = rng.normal(0, 2, SHAPE), np.array([4, 0, 2]), rng.normal(size=SHAPE)
    _, da = BUGS[bug](a, t)
    along = BUGS[bug](a + 1e-30j * v, t)[0].imag / 1e-30
    assert (da * v).sum() != pytest.approx(along, rel=1e-3)
