"""The files of Larochelle et al. 2007 themselves: where they are, how to get them, how to read them.

An archive holds two .amat files: training and validation images together, the latter at the end, and test images. Two
of the archives store their images column by column; they are turned upright here. Rotated digits are those of the
corrected archives (``…_new.zip``), which the tables of 2008 and 2010 use.

The SHA-1 sums and the orientation are those that skdata records (J. Bergstra, one of the authors; module
``larochelle_etal_2007``).
"""

import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from scratchdae import atomic
from scratchdae.arguments import Array, choice
from scratchdae.datasets.dataset import ThreePartDataset
from scratchdae.datasets.download import checksum, choose_mirrors, fetch_file
from scratchdae.datasets.folders import search_folders
from scratchdae.datasets.larochelle.amat import parse_amat
from scratchdae.datasets.larochelle.problems import PROBLEMS, SHAPE
from scratchdae.datasets.reading.arrays import packed_array

MIRRORS = (
    "https://www.iro.umontreal.ca/~lisa/icml2007data/",
    "http://www.iro.umontreal.ca/~lisa/icml2007data/",
)
_ARRAYS = ("x_train", "t_train", "x_valid", "t_valid", "x_test", "t_test")
_VERSION = 1  # of the arrays kept beside an archive: another number, and they are made anew


@dataclass(frozen=True)
class Archive:
    """A published zip file."""

    name: str  # of the file
    sha1: str
    train: str  # the member that holds the training and validation images
    test: str
    by_columns: bool = False  # whether images are stored column by column


def _archive(stem: str, sha1: str, files: str, by_columns: bool = False) -> Archive:
    return Archive(f"{stem}.zip", sha1, f"{files}_train.amat", f"{files}_test.amat", by_columns)


def _rotated(stem: str, sha1: str, files: str) -> Archive:
    return Archive(f"{stem}.zip", sha1, f"{files}_train_valid.amat", f"{files}_test.amat")


ARCHIVES: Mapping[str, Archive] = MappingProxyType(
    {
        "basic": _archive("mnist", "14ac2e9135705499b80bf7efac981377940150c8", "mnist"),
        "rot": _rotated(
            "mnist_rotation_new",
            "e67f72fa42029f62fd8eb92b0638c1b9761c9a63",
            "mnist_all_rotation_normalized_float",
        ),
        "bg-rand": _archive(
            "mnist_background_random",
            "75e11ec966459c1162979e78ab4e21f9ab7fb5cd",
            "mnist_background_random",
            by_columns=True,
        ),
        "bg-img": _archive(
            "mnist_background_images",
            "fb6fce9ed6372e0068ff7cb3e7b9e78dbda7ceae",
            "mnist_background_images",
            by_columns=True,
        ),
        "rot-bg-img": _rotated(
            "mnist_rotation_back_image_new",
            "902bb7e96136dd76e9f2924d7fdb9eb832f7bc33",
            "mnist_all_background_images_rotation_normalized",
        ),
        "rect": _archive("rectangles", "b8d456b1f83bea5efebe76a47a9535adc4b72586", "rectangles"),
        "rect-img": _archive("rectangles_images", "2700ba92129ae195e93070d8b27f830323573a57", "rectangles_im"),
        "convex": Archive(
            "convex.zip", "61eab3c60e0e1caeaa0b82abf827f1809cfd2ef9", "convex_train.amat", "50k/convex_test.amat"
        ),
    }
)


def larochelle_original(
    problem: str, root: str | os.PathLike[str] | None = None, archives: Mapping[str, Archive] = ARCHIVES
) -> ThreePartDataset:
    """Read one of the eight problems as it was published; nothing is downloaded, and nothing is drawn.

    The text of an archive takes seconds to read, so its arrays are kept beside it in a file of the same name that ends
    in ``.npz``, where the folder can be written; the checksum of the archive is verified each time all the same.

    Parameters
    ----------
    problem : str
        As for `larochelle`.
    root : path-like, optional
        The folder of the archives. Without it: ``$SCRATCHDAE_DATA/larochelle``, then the cache.
    archives : mapping of str to Archive
        The published archives, by problem.

    Returns
    -------
    ThreePartDataset
        In the order of the files; images upright; labels as they are in the files. Grey levels are rounded to 256, by
        at most 0.002 of the range from black to white.

    See Also
    --------
    fetch_larochelle : Downloads the archives.
    larochelle : Draws the same problems anew, without them.
    """
    archive = archives[choice("problem", problem, archives)]
    folders = list(search_folders("larochelle", root))
    path = next((folder / archive.name for folder in folders if (folder / archive.name).is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"{archive.name} was not found in {' or '.join(map(str, folders))}; "
            f"`scratchdae data fetch larochelle {problem}` downloads it"
        )
    found = checksum(path, "sha1")
    if found != archive.sha1:
        raise ValueError(f"{path} is not the published archive: its sha1 must be {archive.sha1}, found {found}")
    kept = path.with_suffix(".npz")
    parts = _read_kept(kept, found) if kept.is_file() else None
    if parts is None:
        parts = _read_archive(path, archive, problem)
        if os.access(path.parent, os.W_OK):
            with atomic.replacing(kept) as temporary:
                # Without `allow_pickle`, which NumPy before 2.2 takes for the name of an array.
                np.savez(temporary, sha1=found, version=_VERSION, **parts)  # type: ignore[arg-type]
    return ThreePartDataset(name=problem, image_shape=SHAPE, **parts)


def fetch_larochelle(
    problems: Iterable[str] | None = None,
    root: str | os.PathLike[str] | None = None,
    mirrors: Sequence[str] | None = None,
    progress: bool = True,
    archives: Mapping[str, Archive] = ARCHIVES,  # the published ones, by problem
) -> Path:
    """Download the published archives that are not there yet, 590 MB in all, and return their folder.

    An archive goes into place only when its sha1 is the published one. A mirror that is silent, refuses or delivers
    other bytes is passed over for the next. A local file that differs from the published one is not replaced: a
    FileExistsError says so, and nothing is downloaded. After an OSError, what arrived before it stays, whole.

    Parameters
    ----------
    problems : iterable of str, optional
        Which; all eight if left out.
    root : path-like, optional
        The folder to fill, which is made where it does not exist. Without it: ``$SCRATCHDAE_DATA/larochelle`` if that
        variable is set, else ``larochelle`` in the cache of scratchdae.
    mirrors : sequence of str, optional
        Addresses of folders that hold the archives, the preferred first. Without it: the authors' own.
    progress : bool
        Whether to show a progress bar on stderr.
    """
    addresses = choose_mirrors(mirrors, MIRRORS)
    chosen = [archives[choice("problems", problem, archives)] for problem in (problems or archives)]
    folder = next(search_folders("larochelle", root))
    folder.mkdir(parents=True, exist_ok=True)
    missing = [archive for archive in chosen if not (folder / archive.name).is_file()]
    for archive in chosen:
        if archive not in missing and checksum(folder / archive.name, "sha1") != archive.sha1:
            raise FileExistsError(
                f"{folder / archive.name} is not the published archive; move it away, or fetch into another folder"
            )
    for archive in missing:
        fetch_file(folder, archive.name, archive.sha1, addresses, progress, "sha1")
    return folder


def locate_originals(root: str | os.PathLike[str] | None = None) -> dict[str, Path]:
    """Find the published archives on this computer by their names alone: those that are there, by problem."""
    folders = search_folders("larochelle", root)
    places = [(problem, folder / archive.name) for folder in folders for problem, archive in ARCHIVES.items()]
    return {problem: path for problem, path in reversed(places) if path.is_file()}


def _read_archive(path: Path, archive: Archive, problem: str) -> dict[str, Array]:
    train, valid, test = PROBLEMS[problem].sizes
    x, t = _read_member(path, archive.train, train + valid, archive.by_columns)
    x_test, t_test = _read_member(path, archive.test, test, archive.by_columns)
    highest = max(t.max(), t_test.max())
    if highest >= PROBLEMS[problem].classes:
        raise ValueError(f"{path}: labels must be less than {PROBLEMS[problem].classes}, found {highest}")
    return dict(zip(_ARRAYS, (x[:train], t[:train], x[train:], t[train:], x_test, t_test), strict=True))


def _read_member(path: Path, member: str, rows: int, by_columns: bool) -> tuple[Array, Array]:
    name = f"{path}/{member}"
    try:
        with zipfile.ZipFile(path) as archive:
            if member not in archive.namelist():
                raise ValueError(f"{path} must hold {member}, found {', '.join(archive.namelist()) or 'nothing'}")
            with archive.open(member) as file:
                x, t = parse_amat(name, file)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} must be a whole zip file, found a damaged one ({error})") from error
    if len(x) != rows:
        raise ValueError(f"{name}: must hold {rows} images, found {len(x)}")
    if by_columns:
        x = np.ascontiguousarray(x.reshape(-1, *SHAPE).transpose(0, 2, 1)).reshape(len(x), -1)
    return x, t


def _read_kept(path: Path, sha1: str) -> dict[str, Array] | None:
    """Return the arrays kept beside an archive; None if they are of another archive or another version."""
    try:
        with zipfile.ZipFile(path) as kept:
            arrays = {name: packed_array(kept, name) for name in ("sha1", "version", *_ARRAYS)}
        if arrays.pop("sha1") != sha1 or arrays.pop("version") != _VERSION:
            return None
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it, and it will be made anew") from error
    return arrays
