"""Networks of Keras made of ours, and read layer by layer: images, kernels, gates and biases are laid out alike.

Keras computes tanh, and with it an LSTM, in float32 even where ``floatx`` is float64: there the outputs agree to 1e-6.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from scratchdae import layers
from scratchdae.arguments import Array, instance, precision
from scratchdae.interchange.torch_modules import Model, dtype_of, params_of, stack
from scratchdae.layers import (
    LSTM,
    AveragePool2D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    RepeatVector,
    Reshape,
    UpSampling2D,
)
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential

_REFUSED = "network cannot be carried over"


@keras.saving.register_keras_serializable("scratchdae")  # type: ignore[untyped-decorator]
def gelu_tanh(x: Any) -> Any:
    """Apply the approximation of the Gaussian error linear unit, which Keras has as an argument alone."""
    return keras.activations.gelu(x, approximate=True)


@keras.saving.register_keras_serializable("scratchdae")
class TiedAutoencoder(keras.layers.Layer):  # type: ignore[misc]
    """An autoencoder whose decoder has the encoder's kernel, transposed; it is one weight."""

    def __init__(self, n_hidden: int, output: str = "sigmoid", **options: Any) -> None:
        super().__init__(**options)
        self.n_hidden, self.output_kind = n_hidden, output

    def build(self, input_shape: Any) -> None:
        """Make the weights: kernel (D, H), bias (H,), decoder_bias (D,)."""
        n_visible = input_shape[-1]
        shapes = {"kernel": (n_visible, self.n_hidden), "bias": (self.n_hidden,), "decoder_bias": (n_visible,)}
        for name, shape in shapes.items():
            start = "glorot_uniform" if name == "kernel" else "zeros"
            setattr(self, name, self.add_weight(shape=shape, initializer=start, name=name))

    def call(self, x: Any) -> Any:
        """Return the reconstruction (B, D)."""
        y = keras.ops.sigmoid(keras.ops.matmul(x, self.kernel) + self.bias)
        a = keras.ops.matmul(y, keras.ops.transpose(self.kernel)) + self.decoder_bias
        return a if self.output_kind == "linear" else keras.ops.sigmoid(a)

    def get_config(self) -> dict[str, Any]:
        """Return what a file of the network holds."""
        return {**super().get_config(), "n_hidden": self.n_hidden, "output": self.output_kind}


def to_keras(model: Model) -> Any:
    """Make a network of a model, as `scratchdae.interchange.to_keras` says."""
    made: list[tuple[Any, tuple[str, ...]]] = []
    params = params_of(model)
    dtype = dtype_of(model)
    if isinstance(model, DenoisingAutoencoder):
        shape: tuple[int, ...] = (model.n_visible,)
        activation = "linear" if model.options["output"] == "linear" else "sigmoid"
        if model.tied:
            made = [(TiedAutoencoder(model.n_hidden, model.options["output"], dtype=dtype), ("W", "b", "b_prime"))]
        else:
            made = [(keras.layers.Dense(model.n_hidden, "sigmoid", dtype=dtype), ("W", "b"))]
            made += [(keras.layers.Dense(model.n_visible, activation, dtype=dtype), ("W_prime", "b_prime"))]
    elif isinstance(model, Sequential):
        shape = model.shapes[0]
        for name, layer in zip(model.names, model.layers, strict=True):
            made.append((_make(name, layer, dtype), tuple(key for key in params if key.startswith(f"{name}."))))
    else:
        shape = (stack(model)[0].n_visible,)
        for k, one in enumerate(stack(model), start=1):
            made.append((keras.layers.Dense(one.n_hidden, "sigmoid", dtype=dtype), (f"layer_{k}.W", f"layer_{k}.b")))
    network = keras.Sequential([keras.Input(shape, dtype=dtype), *(layer for layer, _ in made)])
    for layer, names in made:
        layer.set_weights([params[name] for name in names])
    return network


def _make(name: str, layer: Layer, dtype: str) -> Any:
    """Return the layer of Keras that does what one of ours does."""
    options: dict[str, Any] = {"dtype": dtype, "name": name}
    k = keras.layers
    match layer:
        case layers.GELU():
            return k.Activation("gelu" if layer.approximate == "none" else gelu_tanh, **options)
        case layers.Identity() | layers.Sigmoid() | layers.Tanh() | layers.ReLU() | layers.Softplus() | layers.SiLU():
            kind = type(layer).__name__.lower()
            return k.Activation("linear" if kind == "identity" else kind, **options)
        case layers.LeakyReLU():
            return k.LeakyReLU(negative_slope=layer.slope, **options)
        case layers.ELU():
            return k.ELU(layer.alpha, **options)
        case layers.Dropout():
            return k.Dropout(layer.rate, **options)
        case layers.GaussianNoise():
            return k.GaussianNoise(layer.std, **options)
        case Dense():
            return k.Dense(layer.units, **options)
        case LSTM():
            activation = "linear" if layer.activation == "identity" else layer.activation
            more = {"activation": activation, "return_sequences": layer.return_sequences}
            return k.LSTM(layer.units, **more, **options)
        case RepeatVector():
            return k.RepeatVector(layer.n, **options)
        case Reshape():
            return k.Reshape(layer.shape, **options)
        case Flatten():
            return k.Flatten(data_format="channels_last", **options)
        case UpSampling2D():
            return k.UpSampling2D(layer.factor, data_format="channels_last", **options)
        case Conv2D() | Conv2DTranspose():
            options |= {"strides": layer.stride, "padding": layer.padding, "data_format": "channels_last"}
            return getattr(k, type(layer).__name__)(layer.filters, layer.kernel, **options)
        case MaxPool2D() | AveragePool2D():
            options |= {"strides": layer.stride, "padding": layer.padding, "data_format": "channels_last"}
            return getattr(k, type(layer).__name__.replace("Pool", "Pooling"))(layer.pool, **options)
    raise ValueError(f"model cannot be carried over to Keras: {name}: {layer}")


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
    unknown = [f"{path}: {type(one).__name__}" for path, one in chain if type(one).__name__ not in _READ]
    if unknown:
        raise ValueError(f"{_REFUSED}: {', '.join(unknown)}")
    found: list[Layer] = []
    weights: list[list[Array]] = []
    for path, one in chain:
        try:
            own = list(_read(one))
        except ValueError as error:
            raise ValueError(f"{_REFUSED}: {path}: {type(one).__name__}: {error}") from None
        found += own
        weights += [[_array(w) for w in one.weights], *[[] for _ in own[1:]]]
    shape = tuple(network.input_shape[1:])
    if None in shape:
        raise ValueError(f"network must have an input of a fixed shape, found {network.input_shape}")
    rng, output_shape = np.random.default_rng(0), shape
    for layer in found:
        output_shape = layer.output_shape(output_shape)
    options = {"loss": loss, "reduction": reduction, "dtype": dtype, "output_shape": output_shape}
    model = Sequential(found, shape, rng, **options)
    for name, arrays in zip(model.names, weights, strict=True):
        for key, value in model.own(model.params, name).items():  # a bias that the layer lacks is zero
            given = arrays.pop(0) if arrays else np.zeros_like(value)
            model.params[f"{name}.{key}"] = given
    return model


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


_OPTIONS = {  # what must be so, where a layer has it
    "data_format": "channels_last", "groups": 1, "output_padding": None, "go_backwards": False, "return_state": False,
    "stateful": False, "interpolation": "nearest", "max_value": None, "threshold": 0, "dropout": 0,
    "recurrent_dropout": 0, "axis": None,
}  # fmt: skip
_ACTIVATIONS: dict[str, Layer | None] = {
    "linear": None, "relu": layers.ReLU(), "sigmoid": layers.Sigmoid(), "tanh": layers.Tanh(), "elu": layers.ELU(),
    "gelu": layers.GELU(), "softplus": layers.Softplus(), "leaky_relu": layers.LeakyReLU(0.2),
    "gelu_tanh": layers.GELU("tanh"), "silu": layers.SiLU(),
}  # fmt: skip
_READ = (
    "Dense", "TimeDistributed", "Conv2D", "Conv2DTranspose", "MaxPooling2D", "AveragePooling2D", "UpSampling2D",
    "Flatten", "Reshape", "RepeatVector", "Dropout", "GaussianNoise", "LSTM", "Activation", "ReLU", "LeakyReLU", "ELU",
    "Identity",
)  # fmt: skip


def _read(one: Any) -> Iterator[Layer]:
    """Yield our layers for one of Keras: itself, and its activation."""
    kind = type(one).__name__
    if kind == "TimeDistributed":
        if not isinstance(one.layer, keras.layers.Dense):
            raise ValueError(f"of {type(one.layer).__name__}, not of Dense")
        yield from _read(one.layer)
        return
    for name, wanted in _OPTIONS.items():
        if getattr(one, name, wanted) != wanted:
            raise ValueError(f"{name}={getattr(one, name)!r}")
    if any(n != 1 for n in np.ravel(getattr(one, "dilation_rate", 1))):
        raise ValueError(f"dilation_rate={one.dilation_rate}")
    activation = getattr(getattr(one, "activation", None), "__name__", "linear")
    if kind == "LSTM":
        if one.recurrent_activation.__name__ != "sigmoid":
            raise ValueError(f"recurrent_activation={one.recurrent_activation.__name__!r}")
        yield LSTM(one.units, one.return_sequences, "identity" if activation == "linear" else activation)
        return
    if activation not in _ACTIVATIONS:
        raise ValueError(f"activation={activation!r}")
    match kind:
        case "Dense":
            yield Dense(one.units)
        case "Conv2D" | "Conv2DTranspose":
            kernel, stride = tuple(one.kernel_size), tuple(one.strides)
            yield getattr(layers, kind)(one.filters, kernel, stride, one.padding)
        case "MaxPooling2D" | "AveragePooling2D":
            pool, stride = tuple(one.pool_size), tuple(one.strides)
            yield getattr(layers, kind.replace("Pooling", "Pool"))(pool, stride, one.padding)
        case "UpSampling2D":
            yield UpSampling2D(tuple(one.size))
        case "Flatten":
            yield Flatten()
        case "Reshape":
            yield Reshape(tuple(one.output.shape[1:]))
        case "RepeatVector":
            yield RepeatVector(one.n)
        case "Dropout" if one.noise_shape is None:
            yield layers.Dropout(one.rate)
        case "GaussianNoise":
            yield layers.GaussianNoise(one.stddev)
        case "LeakyReLU":
            yield layers.LeakyReLU(float(one.negative_slope))
        case "ReLU":
            yield layers.LeakyReLU(float(one.negative_slope)) if one.negative_slope else layers.ReLU()
        case "ELU":
            yield layers.ELU(float(one.alpha))
        case "Activation" | "Identity" if activation == "linear":
            yield layers.Identity()
        case "Activation":
            pass
        case _:
            raise ValueError("its options")
    last = _ACTIVATIONS[activation]
    if last is not None:
        yield last
