"""Examples in a file of the user's own: NumPy arrays, IDX files, a folder of images. What it is, its content tells."""

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratchdae.arguments import Array
from scratchdae.datasets import digits, read_idx, to_float

_NPY, _ZIP, _GZIP, _IDX = b"\x93NUMPY", b"PK", b"\x1f\x8b", b"\0\0"
_NAMES = ("x", "x_train")  # of the arrays that are taken from a .npz file unasked
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_CHANNELS = (1, 3, 4)
_MOST, _NUMBERS = 10_000, 20_000_000  # examples, and numbers in them, that are kept unless asked otherwise
_LARGE, _MOST_LARGE = 2_000, 2_000  # of examples with more numbers than this, no more than that: eigenvalues cost n³


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples as numbers.

    Attributes
    ----------
    source : str
        Where they come from and what was done to them, in words.
    x : ndarray of float64, shape (N, D)
        The examples, one a row.
    there : int
        How many there were, of which N were drawn.
    image_shape : tuple of int or None
        (rows, columns) or (rows, columns, channels); None where the examples are no images.
    """

    source: str
    x: Array
    there: int
    image_shape: tuple[int, ...] | None

    def sizes(self) -> str:
        """Describe them.

        Returns
        -------
        str
            For example ``5000 of 60000 images of 28×28``.
        """
        n = len(self.x)
        count = str(n) if n == self.there else f"{n} of {self.there}, drawn at random,"
        if self.image_shape is None:
            return f"{count} examples of {self.x.shape[1]} numbers"
        return f"{count} images of {'×'.join(map(str, self.image_shape))}"


def read(text: str, most: int | None, rng: np.random.Generator, raw: bool = False) -> Examples:
    """Read examples; of more than `most` draw so many at random, without replacement.

    Parameters
    ----------
    text : str
        ``digits``, or the path of a .npy, .npz or IDX file (plain or gzip) or of a folder of images, its subfolders
        included. ``FILE.npz:NAME`` chooses an array; otherwise `x` is taken, else `x_train`, else the only one. Nothing
        is unpickled.
    most : int, optional
        How many examples to keep in memory. If left out, 10,000, or 2,000 of more than 2,000 numbers, and no more than
        20 million numbers in all.
    rng : numpy.random.Generator
        Source of randomness.
    raw : bool
        Whether to take integers, and grey levels from 0 to 255, as the numbers that they are. Otherwise uint8 is
        divided by 255, as the library does, and other integers are refused.

    Returns
    -------
    Examples
        The examples.

    Raises
    ------
    ValueError
        If the file holds no array of examples; the message names the file, what was found and what was expected.
    OSError
        If it cannot be read.
    """
    path, name = Path(text).expanduser(), ""
    image_shape: tuple[int, ...] | None
    if text != "digits" and not path.exists():
        before, colon, name = text.rpartition(":")
        path = Path(before if colon else text).expanduser()
    if text == "digits":
        data = digits()
        array, image_shape = data.x_train, data.image_shape
        chosen = _draw(len(array), array.shape[1], most, rng)
        found, kind, there = array[chosen], "uint8", len(array)
    elif path.is_dir():
        found, there = _folder(path, most, rng)
        kind, image_shape = "uint8", tuple(found.shape[1:])
    else:
        array = _array(path, name)
        kind, there, shape = str(array.dtype), len(array), array.shape[1:]
        _check(path, array, raw)
        found = np.asarray(array[_draw(there, math.prod(shape), most, rng)])
        if len(shape) == 3 and shape[0] in _CHANNELS and shape[2] not in _CHANNELS:
            found, kind = np.moveaxis(found, 1, -1), f"{kind}, channels first"
            shape = found.shape[1:]
        image_shape = tuple(shape) if len(shape) > 1 else _square(array)
    if image_shape is not None and len(image_shape) == 3 and image_shape[2] == 1:
        image_shape = image_shape[:2]
    scaled = found.dtype == np.uint8 and not raw
    how = f"{kind}, scaled from 0…255 to [0, 1] (--raw leaves it)" if scaled else f"{kind}, not scaled"
    x = (to_float(found) if scaled else found.astype(np.float64)).reshape(len(found), -1)
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise ValueError(f"{path} must hold finite numbers, found {x[row, column]} ({len(bad)} of {x.size} are not)")
    return Examples(f"{'the embedded digits' if text == 'digits' else text} ({how})", x, there, image_shape)


def _draw(there: int, size: int, most: int | None, rng: np.random.Generator) -> Array:
    """Choose examples of so many numbers, in the order in which they are stored."""
    if most is None:
        most = max(1, min(_MOST if size <= _LARGE else _MOST_LARGE, _NUMBERS // size))
    return np.arange(there) if there <= most else np.sort(rng.choice(there, most, replace=False))


def _square(array: Array) -> tuple[int, int] | None:
    """Take rows of grey levels for square images where they can be."""
    side = math.isqrt(array.shape[1])
    return (side, side) if array.dtype == np.uint8 and side * side == array.shape[1] and side > 1 else None


def _array(path: Path, name: str) -> Array:
    with path.open("rb") as file:
        magic = file.read(6)
    if name and not magic.startswith(_ZIP):
        raise ValueError(f"{path} holds one array without a name, found the name {name!r} asked for")
    if magic.startswith((_GZIP, _IDX)):
        return read_idx(path)
    if not magic.startswith((_NPY, _ZIP)):
        raise ValueError(
            f"{path} must be a .npy, .npz or IDX file, or a folder of images, found a file that begins with {magic!r}"
        )
    try:
        if magic.startswith(_NPY):
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        return _member(path, name)
    except Exception as error:  # what a damaged file makes NumPy, zipfile and zlib raise has no common class
        raise ValueError(f"{path} cannot be read: {error}") from error


def _member(path: Path, name: str) -> Array:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not a whole zip file")
    with np.load(path, allow_pickle=False) as arrays:
        there = arrays.files
        wanted = (name,) if name else (*_NAMES, *(there if len(there) == 1 else []))
        chosen = next((arrays[one] for one in wanted if one in there), None)
        if isinstance(chosen, np.ndarray):  # a member that is no array comes as bytes
            return chosen
        names = ", ".join(there) or "none"
    if name:
        raise ValueError(f"it must hold an array named {name}, found {names}")
    raise ValueError(f"it must hold an array named x or x_train, or only one array, found {names}; FILE:NAME chooses")


def _check(path: Path, array: Array, raw: bool) -> None:
    if array.ndim not in (2, 3, 4) or array.size == 0:
        raise ValueError(
            f"{path} must hold examples of shape (N, D) or images of shape (N, rows, columns) or (N, rows, columns, "
            f"channels), at least one, found shape {array.shape}"
        )
    if array.dtype != np.uint8 and array.dtype.kind not in ("biuf" if raw else "f"):
        takes = "; --raw takes integers as they are" if array.dtype.kind in "biu" else ""
        raise ValueError(
            f"{path} must hold uint8 grey levels (0 to 255) or floating-point numbers, found {array.dtype}{takes}"
        )


def _folder(folder: Path, most: int | None, rng: np.random.Generator) -> tuple[Array, int]:
    """Read the images of a folder and its subfolders as uint8, all of one size."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _IMAGES and path.is_file())
    if not paths:
        raise ValueError(f"{folder} must hold images ({', '.join(_IMAGES)}), found none")
    first = _image(paths[0])
    images: list[Array] = []
    for i in _draw(len(paths), first.size, most, rng):
        pixels = _image(paths[i])
        if pixels.shape != first.shape:
            raise ValueError(f"{paths[i]} must be like {paths[0].name}, {_size(first)}, found {_size(pixels)}")
        images.append(pixels)
    return np.stack(images), len(paths)


def _image(path: Path) -> Array:
    from PIL import Image  # Matplotlib reads and writes images with it

    try:
        with Image.open(path) as image:
            grey = image.mode in ("1", "L")
            if not grey and image.mode not in ("LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"):
                raise ValueError(f"its pixels must have 8 bits a channel, found mode {image.mode}")
            return np.asarray(image.convert("L" if grey else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


def _size(pixels: Array) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]} {'in colour' if pixels.ndim == 3 else 'in grey'}"
