"""Examples that a user brings: one reader for every command, of a name, a file or a folder.

What a file is, its content tells, whatever its name; of text, the suffix does. Nothing is unpickled, and as little as
can be is read before it is asked for: an array that nothing packs is mapped, pictures are decoded when they are taken.
"""

import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae.arguments import Array, sequence
from scratchdae.arguments import path as path_of
from scratchdae.datasets.folders import at_home, refuse_endless
from scratchdae.datasets.reading import arrays, containers, large, pictures, scaling, science, sound, tables
from scratchdae.datasets.reading.options import Found, Options
from scratchdae.datasets.reading.pictures import Pictures

SETS = ("digits", "mnist")
KINDS = (
    "an array (.npy, .npz, IDX, .mat, HDF5), a table (.csv, .tsv, .amat, .parquet), a sound (.wav), each also packed "
    "by gzip, bzip2, xz or zip, or a folder of images"
)
_CHANNELS = (1, 3, 4)
_LEAST_SIDE = 8  # of a square image in the columns of an array of floating-point numbers in [0, 1]
_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth")


def _idx(content: containers.Content, _: Options) -> Found:
    from scratchdae.datasets import idx

    if content.name:
        raise ValueError(f"{content.said} holds one array without a name, found the name {content.name!r} asked for")
    labels = idx.labels_beside(content.path)
    x = idx.read_content(content.path, content.said, content.file, content.most, content.plain, mapped=True)
    return Found(x, labels=lambda: None if labels is None else idx.read_idx(labels))


_READERS: tuple[tuple[bytes | tuple[bytes, ...], Callable[[containers.Content, Options], Found]], ...] = (
    (arrays.NPY, arrays.npy),
    (containers.ZIP, arrays.npz),
    (b"\0\0", _idx),
    (science.HDF5, science.hdf5),
    (science.MATLAB_HDF5, science.hdf5),
    (science.MATLAB, science.matlab),
    (tables.PARQUET, tables.parquet),
    (sound.RIFF, sound.wav),
    *((magic, pictures.frames) for magic in pictures.MAGICS),
)


@dataclass(frozen=True, eq=False)
class Stored:
    """Examples, ready to learn from."""

    source: str  # where they come from, in words
    x: Array | Pictures  # (N, D), (N, rows, columns) or (N, rows, columns, channels), uint8 grey levels or real numbers
    kind: str  # their dtype in the file, and whether their channels came first
    image_shape: tuple[int, ...] | None  # (rows, columns) or (rows, columns, channels); None where they are no images
    test: Array | None = None  # (M, ...), the test part, where there is one
    done: str = scaling.SCALED  # what was done to the numbers, in words
    notes: list[str] = field(default_factory=list)  # what else was done, or is odd
    labels: Callable[[], Array | None] = lambda: None  # (N,), read when they are asked for
    columns: list[str] | None = None  # their names, of a table

    def found(self, low: object, high: object, n: int | None = None) -> str:
        """Say in a line what was found, and what was done to it; of `n` examples, this is the range."""
        shape = "×".join(map(str, (len(self.x), *self.x.shape[1:])))
        some = "" if n is None or n == len(self.x) else f" in {n} of them"
        return "; ".join([f"{shape}, {self.kind}, {low} to {high}{some}, {self.done}", *self.notes])


def read(
    text: str | os.PathLike[str],
    *,
    sets: Sequence[str] = SETS,
    root: str | os.PathLike[str] | None = None,
    shape: tuple[int, ...] | None = None,
    channels: str | None = None,
    transpose: bool = False,
    label: str | None = None,
    scale: float | str | None = None,
    alpha: str | None = None,
    frame: int | None = None,
    hop: int | None = None,
) -> Stored:
    """Find examples by the name of a set or the path of a file or folder.

    Arrays of .npy, .npz, IDX, MATLAB and HDF5 files, tables of text and Parquet, sounds, each plain or packed, folders
    of pictures, and folders with the four files of MNIST or a set like it. Integers from 0 to 255 become grey levels.

    Parameters
    ----------
    text : str or path-like
        One of `sets`, or a path; ``FILE:NAME`` chooses an array or the member of an archive. Without a name the array
        is taken that is called x, x_train or the like, or that is the only one.
    sets : sequence of str
        The names that are no paths: ``digits``, ``mnist`` or both.
    root : path-like, optional
        The folder of MNIST.
    shape : tuple of int, optional
        Of an example: (rows, columns) or (rows, columns, channels) of an image, (D,) of what is none.
    channels : {"first", "last"}, optional
        Where the channels of images are; found where only one of the two has 1, 3 or 4.
    transpose : bool
        Whether to exchange rows and columns of the images, as EMNIST needs.
    label : str, optional
        The column of a table that is no input, by name or number; "none" keeps all. Without it: one with a usual name.
    scale : float or {"range", "standard", "raw", "stored"}, optional
        What to divide by; or to bring least and largest to 0 and 1, each column to mean 0 and standard deviation 1, to
        take grey levels as numbers, to convert nothing.
    alpha : {"black", "white"}, optional
        What is behind transparent pixels, which are refused otherwise.
    frame, hop : int, optional
        Samples of a sound in an example (512), and from one to the next (as many).

    Returns
    -------
    Stored
        Its `x` are uint8 grey levels, which stand for numbers in [0, 1], or real numbers, perhaps not finite.
    """
    text, sets = text if isinstance(text, str) else str(path_of("text", text)), sequence("sets", sets)
    options = Options(shape, channels, transpose, label, scale, alpha, frame, hop)
    if root is not None and text != "mnist":
        raise ValueError(f"root is the folder of MNIST and goes with mnist, found {text}")
    if text in sets and text == "digits":
        from scratchdae.datasets import digits

        data = digits()
        found = Found(data.x_train, lambda: data.t_train, data.x_test)
        return _arranged(text, "the embedded digits", found, options)
    if text in sets:
        from scratchdae.datasets import mnist_images

        source, found = mnist_images.training_images(root)
        return _arranged(text, source, found, options)
    path, name = locate(text)
    if not path.is_dir():
        return _arranged(text, text, _file(path, name, options), options)
    if name:
        raise ValueError(f"{path} is a folder, whose images have no name, found the name {name!r} asked for")
    from scratchdae.datasets import mnist_images

    like = mnist_images.like_mnist(path)
    return _arranged(text, text, pictures.folder(path, options) if like is None else like, options)


def locate(text: str) -> tuple[Path, str]:
    """Split ``FILE:NAME`` into the path and the name, which is empty where `text` is a path that exists."""
    parts = text.split(":")
    ways = [(":".join(parts[:i]), ":".join(parts[i:])) for i in range(len(parts), 0, -1)]  # a name may have colons
    before, name = next((way for way in ways if way[0] and at_home(way[0]).exists()), ways[min(1, len(ways) - 1)])
    if not before:
        raise ValueError(f"the data must be a name or a path, found {text!r}")
    refuse_endless(at_home(before), "a file or a folder of images")
    return at_home(before), name


def square(columns: int) -> tuple[int, int] | None:
    """Return rows and columns of a square image of so many pixels, None where there is none."""
    side = math.isqrt(columns)
    return (side, side) if side * side == columns else None


def _file(path: Path, name: str, options: Options) -> Found:
    with containers.opened(path, name) as content:
        reader = next((read for magic, read in _READERS if content.magic.startswith(magic)), None)
        if tables.is_text(content) and not (reader and b"\0" in content.magic):  # a header may begin like a .bmp
            reader = tables.text
        if content.magic.startswith(b"\x80") or content.suffix in _PICKLES:
            raise ValueError(f"{content.said} is a pickle, and pickles are never loaded: save its arrays as .npz")
        if reader is None:
            raise ValueError(f"{content.said} must be {KINDS}, found a file that begins with {content.magic[:6]!r}")
        try:
            return reader(content, options)
        except Exception as error:  # what a damaged file makes NumPy, zipfile and the others raise has no common class
            packed = not content.plain and isinstance(error, containers.DAMAGED)
            if packed or isinstance(error, MemoryError) or (isinstance(error, ValueError) and str(path) in str(error)):
                raise
            raise ValueError(f"{content.said} cannot be read: {' '.join(str(error).split())[:300]}") from error


def _arranged(text: str, source: str, found: Found, options: Options) -> Stored:
    """Bring what was found into the order (N, ...), its numbers into a form that is learned from."""
    x: Any = found.x
    test: Any = found.test
    table = found.columns is not None
    notes, kind = list(found.notes), "a table of numbers" if table else str(x.dtype)
    if isinstance(x, np.ndarray):
        if x.ndim not in (2, 3, 4) or x.size == 0:
            raise ValueError(
                f"{text} must hold examples of shape (N, D) or images of shape (N, rows, columns) or (N, rows, "
                f"columns, channels), at least one, found shape {x.shape}"
            )
        if _examples_are_last(x.shape, options.shape, found.matlab):
            x = np.moveaxis(x, -1, 0)
            notes.append("the examples came last")
        if x.ndim == 4 and _channels_are_first(text, x.shape, options.channels):
            x, kind = np.moveaxis(x, 1, -1), f"{kind}, channels first"
            test = None if test is None or test.ndim != 4 else np.moveaxis(test, 1, -1)
    convert, done = scaling.chosen(text, x, options.scale, table)
    x = scaling.applied(x, convert)
    if test is not None and test.size:
        test = scaling.applied(test, convert)
        test = test.reshape(len(test), *x.shape[1:]) if math.prod(test.shape[1:]) == math.prod(x.shape[1:]) else None
    image = _image(text, x, found.columns, options.shape)
    if options.transpose:
        if image is None or not isinstance(x, np.ndarray):
            raise ValueError(f"transpose needs images in an array, found {text} of shape {x.shape}")
        x, test = (part if part is None else large.flat(part).reshape(-1, *image).swapaxes(1, 2) for part in (x, test))
        image = (image[1], image[0], *image[2:])
        notes.append("rows and columns exchanged")
    return Stored(source, x, kind, image, test, done, notes, found.labels, found.columns)


def _examples_are_last(shape: tuple[int, ...], wanted: tuple[int, ...] | None, matlab: bool) -> bool:
    if wanted is not None and len(shape) == len(wanted) + 1 and shape[1:] != wanted:
        return shape[:-1] == wanted
    if not matlab or len(shape) < 3 or wanted is not None:
        return False
    return shape[2] in _CHANNELS if len(shape) == 4 else shape[0] == shape[1] != shape[2]


def _channels_are_first(text: str, shape: tuple[int, ...], wanted: str | None) -> bool:
    first, last = (0 if sides in (1, 3) else 1 if sides == 4 else 2 for sides in (shape[1], shape[3]))  # 4 is rarer
    if wanted is None and first == last:
        found = f"found shape {shape}; --channels first or last says where they are"
        raise ValueError(f"{text} must hold images with 1, 3 or 4 channels, first or last, {found}")
    return wanted == "first" if wanted else first < last


def _image(text: str, x: Any, columns: list[str] | None, wanted: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Return the shape of an image, None where examples are none: a square number of a table's columns is no image."""
    size = math.prod(x.shape[1:])
    if wanted is not None:
        if math.prod(wanted) != size:
            raise ValueError(f"shape must be of {size} numbers, those of an example of {text}, found {wanted}")
        return (wanted[:2] if wanted[2:] == (1,) else wanted) if len(wanted) > 1 else None
    if len(x.shape) > 2:
        return tuple(x.shape[1:3] if x.shape[3:] == (1,) else x.shape[1:])
    side = square(size)
    if side is None or size == 1:
        return None
    if columns is not None:
        return side if all(re.fullmatch(r"(pixel|px).*|\d+x\d+", name.lower()) for name in columns) else None
    if x.dtype == np.uint8:
        return side
    if side[0] < _LEAST_SIDE or x.dtype.kind != "f":
        return None
    some = x[np.arange(min(len(x), 100))]
    return side if bool((some >= 0).all() and (some <= 1).all()) else None
