"""Pooling and upsampling: ties, padding that must not count, windows that overlap and rows that go unseen."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from generate.decimals import Decimals, exact, number
from generate.draw import Draw
from generate.layer import layer_case
from generate.vector import Vector
from generate.windows import Windows, windows
from scratchdae.arguments import Array
from scratchdae.layers import AveragePool2D, MaxPool2D, UpSampling2D

CHAPTER = "08_downsampling"
_BOTH = ("output", "d_input")


def cases() -> Iterator[Vector]:
    draw = Draw("max_pool")
    x = draw.normal(2, 5, 4, 2)
    yield _max_pool("max_pool", x, MaxPool2D(2), "the last row, which no window sees, taken in; a mean", _BOTH)
    aim = "a pixel that is the largest of two windows given one of their gradients alone"
    yield _max_pool("max_pool_overlapping", x, MaxPool2D((3, 2), (2, 1)), aim, ("output",))
    aim = "zeros of the padding that win over negative pixels"
    yield _max_pool("max_pool_same_negative", -abs(x), MaxPool2D((3, 2), 2, "same"), aim, ("output",))
    ties = np.round(draw.uniform(2, 4, 4, 2)) * 0.5
    aim = "equal pixels that share a gradient, or all have it; the first, row by row, has it here"
    yield _max_pool("max_pool_ties", ties, MaxPool2D(2), aim, _BOTH)

    yield _average_pool("average_pool", x, AveragePool2D((2, 3)), "a sum for a mean, forwards or backwards")
    aim = "pixels of padding that are counted, as PyTorch does unless told otherwise"
    yield _average_pool("average_pool_same", x, AveragePool2D(3, 2, "same"), aim)

    for name, factor in (("upsampling", (2, 2)), ("upsampling_3_by_2", (3, 2))):
        yield _upsampling(name, Draw(name).normal(2, 2, 3, 2), UpSampling2D(factor))


def _places(layer: Any, x: Array) -> tuple[Windows, Windows, list[tuple[int, int]]]:
    down, across = (
        windows(n, k, s, layer.padding) for n, k, s in zip(x.shape[1:3], layer.pool, layer.stride, strict=True)
    )
    return down, across, list(np.ndindex(*layer.pool))


def _max_pool(name: str, x: Array, layer: MaxPool2D, aimed_at: str, exact_arrays: tuple[str, ...]) -> Vector:
    down, across, places = _places(layer, x)
    image = np.empty((len(x), down.framed, across.framed, x.shape[3]), dtype=object)
    image[...] = number(-np.inf)
    image[:, down.inside, across.inside] = exact(x)
    seen = np.stack([image[:, down.pixels(i), across.pixels(j)] for i, j in places])
    largest = seen.max(axis=0)
    first = (seen == largest).argmax(axis=0)  # of equal pixels the first, row by row

    def backward(dy: Decimals) -> dict[str, Decimals]:
        d_image = np.zeros(image.shape, dtype=object)
        for index, (i, j) in enumerate(places):
            d_image[:, down.pixels(i), across.pixels(j)] += np.where(first == index, dy, number(0))
        return {"d_input": d_image[:, down.inside, across.inside]}

    return layer_case(
        name,
        layer,
        {"x": x},
        {"output": largest},
        backward,
        in_words="the largest pixel of each window, channel by channel; padding does not count; of equal pixels the "
        "first, row by row, has the whole gradient",
        aimed_at=aimed_at,
        chapter=CHAPTER,
        exact_arrays=exact_arrays,
    )


def _average_pool(name: str, x: Array, layer: AveragePool2D, aimed_at: str) -> Vector:
    down, across, places = _places(layer, x)
    framed = np.zeros((2, len(x), down.framed, across.framed, x.shape[3]), dtype=object)
    framed[:, :, down.inside, across.inside] = exact(x), exact(np.ones(x.shape))
    total, count = np.sum([framed[:, :, down.pixels(i), across.pixels(j)] for i, j in places], axis=0)

    def backward(dy: Decimals) -> dict[str, Decimals]:
        d_image = 0 * framed[0]
        for i, j in places:
            d_image[:, down.pixels(i), across.pixels(j)] += dy / count
        return {"d_input": d_image[:, down.inside, across.inside]}

    return layer_case(
        name,
        layer,
        {"x": x},
        {"output": total / count},
        backward,
        in_words="the mean of each window, channel by channel, over its pixels inside the image",
        aimed_at=aimed_at,
        chapter=CHAPTER,
    )


def _upsampling(name: str, x: Array, layer: UpSampling2D) -> Vector:
    (B, H, W, C), (down, across) = x.shape, layer.factor  # type: ignore[misc]
    return layer_case(
        name,
        layer,
        {"x": x},
        {"output": exact(x).repeat(down, axis=1).repeat(across, axis=2)},
        lambda d_output: {"d_input": d_output.reshape(B, H, down, W, across, C).sum(axis=(2, 4))},
        in_words="every pixel repeated, factor[0] times down and factor[1] times across",
        aimed_at="bilinear interpolation; a mean over the copies in backward; down and across exchanged",
        chapter=CHAPTER,
        exact_arrays=("output",),
    )
