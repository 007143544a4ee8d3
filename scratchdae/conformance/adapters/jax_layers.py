"""JAX's layers are those of jax.nn, and jax.lax under them.

- Images (H, W, C) and kernels (kh, kw, C, filters) are laid out as in the cases, and ``SAME`` pads as they do.
- A transposed convolution is the convolution of a dilated image with the kernel flipped and its channels exchanged:
  here it is asked for as what it is, the transpose of a convolution, by ``jax.linear_transpose``.
- A maximum over a window sends the gradient to the first of equal pixels.
- There is no LSTM: it is four gates and ``jax.lax.scan``, as Flax's and Haiku's are.
- Dropout and noise need a key; what was drawn is multiplied or added here.
"""

from collections.abc import Mapping
from typing import Any

import jax
from jax import numpy as jnp

from scratchdae.conformance.adapter import Unsupported
from scratchdae.conformance.adapters import jax_second

_ACTIVATIONS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "ReLU": "relu", "LeakyReLU": "leaky_relu", "Identity": "identity"}
_LAYOUT = ("NHWC", "HWIO", "NHWC")


def activate(function: str, a: Any, slope: float = 0.01) -> Any:
    """Apply an activation; not the leaky rectifier at exactly 0, where its derivative is another."""
    if function != "leaky_relu":
        return getattr(jax.nn, function)(a)
    if (a == 0).any():
        raise Unsupported("the derivative of jax.nn.leaky_relu at 0 is 1, not the slope")
    return jax.nn.leaky_relu(a, slope)


def apply(t: Mapping[str, Any], c: Mapping[str, Any]) -> Any:
    """Apply a layer."""
    x, layer = t["x"], c["layer"]
    if layer in _ACTIVATIONS:
        return activate(_ACTIVATIONS[layer], x, c.get("slope", 0.01))
    if layer == "Dense":
        return x @ t["W"] + t["b"]
    if layer == "Conv2D":
        return _convolve(x, t["W"], c) + t["b"]
    if layer == "Conv2DTranspose":
        return _transposed(x, t["W"], c) + t["b"]
    if layer in ("MaxPool2D", "AveragePool2D"):
        return _pool(layer, x, c)
    if layer == "UpSampling2D":
        return x.repeat(c["factor"][0], axis=1).repeat(c["factor"][1], axis=2)
    if layer == "LSTM":
        return _lstm(t, c)
    if layer in ("Flatten", "Reshape"):
        return x.reshape(len(x), *c.get("shape", (-1,)))
    if layer == "RepeatVector":
        return jnp.repeat(x[:, None], c["n"], axis=1)
    if layer == "Dropout":
        return x * t["keep"] / (1 - c["rate"])
    if layer == "GaussianNoise":
        return x + c["std"] * t["noise"]
    if layer in jax_second.LAYERS:
        return jax_second.LAYERS[layer](t, c)
    raise Unsupported(f"there is no {layer} here")


def _convolve(x: Any, W: Any, c: Mapping[str, Any]) -> Any:
    return jax.lax.conv_general_dilated(x, W, c["stride"], c["padding"].upper(), dimension_numbers=_LAYOUT)


def _transposed(x: Any, W: Any, c: Mapping[str, Any]) -> Any:
    """Transpose the convolution of a picture of the output's size, which is Keras'."""
    more = [max(k - s, 0) if c["padding"] == "valid" else 0 for k, s in zip(c["kernel"], c["stride"], strict=True)]
    height, width = (n * s + m for n, s, m in zip(x.shape[1:3], c["stride"], more, strict=True))
    picture = jax.ShapeDtypeStruct((len(x), height, width, W.shape[2]), x.dtype)
    (y,) = jax.linear_transpose(lambda image: _convolve(image, W, c), picture)(x)
    return y


def _pool(layer: str, x: Any, c: Mapping[str, Any]) -> Any:
    window, stride, padding = (1, *c["pool"], 1), (1, *c["stride"], 1), c["padding"].upper()
    if layer == "MaxPool2D":
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, stride, padding)
    sums, counts = (jax.lax.reduce_window(a, 0.0, jax.lax.add, window, stride, padding) for a in (x, jnp.ones_like(x)))
    return sums / counts


def _lstm(t: Mapping[str, Any], c: Mapping[str, Any]) -> Any:
    x, phi = t["x"], getattr(jax.nn, c["activation"])
    zeros = jnp.zeros((len(x), len(t["U"])), x.dtype)

    def step(state: Any, x_t: Any) -> Any:
        h, cell = state
        i, f, g, o = jnp.split(x_t @ t["W"] + h @ t["U"] + t["b"], 4, axis=1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * phi(g)
        h = jax.nn.sigmoid(o) * phi(cell)
        return (h, cell), h

    _, outputs = jax.lax.scan(step, (t.get("h0", zeros), t.get("c0", zeros)), x.swapaxes(0, 1))
    return outputs.swapaxes(0, 1) if c["return_sequences"] else outputs[-1]
