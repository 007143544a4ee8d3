"""Read the .amat files of the originals: a matrix as text, an image a line, its label in the last column.

Numbers are separated by blanks; lines that begin with ``#`` say sizes and names of columns. Neither the lines nor the
numbers in them have a fixed width.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from scratchdae.arguments import Array

PIXELS = 28 * 28


def read_amat(path: str | os.PathLike[str]) -> tuple[Array, Array]:
    """Read the images (n, 784) and labels (n,) of an .amat file, both uint8.

    Shares of white, from 0 to 1, are rounded to the nearest of 256 grey levels. An error names line and column, which
    are counted from 1.
    """
    with Path(path).open("rb") as file:
        return parse_amat(str(path), file)


def parse_amat(name: str, file: IO[bytes]) -> tuple[Array, Array]:
    """Read an .amat file, called `name` in errors, that is open and in which one can go back to the beginning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there are no data is said below
        try:
            # float32 has 24 bits, so neither a label nor a grey level depends on how a number is rounded to it.
            numbers = np.loadtxt(_data_lines(file), np.float32, comments=None, ndmin=2)
        except ValueError as error:
            raise ValueError(f"{name}: {_first_fault(file) or error}") from error
    if numbers.shape[1] != PIXELS + 1 or not _sound(numbers):
        raise ValueError(f"{name}: {_first_fault(file) or 'must hold at least one image'}")
    x = numbers[:, :PIXELS]
    white = np.float32(255 if x.max() <= 1 else 1)
    return np.rint(x * white).astype(np.uint8), numbers[:, PIXELS].astype(np.uint8)


def _data_lines(file: IO[bytes]) -> Iterator[str]:
    """Yield the lines that hold an image."""
    file.seek(0)
    return (line.decode("latin-1") for line in file if _holds_image(line))


def _holds_image(line: bytes) -> bool:
    return not (line.startswith(b"#") or line.isspace())


def _sound(numbers: Array) -> bool:
    """Say whether all grey levels and labels are such; NaN and inf are not."""
    x, t = numbers[:, :PIXELS], numbers[:, PIXELS]
    whole = x.max() <= 1 or (x == np.rint(x)).all()
    return bool(x.min() >= 0 and x.max() <= 255 and whole and np.isin(t, np.arange(10)).all())


def _first_fault(file: IO[bytes]) -> str | None:
    """Say where a file first goes wrong: slowly, but with the line and the column."""
    file.seek(0)
    share, level = None, None  # where the first number is that is only a share of white, or only a grey level
    for number, line in enumerate(file, 1):
        if not _holds_image(line):
            continue
        words = line.split()
        for column, word in enumerate(words[: PIXELS + 1], 1):
            where = f"line {number}, column {column}"
            text = word.decode("latin-1")
            try:
                value = float(text)
            except ValueError:
                return f"{where}: must be a number, found {text!r}"
            if column > PIXELS:
                if value not in range(10):
                    return f"{where}: must be a label from 0 to 9, found {text}"
            elif not (0 <= value <= 1 or value in range(256)):
                return f"{where}: must be a share of white from 0 to 1 or a grey level up to 255, found {text}"
            elif value > 1:
                level = level or where
            elif value not in (0, 1):
                share = share or where
        if len(words) != PIXELS + 1:
            return f"line {number}: must hold {PIXELS} grey levels and a label, found {len(words)} columns"
    if share and level:
        return f"must hold either shares of white or grey levels, found both ({share}; {level})"
    return None
