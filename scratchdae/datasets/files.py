"""Examples that a user brings: NumPy arrays, IDX files, a folder of images, and the sets that have a name.

What a file is, its content tells, whatever its name. Nothing is unpickled, and as little as can be is read before it is
asked for: a .npy file is memory-mapped, an image of a folder is decoded when it is taken.
"""

import math
import os
import textwrap
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratchdae.arguments import Array
from scratchdae.datasets.folders import at_home, refuse_endless

MAGIC = {".npy": b"\x93NUMPY", ".npz": b"PK"}
_GZIP, _IDX = b"\x1f\x8b", b"\0\0"
_NAMES = ("x", "x_train")  # of the arrays that are taken from a .npz file unasked
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_CHANNELS = (1, 3, 4)
_MOST_OTHERS = 100_000  # files that are no images, in a folder of images: a walk through a whole disk would not end


class Pictures:
    """The images of a folder and its subfolders as uint8, all of one size; `pictures[rows]` decodes those rows."""

    def __init__(self, folder: Path) -> None:
        self._paths, others = list[Path](), 0
        for place, _, names in os.walk(folder):
            found = [path for path in (Path(place, name) for name in names) if path.suffix.lower() in _IMAGES]
            self._paths += [path for path in found if path.is_file()]
            others += len(names) - len(found)
            if others > _MOST_OTHERS:
                raise ValueError(f"{folder} must be a folder of images, found {others} other files in it, and more")
        self._paths.sort()
        if not self._paths:
            raise ValueError(f"{folder} must hold images ({', '.join(_IMAGES)}), found none")
        self._first = read_image(self._paths[0])
        self.shape = (len(self._paths), *self._first.shape)  # (N, rows, columns) or (N, rows, columns, 3)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, rows: Array) -> Array:
        images: list[Array] = []
        for path in (self._paths[i] for i in rows):
            pixels = read_image(path)
            if pixels.shape != self._first.shape:
                like = f"{self._paths[0].name}, {_size(self._first)}"
                raise ValueError(f"{path} must be like {like}, found {_size(pixels)}")
            images.append(pixels)
        return np.stack(images)


@dataclass(frozen=True, eq=False)
class Stored:
    """Examples as they are stored."""

    source: str  # where they come from, in words
    x: Array | Pictures  # (N, D), (N, rows, columns) or (N, rows, columns, channels), the training part of a named set
    kind: str  # their dtype, and whether their channels came first
    image_shape: tuple[int, ...] | None  # (rows, columns) or (rows, columns, channels); None of (N, D) in a file
    test: Array | None = None  # (M, D), the test part of a named set


def read(
    text: str,
    sets: Collection[str] = ("digits", "mnist"),
    root: str | os.PathLike[str] | None = None,
    channels: bool = True,
    integers: bool = False,
    hint: str = "",
) -> Stored:
    """Find examples by the name of a set or the path of a file or folder.

    Parameters
    ----------
    text : str
        One of `sets`, or the path of a .npy, .npz or IDX file (plain or gzip) or of a folder of images, its subfolders
        included. ``FILE.npz:NAME`` chooses an array; otherwise `x` is taken, else `x_train`, else the only one.
    sets : collection of str
        The names that are no paths: ``digits``, ``mnist`` or both.
    root : path-like, optional
        The folder of MNIST.
    channels : bool
        Whether images may have channels; where these come first (1, 3 or 4 of them), they are moved to the end.
    integers : bool
        Whether other integers than uint8 are taken.
    hint : str
        What to add to the sentence that refuses them.

    Returns
    -------
    Stored
        Uint8 grey levels or real numbers, unscaled and perhaps not finite.
    """
    if text in sets:
        return _named(text, root)
    path, name = locate(text)
    if path.is_dir():
        if name:
            raise ValueError(f"{path} is a folder, whose images have no name, found the name {name!r} asked for")
        pictures = Pictures(path)
        return Stored(text, pictures, "uint8", pictures.shape[1:])
    x = _array(path, name)
    if x.ndim not in ((2, 3, 4) if channels else (2, 3)) or x.size == 0:
        colours = " or (N, rows, columns, channels)" if channels else ""
        raise ValueError(
            f"{text} must hold examples of shape (N, D) or images of shape (N, rows, columns){colours}, at least one, "
            f"found shape {x.shape}"
        )
    if x.dtype != np.uint8 and x.dtype.kind not in ("biuf" if integers else "f"):
        raise ValueError(
            f"{text} must hold uint8 grey levels (0 to 255) or floating-point numbers, found dtype {x.dtype}"
            f"{hint if x.dtype.kind in 'biu' else ''}"
        )
    kind = str(x.dtype)
    if x.ndim == 4 and x.shape[1] in _CHANNELS and x.shape[3] not in _CHANNELS:
        x, kind = np.moveaxis(x, 1, -1), f"{kind}, channels first"
    image = x.shape[1:3] if x.shape[3:] == (1,) else x.shape[1:]
    return Stored(text, x, kind, image if x.ndim > 2 else None)


def locate(text: str) -> tuple[Path, str]:
    """Split ``FILE:NAME`` into the path and the name, which is empty where `text` is a path that exists."""
    before, colon, name = text.rpartition(":")
    if not colon or at_home(text).exists():
        before, name = text, ""
    if not before:
        raise ValueError(f"the data must be a name or a path, found {text!r}")
    path = at_home(before)
    refuse_endless(path, "a file or a folder of images")
    return path, name


def square(columns: int) -> tuple[int, int] | None:
    """Return rows and columns of a square image of so many pixels, None where there is none."""
    side = math.isqrt(columns)
    return (side, side) if side * side == columns else None


def _named(name: str, root: str | os.PathLike[str] | None) -> Stored:
    from scratchdae.datasets import digits, locate_mnist, mnist

    if name == "digits":
        data, source = digits(), "the embedded digits"
    else:
        data, source, files = mnist(root), "MNIST", locate_mnist(root)
        if files is not None:
            others = [file for file, is_published in files.published().items() if not is_published]
            source += f" in {files.root}" + (f" ({', '.join(others)}: not the published bytes)" if others else "")
    return Stored(source, data.x_train, "uint8", data.image_shape, data.x_test)


def _array(path: Path, name: str) -> Array:
    with path.open("rb") as file:
        magic = file.read(6)
    if name and not magic.startswith(MAGIC[".npz"]):
        raise ValueError(f"{path} holds one array without a name, found the name {name!r} asked for")
    if magic.startswith((_GZIP, _IDX)):
        from scratchdae.datasets.idx import read_idx

        return read_idx(path)
    if not magic.startswith(tuple(MAGIC.values())):
        raise ValueError(
            f"{path} must be a .npy, .npz or IDX file, or a folder of images, found a file that begins with {magic!r}"
        )
    try:
        if magic.startswith(MAGIC[".npy"]):
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        return _member(path, name)
    except Exception as error:  # what a damaged file makes NumPy, zipfile and zlib raise has no common class
        raise ValueError(f"{path} cannot be read: {error}") from error


def _member(path: Path, name: str) -> Array:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not a whole zip file")
    with zipfile.ZipFile(path) as members:
        there = [member.removesuffix(".npy") for member in members.namelist() if member.endswith(".npy")]
        wanted = (name,) if name else (*_NAMES, *(there if len(there) == 1 else []))
        for one in wanted:
            if one in there:
                return packed_array(members, one)
        names = textwrap.shorten(", ".join(m.removesuffix(".npy") for m in members.namelist()), 80) or "none"
    if name:
        raise ValueError(f"it must hold an array named {name}, found {names}")
    raise ValueError(f"it must hold an array named x or x_train, or only one array, found {names}; FILE:NAME chooses")


def packed_array(members: zipfile.ZipFile, name: str) -> Array:
    """Unpack an array of a .npz file, no more than its header promises; NumPy unpacks what is no array whole."""
    with members.open(f"{name}.npy") as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def read_image(path: Path, mode: str | None = None) -> Array:
    """Read an image in Pillow's `mode`; without one, grey stays grey (rows, columns), all else is RGB (…, 3)."""
    from PIL import Image  # Matplotlib reads and writes images with it

    try:
        with Image.open(path) as image:
            grey = image.mode in ("1", "L")
            if mode is None and not grey and image.mode not in ("LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"):
                raise ValueError(f"its pixels must have 8 bits a channel, found mode {image.mode}")
            return np.asarray(image.convert(mode or ("L" if grey else "RGB")))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


def _size(pixels: Array) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]} {'in colour' if pixels.ndim == 3 else 'in grey'}"
