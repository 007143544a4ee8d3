"""What `scratchdae floors` measures: examples of a file or folder as float64, a sample of them where they are many."""

import argparse
import math
from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array
from scratchdae.cli import reading_options
from scratchdae.datasets import to_float
from scratchdae.datasets.reading.oddities import examine

_MOST, _NUMBERS = 10_000, 20_000_000  # examples, and numbers in them, that are kept unless asked otherwise
_LARGEST = 1e140
_LARGE, _MOST_LARGE = 2_000, 2_000  # of examples with more numbers than this, no more than that: eigenvalues cost n³


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples as numbers."""

    source: str  # where they come from and what was done to them, in words
    x: Array  # (N, D) float64
    there: int  # how many there were, of which N were drawn
    image_shape: tuple[int, ...] | None  # (rows, columns) or (rows, columns, channels); None where they are no images
    found: str  # shape, dtype, range and what was done, in a line
    notes: list[str]  # what looks wrong

    def sizes(self) -> str:
        """Describe them, for example ``5000 of 60000, drawn at random, images of 28×28``."""
        n = len(self.x)
        count = str(n) if n == self.there else f"{n} of {self.there}, drawn at random,"
        if self.image_shape is None:
            return f"{count} examples of {self.x.shape[1]} numbers"
        return f"{count} images of {'×'.join(map(str, self.image_shape))}"


def read(text: str, most: int | None, rng: np.random.Generator, options: argparse.Namespace) -> Examples:
    """Read a name, a file or a folder (see `files.read`); of more than `most` examples draw so many, all different.

    Without `most`, 10,000 are kept, or 2,000 of more than 2,000 numbers, and no more than 20 million numbers in all.
    """
    stored = reading_options.read(text, options)
    there, axes = len(stored.x), stored.x.shape[1:]
    rows = _draw(there, math.prod(axes), most, rng)
    found = stored.x[rows]
    flat = found.reshape(len(found), -1)
    seen = examine(text, flat, stored.image_shape is not None, rows, axes, stored.columns)
    x = to_float(flat)
    if (largest := float(np.abs(x).max())) > _LARGEST:
        raise ValueError(f"{text} must hold numbers up to {_LARGEST:g}, whose squares have sums, found {largest:g}")
    source = f"{stored.source} ({stored.kind}, {stored.done})"
    return Examples(source, x, there, stored.image_shape, stored.found(seen.low, seen.high, len(x)), seen.notes)


def _draw(there: int, size: int, most: int | None, rng: np.random.Generator) -> Array:
    """Choose examples of so many numbers, in the order in which they are stored."""
    if most is None:
        most = max(1, min(_MOST if size <= _LARGE else _MOST_LARGE, _NUMBERS // size))
    return np.arange(there) if there <= most else np.sort(rng.choice(there, most, replace=False))
