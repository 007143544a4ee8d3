"""The first weights of a Keras training, drawn otherwise: by layer, under the names that Keras gives them."""

import math
from typing import TYPE_CHECKING

import numpy as np

from scratchdae import initializers
from scratchdae.arguments import Array
from scratchdae.doctor.patient import CannotChange, Change
from scratchdae.doctor.patients.keras_model import activation, kind

if TYPE_CHECKING:
    from scratchdae.doctor.patients.keras_trainee import Trainee

Weights = list[list[tuple[str, Array]]]  # by layer: what Keras calls each of its arrays, and its value


def output_of(trainee: "Trainee") -> str | None:
    """Return the output's activation."""
    last = trainee.plan.last
    return None if last is None else activation(trainee.plan.layers[last])


def output_bias_to_mean(trainee: "Trainee", change: Change) -> None:
    """Begin with the output's bias where its output is the mean of the data."""
    del change
    name = "sigmoid" if "logits" in trainee.loss else output_of(trainee)

    def act(weights: Weights) -> None:
        places = [(k, j) for k, layer in enumerate(weights) for j, (what, _) in enumerate(layer) if what == "bias"]
        if not places:
            raise CannotChange("the last layer has no bias")
        k, j = places[-1]
        size = len(weights[k][j][1])
        x = trainee.transform(trainee.patient.x)
        if x.shape[1] % size != 0 or weights[k][j][1].ndim > 1:
            raise CannotChange("the last layer's bias does not lie as the data do")
        mean = x.reshape(-1, size).mean(axis=0)
        if name == "sigmoid":
            mean = np.clip(mean, 1e-3, 1 - 1e-3)
            mean = np.log(mean / (1 - mean))
        elif name == "tanh":
            mean = np.arctanh(np.clip(mean, -0.99, 0.99))
        weights[k][j] = ("bias", mean)

    trainee.after.append(act)


def he_init(trainee: "Trainee", change: Change | None = None) -> None:
    """Draw kernels by He's rule, the last by LeCun's, those of recurrent layers by Glorot's; biases 0."""
    del change
    rng = np.random.default_rng([trainee.seed, 2])

    def act(weights: Weights) -> None:
        kernels = [(k, j) for k, layer in enumerate(weights) for j, (what, _) in enumerate(layer) if what == "kernel"]
        for k, layer in enumerate(weights):
            recurrent = any(what == "recurrent_kernel" for what, _ in layer)
            for j, (what, value) in enumerate(layer):
                if what == "recurrent_kernel":
                    layer[j] = (what, initializers.orthogonal(value.shape, rng))
                elif what == "kernel" and recurrent:
                    layer[j] = (what, initializers.glorot_uniform(value.shape, rng))
                elif what == "kernel":
                    last = (k, j) == kernels[-1] and len(kernels) > 1
                    fan = _fans(trainee, k, value.shape)[0]
                    layer[j] = (what, rng.normal(0, math.sqrt((1 if last else 2) / fan), value.shape))
                elif what == "bias" and not recurrent:
                    layer[j] = (what, np.zeros_like(value))

    trainee.after.append(act)


def _fans(trainee: "Trainee", place: int, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many inputs make an output, and how many outputs an input goes into."""
    field = math.prod(shape[:-2])
    into, out = shape[-2] * field, shape[-1] * field
    layers = trainee.plan.layers
    turned = len(layers) > place and "transpose" in (kind(layers[place]) or "")  # whose kernels are (..., out, in)
    return (out, into) if turned else (into, out)


def smaller_init(trainee: "Trainee", change: Change) -> None:
    """Shrink every kernel to Glorot's spread, where it has more; biases likewise to 1 at most."""

    def act(weights: Weights) -> None:
        for k, layer in enumerate(weights):
            for j, (what, value) in enumerate(layer):
                if what.endswith("kernel"):
                    wanted = math.sqrt(2 / sum(_fans(trainee, k, value.shape)))
                    by = change.factor or max(1.0, float(value.std()) / wanted)
                elif what == "bias":
                    by = max(1.0, float(np.abs(value).max()))
                else:
                    continue
                layer[j] = (what, value / by)

    trainee.after.append(act)
