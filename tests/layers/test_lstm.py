"""The LSTM against the complex step, PyTorch, its equations one number at a time and planted bugs; both backends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchdae import backend, gradcheck
from scratchdae.activations import ACTIVATIONS, sigmoid
from scratchdae.layers import lstm
from scratchdae.layers.dense import Dense
from scratchdae.layers.lstm import LSTM, lstm_backward, lstm_forward
from scratchdae.layers.repeat import RepeatVector

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(1, 5))  # B, T, F, H
BOUND = 1e-12  # of the largest entry; measured: at most 7e-15


@pytest.fixture(params=["numpy", "numba"])
def both_backends(request):
    """Each test runs on the reference and on its compiled twin."""
    if request.param == "numba":
        pytest.importorskip("numba")
    with backend.using(request.param):
        yield


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_the_backends_are_two(name):
    pytest.importorskip("numba")
    with backend.using(name):
        found = backend.twin(lstm, np.ones(1)).__name__
    assert found == f"scratchdae.{'kernels.layers' if name == 'numba' else 'layers'}.lstm"


def problem(sizes, seed, dtype=np.float64):
    """Parameters, sequences, initial states and cotangents, all unsaturated, none of them zero."""
    B, T, F, H = sizes
    rng = np.random.default_rng(seed)

    def draw(*shape, scale=0.6):
        return rng.normal(0, scale, shape).astype(dtype)

    arrays = {"W": draw(F, 4 * H), "U": draw(H, 4 * H), "b": draw(4 * H)}
    arrays |= {"x": draw(B, T, F, scale=1), "h0": draw(B, H), "c0": draw(B, H)}
    return arrays, draw(B, T, H, scale=1), draw(B, H, scale=1)


def split(arrays):
    return {name: arrays[name] for name in "WUb"}, arrays["x"], arrays["h0"], arrays["c0"]


def scalar(dh, dc, activation):
    """A loss with a random cotangent for every output: its gradient reaches every parameter, the input, both states."""

    def loss_and_grads(arrays):
        h, c, cache = lstm_forward(*split(arrays), activation)
        dx, grads, dh0, dc0 = lstm_backward(cache, dh, dc)
        return (h * dh).sum() + (c * dc).sum(), {**grads, "x": dx, "h0": dh0, "c0": dc0}

    return loss_and_grads


def relative(mine, theirs):
    return np.abs(mine - theirs).max() / max(np.abs(theirs).max(), 1e-3)


@given(sizes=SIZES, seed=st.integers(0, 10**6))
def test_every_gradient_is_the_complex_step(sizes, seed):
    """tanh is analytic: complex arrays go to the reference, which is then checked to round-off."""
    arrays, dh, dc = problem(sizes, seed)
    gradcheck.check(scalar(dh, dc, "tanh"), arrays, "complex").raise_on_failure()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (3, 4, 2, 5), (2, 6, 5, 3), (4, 2, 1, 8), (2, 3, 4, 17)], ids=str)
@pytest.mark.usefixtures("both_backends")
def test_every_gradient_is_the_central_difference(activation, sizes):
    arrays, dh, dc = problem(sizes, 7)
    gradcheck.check(scalar(dh, dc, activation), arrays, "central").raise_on_failure()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@given(sizes=SIZES, seed=st.integers(0, 10**6))
def test_twin_is_its_reference(activation, sizes, seed):
    pytest.importorskip("numba")
    for dtype, bound in ((np.float64, 1e-13), (np.float32, 1e-5)):
        arrays, dh, dc = problem(sizes, seed, dtype)
        results = []
        for forward_by, backward_by in (("numpy", "numpy"), ("numba", "numba"), ("numpy", "numba")):
            with backend.using(forward_by):
                h, c, cache = lstm_forward(*split(arrays), activation)
            with backend.using(backward_by):
                dx, grads, dh0, dc0 = lstm_backward(cache, dh, dc)
            results.append([h, c, dx, dh0, dc0, *grads.values()])
        for other in results[1:]:
            for mine, theirs in zip(other, results[0], strict=True):
                assert mine.dtype == theirs.dtype == dtype
                assert np.abs(mine - theirs).max() <= bound * max(np.abs(theirs).max(), 1)


def torch_lstm(torch, arrays):
    """PyTorch's own LSTM with the same weights: (out, in), and two biases that add to ours."""
    F, H = len(arrays["W"]), len(arrays["U"])
    layer = torch.nn.LSTM(F, H, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor(arrays["W"].T))
        layer.weight_hh_l0.copy_(torch.tensor(arrays["U"].T))
        layer.bias_ih_l0.copy_(torch.tensor(0.25 * arrays["b"]))
        layer.bias_hh_l0.copy_(torch.tensor(0.75 * arrays["b"]))
    return layer


@given(sizes=SIZES, seed=st.integers(0, 10**6))
def check_torch(torch, sizes, seed):
    arrays, dh, dc = problem(sizes, seed)
    layer = torch_lstm(torch, arrays)
    x, h0, c0 = (torch.tensor(arrays[name], requires_grad=True) for name in ("x", "h0", "c0"))
    theirs, (_, c_last) = layer(x, (h0[None], c0[None]))
    ((theirs * torch.tensor(dh)).sum() + (c_last[0] * torch.tensor(dc)).sum()).backward()

    h, c, cache = lstm_forward(*split(arrays))
    dx, grads, dh0, dc0 = lstm_backward(cache, dh, dc)
    for mine, other in (
        (h, theirs.detach()), (c, c_last[0].detach()), (dx, x.grad), (dh0, h0.grad), (dc0, c0.grad),
        (grads["W"], layer.weight_ih_l0.grad.T), (grads["U"], layer.weight_hh_l0.grad.T),
        (grads["b"], layer.bias_ih_l0.grad), (grads["b"], layer.bias_hh_l0.grad),
    ):  # fmt: skip
        assert relative(mine, other.numpy()) < BOUND


@pytest.mark.usefixtures("both_backends")
def test_torch_agrees(torch):
    check_torch(torch)


@given(sizes=SIZES, seed=st.integers(0, 10**6))
def check_torch_loop(torch, sizes, seed):
    """The rectifier, which PyTorch's LSTM does not offer: the loop that people write in its place."""
    arrays, dh, dc = problem(sizes, seed)
    t = {name: torch.tensor(value, requires_grad=True) for name, value in arrays.items()}
    h, c, outputs = t["h0"], t["c0"], []
    for step in t["x"].unbind(1):
        i, f, g, o = (step @ t["W"] + h @ t["U"] + t["b"]).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.relu(g)
        h = torch.sigmoid(o) * torch.relu(c)
        outputs.append(h)
    ((torch.stack(outputs, 1) * torch.tensor(dh)).sum() + (c * torch.tensor(dc)).sum()).backward()
    mine, last, cache = lstm_forward(*split(arrays), "relu")
    dx, grads, dh0, dc0 = lstm_backward(cache, dh, dc)
    assert relative(mine, torch.stack(outputs, 1).detach().numpy()) < BOUND
    assert relative(last, c.detach().numpy()) < BOUND
    for name, value in {**grads, "x": dx, "h0": dh0, "c0": dc0}.items():
        assert relative(value, t[name].grad.numpy()) < BOUND


@pytest.mark.usefixtures("both_backends")
def test_torch_loop_agrees(torch):
    check_torch_loop(torch)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.usefixtures("both_backends")
def test_equations_one_number_at_a_time(activation):
    """Equations (1) to (4) for one sequence, one step and one unit at a time, with the gates in the order i f g o."""
    arrays, _, _ = problem((2, 3, 4, 5), 1)
    params, x, h0, c0 = split(arrays)
    phi = ACTIVATIONS[activation].value
    found, c_last, _ = lstm_forward(params, x, h0, c0, activation)
    for n in range(2):
        h, c = list(h0[n]), list(c0[n])
        for t in range(3):
            a = [
                sum(x[n, t, k] * params["W"][k, j] for k in range(4))
                + sum(h[k] * params["U"][k, j] for k in range(5))
                + params["b"][j]
                for j in range(20)
            ]
            i, f, g, o = (np.array(a[5 * block : 5 * block + 5]) for block in range(4))
            c = sigmoid(f) * c + sigmoid(i) * phi(g)
            h = sigmoid(o) * phi(c)
            np.testing.assert_allclose(found[n, t], h, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(c_last[n], c, rtol=1e-13)


@pytest.mark.usefixtures("both_backends")
def test_pure_and_callable_twice():
    arrays, dh, dc = problem((3, 4, 2, 5), 0)
    before = {name: value.copy() for name, value in arrays.items()} | {"dh": dh.copy(), "dc": dc.copy()}
    h, c, cache = lstm_forward(*split(arrays))
    kept = h.copy(), c.copy()
    first, second = lstm_backward(cache, dh, dc), lstm_backward(cache, dh, dc)
    np.testing.assert_array_equal(h, kept[0])
    np.testing.assert_array_equal(c, kept[1])
    for one, other in zip(
        (first[0], *first[1].values(), *first[2:]), (second[0], *second[1].values(), *second[2:]), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    for name, value in {**arrays, "dh": dh, "dc": dc}.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.usefixtures("both_backends")
def test_states_carry_a_sequence_on():
    """Two halves, the second begun from the states of the first, are the whole: forwards and backwards."""
    arrays, dh, dc = problem((3, 6, 2, 5), 0)
    params, x, h0, c0 = split(arrays)
    h, c, cache = lstm_forward(params, x, h0, c0)
    h1, c1, cache1 = lstm_forward(params, x[:, :2], h0, c0)
    h2, c2, cache2 = lstm_forward(params, x[:, 2:], h1[:, -1], c1)
    np.testing.assert_allclose(np.concatenate([h1, h2], axis=1), h, rtol=1e-13)
    np.testing.assert_allclose(c2, c, rtol=1e-13)
    dx, grads, dh0, dc0 = lstm_backward(cache, dh, dc)
    dx2, grads2, d_h, d_c = lstm_backward(cache2, dh[:, 2:], dc)
    first = dh[:, :2].copy()
    first[:, -1] += d_h
    dx1, grads1, other_dh0, other_dc0 = lstm_backward(cache1, first, d_c)
    for mine, whole in (
        (np.concatenate([dx1, dx2], axis=1), dx), (other_dh0, dh0), (other_dc0, dc0),
        *((grads1[name] + grads2[name], grads[name]) for name in grads),
    ):  # fmt: skip
        assert relative(mine, whole) < 1e-13


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.usefixtures("both_backends")
def test_nan_and_inf_stay_visible(activation):
    arrays, dh, _ = problem((3, 4, 2, 5), 0)
    params, x, _, _ = split(arrays)
    for bad in (np.nan, np.inf):
        broken = x.copy()
        broken[1, 2, 0] = bad
        with np.errstate(invalid="ignore", over="ignore"):
            h, _, cache = lstm_forward(params, broken, activation=activation)
            grads = lstm_backward(cache, dh)[1]
        assert np.isfinite(h[[0, 2]]).all()
        assert np.isfinite(h[1, :2]).all()
        if np.isnan(bad):
            assert np.isnan(h[1, 2:]).all()
            assert np.isnan(grads["W"]).all()
        elif activation == "relu":
            assert not np.isfinite(h[1, 2:]).all()


@pytest.mark.usefixtures("both_backends")
def test_saturated_gates_do_not_overflow():
    """Pre-activations of ±1000 are gates of 0 and 1, without a warning (warnings are errors here)."""
    for dtype in (np.float32, np.float64):
        b = np.repeat(np.array([1000, -1000, 1000, 1000], dtype), 2)
        params = {"W": np.zeros((1, 8), dtype), "U": np.zeros((2, 8), dtype), "b": b}
        h, c, cache = lstm_forward(params, np.ones((1, 3, 1), dtype), np.ones((1, 2)), np.full((1, 2), 5.0))
        np.testing.assert_array_equal(c, np.ones((1, 2)))
        np.testing.assert_allclose(h, np.tanh(1), rtol=1e-6)
        assert all((value == 0).all() for value in lstm_backward(cache, np.ones((1, 3, 2), dtype))[1].values())


@pytest.mark.usefixtures("both_backends")
def test_dtype_is_that_of_the_parameters():
    for dtype in (np.float32, np.float64):
        arrays, _, _ = problem((3, 4, 2, 5), 0, dtype)
        params, x, h0, c0 = split(arrays)
        h, c, cache = lstm_forward(params, x.astype(np.float64), h0.astype(np.float64), c0.astype(np.float64))
        dx, grads, dh0, dc0 = lstm_backward(cache, np.ones(h.shape), np.ones(c.shape))
        assert {value.dtype for value in (h, c, dx, dh0, dc0, *grads.values())} == {np.dtype(dtype)}


@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.usefixtures("both_backends")
def test_layer(return_sequences, rng):
    layer = LSTM(5, return_sequences=return_sequences)
    assert layer.output_shape((4, 2)) == ((4, 5) if return_sequences else (5,))
    params = layer.init((4, 2), rng)
    assert {name: value.shape for name, value in params.items()} == {"W": (2, 20), "U": (5, 20), "b": (20,)}
    np.testing.assert_array_equal(params["b"], np.repeat([0, 1, 0, 0], 5))
    np.testing.assert_allclose(params["U"] @ params["U"].T, np.eye(5), atol=1e-14)
    assert (LSTM(5, forget_bias=0).init((4, 2), rng)["b"] == 0).all()

    x = rng.normal(size=(3, 4, 2))
    y, _ = layer.forward(params, x, rng)
    whole, _, _ = lstm_forward(params, x)
    np.testing.assert_array_equal(y, whole if return_sequences else whole[:, -1])


@pytest.mark.usefixtures("both_backends")
def test_keras_agrees(keras, jax, rng):
    """The same weights in Keras, whose order i f c o is ours, with its defaults and with the rectifier.

    Keras' own tanh of float64 numbers is right to 1e-7 only (3.15, with JAX; measured 7e-8), so it is given JAX's.
    """
    arrays, _, _ = problem((3, 4, 2, 5), 5)
    params, x, _, _ = split(arrays)
    for name, activation, bound in (("tanh", jax.numpy.tanh, BOUND), ("tanh", "tanh", 1e-6), ("relu", "relu", BOUND)):
        theirs = keras.layers.LSTM(5, return_sequences=True, activation=activation, dtype="float64")
        theirs.build(x.shape)
        theirs.set_weights([params["W"], params["U"], params["b"]])
        y, _ = LSTM(5, True, name).forward(params, x)
        assert relative(y, np.asarray(theirs(x))) < bound
    first = keras.layers.LSTM(5)
    first.build(x.shape)
    np.testing.assert_array_equal(np.asarray(first.weights[2].value), LSTM(5).init((4, 2), rng)["b"])


@pytest.mark.usefixtures("both_backends")
def test_a_denoiser_of_layers(rng):
    """LSTM, LSTM, repeat, LSTM, LSTM, Dense at every step: the gradient of the whole, through each interface."""
    layers = [LSTM(4, True), LSTM(3), RepeatVector(5), LSTM(3, True), LSTM(4, True), Dense(2)]
    shape, params = (5, 2), []
    for layer in layers:
        params.append(layer.init(shape, rng))
        shape = layer.output_shape(shape)
    assert shape == (5, 2)
    x, target = rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 5, 2))

    def loss_and_grads(flat):
        y, caches = flat["x"], []
        for k, layer in enumerate(layers):
            own = {name.split("/")[1]: value for name, value in flat.items() if name.startswith(f"{k}/")}
            y, cache = layer.forward(own, y)
            caches.append(cache)
        d, grads = 2 * (y - target), {}
        for k in reversed(range(len(layers))):
            d, own = layers[k].backward(caches[k], d)
            grads |= {f"{k}/{name}": value for name, value in own.items()}
        return ((y - target) ** 2).sum(), {**grads, "x": d}

    flat = {f"{k}/{name}": value for k, own in enumerate(params) for name, value in own.items()} | {"x": x}
    gradcheck.check(loss_and_grads, flat, "complex").raise_on_failure()


def test_without_numba_nothing_is_missing(monkeypatch):
    import importlib.util

    arrays, _, _ = problem((3, 4, 2, 5), 0)
    expected = lstm_forward(*split(arrays))[0]
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "numba" else real(name, *a))
    np.testing.assert_allclose(lstm_forward(*split(arrays))[0], expected, rtol=1e-12)


ARRAYS, DH, DC = problem((3, 4, 2, 5), 0)
PARAMS, X, H0, C0 = split(ARRAYS)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: LSTM(0), "units must be an integer of at least 1"),
        (lambda: LSTM(3, activation="linear"), "activation must be one of 'tanh', 'relu', 'sigmoid', 'identity'"),
        (lambda: LSTM(3, forget_bias=np.nan), "forget_bias must be a finite number"),
        (lambda: LSTM(3, init_W="xavier"), "initializer must be one of"),
        (lambda: LSTM(3, init_U="xavier"), "initializer must be one of"),
        (lambda: LSTM(3).output_shape((4,)), r"input_shape must be \(steps, features\), both at least 1, found \(4,\)"),
        (lambda: LSTM(3).init((4, 0), np.random.default_rng(0)), "input_shape must be"),
        (lambda: LSTM(5).forward(PARAMS, X[0]), r"x must have shape \(B, any, any\)"),
        (lambda: LSTM(5).forward(PARAMS, X[:, :0]), "none of them 0"),
        (lambda: LSTM(5).forward(PARAMS, X[:, :, :1]), r"params\['W'\] must be an array of shape \(1, 20\)"),
        (lambda: LSTM(5).forward(PARAMS, (9 * X).astype(int)), "x must be floating-point"),
        (lambda: LSTM(5).forward({"W": PARAMS["W"]}, X), "params must hold W, U and b"),
        (lambda: lstm_forward(PARAMS, X, H0[:2]), r"h0 must have shape \(3, 5\), found \(2, 5\)"),
        (lambda: lstm_forward(PARAMS, X, H0, C0[:, :1]), r"c0 must have shape \(3, 5\), found \(3, 1\)"),
        (lambda: lstm_forward(PARAMS, X, activation="gelu"), "activation must be one of"),
        (lambda: lstm_backward(lstm_forward(PARAMS, X)[2], DH[:, 1:]), r"dh must have the shape of the outputs"),
        (lambda: lstm_backward(lstm_forward(PARAMS, X)[2], DH, DC[:1]), "dc must have the shape of the cell state"),
        (lambda: LSTM(5).backward(LSTM(5).forward(PARAMS, X)[1], DH), "d_output must have the shape of the output"),
    ],
)  # fmt: skip
def test_is_refused_by_name(call, what):
    with pytest.raises(ValueError, match=what):
        call()


def test_the_compiled_loops_take_one_thread_of_the_blas_and_put_back_what_was():
    """Two callers at a time, of whom the first leaves first."""
    pytest.importorskip("numba")
    from threadpoolctl import threadpool_info, threadpool_limits

    from scratchdae.kernels.machine.threads import one_in_blas

    def found():
        return {entry["num_threads"] for entry in threadpool_info() if entry["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        one_in_blas.__enter__()
        assert found() == {1}
        one_in_blas.__enter__()
        one_in_blas.__exit__(None, None, None)
        assert found() == {1}
        one_in_blas.__exit__(None, None, None)
        assert found() == {2}
