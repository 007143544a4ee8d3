"""Every backward pass against the complex step and against PyTorch, and each backend against the equations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae import DenoisingAutoencoder, autoencoder, gradcheck
from scratchdae.activations import sigmoid
from scratchdae.backend import loops
from scratchdae.initializers import constant

OPTIONS = [
    {"loss": loss, "output": output, "reduction": reduction}
    for loss, output in (("cross_entropy", "sigmoid"), ("squared_error", "sigmoid"), ("squared_error", "linear"))
    for reduction in ("paper", "mean")
]
BOUND = 1e-14  # of the magnitudes; of 8,000 draws the largest was 5.4e-16
SIZES = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 7))  # B, D, H: small and unequal


def problem(sizes, tied, seed, dtype=np.float64):
    """Draw unsaturated parameters, with biases that are not zero, and a corrupted batch."""
    B, D, H = sizes
    rng = np.random.default_rng(seed)
    model = DenoisingAutoencoder(
        D, H, rng, tied=tied, dtype=dtype, initializer=lambda *a: rng.normal(0, 0.7, a[0]).astype(dtype)
    )
    for name in ("b", "b_prime"):
        model.params[name] += rng.normal(0, 0.5, model.params[name].shape).astype(dtype)
    x = rng.random((B, D)).astype(dtype)
    return model.params, (x * (rng.random((B, D)) > 0.3)).astype(dtype), x


def max_error(a, b):
    """Largest difference between two sets of arrays, in units of their max, no less than 1e-3 of the largest."""
    floor = 1e-3 * max(np.abs(value).max() for value in b.values()) or 1
    return max(np.abs(a[name] - b[name]).max() / max(np.abs(b[name]).max(), floor) for name in b)


def magnitudes(params, x_tilde, x, loss, output, reduction):
    """Loss and gradients with every term taken by its magnitude: round-off goes with these, whatever cancels."""
    n = len(x) if reduction == "paper" else x.size
    absolute = {name: np.abs(value) for name, value in params.items()}
    a_z, (_, y) = autoencoder.forward(params, x_tilde)
    z = sigmoid(a_z) if output == "sigmoid" else autoencoder.decode(absolute, y)
    slope = 1 if output == "linear" or loss == "cross_entropy" else z * (1 - z)
    da_z = (z + x) * slope * (1 if loss == "cross_entropy" else 2) / n
    value = ((z + x) ** 2).sum() / n if loss == "squared_error" else (np.logaddexp(0, a_z) + x * np.abs(a_z)).sum() / n
    return value, autoencoder.backward(da_z, autoencoder.Cache(x_tilde, y), absolute)[1]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@given(sizes=SIZES, seed=st.integers(0, 10**6))
def test_every_gradient_is_the_complex_step(tied, options, sizes, seed):
    params, x_tilde, x = problem(sizes, tied, seed)
    gradcheck.check(
        lambda p: autoencoder.loss_and_grads(p, x_tilde, x, **options), params, "complex"
    ).raise_on_failure()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@given(sizes=SIZES, seed=st.integers(0, 10**6))
def test_torch_agrees(torch, tied, options, sizes, seed):
    params, x_tilde, x = problem(sizes, tied, seed)
    loss, grads = autoencoder.loss_and_grads(params, x_tilde, x, **options)

    p = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    target, source = torch.tensor(x), torch.tensor(x_tilde)
    W_prime = p["W"].T if tied else p["W_prime"]
    a_z = torch.sigmoid(source @ p["W"] + p["b"]) @ W_prime + p["b_prime"]
    if options["loss"] == "cross_entropy":
        entries = torch.nn.functional.binary_cross_entropy_with_logits(a_z, target, reduction="none")
    else:
        entries = ((torch.sigmoid(a_z) if options["output"] == "sigmoid" else a_z) - target) ** 2
    value = entries.mean() if options["reduction"] == "mean" else entries.sum(1).mean()
    value.backward()

    unit, units = magnitudes(params, x_tilde, x, **options)
    assert abs(loss - value.item()) <= BOUND * unit
    for name, tensor in p.items():
        assert np.abs(grads[name] - tensor.grad.numpy()).max() <= BOUND * units[name].max()


@pytest.mark.parametrize("tied", [True, False])
@given(sizes=SIZES, seed=st.integers(0, 10**6))
def test_backward_takes_any_cotangent_and_reaches_the_input(tied, sizes, seed):
    params, x_tilde, _ = problem(sizes, tied, seed)
    cotangent = np.random.default_rng(seed + 1).normal(size=x_tilde.shape)

    def scalar(arrays):
        arrays = dict(arrays)
        source = arrays.pop("x_tilde")
        a_z, cache = autoencoder.forward(arrays, source)
        dx_tilde, grads = autoencoder.backward(cotangent, cache, arrays)
        return (a_z * cotangent).sum(), {**grads, "x_tilde": dx_tilde}

    gradcheck.check(scalar, {**params, "x_tilde": x_tilde}, "complex").raise_on_failure()


def test_forward_and_backward_are_pure_and_callable_twice():
    params, x_tilde, x = problem((4, 6, 3), True, 0)
    before = {name: value.copy() for name, value in params.items()} | {"x": x.copy(), "x_tilde": x_tilde.copy()}
    a_z, cache = autoencoder.forward(params, x_tilde)
    first = autoencoder.backward(a_z, cache, params)[1]
    second = autoencoder.backward(a_z, cache, params)[1]
    autoencoder.loss_and_grads(params, x_tilde, x)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    for name, value in {**params, "x": x, "x_tilde": x_tilde}.items():
        np.testing.assert_array_equal(value, before[name])


def test_equations_one_by_one():
    """Equations (1) and (2) for one example and one unit at a time, with the paper's W of shape (H, D)."""
    params, x_tilde, _ = problem((2, 5, 3), True, 1)
    W, b, b_prime = params["W"].T, params["b"], params["b_prime"]
    y, a_z = autoencoder.encode(params, x_tilde), autoencoder.forward(params, x_tilde)[0]
    for i in range(2):
        for j in range(3):
            assert y[i, j] == pytest.approx(sigmoid(sum(W[j, k] * x_tilde[i, k] for k in range(5)) + b[j]), rel=1e-14)
        for k in range(5):
            assert a_z[i, k] == pytest.approx(
                sum(W[j, k] * y[i, j] for j in range(3)) + b_prime[k], rel=1e-13, abs=1e-15
            )


def test_tied_gradient_is_the_sum_of_both_parts():
    params, x_tilde, x = problem((4, 6, 3), True, 2)
    tied = autoencoder.loss_and_grads(params, x_tilde, x)[1]
    untied = autoencoder.loss_and_grads({**params, "W_prime": params["W"].T.copy()}, x_tilde, x)[1]
    np.testing.assert_allclose(tied["W"], untied["W"] + untied["W_prime"].T, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
class TestStep:
    """Both backends, by the same tests."""

    def test_fifty_steps_are_those_of_the_equations(self, sgd_step, options, tied, dtype):
        sizes, lr, l2 = (6, 13, 7), 0.05, 1e-3
        params, x_tilde, x = problem(sizes, tied, 3, dtype)
        expected = {name: value.astype(np.float64) for name, value in params.items()}
        for _ in range(50):
            loss, finite = sgd_step(params, x_tilde, x, lr, l2=l2, **options)
            value, grads = autoencoder.loss_and_grads(expected, x_tilde, x, **options)
            decay = {name: 2 * l2 * W for name, W in expected.items() if W.ndim == 2}
            expected = {name: p - lr * (grads[name] + decay.get(name, 0)) for name, p in expected.items()}
            assert finite
            assert loss == pytest.approx(value, rel=1e-5 if dtype == np.float32 else 1e-12)
        tolerance = 1e-5 if dtype == np.float32 else 1e-12
        assert {value.dtype for value in params.values()} == {np.dtype(dtype)}
        assert max_error(params, expected) < tolerance

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_what_is_not_finite_is_told_and_not_taken(self, sgd_step, options, tied, dtype, bad):
        for name in ("W", "b", "b_prime", "x_tilde"):
            params, x_tilde, x = problem((3, 5, 4), tied, 4, dtype)
            ({**params, "x_tilde": x_tilde}[name]).flat[0] = bad
            before = {key: value.copy() for key, value in params.items()}
            with np.errstate(invalid="ignore", over="ignore"):
                loss, finite = sgd_step(params, x_tilde, x, 0.1, **options)
                value, grads = autoencoder.loss_and_grads(params, x_tilde, x, **options)
            nonfinite = not np.isfinite(value) or any(not np.isfinite(g).all() for g in grads.values())
            assert finite == (not nonfinite), name
            if nonfinite:
                assert np.isfinite(loss) == np.isfinite(value)
                for key, array in params.items():
                    np.testing.assert_array_equal(array, before[key])

    def test_extreme_pre_activations(self, sgd_step, options, tied, dtype):
        """A saturated output must cost what the equations say, not a clipped value."""
        params, x_tilde, x = problem((3, 5, 4), tied, 5, dtype)
        params["b_prime"][:] = [-800, 800, -90, 90, 0]
        expected = autoencoder.loss_and_grads(
            {n: v.astype(np.float64) for n, v in params.items()}, x_tilde, x, **options
        )[0]
        loss, finite = sgd_step(params, x_tilde, x, 1e-6, **options)
        assert finite
        assert loss == pytest.approx(expected, rel=1e-5 if dtype == np.float32 else 1e-12)


def check_many_steps(sgd_steps):
    """A step a batch, in turn, of corrupted inputs and clean targets, by which the losses and parameters differ."""
    batches = [problem((6, 13, 7), True, seed)[1:] for seed in range(4)]
    x_tilde, x = (np.stack(arrays) for arrays in zip(*batches, strict=True))
    params = problem((6, 13, 7), True, 9)[0]
    expected, losses = {name: value.copy() for name, value in params.items()}, []
    for noisy, clean in batches:
        loss, grads = autoencoder.loss_and_grads(expected, noisy, clean)
        expected = {name: p - 0.3 * (grads[name] + (0.02 * p if p.ndim == 2 else 0)) for name, p in expected.items()}
        losses.append(loss)
    found, finite = sgd_steps(params, x_tilde, x, 0.3, l2=0.01)
    assert finite
    np.testing.assert_allclose(found, losses, rtol=1e-12)
    assert max_error(params, expected) < 1e-12


def test_the_defaults_are_the_papers_loss_and_no_penalty(backend, sgd_step):
    params, x_tilde, x = problem((6, 13, 7), True, 2)
    _, grads = autoencoder.loss_and_grads(params, x_tilde, x, "cross_entropy", "sigmoid", "paper")
    expected = {name: p - 0.3 * grads[name] for name, p in params.items()}
    one, many = ({name: p.copy() for name, p in params.items()} for _ in range(2))
    sgd_step(one, x_tilde, x, 0.3)
    loops(autoencoder, backend).sgd_steps(many, x_tilde[None], x[None], 0.3)
    assert max_error(one, expected) < 1e-13
    assert max_error(many, expected) < 1e-13


def test_many_steps_are_those_of_the_equations(backend):
    check_many_steps(loops(autoencoder, backend).sgd_steps)


@pytest.mark.parametrize(
    "bug",
    [
        lambda p, x_tilde, x, lr, l2: autoencoder.sgd_steps(p, x, x, lr, l2=l2),
        lambda p, x_tilde, x, lr, l2: autoencoder.sgd_steps(p, x_tilde, x_tilde, lr, l2=l2),
        lambda p, x_tilde, x, lr, l2: autoencoder.sgd_steps(p, x_tilde, x, lr),
        lambda p, x_tilde, x, lr, l2: autoencoder.sgd_steps(p, x_tilde[::-1], x[::-1], lr, l2=l2),
    ],
    ids=["clean inputs", "corrupted targets", "no penalty", "backwards"],
)
def test_planted_bugs_of_many_steps_are_caught(bug):
    with pytest.raises(AssertionError):
        check_many_steps(bug)


def test_many_steps_end_at_the_first_that_is_not_finite(backend):
    params, x_tilde, x = problem((3, 5, 4), True, 6)
    x_tilde, x = np.stack([x_tilde] * 4), np.stack([x] * 4)
    x_tilde[2, 0, 0] = np.nan
    expected = {name: value.copy() for name, value in params.items()}
    steps = loops(autoencoder, backend).sgd_steps
    with np.errstate(invalid="ignore"):
        losses, finite = steps(params, x_tilde, x, 0.1)
    steps(expected, x_tilde[:2], x[:2], 0.1)
    assert not finite
    assert len(losses) == 3
    assert np.isnan(losses).tolist() == [False, False, True]
    for name, value in params.items():
        np.testing.assert_array_equal(value, expected[name])


@pytest.mark.parametrize("lr", [0.1, np.float64(0.1), np.float32(0.1), 1])
def test_a_learning_rate_of_any_kind_upcasts_nothing(sgd_step, lr):
    params, x_tilde, x = problem((3, 5, 4), True, 6, np.float32)
    sgd_step(params, x_tilde.astype(np.float64), x.astype(np.float64), lr)
    assert params["W"].dtype == np.float32


def test_the_model_upcasts_nothing_and_refuses_what_would_broadcast(rng):
    model = DenoisingAutoencoder(6, 4, rng, dtype=np.float32)
    x = rng.random((10, 6))
    loss, grads = model.loss_and_grads(model.params, x, x)
    assert {value.dtype for value in grads.values()} == {np.dtype(np.float32)}
    assert loss == pytest.approx(model.loss(model.params, x, x))
    for evaluate in (model.loss, model.loss_and_grads):
        with pytest.raises(ValueError, match="x must have the shape of x_tilde"):
            evaluate(model.params, x, x[:1])


def test_equal_weights_stay_equal(rng):
    """With constant weights all hidden units compute the same thing, for ever: why weights are drawn."""
    model = DenoisingAutoencoder(6, 4, rng, initializer=constant(0.1))
    x = rng.random((8, 6))
    for _ in range(20):
        autoencoder.sgd_step(model.params, x, x, 0.5)
    assert np.ptp(model.params["W"], axis=1).max() < 1e-14


def test_a_model_that_cannot_be_is_refused_by_name(rng):
    for arguments, options, what in (
        ((5, 3, 0), {}, r"rng must be a numpy\.random\.Generator"),
        ((0, 3, rng), {}, "n_visible must be an integer of at least 1"),
        ((5, 0, rng), {}, "n_hidden must be an integer of at least 1"),
        ((5, 3, rng), {"dtype": np.float16}, "dtype must be one of 'float32', 'float64', found 'float16'"),
        ((5, 3, rng), {"loss": "huber"}, "loss must be one of"),
        ((5, 3, rng), {"output": "linear"}, "output must be 'sigmoid' for the cross-entropy"),
        ((5, 3, rng), {"reduction": "sum"}, "reduction must be one of"),
    ):
        with pytest.raises(ValueError, match=what):
            DenoisingAutoencoder(*arguments, **options)


def test_defaults_of_the_model_are_the_papers(rng):
    assert DenoisingAutoencoder(5, 3, rng).config == {
        "model": "autoencoder", "n_visible": 5, "n_hidden": 3, "tied": True, "loss": "cross_entropy",
        "output": "sigmoid", "reduction": "paper", "dtype": "float64",
    }  # fmt: skip


def test_model_rebuilds_from_its_configuration(rng):
    for tied in (True, False):
        model = DenoisingAutoencoder(
            5, 3, rng, tied=tied, loss="squared_error", output="linear", reduction="mean", dtype=np.float32
        )
        again = DenoisingAutoencoder.from_config(model.config, dict(reversed(model.params.items())))
        assert again.config == model.config
        assert list(again.params) == list(model.params)  # a file has them in another order
        x = rng.random((2, 5)).astype(np.float32)
        np.testing.assert_array_equal(again.reconstruct(x), model.reconstruct(x))
        assert model.encode(x).dtype == np.float32
