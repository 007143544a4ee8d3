"""Convolution and transposed convolution: nested loops, PyTorch, gradient checks, planted bugs."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_checks import distance_from_torch
from layer_table import conv, conv_transpose

from scratchdae.layers import Conv2D, Conv2DTranspose, correlation
from scratchdae.layers.windows import grid

cases = st.fixed_dictionaries(
    {
        "size": st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
        "filters": st.sampled_from([1, 2, 5, 9, 18, 33]),  # narrow, part of a vector, several
        "kernel": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.sampled_from(["same", "valid"]),
        "seed": st.integers(0, 2**16),
    }
)
BOUND = 1e-13  # of the largest entry; measured: 2e-15
layers_profile = settings(settings.get_profile("layers"))


def problem(layer_class, case):
    """Return a layer with random parameters, and images; the kernel fits into them."""
    (B, H, W, C), rng = case["size"], np.random.default_rng(case["seed"])
    if layer_class is Conv2D and case["padding"] == "valid":
        assume(min(H - case["kernel"][0], W - case["kernel"][1]) >= 0)
    layer = layer_class(case["filters"], case["kernel"], case["stride"], case["padding"])
    params = layer.init((H, W, C), rng)
    return layer, params | {"b": rng.normal(size=case["filters"])}, rng.normal(size=(B, H, W, C))


def padding_before(sizes, kernel, stride, padding):
    """TensorFlow's padding above and left of the image."""
    same = padding == "same"
    return [
        max((-(-n // s) - 1) * s + k - n, 0) // 2 if same else 0 for n, k, s in zip(sizes, kernel, stride, strict=True)
    ]


def compare_with_torch(layer, params, x, torch):
    return distance_from_torch(torch, conv if isinstance(layer, Conv2D) else conv_transpose, layer, params, x)


@layers_profile
@given(case=cases)
@pytest.mark.parametrize("layer_class", [Conv2D, Conv2DTranspose])
def test_agrees_with_torch(loops, layer_class, case, torch):
    assert compare_with_torch(*problem(layer_class, case), torch) < BOUND


@layers_profile
@given(case=cases)
def test_equation_1_in_nested_loops(loops, case):
    layer, params, x = problem(Conv2D, case)
    y, W = layer.forward(params, x)[0], params["W"]
    (_, H, width, C), (kh, kw), (sh, sw) = x.shape, layer.kernel, layer.stride
    top, left = padding_before((H, width), layer.kernel, layer.stride, layer.padding)
    expected = np.empty_like(y)
    for n, r, c in np.ndindex(y.shape[:3]):
        value = params["b"].copy()
        for i, j, k in np.ndindex(kh, kw, C):
            h, w = r * sh + i - top, c * sw + j - left
            if 0 <= h < H and 0 <= w < width:
                value += x[n, h, w, k] * W[i, j, k]
        expected[n, r, c] = value
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


@layers_profile
@given(case=cases)
def test_the_transposed_convolution_is_the_adjoint(loops, case):
    """⟨conv(u), x⟩ = ⟨u, convT(x)⟩, from the definition and for any u and x."""
    layer, params, x = problem(Conv2DTranspose, case)
    zero = {"W": params["W"], "b": np.zeros(layer.filters)}
    y = layer.forward(zero, x)[0]
    u = np.random.default_rng(2).normal(size=y.shape)
    conv = Conv2D(x.shape[3], layer.kernel, layer.stride, layer.padding)
    left = conv.forward({"W": params["W"], "b": np.zeros(x.shape[3])}, u)[0]
    assert left.shape == x.shape
    assert np.vdot(left, x) == pytest.approx(np.vdot(u, y), abs=1e-13 * np.linalg.norm(u) * np.linalg.norm(y) + 1e-15)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_same_is_pytorchs_same_for_odd_kernels_and_no_stride(loops, kernel, rng, torch):
    layer = Conv2D(3, kernel)
    params, x = layer.init((7, 6, 2), rng), rng.normal(size=(2, 7, 6, 2))

    def same(torch, layer, x, W, b):
        y = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), W.permute(3, 2, 0, 1), b, padding="same")
        return y.permute(0, 2, 3, 1)

    assert distance_from_torch(torch, same, layer, params, x) < BOUND


SETTINGS = list(itertools.product([(3, 2), (2, 3)], [1, 2, (3, 1)], ["same", "valid"]))


@pytest.mark.parametrize("layer_class", [Conv2D, Conv2DTranspose])
@pytest.mark.parametrize(("kernel", "stride", "padding"), SETTINGS)
def test_gradients(loops, layer_class, kernel, stride, padding, rng, check_gradients):
    layer = layer_class(3, kernel, stride, padding)
    check_gradients(layer, layer.init((5, 6, 2), rng), rng.normal(size=(2, 5, 6, 2)))


@pytest.mark.parametrize("layer_class", [Conv2D, Conv2DTranspose])
def test_float32_is_near_float64(loops, layer_class, rng):
    layer = layer_class(33, 3)
    params, x = layer.init((28, 28, 20), rng), rng.normal(size=(4, 28, 28, 20))
    results = []
    for dtype in (np.float64, np.float32):
        cast = {name: value.astype(dtype) for name, value in params.items()}
        y, cache = layer.forward(cast, x)  # the parameters' dtype decides
        dx, grads = layer.backward(cache, y.astype(np.float64))
        results.append((y, dx, grads["W"], grads["b"]))
    for exact, fast in zip(*results, strict=True):
        assert fast.dtype == np.float32
        assert np.abs(exact - fast).max() < 8e-6 * np.abs(exact).max()  # measured: 1.6e-6, the bias; the rest 6e-7


def test_few_windows_at_a_time_are_as_good_as_all_at_once(loops, rng, monkeypatch):
    """The image is cut into bands, which other tests are too small to need."""
    layer = Conv2D(18, (3, 2), (2, 1))
    params, x = layer.init((13, 11, 5), rng), rng.normal(size=(3, 13, 11, 5))
    y, cache = layer.forward(params, x)
    dx, grads = layer.backward(cache, y)
    for size in (1, 3000, 20000):
        monkeypatch.setattr("scratchdae.layers.correlation._ROWS_BYTES", size)
        if loops == "numba":
            monkeypatch.setattr("scratchdae.kernels.layers.correlation._BAND_BYTES", size)
        again, _ = layer.forward(params, x)
        dx_again, grads_again = layer.backward(cache, y)
        for one, other in ((y, again), (dx, dx_again), (grads["W"], grads_again["W"])):
            assert np.abs(one - other).max() < 1e-13 * np.abs(one).max()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_reaches_every_window_that_sees_it(loops, bad, rng):
    layer = Conv2D(7)
    params, x = layer.init((6, 6, 2), rng), rng.normal(size=(2, 6, 6, 2))
    x[1, 2, 3, 0] = bad
    with np.errstate(invalid="ignore"):  # some BLAS multiply infinity by the zeros that fill their registers
        y = layer.forward(params, x)[0]
    seen = np.zeros((2, 6, 6), bool)
    seen[1, 1:4, 2:5] = True
    np.testing.assert_array_equal(~np.isfinite(y).all(axis=3), seen)


def test_first_weights_have_the_variance_of_their_fans(rng):
    """For a transposed convolution too the inputs are the channels it is given."""
    for layer, inputs in ((Conv2D(64, init_W="he_normal"), 8), (Conv2DTranspose(64, init_W="he_normal"), 8)):
        params = layer.init((9, 9, inputs), rng)
        assert params["W"].std() == pytest.approx(np.sqrt(2 / (9 * inputs)), rel=0.05)
        assert not params["b"].any()


@pytest.mark.parametrize(
    "options", [{"filters": 0}, {"kernel": 0}, {"kernel": (3,)}, {"stride": 1.5}, {"padding": "full"}]
)
@pytest.mark.parametrize("layer_class", [Conv2D, Conv2DTranspose])
def test_bad_options_are_named(layer_class, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        layer_class(**{"filters": 2, **options})
    with pytest.raises(ValueError, match="initializer"):
        layer_class(2, init_W="xavier")


def test_bad_inputs_are_named(loops, rng):
    for layer in (Conv2D(2, 3, padding="valid"), Conv2DTranspose(2)):
        params = layer.init((5, 5, 3), rng)
        with pytest.raises(ValueError, match=r"x must have shape .*3\), none of them 0, found \(2, 5, 5, 4\)"):
            layer.forward(params, np.zeros((2, 5, 5, 4)))
    with pytest.raises(ValueError, match="must fit into the image"):
        Conv2D(2, 3, padding="valid").output_shape((2, 5, 1))


# What a convolution's author gets wrong. Each is planted, and the same checks must find it.


def kernel_not_flipped(y, kernels, bias, grid, size, correlate=None):
    return correlation.spread(y, kernels[::-1, ::-1], bias, grid, size)


def kernel_not_transposed(y, kernels, bias, grid, size, correlate=None):
    return correlation.spread(y, kernels.swapaxes(2, 3), bias, grid, size)


def extra_padding_before(x, kernels, bias, windows, out=None):
    return correlation.correlate(x, kernels, bias, windows._replace(before=tuple(b + 1 for b in windows.before)), out)


def gradient_of_the_first_example(x, dy, kernel, windows):
    return correlation.kernel_gradient(x[:1], dy[:1], kernel, windows)


def gradient_averaged_over_the_batch(x, dy, kernel, windows):
    return correlation.kernel_gradient(x, dy, kernel, windows) / len(x)


def gradient_without_padding(x, dy, kernel, windows):
    return correlation.kernel_gradient(x, dy, kernel, windows._replace(before=(0, 0)))


def gradient_of_the_unpadded_part(x, dy, kernel, windows):
    dy = dy.copy()
    dy[:, 0] = 0
    return correlation.kernel_gradient(x, dy, kernel, windows)


def bias_of_one_example(dy):
    return dy[0].sum(axis=(0, 1))


def bias_averaged(dy):
    return dy.mean(axis=(1, 2)).sum(axis=0)


def slightly_off(x, dy, kernel, windows):
    return 1.0005 * correlation.kernel_gradient(x, dy, kernel, windows)


BUGS = {
    "spread": [kernel_not_flipped, kernel_not_transposed],
    "kernel_gradient": [
        gradient_of_the_first_example,
        gradient_averaged_over_the_batch,
        gradient_without_padding,
        gradient_of_the_unpadded_part,
        slightly_off,
    ],
    "channel_sums": [bias_of_one_example, bias_averaged],
}


class Planted:
    """The module of the loops with one of its functions replaced."""

    def __init__(self, name, bug):
        self.__dict__ = {k: getattr(correlation, k) for k in ("correlate", "spread", "kernel_gradient", "channel_sums")}
        setattr(self, name, bug)


@pytest.mark.parametrize("layer_class", [Conv2D, Conv2DTranspose])
@pytest.mark.parametrize(
    ("name", "bug"), [(name, bug) for name in BUGS for bug in BUGS[name]], ids=lambda v: getattr(v, "__name__", v)
)
def test_planted_bugs_are_caught(layer_class, name, bug, rng, monkeypatch, check_gradients, torch):
    layer = layer_class(2)  # as many filters as channels, so that a transpose fits
    params, x = layer.init((5, 6, 2), rng), rng.normal(size=(3, 5, 6, 2))
    check_gradients(layer, params, x)
    monkeypatch.setattr("scratchdae.backend.twin", lambda *_: Planted(name, bug))
    assert compare_with_torch(layer, params, x, torch) > 1e-4
    if (layer_class, name) != (Conv2DTranspose, "spread"):  # there it is the forward pass; dx is then the planted one's
        with pytest.raises(AssertionError, match="the gradient is wrong"):
            check_gradients(layer, params, x)


@pytest.mark.parametrize("layer_class", [Conv2D, Conv2DTranspose])
def test_padding_on_the_wrong_side_is_caught(layer_class, rng, monkeypatch, torch):
    """An even kernel tells the sides apart; the gradient check cannot, for forward and backward would agree."""
    layer = layer_class(2, 2)
    params, x = layer.init((5, 6, 2), rng), rng.normal(size=(3, 5, 6, 2))
    assert compare_with_torch(layer, params, x, torch) < BOUND

    def symmetric_as_in_pytorch(size, kernel, stride, padding):
        found = grid(size, kernel, stride, padding)
        return found._replace(before=tuple(b + 1 for b in found.before))

    module = "conv" if layer_class is Conv2D else "conv_transpose"
    monkeypatch.setattr(f"scratchdae.layers.{module}.grid", symmetric_as_in_pytorch)
    assert compare_with_torch(layer, params, x, torch) > 0.1


def test_stride_forgotten_backwards_is_caught(rng, monkeypatch, check_gradients):
    layer = Conv2D(2, 3, 2)
    params, x = layer.init((6, 6, 2), rng), rng.normal(size=(2, 6, 6, 2))
    check_gradients(layer, params, x)

    def stride_forgotten(y, kernels, bias, windows, size):
        return correlation.spread(y, kernels, bias, windows._replace(stride=(1, 1)), size)

    monkeypatch.setattr("scratchdae.backend.twin", lambda *_: Planted("spread", stride_forgotten))
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(layer, params, x)


def test_the_backend_is_chosen_inside_the_block_alone(rng):
    pytest.importorskip("numba")
    from scratchdae import backend

    x = rng.normal(size=3)
    with backend.using("numpy"):
        assert backend.twin(correlation, x) is correlation
        with backend.using("numba"):
            assert backend.twin(correlation, x) is not correlation
            assert backend.twin(correlation, x, x.astype(complex)) is correlation
        assert backend.twin(correlation, x) is correlation
    with pytest.raises(ValueError, match="backend must be one of"), backend.using("cuda"):
        pass


def test_without_numba_everything_works(rng, monkeypatch):
    monkeypatch.setattr("scratchdae.backend._twins", lambda: "numba and scipy are not installed")
    from scratchdae import backend

    assert backend.twin(correlation, rng.normal(size=3)) is correlation
    with pytest.raises(ValueError, match="numba and scipy are not installed"), backend.using("numba"):
        pass
