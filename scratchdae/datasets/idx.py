"""The IDX format of the MNIST files: four bytes that say what follows, the shape, then the numbers.

Bytes 0 and 1 are zero, byte 2 is the type of the numbers (0x08: unsigned bytes, the only one that MNIST uses), byte 3
the number of dimensions; each dimension is a big-endian 32-bit integer; the last dimension varies fastest. Source: Y.
LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits.
"""

import gzip
import math
import os
import textwrap
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from scratchdae import arguments
from scratchdae.arguments import Array
from scratchdae.datasets.folders import refuse_endless

_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATED = 1032  # bytes that gzip can make of one, at most
_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Read an IDX file of unsigned bytes.

    Parameters
    ----------
    path : path-like
        The file, plain or gzip; the content tells which, whatever the name.

    Returns
    -------
    ndarray of uint8
        The numbers, in the shape that the file declares; a file with more or fewer bytes than that is refused.
    """
    path = arguments.path("path", path)
    refuse_endless(path, "an IDX file")
    if path.is_dir():
        raise ValueError(f"path must be of an IDX file, found the folder {path}")
    with path.open("rb") as file:
        size, packed = os.fstat(file.fileno()).st_size, file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not packed:
            return _read(path, file, size)
        try:
            with gzip.open(file) as unpacked:
                return _read(path, unpacked, _DEFLATED * size, packed)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: must be a whole gzip file, found a damaged one ({error})") from error


def _read(path: Path, file: BufferedIOBase, most: int, packed: bool = False) -> Array:
    """Read an array from a file of `most` bytes, or at most so many; no more is unpacked than its header promises."""
    magic = file.read(4)
    if len(magic) < 4:
        raise ValueError(
            f"{path}: an IDX file must begin with a magic number of 4 bytes, found {len(magic)} bytes in all"
        )
    if magic[:2] != b"\0\0":
        raise ValueError(f"{path}: the magic number of an IDX file must begin with 0000, found {magic.hex()}")
    code, dimensions = magic[2], magic[3]
    if code != 0x08:
        found = f"0x{code:02x} ({_TYPES.get(code, 'unknown')})"
        raise ValueError(f"{path}: the type of the numbers must be 0x08 (uint8), found {found}")
    if dimensions == 0:
        raise ValueError(f"{path}: the number of dimensions must be at least 1, found 0")
    sizes = file.read(4 * dimensions)
    start = 4 + 4 * dimensions
    if 4 + len(sizes) < start:
        raise ValueError(f"{path}: a header of {dimensions} dimensions must have {start} bytes, found {4 + len(sizes)}")
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
    expected, said = start + math.prod(shape), textwrap.shorten(str(shape), 80)
    found = f"at most {most}" if packed else str(most)
    if expected <= most:
        try:
            x = np.empty(shape, np.uint8)
        except ValueError as error:  # of no numbers, but with more or larger sides than an array can have
            raise ValueError(f"{path}: shape {said} is that of no array: {error}") from None
        read = start + file.readinto(x.reshape(-1).data)
        more = file.read(1)  # which also has gzip look at its checksum
        if read == expected and not more:
            return x
        found = f"{read + 1} or more" if more else str(read)
    raise ValueError(f"{path}: shape {said} must make {expected} bytes, header included, found {found}")
