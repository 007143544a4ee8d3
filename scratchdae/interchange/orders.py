"""In which order PyTorch has the numbers of a network of ours: channels first or last, and flattened from which.

Images are (H, W, C) here and (C, H, W) there, everywhere. Sequences are (T, C) here; there (C, T) for a convolution and
for batch normalisation, (T, C) for what is recurrent or linear: a run of layers on sequences begins in the order of the
first that has one, and is turned where the next needs the other. What is flattened there has the channels first where
they were, so the rows of the linear layer that reads it are put in that order, likewise the columns of one whose output
becomes an image, and what is normalised in between.
"""

from typing import Any

import numpy as np

from scratchdae import layers
from scratchdae.models.sequential import Sequential

_THROUGH = (  # flat numbers come out of them in the order in which they went in
    layers.Identity, layers.Sigmoid, layers.Tanh, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.GELU,
    layers.Softplus, layers.SiLU, layers.Softmax, layers.Dropout, layers.GaussianNoise, layers.BatchNorm,
)  # fmt: skip
_FIRST = (layers.Conv1D, layers.Conv1DTranspose)
_LAST = (layers.LSTM, layers.GRU, layers.Dense, layers.TiedDense, layers.RepeatVector)


def wanted(layer: object, arriving: bool, axes: int) -> bool:
    """Tell whether a layer takes the channels first: as they arrive, if it is the same to it."""
    if axes != 2:
        return axes == 3
    return isinstance(layer, (*_FIRST, layers.BatchNorm)) or (arriving and not isinstance(layer, _LAST))


def arriving(network: Sequential) -> list[bool]:
    """Return whether the channels are first in what each layer is given there, and in what comes out of the last."""
    found: list[bool] = []
    for j, shape in enumerate(network.shapes):
        before = network.layers[j - 1] if j else None
        if len(shape) != 2 or isinstance(before, layers.RepeatVector):
            found.append(len(shape) == 3)
        elif before is None or isinstance(before, layers.Reshape | layers.Flatten):
            found.append(_begins_first(network, j))
        else:
            found.append(wanted(before, found[-1], 2))
    return found


def _begins_first(network: Sequential, j: int) -> bool:
    """Tell in which order a run of layers on sequences begins; last where none has one."""
    run = []
    for layer, shape in zip(network.layers[j:], network.shapes[j:], strict=False):
        if len(shape) != 2 or isinstance(layer, layers.Reshape | layers.Flatten):
            break
        run.append(layer)
    orders = [isinstance(layer, _FIRST) for layer in run if isinstance(layer, (*_FIRST, *_LAST))]
    return orders[0] if orders else any(isinstance(layer, layers.BatchNorm) for layer in run)


def flat_first(network: Sequential, k: int) -> bool:
    """Tell whether the flat side of layer k, a change of shape, has the numbers there as channels first."""
    way = 1 if len(network.shapes[k + 1]) == 1 else -1
    j = _beyond(network, k, way)
    return (
        _unflattened(network, k, way) is not None
        and 0 <= j < len(network.layers)
        and isinstance(network.layers[j], layers.Dense | layers.TiedDense)
        and side(network, j, -way) is not None
    )


def side(network: Sequential, k: int, way: int) -> tuple[int, ...] | None:
    """Return the shape whose order, channels first, a linear layer's rows (−1) or columns (1) have; None without.

    One matrix that is used twice has one order, whether its layers would each have it or not.
    """
    layer = network.layers[k]
    if isinstance(layer, layers.TiedDense):
        k, way = layer.tied_to, -way
    shapes = {_neighbour(network, k, way)}
    for j, other in enumerate(network.layers):
        if isinstance(other, layers.TiedDense) and other.tied_to == k:
            shapes.add(_neighbour(network, j, -way))
    return shapes.pop() if len(shapes) == 1 else None


def between(network: Sequential, k: int) -> tuple[int, ...] | None:
    """Return the shape whose order, channels first, the flat numbers at layer k have; None without."""
    for way in (-1, 1):
        found = _neighbour(network, k, way)
        if found is not None and flat_first(network, _beyond(network, k, way)):
            return found
    return None


def channels_first(image: tuple[int, ...] | None) -> Any:
    """Return the order in which PyTorch has the numbers of an image or a sequence, flattened."""
    if image is None:
        return slice(None)
    return np.moveaxis(np.arange(np.prod(image)).reshape(image), -1, 0).ravel()


def _beyond(network: Sequential, k: int, way: int) -> int:
    """Return the place of the next layer that may have another order."""
    j = k + way
    while 0 <= j < len(network.layers) and isinstance(network.layers[j], _THROUGH):
        j += way
    return j


def _neighbour(network: Sequential, k: int, way: int) -> tuple[int, ...] | None:
    """Return the shape that layer k's input was flattened from, or its output becomes, with the channels first."""
    j = _beyond(network, k, way)
    if not 0 <= j < len(network.layers) or not isinstance(network.layers[j], layers.Flatten | layers.Reshape):
        return None
    return _unflattened(network, j, -way)


def _unflattened(network: Sequential, j: int, way: int) -> tuple[int, ...] | None:
    """Return the shape on the other side of a change of shape whose flat side is that way; None unless it turns."""
    flat, other = (j + 1, j) if way > 0 else (j, j + 1)
    if len(network.shapes[flat]) != 1 or not arriving(network)[other]:
        return None
    return network.shapes[other]
