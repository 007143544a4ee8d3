"""What `scratchdae train` learns from: a named set or whatever a file holds, split."""

import argparse
from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, integer, number
from scratchdae.cli import reading_options
from scratchdae.datasets.files import Stored
from scratchdae.datasets.reading import large
from scratchdae.datasets.reading.oddities import examine
from scratchdae.datasets.reading.pictures import Pictures


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Examples to learn from, split, and how to look at them."""

    source: str  # where they come from, in words
    train: Array  # (N, D) uint8 grey levels or floating-point numbers
    validation: Array | None  # (V, D), held out of the training data
    test: Array | None  # (M, D), the data set's own
    image_shape: tuple[int, int] | None  # rows and columns as they are drawn; None where the examples are no images
    low: float  # the least and the greatest value as the model will see it
    high: float
    found: str  # shape, dtype, range and what was done, in a line
    notes: list[str]  # what looks wrong
    sides: tuple[int, ...] | None  # of an image, channels included

    def shown(self, value: float) -> str:
        """Print a value with all the digits that it has in the data."""
        return str(self.train.dtype.type(value))

    def sizes(self) -> str:
        """Describe the parts, for example ``3333 training, 667 validation, 1000 test images of 28×28``."""
        parts = (("training", self.train), ("validation", self.validation), ("test", self.test))
        counts = ", ".join(f"{len(x)} {part}" for part, x in parts if x is not None)
        if self.sides is None:
            return f"{counts} examples of {self.train.shape[1]} numbers"
        return f"{counts} images of {'×'.join(map(str, self.sides))}"


def load(data: str, options: argparse.Namespace, limit: int | None = None, validation: float = 1 / 6) -> TrainingData:
    """Read a name, a file or a folder, take the first `limit` examples and hold out the last of them.

    `validation` is the fraction that is held out, rounded to a whole number of examples.
    """
    stored = reading_options.read(data, options)
    x = stored.x
    if limit is not None:
        if integer("limit", limit) > len(x):
            raise ValueError(f"limit must be at most {len(x)}, the training examples there are, found {limit}")
        x = x[:limit] if isinstance(x, np.ndarray) else x[np.arange(limit)]
    held_out = round(len(x) * number("validation", validation, at_least=0, at_most=1))
    if held_out == len(x):
        raise ValueError(f"validation must leave at least one of {len(x)} examples to train on, found {validation}")
    axes = x.shape[1:]
    x, drawn = drawable(stored, x)
    test = None if stored.test is None else drawable(stored, stored.test)[0]
    seen = examine(data, x, drawn is not None, axes=axes, names=stored.columns)
    low, high = (0.0, 1.0) if x.dtype == np.uint8 else (float(seen.low), float(seen.high))
    return TrainingData(
        stored.source, x[: len(x) - held_out], x[len(x) - held_out :] if held_out else None,
        test, drawn, low, high,
        stored.found(seen.low, seen.high, len(x)), seen.notes, stored.image_shape,
    )  # fmt: skip


def drawable(stored: Stored, x: Array | Pictures) -> tuple[Array, tuple[int, int] | None]:
    """Return examples (N, D) and the sides of their pictures, in grey: the channels of an image lie beside each other.

    Where they came first they are planes, one below the other, so that what is mapped stays a view.
    """
    shape = stored.image_shape
    if shape is None or len(shape) == 2:
        return large.flat(x), None if shape is None else (shape[0], shape[1])
    if "channels first" in stored.kind and isinstance(x, np.ndarray):
        return large.flat(np.moveaxis(x.reshape(-1, *shape), -1, 1)), (shape[2] * shape[0], shape[1])
    return large.flat(x), (shape[0], shape[1] * shape[2])
