"""How every layer is checked: by its gradients, by PyTorch, and on both backends."""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from scratchdae import gradcheck
from scratchdae.backend import using

settings.register_profile(
    "layers",
    parent=settings.get_profile(settings.get_current_profile_name()),
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(params=["numpy", "numba"])
def loops(request):
    """Each test that asks for it runs once on each backend: a twin runs the tests of its reference."""
    if request.param == "numba":
        pytest.importorskip("numba")
    with using(request.param):
        yield request.param


@pytest.fixture
def check_gradients():
    """Check a layer's gradients, of parameters and input, with a random cotangent."""

    def check(layer, params, x, method="complex", seed=None, tolerance=None):
        def noise():
            return None if seed is None else np.random.default_rng(seed)

        cotangent = np.random.default_rng(1).normal(size=layer.forward(params, x, noise())[0].shape)

        def scalar(arrays):
            arrays = dict(arrays)
            y, cache = layer.forward({k: v for k, v in arrays.items() if k != "x"}, arrays["x"], noise())
            dx, grads = layer.backward(cache, cotangent)
            return (y * cotangent).sum(), {**grads, "x": dx}

        gradcheck.check(scalar, {**params, "x": x}, method, tolerance=tolerance, max_entries=60).raise_on_failure()

    return check


@pytest.fixture
def check_pure():
    """Check that a layer mutates nothing, answers twice the same, and keeps the dtype."""

    def check(layer, input_shape, seed=None):
        rng = np.random.default_rng(0)
        for dtype in (np.float32, np.float64):
            params = {name: value + dtype(0.1) for name, value in layer.init(input_shape, rng, dtype).items()}
            x = rng.normal(size=(3, *input_shape)).astype(dtype)
            before = {name: value.copy() for name, value in {**params, "x": x}.items()}
            noise = [None if seed is None else np.random.default_rng(seed) for _ in range(2)]
            y, cache = layer.forward(params, x, noise[0])
            again, _ = layer.forward(params, x, noise[1])
            np.testing.assert_array_equal(y, again)
            assert y.shape == (3, *layer.output_shape(input_shape))
            d_output = rng.normal(size=y.shape).astype(dtype)
            kept, first = d_output.copy(), layer.backward(cache, d_output)
            second = layer.backward(cache, d_output)
            assert first[0].shape == x.shape
            assert set(first[1]) == set(params)
            for name, value in {**first[1], "x": first[0]}.items():
                np.testing.assert_array_equal(value, {**second[1], "x": second[0]}[name])
                assert value.dtype == dtype, name
            assert y.dtype == dtype
            np.testing.assert_array_equal(d_output, kept)
            for name, value in {**params, "x": x}.items():
                np.testing.assert_array_equal(value, before[name])

    return check


@pytest.fixture
def tensor(torch):
    """Turn images (B, H, W, C) into a tensor (B, C, H, W) that records gradients."""

    def convert(x):
        return torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)), requires_grad=True)

    return convert


@pytest.fixture
def difference():
    """Largest difference to a tensor (B, C, H, W) in units of the largest entry."""

    def measure(x, expected):
        expected = np.moveaxis(expected.detach().numpy(), 1, -1)
        assert x.shape == expected.shape
        return np.abs(x - expected).max() / (np.abs(expected).max() or 1)

    return measure
