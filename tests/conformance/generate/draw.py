"""Inputs of the cases: random, the same on every machine, and exactly representable in float32."""

import hashlib

import numpy as np

from scratchdae.arguments import Array


class Draw:
    """Random arrays of one case; its name is the seed."""

    def __init__(self, name: str) -> None:
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")
        self.rng = np.random.Generator(np.random.PCG64(seed))

    def normal(self, *shape: int, scale: float = 1.0) -> Array:
        """Draw normal numbers that float32 can hold, so that a float32 framework gets the same."""
        return short(scale * self.rng.standard_normal(shape))

    def uniform(self, *shape: int) -> Array:
        """Draw numbers between 0 and 1 that float32 can hold."""
        return short(self.rng.random(shape))

    def mask(self, *shape: int, nu: float = 0.4) -> Array:
        """Draw truth values, True with probability `nu`."""
        mask: Array = self.rng.random(shape) < nu
        return mask

    def labels(self, n: int, classes: int) -> Array:
        """Draw n class labels, from 0 to one below `classes`."""
        return np.floor(self.rng.random(n) * classes).astype(np.int64)


def short(array: Array) -> Array:
    """Round to float32 and return as float64."""
    return np.asarray(array, dtype=np.float32).astype(np.float64)
