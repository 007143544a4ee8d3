"""Download MNIST, from whichever mirror delivers the published bytes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from scratchdae.datasets.download import checksum, choose_mirrors, fetch_file
from scratchdae.datasets.folders import search_folders
from scratchdae.datasets.mnist_files import PUBLISHED, find

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)

_MOST = 2**24  # bytes of a file, of which the largest has 9.9 million


def fetch_mnist(
    root: str | os.PathLike[str] | None = None,
    mirrors: Sequence[str] | None = None,
    progress: bool = True,
    published: Mapping[str, tuple[str, str]] | None = None,
) -> Path:
    """Download the four files of MNIST that are not there yet, 11.6 MB in all, and return their directory.

    A file goes into place only when its sha256 is the published one. A mirror that is silent, refuses or delivers other
    bytes is passed over for the next. A local file that differs from the published one is not replaced: a
    FileExistsError says so, and nothing is downloaded. After an OSError, what arrived before it stays, whole.

    Parameters
    ----------
    root : path-like, optional
        The directory to fill, which is made where it does not exist. Without it: ``$SCRATCHDAE_DATA/mnist`` if that
        variable is set, else ``mnist`` in the cache of scratchdae.
    mirrors : sequence of str, optional
        Addresses of directories that hold the ``.gz`` files, the preferred first. Without it: three public ones.
    progress : bool
        Whether to show a progress bar on stderr.
    published : mapping of str to (str, str), optional
        Other files and checksums to expect, as in `PUBLISHED`.
    """
    addresses = choose_mirrors(mirrors, MIRRORS)
    directory = next(search_folders("mnist", root))
    directory.mkdir(parents=True, exist_ok=True)
    missing = []
    for name, sums in (PUBLISHED if published is None else published).items():
        present = find(directory, name)
        if present is None:
            missing.append((name, sums[0]))
        elif checksum(present) not in sums:
            raise FileExistsError(f"{present} is not the published file; move it away, or fetch into another directory")
    for name, expected in missing:
        fetch_file(directory, f"{name}.gz", expected, addresses, progress, most=_MOST)
    return directory
