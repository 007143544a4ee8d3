"""The IDX format of the MNIST files: four bytes that say what follows, the shape, then the numbers.

Bytes 0 and 1 are zero, byte 2 is the type of the numbers (0x08: unsigned bytes, the only one that MNIST uses), byte 3
the number of dimensions; each dimension is a big-endian 32-bit integer; the last dimension varies fastest. Source: Y.
LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits.
"""

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np

from scratchdae.arguments import Array

_GZIP_MAGIC = b"\x1f\x8b"
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
    data = _content(Path(path))
    if len(data) < 4:
        raise ValueError(
            f"{path}: an IDX file must begin with a magic number of 4 bytes, found {len(data)} bytes in all"
        )
    if data[:2] != b"\0\0":
        raise ValueError(f"{path}: the magic number of an IDX file must begin with 0000, found {data[:4].hex()}")
    code, dimensions = data[2], data[3]
    if code != 0x08:
        found = f"0x{code:02x} ({_TYPES.get(code, 'unknown')})"
        raise ValueError(f"{path}: the type of the numbers must be 0x08 (uint8), found {found}")
    if dimensions == 0:
        raise ValueError(f"{path}: the number of dimensions must be at least 1, found 0")
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ValueError(f"{path}: a header of {dimensions} dimensions must have {start} bytes, found {len(data)}")
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, start, 4))
    expected = start + math.prod(shape)
    if len(data) != expected:
        raise ValueError(f"{path}: shape {shape} must make {expected} bytes, header included, found {len(data)}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()  # a copy, since bytes are read-only


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    if data[:2] != _GZIP_MAGIC:
        return data
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: must be a whole gzip file, found a damaged or incomplete one ({error})") from error
