"""A network as modules of PyTorch, described without PyTorch: kinds, options, and where each array comes from.

Where the two differ:

- Images are (H, W, C) here and (C, H, W) there. What is flattened there has the channels first, so the rows of the
  `Dense` that reads it are put in that order, and likewise the columns of one whose output becomes an image. Where no
  `Dense` is there to take it, a `Permute` says so.
- ``padding="same"`` of a strided window may want a pixel more after the image than before: `ZeroPad2d` gives it.
- An LSTM has two biases there, which it adds: the second is zero. `LSTM` here returns one tensor, not a tuple.
- ``Softplus`` returns its argument above ``threshold=20``, off by 2e-9: here above 40.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from scratchdae.arguments import Array, Params, instance, sequence
from scratchdae.layers import (
    ELU,
    GELU,
    LSTM,
    AveragePool2D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Identity,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    RepeatVector,
    Reshape,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    UpSampling2D,
)
from scratchdae.layers.windows import grid, pair, transposed_size
from scratchdae.models.boltzmann import RestrictedBoltzmannMachine
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.layer_spec import StackedLayer
from scratchdae.models.sequential import Sequential

Model: TypeAlias = Sequential | DenoisingAutoencoder | Sequence[StackedLayer]


class Entry(NamedTuple):
    """An array of a module."""

    name: str  # as PyTorch calls it
    source: str  # the parameter of the model
    turn: Callable[[Array], Array]  # from the model's layout to PyTorch's
    filled: bool = True  # False: PyTorch adds a second array to it, which is zero


class Module(NamedTuple):
    """A module of ``torch.nn``, or of `scratchdae.interchange.torch`."""

    kind: str
    options: dict[str, Any]
    entries: tuple[Entry, ...] = ()


_PLAIN: dict[type, Callable[[Any], Module]] = {  # they act on every number alone, whatever its place
    Identity: lambda _: Module("Identity", {}),
    Sigmoid: lambda _: Module("Sigmoid", {}),
    Tanh: lambda _: Module("Tanh", {}),
    ReLU: lambda _: Module("ReLU", {}),
    LeakyReLU: lambda layer: Module("LeakyReLU", {"negative_slope": layer.slope}),
    ELU: lambda layer: Module("ELU", {"alpha": layer.alpha}),
    GELU: lambda layer: Module("GELU", {"approximate": layer.approximate}),
    Softplus: lambda _: Module("Softplus", {"threshold": 40.0}),
    SiLU: lambda _: Module("SiLU", {}),
    Dropout: lambda layer: Module("Dropout", {"p": layer.rate}),
    GaussianNoise: lambda layer: Module("GaussianNoise", {"std": layer.std}),
}
_REFUSED = "model cannot be carried over to PyTorch"
_SIGMOID = Module("Sigmoid", {})
TO_LAST, TO_FIRST = Module("Permute", {"axes": (0, 2, 3, 1)}), Module("Permute", {"axes": (0, 3, 1, 2)})


def describe(model: Model) -> list[list[Module]]:
    """Return the modules of each layer; the first of a tied autoencoder is all of it."""
    if isinstance(model, DenoisingAutoencoder):
        return _autoencoder(model)
    if isinstance(model, Sequential):
        return [_layer(model, k) for k in range(len(model.layers))]
    return [
        [_linear(f"layer_{k}.W", f"layer_{k}.b", layer.n_visible, layer.n_hidden), _SIGMOID]
        for k, layer in enumerate(stack(model), start=1)
    ]


def stack(layers: object) -> tuple[StackedLayer, ...]:
    """Return the layers of a stack, refused unless that is what it is."""
    what = "a Sequential, a DenoisingAutoencoder or a list of pretrained layers"
    found = sequence("model", layers, what)
    if not found:
        raise ValueError(f"model must be {what}, found none")
    for k, layer in enumerate(found):
        instance(f"model[{k}]", layer, DenoisingAutoencoder | RestrictedBoltzmannMachine, what)  # type: ignore[arg-type]
    return found


def params_of(model: Model) -> Params:
    """Return all parameters by the names that the entries of `describe` have."""
    if isinstance(model, Sequential | DenoisingAutoencoder):
        return model.params
    return {f"layer_{k}.{name}": layer.params[name] for k, layer in enumerate(stack(model), 1) for name in ("W", "b")}


def dtype_of(model: Model) -> str:
    """Return the name of a model's precision."""
    return (model if isinstance(model, Sequential | DenoisingAutoencoder) else stack(model)[0]).dtype.name


def _autoencoder(model: DenoisingAutoencoder) -> list[list[Module]]:
    D, H, linear = model.n_visible, model.n_hidden, model.options["output"] == "linear"
    if model.tied:
        entries = Entry("encoder.weight", "W", np.transpose), Entry("encoder.bias", "b", _same)
        options = {"n_visible": D, "n_hidden": H, "output": model.options["output"]}
        return [[Module("TiedAutoencoder", options, (*entries, Entry("decoder_bias", "b_prime", _same)))]]
    layers = [_linear("W", "b", D, H), _SIGMOID, _linear("W_prime", "b_prime", H, D)]
    return [[one] for one in (layers if linear else [*layers, _SIGMOID])]


def _linear(W: str, b: str, inputs: int, outputs: int, rows: Any = slice(None), columns: Any = slice(None)) -> Module:
    entries = Entry("weight", W, lambda W: W[rows][:, columns].T), Entry("bias", b, lambda b: b[columns])
    return Module("Linear", {"in_features": inputs, "out_features": outputs}, entries)


def _layer(network: Sequential, k: int) -> list[Module]:
    layer, name, shape, after = network.layers[k], network.names[k], network.shapes[k], network.shapes[k + 1]
    W, b = f"{name}.W", f"{name}.b"
    if type(layer) in _PLAIN:
        return [_PLAIN[type(layer)](layer)]
    if isinstance(layer, Dense):
        if len(shape) == 3:  # it mixes the channels
            return [TO_LAST, _linear(W, b, shape[-1], layer.units), TO_FIRST]
        rows, columns = _image(network, k, -1), _image(network, k, 1)
        return [_linear(W, b, shape[-1], layer.units, _channels_first(rows), _channels_first(columns))]
    if isinstance(layer, Conv2D):
        window = _window(layer.kernel, layer.stride, layer.padding, shape)
        options = {"in_channels": shape[2], "out_channels": layer.filters, **_sizes("kernel_size", layer.kernel, layer)}
        entries = Entry("weight", W, lambda W: W.transpose(3, 2, 0, 1)), Entry("bias", b, _same)
        if all(first == last for first, last in window):
            return [Module("Conv2d", options | {"padding": tuple(first for first, _ in window)}, entries)]
        return [*_padded(window), Module("Conv2d", options, entries)]
    if isinstance(layer, Conv2DTranspose):
        return _transposed(layer, W, b, shape)
    if isinstance(layer, MaxPool2D | AveragePool2D):
        window = _window(layer.pool, layer.stride, layer.padding, shape)
        options = _sizes("kernel_size", layer.pool, layer)
        if any(first + last for first, last in window):
            if any(a != b and s == 1 for (a, b), s in zip(window, options["stride"], strict=True)):
                raise ValueError(f"{_REFUSED}: {name}: {layer}, whose windows reach a pixel further down than up")
            options |= {"padding": tuple(first for first, _ in window), "ceil_mode": any(a != b for a, b in window)}
        if isinstance(layer, AveragePool2D):
            return [Module("AvgPool2d", options | {"count_include_pad": False})]
        return [Module("MaxPool2d", options)]
    if isinstance(layer, UpSampling2D):
        factor = tuple(map(float, pair("factor", layer.factor)))
        return [Module("Upsample", {"scale_factor": factor, "mode": "nearest"})]
    if isinstance(layer, Flatten | Reshape):
        return _reshaped(network, k, shape, after)
    if isinstance(layer, RepeatVector):
        return [Module("RepeatVector", {"n": layer.n})]
    if isinstance(layer, LSTM) and layer.activation == "tanh":
        weights = {"weight_ih_l0": W, "weight_hh_l0": f"{name}.U", "bias_ih_l0": b, "bias_hh_l0": b}
        turns = [Entry(n, s, np.transpose if "weight" in n else _same, n != "bias_hh_l0") for n, s in weights.items()]
        options = {"input_size": shape[1], "hidden_size": layer.units, "return_sequences": layer.return_sequences}
        return [Module("LSTM", options, tuple(turns))]
    raise ValueError(f"{_REFUSED}: {name}: {layer}")


def _same(array: Array) -> Array:
    return array


def _sizes(name: str, value: Any, layer: Any) -> dict[str, Any]:
    return {name: pair("kernel", value), "stride": pair("stride", layer.stride)}


def _window(kernel: Any, stride: Any, padding: str, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return how many pixels before and after the image the windows see, down and across."""
    kernel, stride = pair("kernel", kernel), pair("stride", stride)
    windows = grid((shape[0], shape[1]), kernel, stride, padding)
    ends = [(m - 1) * s + size - n for m, s, size, n in zip(windows.size, stride, kernel, shape, strict=False)]
    return [(before, max(end - before, 0)) for before, end in zip(windows.before, ends, strict=True)]


def _padded(window: list[tuple[int, int]]) -> list[Module]:
    (top, bottom), (left, right) = window
    return [Module("ZeroPad2d", {"padding": (left, right, top, bottom)})] if any((top, bottom, left, right)) else []


def _transposed(layer: Conv2DTranspose, W: str, b: str, shape: tuple[int, ...]) -> list[Module]:
    """Spread whole kernels, then cut off what `same` leaves out."""
    kernel, stride = pair("kernel", layer.kernel), pair("stride", layer.stride)
    size = transposed_size((shape[0], shape[1]), kernel, stride, layer.padding)
    tops = grid(size, kernel, stride, layer.padding).before
    beyond = [(n - 1) * s + k - side for n, s, k, side in zip(shape, stride, kernel, size, strict=False)]  # both ends
    options = {"in_channels": shape[2], "out_channels": layer.filters, **_sizes("kernel_size", layer.kernel, layer)}
    cut = [(-min(max(more, 0), top), top - max(more, 0)) for more, top in zip(beyond, tops, strict=True)]
    if all(first == last for first, last in cut):  # PyTorch's own padding takes as much at either end
        options["padding"], cut = tuple(-first for first, _ in cut), [(0, 0), (0, 0)]
    options["output_padding"] = tuple(max(-more, 0) for more in beyond)
    entries = Entry("weight", W, lambda W: W.transpose(3, 2, 0, 1)), Entry("bias", b, _same)
    return [Module("ConvTranspose2d", options, entries), *_padded(cut)]


def _image(network: Sequential, k: int, way: int) -> tuple[int, ...] | None:
    """Return the shape of the image that layer k's input was flattened from, or its output becomes; None without."""
    j = k + way
    while 0 <= j < len(network.layers) and type(network.layers[j]) in _PLAIN:
        j += way
    if not 0 <= j < len(network.layers) or not isinstance(network.layers[j], Flatten | Reshape):
        return None
    flat, image = (network.shapes[j], network.shapes[j + 1])[:: 1 if way > 0 else -1]
    return image if len(flat) == 1 and len(image) == 3 else None


def _channels_first(image: tuple[int, ...] | None) -> Any:
    """Return the order in which PyTorch has the numbers of an image, flattened."""
    if image is None:
        return slice(None)
    return np.arange(np.prod(image)).reshape(image).transpose(2, 0, 1).ravel()


def _taken(network: Sequential, k: int, way: int) -> bool:
    """Tell whether a `Dense` on that side of a change of shape puts its rows or columns in PyTorch's order."""
    j = k + way
    while 0 <= j < len(network.layers) and type(network.layers[j]) in _PLAIN:
        j += way
    return 0 <= j < len(network.layers) and isinstance(network.layers[j], Dense)


def _reshaped(network: Sequential, k: int, shape: tuple[int, ...], after: tuple[int, ...]) -> list[Module]:
    if len(shape) == 1 and len(after) == 3 and _taken(network, k, -1):
        return [Module("Unflatten", {"dim": 1, "unflattened_size": (after[2], *after[:2])})]
    turned = [] if len(shape) != 3 or (len(after) == 1 and _taken(network, k, 1)) else [TO_LAST]
    flat = [] if len(shape) == 1 < len(after) else [Module("Flatten", {})]
    made = [] if len(after) == 1 else [Module("Unflatten", {"dim": 1, "unflattened_size": after})]
    return [*turned, *flat, *made, *([TO_FIRST] if len(after) == 3 else [])]
