"""Pooling: PyTorch, nested loops, ties, NaN, planted bugs."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_checks import distance_from_torch
from layer_table import average_pool, max_pool

from scratchdae.layers import AveragePool2D, MaxPool2D, pooling

cases = st.fixed_dictionaries(
    {
        "size": st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 5)),
        "pool": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "stride": st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.sampled_from(["same", "valid"]),
        "seed": st.integers(0, 2**16),
    }
)
layers_profile = settings(settings.get_profile("layers"))


def problem(layer_class, case, values):
    """Return a layer and images of few values, so that ties are common, of many, or of few and minus infinity."""
    (_, H, W, _), rng = case["size"], np.random.default_rng(case["seed"])
    if case["padding"] == "valid":
        assume(min(H - case["pool"][0], W - case["pool"][1]) >= 0)
    x = rng.normal(size=case["size"]) if values == "many" else rng.integers(0, 3, case["size"]).astype(float)
    if values == "minus infinity":
        x[x < 2] = -np.inf
    return layer_class(case["pool"], case["stride"], case["padding"]), x


def windows_of(layer, x):
    """Yield each window's place in the output, and where it lies in the image."""
    sizes = x.shape[1:3]
    stops, befores = [], []
    for n, k, s in zip(sizes, layer.pool, layer.stride, strict=True):
        m = -(-n // s) if layer.padding == "same" else (n - k) // s + 1
        stops.append(m)
        befores.append(max((m - 1) * s + k - n, 0) // 2 if layer.padding == "same" else 0)
    for r, c in np.ndindex(*stops):
        h, w = r * layer.stride[0] - befores[0], c * layer.stride[1] - befores[1]
        yield (r, c), slice(max(h, 0), h + layer.pool[0]), slice(max(w, 0), w + layer.pool[1])


def oracle(layer, x, d_output):
    """Pool and propagate back one window of one channel at a time."""
    y, dx = np.empty(d_output.shape), np.zeros(x.shape)
    for n, k in np.ndindex(x.shape[0], x.shape[3]):
        for (r, c), rows, columns in windows_of(layer, x):
            window, gradient = x[n, rows, columns, k], dx[n, rows, columns, k]
            if isinstance(layer, MaxPool2D):
                y[n, r, c, k] = window.max()
                gradient[np.unravel_index(window.argmax(), window.shape)] += d_output[n, r, c, k]
            else:
                y[n, r, c, k] = window.mean()
                gradient += d_output[n, r, c, k] / window.size
    return y, dx


@layers_profile
@given(case=cases)
@pytest.mark.parametrize("values", ["ties", "many", "minus infinity"])
@pytest.mark.parametrize("layer_class", [MaxPool2D, AveragePool2D])
def test_window_by_window(loops, layer_class, values, case):
    layer, x = problem(layer_class, case, values)
    y, cache = layer.forward({}, x)
    d_output = np.random.default_rng(1).normal(size=y.shape)
    expected, dx = oracle(layer, x, d_output)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(layer.backward(cache, d_output)[0], dx, rtol=0, atol=1e-13)
    assert y.shape[1:] == layer.output_shape(x.shape[1:])


@layers_profile
@given(case=cases)
@pytest.mark.parametrize("values", ["ties", "many"])
@pytest.mark.parametrize(("layer_class", "twin"), [(MaxPool2D, max_pool), (AveragePool2D, average_pool)])
def test_agrees_with_torch(loops, layer_class, twin, values, case, torch):
    """Ties too: the first of equal pixels has the gradient."""
    layer, x = problem(layer_class, case, values)
    assert distance_from_torch(torch, twin, layer, {}, x) < 1e-13


@pytest.mark.parametrize("layer", [MaxPool2D(3, 2, "same"), AveragePool2D(3, 2, "same")])
def test_gradients_are_the_central_difference(loops, layer, rng, check_gradients):
    """Of complex numbers the real parts are compared, so that the complex step could not tell."""
    check_gradients(layer, {}, rng.normal(size=(2, 6, 5, 3)), "central")


def test_nan_wins_and_padding_never_does(loops):
    x = np.full((1, 5, 5, 1), -np.inf)
    x[0, 0, 0] = np.nan
    x[0, 4, 4] = -1e300
    layer = MaxPool2D(2, 2, "same")
    y, cache = layer.forward({}, x)
    assert np.isnan(y[0, 0, 0, 0])
    assert y[0, 2, 2, 0] == -1e300
    assert np.isneginf(np.delete(y.ravel(), [0, 8])).all()
    dx = layer.backward(cache, np.ones(y.shape))[0]
    assert dx.sum() == 9  # every window's gradient arrives, in the image
    assert dx[0, 4, 4, 0] == 1
    later = np.array([1.0, np.nan, 2.0, 3.0]).reshape(1, 2, 2, 1)
    assert np.isnan(MaxPool2D().forward({}, later)[0]).all()


def check_a_window_of_nothing_but_minus_infinity():
    """At an edge that is padded on both sides, its gradient goes to its first pixel that is real."""
    layer, x = MaxPool2D(3, 1, "same"), np.full((1, 4, 5, 2), -np.inf)
    y, cache = layer.forward({}, x)
    assert np.isneginf(y).all()
    d_output = np.random.default_rng(1).normal(size=y.shape)
    np.testing.assert_allclose(layer.backward(cache, d_output)[0], oracle(layer, x, d_output)[1], atol=1e-14)


def test_a_window_of_nothing_but_minus_infinity(loops):
    check_a_window_of_nothing_but_minus_infinity()


def test_a_gradient_lost_in_the_padding_is_caught(monkeypatch):
    class Planted:
        max_pool_gradient = staticmethod(pooling.max_pool_gradient)

        @staticmethod
        def max_pool(x, pool, grid):
            y, place = pooling.max_pool(x, pool, grid)
            return y, np.where(np.isneginf(y), 0, place)  # the window's first pixel, which may lie outside the image

    monkeypatch.setattr("scratchdae.backend.twin", lambda *_: Planted)
    with pytest.raises(AssertionError):
        check_a_window_of_nothing_but_minus_infinity()


def test_an_index_of_a_large_window_does_not_overflow(loops, rng):
    x = rng.normal(size=(1, 20, 20, 2))
    x[0, 19, 19] = 9
    layer = MaxPool2D(20)
    y, cache = layer.forward({}, x)
    assert layer.backward(cache, np.ones_like(y))[0][0, 19, 19].tolist() == [1, 1]


class GradientToAllEqualOnes(MaxPool2D):
    """The mask (x == max), which many lecture notes have."""

    def forward(self, params, x, rng=None):
        y, cache = super().forward(params, x, rng)
        return y, (x, y, cache)

    def backward(self, cache, d_output):
        x, y, _ = cache
        return (x == y.repeat(2, 1).repeat(2, 2)) * d_output.repeat(2, 1).repeat(2, 2), {}


class GradientToTheLast(MaxPool2D):
    def forward(self, params, x, rng=None):
        y, cache = super().forward(params, x[:, ::-1, ::-1], rng)
        return y[:, ::-1, ::-1], cache

    def backward(self, cache, d_output):
        return super().backward(cache, d_output[:, ::-1, ::-1])[0][:, ::-1, ::-1], {}


class GradientShared(MaxPool2D):
    def backward(self, cache, d_output):
        return d_output.repeat(2, 1).repeat(2, 2) / 4, {}


@pytest.mark.parametrize("bug", [GradientToAllEqualOnes, GradientToTheLast, GradientShared])
def test_planted_bugs_are_caught(bug, rng):
    """Only ties tell the first two, which is what a rectifier before the pooling makes."""
    x, d_output = np.maximum(rng.normal(size=(4, 6, 6, 3)), 0), rng.normal(size=(4, 3, 3, 3))
    for layer, right in ((MaxPool2D(), True), (bug(), False)):
        y, cache = layer.forward({}, x)
        expected, dx = oracle(MaxPool2D(), x, d_output)
        np.testing.assert_array_equal(y, expected)
        assert np.allclose(layer.backward(cache, d_output)[0], dx) == right


def test_overlapping_windows_that_overwrite_are_caught(rng, monkeypatch):
    layer, x = MaxPool2D(3, 1), rng.normal(size=(2, 5, 5, 2))
    y, cache = layer.forward({}, x)
    d_output = rng.normal(size=y.shape)

    def overwrite(dy, place, pool, grid, size):
        dx = np.zeros((len(dy), *size, dy.shape[3]))
        for index, windows, pixels in pooling._places(pool, grid, size):
            dx[pixels] = np.where(place[windows] == index, dy[windows], dx[pixels])
        return dx

    class Planted:
        max_pool_gradient = staticmethod(overwrite)

    monkeypatch.setattr("scratchdae.backend.twin", lambda *_: Planted)
    assert not np.allclose(layer.backward(cache, d_output)[0], oracle(layer, x, d_output)[1])


def test_an_average_that_counts_the_padding_is_caught(rng, monkeypatch):
    layer, x = AveragePool2D(3, 2, "same"), rng.normal(size=(2, 5, 5, 2))
    expected = oracle(layer, x, np.zeros((2, 3, 3, 2)))[0]
    np.testing.assert_allclose(layer.forward({}, x)[0], expected, atol=1e-14)
    monkeypatch.setattr(AveragePool2D, "_counts", lambda *_: 9.0)
    assert np.abs(layer.forward({}, x)[0] - expected).max() > 0.1


@pytest.mark.parametrize("layer_class", [MaxPool2D, AveragePool2D])
def test_bad_arguments_are_named(layer_class):
    for options in ({"pool": 0}, {"stride": 0}, {"padding": "full"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            layer_class(**options)
    with pytest.raises(ValueError, match="must fit into the image"):
        layer_class(3).output_shape((2, 5, 1))
