"""PyTorch's layers, asked for what the cases mean.

- A linear map keeps W as (out, in), the transpose.
- ``softplus`` returns its argument above ``threshold=20``, off by exp(-20) = 2e-9: here above 40.
- Images are (C, H, W), kernels (filters, C, kh, kw), transposed ones (C, filters, kh, kw).
- PyTorch refuses ``padding="same"`` of a strided window, and its ``padding=k // 2`` puts the windows elsewhere: the
  image is padded beforehand, after the last pixel where the number is odd.
- A mean over a window counts the padding: it is divided by the mean of a picture of ones.
- An LSTM keeps the transposed weights and two biases that it adds (the second is zero here); φ is tanh, no other.
- Dropout and noise draw for themselves, so what was drawn is multiplied or added here.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional as F

from scratchdae.conformance.adapter import Unsupported
from scratchdae.conformance.adapters import torch_second

Tensors = Mapping[str, Any]
Pair = tuple[int, int]


def activate(function: str, a: Any, slope: float = 0.01) -> Any:
    """Apply an activation."""
    if function == "leaky_relu":
        return F.leaky_relu(a, slope)
    if function == "softplus":
        return F.softplus(a, threshold=40)
    if function == "softmax":
        return F.softmax(a, dim=-1)
    return a.clone() if function == "identity" else getattr(torch, function)(a)


def apply(t: Tensors, c: Mapping[str, Any]) -> Any:
    """Apply a layer."""
    x, layer = t["x"], c["layer"]
    if layer in _ACTIVATIONS:
        return activate(_ACTIVATIONS[layer], x, c.get("slope", 0.01))
    if layer in ("MaxPool2D", "AveragePool2D"):
        return _pool(layer, x.movedim(-1, 1), c["pool"], c["stride"], c["padding"]).movedim(1, -1)
    if layer == "UpSampling2D":
        return F.interpolate(x.movedim(-1, 1), scale_factor=tuple(map(float, c["factor"]))).movedim(1, -1)
    if layer == "Dense":
        return F.linear(x, t["W"].T, t["b"])
    if layer == "Conv2D":
        padded = _padded(x.movedim(-1, 1), c["kernel"], c["stride"], c["padding"])
        return F.conv2d(padded, t["W"].permute(3, 2, 0, 1), t["b"], tuple(c["stride"])).movedim(1, -1)
    if layer == "Conv2DTranspose":
        return _transposed(t, c).movedim(1, -1)
    if layer == "LSTM":
        return _lstm(t, c)
    if layer == "GRU":
        return torch_second.gru(dict(t), c)
    if layer in _SECOND:
        return _SECOND[layer](t, c)
    if layer in ("Flatten", "Reshape"):
        return x.reshape(len(x), *c.get("shape", (-1,)))
    if layer == "RepeatVector":
        return x.unsqueeze(1).expand(-1, c["n"], -1)
    if layer == "Dropout":
        return x * t["keep"] / (1 - c["rate"])
    if layer == "GaussianNoise":
        return x + c["std"] * t["noise"]
    raise Unsupported(f"there is no {layer} here")


_ACTIVATIONS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "ReLU": "relu", "LeakyReLU": "leaky_relu", "Identity": "identity"}


def _convolved(t: Tensors, c: Mapping[str, Any]) -> Any:
    """Convolve images with holes in the kernel, or in groups; a dilated kernel is padded as large as it reaches."""
    dilation, stride = c.get("dilation", [1, 1]), tuple(c["stride"])
    reach = tuple((k - 1) * d + 1 for k, d in zip(c["kernel"], dilation, strict=True))
    padded = _padded(t["x"].movedim(-1, 1), reach, stride, c["padding"])
    W, groups = t["W"].permute(3, 2, 0, 1), c.get("groups", 1)
    return F.conv2d(padded, W, t["b"], stride, dilation=tuple(dilation), groups=groups).movedim(1, -1)


def _along(t: Tensors, c: Mapping[str, Any]) -> Any:
    """Run a convolution of sequences as that of images of one row."""
    images = {"x": t["x"][:, None], "W": t["W"][None], "b": t["b"]}
    own = {**c, "kernel": [1, c["kernel"]], "stride": [1, c["stride"]]}
    if c["layer"] == "Conv1D":
        return _convolved(images, own)[:, 0]
    return _transposed(images, own).movedim(1, -1)[:, 0]


_SECOND: Mapping[str, Callable[[Tensors, Mapping[str, Any]], Any]] = {
    "ELU": lambda t, c: F.elu(t["x"], c["alpha"]),
    "GELU": lambda t, c: F.gelu(t["x"], approximate=c["approximate"]),
    "SiLU": lambda t, _: F.silu(t["x"]),
    "Softplus": lambda t, _: F.softplus(t["x"], threshold=40),
    "Softmax": lambda t, _: F.softmax(t["x"], dim=-1),
    "TiedDense": lambda t, _: F.linear(t["x"], t["W"], t["b"]),
    "LayerNorm": lambda t, c: F.layer_norm(t["x"], t["x"].shape[-1:], t["gamma"], t["beta"], c["eps"]),
    "WeightNormDense": lambda t, _: F.linear(t["x"], torch._weight_norm(t["v"].T, t["g"][:, None], 0), t["b"]),
    "DilatedConv2D": _convolved,
    "GroupedConv2D": _convolved,
    "Conv1D": _along,
    "Conv1DTranspose": _along,
}


def _padded(x: Any, window: Pair, stride: Pair, padding: str, value: float = 0.0) -> Any:
    """Pad images (B, C, H, W) so that there are ceil(H / s) windows."""
    if padding == "valid":
        return x
    sides: list[int] = []
    for n, k, s in zip(reversed(x.shape[2:]), reversed(window), reversed(stride), strict=True):
        more = max((-(-n // s) - 1) * s + k - n, 0)
        sides += [more // 2, more - more // 2]
    return F.pad(x, sides, value=value)


def _pool(layer: str, x: Any, pool: Pair, stride: Pair, padding: str) -> Any:
    if layer == "MaxPool2D":
        return F.max_pool2d(_padded(x, pool, stride, padding, -torch.inf), tuple(pool), tuple(stride))
    sums, counts = (_padded(a, pool, stride, padding) for a in (x, torch.ones_like(x)))
    return F.avg_pool2d(sums, tuple(pool), tuple(stride)) / F.avg_pool2d(counts, tuple(pool), tuple(stride))


def _transposed(t: Tensors, c: Mapping[str, Any]) -> Any:
    """Spread the kernels over as many pixels as Keras does, from the first that ``same`` leaves."""
    x, kernel, stride = t["x"].movedim(-1, 1), c["kernel"], c["stride"]
    more = tuple(max(s - k, 0) for k, s in zip(kernel, stride, strict=True))
    y = F.conv_transpose2d(x, t["W"].permute(3, 2, 0, 1), t["b"], tuple(stride), output_padding=more)
    if c["padding"] == "valid":
        return y
    (top, left), (height, width) = (max(k - s, 0) // 2 for k, s in zip(kernel, stride, strict=True)), x.shape[2:]
    return y[:, :, top : top + height * stride[0], left : left + width * stride[1]]


def _lstm(t: Tensors, c: Mapping[str, Any]) -> Any:
    if c["activation"] != "tanh":
        raise Unsupported(f"torch.nn.LSTM knows tanh alone, not {c['activation']}")
    x, U = t["x"], t["U"]
    cells = torch.nn.LSTM(x.shape[2], len(U), batch_first=True, dtype=x.dtype)
    weights = {"weight_ih_l0": t["W"].T, "weight_hh_l0": U.T}
    weights |= {"bias_ih_l0": t["b"], "bias_hh_l0": torch.zeros_like(t["b"])}
    state = (t["h0"][None], t["c0"][None]) if "h0" in t else None
    outputs, _ = torch.func.functional_call(cells, weights, (x, state))
    return outputs if c["return_sequences"] else outputs[:, -1]
