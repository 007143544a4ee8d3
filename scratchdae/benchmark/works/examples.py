"""Real images and their labels, the beginning of every kind of work."""

import numpy as np

from scratchdae.arguments import Array, choice
from scratchdae.datasets import Dataset, digits, mnist, to_float

DATA = ("digits", "mnist")
PIXELS, CLASSES = 784, 10  # of both


def load(name: str) -> Dataset:
    """Return a data set of images of 28 × 28 pixels in ten classes."""
    return digits() if choice("data", name, DATA) == "digits" else mnist()


def batches(data: Dataset, shape: tuple[int, int], dtype: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw S batches of B training images, from 0 to 1, and their labels, with replacement."""
    chosen = rng.integers(0, len(data.x_train), shape)
    return to_float(data.x_train[chosen], dtype), data.t_train[chosen].astype(np.int64)  # (S, B, 784), (S, B)
