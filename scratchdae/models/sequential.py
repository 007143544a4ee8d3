"""A sequence of layers that trains as the autoencoder does: for the architectures beyond the paper.

Parameters live in one flat dict, ``conv2d_1.W`` and so on, so that the optimizers, the checkpoints and the gradient
check need to know nothing about layers. A loss that has a stable form from pre-activations takes them:
cross-entropy of a network that ends in a `Sigmoid` is computed before it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchdae import arguments, losses
from scratchdae.arguments import Array, Params, array, choice, generator, numbers, precision, sequence, shapes, sides
from scratchdae.datasets import to_float
from scratchdae.layers import LAYERS, ContractiveDense, Dense, Layer, Sigmoid, Softmax, TiedDense


class Table(str):
    """Text that shows itself as it is, at the prompt too."""

    __repr__ = str.__str__


class Gradients(dict[str, Array]):
    """Gradients by name; and `statistics`, which after a step take the place of parameters, whatever the rule."""

    statistics: Params = {}  # noqa: RUF012  # of layers such as BatchNorm, in training


class Sequential:
    """Layers one after the other, with their parameters, built for one shape of input.

    Parameters
    ----------
    layers : sequence of Layer
        From the input to the output. One that cannot take what the layer before it gives is refused by its name.
    input_shape : tuple of int
        Shape of one example, for images (height, width, channels).
    rng : numpy.random.Generator
        Source of the first weights.
    loss : str
        One of `scratchdae.losses.LOSSES`.
    reduction : {"mean", "paper"}
        Mean over all entries, as the frameworks have it, or the paper's sum over an example and mean over the batch.
    output_shape : tuple of int, optional
        Shape that the output must have: the input's, if left out, since an autoencoder reconstructs its input;
        (classes,) of any number for the softmax cross-entropy.
    dtype : {float64, float32}
        Of the parameters and so of everything computed with them.

    Attributes
    ----------
    names : tuple of str
        The layers' names: their kind and a count.
    shapes : tuple of tuple of int
        Shape of one example before the first layer and after each.
    params : dict of str to ndarray
        ``NAME.ARRAY`` to its value.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: tuple[int, ...],
        rng: np.random.Generator,
        *,
        loss: str = "squared_error",
        reduction: str = "mean",
        output_shape: tuple[int, ...] | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        generator("rng", rng)
        self._configure(layers, input_shape, loss, reduction, output_shape, dtype)
        self.params: Params = self._draw(rng)

    def _draw(self, rng: np.random.Generator) -> Params:
        drawn: Params = {}
        for name, layer, shape in zip(self.names, self.layers, self.shapes, strict=False):
            for key, value in layer.init(shape, rng, self.dtype).items():
                drawn.setdefault(self._place(name, key), value)  # what is tied is drawn by the partner
        self._shapes_of_params = {name: value.shape for name, value in drawn.items()}
        return drawn

    def _configure(
        self,
        layers: Sequence[Layer],
        input_shape: tuple[int, ...],
        loss: str,
        reduction: str,
        output_shape: tuple[int, ...] | None,
        dtype: npt.DTypeLike,
    ) -> None:
        self.layers: tuple[Layer, ...] = sequence("layers", layers, "a sequence of layers")
        for index, layer in enumerate(self.layers):
            arguments.having(
                f"layers[{index}]", layer, "a layer of scratchdae.layers", "init", "output_shape", "forward", "backward"
            )
        self.loss_name = choice("loss", loss, losses.LOSSES)
        self.reduction = choice("reduction", reduction, losses.REDUCTIONS)
        self.dtype = precision("dtype", dtype)
        if not self.layers:
            raise ValueError("layers must hold at least one layer, found none")
        counts: Counter[str] = Counter()
        names = []
        for layer in self.layers:
            kind = type(layer).__name__.lower()
            counts[kind] += 1
            names.append(f"{kind}_{counts[kind]}")
        self.names = tuple(names)
        found = [sides("input_shape", input_shape)]
        for name, layer in zip(self.names, self.layers, strict=True):
            try:
                found.append(layer.output_shape(found[-1]))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        self.shapes = tuple(found)
        self._partners = {
            name: self._partner(name, layer, shape)
            for name, layer, shape in zip(self.names, self.layers, self.shapes, strict=False)
            if isinstance(layer, TiedDense)
        }
        if loss == "cross_entropy" and not isinstance(self.layers[-1], Sigmoid):
            raise ValueError(f"the cross-entropy needs a last layer Sigmoid, found {self.layers[-1]}")
        labels = loss == "softmax_cross_entropy"
        if labels and len(self.shapes[-1]) != 1:
            raise ValueError(f"the softmax cross-entropy needs an output of shape (classes,), found {self.shapes[-1]}")
        if labels and isinstance(self.layers[-1], Softmax):
            raise ValueError("the softmax cross-entropy takes pre-activations, found a last layer Softmax()")
        expected = self.shapes[-1 if labels else 0] if output_shape is None else sides("output_shape", output_shape)
        if self.shapes[-1] != expected:
            why = "that of the input, which is to be reconstructed" if output_shape is None else "as asked for"
            raise ValueError(f"{self.names[-1]}: the output must have shape {expected}, {why}, found {self.shapes[-1]}")

    def _partner(self, name: str, layer: TiedDense, shape: tuple[int, ...]) -> str:
        """Name the layer whose weights another uses, refused unless it is a `Dense` before it, of fitting sides."""
        partner = self.layers[layer.tied_to] if layer.tied_to < self.names.index(name) else None
        fitting = (layer.units, shape[-1])  # the shape of W
        found = isinstance(partner, Dense | ContractiveDense) and (self.shapes[layer.tied_to][-1], partner.units)
        if found == fitting:
            return self.names[layer.tied_to]
        expected = f"the place of a Dense before it that takes {layer.units} features and gives {shape[-1]}"
        raise ValueError(f"{name}: tied_to must be {expected}, found {layer.tied_to}, {partner or 'no earlier layer'}")

    def _place(self, name: str, key: str) -> str:
        return f"{self._partners.get(name, name) if key == 'W' else name}.{key}"

    @property
    def config(self) -> dict[str, Any]:
        """Layers, sizes and options, ready for JSON: what `from_config` takes."""
        return {
            "model": "sequential",
            "layers": [{"layer": type(layer).__name__, **asdict(layer)} for layer in self.layers],  # type: ignore[call-overload]
            "input_shape": list(self.shapes[0]),
            "output_shape": list(self.shapes[-1]),
            "loss": self.loss_name,
            "reduction": self.reduction,
            "dtype": self.dtype.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], params: Params) -> "Sequential":
        """Rebuild a network, which shares the arrays, from its `config` and parameters, as a checkpoint holds them."""
        network = cls.__new__(cls)
        try:
            described = [dict(entry) for entry in arguments.mapping("config", config)["layers"]]
            layers = [LAYERS[entry.pop("layer")](**_tuples(entry)) for entry in described]
            options = {name: config[name] for name in ("input_shape", "loss", "reduction", "output_shape", "dtype")}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"config must be that of a sequential network ({arguments.shown(error)})") from None
        network._configure(layers, **options)
        network._draw(np.random.default_rng(0))  # for the shapes
        network.params = network.check_params(params)
        return network

    def check_params(self, params: Params, name: str = "params") -> Params:
        """Return parameters in the model's order, refused unless they have its names, shapes and dtype."""
        return shapes(name, params, self._shapes_of_params, self.dtype)

    def check(self, x: Array, target: Array) -> None:
        """Refuse inputs (B, ...) and targets (B, ...), or labels (B,), that do not fit."""
        x, target = self._examples(x), numbers("target", target)
        if target.shape[:1] != x.shape[:1]:
            raise ValueError(f"target must have as many examples as x, {len(x)}, found shape {target.shape}")
        if self.loss_name == "softmax_cross_entropy":
            classes = self.shapes[-1][0]
            if target.ndim != 1 or target.dtype.kind not in "iu" or target.min() < 0 or target.max() >= classes:
                found = f"{target.dtype} {target.shape}"
                if target.ndim == 1 and target.dtype.kind in "iu":
                    found = f"labels from {target.min()} to {target.max()}"
                raise ValueError(f"target must be integer labels from 0 to {classes - 1}, found {found}")
        elif target.shape[1:] != self.shapes[-1]:
            raise ValueError(f"target must have shape (B, {_sides(self.shapes[-1])}), found {target.shape}")
        elif target.dtype.kind not in "fc":
            raise ValueError(f"target must be floating-point, found dtype {target.dtype}")
        elif self.loss_name == "cross_entropy":
            arguments.unit_interval("target", target)

    def _examples(self, x: Array) -> Array:
        x = numbers("x", x)
        if x.shape[1:] != self.shapes[0] or x.size == 0:
            raise ValueError(f"x must have shape (B, {_sides(self.shapes[0])}), found {x.shape}")
        return x

    def forward(
        self, params: Params, x: Array, rng: np.random.Generator | None = None, depth: int | None = None
    ) -> tuple[Array, list[Any]]:
        """Pass a batch through the layers.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters.
        x : ndarray, shape (B, ...)
            Inputs.
        rng : numpy.random.Generator, optional
            Given in training: noise and dropout act. Otherwise they do not.
        depth : int, optional
            How many layers to pass; all of them if left out.

        Returns
        -------
        output : ndarray, shape (B, ...)
            What the last of them gives.
        caches : list
            What `backward` needs, one entry a layer passed.
        """
        caches: list[Any] = []
        params, x = shapes("params", params, self._shapes_of_params), self._examples(x)
        rng = None if rng is None else generator("rng", rng)
        depth = None if depth is None else arguments.integer("depth", depth, at_least=0)
        for name, layer in list(zip(self.names, self.layers, strict=True))[:depth]:
            x, cache = layer.forward(self.of_layer(params, name), x, rng)
            caches.append(cache)
        return x, caches

    def backward(self, caches: list[Any], d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient of what `forward` returned back through the layers that it passed.

        Parameters
        ----------
        caches : list
            From `forward`.
        d_output : ndarray, shape (B, ...)
            The gradient.

        Returns
        -------
        d_input : ndarray, shape (B, ...)
            Gradient with respect to the input.
        grads : dict of str to ndarray
            Gradient of each parameter passed, under its name.
        """
        grads: Params = {}
        caches = list(sequence("caches", caches, "a list, from forward"))
        if len(caches) > len(self.layers):
            raise ValueError(f"caches must be from forward, at most {len(self.layers)}, found {len(caches)}")
        for index in reversed(range(len(caches))):
            d_output, own = self.layers[index].backward(caches[index], d_output)
            for place, value in ((self._place(self.names[index], key), value) for key, value in own.items()):
                grads[place] = grads[place] + value if place in grads else value  # tied weights have two uses
        return d_output, grads

    def loss_and_grads(
        self, params: Params, x: Array, target: Array, rng: np.random.Generator | None = None
    ) -> tuple[np.inexact, Params]:
        """Loss of a batch, and its gradient with respect to every parameter.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters; the network's own are `params`.
        x : ndarray, shape (B, ...)
            Inputs.
        target : ndarray, shape (B, ...) or (B,)
            Of the output's shape; labels for the softmax cross-entropy.
        rng : numpy.random.Generator, optional
            Given in training: noise and dropout act, penalties of activities are added to the loss, batch
            normalisation goes by the batch.

        Returns
        -------
        loss : scalar
            The loss.
        grads : Gradients
            Gradient of each parameter, in the order of `params`; ``grads.statistics`` are the running statistics
            after the batch.
        """
        self.check(x, target)
        target = np.asarray(target)
        output, caches = self.forward(params, x, rng, self.depth)
        value, d_output = self.output_loss(output, target)
        _, grads = self.backward(caches, d_output)
        answer = Gradients((name, grads[name]) for name in params)
        for name, cache in zip(self.names, caches, strict=False):
            value = value + getattr(cache, "penalty", 0)
            learnt = getattr(cache, "statistics", {}).items()
            answer.statistics = answer.statistics | {f"{name}.{key}": array for key, array in learnt}
        return value, answer

    def loss(self, params: Params, x: Array, target: Array) -> np.inexact:
        """Loss of a batch, without noise, dropout or penalties, and by running statistics."""
        self.check(x, target)
        return self.output_loss(self._output(params, x, self.depth), np.asarray(target))[0]

    def predict(self, x: Array) -> Array:
        """Return the last layer's output (B, ...) for clean inputs, uint8 or floats: logits, for the softmax."""
        return self._output(self.params, to_float(array("x", x), self.dtype), len(self.layers))

    def _output(self, params: Params, x: Array, depth: int) -> Array:
        """Pass a batch through the first layers and keep nothing for a backward pass."""
        params, x = shapes("params", params, self._shapes_of_params), self._examples(x)
        for name, layer in zip(self.names[:depth], self.layers, strict=False):
            x = layer.forward(self.of_layer(params, name), x)[0]
        return x

    def summary(self) -> Table:
        """Describe the network as a table: layer, output shape, parameters, and the total."""
        rows = [("layer", "output shape", "parameters"), ("input", f"({_sides(self.shapes[0])})", "0")]
        for name, shape in zip(self.names, self.shapes[1:], strict=True):
            count = sum(value.size for value in self.own(self.params, name).values())
            rows.append((name, f"({_sides(shape)})", f"{count:,}"))
        rows.append(("total", "", f"{sum(value.size for value in self.params.values()):,}"))
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
        rule = "-" * len(lines[0])
        return Table("\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]]))

    @staticmethod
    def own(params: Params, name: str) -> Params:
        """Return the parameters of one layer, named `name`, under their own names, without those of a partner."""
        prefix = f"{name}."
        return {key.removeprefix(prefix): value for key, value in params.items() if key.startswith(prefix)}

    def of_layer(self, params: Params, name: str) -> Params:
        """Return the parameters that one layer computes with, its own and the weights that it is tied to."""
        own, partner = self.own(params, name), self._partners.get(name)
        return own if partner is None else {"W": params[f"{partner}.W"], **own}

    @property
    def depth(self) -> int:
        """How many layers come before the loss: all but a last `Sigmoid` whose place the cross-entropy takes."""
        return len(self.layers) - (self.loss_name == "cross_entropy")

    def output_loss(self, output: Array, target: Array) -> tuple[np.inexact, Array]:
        """Loss of what the last layer before the loss gave (B, ...), and its gradient (B, ...)."""
        rows = len(output)
        if self.loss_name != "softmax_cross_entropy" and target.shape != output.shape:
            raise ValueError(f"target must have the shape of the output, {output.shape}, found {target.shape}")
        t = target if self.loss_name == "softmax_cross_entropy" else target.reshape(rows, -1)
        value, d_output = losses.LOSSES[self.loss_name](output.reshape(rows, -1), t, self.reduction)
        return value, d_output.reshape(output.shape)


def _sides(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Turn the lists that JSON made of tuples back."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
