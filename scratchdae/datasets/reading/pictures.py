"""Pictures: those of a folder and its subfolders, of a file with several frames, of a column of a table.

Grey stays grey, also where it is stored in colour or in a palette; 16 bits stay 16. A picture is decoded when taken.
"""

import copy
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array
from scratchdae.datasets.reading.containers import Content
from scratchdae.datasets.reading.options import BEHIND, Found, Options

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
MAGICS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P5", b"P6")
_MOST_OTHERS = 100_000  # files that are no images, in a folder of images: a walk through a whole disk would not end
_LOOKED_AT = 20  # pictures, to tell whether colours are used at all
_DEEP = ("I;16", "I;16L", "I;16B", "I")  # Pillow's modes of 16 bits; to "I" it opens some


class Pictures:
    """Pictures of one size; `pictures[rows]` decodes those rows, uint8 or uint16."""

    def __init__(self, places: Sequence[tuple[Any, int, str]], options: Options) -> None:
        """Take places of pictures: a path or bytes, the frame, and how it is called."""
        self._places, self._options, self._grey = places, options, False
        self._convert: Callable[[Array], Array] | None = None
        in_colour = self._pixels(0).ndim == 3
        self._grey = all(map(self._may_be_grey, range(0, len(places), max(1, len(places) // _LOOKED_AT))))
        self._first = self._pixels(0)
        self.notes = ["grey, though stored in colour"] if in_colour and self._grey else list[str]()
        self.shape = (len(places), *self._first.shape)  # (N, rows, columns) or (N, rows, columns, 3)
        self.dtype = self._first.dtype

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, rows: Array) -> Array:
        images: list[Array] = []
        for i in rows:
            pixels = self._pixels(i)
            if (pixels.shape, pixels.dtype) != (self._first.shape, self._first.dtype):
                like = f"{Path(self._places[0][2]).name}, {_size(self._first)}"
                raise ValueError(f"{self._places[i][2]} must be like {like}, found {_size(pixels)}")
            images.append(pixels)
        return np.stack(images) if self._convert is None else self._convert(np.stack(images))

    def converting(self, dtype: npt.DTypeLike, convert: Callable[[Array], Array]) -> "Pictures":
        """Return the same pictures, whose numbers are converted once they are decoded."""
        other = copy.copy(self)
        other.dtype, other._convert = np.dtype(dtype), convert
        return other

    def _may_be_grey(self, i: int) -> bool:
        try:
            pixels = self._pixels(i)
        except ValueError:  # a picture that is damaged is refused when it is asked for, not here
            return True
        return pixels.ndim == 2 or _is_grey(pixels)

    def _pixels(self, i: int) -> Array:
        place, frame, said = self._places[i]
        pixels = decoded(place, said, self._options.alpha, frame)
        return pixels[:, :, 0] if self._grey and _is_grey(pixels) else pixels


def folder(path: Path, options: Options) -> Found:
    """Find the pictures of a folder; links to folders are followed, once, and what is hidden is not looked at."""
    paths, others, seen = list[Path](), 0, set[str]()
    for place, folders, names in os.walk(path, followlinks=True):
        folders[:] = [one for one in folders if not _is_hidden(one)]
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        names = [name for name in names if not _is_hidden(name)]
        found = [one for one in (Path(place, name) for name in names) if one.suffix.lower() in SUFFIXES]
        paths += [one for one in found if one.is_file()]
        others += len(names) - len(found)
        if others > _MOST_OTHERS:
            raise ValueError(f"{path} must be a folder of images, found {others} other files in it, and more")
    if not paths:
        raise ValueError(f"{path} must hold images ({', '.join(SUFFIXES)}), found none")
    paths.sort()
    pictures = Pictures([(one, -1, str(one)) for one in paths], options)
    classes = [one.relative_to(path).parts[0] if len(one.relative_to(path).parts) > 1 else "" for one in paths]
    notes = pictures.notes
    if len(set(classes)) == 1 and classes[0]:
        notes.append(f"all {len(paths)} pictures are in one folder, {classes[0]}")
    elif others:
        notes.append(f"{others} other file{'s' * (others > 1)} in the folder left out")
    return Found(pictures, labels=lambda: np.array(classes) if any(classes) else None, notes=notes)


def frames(content: Content, options: Options) -> Found:
    """Read the frames of one file, such as a stack of a microscope, as pictures."""
    from PIL import Image

    file = content.path if content.plain else content.seekable().read()
    with Image.open(file if isinstance(file, Path) else io.BytesIO(file)) as image:
        n = getattr(image, "n_frames", 1)
    if n == 1:
        raise ValueError("it is one picture, not examples: give the folder of your pictures, or a file of frames")
    pictures = Pictures([(file, i, f"{content.said}, frame {i}") for i in range(n)], options)
    return Found(pictures, notes=[f"{n} frames of one file", *pictures.notes])


def decoded(place: Path | bytes, said: str, alpha: str | None, frame: int = -1) -> Array:
    """Decode a picture, upright: (R, C) uint8 or uint16 in grey, or (R, C, 3) in colour; frame -1 is the only one."""
    from PIL import Image, ImageOps  # Matplotlib reads and writes images with it

    try:
        with Image.open(io.BytesIO(place) if isinstance(place, bytes) else place) as image:
            count = getattr(image, "n_frames", 1)
            if frame < 0 and count > 1:
                raise ValueError(f"it must be one picture, found {count} frames; given by itself, each is a picture")
            image.seek(max(frame, 0))
            upright = ImageOps.exif_transpose(image)
            if upright.mode in _DEEP:
                deep = np.asarray(upright)
                if deep.size and (deep.min() < 0 or deep.max() > 65535):
                    raise ValueError("its pixels must have 8 or 16 bits a channel, found more")
                return deep.astype(np.uint16)
            return _composited(upright, alpha)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{said} cannot be read as an image: {error}") from error


def read_image(path: Path, mode: str) -> Array:
    """Read an image in Pillow's `mode`."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


def _composited(image: "Image", alpha: str | None) -> Array:
    """Return 8 bits a channel, grey or RGB; of transparent pixels what is behind them."""
    if image.mode not in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr"):
        raise ValueError(f"its pixels must have 8 or 16 bits a channel, found mode {image.mode}")
    transparent = "A" in image.mode.upper() or "transparency" in image.info
    palette = image.mode in ("P", "PA")
    if transparent:
        pixels = np.asarray(image.convert("RGBA"))
        if (pixels[:, :, 3] < 255).any():
            if alpha is None:
                raise ValueError("it has transparent pixels: --alpha black or white says what is behind them")
            opaque = pixels[:, :, 3:] / 255
            pixels = np.rint(pixels * opaque + BEHIND[alpha] * (1 - opaque)).astype(np.uint8)
        pixels = pixels[:, :, :3]
        return pixels[:, :, 0] if image.mode in ("L", "LA", "La") or (palette and _is_grey(pixels)) else pixels
    pixels = np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    return pixels[:, :, 0] if palette and _is_grey(pixels) else pixels


def _is_grey(pixels: Array) -> bool:
    return pixels.ndim == 3 and bool((pixels == pixels[:, :, :1]).all())


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _size(pixels: Array) -> str:
    depth = ", 16 bits" if pixels.dtype == np.uint16 else ""
    return f"{pixels.shape[1]}×{pixels.shape[0]} {'in colour' if pixels.ndim == 3 else 'in grey'}{depth}"
