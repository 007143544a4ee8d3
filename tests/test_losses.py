"""Each loss and its gradient come from one function; three oracles say whether they belong together."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratchdae.losses import cross_entropy, l2_penalty, squared_error

SHAPE = (3, 5)
PRE_ACTIVATIONS = arrays(np.float64, SHAPE, elements=st.floats(-30, 30))
TARGETS = arrays(np.float64, SHAPE, elements=st.floats(0, 1))


@pytest.mark.parametrize("reduction", ["paper", "mean"])
@pytest.mark.parametrize("loss", [cross_entropy, squared_error])
@given(a=PRE_ACTIVATIONS, x=TARGETS, v=arrays(np.float64, SHAPE, elements=st.floats(-1, 1)))
def test_gradient_belongs_to_the_loss(loss, reduction, a, x, v):
    _, da = loss(a, x, reduction)
    along = loss(a + 1e-30j * v, x, reduction)[0].imag / 1e-30
    assert (da * v).sum() == pytest.approx(along, rel=1e-12, abs=1e-14)


def test_reductions_differ_by_the_number_of_components(rng):
    a, x = rng.normal(size=SHAPE), rng.random(SHAPE)
    for loss in (cross_entropy, squared_error):
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
            assert not np.isfinite(squared_error(np.array([[0.0, bad]]), x)[0])


@pytest.mark.parametrize("target", [-1e-9, 1 + 1e-9, 255.0, np.nan, np.inf])
def test_targets_outside_the_unit_interval_are_refused(target):
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\], found values"):
        cross_entropy(np.zeros((1, 2)), np.array([[0.5, target]]))


def test_float32_stays_float32(rng):
    a, x = rng.normal(size=SHAPE).astype(np.float32), rng.random(SHAPE).astype(np.float32)
    for loss in (cross_entropy, squared_error):
        value, da = loss(a, x)
        assert value.dtype == da.dtype == np.float32


def test_l2_penalty_is_of_weights_alone(rng):
    params = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    penalty, grads = l2_penalty(params, 0.3)
    assert penalty == pytest.approx(0.3 * (params["W"] ** 2).sum())
    assert set(grads) == {"W"}
    np.testing.assert_allclose(grads["W"], 0.6 * params["W"])
