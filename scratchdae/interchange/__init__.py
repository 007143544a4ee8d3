"""Networks and weights to PyTorch and Keras and back: the same outputs, to the rounding of the precision.

::

    module = interchange.to_torch(model)                # an nn.Sequential, in evaluation mode
    model = interchange.from_torch(module, (1, 28, 28))  # a scratchdae.Sequential that answers alike
    network = interchange.to_keras(model)
    model = interchange.from_keras(network)
    interchange.save_safetensors(model, "weights.safetensors")  # for module.load_state_dict; needs no PyTorch

Images are channels last here and in Keras, channels first in PyTorch; weights that read a flattened image are put in
order on the way. Names are those of a plain ``nn.Sequential``, ``0.weight`` and so on: for a module of your own with
the same layers and other names, ``own.load_state_dict(dict(zip(own.state_dict(), module.state_dict().values())))``.
What is not carried over, as batch normalisation, is refused with its path, ``encoder.3: BatchNorm2d``. Weights are
copied, never shared.
"""

import os
from typing import Any

import numpy as np

from scratchdae import arguments
from scratchdae.arguments import Array, Params, arrays, framework, instance
from scratchdae.interchange.torch_modules import Entry, Model, describe, params_of
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential

__all__ = [
    "from_keras",
    "from_torch",
    "load_safetensors",
    "load_state_dict",
    "save_safetensors",
    "state_dict",
    "to_keras",
    "to_torch",
]


def state_dict(model: Model) -> Params:
    """Return the weights as PyTorch has them.

    Parameters
    ----------
    model : Sequential, DenoisingAutoencoder, or list of pretrained layers
        The model; of a list the encoders, one after the other.

    Returns
    -------
    dict of str to ndarray
        Copies, under the names and in the layout that ``to_torch(model).load_state_dict`` takes.
    """
    params, found = params_of(model), {}
    for name, entry in _entries(model).items():
        value = np.ascontiguousarray(entry.turn(params[entry.source]))
        found[name] = value.copy() if entry.filled else np.zeros_like(value)
    return found


def load_state_dict(model: Sequential | DenoisingAutoencoder, found: Params) -> None:
    """Put weights as PyTorch has them into a model, in place of its own, whose dtype they take.

    Parameters
    ----------
    model : Sequential or DenoisingAutoencoder
        With the layers that the weights are of.
    found : dict of str to ndarray
        As `state_dict` returns them.
    """
    instance("model", model, Sequential | DenoisingAutoencoder, "a Sequential or a DenoisingAutoencoder")  # type: ignore[arg-type]
    found, entries = arrays("found", found), _entries(model)
    origins = {name: np.arange(value.size).reshape(value.shape) for name, value in model.params.items()}
    places = {name: entry.turn(origins[entry.source]) for name, entry in entries.items()}
    wrong = [f"{name} {places[name].shape} is missing" for name in places if name not in found]
    wrong += [f"{name} {found[name].shape} has no place" for name in found if name not in places]
    wrong += [
        f"{name} must be {places[name].shape}, found {value.shape}"
        for name, value in found.items()
        if name in places and value.shape != places[name].shape
    ]
    if wrong:
        raise ValueError(f"found must hold the arrays of the model: {'; '.join(wrong)}")
    params = {name: np.zeros(value.shape, value.dtype) for name, value in model.params.items()}
    for name, entry in entries.items():
        np.add.at(params[entry.source].reshape(-1), places[name].ravel(), found[name].ravel())
    model.params = params


def save_safetensors(model: Model, path: str | os.PathLike[str]) -> None:
    """Write `state_dict` of a model to a file that ``safetensors.torch.load_file`` reads.

    Parameters
    ----------
    model : Sequential, DenoisingAutoencoder, or list of pretrained layers
        The model.
    path : path-like
        The file, written whole or not at all.
    """
    from safetensors.numpy import save

    from scratchdae import atomic

    atomic.write(arguments.path("path", path), save(state_dict(model)))


def load_safetensors(model: Sequential | DenoisingAutoencoder, path: str | os.PathLike[str]) -> None:
    """Put the weights of a file of PyTorch's names and layout into a model, as `load_state_dict` does.

    Parameters
    ----------
    model : Sequential or DenoisingAutoencoder
        With the layers that the weights are of.
    path : path-like
        The file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(arguments.path("path", path).read_bytes())
    except SafetensorError as error:
        raise ValueError(f"path must be a safetensors file, found {path} ({error})") from None
    load_state_dict(model, found)


def to_torch(model: Model) -> Any:
    """Make a module of PyTorch that computes what a model does, in evaluation mode.

    Parameters
    ----------
    model : Sequential, DenoisingAutoencoder, or list of pretrained layers
        The model; of a list the encoders, one after the other.

    Returns
    -------
    torch.nn.Module
        An ``nn.Sequential``, whose images are (C, H, W); of a tied autoencoder a `TiedAutoencoder`, whose ``encoder``
        is an ``nn.Linear``.
    """
    return _torch().to_torch(model)


def from_torch(
    module: Any, input_shape: tuple[int, ...] | None = None, *, loss: str = "squared_error", reduction: str = "mean"
) -> Sequential | DenoisingAutoencoder:
    """Make a model of a module of PyTorch; of its layers in the order in which ``forward`` calls them.

    Parameters
    ----------
    module : torch.nn.Module
        A chain of layers: an ``nn.Sequential``, or a class of one's own, with functions like ``F.relu`` in between.
    input_shape : tuple of int, optional
        Shape of one example as the module takes it, (C, H, W) for images. It may be left out where a linear layer is
        the first.
    loss : str
        Loss of the model.
    reduction : {"mean", "paper"}
        Reduction of the loss.

    Returns
    -------
    Sequential or DenoisingAutoencoder
        With copies of the weights; a layer without a bias gets one of zeros. Images are (H, W, C).
    """
    found: Sequential | DenoisingAutoencoder = _torch().from_torch(module, input_shape, loss, reduction)
    return found


def to_keras(model: Model) -> Any:
    """Make a network of Keras that computes what a model does.

    Parameters
    ----------
    model : Sequential, DenoisingAutoencoder, or list of pretrained layers
        The model; of a list the encoders, one after the other.

    Returns
    -------
    keras.Sequential
        Not compiled. Of a tied autoencoder its one layer is a `TiedAutoencoder`.
    """
    return _keras().to_keras(model)


def from_keras(
    network: Any, *, loss: str = "squared_error", reduction: str = "mean"
) -> Sequential | DenoisingAutoencoder:
    """Make a model of a network of Keras.

    Parameters
    ----------
    network : keras.Model
        A chain of layers, built: sequential or functional, in parts or whole.
    loss : str
        Loss of the model.
    reduction : {"mean", "paper"}
        Reduction of the loss.

    Returns
    -------
    Sequential or DenoisingAutoencoder
        With copies of the weights. An activation inside a layer becomes a layer of its own.
    """
    found: Sequential | DenoisingAutoencoder = _keras().from_keras(network, loss, reduction)
    return found


def as_network(model: Any, x: Any, target: Any) -> tuple[Any, Array, Array]:
    """Return a model of PyTorch or Keras as ours, and its examples and targets in our layout and its precision."""
    x, target = (np.asarray(one.detach().cpu() if hasattr(one, "detach") else one) for one in (x, target))
    loss = "softmax_cross_entropy" if target.ndim == 1 and target.dtype.kind in "iu" else "squared_error"
    if framework(model) == "keras":
        network = from_keras(model, loss=loss)
    else:
        network = from_torch(model, x.shape[1:], loss=loss)
        x, target = (np.moveaxis(one, 1, -1) if one.ndim == 4 else one for one in (x, target))
    return network, x, target


def as_loss_and_grads(module: Any, data: Any) -> Any:
    """Return what `scratchdae.gradcheck.check` takes: the gradients that PyTorch itself computes for a module."""
    if framework(module) == "keras":
        raise ValueError("loss_and_grads must be a function or a module of PyTorch, found a network of Keras")
    x, target = data if isinstance(data, tuple) else (data, data)
    return _torch().loss_and_grads(module, x, target)


def _entries(model: Model) -> dict[str, Entry]:
    """Return every array of the modules by its name in the whole."""
    found: dict[str, Entry] = {}
    for index, module in enumerate(module for group in describe(model) for module in group):
        prefix = "" if module.kind == "TiedAutoencoder" else f"{index}."
        found |= {f"{prefix}{entry.name}": entry for entry in module.entries}
    return found


def _torch() -> Any:
    try:
        from scratchdae.interchange import torch
    except ImportError as error:
        raise ImportError(f"to_torch and from_torch need PyTorch: pip install torch ({error})") from error
    return torch


def _keras() -> Any:
    try:
        from scratchdae.interchange import keras
    except ImportError as error:
        raise ImportError(f"to_keras and from_keras need Keras: pip install keras ({error})") from error
    return keras
