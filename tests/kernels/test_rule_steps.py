"""The fused steps by rules that remember, against the reference: a gradient, and the rule's update of whole arrays."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("numba")

from scratchdae import Corruption, DenoisingAutoencoder, NonFiniteError, fit, kernels, streams
from scratchdae.kernels.autoencoder import steps
from scratchdae.kernels.machine import threads
from scratchdae.losses import l2_penalty
from scratchdae.optimizers import SGD, Adam, AdamW, Clipped, RMSprop
from scratchdae.training.steps import choose

KINDS = [("cross_entropy", "sigmoid"), ("squared_error", "sigmoid"), ("squared_error", "linear")]
FUSED = {  # and how many times an error of rounding has been seen to grow in twelve steps, doubled
    SGD(momentum=0.9, nesterov=True): 100,
    RMSprop(eps=1e-2): 500,  # where a gradient is near 0, a smaller eps makes much of what is rounded
    Adam(): 1500,
    AdamW(weight_decay=0.1, decayed="all"): 1500,
}
BATCHES = (1, 3, 20, 100)
EPS = {dtype: float(np.finfo(dtype).eps) for dtype in (np.float32, np.float64)}


def draw(sizes, dtype, seed):
    """Draw parameters, and 12 batches whose inputs are sparse or dense in turn."""
    B, D, H = sizes
    rng = np.random.default_rng(seed)
    params = {"W": rng.normal(size=(D, H)) / np.sqrt(max(D, H)), "b": rng.normal(0, 0.1, H), "b_prime": np.zeros(D)}
    x = rng.random((12, B, D))
    share = np.where(np.arange(12) % 3 == 2, 0.9, 0.2)[:, None, None]
    return {name: value.astype(dtype) for name, value in params.items()}, (
        (x * (rng.random(x.shape) < share)).astype(dtype),
        x.astype(dtype),
    )


def fused(params, state, optimizer, x_tilde, x, options, l2, lr=0.01):
    return kernels.rule_steps(optimizer)(params, state, optimizer, x_tilde, x, lr, **options, l2=l2)


def reference(params, optimizer, x_tilde, x, options, l2, lr=0.01):
    """Take the steps in float64, as the loop takes them without a compiler."""
    params = {name: value.astype(np.float64) for name, value in params.items()}
    model = DenoisingAutoencoder(*params["W"].shape, np.random.default_rng(0), **options)
    state, losses = optimizer.init(params), []
    for corrupted, clean in zip(x_tilde.astype(np.float64), x.astype(np.float64), strict=True):
        loss, grads = model.loss_and_grads(params, corrupted, clean)
        decay = l2_penalty(params, l2)[1]
        grads = {name: grad + decay.get(name, 0) for name, grad in grads.items()}
        params, state = optimizer.update(params, grads, state, lr)
        losses.append(loss)
    return losses, params, state


def max_error(found, expected):
    return max(
        np.abs(value - expected[name]).max() / max(np.abs(expected[name]).max(), 1e-30) for name, value in found.items()
    )


@pytest.fixture(params=[1, 3], ids="team of {}".format)
def team(request, monkeypatch):
    """However small the work is, and a block of W smaller than a thread's share of it."""
    monkeypatch.setattr(steps, "_ALONE", 0)
    monkeypatch.setattr(steps, "_NEAR", 1)
    monkeypatch.setattr(threads, "count", lambda: request.param)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(7, 5), (29, 117)], ids=str)
@pytest.mark.parametrize("optimizer", FUSED, ids=str)
@pytest.mark.usefixtures("team")
def test_steps_are_the_reference_s(optimizer, sizes, dtype):
    """Each loss and output with each size of batch, with and without a penalty, some steps at a time."""
    bound = FUSED[optimizer] * EPS[dtype]
    for seed in range(24):
        (loss, output), B, l2 = KINDS[seed % 3], BATCHES[seed % 4], (0, 1e-3)[seed // 12]
        options = {"loss": loss, "output": output, "reduction": ("paper", "mean")[seed // 3 % 2]}
        params, (x_tilde, x) = draw((B, *sizes), dtype, seed)
        values, expected, other = reference(params, optimizer, x_tilde, x, options, l2)
        state, losses = optimizer.init(params), np.empty(12)
        for some in (slice(0, 5), slice(5, 12)):
            losses[some], state = fused(params, state, optimizer, x_tilde[some], x[some], options, l2)
        assert losses == pytest.approx(values, rel=bound)
        assert max_error(params, expected) < bound
        assert max_error(state, other) < bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_at_the_paper_s_size(dtype, monkeypatch):
    """With an eps that makes little of what is rounded where one of 392,000 gradients is near 0."""
    monkeypatch.setattr(threads, "count", lambda: 2)
    optimizer, options = Adam(eps=1e-3), {"loss": "cross_entropy", "output": "sigmoid", "reduction": "paper"}
    params, (x_tilde, x) = draw((20, 784, 500), dtype, 0)
    values, expected, _ = reference(params, optimizer, x_tilde[:5], x[:5], options, 1e-4)
    losses, _ = fused(params, optimizer.init(params), optimizer, x_tilde[:5], x[:5], options, 1e-4)
    assert losses == pytest.approx(values, rel=10 * EPS[dtype])
    assert max_error(params, expected) < 400 * EPS[dtype]


@pytest.mark.usefixtures("team")
def test_the_same_bits_again_and_however_many_at_a_time():
    options, results = {"loss": "cross_entropy", "output": "sigmoid", "reduction": "paper"}, []
    for size in (12, 12, 4, 1):
        params, (x_tilde, x) = draw((20, 45, 33), np.float32, 0)
        state = Adam().init(params)
        for some in (slice(start, start + size) for start in range(0, 12, size)):
            _, state = fused(params, state, Adam(), x_tilde[some], x[some], options, 1e-3)
        results.append(params | state)
    for other in results[1:]:
        for name, value in results[0].items():
            np.testing.assert_array_equal(value, other[name])


def trained(x, backend, **options):
    model = DenoisingAutoencoder(12, 8, streams(3).initialisation, dtype=x.dtype)
    given = {"epochs": 4, "lr": 0.01, "batch_size": 10, "corruption": Corruption("masking", 0.3), "l2": 1e-4}
    history = fit(model, x, backend=backend, **{"optimizer": Adam(), **given, **options})
    return model.params, history


@pytest.fixture
def x(rng):
    return rng.random((103, 12))


@pytest.mark.parametrize("optimizer", FUSED, ids=str)
def test_a_fit_takes_them_and_learns_the_same(optimizer, x):
    (found, history), (expected, other) = (trained(x, name, optimizer=optimizer) for name in ("numba", "numpy"))
    assert history.backend == "numba (asked for; the update fused)"
    assert history["loss"] == pytest.approx(other["loss"], rel=1e-12)
    assert max_error(found, expected) < 1e-11


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_a_run_goes_on_where_it_stopped_to_the_bit(backend, x, tmp_path):
    """Whether it was stopped or not; what it remembers has the same names in either backend."""
    whole, _ = trained(x, backend, out=tmp_path / "whole")
    with pytest.raises(InterruptedError):
        trained(x, backend, out=tmp_path / "stopped", on_epoch=interrupt)
    resumed, _ = trained(x, backend, out=tmp_path / "stopped", resume=True)
    for name, value in whole.items():
        np.testing.assert_array_equal(resumed[name], value)
    contents = [(tmp_path / name / "checkpoint.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert contents[0] == contents[1]


def interrupt(record, _):
    if record["epoch"] == 3:
        raise InterruptedError


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["W", "b", "b_prime", "x_tilde"])
@pytest.mark.parametrize("B", [1, 9])
def test_a_step_that_is_not_finite_changes_nothing_and_is_named(name, bad, B):
    """The steps before it are taken; what is remembered is as it was after them."""
    params, (x_tilde, x) = draw((B, 12, 8), np.float32, 0)
    model = DenoisingAutoencoder(12, 8, np.random.default_rng(0), dtype=np.float32)
    before = 3 if name == "x_tilde" else 0
    {**params, "x_tilde": x_tilde[before]}[name].flat[-1] = bad
    results = []
    with np.errstate(all="ignore"):
        for backend in ("numba", "numpy"):
            run = SimpleNamespace(
                params={key: value.copy() for key, value in params.items()},
                optimizer_state=Adam().init(params),
                streams=SimpleNamespace(layers=None),
            )
            take, losses = choose(model, Adam(), backend).take, []
            size, culprit = 12 if backend == "numba" else 1, None
            while culprit is None and len(losses) < 12:
                some = slice(len(losses), len(losses) + size)
                found, culprit = take(run, x_tilde[some], x[some], 0.01, 1e-3)
                losses.extend(found)
            results.append((losses, culprit, run.params, run.optimizer_state))
    (losses, culprit, found, state), (values, expected, others, other_state) = results
    assert culprit == expected
    assert losses == pytest.approx(values, rel=1e-5, nan_ok=True)
    assert culprit is None or int(state["step"]) == before
    for kept, those in ((found, others), (state, other_state)):
        for key, value in kept.items():
            np.testing.assert_allclose(value, those[key], rtol=1e-3, atol=1e-6)


def test_a_fit_that_diverges_is_reported_alike(x):
    messages = []
    for backend in ("numba", "numpy"):
        with pytest.raises(NonFiniteError, match="The step was not taken") as found:
            trained(x.astype(np.float32), backend, lr=3e38, optimizer=SGD(momentum=0.9))
        messages.append(str(found.value))
    assert messages[0] == messages[1]


def test_a_step_that_only_the_reference_can_tell_is_taken_in_between(x):
    """The bound is reached, the gradients are finite; the steps are counted on."""
    options = {"loss": "squared_error", "output": "linear", "reduction": "paper"}
    params, (x_tilde, x) = draw((3, 12, 8), np.float64, 0)
    params["W"][:] = 0
    x_tilde[4] *= 1e308
    model = DenoisingAutoencoder(12, 8, np.random.default_rng(0), **options)
    run = SimpleNamespace(params={**params}, optimizer_state=Adam().init(params), streams=SimpleNamespace(layers=None))
    run.params = {name: value.copy() for name, value in params.items()}
    with np.errstate(over="ignore"):
        values, expected, other = reference(params, Adam(), x_tilde[:6], x[:6], options, 0, lr=1e-320)
        losses, culprit = choose(model, Adam(), "numba").take(run, x_tilde[:6], x[:6], 1e-320, 0)
    assert culprit is None
    assert int(run.optimizer_state["step"]) == 6
    assert losses == pytest.approx(values, rel=1e-9)
    assert max_error(run.params, expected) < 1e-9
    assert max_error(run.optimizer_state, other) < 1e-9


class Mine(Adam):
    """Might do anything in its step."""


@pytest.mark.parametrize("optimizer", [Mine(), Clipped(Adam(), max_norm=1.0)], ids=["a type of its own", "clipped"])
def test_what_has_no_compiled_step_says_so(optimizer, x):
    _, history = trained(x, "auto", optimizer=optimizer, epochs=1)
    assert history.backend == f"numpy (no compiled twin for DenoisingAutoencoder with {optimizer})"


def test_untied_weights_and_a_compiler_that_is_off_take_the_general_step(x, monkeypatch):
    model = DenoisingAutoencoder(12, 8, streams(3).initialisation, tied=False)
    assert choose(model, Adam(), "auto").name == "numpy"
    assert choose(DenoisingAutoencoder(12, 8, streams(3).initialisation), Adam(), "auto").name == "numba"
    monkeypatch.setattr("numba.config.DISABLE_JIT", True)
    assert choose(DenoisingAutoencoder(12, 8, streams(3).initialisation), Adam(), "auto").name == "numpy"


def test_what_is_remembered_must_be_contiguous():
    params, batches = draw((3, 12, 8), np.float64, 0)
    state = Adam().init(params)
    state["second_moment/W"] = np.asfortranarray(state["second_moment/W"])
    options = {"loss": "cross_entropy", "output": "sigmoid", "reduction": "paper"}
    with pytest.raises(ValueError, match=r"state\['second_moment/W'\] must be C-contiguous"):
        fused(params, state, Adam(), *batches, options, 0)
