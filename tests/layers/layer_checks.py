"""What every layer must do, one function each: the layer, an input's shape and its row of the table say the rest."""

import dataclasses
import json
import re
import tempfile

import numpy as np
import pytest
from optional_packages import require

from scratchdae import Sequential, fit, gradcheck, layers, load_model
from scratchdae.backend import using
from scratchdae.layers import LAYERS, Dense

TWIN = {np.float64: 1e-14, np.float32: 4e-6}  # bounds, of the largest entry; measured: 7e-16 and 4e-7


def noise(row):
    return None if row.seed is None else np.random.default_rng(row.seed)


def problem(row, layer, shape, dtype=np.float64, size=3):
    """Parameters, none of them zero, and a batch: unequal and unsaturated."""
    rng = np.random.default_rng(2008)
    params = {name: value + dtype(0.1) for name, value in layer.init(shape, rng, dtype).items()}
    x = row.inputs(rng.normal(0, 1.5, (size, *shape)).astype(dtype))
    return params, x


def propagated(layer, params, x, rng=None):
    """Return output, gradient with respect to the input and gradients of the parameters, for a random cotangent."""
    y, cache = layer.forward(params, x, rng)
    d_output = np.random.default_rng(1).normal(size=y.shape).astype(y.real.dtype)
    dx, grads = layer.backward(cache, d_output)
    return {"y": y, "dx": dx} | {f"d{name}": grad for name, grad in grads.items()}


def distance(found, expected):
    """Largest difference of arrays under the same names, each in units of its largest entry."""
    assert set(found) == set(expected)
    for name, value in found.items():
        assert value.shape == expected[name].shape, name
    return np.max([np.abs(v - expected[k]).max() / (np.abs(expected[k]).max() or 1) for k, v in found.items()])


def distance_from_torch(torch, twin, layer, params, x):
    """The same, to what PyTorch's twin and autograd give; the cotangent is random."""
    found = propagated(layer, params, x)
    leaves = {k: torch.tensor(np.ascontiguousarray(v), requires_grad=True) for k, v in {"x": x, **params}.items()}
    y = twin(torch, layer, leaves["x"], **{name: leaves[name] for name in params})
    d_output = np.random.default_rng(1).normal(size=y.shape)
    y.backward(torch.tensor(d_output))
    expected = {"y": y.detach().numpy()} | {f"d{name}": leaf.grad.numpy() for name, leaf in leaves.items()}
    return distance(found, expected)


def by_keras(jax, theirs, weights, x, dy, state=(), **options):
    """What a layer of Keras gives: output, gradients of x and of its weights in order, and its state afterwards."""
    theirs.build(x.shape)

    def forward(weights, x):
        return theirs.stateless_call(weights, list(state) or theirs.non_trainable_variables, x, **options)

    y, pullback, after = jax.vjp(forward, [jax.numpy.asarray(w) for w in weights], jax.numpy.asarray(x), has_aux=True)
    d_weights, dx = pullback(jax.numpy.asarray(dy, y.dtype))
    return np.asarray(y), np.asarray(dx), [np.asarray(d) for d in d_weights], [np.asarray(value) for value in after]


def check_gradients(layer, params, x, method="complex", seed=None, tolerance=None):
    """The gradients of parameters and input, with a random cotangent, and the noise held fixed."""
    shape = layer.forward(params, x)[0].shape
    cotangent = np.random.default_rng(1).normal(size=shape)

    def scalar(arrays):
        arrays = dict(arrays)
        rng = None if seed is None else np.random.default_rng(seed)
        y, cache = layer.forward({k: v for k, v in arrays.items() if k != "x"}, arrays["x"], rng)
        dx, grads = layer.backward(cache, cotangent)
        return (y * cotangent).sum() + getattr(cache, "penalty", 0), {**grads, "x": dx}

    gradcheck.check(scalar, {**params, "x": x}, method, tolerance=tolerance, max_entries=60).raise_on_failure()


def gradient(row, layer, shape):
    for seed in {row.seed, None}:  # with noise and without
        check_gradients(layer, *problem(row, layer, shape), row.method, seed, row.tolerance)


def agrees_with_torch(row, layer, shape):
    """At the kinks too."""
    if row.torch is None:
        pytest.skip("there is no twin in PyTorch")
    params, x = problem(row, layer, shape)
    x.flat[:4] = [0, -0.0, 1e-300, -1e-300]
    assert distance_from_torch(require("torch"), row.torch, layer, params, x) < row.bound


def pure(row, layer, shape):
    """Nothing is mutated, the same call gives the same, `backward` twice too; shapes and names are those announced."""
    params, x = problem(row, layer, shape)
    arrays = {**params, "x": x}
    before = {name: value.copy() for name, value in arrays.items()}
    y, cache = layer.forward(params, x, noise(row))
    assert y.shape == (len(x), *layer.output_shape(shape))
    kept, d_output = y.copy(), np.random.default_rng(1).normal(size=y.shape)
    d_before = d_output.copy()
    results = [layer.backward(cache, d_output) for _ in range(2)]
    for dx, grads in results:
        assert {name: value.shape for name, value in {**grads, "x": dx}.items()} == {
            k: v.shape for k, v in before.items()
        }
        np.testing.assert_array_equal(dx, results[0][0])
        for name, grad in grads.items():
            np.testing.assert_array_equal(grad, results[0][1][name])
    np.testing.assert_array_equal(y, kept)
    np.testing.assert_array_equal(layer.forward(params, x, noise(row))[0], kept)
    np.testing.assert_array_equal(d_output, d_before)
    for name, value in arrays.items():
        np.testing.assert_array_equal(value, before[name])


def keeps_the_dtype(row, layer, shape):
    for dtype in (np.float32, np.float64):
        params, x = problem(row, layer, shape, dtype)
        assert {value.dtype for value in params.values()} <= {np.dtype(dtype)}
        for rng in (noise(row), None):
            found = propagated(layer, params, x, rng)
            assert {name: value.dtype for name, value in found.items()} == dict.fromkeys(found, np.dtype(dtype))
    if params:  # theirs decides, of an input and of a cotangent in float64
        narrow = {name: value.astype(np.float32) for name, value in params.items()}
        y, cache = layer.forward(narrow, x)
        dx, grads = layer.backward(cache, np.ones(y.shape))
        assert {array.dtype for array in (y, dx, *grads.values())} == {np.dtype(np.float32)}


def complex_passes(row, layer, shape):
    """For the complex step: a real number as a complex one gives the same."""
    params, x = problem(row, layer, shape)
    expected = propagated(layer, params, x, noise(row))
    found = propagated(layer, {k: v.astype(complex) for k, v in params.items()}, x.astype(complex), noise(row))
    assert np.iscomplexobj(found["y"])
    assert distance(found, expected) < 1e-13
    shifted = x + 1e-30j * np.arange(x.size).reshape(x.shape) ** 2  # of the input alone: it is not cast either
    assert np.imag(layer.forward(params, shifted, noise(row))[0]).any()


def what_is_not_a_number_shows(row, layer, shape):
    """In the example that it is in, and in no other unless they act on one another: forwards and backwards."""
    params, x = problem(row, layer, shape)
    if row.mixes:
        y, cache = layer.forward(params, x, noise(row))
        assert np.isnan(layer.backward(cache, np.full_like(y, np.nan))[0]).all()
        bad = np.where(np.arange(x.size).reshape(x.shape) == x[0].size, np.nan, x)
        y, cache = layer.forward(params, bad, noise(row))
        assert np.isnan(np.sum(getattr(cache, "penalty", 0)) + y[0].sum())
        row = row._replace(seed=None)
    y, cache = layer.forward(params, x, noise(row))
    d_output = np.ones_like(y)
    x[1].flat[0] = np.nan
    d_output[1] = np.nan
    for found in (layer.forward(params, x, noise(row))[0], layer.backward(cache, d_output)[0]):
        assert np.isnan(found[1]).any()
        assert np.isfinite(found[[0, 2]]).all()


def twin_agrees(row, layer, shape):
    """The compiled loops, where the layer has any, give what NumPy gives."""
    require("numba")
    for dtype, bound in TWIN.items():
        params, x = problem(row, layer, shape, dtype)
        found = {}
        for name in ("numpy", "numba"):
            with using(name):
                found[name] = propagated(layer, params, x, noise(row))
        assert distance(found["numba"], found["numpy"]) < bound
        assert [v.dtype for v in found["numba"].values()] == [v.dtype for v in found["numpy"].values()]


def network(row, layer, shape):
    """A network of the layer; where it shares weights, after their owner."""
    layers, output_shape = [layer], layer.output_shape(shape)
    if row.shared:
        layers, shape = [Dense(shape[-1]), layer], output_shape
    return Sequential(layers, shape, np.random.default_rng(0), output_shape=output_shape)


def survives_a_checkpoint(row, layer, shape):
    """A network of it is trained for an epoch and loaded again, and says the same."""
    net = network(row, layer, shape)
    _, x = problem(row, layer, net.shapes[0])
    target = np.zeros((len(x), *layer.output_shape(shape)))
    with tempfile.TemporaryDirectory() as folder:
        fit(net, x, target=target, epochs=1, lr=0.01, out=folder, progress=False)
        again = load_model(folder)
    assert again.layers == net.layers
    np.testing.assert_array_equal(again.predict(x), net.predict(x))


def has_a_line_in_the_summary(row, layer, shape):
    lines = network(row, layer, shape).summary().splitlines()
    drawn = layer.init(shape, np.random.default_rng(0)).items()
    size = sum(value.size for name, value in drawn if name not in row.shared)
    expected = f"{type(layer).__name__.lower()}_1 ({', '.join(map(str, layer.output_shape(shape)))}) {size:,}"
    assert expected in [" ".join(line.split()) for line in lines]


def refuses_by_name(row, layer, shape):
    """What does not fit raises a ValueError that names the argument."""
    params, x = problem(row, layer, shape)
    sides = range(len(shape))
    for wrong in (row.refuses, (), *((*shape[:i], n, *shape[i + 1 :]) for i in sides for n in (0, -1))):
        with pytest.raises(ValueError, match="input_shape must"):
            layer.output_shape(wrong)
        with pytest.raises(ValueError, match="input_shape must"):
            layer.init(wrong, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"x must have shape|input_shape must"):
        layer.forward(params, np.zeros((2, *row.refuses)))
    with pytest.raises(ValueError, match="x must have shape"):
        layer.forward(params, x[:0])
    with pytest.raises(ValueError, match="x must be floating-point"):
        layer.forward(params, x.astype(int))
    y, cache = layer.forward(params, x, noise(row))
    with pytest.raises(ValueError, match="d_output must have"):
        layer.backward(cache, y[..., None])


def takes_sides_of_one(row, layer, shape):
    """One step, one pixel, one channel, one feature is enough, unless a window or a given shape needs more."""
    for i in range(len(shape)):
        try:
            layer.output_shape((*shape[:i], 1, *shape[i + 1 :]))
        except ValueError as error:
            if not re.search(r"must fit into the image|must have \d+ entries for shape", str(error)):
                raise


def is_rebuilt_from_json(row, layer, shape):
    """A checkpoint holds a layer as its name and fields."""
    entry = json.loads(json.dumps({"layer": type(layer).__name__, **dataclasses.asdict(layer)}))
    again = LAYERS[entry.pop("layer")](**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()})
    assert again == layer
    assert hash(again) == hash(layer)


def takes_numpys_numbers(row, layer, shape):
    """They become Python's, which neither upcast nor are refused by JSON; a sweep over numpy.linspace has them."""

    def numpys(value):
        kinds = {int: np.int64, float: np.float64, tuple: lambda sides: tuple(np.int64(side) for side in sides)}
        return kinds.get(type(value), lambda other: other)(value)

    again = type(layer)(**{name: numpys(value) for name, value in dataclasses.asdict(layer).items()})
    assert repr(again) == repr(layer)


def is_frozen(row, layer, shape):
    for field in [*(f.name for f in dataclasses.fields(layer)), "another"]:
        with pytest.raises(AttributeError):
            setattr(layer, field, 1)


def is_exported(row, layer, shape):
    assert LAYERS.get(type(layer).__name__) is type(layer)
    assert getattr(layers, type(layer).__name__) is type(layer)


ON_BOTH_BACKENDS = [
    gradient, agrees_with_torch, pure, keeps_the_dtype, complex_passes, what_is_not_a_number_shows, refuses_by_name,
]  # fmt: skip
ONCE = [
    twin_agrees, survives_a_checkpoint, has_a_line_in_the_summary, is_rebuilt_from_json, takes_numpys_numbers,
    is_frozen, is_exported, takes_sides_of_one,
]  # fmt: skip
