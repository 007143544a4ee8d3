"""A network as modules of PyTorch, described without PyTorch: kinds, options, and where each array comes from.

Where the two differ, besides the order of the axes, which is said in `scratchdae.interchange.orders`:

- ``padding="same"`` of a strided window may want a pixel more after the image than before: `ZeroPad2d` gives it.
- An LSTM and a GRU have two biases there. An LSTM adds them, as a GRU does those of its gates r and z: the second is
  zero. `LSTM` and `GRU` here return one tensor, not a tuple.
- Batch normalisation is exact in evaluation; in training each goes on by its own convention, of which ``momentum`` is
  carried (0.1 there is a decay rate of 0.9 here) and the variance is PyTorch's, unbiased.
- ``Softplus`` returns its argument above ``threshold=20``, off by 2e-9: here above 40.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from scratchdae.arguments import Array, Params, instance, sequence
from scratchdae.interchange import orders
from scratchdae.layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    AveragePool2D,
    BatchNorm,
    Conv1D,
    Conv1DTranspose,
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
    Softmax,
    Softplus,
    Tanh,
    TiedDense,
    UpSampling2D,
)
from scratchdae.layers.windows import grid, pair, transposed_size
from scratchdae.models.boltzmann import RestrictedBoltzmannMachine
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.layer_spec import StackedLayer
from scratchdae.models.sequential import Sequential

Model: TypeAlias = Sequential | DenoisingAutoencoder | Sequence[StackedLayer]


class Entry(NamedTuple):
    """An array of a module, or a piece of one: those of one name stand one after the other along its first axis."""

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


def pieces(modules: list[list[Module]]) -> dict[str, list[Entry]]:
    """Return every array of the modules by its name in the whole, with what it is made of."""
    found: dict[str, list[Entry]] = {}
    for index, module in enumerate(module for group in modules for module in group):
        prefix = "" if module.kind == "TiedAutoencoder" else f"{index}."
        for entry in module.entries:
            found.setdefault(f"{prefix}{entry.name}", []).append(entry)
    return found


def taken(entries: Sequence[Entry], params: Params) -> Array:
    """Return an array of a module, a copy, made of the parameters of the model."""
    parts = [(np.array if entry.filled else np.zeros_like)(entry.turn(params[entry.source])) for entry in entries]
    return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts))


def put(entries: Sequence[Entry], value: Array, params: Params) -> None:
    """Add an array of a module to the parameters of the model, in place, each number to its own."""
    for entry in entries:
        target = params[entry.source]
        places = entry.turn(np.arange(target.size).reshape(target.shape))
        piece, value = value[: len(places)], value[len(places) :]
        np.add.at(target.reshape(-1), places.ravel(), piece.ravel())


def describe(model: Model) -> list[list[Module]]:
    """Return the modules of each layer; the first of a tied autoencoder is all of it."""
    if isinstance(model, DenoisingAutoencoder):
        return _autoencoder(model)
    if isinstance(model, Sequential):
        found, first = [_layer(model, k) for k in range(len(model.layers))], orders.arriving(model)
        if len(model.shapes[0]) == len(model.shapes[-1]) == 2 and first[0] != first[-1]:
            found[-1].append(permute(2, first[0]))  # sequences come out in the order in which they went in
        return found
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
        return model.check_params(model.params, "the params of model")
    found = [layer.check_params(layer.params, f"the params of model[{k}]") for k, layer in enumerate(stack(model))]
    return {f"layer_{k}.{name}": params[name] for k, params in enumerate(found, start=1) for name in ("W", "b")}


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


def permute(axes: int, first: bool) -> Module:
    """Return what brings the channels of images or sequences first, or last."""
    order = (axes, *range(1, axes)) if first else (*range(2, axes + 1), 1)
    return Module("Permute", {"axes": (0, *order)})


def _linear(W: str, b: str, inputs: int, outputs: int, rows: Any = slice(None), columns: Any = slice(None)) -> Module:
    entries = Entry("weight", W, lambda W: W[rows][:, columns].T), Entry("bias", b, lambda b: b[columns])
    return Module("Linear", {"in_features": inputs, "out_features": outputs}, entries)


def _layer(network: Sequential, k: int) -> list[Module]:
    """Return the modules of one layer, between those that bring the channels where it needs them."""
    layer, axes, arriving = network.layers[k], len(network.shapes[k]), orders.arriving(network)[k]
    if isinstance(layer, Flatten | Reshape):
        return _reshaped(network, k, arriving)
    mixing = axes == 3 and isinstance(layer, Dense | TiedDense)  # it mixes the channels
    wanted = not mixing and orders.wanted(layer, arriving, axes)
    turned = [permute(axes, wanted)] if wanted != arriving else []
    return [*turned, *_modules(network, k, wanted), *([permute(axes, True)] if mixing else [])]


def _modules(network: Sequential, k: int, first: bool) -> list[Module]:
    layer, name, shape = network.layers[k], network.names[k], network.shapes[k]
    W, b = f"{name}.W", f"{name}.b"
    if type(layer) in _PLAIN:
        return [_PLAIN[type(layer)](layer)]
    if isinstance(layer, Softmax):
        return [Module("Softmax", {"dim": 1 if first or len(shape) == 1 else -1})]
    if isinstance(layer, Dense | TiedDense):
        rows, columns = (orders.channels_first(orders.side(network, k, way)) for way in (-1, 1))
        if isinstance(layer, TiedDense):
            return [Module("TiedLinear", {"partner": layer.tied_to}, (Entry("bias", b, lambda b: b[columns]),))]
        return [_linear(W, b, shape[-1], layer.units, rows, columns)]
    if isinstance(layer, BatchNorm) and len(shape) <= 3:
        return [_batch_norm(layer, name, shape, orders.channels_first(orders.between(network, k)))]
    if isinstance(layer, Conv1D | Conv2D):
        return _convolution(layer, W, b, shape)
    if isinstance(layer, Conv1DTranspose | Conv2DTranspose):
        return _transposed(layer, W, b, shape)
    if isinstance(layer, MaxPool2D | AveragePool2D):
        return _pooling(layer, name, shape)
    if isinstance(layer, UpSampling2D):
        factor = tuple(map(float, pair("factor", layer.factor)))
        return [Module("Upsample", {"scale_factor": factor, "mode": "nearest"})]
    if isinstance(layer, RepeatVector):
        return [Module("RepeatVector", {"n": layer.n})]
    if isinstance(layer, LSTM | GRU) and layer.activation == "tanh" and getattr(layer, "reset", "after") == "after":
        return [_recurrent(layer, name, shape)]
    raise ValueError(f"{_REFUSED}: {name}: {layer}")


def _same(array: Array) -> Array:
    return array


def _kernels(W: Array) -> Array:
    """Bring the channels of kernels, those that PyTorch has first, to the front."""
    return W.transpose(-1, -2, *range(W.ndim - 2))


def _batch_norm(layer: BatchNorm, name: str, shape: tuple[int, ...], order: Any) -> Module:
    options = {"num_features": shape[-1], "eps": layer.eps, "momentum": round(1 - layer.decay_rate, 12)}
    names = {"weight": "gamma", "bias": "beta", "running_mean": "running_mean", "running_var": "running_variance"}
    entries = [Entry(there, f"{name}.{here}", lambda array: array[order]) for there, here in names.items()]
    return Module("BatchNorm2d" if len(shape) == 3 else "BatchNorm1d", options, tuple(entries))


def _recurrent(layer: LSTM | GRU, name: str, shape: tuple[int, ...]) -> Module:
    options = {"input_size": shape[1], "hidden_size": layer.units, "return_sequences": layer.return_sequences}
    W, U = (Entry(f"weight_{s}_l0", f"{name}.{array}", np.transpose) for s, array in (("ih", "W"), ("hh", "U")))
    b, second = Entry("bias_ih_l0", f"{name}.b", _same), Entry("bias_hh_l0", f"{name}.b", _same, False)
    if isinstance(layer, LSTM):
        return Module("LSTM", options, (W, U, b, second))
    gates = second._replace(turn=lambda b: b[: 2 * layer.units])
    return Module("GRU", options, (W, U, b, gates, Entry("bias_hh_l0", f"{name}.b_U", _same)))


def _sizes(name: str, value: Any, layer: Any) -> dict[str, Any]:
    return {name: pair("kernel", value), "stride": pair("stride", layer.stride)}


def _window(kernel: Any, stride: Any, padding: str, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return how many pixels before and after the image the windows see, down and across."""
    kernel, stride = pair("kernel", kernel), pair("stride", stride)
    windows = grid((shape[0], shape[1]), kernel, stride, padding)
    ends = [(m - 1) * s + size - n for m, s, size, n in zip(windows.size, stride, kernel, shape, strict=False)]
    return [(before, max(end - before, 0)) for before, end in zip(windows.before, ends, strict=True)]


def _padded(window: list[tuple[int, int]]) -> list[Module]:
    """Return what pads each axis before and after, the last axis first; nothing where there is nothing to do."""
    padding = tuple(n for sides in reversed(window) for n in sides)
    return [Module(f"ZeroPad{len(window)}d", {"padding": padding})] if any(padding) else []


def _convolution(layer: Conv1D | Conv2D, W: str, b: str, shape: tuple[int, ...]) -> list[Module]:
    axes = len(shape) - 1  # a sequence is an image of one row
    kernel, stride = _of_image(layer.kernel, axes), _of_image(layer.stride, axes)
    window = _window(kernel, stride, layer.padding, (1, *shape)[-3:])[-axes:]
    options = {
        "in_channels": shape[-1],
        "out_channels": layer.filters,
        "kernel_size": kernel[-axes:],
        "stride": stride[-axes:],
    }
    entries = Entry("weight", W, _kernels), Entry("bias", b, _same)
    if all(first == last for first, last in window):
        return [Module(f"Conv{axes}d", options | {"padding": tuple(first for first, _ in window)}, entries)]
    return [*_padded(window), Module(f"Conv{axes}d", options, entries)]


def _of_image(value: Any, axes: int) -> tuple[int, int]:
    return (1, value) if axes == 1 else pair("kernel", value)


def _transposed(layer: Conv1DTranspose | Conv2DTranspose, W: str, b: str, shape: tuple[int, ...]) -> list[Module]:
    """Spread whole kernels, then cut off what `same` leaves out."""
    axes = len(shape) - 1
    kernel, stride, sides = _of_image(layer.kernel, axes), _of_image(layer.stride, axes), (1, *shape)[-3:-1]
    size = transposed_size((sides[0], sides[1]), kernel, stride, layer.padding)
    tops = grid(size, kernel, stride, layer.padding).before
    beyond = [(n - 1) * s + k - side for n, s, k, side in zip(sides, stride, kernel, size, strict=True)]  # both ends
    options: dict[str, Any] = {"in_channels": shape[-1], "out_channels": layer.filters}
    options |= {"kernel_size": kernel[-axes:], "stride": stride[-axes:]}
    cut = [(-min(max(more, 0), top), top - max(more, 0)) for more, top in zip(beyond, tops, strict=True)][-axes:]
    if all(first == last for first, last in cut):  # PyTorch's own padding takes as much at either end
        options["padding"], cut = tuple(-first for first, _ in cut), [(0, 0)] * axes
    options["output_padding"] = tuple(max(-more, 0) for more in beyond)[-axes:]
    entries = Entry("weight", W, _kernels), Entry("bias", b, _same)
    return [Module(f"ConvTranspose{axes}d", options, entries), *_padded(cut)]


def _pooling(layer: MaxPool2D | AveragePool2D, name: str, shape: tuple[int, ...]) -> list[Module]:
    window, options = _window(layer.pool, layer.stride, layer.padding, shape), _sizes("kernel_size", layer.pool, layer)
    if any(first + last for first, last in window):
        if any(a != b and s == 1 for (a, b), s in zip(window, options["stride"], strict=True)):
            raise ValueError(f"{_REFUSED}: {name}: {layer}, whose windows reach a pixel further down than up")
        options |= {"padding": tuple(first for first, _ in window), "ceil_mode": any(a != b for a, b in window)}
    if isinstance(layer, AveragePool2D):
        return [Module("AvgPool2d", options | {"count_include_pad": False})]
    return [Module("MaxPool2d", options)]


def _reshaped(network: Sequential, k: int, first: bool) -> list[Module]:
    """Return a change of shape: by PyTorch's own order where a linear layer takes care of it, else by ours."""
    shape, after, becomes_first = network.shapes[k], network.shapes[k + 1], orders.arriving(network)[k + 1]
    ordered = orders.flat_first(network, k)
    if len(shape) == 1 < len(after) and ordered:
        return [Module("Unflatten", {"dim": 1, "unflattened_size": (after[-1], *after[:-1])})]
    turned = [permute(len(shape), False)] if first and not (len(after) == 1 and ordered) else []
    flat = [] if len(shape) == 1 < len(after) else [Module("Flatten", {})]
    made = [] if len(after) == 1 else [Module("Unflatten", {"dim": 1, "unflattened_size": after})]
    return [*turned, *flat, *made, *([permute(len(after), True)] if becomes_first else [])]
