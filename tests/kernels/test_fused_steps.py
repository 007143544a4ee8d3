"""The fused steps of tied weights: on sizes that fill no register, by any team, and what they refuse to decide."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("numba")

from scratchdae import autoencoder
from scratchdae.kernels.autoencoder import steps
from scratchdae.kernels.autoencoder.output import Kind, decaying_exp, log1p_fraction, output_row, sigmoid_row
from scratchdae.kernels.autoencoder.steps import sgd_step, sgd_steps
from scratchdae.kernels.machine import threads
from scratchdae.kernels.rule import Rule

KINDS = [("cross_entropy", "sigmoid"), ("squared_error", "sigmoid"), ("squared_error", "linear")]
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
SIZES = [
    (1, 1, 1),
    (1, 13, 1),
    (2, 1, 5),
    (7, 30, 33),
    (20, 100, 50),
    (33, 29, 117),
    (140, 37, 70),
    (20, 784, 500),
    (260, 300, 333),
]


def problem(sizes, dtype, seed=0, share=0.3):
    """Draw parameters and a batch whose inputs are mostly zeros, some of them throughout the batch."""
    B, D, H = sizes
    rng = np.random.default_rng(seed)
    W = rng.uniform(-1, 1, (D, H)) / np.sqrt(max(D, H))
    params = {"W": W, "b": rng.normal(0, 0.1, H), "b_prime": rng.normal(0, 0.1, D)}
    x = rng.random((B, D))
    x_tilde = x * (rng.random((B, D)) < share) * (np.arange(D) % 16 < 12)
    return {name: value.astype(dtype) for name, value in params.items()}, x_tilde.astype(dtype), x.astype(dtype)


def fused(params, x_tilde, x, kind=0, lr=0.05, l2=1e-3):
    """Take fused steps, as far as they are sure; return their losses."""
    real, losses = params["W"].dtype.type, np.empty(len(x))
    rule = Rule(real(lr), real(2 * l2), real(1 / x.shape[1]), float(np.finfo(real).max) / 4)
    W, b, b_prime = params["W"], params["b"], params["b_prime"]
    return losses[: steps._fused(W, b, b_prime, x_tilde, x, rule, kind, losses)]


def take(params, x_tilde, x, kind=0, times=1):
    """Take fused steps on the same batch; return their losses."""
    batches = (np.ascontiguousarray(np.broadcast_to(one, (times, *one.shape))) for one in (x_tilde, x))
    return fused(params, *batches, kind)


@pytest.fixture(params=[1, 2, 3], ids="team of {}".format)
def team(request, monkeypatch):
    """However small the work is."""
    monkeypatch.setattr(steps, "_ALONE", 0)
    monkeypatch.setattr(threads, "count", lambda: request.param)


def max_error(params, expected):
    return max(np.abs(value - expected[name]).max() / np.abs(expected[name]).max() for name, value in params.items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.usefixtures("team")
def test_fifty_updates_are_the_reference_s(sizes, dtype):
    """Ten steps at a time, five times."""
    params, x_tilde, x = problem(sizes, dtype)
    expected = {name: value.astype(np.float64) for name, value in params.items()}
    for _ in range(5):
        losses = take(params, x_tilde, x, times=10)
        batches = (np.broadcast_to(one.astype(np.float64), (10, *one.shape)) for one in (x_tilde, x))
        values, finite = autoencoder.sgd_steps(expected, *batches, 0.05, l2=1e-3)
        assert finite
        assert losses == pytest.approx(values, rel=TOLERANCE[dtype])
    assert max_error(params, expected) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_losses_and_densities(kind, share, dtype):
    params, x_tilde, x = problem((9, 21, 19), dtype, share=share)
    expected = {name: value.astype(np.float64) for name, value in params.items()}
    for _ in range(10):
        (loss,) = take(params, x_tilde, x, kind)
        value, _ = autoencoder.sgd_step(
            expected, x_tilde.astype(np.float64), x.astype(np.float64), 0.05, *KINDS[kind], l2=1e-3
        )
    assert loss == pytest.approx(value, rel=TOLERANCE[dtype])
    assert max_error(params, expected) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(7, 30, 33), (33, 29, 117), (140, 37, 70)], ids=str)
@pytest.mark.usefixtures("team")
def test_batches_with_few_zeros_and_with_many_follow_each_other(sizes, dtype):
    """Neither leaves anything behind that the other would take for its own."""
    params, _, x = problem(sizes, dtype)
    expected = {name: value.astype(np.float64) for name, value in params.items()}
    x_tilde = np.stack([problem(sizes, dtype, seed, share)[1] for seed, share in enumerate((1, 0.1, 0.9, 0, 1))])
    x = np.repeat(x[np.newaxis], len(x_tilde), axis=0)
    losses = fused(params, x_tilde, x, lr=0.5, l2=0)
    values, _ = autoencoder.sgd_steps(expected, x_tilde.astype(np.float64), x.astype(np.float64), 0.5)
    assert len(losses) == len(x_tilde)
    assert losses == pytest.approx(values, rel=TOLERANCE[dtype])
    assert max_error(params, expected) < TOLERANCE[dtype]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["W", "b", "b_prime", "x_tilde"])
@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("B", [1, 9])
def test_a_step_that_is_not_finite_changes_nothing(name, bad, kind, B):
    """Anywhere: in a weight of an input that is zero throughout the batch as well."""
    for at in (0, -1, 15):  # input 15 is zero in every example
        params, x_tilde, x = problem((B, 16, 9), np.float32)
        batch = {**params, "x_tilde": x_tilde}[name]
        (batch[at] if name == "W" else batch.reshape(-1)[at % batch.size : at % batch.size + 1])[...] = bad
        before = {key: value.copy() for key, value in params.items()}
        loss, output = KINDS[kind]
        with np.errstate(all="ignore"):
            _, expected = autoencoder.sgd_step({k: v.copy() for k, v in params.items()}, x_tilde, x, 0.05, loss, output)
        _, finite = sgd_step(params, x_tilde, x, 0.05, loss, output)
        assert finite == expected
        if not finite:
            for key, value in params.items():
                np.testing.assert_array_equal(value, before[key])


def test_a_gradient_that_might_overflow_is_left_to_the_general_step():
    params, x_tilde, x = problem((3, 16, 9), np.float32)
    x_tilde[x_tilde != 0] = 1e38
    params["W"][:] = 0  # so that nothing before the gradient overflows
    before = params["W"].copy()
    params["W"][-1] = 1
    before[-1] = 1
    assert len(take(params, x_tilde, x)) == 0
    np.testing.assert_array_equal(params["W"], before)


@pytest.mark.parametrize("B", [1, 20, 130])
@pytest.mark.usefixtures("team")
def test_the_same_bits_again_and_however_many_at_a_time(B):
    results = []
    for calls, times in ((1, 6), (1, 6), (3, 2), (6, 1)):
        params, x_tilde, x = problem((B, 200, 333), np.float32)
        for _ in range(calls):
            take(params, x_tilde, x, times=times)
        results.append(params)
    for other in results[1:]:
        for name, value in results[0].items():
            np.testing.assert_array_equal(value, other[name])


@pytest.mark.parametrize("share", [0.2, 1])
@pytest.mark.parametrize("B", [1, 40])
def test_a_team_agrees_with_one_thread(monkeypatch, share, B):
    monkeypatch.setattr(steps, "_ALONE", 0)
    results = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "count", lambda count=count: count)
        params, x_tilde, x = problem((B, 403, 501), np.float64, share=share)
        take(params, x_tilde, x, times=3)
        results.append(params)
    assert max_error(results[1], results[0]) < 1e-13
    assert max_error(results[2], results[0]) < 1e-13


@pytest.mark.parametrize("B", [1, 7])
@pytest.mark.usefixtures("team")
def test_a_team_stops_before_the_step_that_is_not_finite(B):
    """The steps before it are taken, and those after it are not."""
    params, x_tilde, x = problem((B, 30, 21), np.float64)
    batches, targets = (np.repeat(one[None], 5, axis=0) for one in (x_tilde, x))
    expected = {name: value.copy() for name, value in params.items()}
    autoencoder.sgd_steps(expected, batches[:3], targets[:3], 0.05)
    batches[3, 0, 2] = np.nan
    with np.errstate(invalid="ignore"):
        losses, finite = sgd_steps(params, batches, targets, 0.05)
    assert not finite
    assert np.isfinite(losses).tolist() == [True, True, True, False]
    assert max_error(params, expected) < 1e-14


def test_a_general_step_in_between_changes_nothing_else():
    """Inputs so large that only the general step can tell: it takes the step, and the team goes on behind it."""
    params, x_tilde, x = problem((3, 16, 9), np.float64)
    params["W"][:] = 0
    batches, targets = (np.repeat(one[None], 4, axis=0) for one in (x_tilde, x))
    batches[1] *= 1e308
    expected = {name: value.copy() for name, value in params.items()}
    with np.errstate(over="ignore"):
        values, _ = autoencoder.sgd_steps(expected, batches, targets, 1e-308)
        losses, finite = sgd_steps(params, batches, targets, 1e-308)
    assert finite
    assert losses == pytest.approx(values, rel=1e-12)
    np.testing.assert_allclose(params["W"], expected["W"], rtol=1e-12)


def test_callers_in_several_threads_wait_for_each_other(monkeypatch):
    """Half a team that waits for threads which another half team holds would wait for ever."""
    monkeypatch.setattr(steps, "_ALONE", 0)
    monkeypatch.setattr(threads, "count", lambda: 3)
    params, x_tilde, x = problem((8, 40, 30), np.float64)
    expected = {name: value.copy() for name, value in params.items()}
    take(expected, x_tilde, x, times=20)
    copies = [{name: value.copy() for name, value in params.items()} for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda mine: take(mine, x_tilde, x, times=20), copies))
    for mine in copies:
        for name, value in mine.items():
            np.testing.assert_array_equal(value, expected[name])


def test_parameters_must_be_contiguous():
    params, x_tilde, x = problem((3, 16, 9), np.float32)
    params["W"] = np.asfortranarray(params["W"])
    with pytest.raises(ValueError, match="contiguous"):
        sgd_step(params, x_tilde, x, 0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_functions_written_out(dtype):
    """Against the library's, through one row of pre-activations from saturated to saturated."""
    eps = float(np.finfo(dtype).eps)
    a = np.linspace(-80, 80, 4001).astype(dtype)
    y = a.copy()
    sigmoid_row(y, np.zeros_like(a))
    exact = 1 / (1 + np.exp(-a.astype(np.longdouble)))
    assert np.abs(y / exact - 1).max() < 6 * eps
    for k in range(0, len(a), 40):
        one = a[k : k + 1].copy()
        loss, size = output_row(one, np.zeros(1, dtype), np.zeros(1, dtype), dtype(1), int(Kind.CROSS_ENTROPY))
        assert loss == pytest.approx(float(np.logaddexp(np.longdouble(0), a[k].astype(np.longdouble))), rel=8 * eps)
        assert size == abs(one[0])
    assert decaying_exp(-1.0) == np.exp(-1.0)
    assert log1p_fraction(0.5) == np.log1p(0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS, ids="{0[0]} {0[1]}".format)
@pytest.mark.parametrize("sizes", SIZES[2:], ids=str)
@pytest.mark.usefixtures("team")
def test_losses_alone_are_the_reference_s_and_change_nothing(sizes, kind, dtype):
    params, x_tilde, x = problem(sizes, dtype)
    _, other_tilde, other = problem(sizes, dtype, seed=1, share=0.9)  # most inputs are not zero
    before = {name: value.copy() for name, value in params.items()}
    batches, targets = np.stack([x_tilde, other_tilde, x_tilde]), np.stack([x, other, x])
    found = steps.batch_losses(params, batches, targets, *kind, "paper")
    for value, one, t in zip(found, batches.astype(np.float64), targets.astype(np.float64), strict=True):
        reference = {name: array.astype(np.float64) for name, array in params.items()}
        expected = autoencoder.loss_and_grads(reference, one, t, *kind, "paper")[0]
        assert value == pytest.approx(expected, rel=TOLERANCE[dtype])
    assert all(np.array_equal(before[name], params[name]) for name in params)


@pytest.mark.parametrize("broken", ["W", "b", "b_prime", "x_tilde"])
def test_losses_alone_show_what_is_not_finite(broken):
    params, x_tilde, x = problem((20, 100, 50), np.float32)
    (params | {"x_tilde": x_tilde})[broken].flat[3] = np.nan
    assert np.isnan(steps.batch_losses(params, x_tilde[None], x[None], "cross_entropy", "sigmoid", "paper")).all()
