"""Networks of Keras made of ours, and read layer by layer: images, kernels and most gates are laid out alike.

Where they differ: a GRU has its gates in the order z r h there, and with the reset after two rows of biases, of which
it adds those of z and r; batch normalisation is exact in evaluation, and in training its ``momentum`` is our decay rate
and its running variance Keras' own, biased. Keras computes tanh and batch normalisation, on some backends, in float32
even where ``floatx`` is float64: what is made here in float64 has others, and what Keras has made agrees to 1e-6.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from scratchdae import layers
from scratchdae.arguments import Array, Params, instance, precision
from scratchdae.interchange.keras_gradients import loss_and_grads as loss_and_grads
from scratchdae.interchange.keras_own import (
    DoubleBatchNormalization,
    TiedAutoencoder,
    TiedDense,
    double_tanh,
    gelu_tanh,
)
from scratchdae.interchange.keras_reading import READ, read, swapped
from scratchdae.interchange.torch_modules import Model, dtype_of, params_of, stack
from scratchdae.layers import Layer
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential

_REFUSED = "network cannot be carried over"


def to_keras(model: Model) -> Any:
    """Make a network of a model, as `scratchdae.interchange.to_keras` says."""
    made: list[tuple[Any, list[Array]]] = []
    params = params_of(model)
    dtype = dtype_of(model)
    if isinstance(model, DenoisingAutoencoder):
        shape: tuple[int, ...] = (model.n_visible,)
        activation = "linear" if model.options["output"] == "linear" else "sigmoid"
        if model.tied:
            made = [(TiedAutoencoder(model.n_hidden, model.options["output"], dtype=dtype), [*params.values()])]
        else:
            hidden = keras.layers.Dense(model.n_hidden, "sigmoid", dtype=dtype)
            made = [(hidden, [params["W"], params["b"]])]
            visible = keras.layers.Dense(model.n_visible, activation, dtype=dtype)
            made += [(visible, [params["W_prime"], params["b_prime"]])]
    elif isinstance(model, Sequential):
        shape = model.shapes[0]
        for name, layer in zip(model.names, model.layers, strict=True):
            if isinstance(layer, layers.TiedDense):
                one: Any = TiedDense(made[layer.tied_to][0], dtype=dtype, name=name)
            else:
                one = _make(name, layer, dtype)
            made.append((one, _arrays(layer, model.own(params, name))))
    else:
        shape = (stack(model)[0].n_visible,)
        for k, encoder in enumerate(stack(model), start=1):
            weights = [params[f"layer_{k}.{key}"] for key in ("W", "b")]
            made.append((keras.layers.Dense(encoder.n_hidden, "sigmoid", dtype=dtype), weights))
    network = keras.Sequential([keras.Input(shape, dtype=dtype), *(layer for layer, _ in made)])
    for layer, arrays in made:
        if isinstance(layer, TiedDense):
            layer.bias.assign(arrays[0])
        else:
            layer.set_weights(arrays)
    return network


def _arrays(layer: Layer, own: Params) -> list[Array]:
    """Return the arrays of a layer as Keras has them."""
    if not isinstance(layer, layers.GRU):
        return list(own.values())
    W, U, b = (swapped(own[name]) for name in ("W", "U", "b"))
    if layer.reset == "before":
        return [W, U, b]
    second = np.append(np.zeros(2 * layer.units, b.dtype), own["b_U"])
    return [W, U, np.stack([b, second])]


def _activation(name: str, dtype: str) -> Any:
    """Return an activation by our name, and tanh in the precision that it is for."""
    if name == "tanh" and dtype == "float64":
        return double_tanh
    return "linear" if name == "identity" else name


def _make(name: str, layer: Layer, dtype: str) -> Any:
    """Return the layer of Keras that does what one of ours does."""
    options: dict[str, Any] = {"dtype": dtype, "name": name}
    k = keras.layers
    match layer:
        case layers.GELU():
            return k.Activation("gelu" if layer.approximate == "none" else gelu_tanh, **options)
        case layers.Identity() | layers.Sigmoid() | layers.Tanh() | layers.ReLU() | layers.Softplus() | layers.SiLU():
            return k.Activation(_activation(type(layer).__name__.lower(), dtype), **options)
        case layers.Softmax():
            return k.Softmax(axis=-1, **options)
        case layers.L1Activity():
            return k.ActivityRegularization(l1=layer.weight, **options)
        case layers.BatchNorm():
            kind = DoubleBatchNormalization if dtype == "float64" else k.BatchNormalization
            return kind(momentum=layer.decay_rate, epsilon=layer.eps, **options)
        case layers.LeakyReLU():
            return k.LeakyReLU(negative_slope=layer.slope, **options)
        case layers.ELU():
            return k.ELU(layer.alpha, **options)
        case layers.Dropout():
            return k.Dropout(layer.rate, **options)
        case layers.GaussianNoise():
            return k.GaussianNoise(layer.std, **options)
        case layers.Dense():
            return k.Dense(layer.units, **options)
        case layers.LSTM() | layers.GRU():
            options |= {"activation": _activation(layer.activation, dtype), "return_sequences": layer.return_sequences}
            if isinstance(layer, layers.GRU):
                return k.GRU(layer.units, reset_after=layer.reset == "after", **options)
            return k.LSTM(layer.units, **options)
        case layers.RepeatVector():
            return k.RepeatVector(layer.n, **options)
        case layers.Reshape():
            return k.Reshape(layer.shape, **options)
        case layers.Flatten():
            return k.Flatten(data_format="channels_last", **options)
        case layers.UpSampling2D():
            return k.UpSampling2D(layer.factor, data_format="channels_last", **options)
        case layers.Conv1D() | layers.Conv1DTranspose() | layers.Conv2D() | layers.Conv2DTranspose():
            options |= {"strides": layer.stride, "padding": layer.padding, "data_format": "channels_last"}
            return getattr(k, type(layer).__name__)(layer.filters, layer.kernel, **options)
        case layers.MaxPool2D() | layers.AveragePool2D():
            options |= {"strides": layer.stride, "padding": layer.padding, "data_format": "channels_last"}
            return getattr(k, type(layer).__name__.replace("Pool", "Pooling"))(layer.pool, **options)
    raise ValueError(f"model cannot be carried over to Keras: {name}: {layer}")


def runner(network: Any) -> Callable[[Array], Array]:
    """Return what gives the outputs of a network."""
    return lambda x: _array(network(x, training=False) if network._call_has_training_arg else network(x))


def from_keras(network: Any, loss: str, reduction: str) -> Sequential | DenoisingAutoencoder:
    """Make a model of a network, as `scratchdae.interchange.from_keras` says."""
    instance("network", network, keras.Model, "a keras.Model")
    if not network.built:
        raise ValueError("network must be built: call it once, or begin it with keras.Input")
    chain = list(_chain(network, ""))
    dtypes = {str(w.dtype) for _, one in chain for w in one.weights} or {str(one.compute_dtype) for _, one in chain}
    dtype = precision("the dtype of network", ", ".join(sorted(dtypes)))
    if len(chain) == 1 and isinstance(chain[0][1], TiedAutoencoder):
        one = chain[0][1]
        name = "squared_error" if one.output_kind == "linear" or loss == "squared_error" else loss
        options: dict[str, Any] = {"loss": name, "output": one.output_kind, "reduction": reduction, "dtype": dtype}
        config = {"n_visible": int(one.kernel.shape[0]), "n_hidden": one.n_hidden, "tied": True, **options}
        return DenoisingAutoencoder.from_config(
            config, dict(zip(("W", "b", "b_prime"), map(_array, one.weights), strict=True))
        )
    unknown = [f"{path}: {type(one).__name__}" for path, one in chain if type(one).__name__ not in READ]
    if unknown:
        raise ValueError(f"{_REFUSED}: {', '.join(unknown)}")
    found: list[Layer] = []
    holders: list[Any] = []  # who has the arrays of each; None of an activation
    for path, one in chain:
        try:
            own = list(read(one, holders))
        except ValueError as error:
            raise ValueError(f"{_REFUSED}: {path}: {type(one).__name__}: {error}") from None
        found += own
        holders += [one, *[None for _ in own[1:]]]
    shape = tuple(network.input_shape[1:])
    if None in shape:
        raise ValueError(f"network must have an input of a fixed shape, found {network.input_shape}")
    rng, output_shape = np.random.default_rng(0), shape
    for layer in found:
        output_shape = layer.output_shape(output_shape)
    options = {"loss": loss, "reduction": reduction, "dtype": dtype, "output_shape": output_shape}
    model = Sequential(found, shape, rng, **options)
    for name, layer, one in zip(model.names, found, holders, strict=True):
        given = {} if one is None else _given(layer, one)
        for key, value in model.own(model.params, name).items():  # a bias that the layer lacks is zero
            model.params[f"{name}.{key}"] = given.get(
                key, np.ones_like(value) if key == "gamma" else np.zeros_like(value)
            )
    return model


def _given(layer: Layer, one: Any) -> Params:
    """Return the arrays of a layer of Keras under our names and in our layout."""
    if isinstance(layer, layers.BatchNorm):
        names = {"gamma": "gamma", "beta": "beta", "running_mean": "moving_mean", "running_variance": "moving_variance"}
        held = {here: getattr(one, there) for here, there in names.items()}
        return {here: _array(weight) for here, weight in held.items() if weight is not None}
    if isinstance(layer, layers.TiedDense):
        return {"b": _array(one.bias)}
    found = dict(
        zip(
            ("W", "U", "b") if isinstance(layer, layers.LSTM | layers.GRU) else ("W", "b"),
            map(_array, one.weights),
            strict=False,
        )
    )
    if isinstance(layer, layers.GRU):
        found = {name: swapped(value) for name, value in found.items()}
        if layer.reset == "after" and "b" in found:
            H, (first, second) = layer.units, found["b"]
            found |= {"b": first + np.append(second[: 2 * H], np.zeros(H, first.dtype)), "b_U": second[2 * H :]}
    return found


def _array(weight: Any) -> Array:
    return np.array(keras.ops.convert_to_numpy(weight))


def _chain(network: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield path and layer, those of networks inside too; refused unless each reads the one before it alone."""
    before: Any = None
    for layer in network.layers:
        path = f"{prefix}{layer.name}"
        if isinstance(layer, keras.layers.InputLayer):
            before = layer.output
            continue
        try:
            reads = before is None or isinstance(network, keras.Sequential) or layer.input is before
            before = layer.output
        except (AttributeError, ValueError):  # called several times, or a network of one's own class
            reads = False
        if not reads:
            raise ValueError(f"network must be a chain of layers, found something else at {path}")
        if isinstance(layer, keras.Model):
            yield from _chain(layer, f"{path}/")
        else:
            yield path, layer
