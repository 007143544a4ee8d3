"""What version 1 cannot see: sizes without a common factor, states that are not zero, windows that are not square."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from generate.draw import Draw, short
from generate.second.made import made, of_layer
from generate.vector import Vector
from scratchdae.layers import LSTM, AveragePool2D, Conv2D, Conv2DTranspose, Dense, MaxPool2D, UpSampling2D

B, C, F = 2, 3, 5  # batch, channels and filters: no two alike, none a multiple of another
_FACTOR = "a gradient divided by the batch, the channels or the filters: which of them it is"
_HALVED = "a gradient divided by the batch, the channels or the filters, or halved: which of them it is"
_CONV = (
    "output_rcf = b_f + Σ_ijk x_{rs+i-p, cs+j-p, k} W_ijkf, the kernel not flipped; W is (height, width, channels, "
    "filters)"
)
_TRANSPOSED = (
    "the transpose of the convolution that maps the output's size to the input's; W is (height, width, filters, "
    "channels)"
)
_CONVOLUTIONS: tuple[tuple[str, Any, tuple[int, ...], str], ...] = (  # third: the shape of x
    ("conv_primes_valid", Conv2D(F, (3, 2), 1, "valid"), (B, 5, 4, C), _FACTOR),
    ("conv_primes_same", Conv2D(F, (2, 3), (3, 2), "same"), (B, 7, 4, C),
     f"{_FACTOR}; strides, or height and width, exchanged"),
    ("conv_transpose_primes_valid", Conv2DTranspose(F, (3, 2), (2, 1), "valid"), (B, 2, 3, C), _FACTOR),
    ("conv_transpose_primes_same", Conv2DTranspose(F, (2, 3), (1, 2), "same"), (B, 3, 2, C),
     f"{_FACTOR}; strides, or height and width, exchanged"),
    # a batch that is not 2, so that 1/B is not 1/2: no two factors of B, C, F and pixels (4, 20) are the same number
    ("conv_odd_batch", Conv2D(7, (3, 2), (1, 2), "valid"), (5, 4, 5, 3), _HALVED),
    ("conv_transpose_odd_batch", Conv2DTranspose(4, (2, 3), (1, 2), "same"), (3, 5, 2, 7), _HALVED),
)  # fmt: skip
_GATES = (
    "a_t = x_t W + h_{{t-1}} U + b, gates i f g o in this order, one bias; c_t = f c_{{t-1}} + i g, h_t = o φ(c_t), "
    "φ = {} for g and for c_t; h0 and c0 are given"
)
_LSTMS = (  # name, layer, batch and steps and features, what it is aimed at
    ("lstm_one_step_from_states", LSTM(5), (2, 1, 3), "a forget gate that is not there; h0 and c0 exchanged"),
    ("lstm_primes", LSTM(5, return_sequences=True), (2, 4, 3), "states that begin at zero whatever is given"),
    ("lstm_primes_last_output", LSTM(5), (3, 4, 2), "the first output for the last; a gradient at every step"),
    ("lstm_primes_relu", LSTM(5, activation="relu"), (2, 3, 3),
     "tanh left at one of its two places, the candidate or the cell state"),
)  # fmt: skip
_POOLS: tuple[tuple[str, Any, tuple[int, ...], str, str], ...] = (
    ("max_pool_not_square", MaxPool2D((3, 2), (1, 2), "same"), (2, 5, 4, 3), "the largest of each window, of equal "
     "ones the first, row by row", "height and width of the window, or of its stride, exchanged"),
    ("average_pool_not_square", AveragePool2D((2, 3), (2, 1), "same"), (2, 5, 4, 3), "the mean of each window, over "
     "the pixels of the image alone", "height and width of the window, or of its stride, exchanged; padding counted"),
    ("upsampling_not_square", UpSampling2D((3, 2)), (2, 2, 5, 3), "each pixel factor[0] times down and factor[1] "
     "times across", "down and across exchanged; a mean over the copies in backward"),
)  # fmt: skip


def cases() -> Iterator[Vector]:
    yield from map(_small, ("sigmoid", "tanh", "softplus"))
    yield _between()
    for name, shape, units in (("dense_primes", (3, 5), 7), ("dense_of_sequences_primes", (2, 3, 5), 7)):
        aim = "dW or db divided by the batch, the steps or the units: which of them it is"
        draw = Draw(name)
        x = draw.normal(*shape)
        inputs = {"x": x, "W": draw.normal(shape[-1], units), "b": draw.normal(units)}
        yield _layer(name, Dense(units), inputs, "output = x W + b over the last axis; W is (inputs, units)", aim)
    for name, layer, shape, aim in _CONVOLUTIONS:
        draw, filters = Draw(name), layer.filters
        channels = (shape[-1], filters) if isinstance(layer, Conv2D) else (filters, shape[-1])
        inputs = {"x": draw.normal(*shape), "W": draw.normal(*layer.kernel, *channels), "b": draw.normal(filters)}
        yield _layer(name, layer, inputs, _CONV if isinstance(layer, Conv2D) else _TRANSPOSED, aim)
    for name, cells, (batch, steps, features), aim in _LSTMS:
        draw, H = Draw(name), cells.units
        inputs = {"x": draw.normal(batch, steps, features), "W": draw.normal(features, 4 * H, scale=0.8)}
        inputs |= {"U": draw.normal(H, 4 * H, scale=0.6), "b": draw.normal(4 * H, scale=0.5)}
        inputs |= {"h0": draw.normal(batch, H), "c0": draw.normal(batch, H)}
        optional = ("gates", "c", "dh0", "dc0")
        yield _layer(name, cells, inputs, _GATES.format(cells.activation), aim, "24_exploding_gradients", optional)
    for name, layer, shape, in_words, aim in _POOLS:
        yield _layer(name, layer, {"x": Draw(name).normal(*shape)}, in_words, aim, "08_downsampling")


def _layer(
    name: str,
    layer: Any,
    inputs: dict[str, Any],
    in_words: str,
    aimed_at: str,
    chapter: str = "26_wrong_backward",
    optional: tuple[str, ...] = (),
) -> Vector:
    return made(name, "layer", of_layer(layer, inputs["x"]), inputs, in_words, aimed_at, chapter, optional=optional)


def _small(function: str) -> Vector:
    """Values that are small beside others of their array, each of which counts."""
    name = f"{function}_small_values"
    if function == "tanh":
        a = short(np.array([-1e-3, -1e-8, -1e-20, 0, 1e-30, 1e-12, 1e-4, 3]))
    else:  # down to 3e-261: near the smallest numbers of float64 all is free
        a = short(np.array([-600, -400, -103, -80, -40, -17, -3, 2]))
    words = {"sigmoid": "1 / (1 + exp(-a))", "tanh": "tanh(a)", "softplus": "log(1 + exp(a))"}[function]
    aim = "a loss of the small values, each of which is compared by itself: 0, a clip, or few digits"
    return _activation(name, function, a, f"f(a) = {words}", aim)


def _between() -> Vector:
    a = short(np.array([-36.5, -25, -21, -17, 17, 19.5, 20.5, 23, 29, 36.5]))
    aim = "a threshold of 20, above which PyTorch gives the pre-activation back"
    return _activation("softplus_between", "softplus", a, "f(a) = log(1 + exp(a))", aim)


def _activation(name: str, function: str, a: Any, in_words: str, aimed_at: str) -> Vector:
    inputs = {"a": a, "d_output": Draw(f"{name}/d_output").normal(len(a))}
    conventions, sizes = {"function": function}, {"N": len(a)}
    return made(
        name, "activation", conventions, inputs, in_words, aimed_at, "16_round_off", sizes=sizes, by_value=("value",)
    )
