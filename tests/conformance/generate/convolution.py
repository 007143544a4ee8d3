"""Convolutions and their transposes: every stride, padding and size that two frameworks have disagreed about."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from generate.decimals import Decimals, exact
from generate.draw import Draw
from generate.layer import layer_case
from generate.vector import Vector
from generate.windows import Windows, windows
from scratchdae.layers import Conv2D, Conv2DTranspose

_CASES = (  # name, layer, image (height, width), kernel, stride, padding, what it is aimed at
    ("conv_same", Conv2D, (5, 4), (3, 3), 1, "same",
     "a kernel that is flipped; a border that is not padded with zeros"),
    ("conv_valid", Conv2D, (4, 5), (3, 2), 1, "valid", "kernel height and width exchanged; a border that is padded"),
    ("conv_same_even_kernel", Conv2D, (4, 3), (2, 4), 1, "same",
     "the odd pixel of padding before the first, not after the last"),
    ("conv_same_stride_2_even", Conv2D, (6, 4), (3, 3), 2, "same",
     "symmetric padding, as PyTorch's: windows one pixel off"),
    ("conv_same_stride_2_odd", Conv2D, (5, 3), (3, 2), 2, "same",
     "padding alike on both sides: right for these rows, not for the columns"),
    ("conv_valid_stride_2_1", Conv2D, (6, 4), (3, 2), (2, 1), "valid",
     "strides exchanged; pixels after the last window"),
    ("conv_valid_stride_beyond_kernel", Conv2D, (5, 6), (1, 2), (2, 3), "valid",
     "pixels that no window sees: gradient 0"),
    ("conv_transpose_same", Conv2DTranspose, (3, 4), (3, 3), 1, "same",
     "the kernel flipped, or its axes of channels exchanged"),
    ("conv_transpose_same_stride_2", Conv2DTranspose, (3, 2), (3, 3), 2, "same",
     "an output one pixel off; symmetric padding"),
    ("conv_transpose_valid", Conv2DTranspose, (2, 3), (2, 3), 1, "valid", "an output without the border"),
    ("conv_transpose_valid_stride_2", Conv2DTranspose, (2, 3), (3, 2), 2, "valid",
     "overlapping pixels written over, not added up"),
    ("conv_transpose_stride_beyond_kernel", Conv2DTranspose, (2, 2), (1, 2), (2, 3), "valid",
     "pixels that only the bias reaches"),
)  # fmt: skip
C, F = 2, 3  # channels of the image, and filters


def cases() -> Iterator[Vector]:
    for name, layer, size, kernel, stride, padding, aim in _CASES:
        yield (_conv if layer is Conv2D else _transposed)(name, size, layer(F, kernel, stride, padding), aim)


def _places(layer: Any, size: tuple[int, int]) -> list[Windows]:
    return [windows(n, k, s, layer.padding) for n, k, s in zip(size, layer.kernel, layer.stride, strict=True)]


def _conv(name: str, size: tuple[int, int], layer: Conv2D, aimed_at: str) -> Vector:
    draw = Draw(name)
    x, W, b = draw.normal(2, *size, C), draw.normal(*layer.kernel, C, F), draw.normal(F)  # type: ignore[misc]
    down, across = _places(layer, size)
    image, kernels = _framed(exact(x), down, across), exact(W)
    output = np.zeros((2, down.count, across.count, F), dtype=object) + exact(b)
    for i, j in np.ndindex(*W.shape[:2]):
        output = output + image[:, down.pixels(i), across.pixels(j)] @ kernels[i, j]

    def backward(dy: Decimals) -> dict[str, Decimals]:
        d_image, dW = 0 * image, 0 * kernels
        for i, j in np.ndindex(*W.shape[:2]):
            place = slice(None), down.pixels(i), across.pixels(j)
            d_image[place] = d_image[place] + dy @ kernels[i, j].T
            dW[i, j] = image[place].reshape(-1, C).T @ dy.reshape(-1, F)
        return {"d_input": _cropped(d_image, down, across), "dW": dW, "db": dy.sum(axis=(0, 1, 2))}

    return layer_case(
        name,
        layer,
        {"x": x, "W": W, "b": b},
        {"output": output},
        backward,
        in_words="output_rcf = b_f + Σ_ijk x_{rs+i-p, cs+j-p, k} W_ijkf, the kernel not flipped; W is "
        f"(height, width, channels, filters); {down.before} rows and {across.before} columns of padding come first",
        aimed_at=aimed_at,
        chapter="08_downsampling",
    )


def _transposed(name: str, size: tuple[int, int], layer: Conv2DTranspose, aimed_at: str) -> Vector:
    draw = Draw(name)
    x, W, b = draw.normal(2, *size, C), draw.normal(*layer.kernel, F, C), draw.normal(F)  # type: ignore[misc]
    larger = [
        n * s + (max(k - s, 0) if layer.padding == "valid" else 0)
        for n, k, s in zip(size, layer.kernel, layer.stride, strict=True)  # type: ignore[arg-type]
    ]
    down, across = _places(layer, (larger[0], larger[1]))
    image, kernels = exact(x), exact(W)
    spread = np.zeros((2, down.framed, across.framed, F), dtype=object)
    for i, j in np.ndindex(*W.shape[:2]):
        place = slice(None), down.pixels(i), across.pixels(j)
        spread[place] = spread[place] + image @ kernels[i, j].T
    output = _cropped(spread, down, across) + exact(b)

    def backward(dy: Decimals) -> dict[str, Decimals]:
        framed = _framed(dy, down, across)
        d_image, dW = 0 * image, 0 * kernels
        for i, j in np.ndindex(*W.shape[:2]):
            seen = framed[:, down.pixels(i), across.pixels(j)]
            d_image = d_image + seen @ kernels[i, j]
            dW[i, j] = seen.reshape(-1, F).T @ image.reshape(-1, C)
        return {"d_input": d_image, "dW": dW, "db": dy.sum(axis=(0, 1, 2))}

    return layer_case(
        name,
        layer,
        {"x": x, "W": W, "b": b},
        {"output": output},
        backward,
        in_words="the transpose of the convolution that maps the output's size to the input's; W is "
        f"(height, width, filters, channels); of the spread image {down.before} rows and {across.before} columns "
        "before the first pixel are cut off",
        aimed_at=aimed_at,
        chapter="08_downsampling",
    )


def _framed(images: Decimals, down: Windows, across: Windows) -> Decimals:
    """Put zeros around images, as far as windows reach."""
    frame = np.zeros((len(images), down.framed, across.framed, images.shape[3]), dtype=object)
    frame[:, down.inside, across.inside] = images
    return frame


def _cropped(frame: Decimals, down: Windows, across: Windows) -> Decimals:
    return frame[:, down.inside, across.inside]
