"""Keras' layers and activations, as pure functions of their weights (``stateless_call``), so that JAX differentiates.

- Images (H, W, C), kernels, ``same`` padding, gates (i f c o) and biases are laid out as in the cases.
- The slope of the leaky rectifier is ``negative_slope``, by default 0.2 as an activation and 0.3 as a layer; its
  derivative at 0 is 1 on JAX, the cases' is the slope: inputs that hold an exact 0 are unsupported.
- tanh of float64 is float32 (see `scratchdae.conformance.adapters.keras`): the output is turned back.
- Dropout and GaussianNoise draw for themselves, so what was drawn is multiplied or added here.
"""

from collections.abc import Mapping
from typing import Any

import keras

from scratchdae.conformance.adapter import Unsupported

_ACTIVATIONS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "ReLU": "relu", "LeakyReLU": "leaky_relu", "Identity": "linear"}

LAYERS = (
    "Dense", "Conv2D", "Conv2DTranspose", "MaxPool2D", "AveragePool2D", "UpSampling2D", "Flatten", "Reshape",
    "RepeatVector", "Dropout", "GaussianNoise", "LSTM", "GRU", "Conv1D", "Conv1DTranspose", "DilatedConv2D",
    "GroupedConv2D", "LayerNorm", "ELU", "GELU", "SiLU", "Softplus", "Softmax",
)  # fmt: skip


def activate(function: str, a: Any, slope: float = 0.2) -> Any:
    """Apply an activation; not the leaky rectifier at exactly 0, where its derivative is another."""
    if function != "leaky_relu":
        value = keras.activations.get("linear" if function == "identity" else function)(a)
        return keras.ops.cast(value, a.dtype)
    if (a == 0).any():
        raise Unsupported("the derivative of Keras' leaky_relu at 0 is 1 on JAX, not the slope")
    return keras.activations.leaky_relu(a, negative_slope=slope)


def apply(t: Mapping[str, Any], c: Mapping[str, Any]) -> Any:
    """Apply a layer."""
    x, layer = t["x"], c["layer"]
    if layer in _ACTIVATIONS:
        return activate(_ACTIVATIONS[layer], x, c.get("slope", 0.3))
    if layer not in LAYERS:
        raise Unsupported(f"there is no {layer} here")
    if layer == "Dropout":
        return x * keras.ops.cast(t["keep"], x.dtype) / (1 - c["rate"])
    if layer == "GaussianNoise":
        return x + c["std"] * t["noise"]
    built = _layer(c, str(x.dtype))
    built.build(x.shape)
    weights = [t[name] for name in ("gamma", "beta", "W", "U", "b") if name in t]
    if layer == "GRU":
        weights = _of_gru(t)
    state = {"initial_state": [t["h0"], t["c0"]]} if "h0" in t else {}
    output, _ = built.stateless_call(weights, built.non_trainable_variables, x, **state)
    return keras.ops.cast(output, x.dtype)


def _of_gru(t: Mapping[str, Any]) -> list[Any]:
    """Order the gates z r h, and give the reset after its second row of biases."""
    gates = {name: keras.ops.split(t[name], 3, axis=-1) for name in ("W", "U", "b")}
    W, U, b = (keras.ops.concatenate([z, r, n], axis=-1) for r, z, n in gates.values())
    if "b_U" in t:
        inner = keras.ops.concatenate([keras.ops.zeros_like(b[len(t["b_U"]) :]), t["b_U"]])
        b = keras.ops.stack([b, inner])
    return [W, U, b]


def _layer(c: Mapping[str, Any], dtype: str) -> Any:
    """Make the layer of a case's name and fields."""
    layers, layer = keras.layers, c["layer"]
    options: dict[str, Any] = {"dtype": dtype}  # not the policy that was made when Keras was imported
    if layer == "Dense":
        return layers.Dense(c["units"], **options)
    if layer == "LSTM":
        sequences = c["return_sequences"]
        return layers.LSTM(c["units"], activation=c["activation"], return_sequences=sequences, **options)
    if layer == "GRU":
        own = {"activation": c["activation"], "return_sequences": c["return_sequences"]}
        return layers.GRU(c["units"], reset_after=c["reset"] == "after", **own, **options)
    if layer == "LayerNorm":
        return layers.LayerNormalization(epsilon=c["eps"], **options)
    if layer == "GELU":
        return layers.Activation(lambda a: keras.activations.gelu(a, c["approximate"] == "tanh"), **options)
    if layer in ("SiLU", "Softplus", "Softmax"):
        return layers.Activation(layer.lower(), **options)
    if layer == "ELU":
        return layers.Activation(lambda a: keras.activations.elu(a, c["alpha"]), **options)
    if layer == "Reshape":
        return layers.Reshape(tuple(c["shape"]), **options)
    if layer == "RepeatVector":
        return layers.RepeatVector(c["n"], **options)
    options["data_format"] = "channels_last"  # whatever the user's configuration says
    if layer == "Flatten":
        return layers.Flatten(**options)
    if layer == "UpSampling2D":
        return layers.UpSampling2D(tuple(c["factor"]), **options)
    if layer in ("Conv1D", "Conv1DTranspose"):
        return getattr(layers, layer)(c["filters"], c["kernel"], c["stride"], c["padding"], **options)
    options |= {"strides": tuple(c["stride"]), "padding": c["padding"]}
    if layer in ("DilatedConv2D", "GroupedConv2D"):
        options |= {"dilation_rate": tuple(c.get("dilation", (1, 1))), "groups": c.get("groups", 1)}
        if max(c["stride"]) > 1 < max(options["dilation_rate"]):
            raise Unsupported("Keras' convolution has strides or dilation, not both")
        return layers.Conv2D(c["filters"], tuple(c["kernel"]), **options)
    if layer in ("Conv2D", "Conv2DTranspose"):
        return getattr(layers, layer)(c["filters"], tuple(c["kernel"]), **options)
    pooling = {"MaxPool2D": layers.MaxPooling2D, "AveragePool2D": layers.AveragePooling2D}
    return pooling[layer](tuple(c["pool"]), **options)
