"""What the machine could do: its rate of dense multiplication and its bandwidth of memory, in this very run."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from scratchdae.benchmark.competitors import Competitor, reference

_SIDE = 2048  # of the square matrices: large enough for the full rate, three of them fit into most caches
_BYTES = 64 * 2**20  # copied at a time: more than caches hold
_REPEATS = 4  # it is measured again before every setting


@dataclass(frozen=True)
class Limits:
    """The best that was seen, for a limit is not a typical value.

    Attributes
    ----------
    gflops : dict of str to float
        Rate of the matrix product in the benchmark's dtype, in 10⁹ floating-point operations a second, by the
        competitor whose library computed it: they do not share a BLAS, and the machine can do what the best one does.
    gbytes : float
        Bandwidth of a copy in memory, read and written bytes both counted, in 10⁹ bytes a second.
    """

    gflops: dict[str, float]
    gbytes: float

    def __str__(self) -> str:
        rates = ", ".join(f"{rate:,.0f} by {name}" for name, rate in self.gflops.items())
        return f"matrix product {rates} (GFLOP/s); copy in memory {self.gbytes:,.0f} GB/s"

    @property
    def fastest(self) -> str:
        """The competitor whose library multiplies fastest.

        Returns
        -------
        str
            Its name.
        """
        return max(self.gflops, key=lambda name: self.gflops[name])

    def best(self, other: "Limits") -> "Limits":
        """Return the higher of each.

        Parameters
        ----------
        other : Limits
            Measured at another moment.

        Returns
        -------
        Limits
            The limits of both moments.
        """
        gflops = {name: max(rate, other.gflops.get(name, 0.0)) for name, rate in self.gflops.items()}
        return Limits(other.gflops | gflops, max(self.gbytes, other.gbytes))

    def dense(self, D: int, H: int) -> float:
        """Return how many samples a second the products alone would allow.

        Parameters
        ----------
        D, H : int
            Visible and hidden units. A sample costs 10·D·H operations: five products, if no zero is left out.

        Returns
        -------
        float
            Samples a second.
        """
        return self.gflops[self.fastest] * 1e9 / (10 * D * H)


def measure(
    competitors: Sequence[Competitor], dtype: str, threads: int, side: int = _SIDE, nbytes: int = _BYTES
) -> Limits:
    """Measure both limits, in about a second.

    Parameters
    ----------
    competitors : sequence of Competitor
        Whose matrix products to measure, of those that have one; NumPy's always is.
    dtype : {"float32", "float64"}
        Of the matrices.
    threads : int
        Of the copy and of the products; the BLAS must have been bounded to as many.
    side : int
        Rows and columns of the matrices.
    nbytes : int
        Size of what is copied.

    Returns
    -------
    Limits
        The best of some repeats.
    """
    rng = np.random.default_rng(0)
    a, b = (rng.random((side, side)).astype(dtype) for _ in range(2))
    products = {"numpy": reference.product(a, b, threads)}
    products |= {one.name: one.product(a, b, threads) for one in competitors if one.product is not None}
    gflops = {name: 2 * side**3 / _fastest(product) / 1e9 for name, product in products.items()}
    source, target = (np.ones(nbytes // 8) for _ in range(2))
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:  # a copy gives up the interpreter's lock
        copied = _fastest(lambda: list(pool.map(lambda part: np.copyto(part[1], part[0]), parts)))
    return Limits(gflops, 2 * source.nbytes / copied / 1e9)


def _fastest(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some repeats; the first is not counted."""
    work()
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
