"""What `scratchdae train` learns from: the embedded digits, MNIST, or an array in a file, split."""

import os
from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, integer, number
from scratchdae.datasets import files
from scratchdae.training.evaluation import EVALUATION_BATCH


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Examples to learn from, split, and how to look at them."""

    source: str  # where they come from, in words
    train: Array  # (N, D) uint8 grey levels or floating-point numbers
    validation: Array | None  # (V, D), held out of the training data
    test: Array | None  # (M, D), the data set's own
    image_shape: tuple[int, int] | None  # rows and columns; None where the examples are no images
    low: float  # the least and the greatest value as the model will see it; NaN where there is one
    high: float

    def sizes(self) -> str:
        """Describe the parts, for example ``3333 training, 667 validation, 1000 test images of 28×28``."""
        parts = (("training", self.train), ("validation", self.validation), ("test", self.test))
        counts = ", ".join(f"{len(x)} {part}" for part, x in parts if x is not None)
        if self.image_shape is None:
            return f"{counts} examples of {self.train.shape[1]} numbers"
        return f"{counts} images of {self.image_shape[0]}×{self.image_shape[1]}"


def load(
    data: str, root: str | os.PathLike[str] | None = None, limit: int | None = None, validation: float = 1 / 6
) -> TrainingData:
    """Find ``digits``, ``mnist`` or a .npy or .npz file, take the first `limit` examples and hold out the last of them.

    `validation` is the fraction that is held out, rounded to a whole number of examples.
    """
    if root is not None and data != "mnist":
        raise ValueError(f"--root is the folder of MNIST and goes with --data mnist, found --data {data}")
    if data not in ("digits", "mnist"):
        _refuse_other_files(data)
    stored = files.read(data, root=root, channels=False)
    x = stored.x
    assert isinstance(x, np.ndarray)  # since a folder of images was refused
    image_shape = (x.shape[1], x.shape[2]) if x.ndim == 3 else files.square(x.shape[1])
    x = x.reshape(len(x), -1)
    if limit is not None:
        if integer("limit", limit) > len(x):
            raise ValueError(f"limit must be at most {len(x)}, the training examples there are, found {limit}")
        x = x[:limit]
    held_out = round(len(x) * number("validation", validation, at_least=0, at_most=1))
    if held_out == len(x):
        raise ValueError(f"validation must leave at least one of {len(x)} examples to train on, found {validation}")
    low, high = _range(x)
    train, held = x[: len(x) - held_out], x[len(x) - held_out :]
    return TrainingData(stored.source, train, held if held_out else None, stored.test, image_shape, low, high)


def _refuse_other_files(data: str) -> None:
    """Refuse a file whose name is not one of a .npy or .npz file, or that is not what its name says."""
    path, _ = files.locate(data)
    if path.suffix not in files.MAGIC:
        raise ValueError(f"--data must be digits, mnist, or a .npy or .npz file, found {data}")
    expected = files.MAGIC[path.suffix]
    with path.open("rb") as file:
        magic = file.read(6)
    if not magic.startswith(expected):
        raise ValueError(f"{path} is no {path.suffix} file: it must begin with {expected!r}, found {magic!r}")


def _range(x: Array) -> tuple[float, float]:
    """Return the least and the greatest value, a batch at a time; grey levels are seen as numbers in [0, 1]."""
    if x.dtype == np.uint8:
        return 0.0, 1.0
    batches = [x[start : start + EVALUATION_BATCH] for start in range(0, len(x), EVALUATION_BATCH)]
    return float(min(np.min(batch) for batch in batches)), float(max(np.max(batch) for batch in batches))
