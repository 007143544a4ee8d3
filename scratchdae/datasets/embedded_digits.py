"""The frozen digits that come with the library, so that everything runs without a network.

Five thousand drawings of `stroke_digits`, made once and kept in ``digits.npz``: a later change of the generator, or of
NumPy's random streams, leaves them as they are. Their checksum stands here.
"""

import hashlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np

from scratchdae import atomic
from scratchdae.arguments import Array
from scratchdae.datasets.dataset import Dataset
from scratchdae.datasets.stroke_digits import SIDE, draw_labelled_digits

SHA256 = "73f37d7355ba6293d4fd9ff2ce0841322f0c6a423045e0c128d95bdc9a4b3c8d"
_FILE = Path(__file__).with_name("digits.npz")
_SEED = 2008
_A_CLASS = {"train": 400, "test": 100}  # drawings of each digit


def digits() -> Dataset:
    """Return the frozen stroke digits: 4,000 for training and 1,000 for testing.

    Every digit is there equally often in each part (400 and 100 times), in random order. They are drawn by a program,
    not by people, and are easier than MNIST: a 3-nearest-neighbour classifier that learns from the 4,000 gets 97.7 %
    of the test digits right, against 92.5 % with the first 5,000 digits of MNIST, split likewise.

    Returns
    -------
    Dataset
        Named "digits"; images of 28×28 pixels with 16 grey levels (0, 17, ..., 255), labels uint8. The arrays are read
        anew at each call and may be written to.
    """
    if not _FILE.is_file():
        raise FileNotFoundError(f"The embedded digits are missing at {_FILE}; reinstall scratchdae.")
    content = _FILE.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(f"{_FILE} is damaged: its sha256 must be {SHA256}, found {found}; reinstall scratchdae")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Dataset("digits", **{key: arrays[key] for key in arrays.files}, image_shape=(SIDE, SIDE))


def freeze_digits(path: str | os.PathLike[str]) -> str:
    """Draw the frozen digits again, from their seed, write them to a file, whole or not at all, and return its sha256.

    On the machine that made ``digits.npz``, with the same NumPy and bzip2, the file comes out byte for byte. Elsewhere
    the last bit of a sine may differ, which moves a few pixels by one of the sixteen grey levels.
    """
    content = _packed(_draw())
    atomic.write(path, content)
    return hashlib.sha256(content).hexdigest()


def _packed(arrays: dict[str, Array]) -> bytes:
    """Return an .npz by bzip2, which takes a third less than `numpy.savez_compressed`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_BZIP2)
    return buffer.getvalue()


def _draw() -> dict[str, Array]:
    rng = np.random.default_rng(_SEED)
    arrays = {}
    for part, a_class in _A_CLASS.items():
        t = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), a_class))
        arrays[f"x_{part}"], arrays[f"t_{part}"] = draw_labelled_digits(t, rng), t
    return arrays
