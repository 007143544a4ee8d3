"""Convolutions of sequences: PyTorch's and Keras' own beside them, and a network of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_checks import by_keras, check_gradients

from scratchdae import Sequential, fit, load_model
from scratchdae.layers import Conv1D, Conv1DTranspose, Conv2D, ReLU, Sigmoid
from scratchdae.optimizers import Adam
from scratchdae.training import checkpoint

OPTIONS = [(4, 3, 1, "same"), (4, 5, 2, "same"), (2, 4, 3, "valid"), (3, 2, 3, "valid")]


def problem(layer, shape=(3, 9, 2), seed=1):
    rng = np.random.default_rng(seed)
    params = {name: value + 0.1 for name, value in layer.init(shape[1:], rng).items()}
    x = rng.normal(size=shape)
    y, cache = layer.forward(params, x)
    dy = rng.normal(size=y.shape)
    dx, grads = layer.backward(cache, dy)
    return params, x, dy, {"y": y, "dx": dx, **grads}


def assert_equal(found, expected, bound=1e-13):
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=bound * np.abs(value).max(), err_msg=name)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("kind", "theirs"), [(Conv1D, "Conv1D"), (Conv1DTranspose, "Conv1DTranspose")])
def test_it_is_kerass(keras, jax, kind, theirs, options):
    layer = kind(*options)
    params, x, dy, found = problem(layer)
    built = getattr(keras.layers, theirs)(*options, dtype="float64")
    y, dx, (dW, db), _ = by_keras(jax, built, [params["W"], params["b"]], x, dy)
    assert_equal(found, {"y": y, "dx": dx, "W": dW, "b": db})


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 3), (2, 2)])
@pytest.mark.parametrize("kind", [Conv1D, Conv1DTranspose])
def test_it_is_pytorchs(torch, kind, kernel, stride):
    """Without padding, where the sizes are the same."""
    layer = kind(4, kernel, stride, "valid")
    params, x, dy, found = problem(layer)
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in {**params, "x": x}.items()}
    convolve = getattr(torch.nn.functional, "conv1d" if kind is Conv1D else "conv_transpose1d")
    y = convolve(leaves["x"].mT, leaves["W"].permute(2, 1, 0), leaves["b"], stride=stride).mT
    y.backward(torch.tensor(dy))
    expected = {"y": y.detach().numpy(), "dx": leaves["x"].grad.numpy()}
    assert_equal(found, expected | {name: leaves[name].grad.numpy() for name in params})


@given(
    steps=st.integers(1, 7), channels=st.integers(1, 3), kernel=st.integers(1, 4), stride=st.integers(1, 3),
    kind=st.sampled_from([Conv1D, Conv1DTranspose]),
)  # fmt: skip
def test_gradients(steps, channels, kernel, stride, kind):
    layer = kind(2, kernel, stride)
    params, x, *_ = problem(layer, (2, steps, channels))
    check_gradients(layer, params, x, tolerance=1e-11)


class Flipped(Conv1D):
    """The gradient of the kernel from its other end."""

    def backward(self, cache, d_output):
        dx, grads = super().backward(cache, d_output)
        return dx, grads | {"W": grads["W"][::-1]}


def test_planted_bugs_are_caught():
    params, x, *_ = problem(Flipped(2))
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(Flipped(2), params, x)


def test_the_transpose_is_the_adjoint():
    conv, transpose = Conv1D(4, 5, 2), Conv1DTranspose(2, 5, 2)
    rng = np.random.default_rng(0)
    W, u, v = rng.normal(size=(5, 2, 4)), rng.normal(size=(3, 8, 2)), rng.normal(size=(3, 4, 4))
    forth = conv.forward({"W": W, "b": np.zeros(4)}, u)[0]
    back = transpose.forward({"W": W, "b": np.zeros(2)}, v)[0]
    assert (forth * v).sum() == pytest.approx((u * back).sum(), rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stopped_and_resumed_is_the_whole(tmp_path, dtype):
    x = np.random.default_rng(0).random((12, 8, 2)).astype(dtype)

    def run(folder, epochs, resume=False):
        layers = [Conv1D(4, stride=2), ReLU(), Conv1DTranspose(2, stride=2), Sigmoid()]
        net = Sequential(layers, (8, 2), np.random.default_rng(0), loss="cross_entropy", dtype=dtype)
        return net, fit(net, x, epochs=epochs, lr=0.01, batch_size=5, optimizer=Adam(), out=folder, resume=resume)

    whole, history = run(tmp_path / "whole", 5)
    run(tmp_path / "parts", 2)
    run(tmp_path / "parts", 5, resume=True)
    assert (tmp_path / "parts" / checkpoint.FILE).read_bytes() == (tmp_path / "whole" / checkpoint.FILE).read_bytes()
    assert history.records[-1]["loss"] < history.records[0]["loss"]
    assert load_model(tmp_path / "parts").layers == whole.layers


def test_it_refuses_by_name():
    with pytest.raises(
        ValueError, match=r"input_shape must be \(steps, channels\), both at least 1, found \(6, 5, 2\)"
    ):
        Conv1D(3).output_shape((6, 5, 2))
    with pytest.raises(ValueError, match="must fit into the image for padding 'valid'"):
        Conv1D(3, 4, padding="valid").output_shape((3, 2))
    with pytest.raises(ValueError, match="kernel must be an integer of at least 1"):
        Conv1D(3, (3, 3))
    params = Conv2D(3).init((6, 5, 2), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"params\['W'\] must be an array of shape"):
        Conv1D(3).forward(params, np.zeros((1, 6, 2)))
