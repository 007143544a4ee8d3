"""GRU, and LSTM and GRU without a tanh: PyTorch's and Keras' own layers with the same weights beside them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_checks import by_keras, check_gradients

from scratchdae import Sequential, fit, layer_statistics, load_model
from scratchdae.layers import GRU, LSTM, Dense, RepeatVector
from scratchdae.optimizers import Adam
from scratchdae.training import checkpoint

B, T, F, H = 3, 4, 2, 5


def problem(layer, sizes=(B, T, F), seed=1):
    rng = np.random.default_rng(seed)
    params = {name: value + rng.normal(0, 0.3, value.shape) for name, value in layer.init(sizes[1:], rng).items()}
    x = rng.normal(size=sizes)
    y, cache = layer.forward(params, x)
    dy = rng.normal(size=y.shape)
    dx, grads = layer.backward(cache, dy)
    return params, x, dy, {"y": y, "dx": dx, **grads}


def assert_equal(found, expected, bound):
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        assert np.abs(found[name] - value).max() <= bound * np.abs(value).max(), name


@pytest.mark.parametrize("return_sequences", [True, False])
def test_it_is_pytorchs(torch, return_sequences):
    """Whose second bias of r and z adds to the first."""
    layer = GRU(H, return_sequences)
    params, x, dy, found = problem(layer)
    theirs = torch.nn.GRU(F, H, batch_first=True, dtype=torch.float64)
    b_U = np.concatenate([0.25 * params["b"][: 2 * H], params["b_U"]])
    b = np.concatenate([0.75 * params["b"][: 2 * H], params["b"][2 * H :]])
    names = {"weight_ih_l0": params["W"].T, "weight_hh_l0": params["U"].T, "bias_ih_l0": b, "bias_hh_l0": b_U}
    theirs.load_state_dict({name: torch.tensor(value) for name, value in names.items()})
    leaf = torch.tensor(x, requires_grad=True)
    y = theirs(leaf)[0]
    y = y if return_sequences else y[:, -1]
    y.backward(torch.tensor(dy))
    grads = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    expected = {"y": y.detach().numpy(), "dx": leaf.grad.numpy(), "W": grads["weight_ih_l0"].T}
    expected |= {"U": grads["weight_hh_l0"].T, "b": grads["bias_ih_l0"], "b_U": grads["bias_hh_l0"][2 * H :]}
    assert_equal(found, expected, 1e-13)


def z_r_h(array):
    """From the order r z n to Keras', or back."""
    r, z, n = np.split(array, 3, axis=-1)
    return np.concatenate([z, r, n], axis=-1)


@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize(("activation", "theirs"), [("relu", "relu"), ("sigmoid", "sigmoid"), ("identity", "linear")])
def test_it_is_kerass(keras, jax, reset, activation, theirs):
    """tanh is left out: Keras' is float32 here."""
    layer = GRU(H, True, activation, reset)
    params, x, dy, found = problem(layer)
    b = z_r_h(params["b"])
    if reset == "after":
        b = np.stack([b, np.concatenate([np.zeros(2 * H), params["b_U"]])])
    built = keras.layers.GRU(H, activation=theirs, return_sequences=True, reset_after=reset == "after", dtype="float64")
    y, dx, (dW, dU, db), _ = by_keras(jax, built, [z_r_h(params["W"]), z_r_h(params["U"]), b], x, dy)
    expected = {"y": y, "dx": dx, "W": z_r_h(dW), "U": z_r_h(dU), "b": z_r_h(db[0] if reset == "after" else db)}
    assert_equal(found, expected | ({"b_U": db[1, 2 * H :]} if reset == "after" else {}), 1e-12)


@pytest.mark.parametrize(("activation", "theirs"), [("sigmoid", "sigmoid"), ("identity", "linear")])
def test_an_lstm_without_tanh_is_kerass(keras, jax, activation, theirs):
    layer = LSTM(H, False, activation)
    params, x, dy, found = problem(layer)
    built = keras.layers.LSTM(H, activation=theirs, dtype="float64")
    y, dx, (dW, dU, db), _ = by_keras(jax, built, [params[name] for name in "WUb"], x, dy)
    assert_equal(found, {"y": y, "dx": dx, "W": dW, "U": dU, "b": db}, 1e-12)


@given(
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3)),
    units=st.integers(1, 3),
    kind=st.sampled_from([GRU, LSTM]),
    activation=st.sampled_from(["tanh", "sigmoid", "identity"]),
    options=st.sampled_from([{"reset": "after"}, {"reset": "before"}]),
    sequences=st.booleans(),
)
def test_gradients(sizes, units, kind, activation, options, sequences):
    layer = kind(units, sequences, activation, **(options if kind is GRU else {}))
    params, x, *_ = problem(layer, sizes)
    check_gradients(layer, params, x, tolerance=1e-11)


class WithoutTheReset(GRU):
    """dU_n as with the reset after, where it is before."""

    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        r, h = cache.gates[..., : self.units], cache.h[:-1]
        dq = np.linalg.lstsq((r * h).reshape(-1, self.units).T, grads["U"][:, 2 * self.units :], rcond=None)[0]
        dU_n = h.reshape(-1, self.units).T @ dq
        return dx, grads | {"U": np.hstack([grads["U"][:, : 2 * self.units], dU_n])}


class NothingFromTheFuture(GRU):
    def backward(self, cache, d_output):
        parts = [
            super(NothingFromTheFuture, self).backward(cache, np.where(m, d_output, 0)) for m in self._masks(cache)
        ]
        return np.stack([dx[:, t] for t, (dx, _) in enumerate(parts)], axis=1), parts[0][1]

    def _masks(self, cache):
        return [np.eye(len(cache.q), dtype=bool)[t][None, :, None] for t in range(len(cache.q))]


@pytest.mark.parametrize("bug", [WithoutTheReset(3, True, reset="before"), NothingFromTheFuture(3, True)], ids=str)
def test_planted_bugs_are_caught(bug):
    params, x, *_ = problem(bug)
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(bug, params, x)


def test_the_places_of_the_reset_differ():
    """But for one step from zeros, in which there is nothing to reset, they are two functions."""
    after, before = GRU(H, True), GRU(H, True, reset="before")
    params, x, *_ = problem(before)
    both = [layer.forward(p, x)[0] for layer, p in ((after, params | {"b_U": np.zeros(H)}), (before, params))]
    np.testing.assert_allclose(both[0][:, 0], both[1][:, 0], rtol=1e-14)
    assert np.abs(both[0][:, 1] - both[1][:, 1]).min() > 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stopped_and_resumed_is_the_whole(tmp_path, dtype):
    x = np.random.default_rng(0).random((12, T, F)).astype(dtype)

    def run(folder, epochs, resume=False):
        layers = [GRU(6), RepeatVector(T), GRU(6, True, "sigmoid", "before"), LSTM(4, True, "identity"), Dense(F)]
        net = Sequential(layers, (T, F), np.random.default_rng(0), dtype=dtype)
        return net, fit(net, x, epochs=epochs, lr=0.01, batch_size=5, optimizer=Adam(), out=folder, resume=resume)

    whole, history = run(tmp_path / "whole", 6)
    run(tmp_path / "parts", 2)
    run(tmp_path / "parts", 6, resume=True)
    assert (tmp_path / "parts" / checkpoint.FILE).read_bytes() == (tmp_path / "whole" / checkpoint.FILE).read_bytes()
    assert history.records[-1]["loss"] < history.records[0]["loss"]
    assert load_model(tmp_path / "parts").layers == whole.layers
    assert [row.name for row in layer_statistics(whole, x, x)] == list(whole.names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "units must be an integer of at least 1"),
        ({"activation": "softmax"}, "activation must be one of"),
        ({"reset": "never"}, "reset must be one of 'after', 'before', found 'never'"),
        ({"return_sequences": 1}, "return_sequences must be"),
        ({"init_W": "best"}, "initializer must be one of"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        GRU(**{"units": 3, **options})
