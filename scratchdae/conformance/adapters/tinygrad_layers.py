"""Layers of tinygrad are PyTorch's: channels first, W as (out, in), gates i f g o with two biases.

- Padding may differ from side to side, as (left, right, top, bottom): so it pads as the cases do by itself.
- A mean over a window counts the padding unless it is told not to (``count_include_pad=False``).
- An LSTMCell takes one step; φ is tanh, no other.
- Dropout draws for itself, so what was drawn is multiplied here; there is no layer that adds noise, and it is added.
"""

from collections.abc import Mapping
from typing import Any

from tinygrad import Tensor, nn

from scratchdae.conformance.adapter import Unsupported

_ACTIVATIONS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "ReLU": "relu", "LeakyReLU": "leaky_relu", "Identity": "identity"}


def activate(function: str, a: Any, slope: float = 0.01) -> Any:
    """Apply an activation."""
    if function == "leaky_relu":
        return a.leaky_relu(slope)
    return a.clone() if function == "identity" else getattr(a, function)()


def apply(t: Mapping[str, Any], c: Mapping[str, Any]) -> Any:
    """Apply a layer."""
    x, layer = t["x"], c["layer"]
    if layer in _ACTIVATIONS:
        return activate(_ACTIVATIONS[layer], x, c.get("slope", 0.01))
    if layer == "Dense":
        return x.linear(t["W"], t["b"])
    if layer in ("Conv2D", "Conv2DTranspose", "MaxPool2D", "AveragePool2D", "UpSampling2D"):
        return _of_images(layer, x.permute(0, 3, 1, 2), t, c).permute(0, 2, 3, 1)
    if layer == "LSTM":
        return _lstm(t, c)
    if layer in ("Flatten", "Reshape"):
        return x.reshape(len(x), *c.get("shape", (-1,)))
    if layer == "RepeatVector":
        return x.unsqueeze(1).expand(-1, c["n"], -1)
    if layer == "Dropout":
        return x * t["keep"] / (1 - c["rate"])
    if layer == "GaussianNoise":
        return x + c["std"] * t["noise"]
    raise Unsupported(f"there is no {layer} here")


def _of_images(layer: str, x: Any, t: Mapping[str, Any], c: Mapping[str, Any]) -> Any:
    """Apply a layer to images (B, C, H, W)."""
    if layer == "UpSampling2D":
        return x.interpolate(tuple(n * f for n, f in zip(x.shape[2:], c["factor"], strict=True)), "nearest")
    kernel, stride = tuple(c["kernel" if "kernel" in c else "pool"]), tuple(c["stride"])
    if layer == "Conv2DTranspose":
        return _transposed(x, t, kernel, stride, c["padding"])
    padding = [0, 0, 0, 0]
    if c["padding"] == "same":  # ceil(n / s) windows, the odd pixel after the last
        more = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(x.shape[2:], kernel, stride, strict=True)]
        padding = [side for m in reversed(more) for side in (m // 2, m - m // 2)]
    if layer == "Conv2D":
        return x.conv2d(t["W"].permute(3, 2, 0, 1), t["b"], stride=stride, padding=padding)
    if layer == "MaxPool2D":
        return x.max_pool2d(kernel, stride, padding=tuple(padding))
    return x.avg_pool2d(kernel, stride, padding=tuple(padding), count_include_pad=False)


def _transposed(x: Any, t: Mapping[str, Any], kernel: Any, stride: Any, padding: str) -> Any:
    """Spread the kernels over as many pixels as Keras does, from the first that ``same`` leaves."""
    beyond = tuple(max(s - k, 0) for k, s in zip(kernel, stride, strict=True))
    over = [max(k - s, 0) if padding == "same" else 0 for k, s in zip(kernel, stride, strict=True)]
    sides = [side for o in reversed(over) for side in (o // 2, o - o // 2)]
    return x.conv_transpose2d(t["W"].permute(3, 2, 0, 1), t["b"], stride=stride, padding=sides, output_padding=beyond)


def _lstm(t: Mapping[str, Any], c: Mapping[str, Any]) -> Any:
    if c["activation"] != "tanh":
        raise Unsupported(f"tinygrad's LSTMCell knows tanh alone, not {c['activation']}")
    x, U = t["x"], t["U"]
    cell = nn.LSTMCell(x.shape[2], U.shape[0])
    cell.weight_ih, cell.weight_hh = t["W"].T, U.T
    cell.bias_ih, cell.bias_hh = t["b"], t["b"].zeros_like()
    state, outputs = ((t["h0"], t["c0"]) if "h0" in t else None), []
    for step in range(x.shape[1]):
        state = cell(x[:, step], state)
        outputs.append(state[0])
    return Tensor.stack(*outputs, dim=1) if c["return_sequences"] else outputs[-1]
