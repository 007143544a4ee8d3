"""NumPy's own files: .npy, memory-mapped where nothing packs it, and .npz, whose large arrays are too."""

import textwrap
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.datasets.reading.containers import Content
from scratchdae.datasets.reading.options import Found, Options

NPY = b"\x93NUMPY"
NAMES = (  # of what is learned from, unasked
    "x", "x_train", "X", "X_train", "train_x", "train_X", "train_images", "images", "data", "features",
)  # fmt: skip
_TESTS = {
    "x_train": "x_test", "X_train": "X_test", "train_x": "test_x", "train_X": "test_X", "train_images": "test_images",
}  # fmt: skip
_LABELS = ("t", "y", "t_train", "y_train", "train_y", "train_labels", "labels", "label", "target")
_MAPPED = 2**26  # bytes; a smaller array of a .npz file is read


def npy(content: Content, _: Options) -> Found:
    """Map an array, or read it where it is packed."""
    if content.name:
        raise ValueError(f"{content.said} holds one array without a name, found the name {content.name!r} asked for")
    if content.plain:
        return Found(np.asarray(np.load(content.path, mmap_mode="r", allow_pickle=False)))
    return Found(np.asarray(np.lib.format.read_array(content.file, allow_pickle=False)))


def npz(content: Content, _: Options) -> Found:
    """Take one array of several, by its name, by a usual name, or because it is the only one with examples."""
    file = content.seekable()
    if not zipfile.is_zipfile(file):
        raise ValueError("it is not a whole zip file")
    with zipfile.ZipFile(file) as archive:
        there = {one.removesuffix(".npy"): one for one in archive.namelist() if one.endswith(".npy")}
        if {"format", "shape", "data"} <= there.keys() and not content.name:
            from scratchdae.datasets.reading import science

            return science.sparse(file)
        shapes = {}
        for one, member in there.items():
            with archive.open(member) as header:
                shapes[one] = _read_header(header)[0]
        name = chosen("array", content.name, shapes, [member.removesuffix(".npy") for member in archive.namelist()])
        test = _TESTS.get(name)
        labels = next((one for one in _LABELS if one in shapes and shapes[one][:1] == shapes[name][:1]), None)
        return Found(
            _mapped(content, archive, name) if content.plain else packed_array(archive, name),
            labels=lambda: _again(content.path, labels) if labels and content.plain else None,
            test=packed_array(archive, test) if test in there else None,
        )


def chosen(what: str, name: str, shapes: dict[str, tuple[int, ...]], names: Iterable[str] = ()) -> str:
    """Choose an array by its name, or by the names that examples usually have, or as the only one that can be some."""
    wanted: Sequence[str] = (name,) if name else NAMES
    found = next((one for one in wanted if one in shapes), None)
    if found is not None:
        return found
    said = textwrap.shorten(", ".join(names or shapes), 200) or "none"
    if name:
        raise ValueError(f"it must hold an {what} named {name}, found {said}")
    if len(shapes) == 1:
        return next(iter(shapes))
    rows = [one for one, shape in shapes.items() if len(shape) > 1]
    if len(rows) == 1:
        return rows[0]
    raise ValueError(f"it must hold an {what} named x or x_train, or only one {what}, found {said}; FILE:NAME chooses")


def packed_array(members: zipfile.ZipFile, name: str) -> Array:
    """Unpack an array of a .npz file, no more than its header promises; NumPy unpacks what is no array whole."""
    with members.open(f"{name}.npy") as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether the first index varies fastest, and dtype."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _mapped(content: Content, archive: zipfile.ZipFile, name: str) -> Array:
    """Map a large array that is stored as it is, once its checksum was seen to hold; read another."""
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED or info.file_size < _MAPPED:
        return packed_array(archive, name)
    with archive.open(info) as member:
        while member.read(2**20):  # to the end, where the checksum is looked at
            pass
    with content.path.open("rb") as file:
        file.seek(info.header_offset + 26)
        named, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
        file.seek(named + extra, 1)
        shape, fortran, dtype = _read_header(file)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded")
        return np.memmap(content.path, dtype, "r", file.tell(), shape, "F" if fortran else "C")


def _again(path: Path, name: str) -> Array:
    with zipfile.ZipFile(path) as archive:
        return packed_array(archive, name)
