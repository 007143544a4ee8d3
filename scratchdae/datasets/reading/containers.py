"""Packed files: gzip, bzip2, xz and zip, one in another too; what is in them is read as a stream, as far as asked."""

import bz2
import gzip
import io
import lzma
import math
import os
import textwrap
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

ZIP = (b"PK\3\4", b"PK\5\6")
_PACKED: dict[bytes, tuple[str, Callable[..., Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open), b"BZh": ("bzip2", bz2.open), b"\xfd7zXZ\0": ("xz", lzma.open),
}  # fmt: skip
_DEFLATED = 1032  # bytes that gzip can make of one, at most
_DEEPEST = 3  # packed files in packed files, as in EMNIST's archive
_WHOLE = 2**31  # bytes unpacked at most where a library needs all of them at once
_MAGIC = 16
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError)  # of a stream that is read on


@dataclass(frozen=True)
class Content:
    """Bytes to read, unpacked."""

    path: Path  # of the file on the disk
    said: str  # the path, and what of it was taken
    suffix: str  # of what was packed, in lower case
    name: str  # what is asked for within
    file: BinaryIO  # at its beginning
    magic: bytes  # with which it begins
    most: float  # bytes that there can be
    plain: bool  # the file itself, which can be mapped

    def seekable(self) -> BinaryIO:
        """Return the bytes for a library that jumps in them."""
        if self.plain:
            return self.file
        content = self.file.read(_WHOLE + 1)
        if len(content) > _WHOLE:
            raise ValueError("it has more than 2 GB unpacked: unpack it first")
        return io.BytesIO(content)


@contextmanager
def opened(path: Path, name: str) -> Iterator[Content]:
    """Give the content of a file; of a zip file that of the member `name`, or of the only one."""
    with ExitStack() as stack:
        file = cast(BinaryIO, stack.enter_context(path.open("rb")))
        most: float = os.fstat(file.fileno()).st_size
        inner, said, plain, kind = PurePosixPath(path.name), str(path), True, ""
        try:
            for depth in range(_DEEPEST + 1):
                magic = file.read(_MAGIC)
                file.seek(0)
                packed = next((found for begin, found in _PACKED.items() if magic.startswith(begin)), None)
                if packed is None and (not magic.startswith(ZIP) or _is_npz(file, inner)):
                    break
                if depth == _DEEPEST:
                    raise ValueError(f"{path} must be packed at most {_DEEPEST} times, found more")
                plain = False
                if packed is not None:
                    kind, unpack = packed
                    file = cast(BinaryIO, stack.enter_context(unpack(file)))
                    most = most * _DEFLATED if kind == "gzip" else math.inf
                    inner = inner.with_suffix("") if inner.suffix.lower() in (".gz", ".bz2", ".xz") else inner
                else:
                    kind, archive = "zip", stack.enter_context(zipfile.ZipFile(file))
                    member, name = _member(path, archive, name)
                    file, most = cast(BinaryIO, stack.enter_context(archive.open(member))), member.file_size
                    inner, said = PurePosixPath(member.filename), f"{path}:{member.filename}"
            yield Content(path, said, inner.suffix.lower(), name, file, magic, most, plain)
        except DAMAGED as error:
            if isinstance(error, OSError) and (error.errno is not None or not kind):
                raise
            raise ValueError(f"{path}: must be a whole {kind} file, found a damaged one ({error})") from error


def _is_npz(file: BinaryIO, inner: PurePosixPath) -> bool:
    """Tell an archive of arrays, or one that claims to be, from one of other files."""
    if inner.suffix.lower() == ".npz" or not zipfile.is_zipfile(file):
        file.seek(0)
        return True
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    file.seek(0)
    return bool(names) and all(name.endswith(".npy") for name in names)


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> tuple[zipfile.ZipInfo, str]:
    """Choose a member, and return what of `name` is asked for within it."""
    there = {info.filename: info for info in archive.infolist() if not info.is_dir() and not _hidden(info.filename)}
    if any(PurePosixPath(one).name == "data.pkl" for one in there):
        raise ValueError(f"{path} is a pickle of PyTorch: pickles are never loaded, save its arrays as .npz")
    for one, info in there.items():
        if name == one or name.startswith(f"{one}:"):
            return info, name[len(one) + 1 :]
    if len(there) == 1 and not name:
        return next(iter(there.values())), ""
    names = textwrap.shorten(", ".join(there), 200) or "none"
    wanted = f"a file named {name}" if name else "only one file"
    raise ValueError(f"{path} must hold {wanted}, found {names}; FILE:NAME chooses")


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)
