"""Networks and weights to PyTorch and Keras and back: the same outputs, to the rounding of the precision.

Out, of a model that was trained here::

    model = scratchdae.Sequential([Dense(16), ReLU(), Dense(64), Sigmoid()], (64,), rng, dtype="float32")
    module = interchange.to_torch(model)    # an nn.Sequential, in evaluation mode
    network = interchange.to_keras(model)   # a keras.Sequential
    interchange.save_safetensors(model, "weights.safetensors")  # for module.load_state_dict; needs no PyTorch

In, of one that was trained elsewhere; images are given as (C, H, W) to a module of PyTorch, ``(1, 28, 28)``::

    model = interchange.from_torch(module, (64,))  # a scratchdae.Sequential that answers alike
    model = interchange.from_keras(network)
    interchange.load_safetensors(model, "weights.safetensors")

Names are those of a plain ``nn.Sequential``, ``0.weight`` and so on. Arrays of the same layers under other names, as a
module of one's own has them, go in and out in their order::

    own = nn.ModuleDict({"encoder": nn.Linear(64, 16), "decoder": nn.Linear(16, 64)})
    own.load_state_dict(dict(zip(own.state_dict(), module.state_dict().values())))
    interchange.load_state_dict(model, dict(zip(interchange.state_dict(model), own.state_dict().values())))

Images are channels last here and in Keras, channels first in PyTorch, and so are sequences there where a convolution
is the first to read them; weights that read what is flattened are put in order on the way. Weights that are tied stay
one array. Batch normalisation comes with its running statistics. What the other side has not, such as layer
normalisation, is refused with its path, ``encoder.3: LayerNorm``. Weights are copied, never shared.
"""

import os
from typing import Any

import numpy as np

from scratchdae import arguments
from scratchdae.arguments import Array, Params, arrays, framework, instance
from scratchdae.interchange.torch_modules import Model, describe, params_of, pieces, put, taken
from scratchdae.layers import Dense, Layer, Sigmoid, TiedDense
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
    params = params_of(model)
    return {name: taken(entries, params) for name, entries in pieces(describe(model)).items()}


def load_state_dict(model: Sequential | DenoisingAutoencoder, found: Params) -> None:
    """Put weights as PyTorch has them into a model, in place of its own, whose dtype they take.

    Parameters
    ----------
    model : Sequential or DenoisingAutoencoder
        With the layers that the weights are of.
    found : dict of str to ndarray
        As `state_dict` returns them, or tensors of PyTorch; what counts batches, ``num_batches_tracked``, is left out.
    """
    instance("model", model, Sequential | DenoisingAutoencoder, "a Sequential or a DenoisingAutoencoder")  # type: ignore[arg-type]
    entries, own = pieces(describe(model)), params_of(model)
    found = {
        name: value
        for name, value in arrays("found", _as_arrays(found)).items()
        if name in entries or not _counts(name)
    }
    shapes = {name: taken(parts, own).shape for name, parts in entries.items()}
    wrong = [f"{name} {shapes[name]} is missing" for name in shapes if name not in found]
    wrong += [f"{name} {found[name].shape} has no place" for name in found if name not in shapes]
    wrong += [
        f"{name} must be {shapes[name]}, found {value.shape}"
        for name, value in found.items()
        if name in shapes and value.shape != shapes[name]
    ]
    if wrong:
        inorder = [value.shape for value in found.values()] == list(shapes.values())
        hint = ". The shapes fit in their order: give dict(zip(interchange.state_dict(model), found.values()))"
        raise ValueError(f"found must hold the arrays of the model: {'; '.join(wrong)}{hint * inorder}")
    params = {name: np.zeros(value.shape, value.dtype) for name, value in own.items()}
    for name, parts in entries.items():
        put(parts, found[name], params)
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
        An ``nn.Sequential``, whose images are (C, H, W), and sequences (C, T) where a convolution or a batch
        normalisation is the first to read them; of a tied autoencoder a `TiedAutoencoder`, whose ``encoder`` is an
        ``nn.Linear``.
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
        Shape of one example as the module takes it, (C, H, W) for images, (C, T) for sequences that are convolved. It
        may be left out where a linear layer is the first.
    loss : str
        Loss of the model.
    reduction : {"mean", "paper"}
        Reduction of the loss.

    Returns
    -------
    Sequential or DenoisingAutoencoder
        With copies of the weights; a layer without a bias gets one of zeros. Images are (H, W, C), sequences (T, C). A
        strided convolution whose padding has its windows elsewhere than `same` has (3×3, stride 2, padding 1 on an even
        side) gets a kernel that is wider by a row and a column of zeros: the outputs are equal, the layer is another.
    """
    found: Sequential | DenoisingAutoencoder = _torch().from_torch(module, input_shape, loss, reduction).model
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
        return _layered(from_keras(model, loss=loss), loss), x, target
    network, takes_first, gives_first = _torch().from_torch(model, x.shape[1:], loss, "mean")
    x, target = (
        np.moveaxis(one, 1, -1) if first and one.ndim > 2 else one
        for one, first in ((x, takes_first), (target, gives_first))
    )
    return _layered(network, loss), x, target


def _layered(model: Sequential | DenoisingAutoencoder, loss: str) -> Sequential:
    """Return a tied autoencoder as the layers that it has."""
    if isinstance(model, Sequential):
        return model
    D, H, params = model.n_visible, model.n_hidden, model.params
    layers: list[Layer] = [Dense(H), Sigmoid(), TiedDense(D, 0)]
    layers += [] if model.options["output"] == "linear" else [Sigmoid()]
    network = Sequential(layers, (D,), np.random.default_rng(0), loss=loss, dtype=model.dtype)
    network.params = {"dense_1.W": params["W"], "dense_1.b": params["b"], "tieddense_1.b": params["b_prime"]}
    return network


def as_outputs(model: Any, x: Array) -> Array:
    """Return what a model of PyTorch or Keras gives in evaluation mode, batch by batch; it is left in its own mode."""
    run = (_keras() if framework(model) == "keras" else _torch()).runner(model)
    return np.concatenate([run(x[k : k + 256]) for k in range(0, len(x), 256)])


def as_loss_and_grads(model: Any, data: Any) -> Any:
    """Return what `scratchdae.gradcheck.check` takes: the gradients that PyTorch or Keras itself computes."""
    x, target = data if isinstance(data, tuple) else (data, data)
    return (_keras() if framework(model) == "keras" else _torch()).loss_and_grads(model, x, target)


def _as_arrays(found: object) -> object:
    """Return the tensors of a ``state_dict`` as arrays."""
    if not isinstance(found, dict):
        return found
    return {name: value.detach().cpu().numpy() if hasattr(value, "detach") else value for name, value in found.items()}


def _counts(name: str) -> bool:
    """Tell whether an array of PyTorch counts batches, which nothing here reads."""
    return name.rpartition(".")[2] == "num_batches_tracked"


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
