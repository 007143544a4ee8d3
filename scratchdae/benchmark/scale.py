"""How the time of an epoch grows with the number of images, which lie in a file and are mapped into memory."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from scratchdae.arguments import Array
from scratchdae.benchmark.epoch import epoch
from scratchdae.datasets import draw_digits

SIZES = {"small": (10_000, 100_000), "full": (10_000, 100_000, 1_000_000)}
_CHUNK = 10_000  # images drawn or written at a time: it bounds the memory
_BATCH = 100


def draw(file: Path, n: int) -> None:
    """Draw `n` digits into a .npy file, a part at a time."""
    rng = np.random.default_rng(0)
    parts = (draw_digits(min(_CHUNK, n - start), rng)[0] for start in range(0, n, _CHUNK))
    write(file, n, parts)


def write(file: Path, n: int, parts: Iterable[Array]) -> None:
    """Write `n` images of uint8 with 784 columns, in parts, into a .npy file."""
    images = np.lib.format.open_memmap(file, "w+", np.uint8, (n, 784))
    start = 0
    for part in parts:
        images[start : start + len(part)] = part
        start += len(part)
    images.flush()


def seconds_an_epoch(images: Array, sizes: Sequence[int], rounds: int, dtype: str) -> dict[int, list[float]]:
    """Time an epoch of the first images of a mapped file, of each number in turn; return seconds a round, by number."""
    epoch(images[:_BATCH], _BATCH, dtype)  # loads or compiles everything
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            start = time.perf_counter()
            epoch(images[:size], _BATCH, dtype)
            seconds[size].append(time.perf_counter() - start)
    return seconds


def exponent(seconds: dict[int, list[float]]) -> float:
    """Fit seconds = constant · images^exponent to the medians by least squares of the logarithms; 1 is linear."""
    sizes = np.log(list(seconds))
    return float(np.polyfit(sizes, np.log([median(times) for times in seconds.values()]), 1)[0])
