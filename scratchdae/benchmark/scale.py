"""How the time of an epoch grows with the number of images, which lie in a file and are mapped into memory."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from scratchdae.arguments import Array
from scratchdae.corruption import Corruption
from scratchdae.datasets import draw_digits
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.training.generators import streams
from scratchdae.training.loop import fit

SIZES = {"small": (10_000, 100_000), "full": (10_000, 100_000, 1_000_000)}
_CHUNK = 10_000  # images drawn or written at a time: it bounds the memory
_HIDDEN, _BATCH = 500, 100


def draw(file: Path, n: int) -> None:
    """Draw digits into a file, a part at a time.

    Parameters
    ----------
    file : Path
        The .npy file to write, uint8 of shape (n, 784).
    n : int
        How many.
    """
    rng = np.random.default_rng(0)
    parts = (draw_digits(min(_CHUNK, n - start), rng)[0] for start in range(0, n, _CHUNK))
    write(file, n, parts)


def write(file: Path, n: int, parts: Iterable[Array]) -> None:
    """Write images into a file, a part at a time.

    Parameters
    ----------
    file : Path
        The .npy file to write, uint8 of shape (n, 784).
    n : int
        How many there are in all parts.
    parts : iterable of ndarray
        The images, uint8 with 784 columns.
    """
    images = np.lib.format.open_memmap(file, "w+", np.uint8, (n, 784))
    start = 0
    for part in parts:
        images[start : start + len(part)] = part
        start += len(part)
    images.flush()


def seconds_an_epoch(images: Array, sizes: Sequence[int], rounds: int, dtype: str) -> dict[int, list[float]]:
    """Time an epoch of the first images of a file, for several numbers of them in turn.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, D)
        Memory-mapped.
    sizes : sequence of int
        How many images an epoch has.
    rounds : int
        How often each is timed.
    dtype : {"float32", "float64"}
        Of the parameters.

    Returns
    -------
    dict of int to list of float
        Seconds of each round, by size.
    """
    _epoch(images[:_BATCH], dtype)  # loads or compiles everything
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            start = time.perf_counter()
            _epoch(images[:size], dtype)
            seconds[size].append(time.perf_counter() - start)
    return seconds


def exponent(seconds: dict[int, list[float]]) -> float:
    """Fit seconds = constant · images^exponent to the medians, by least squares of the logarithms.

    Parameters
    ----------
    seconds : dict of int to list of float
        From `seconds_an_epoch`; at least two sizes.

    Returns
    -------
    float
        The exponent: 1 where the time grows linearly.
    """
    sizes = np.log(list(seconds))
    return float(np.polyfit(sizes, np.log([median(times) for times in seconds.values()]), 1)[0])


def _epoch(images: Array, dtype: str) -> None:
    model = DenoisingAutoencoder(images.shape[1], _HIDDEN, streams(0).initialisation, dtype=dtype)
    corruption = Corruption("masking", 0.25)
    fit(model, images, epochs=1, lr=0.1, batch_size=_BATCH, corruption=corruption, progress=False)
