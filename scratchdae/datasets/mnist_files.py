"""Where the four files of MNIST are, and whether they are the published ones."""

import os
from dataclasses import dataclass
from pathlib import Path

from scratchdae.datasets.download import checksum
from scratchdae.datasets.folders import search_folders

# The published files: the sha256 of the .gz, then that of the unpacked file.
PUBLISHED = {
    "train-images-idx3-ubyte": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


@dataclass(frozen=True)
class MnistFiles:
    """The four files of MNIST in one directory: IDX, gzip or plain."""

    train_images: Path
    train_labels: Path
    test_images: Path
    test_labels: Path

    @property
    def root(self) -> Path:
        """The directory that holds the files."""
        return self.train_images.parent

    def published(self) -> dict[str, bool]:
        """Say of each file, by its name, whether its sha256 is the published one (of the .gz, or of the unpacked file).

        A file that is not may still be good: packed anew, say, or a subset. It is read all the same, so whoever
        reports a result should report this too.
        """
        files = (self.train_images, self.train_labels, self.test_images, self.test_labels)
        return {path.name: checksum(path) in sums for path, sums in zip(files, PUBLISHED.values(), strict=True)}


def locate_mnist(root: str | os.PathLike[str] | None = None) -> MnistFiles | None:
    """Find the files of MNIST on this computer.

    Parameters
    ----------
    root : path-like, optional
        The directory to look in. Without it: ``$SCRATCHDAE_DATA/mnist``, if that variable is set, then ``mnist`` in the
        cache of scratchdae.

    Returns
    -------
    MnistFiles or None
        The files of the first directory that holds all four, gzip (preferred) or plain, under their published names or
        with the dot that some unpackers leave (``train-images.idx3-ubyte``); None if none does.
    """
    return next((found for one in search_folders("mnist", root) if (found := find_four(one)) is not None), None)


def find_four(directory: Path) -> MnistFiles | None:
    """Find the four files of a data set laid out as MNIST is, in one directory; None if it does not hold all."""
    train_images, train_labels, test_images, test_labels = (find(directory, name) for name in PUBLISHED)
    if train_images and train_labels and test_images and test_labels:
        return MnistFiles(train_images, train_labels, test_images, test_labels)
    return None


def find(directory: Path, name: str) -> Path | None:
    """Return the file under a name of `PUBLISHED` or a variant of it, the .gz first; None if there is none."""
    dotted = name.replace("-idx", ".idx")
    candidates = (directory / file for file in (f"{name}.gz", name, f"{dotted}.gz", dotted))
    return next((path for path in candidates if path.is_file()), None)
