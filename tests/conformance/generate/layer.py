"""Layers: what their cases share, and the layers that need no file of their own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

import numpy as np

from generate.activation import FUNCTIONS
from generate.decimals import Decimals, exact, number
from generate.draw import Draw
from generate.vector import Vector
from scratchdae.arguments import Array
from scratchdae.layers import (
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Identity,
    Layer,
    LeakyReLU,
    ReLU,
    RepeatVector,
    Reshape,
    Sigmoid,
    Tanh,
)

_OF_THE_START = ("init_W", "init_U", "forget_bias")  # what the parameters begin with is no convention of a case
_MEANINGS = {
    "x": "inputs, the examples first",
    "d_output": "gradient with respect to the output",
    "output": "output of the layer",
    "d_input": "gradient with respect to x",
    "W": "weights",
    "U": "recurrent weights",
    "b": "biases",
    "dW": "gradient with respect to W",
    "dU": "gradient with respect to U",
    "db": "gradient with respect to b",
    "keep": "True where a unit is kept",
    "noise": "standard normal noise, before it is multiplied by std",
    "h0": "output before the first step",
    "c0": "cell state before the first step",
    "dh0": "gradient with respect to h0",
    "dc0": "gradient with respect to c0",
    "gates": "the four gates i f g o after their activations, in one axis",
    "c": "cell state after each step",
}
_DERIVATIVE = "the derivative left out, or that of the value taken for a pre-activation"
_ACTIVATIONS = (  # layer, in words, what it is aimed at, chapter
    (Sigmoid(), "output = 1 / (1 + exp(-x))", _DERIVATIVE, "23_vanishing_gradients"),
    (Tanh(), "output = tanh(x)", _DERIVATIVE, "23_vanishing_gradients"),
    (ReLU(), "output = max(x, 0); the derivative at 0 is 0",
     "another derivative than 0 at exactly zero", "25_dead_units"),
    (LeakyReLU(0.25), "output = x where x > 0, otherwise slope · x; the derivative at 0 is slope",
     "another framework's slope; another derivative than it at exactly zero", "25_dead_units"),
    (Identity(), "output = x", "an activation where there should be none", "23_vanishing_gradients"),
)  # fmt: skip
Backward = Callable[[Decimals], dict[str, Decimals]]


def layer_case(
    name: str,
    layer: Layer,  # its fields are the conventions; it is not called
    inputs: Mapping[str, Array],  # ``x``, the parameters and what else is given
    forward: dict[str, Decimals],  # ``output`` and what else comes out
    backward: Backward,  # gradients, ``d_input`` first, from that of the output
    *,
    in_words: str,
    aimed_at: str,
    chapter: str,
    exact_arrays: tuple[str, ...] = (),  # copies, and so the same to the bit
) -> Vector:
    """Make the case of one layer."""
    output = forward["output"]
    d_output = Draw(f"{name}/d_output").normal(*output.shape)
    fields = asdict(layer)  # type: ignore[call-overload]  # every layer is a dataclass
    images = {"image_layout": "NHWC"} if inputs["x"].ndim == 4 else {}
    gradients = backward(exact(d_output))
    return Vector(
        name=name,
        group="layer",
        sizes={"B": len(output), "inputs": inputs["x"].size, "outputs": output.size},
        conventions={"layer": type(layer).__name__}
        | images
        | {key: value for key, value in fields.items() if key not in _OF_THE_START},
        in_words=(in_words,),
        aimed_at=aimed_at,
        chapter=chapter,
        inputs={**inputs, "d_output": d_output},
        stages={"forward": forward, "gradients": gradients},
        required=("output", *(key for key in gradients if key not in ("dh0", "dc0"))),
        meanings=_MEANINGS,
        exact=exact_arrays,
    )


def cases() -> Iterator[Vector]:
    yield from (_dense("dense", (4, 5), 3), _dense("dense_of_sequences", (2, 3, 5), 4))
    for row in _ACTIVATIONS:
        yield _activation(*row)
    yield _dropout("dropout", 0.375, (3, 5))
    yield _dropout("dropout_of_images", 0.25, (2, 3, 2, 2))
    yield _noise()
    for row in _REARRANGED:
        yield _rearranged(*row)


def _dense(name: str, shape: tuple[int, ...], units: int) -> Vector:
    draw = Draw(name)
    params = {"W": draw.normal(shape[-1], units), "b": draw.normal(units)}
    x = draw.normal(*shape)
    rows, W = exact(x).reshape(-1, shape[-1]), exact(params["W"])

    def backward(d_output: Decimals) -> dict[str, Decimals]:
        dy = d_output.reshape(-1, units)
        return {"d_input": (dy @ W.T).reshape(shape), "dW": rows.T @ dy, "db": dy.sum(axis=0)}

    return layer_case(
        name,
        Dense(units),
        {"x": x, **params},
        {"output": (rows @ W + exact(params["b"])).reshape(*shape[:-1], units)},
        backward,
        in_words="output = x W + b over the last axis; W is (inputs, units)",
        aimed_at="W transposed; dW or db averaged over the batch, or summed over one axis of two",
        chapter="26_wrong_backward",
    )


def _activation(layer: Layer, in_words: str, aimed_at: str, chapter: str) -> Vector:
    name = f"{type(layer).__name__.lower()}_layer"
    function = {"leakyrelu_layer": "leaky_relu"}.get(name, name.removesuffix("_layer"))
    value, derivative = FUNCTIONS[function]
    x = Draw(name).normal(3, 2, 4)
    x[0, 0, 0] = 0
    a = exact(x)
    if isinstance(layer, LeakyReLU):
        slope = number(layer.slope)
        output, factor = np.where(a > 0, a, slope * a), np.where(a > 0, number(1), slope)
    else:
        output, factor = value(a), derivative(a)
    return layer_case(
        name,
        layer,
        {"x": x},
        {"output": output},
        lambda d_output: {"d_input": d_output * factor},
        in_words=in_words,
        aimed_at=aimed_at,
        chapter=chapter,
    )


def _dropout(name: str, rate: float, shape: tuple[int, ...]) -> Vector:
    draw = Draw(name)
    x, keep = draw.normal(*shape), draw.mask(*shape, nu=1 - rate)
    factor = exact(keep) / (1 - number(rate))
    return layer_case(
        name,
        Dropout(rate),
        {"x": x, "keep": keep},
        {"output": exact(x) * factor},
        lambda d_output: {"d_input": d_output * factor},
        in_words="output = x / (1 - rate) where keep is True, otherwise 0",
        aimed_at="units that are kept not scaled up, in one direction or both; a mask drawn again in backward",
        chapter="15_wrong_objective",
    )


def _noise() -> Vector:
    draw, layer = Draw("gaussian_noise"), GaussianNoise(0.25)
    x, noise = draw.normal(3, 5), draw.normal(3, 5)
    return layer_case(
        "gaussian_noise",
        layer,
        {"x": x, "noise": noise},
        {"output": exact(x) + number(layer.std) * exact(noise)},
        lambda d_output: {"d_input": d_output},
        in_words="output = x + std · noise",
        aimed_at="std taken for the variance; a gradient that is multiplied by the noise",
        chapter="15_wrong_objective",
        exact_arrays=("d_input",),
    )


_REARRANGED = (  # name, layer, shape, how it maps and how it maps back, in words, what it is aimed at, what is copied
    ("flatten", Flatten(), (2, 3, 2, 4), lambda x: x.reshape(2, -1), lambda dy: dy.reshape(2, 3, 2, 4),
     "an example's numbers in one row, in row-major order: the channels of a pixel stay together",
     "channels first: another order", ("output", "d_input")),
    ("reshape", Reshape((3, 2, 2)), (2, 12), lambda x: x.reshape(2, 3, 2, 2), lambda dy: dy.reshape(2, 12),
     "an example's numbers in another shape, in row-major order",
     "column-major order, or a transpose", ("output", "d_input")),
    ("repeat_vector", RepeatVector(4), (2, 3), lambda x: np.stack([x] * 4, axis=1), lambda dy: dy.sum(axis=1),
     "output (B, n, F): the same vector at each of n steps",
     "a mean over the steps in backward, or the last step's gradient alone", ("output",)),
)  # fmt: skip


def _rearranged(
    name: str,
    layer: Layer,
    shape: tuple[int, ...],
    there: Callable[[Decimals], Decimals],
    back: Callable[[Decimals], Decimals],
    in_words: str,
    aimed_at: str,
    copied: tuple[str, ...],
) -> Vector:
    x = Draw(name).normal(*shape)
    return layer_case(
        name,
        layer,
        {"x": x},
        {"output": there(exact(x))},
        lambda d_output: {"d_input": back(d_output)},
        in_words=in_words,
        aimed_at=aimed_at,
        chapter="26_wrong_backward",
        exact_arrays=copied,
    )
