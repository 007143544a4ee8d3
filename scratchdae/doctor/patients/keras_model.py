"""A compiled Keras model taken apart, and put together again.

Keras keeps a declared model as plain data. `Plan` holds the layers so, in the order in which they are called; a model
inside a model is opened. Where the layers are a chain they may be left out or put in; where they branch, each may only
be edited in its place. Models of subclasses, and layers that Keras does not build from data, stay as they are.
"""

import copy
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from scratchdae.arguments import Array
from scratchdae.doctor.patient import CannotChange

Layer = dict[str, Any]  # class_name, config, ...
DECLARED = ("Sequential", "Functional")
KINDS = {
    "Dense": "linear", "EinsumDense": "linear", "Conv1D": "conv1d", "Conv2D": "conv2d", "Conv3D": "conv3d",
    "Conv1DTranspose": "conv_transpose1d", "Conv2DTranspose": "conv_transpose2d", "SeparableConv2D": "conv2d",
    "DepthwiseConv2D": "conv2d", "LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn_tanh",
}  # fmt: skip
RECURRENT = ("LSTM", "GRU", "SimpleRNN")
ACTIVATIONS = {"ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu", "PReLU": "prelu", "Softmax": "softmax"}
SHAPING = ("Reshape", "Flatten", "Permute", "Cropping2D", "ZeroPadding2D")
ZEROS: dict[str, Any] = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}


def inner(layer: Layer) -> Layer:
    """Return the layer that is wrapped, as by TimeDistributed; or itself."""
    return inner(layer["config"]["layer"]) if "layer" in layer["config"] else layer


def kind(layer: Layer) -> str | None:
    """Return what a layer with weights is called; None of others."""
    return KINDS.get(inner(layer)["class_name"])


def activation(layer: Layer) -> str | None:
    """Return the activation at the end of a layer, or that it is; None where there is none."""
    core = inner(layer)
    if core["class_name"] in ACTIVATIONS:
        return ACTIVATIONS[core["class_name"]]
    if core["class_name"] in RECURRENT or "activation" not in core["config"]:
        return None
    named = core["config"]["activation"]
    while isinstance(named, dict):
        named = named.get("config") if isinstance(named.get("config"), str) else named.get("class_name", "unknown")
    return None if named in (None, "linear") else str(named)


def is_alone(layer: Layer) -> bool:
    """Whether a layer is an activation and nothing else."""
    return inner(layer)["class_name"] in (*ACTIVATIONS, "Activation")


@dataclass
class Plan:
    """What a compiled model is made of, to be edited."""

    users: Any  # the model as `build` gave it
    optimizer: tuple[type[Any], dict[str, Any]]
    loss: Any
    whole: dict[str, Any] | None  # the model's config, of which the layers are parts; None where Keras has none
    layers: list[Layer]
    origins: list[int | None]  # which of the user's layers each is
    chain: bool
    rename: bool  # whether layers may have other names than the user's
    edited: bool = False

    @property
    def last(self) -> int | None:
        """The place of the layer whose activation is the output's."""
        for k in reversed(range(len(self.layers))):
            if activation(self.layers[k]) is not None:
                return k
            if inner(self.layers[k])["class_name"] not in SHAPING and not is_alone(self.layers[k]):
                return None
        return None

    def declared(self) -> list[Layer]:
        """Return the layers, to be edited."""
        if self.whole is None:
            raise CannotChange("the model is not declared as layers that Keras can build anew")
        self.edited = True
        return self.layers

    def chained(self) -> list[Layer]:
        """Return the layers, of which some may be left out or put in."""
        if self.whole is not None and not self.chain:
            raise CannotChange("the model branches: no layer can be left out or put in")
        return self.declared()

    def insert(self, place: int, layer: keras.Layer) -> None:
        """Put a layer in."""
        self.chained().insert(place, keras.layers.serialize(layer))
        self.origins.insert(place, None)

    def remove(self, place: int) -> None:
        """Leave a layer out."""
        del self.chained()[place], self.origins[place]

    def _named(self, k: int) -> Layer:
        """Return a layer of a chain by a name that does not count how many models there were."""
        plain: Layer = _plain(self.layers[k])
        if self.rename:
            plain.pop("name", None)
            inner(plain)["config"]["name"] = f"inside_{k}"
            plain["config"]["name"] = f"layer_{k}"
        return plain

    def key(self) -> str:
        """Return what models that can stand for each other, once their weights are exchanged, have in common."""
        kind, config = self.optimizer
        steady = {k: v for k, v in config.items() if k not in ("learning_rate", "name") or isinstance(v, dict)}
        loss = self.loss if isinstance(self.loss, str) else _described(self.loss)
        body = [self._named(k) for k in range(len(self.layers))] if self.chain else _plain(self.whole)
        return json.dumps([body, self.edited or self.rename, kind.__name__, steady, loss], default=str, sort_keys=True)

    def assembled(self) -> Any:
        """Build and compile the model; the weights are to be set."""
        model = self.users
        if self.whole is not None and (self.edited or self.rename):
            try:
                model = self._built()
            except Exception as error:
                if not self.edited:  # what Keras does not build from data, as Lambda
                    self.whole = None
                    model = self.users
                else:
                    raise CannotChange(
                        f"Keras cannot build the model anew: {str(error).partition('. ')[0][:200]}"
                    ) from None
        if self.loss is None:  # a model with a train_step of its own
            return model
        kind, config = self.optimizer
        optimizer = kind.from_config({**config, "name": config.get("name") or "optimizer"})
        users = self.users
        jit = users.jit_compile and not users.run_eagerly
        model.compile(optimizer, self.loss, run_eagerly=users.run_eagerly, jit_compile=jit)
        optimizer.build(model.trainable_variables)
        return model

    def _built(self) -> Any:
        shape = tuple(self.users.input_shape)
        if not self.chain:
            model = type(self.users).from_config(_unbuilt(copy.deepcopy(self.whole)))
        else:
            layers = [keras.layers.deserialize(self._named(k)) for k in range(len(self.layers))]
            model = keras.Sequential([keras.Input(shape[1:]), *layers])
        if model.output_shape[1:] != self.users.output_shape[1:]:
            raise ValueError(f"its output would have shape {model.output_shape}, not {self.users.output_shape}")
        return model


def _plain(part: Any) -> Any:
    """Return layers without what is set otherwise: seeds, first weights, shapes that they were built for."""
    if isinstance(part, list | tuple):
        return [_plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    found: dict[str, Any] = {}
    for name, value in part.items():
        if name in ("build_config", "inbound_nodes") and "class_name" in part:
            continue
        if name.endswith("_initializer") and value is not None:
            found[name] = ZEROS
        elif name == "seed":
            found[name] = 1
        else:
            found[name] = _plain(value)
    return found


def _unbuilt(part: Any) -> Any:
    """Return a config without the shapes that layers were built for."""
    if isinstance(part, list | tuple):
        return type(part)(_unbuilt(one) for one in part)
    if isinstance(part, dict):
        return {name: _unbuilt(value) for name, value in part.items() if name != "build_config"}
    return part


def _described(loss: Any) -> str:
    try:
        return json.dumps(keras.losses.serialize(loss), default=str)
    except Exception:
        return f"{loss!r} {id(loss)}"


def plan_of(model: Any, rename: bool) -> Plan:
    """Take a compiled model apart."""
    config = model.optimizer.get_config()
    plan = Plan(model, (type(model.optimizer), config), model.loss, None, [], [], False, rename)
    if type(model).__name__ not in DECLARED:
        return plan
    try:
        plan.whole = model.get_config()
    except Exception:  # a layer without a config: as the user built it, then
        return plan
    plan.layers = _leaves(plan.whole)
    plan.origins = list(range(len(plan.layers)))
    plan.chain = _chained(type(model).__name__, plan.whole)
    return plan


def _leaves(config: dict[str, Any]) -> list[Layer]:
    found = []
    for layer in config["layers"]:
        if layer["class_name"] in DECLARED:
            found += _leaves(layer["config"])
        elif layer["class_name"] != "InputLayer":
            found.append(layer)
    return found


def live(model: Any) -> list[Any]:
    """Return the layers of a model in the same order as its plan's; an addition counts as one, as in its config."""
    found = []
    for layer in getattr(model, "operations", None) or getattr(model, "layers", []):
        if type(layer).__name__ in DECLARED:
            found += live(layer)
        elif type(layer).__name__ != "InputLayer":
            found.append(layer)
    return found


def _chained(name: str, config: dict[str, Any]) -> bool:
    """Whether every layer takes what the one before it gives, and nothing else does."""
    inside = all(_chained(a["class_name"], a["config"]) for a in config["layers"] if a["class_name"] in DECLARED)
    if name == "Sequential":
        return inside
    before = None
    for layer in config["layers"]:
        nodes = layer["inbound_nodes"]
        if layer["class_name"] == "InputLayer":
            if before is not None:
                return False
        elif len(nodes) != 1 or _sources(nodes) != [before]:
            return False
        before = layer["name"]
    outputs = np.ravel(np.array(config["output_layers"], dtype=object)).tolist()
    return inside and len(outputs) == 3 and outputs[0] == before


def _sources(part: Any) -> list[str]:
    """Return the layers whose outputs a node takes."""
    if isinstance(part, dict):
        if part.get("class_name") == "__keras_tensor__":
            return [part["config"]["keras_history"][0]]
        part = list(part.values())
    if isinstance(part, list | tuple):
        return [name for one in part for name in _sources(one)]
    return []


@dataclass
class Compiled:
    """A compiled model that can be begun again with other weights, and what was made for looking at it."""

    model: Any
    state: list[Array]  # of its optimizer, at first
    inside: Any = None  # a model of the same layers that returns their activations
    slopes: Any = None  # a function that returns gradients


# ------------------------------------------------------------------ the loss
MEANS: dict[str, Callable[[Array, Array], Any]] = {
    "squared_error": lambda z, t: ((z - t) ** 2).mean(),
    "absolute_error": lambda z, t: np.abs(z - t).mean(),
    "cross_entropy": lambda z, t: -(t * np.log(z) + (1 - t) * np.log(1 - z)).mean(),
    "cross_entropy_from_logits": lambda z, t: (np.logaddexp(0, z) - t * z).mean(),
    "huber": lambda z, t: np.where(np.abs(z - t) < 1, 0.5 * (z - t) ** 2, np.abs(z - t) - 0.5).mean(),
}


def recognised(loss: Any, shape: tuple[int, ...]) -> tuple[str, float]:
    """Tell which loss it is, and how large beside its mean over all entries, by its values for outputs of a shape."""
    rng = np.random.default_rng(0)
    draws = [(rng.uniform(0.05, 0.95, shape), rng.uniform(0, 1, shape)) for _ in range(3)]
    function = keras.losses.get(loss)
    values = [_value(function, z, t) for z, t in draws]
    wide = [(3 * z, t) for z, t in draws]  # where Huber's is no square
    for name, mean in MEANS.items():
        ratios = [value / mean(z, t) for value, (z, t) in zip(values, draws, strict=True)]
        scale = float(np.median(ratios))
        if not np.allclose(ratios, scale, rtol=1e-3) or scale == 0 or not math.isfinite(scale):
            continue
        if name == "squared_error":
            apart = [_value(function, z, t) / mean(z, t) for z, t in wide]
            if not np.allclose(apart, scale, rtol=1e-3):
                continue
        return name, scale
    return "unknown", 1.0


def _value(function: Any, z: Array, t: Array) -> float:
    given = function(keras.ops.convert_to_tensor(t, "float32"), keras.ops.convert_to_tensor(z, "float32"))
    return float(np.mean(keras.ops.convert_to_numpy(given)))
