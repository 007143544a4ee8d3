"""What each layer of a network is doing on a batch: the numbers that tell one failure from another.

A saturated unit has an activation whose slope is near zero, a dead one is active on no example; a network that gives
the same answer to every input has units that do not differ between examples, however much they differ from each other;
a vanishing signal shows in the gradients from layer to layer, a wrong learning rate in the ratio of update to weight
(about 1e-3 is healthy).
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params, framework, generator, instance
from scratchdae.layers import Layer, ReLU, Sigmoid, Tanh
from scratchdae.models.sequential import Sequential

SATURATED = 0.01  # of the largest slope: a unit's activation is called saturated below it


@dataclass(frozen=True)
class LayerStatistics:
    """One layer on one batch.

    Attributes
    ----------
    name : str
        The layer.
    mean, std : float
        Of its outputs, over units and examples together.
    varies : float
        Standard deviation of an output over the examples, in the mean over units (of an image: entries); 0 where the
        layer gives the same for every input.
    of_input : float or None
        `varies` over that of the network's input; None where the input itself is the same for every example.
    saturated : float or None
        Fraction of outputs whose slope is under one per cent of the largest; None where the layer is no sigmoid or
        tanh.
    dead : int or None
        Units (of an image: channels) that are active on no example of the batch; None where the layer is no ReLU.
    signal : float or None
        Root mean square of the gradient with respect to its outputs; None for a sigmoid that the cross-entropy is
        computed before.
    gradient : float or None
        Norm of the gradient of its parameters; None where it has none.
    weight : float or None
        Norm of its parameters.
    update : float or None
        Norm of the change of its parameters over their norm; None without an update.
    """

    name: str
    mean: float
    std: float
    varies: float
    of_input: float | None
    saturated: float | None
    dead: int | None
    signal: float | None
    gradient: float | None
    weight: float | None
    update: float | None


class LayerTable(list[LayerStatistics]):
    """The statistics of all layers, from the input to the output; it prints as a table."""

    def __str__(self) -> str:
        heads = ("layer", *(field.name for field in fields(LayerStatistics)[1:]))
        rows = [heads, *((row.name, *map(_cell, list(vars(row).values())[1:])) for row in self)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(heads))]
        return "\n".join(
            "  ".join(
                f"{cell:<{w}}" if k == 0 else f"{cell:>{w}}"
                for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        )

    __repr__ = __str__


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3g}"


def layer_statistics(
    network: Any,
    x: Array,
    target: Array,
    params: Params | None = None,
    updated: Params | None = None,
    rng: np.random.Generator | None = None,
) -> LayerTable:
    """Look into every layer, forwards and backwards.

    Parameters
    ----------
    network : Sequential, torch.nn.Module or keras.Model
        The network; one of PyTorch or Keras is looked at through `scratchdae.interchange`, with the squared error or,
        for labels, the softmax cross-entropy, and with examples and targets as it takes them.
    x : ndarray, shape (B, ...)
        Inputs.
    target : ndarray, shape (B, ...) or (B,)
        Targets.
    params : dict of str to ndarray, optional
        The parameters to look at; the network's own if left out.
    updated : dict of str to ndarray, optional
        The parameters after a step, for the ratio of update to weight.
    rng : numpy.random.Generator, optional
        Given to look at the network as in training, with noise and dropout.

    Returns
    -------
    LayerTable
        One `LayerStatistics` a layer, from the input to the output.
    """
    if framework(network):
        from scratchdae import interchange

        network, x, target = interchange.as_network(network, x, target)
    instance("network", network, Sequential).check(x, target)
    target = np.asarray(target)
    params = network.check_params(network.params if params is None else params)
    updated = None if updated is None else network.check_params(updated, "updated")
    rng = None if rng is None else generator("rng", rng)
    input_varies = _varies(np.asarray(x))
    outputs, caches = [], []
    for name, layer in zip(network.names, network.layers, strict=True):
        x, cache = layer.forward(network.of_layer(params, name), x, rng)
        outputs.append(x)
        caches.append(cache)
    signals: dict[int, float] = {}
    grads: dict[int, Params] = {}
    _, d_output = network.output_loss(outputs[network.depth - 1], target)
    for index in reversed(range(network.depth)):
        signals[index] = float(np.sqrt(np.mean(d_output * d_output)))
        d_output, grads[index] = network.layers[index].backward(caches[index], d_output)
    return LayerTable(
        _describe(
            name,
            network.layers[index],
            outputs[index],
            input_varies,
            signals.get(index),
            grads.get(index, {}),
            network.of_layer(params, name),
            network.of_layer(updated, name) if updated is not None else None,
        )
        for index, name in enumerate(network.names)
    )


def _describe(
    name: str,
    layer: Layer,
    output: Array,
    input_varies: float,
    signal: float | None,
    grads: Params,
    params: Params,
    updated: Params | None,
) -> LayerStatistics:
    held, update = getattr(layer, "held", ()), None  # running statistics are neither weights nor trained
    params, grads = ({key: value for key, value in own.items() if key not in held} for own in (params, grads))
    weight = _norm(params) if params else None
    if weight and updated is not None:
        update = _norm({key: updated[key] - value for key, value in params.items()}) / weight
    saturated, dead = None, None
    if isinstance(layer, Sigmoid):
        saturated = float(np.mean(4 * output * (1 - output) < SATURATED))
    elif isinstance(layer, Tanh):
        saturated = float(np.mean(1 - output * output < SATURATED))
    elif isinstance(layer, ReLU):
        active = (output > 0).reshape(-1, output.shape[-1]) if output.ndim > 2 else output > 0  # a channel is a unit
        dead = int((~active.any(axis=0)).sum())
    varies = _varies(output)
    return LayerStatistics(
        name,
        float(output.mean()),
        float(output.std()),
        varies,
        varies / input_varies if input_varies else None,
        saturated,
        dead,
        signal,
        _norm(grads) if grads else None,
        weight,
        update,
    )


def _varies(output: Array) -> float:
    first = output[:1]  # taken away before the mean is, so that what is the same for every example gives 0 exactly
    return float((output - first).std(axis=0).mean())


def _norm(arrays: Params) -> float:
    return float(np.sqrt(sum(float((array * array).sum()) for array in arrays.values())))
