"""Which pixels a window sees: the arithmetic of kernel, stride and padding, one axis at a time.

A window of k pixels that moves s pixels a step over n pixels gives ::

    valid:  m = floor((n − k) / s) + 1                                 (1)  windows inside the image only
    same:   m = ceil(n / s)                                            (2)  as many as there are steps

`same` therefore needs ``max((m − 1) s + k − n, 0)`` pixels of padding, half of it before the first pixel; where it is
odd, the extra one comes after the last (3). That is TensorFlow's and Keras' rule. For s = 1 and odd k it is also
PyTorch's ``padding="same"``, or ``padding=k // 2``; for s = 2 PyTorch's symmetric padding puts the windows elsewhere,
which is why weights carried from one framework to the other can work badly and raise no error.
"""

from typing import NamedTuple

from scratchdae.arguments import integer, shown, sides

PADDINGS = ("valid", "same")


class Grid(NamedTuple):
    """Where the windows lie: window (r, c) begins at pixel (r·stride − before), which may lie outside the image."""

    size: tuple[int, int]  # number of windows down and across
    stride: tuple[int, int]  # pixels from one to the next
    before: tuple[int, int]  # pixels of padding above the first row and left of the first column


def grid(size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: str) -> Grid:
    """Lay the windows over an image, equations (1) to (3); refused if not one fits."""
    if padding == "valid":
        if size[0] < kernel[0] or size[1] < kernel[1]:
            raise ValueError(f"kernel {kernel} must fit into the image for padding 'valid', found an image of {size}")
        rows, columns = ((n - k) // s + 1 for n, k, s in zip(size, kernel, stride, strict=True))  # (1)
        return Grid((rows, columns), stride, (0, 0))
    rows, columns = (-(-n // s) for n, s in zip(size, stride, strict=True))  # (2)
    top, left = (
        max((m - 1) * s + k - n, 0) // 2  # (3)
        for m, n, k, s in zip((rows, columns), size, kernel, stride, strict=True)
    )
    return Grid((rows, columns), stride, (top, left))


def transposed_size(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: str
) -> tuple[int, int]:
    """Return the size of the image that a transposed convolution makes, one of those that `grid` maps to `size`.

    With stride s several images have the same number of windows; this takes n·s pixels for `same` and
    n·s + max(k − s, 0) for `valid`, as Keras does.
    """
    extra = [max(k - s, 0) if padding == "valid" else 0 for k, s in zip(kernel, stride, strict=True)]
    return size[0] * stride[0] + extra[0], size[1] * stride[1] + extra[1]


def pair(name: str, value: object) -> tuple[int, int]:
    """Return a size given as one number for both axes, or as two, down and across."""
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise ValueError(f"{name} must be one integer or two, found {shown(value)}")
        return integer(name, value[0]), integer(name, value[1])
    number = integer(name, value)
    return number, number


def image_shape(input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return `input_shape`, refused unless it is that of an image: height, width and channels."""
    height, width, channels = sides("input_shape", input_shape, (3,), "be (height, width, channels)")
    return height, width, channels
