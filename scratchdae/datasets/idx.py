"""The IDX format of the MNIST files: four bytes that say what follows, the shape, then the numbers.

Bytes 0 and 1 are zero, byte 2 is the type of the numbers (0x08: unsigned bytes, the only one that MNIST uses), byte 3
the number of dimensions; each dimension is a big-endian 32-bit integer, and the numbers are big-endian too; the last
dimension varies fastest. Source: Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits.
"""

import math
import os
import textwrap
from pathlib import Path
from typing import BinaryIO

import numpy as np

from scratchdae import arguments
from scratchdae.arguments import Array
from scratchdae.datasets.folders import refuse_endless
from scratchdae.datasets.reading.containers import opened

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_AT_ONCE = 2**24  # bytes that are unpacked at once


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Read an IDX file.

    Parameters
    ----------
    path : path-like
        The file, plain or packed; the content tells which, whatever the name.

    Returns
    -------
    ndarray
        The numbers, of the type and in the shape that the file declares (uint8 for the files of MNIST); a file with
        more or fewer bytes than that is refused.
    """
    path = arguments.path("path", path)
    refuse_endless(path, "an IDX file")
    if path.is_dir():
        raise ValueError(f"path must be of an IDX file, found the folder {path}")
    with opened(path, "") as content:
        x = read_content(path, str(path), content.file, content.most, content.plain)
    return x.astype(x.dtype.newbyteorder("="), copy=False)


def labels_beside(path: Path) -> Path | None:
    """Return the file of labels that belongs to a file of images by its name, if it is there."""
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    beside = path.with_name(name)
    return beside if name != path.name and beside.is_file() else None


def read_content(path: Path, said: str, file: BinaryIO, most: float, plain: bool, mapped: bool = False) -> Array:
    """Read an array from at most so many bytes, or map it; no more is unpacked than its header promises."""
    magic = file.read(4)
    if len(magic) < 4:
        raise ValueError(
            f"{said}: an IDX file must begin with a magic number of 4 bytes, found {len(magic)} bytes in all"
        )
    if magic[:2] != b"\0\0":
        raise ValueError(f"{said}: the magic number of an IDX file must begin with 0000, found {magic.hex()}")
    code, dimensions = magic[2], magic[3]
    if code not in _TYPES:
        known = ", ".join(f"0x{one:02x} ({np.dtype(kind).name})" for one, kind in _TYPES.items())
        raise ValueError(f"{said}: the type of the numbers must be one of {known}, found 0x{code:02x}")
    if dimensions == 0:
        raise ValueError(f"{said}: the number of dimensions must be at least 1, found 0")
    sizes = file.read(4 * dimensions)
    start, dtype = 4 + 4 * dimensions, np.dtype(_TYPES[code])
    if 4 + len(sizes) < start:
        raise ValueError(f"{said}: a header of {dimensions} dimensions must have {start} bytes, found {4 + len(sizes)}")
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
    expected, short = start + dtype.itemsize * math.prod(shape), textwrap.shorten(str(shape), 80)
    found = f"{most:.0f}" if plain else f"at most {most:.0f}"
    if expected <= most:
        if plain and mapped and expected == most and expected > start:
            return np.memmap(path, dtype, "r", start, shape)
        try:
            x = np.empty(shape, dtype)
        except ValueError as error:  # of no numbers, but with more or larger sides than an array can have
            raise ValueError(f"{said}: shape {short} is that of no array: {error}") from None
        read = start + _filled(file, x.reshape(-1).view(np.uint8).data)
        more = file.read(1)  # which also has gzip look at its checksum
        if read == expected and not more:
            return x
        found = f"{read + 1} or more" if more else str(read)
    raise ValueError(f"{said}: shape {short} must make {expected} bytes, header included, found {found}")


def _filled(file: BinaryIO, room: memoryview) -> int:
    """Fill some room, and return how many bytes there were for it."""
    done = 0
    while done < len(room) and (piece := file.read(min(_AT_ONCE, len(room) - done))):
        room[done : done + len(piece)] = piece
        done += len(piece)
    return done
