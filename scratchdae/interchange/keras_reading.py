"""Our layers for those of a network of Keras, one after the other."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from scratchdae import layers
from scratchdae.arguments import Array
from scratchdae.layers import Layer

_OPTIONS = {  # what must be so, where a layer has it
    "data_format": "channels_last", "groups": 1, "output_padding": None, "go_backwards": False, "return_state": False,
    "stateful": False, "interpolation": "nearest", "max_value": None, "threshold": 0, "dropout": 0,
    "recurrent_dropout": 0,
}  # fmt: skip
_ACTIVATIONS: dict[str, Layer | None] = {
    "linear": None, "relu": layers.ReLU(), "sigmoid": layers.Sigmoid(), "tanh": layers.Tanh(), "elu": layers.ELU(),
    "gelu": layers.GELU(), "softplus": layers.Softplus(), "leaky_relu": layers.LeakyReLU(0.2),
    "gelu_tanh": layers.GELU("tanh"), "silu": layers.SiLU(), "softmax": layers.Softmax(), "double_tanh": layers.Tanh(),
}  # fmt: skip
_CELLS = {"linear": "identity", "double_tanh": "tanh"}
READ = (
    "Dense", "TimeDistributed", "Conv2D", "Conv2DTranspose", "MaxPooling2D", "AveragePooling2D", "UpSampling2D",
    "Flatten", "Reshape", "RepeatVector", "Dropout", "GaussianNoise", "LSTM", "GRU", "Activation", "ReLU", "LeakyReLU",
    "ELU", "Identity", "Softmax", "BatchNormalization", "Conv1D", "Conv1DTranspose", "ActivityRegularization",
    "TiedDense", "DoubleBatchNormalization",
)  # fmt: skip


def swapped(array: Array) -> Array:
    """Put the gates of a GRU, z r h in Keras and r z n here, in the other order."""
    z, r, n = np.split(array, 3, axis=-1)
    return np.concatenate([r, z, n], axis=-1)


def read(one: Any, before: list[Any]) -> Iterator[Layer]:
    """Yield our layers for one of Keras: itself, and its activation; `before` are those that were read."""
    kind = type(one).__name__
    if kind == "TimeDistributed":
        if not isinstance(one.layer, keras.layers.Dense):
            raise ValueError(f"of {type(one.layer).__name__}, not of Dense")
        yield from read(one.layer, before)
        return
    for name, wanted in _OPTIONS.items():
        if getattr(one, name, wanted) != wanted:
            raise ValueError(f"{name}={getattr(one, name)!r}")
    if any(n != 1 for n in np.ravel(getattr(one, "dilation_rate", 1))):
        raise ValueError(f"dilation_rate={one.dilation_rate}")
    activation = getattr(getattr(one, "activation", None), "__name__", "linear")
    axis = getattr(one, "axis", -1)
    if axis not in (-1, len(one.output.shape) - 1 if kind.endswith(("BatchNormalization", "Softmax")) else -1):
        raise ValueError(f"axis={axis}, which is not the last")
    if kind in ("LSTM", "GRU"):
        if one.recurrent_activation.__name__ != "sigmoid":
            raise ValueError(f"recurrent_activation={one.recurrent_activation.__name__!r}")
        options = one.units, one.return_sequences, _CELLS.get(activation, activation)
        yield (
            layers.LSTM(*options) if kind == "LSTM" else layers.GRU(*options, "after" if one.reset_after else "before")
        )
        return
    if activation not in _ACTIVATIONS:
        raise ValueError(f"activation={activation!r}")
    match kind:
        case "Dense":
            yield layers.Dense(one.units)
        case "TiedDense":
            yield layers.TiedDense(
                int(one.partner.kernel.shape[0]), next(k for k, o in enumerate(before) if o is one.partner)
            )
        case "BatchNormalization" | "DoubleBatchNormalization":
            yield layers.BatchNorm(float(one.momentum), float(one.epsilon), "biased")
        case "Softmax":
            yield layers.Softmax()
        case "ActivityRegularization" if not one.l2:
            yield layers.L1Activity(float(one.l1))
        case "Conv1D" | "Conv1DTranspose":
            yield getattr(layers, kind)(one.filters, one.kernel_size[0], one.strides[0], one.padding)
        case "Conv2D" | "Conv2DTranspose":
            kernel, stride = tuple(one.kernel_size), tuple(one.strides)
            yield getattr(layers, kind)(one.filters, kernel, stride, one.padding)
        case "MaxPooling2D" | "AveragePooling2D":
            pool, stride = tuple(one.pool_size), tuple(one.strides)
            yield getattr(layers, kind.replace("Pooling", "Pool"))(pool, stride, one.padding)
        case "UpSampling2D":
            yield layers.UpSampling2D(tuple(one.size))
        case "Flatten":
            yield layers.Flatten()
        case "Reshape":
            yield layers.Reshape(tuple(one.output.shape[1:]))
        case "RepeatVector":
            yield layers.RepeatVector(one.n)
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
