"""MNIST as a data set: 60,000 + 10,000 handwritten digits, read from the four IDX files."""

import os
from pathlib import Path

from scratchdae.arguments import Array
from scratchdae.datasets.dataset import Dataset
from scratchdae.datasets.folders import search_folders
from scratchdae.datasets.idx import read_idx
from scratchdae.datasets.mnist_files import PUBLISHED, MnistFiles, find, find_four, locate_mnist
from scratchdae.datasets.reading.options import Found

_SHAPE = (28, 28)


def mnist(root: str | os.PathLike[str] | None = None) -> Dataset:
    """Read MNIST from local files; nothing is downloaded.

    Files that differ from the published ones are read all the same, as long as they are sound:
    ``locate_mnist(root).published()`` tells which do. The usual split keeps the last 10,000 training images for
    validation.

    Parameters
    ----------
    root : path-like, optional
        The directory of the four IDX files. Without it: ``$SCRATCHDAE_DATA/mnist``, then the cache.

    Returns
    -------
    Dataset
        Named "mnist", labels uint8, in the order of the files.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition, 1998.
    """
    files = locate_mnist(root)
    if files is None:
        raise _not_found(root)
    x_train, t_train = _read_pair(files.train_images, files.train_labels)
    x_test, t_test = _read_pair(files.test_images, files.test_labels)
    return Dataset("mnist", x_train, t_train, x_test, t_test, _SHAPE)


def training_images(root: str | os.PathLike[str] | None = None) -> tuple[str, Found]:
    """Read the images of MNIST alone, and say where they are and whether they are the published ones."""
    files = locate_mnist(root)
    if files is None:
        raise _not_found(root)
    others = [name for name, published in files.published().items() if not published]
    said = f"files laid out as MNIST's in {files.root}" if len(others) == len(PUBLISHED) else f"MNIST in {files.root}"
    return said + (f" ({', '.join(others)}: not the published bytes)" if others else ""), _found(files)


def like_mnist(directory: Path) -> Found | None:
    """Read the images of a folder that holds four files named as MNIST's are, such as Fashion-MNIST; None without."""
    files = find_four(directory)
    return None if files is None else _found(files)


def _found(files: MnistFiles) -> Found:
    x, test = read_idx(files.train_images), read_idx(files.test_images)
    return Found(x, labels=lambda: read_idx(files.train_labels), test=test)


def _not_found(root: str | os.PathLike[str] | None) -> FileNotFoundError:
    searched = "; ".join(_what_is_missing(directory) for directory in search_folders("mnist", root))
    return FileNotFoundError(f"MNIST was not found ({searched}); `scratchdae data fetch mnist` downloads it.")


def _what_is_missing(directory: Path) -> str:
    missing = [name for name in PUBLISHED if find(directory, name) is None]
    return f"{directory} lacks {'all four files' if len(missing) == len(PUBLISHED) else ', '.join(missing)}"


def _read_pair(images: Path, labels: Path) -> tuple[Array, Array]:
    x, t = read_idx(images), read_idx(labels)
    if x.ndim != 3 or x.shape[1:] != _SHAPE or len(x) == 0:
        raise ValueError(f"{images}: images must have shape (n, 28, 28), n at least 1, found {x.shape}")
    if t.ndim != 1:
        raise ValueError(f"{labels}: labels must be one list of numbers, found shape {t.shape}")
    if len(t) != len(x):
        raise ValueError(f"{labels}: must hold one label for each of the {len(x)} images of {images}, found {len(t)}")
    if t.max() > 9:
        raise ValueError(f"{labels}: labels must be digits from 0 to 9, found {t.max()}")
    return x.reshape(len(x), -1), t
