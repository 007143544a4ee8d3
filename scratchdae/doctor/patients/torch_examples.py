"""What people hand over as examples, as arrays with one example a row."""

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from scratchdae.arguments import Array

SQUARE = 256  # numbers, from here on a row of a square number of them is drawn as a picture
LARGEST = 20_000  # examples that are taken from a loader


def examples_of(data: Any) -> tuple[tuple[Any, ...], bool]:
    """Return the parts of the data, examples first, and whether a batch holds several; batches are joined."""
    if isinstance(data, np.ndarray | torch.Tensor):
        return (data,), False
    if isinstance(data, tuple | list) and data and all(isinstance(part, np.ndarray | torch.Tensor) for part in data):
        return tuple(data), True
    if not isinstance(data, Iterable) or isinstance(data, str | dict):
        raise ValueError(f"x must be an array, a tensor, a tuple of them or batches, found {type(data).__name__}")
    batches: list[tuple[Any, ...]] = []
    several = False
    for batch in itertools.islice(data, LARGEST // 8):
        several = isinstance(batch, tuple | list)
        parts = tuple(batch) if several else (batch,)
        if not parts or not all(isinstance(part, np.ndarray | torch.Tensor) for part in parts):
            raise ValueError(f"x must give batches of arrays or tensors, found {type(batch).__name__}")
        batches.append(tuple(torch.as_tensor(part) for part in parts))
        if sum(len(parts[0]) for parts in batches) >= LARGEST:
            break
    if not batches:
        raise ValueError("x must give at least one batch, found none")
    return tuple(torch.cat(part) for part in zip(*batches, strict=True)), several


def flat(x: torch.Tensor) -> Array:
    """Return examples as rows of float64."""
    return np.asarray(x.detach().cpu().double()).reshape(len(x), -1)


def numpy_of(x: torch.Tensor) -> Array:
    """Return a tensor, of whatever device and precision, as float64."""
    return np.asarray(x.detach().cpu().double())


def image_shape(axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of the pictures that examples are, channels last, if they can be drawn as they lie."""
    side = math.isqrt(axes[0])
    if len(axes) == 1 and side * side == axes[0] >= SQUARE:
        return side, side
    if len(axes) == 2 or (len(axes) == 3 and axes[2] <= 4):
        return axes
    return axes[1:] if len(axes) == 3 and axes[0] == 1 else None


def rounding(x: Array, dtype: torch.dtype) -> float:
    """Return how far numbers of a precision may lie from examples x, with some to spare."""
    return 2 * float(torch.finfo(dtype).eps) * float(np.abs(x).max())
