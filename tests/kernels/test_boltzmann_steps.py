"""The fused steps of contrastive divergence, against the NumPy step on the same draws."""

import numpy as np
import pytest

pytest.importorskip("numba")

from scratchdae import NonFiniteError, RestrictedBoltzmannMachine, fit, kernels, streams
from scratchdae.kernels import boltzmann
from scratchdae.kernels.machine import threads
from scratchdae.optimizers import SGD
from scratchdae.rbm import contrastive_divergence

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
SIZES = [(1, 1, 1), (1, 13, 7), (7, 30, 33), (33, 29, 117), (20, 300, 250), (140, 37, 70)]
PIXELS = np.random.default_rng(4).integers(0, 256, (60, 13), np.uint8)


def problem(sizes, dtype, steps=1):
    """Draw parameters, batches of which every other has many zeros, and uniform numbers."""
    (B, D, H), rng = sizes, np.random.default_rng(0)
    params = {"W": rng.normal(0, 0.3, (D, H)), "b": rng.normal(0, 0.3, H), "b_prime": rng.normal(0, 0.3, D)}
    v, hidden = rng.random((steps, B, D)), rng.random((steps, B, H))
    v[1::2] *= (rng.random(v[1::2].shape) < 0.2) * (np.arange(D) % 8 < 6)
    return {name: value.astype(dtype) for name, value in params.items()}, v.astype(dtype), hidden.astype(dtype)


def reference(params, v, hidden, lr=0.1, l2=1e-3):
    """Take the steps in float64; return the parameters and the losses.

    Uniform numbers so near to a probability that rounding would decide are moved away from it, in place.
    """
    params, losses = {name: value.astype(np.float64) for name, value in params.items()}, []
    for batch, uniforms in zip(v.astype(np.float64), hidden, strict=True):
        p = 1 / (1 + np.exp(-(batch @ params["W"] + params["b"])))
        near = np.abs(uniforms - p) < 1e-3
        uniforms[near] = (p + np.where(p < 0.5, 0.01, -0.01))[near]
        loss, grads = contrastive_divergence(params, batch, uniforms[None].astype(np.float64))
        params = {name: w - lr * (grads[name] + 2 * l2 * w * (w.ndim == 2)) for name, w in params.items()}
        losses.append(loss)
    return params, losses


def max_error(params, expected):
    return max(np.abs(value - expected[name]).max() / np.abs(expected[name]).max() for name, value in params.items())


@pytest.fixture(params=[1, 2, 3], ids="team of {}".format)
def team(request, monkeypatch):
    """However small the work is."""
    monkeypatch.setattr(boltzmann, "_ALONE", 0)
    monkeypatch.setattr(threads, "count", lambda: request.param)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.usefixtures("team")
def test_updates_are_the_reference_s_however_many_at_a_time(sizes, dtype):
    before, v, hidden = problem(sizes, dtype, steps=9)
    expected, values = reference(before, v, hidden)
    results = []
    for cuts in ((9,), (4, 9), range(1, 10)):
        params, losses = {name: value.copy() for name, value in before.items()}, []
        for start, stop in zip((0, *cuts), cuts, strict=False):
            losses += [*boltzmann.steps(params, v[start:stop], hidden[start:stop], 0.1, 1e-3)]
        assert losses == pytest.approx(values, rel=TOLERANCE[dtype])
        assert max_error(params, expected) < TOLERANCE[dtype]
        results.append(params)
    for other in results[1:]:
        for name, value in results[0].items():
            np.testing.assert_array_equal(value, other[name])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["W", "b", "b_prime"])
def test_a_step_that_is_not_finite_changes_nothing(name, bad):
    """Anywhere: in a weight of an input that is zero throughout the batch as well."""
    for at in (0, -1, 7):  # input 7 is zero in every example
        params, v, hidden = problem((5, 16, 9), np.float64, steps=2)
        params[name].reshape(-1)[at % params[name].size] = bad
        before = {key: value.copy() for key, value in params.items()}
        with np.errstate(all="ignore"):
            loss, grads = contrastive_divergence(params, v[1], hidden[1:])
        finite = np.isfinite(loss) and all(np.isfinite(grad).all() for grad in grads.values())
        assert len(boltzmann.steps(params, v[1:], hidden[1:], 0.1)) == finite
        for key, value in params.items():
            assert finite or np.array_equal(value, before[key], equal_nan=True)


def test_arrays_that_do_not_fit_are_refused():
    params, v, hidden = problem((5, 16, 9), np.float32)
    for one, other in ((v[0], hidden), (v[..., 1:], hidden), (v, hidden[:, 1:]), (v, hidden.astype(np.float64))):
        with pytest.raises(ValueError, match=r"v and hidden must be float32 of shapes \(S, B, 16\)"):
            boltzmann.steps(params, one, other, 0.1)
    with pytest.raises(ValueError, match="b_prime"):
        boltzmann.steps(params | {"b_prime": params["b_prime"][1:]}, v, hidden, 0.1)


def train(backend="auto", epochs=3, lr=0.1, dtype=np.float64, on_epoch=None, out=None, x=PIXELS, **options):
    chain = {name: options.pop(name) for name in ("k", "visible") if name in options}
    model = RestrictedBoltzmannMachine(13, 9, streams(0).initialisation, dtype=dtype, **chain)
    options = {"batch_size": 7, "l2": 1e-3, "out": out, "resume": out is not None, "on_epoch": on_epoch, **options}
    return model, fit(model, x, epochs=epochs, lr=lr, backend=backend, **options)


def test_fit_takes_them_and_draws_what_numpy_draws():
    (model, history), (expected, records) = train(), train("numpy")
    assert history.backend == "numba (numba is installed; the step fused)"
    assert max_error(model.params, expected.params) < 1e-12
    assert history["loss"] == pytest.approx(records["loss"], rel=1e-12)


def test_a_batch_left_to_the_reference_draws_the_numbers_that_were_its_own(monkeypatch):
    """Here every other one, by steps that give up too early."""

    def first(params, v, hidden, lr, l2):
        n = int(len(v) % 2)
        return boltzmann.steps(params, v[:n], hidden[:n], lr, l2)

    expected, _ = train("numpy")
    monkeypatch.setattr(kernels, "boltzmann_steps", lambda: first)
    assert max_error(train()[0].params, expected.params) < 1e-12


def test_interrupted_and_resumed_ends_in_the_same_bits(tmp_path):
    def stop(record, params):
        raise KeyboardInterrupt

    whole, _ = train(out=tmp_path / "whole", dtype=np.float32)
    with pytest.raises(KeyboardInterrupt):
        train(out=tmp_path / "other", dtype=np.float32, on_epoch=stop)
    train(out=tmp_path / "other", epochs=1, dtype=np.float32)
    other, _ = train(out=tmp_path / "other", dtype=np.float32)
    for name, value in whole.params.items():
        np.testing.assert_array_equal(value, other.params[name])
    files = ("checkpoint.safetensors", "history.jsonl")
    assert all((tmp_path / "whole" / f).read_bytes() == (tmp_path / "other" / f).read_bytes() for f in files)


def test_a_training_that_overflows_says_so_as_numpy_does():
    said = []
    for backend in ("numpy", "numba"):
        with pytest.raises(NonFiniteError, match="in epoch 1, batch") as error:
            train(backend, lr=1e308, l2=0)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_data_that_change_meanwhile_are_refused():
    x = PIXELS / 255

    def change(record, params):
        x[:] = 2

    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"):
        train("numba", x=x, on_epoch=change)


WITHOUT = {
    "k=2, visible=probabilities, SGD()": {"k": 2},
    "k=1, visible=samples, SGD()": {"visible": "samples"},
    "k=1, visible=probabilities, SGD(momentum=0.5)": {"optimizer": SGD(momentum=0.5)},
}


@pytest.mark.parametrize(("which", "options"), WITHOUT.items(), ids=WITHOUT)
def test_what_has_no_twin_stays_on_numpy_and_says_why(which, options):
    assert train(epochs=1, **options)[1].backend == (
        f"numpy (no compiled twin for RestrictedBoltzmannMachine with {which})"
    )


def test_where_numba_is_told_not_to_compile_numpy_takes_them(monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", True)
    assert kernels.boltzmann_steps() is None
    assert train(epochs=1)[1].backend.startswith("numpy (no compiled twin for RestrictedBoltzmannMachine with k=1")
