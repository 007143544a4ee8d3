"""What the machine could do: its rate of dense multiplication and its bandwidth of memory, in this very run."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from scratchdae.benchmark.competitors import Competitor, reference
from scratchdae.benchmark.competitors.competitor import one_line

_SIDE = 2048  # of the square matrices: large enough for the full rate, three of them fit into most caches
_BYTES = 64 * 2**20  # copied at a time: more than caches hold
_REPEATS = 4  # it is measured again before every setting


@dataclass(frozen=True)
class Limits:
    """The best that was seen, for a limit is not a typical value."""

    # Rate of the matrix product in the benchmark's dtype, in 10⁹ floating-point operations a second, by the competitor
    # whose library computed it: they do not share a BLAS, and the machine can do what the best one does.
    gflops: dict[str, float]
    gbytes: float  # bandwidth of a copy in memory, bytes read and written both counted, in 10⁹ a second
    blas: dict[str, str] = field(default_factory=dict)  # what computed the products, by competitor
    failed: dict[str, str] = field(default_factory=dict)  # what was raised instead of a product, by competitor

    def __str__(self) -> str:
        rates = ", ".join(f"{rate:,.0f} by {self.called(name)}" for name, rate in self.gflops.items())
        return f"matrix product {rates} (GFLOP/s); copy in memory {self.gbytes:,.0f} GB/s"

    def called(self, name: str) -> str:
        """Name a competitor and, in brackets, its BLAS where that is known."""
        return f"{name} ({self.blas[name]})" if name in self.blas else name

    @property
    def fastest(self) -> str:
        """The competitor whose library multiplies fastest."""
        return max(self.gflops, key=lambda name: self.gflops[name])

    def best(self, other: "Limits") -> "Limits":
        """Return the higher of each, of two moments."""
        gflops = {name: max(rate, other.gflops.get(name, 0.0)) for name, rate in self.gflops.items()}
        return Limits(
            other.gflops | gflops, max(self.gbytes, other.gbytes), other.blas | self.blas, other.failed | self.failed
        )

    def dense(self, operations: int) -> float:
        """Return how many samples a second products alone would allow, each of `operations` if no zero is left out."""
        return self.gflops[self.fastest] * 1e9 / operations


def measure(
    competitors: Sequence[Competitor], dtype: str, threads: int, side: int = _SIDE, nbytes: int = _BYTES
) -> Limits:
    """Measure both limits, in about a second; the BLAS must have been bounded to `threads`."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((side, side)).astype(dtype) for _ in range(2))
    # NumPy's always, and of the competitors those that have one.
    gemms = {"numpy": reference.GEMM} | {one.name: one.gemm for one in competitors if one.gemm is not None}
    gflops, blas, failed = dict[str, float](), dict[str, str](), dict[str, str]()
    for name, gemm in gemms.items():
        try:
            seconds, called = _fastest(gemm.prepare(a, b, threads)), gemm.blas()
        except Exception as error:  # the others go on
            if name == "numpy":
                raise
            failed[name] = one_line(error)
        else:
            gflops[name], blas[name] = 2 * side**3 / seconds / 1e9, called
    source, target = (np.ones(nbytes // 8) for _ in range(2))
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:  # a copy gives up the interpreter's lock
        copied = _fastest(lambda: list(pool.map(lambda part: np.copyto(part[1], part[0]), parts)))
    return Limits(gflops, 2 * source.nbytes / copied / 1e9, blas, failed)


def _fastest(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some repeats; the first is not counted."""
    work()
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
