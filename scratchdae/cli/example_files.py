"""What `scratchdae floors` measures: examples of a file or folder as float64, a sample of them where they are many."""

import math
from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array
from scratchdae.datasets import files, to_float

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

    def sizes(self) -> str:
        """Describe them, for example ``5000 of 60000, drawn at random, images of 28×28``."""
        n = len(self.x)
        count = str(n) if n == self.there else f"{n} of {self.there}, drawn at random,"
        if self.image_shape is None:
            return f"{count} examples of {self.x.shape[1]} numbers"
        return f"{count} images of {'×'.join(map(str, self.image_shape))}"


def read(text: str, most: int | None, rng: np.random.Generator, raw: bool = False) -> Examples:
    """Read ``digits``, a file or a folder (see `files.read`); of more than `most` examples draw so many, all different.

    Without `most`, 10,000 are kept, or 2,000 of more than 2,000 numbers, and no more than 20 million numbers in all.
    `raw` takes integers, and grey levels from 0 to 255, as the numbers that they are; otherwise uint8 is divided by
    255, as the library does, and other integers are refused.
    """
    stored = files.read(text, sets=("digits",), integers=raw, hint="; --raw takes integers as they are")
    there, size, image_shape = len(stored.x), math.prod(stored.x.shape[1:]), stored.image_shape
    found = stored.x[_draw(there, size, most, rng)]
    if image_shape is None and found.dtype == np.uint8 and size > 1:
        image_shape = files.square(size)  # rows of grey levels are taken for square images where they can be
    scaled = found.dtype == np.uint8 and not raw
    how = "scaled from 0…255 to [0, 1] (--raw leaves it)" if scaled else "not scaled"
    x = (to_float(found) if scaled else found.astype(np.float64)).reshape(len(found), -1)
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise ValueError(f"{text} must hold finite numbers, found {x[row, column]} ({len(bad)} of {x.size} are not)")
    if (largest := float(np.abs(x).max())) > _LARGEST:
        raise ValueError(f"{text} must hold numbers up to {_LARGEST:g}, whose squares have sums, found {largest:g}")
    return Examples(f"{stored.source} ({stored.kind}, {how})", x, there, image_shape)


def _draw(there: int, size: int, most: int | None, rng: np.random.Generator) -> Array:
    """Choose examples of so many numbers, in the order in which they are stored."""
    if most is None:
        most = max(1, min(_MOST if size <= _LARGE else _MOST_LARGE, _NUMBERS // size))
    return np.arange(there) if there <= most else np.sort(rng.choice(there, most, replace=False))
