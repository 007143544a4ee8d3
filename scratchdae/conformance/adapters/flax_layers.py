"""Flax's layers, made with the weights of a case in place of initializers.

- Images (H, W, C), kernels, ``SAME`` padding and gates (i f g o, one bias) are laid out as in the cases.
- A transposed convolution does not flip its kernel unless ``transpose_kernel=True``.
- ``nnx.avg_pool`` counts the padding unless it is told not to (``count_include_pad=False``).
- The carry of an LSTM is (c, h); it begins in ``param_dtype``, float32 unless it is told otherwise.
- nnx.Dropout draws for itself; upsampling, repeated vectors and noise are JAX's.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flax import nnx

from scratchdae.conformance.adapters import jax_layers


def linear(W: Any, b: Any) -> Any:
    """Make a linear layer with given weights."""
    return nnx.Linear(*W.shape, kernel_init=_given(W), bias_init=_given(b), rngs=nnx.Rngs(0))


def apply(t: Mapping[str, Any], c: Mapping[str, Any]) -> Any:
    """Apply a layer."""
    x, layer = t["x"], c["layer"]
    if layer == "Dense":
        return linear(t["W"], t["b"])(x)
    if layer in ("Conv2D", "Conv2DTranspose"):
        options = {"strides": tuple(c["stride"]), "padding": c["padding"].upper(), "rngs": nnx.Rngs(0)}
        options |= {"kernel_init": _given(t["W"]), "bias_init": _given(t["b"])}
        if layer == "Conv2DTranspose":
            options["transpose_kernel"] = True
        module = nnx.Conv if layer == "Conv2D" else nnx.ConvTranspose
        return module(x.shape[-1], c["filters"], tuple(c["kernel"]), **options)(x)
    if layer == "MaxPool2D":
        return nnx.max_pool(x, tuple(c["pool"]), tuple(c["stride"]), c["padding"].upper())
    if layer == "AveragePool2D":
        return nnx.avg_pool(x, tuple(c["pool"]), tuple(c["stride"]), c["padding"].upper(), count_include_pad=False)
    return _lstm(t, c) if layer == "LSTM" else jax_layers.apply(t, c)


def _given(value: Any) -> Callable[..., Any]:
    """Return an initializer that draws nothing."""
    return lambda *_: value


def _lstm(t: Mapping[str, Any], c: Mapping[str, Any]) -> Any:
    weights = {"kernel_init": _given(t["W"]), "recurrent_kernel_init": _given(t["U"]), "bias_init": _given(t["b"])}
    phi = getattr(nnx, c["activation"])
    x, rngs = t["x"], nnx.Rngs(0)
    cell = nnx.OptimizedLSTMCell(x.shape[2], c["units"], activation_fn=phi, param_dtype=x.dtype, rngs=rngs, **weights)
    outputs = nnx.RNN(cell, rngs=rngs)(x, initial_carry=(t["c0"], t["h0"]) if "h0" in t else None)
    return outputs if c["return_sequences"] else outputs[:, -1]
