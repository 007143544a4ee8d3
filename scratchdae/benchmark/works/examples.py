"""Real images and their labels, the beginning of every kind of work."""

import numpy as np

from scratchdae.arguments import Array, choice
from scratchdae.datasets import Dataset, digits, mnist, to_float

DATA = ("digits", "mnist")
PIXELS, CLASSES = 784, 10  # of both


def load(name: str) -> Dataset:
    """Return a data set.

    Parameters
    ----------
    name : {"digits", "mnist"}
        Which.

    Returns
    -------
    Dataset
        Images of 28 × 28 pixels in ten classes.

    Raises
    ------
    ValueError, OSError
        If there are no such data on this machine.
    """
    return digits() if choice("data", name, DATA) == "digits" else mnist()


def batches(data: Dataset, shape: tuple[int, int], dtype: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw batches of training examples, with replacement.

    Parameters
    ----------
    data : Dataset
        The examples.
    shape : (int, int)
        S batches of B examples.
    dtype : {"float32", "float64"}
        Of the images.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    x : ndarray, shape (S, B, 784)
        Images, from 0 to 1.
    t : ndarray of int, shape (S, B)
        Labels.
    """
    chosen = rng.integers(0, len(data.x_train), shape)
    return to_float(data.x_train[chosen], dtype), data.t_train[chosen].astype(np.int64)
