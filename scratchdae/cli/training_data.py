"""What `scratchdae train` learns from: the embedded digits, MNIST, or an array in a file."""

import math
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratchdae.arguments import Array, integer, number
from scratchdae.datasets import digits, locate_mnist, mnist
from scratchdae.training.evaluation import EVALUATION_BATCH

_MAGIC = {".npy": b"\x93NUMPY", ".npz": b"PK"}


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Examples to learn from, split, and how to look at them.

    Attributes
    ----------
    source : str
        Where they come from, in words.
    train : ndarray, shape (N, D)
        Examples to train on: uint8 grey levels or floating-point numbers.
    validation : ndarray, shape (V, D), or None
        Examples held out of the training data.
    test : ndarray, shape (M, D), or None
        The data set's own test examples.
    image_shape : (int, int) or None
        Rows and columns of an image; None where the examples are no images.
    low, high : float
        The least and the greatest value as the model will see it; NaN where there is one.
    """

    source: str
    train: Array
    validation: Array | None
    test: Array | None
    image_shape: tuple[int, int] | None
    low: float
    high: float

    def sizes(self) -> str:
        """Describe the parts.

        Returns
        -------
        str
            For example ``3333 training, 667 validation, 1000 test images of 28×28``.
        """
        parts = (("training", self.train), ("validation", self.validation), ("test", self.test))
        counts = ", ".join(f"{len(x)} {part}" for part, x in parts if x is not None)
        if self.image_shape is None:
            return f"{counts} examples of {self.train.shape[1]} numbers"
        return f"{counts} images of {self.image_shape[0]}×{self.image_shape[1]}"


def load(
    data: str, root: str | os.PathLike[str] | None = None, limit: int | None = None, validation: float = 1 / 6
) -> TrainingData:
    """Find the examples and hold some of them out.

    Parameters
    ----------
    data : str
        ``digits``, ``mnist``, or the path of a ``.npy`` or ``.npz`` file. A .npy file is memory-mapped; of a .npz file
        the array ``x`` is taken, else ``x_train``, else the only one. Nothing is unpickled.
    root : path-like, optional
        The folder of MNIST.
    limit : int, optional
        How many of the first training examples to use, those to be held out included.
    validation : float
        The fraction of the training data that is held out: its last examples, rounded to a whole number of them.

    Returns
    -------
    TrainingData
        The examples.

    Raises
    ------
    ValueError
        If there are no such data, or a file holds no array of examples.
    OSError
        If a file cannot be read.
    """
    test: Array | None = None
    image_shape: tuple[int, int] | None
    if root is not None and data != "mnist":
        raise ValueError(f"--root is the folder of MNIST and goes with --data mnist, found --data {data}")
    if data in ("digits", "mnist"):
        dataset = digits() if data == "digits" else mnist(root)
        source = "the embedded digits" if data == "digits" else f"MNIST{_whose_files(root)}"
        x, test, image_shape = dataset.x_train, dataset.x_test, dataset.image_shape
    else:
        x = _read(Path(data).expanduser())
        shape = (int(x.shape[1]), int(x.shape[2])) if x.ndim == 3 else _square(x.shape[1])
        source, image_shape, x = data, shape, x.reshape(len(x), -1)
    if limit is not None:
        if integer("limit", limit) > len(x):
            raise ValueError(f"limit must be at most {len(x)}, the training examples there are, found {limit}")
        x = x[:limit]
    held_out = round(len(x) * number("validation", validation, at_least=0, at_most=1))
    if held_out == len(x):
        raise ValueError(f"validation must leave at least one of {len(x)} examples to train on, found {validation}")
    low, high = _range(x)
    train, held = x[: len(x) - held_out], x[len(x) - held_out :]
    return TrainingData(source, train, held if held_out else None, test, image_shape, low, high)


def _whose_files(root: str | os.PathLike[str] | None) -> str:
    files = locate_mnist(root)
    if files is None:
        return ""
    others = [name for name, is_published in files.published().items() if not is_published]
    return f" in {files.root}" + (f" ({', '.join(others)}: not the published bytes)" if others else "")


def _square(columns: int) -> tuple[int, int] | None:
    side = math.isqrt(columns)
    return (side, side) if side * side == columns else None


def _range(x: Array) -> tuple[float, float]:
    """Return the least and the greatest value, a batch at a time; grey levels are seen as numbers in [0, 1]."""
    if x.dtype == np.uint8:
        return 0.0, 1.0
    batches = [x[start : start + EVALUATION_BATCH] for start in range(0, len(x), EVALUATION_BATCH)]
    return float(min(np.min(batch) for batch in batches)), float(max(np.max(batch) for batch in batches))


def _read(path: Path) -> Array:
    """Read the examples of a file, shape (N, D) or (N, rows, columns)."""
    if path.suffix not in _MAGIC:
        raise ValueError(f"--data must be digits, mnist, or a .npy or .npz file, found {path}")
    with path.open("rb") as file:
        magic = file.read(6)
    if not magic.startswith(_MAGIC[path.suffix]):
        raise ValueError(
            f"{path} is no {path.suffix} file: it must begin with {_MAGIC[path.suffix]!r}, found {magic!r}"
        )
    try:
        x = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)) if path.suffix == ".npy" else _member(path)
    except Exception as error:  # what a damaged file makes NumPy, zipfile and zlib raise has no common class
        raise ValueError(f"{path} cannot be read: {error}") from error
    if x.ndim not in (2, 3) or x.size == 0:
        raise ValueError(
            f"{path} must hold examples of shape (N, D) or images of shape (N, rows, columns), at least one, "
            f"found shape {x.shape}"
        )
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise ValueError(
            f"{path} must hold uint8 grey levels (0 to 255) or floating-point numbers, found dtype {x.dtype}"
        )
    return x


def _member(path: Path) -> Array:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not a whole zip file")
    with np.load(path, allow_pickle=False) as arrays:
        only = arrays.files if len(arrays.files) == 1 else []
        chosen = next((arrays[name] for name in ("x", "x_train", *only) if name in arrays.files), None)
        if isinstance(chosen, np.ndarray):  # a member that is no array comes as bytes
            return chosen
        names = ", ".join(arrays.files) or "none"
    raise ValueError(f"it must hold an array named x or x_train, or only one array, found {names}")
