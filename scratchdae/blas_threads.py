"""How many threads the BLAS may take, and numba.

One is the default. On a quiet machine of two processors the second thread gained 10 to 20 % with 500 hidden units and
batches of 20, 20 to 40 % with batches of 200; as soon as another program wanted a processor, two threads waited for
each other and were eight times slower than one. The number of threads also decides the order in which BLAS adds, and
so the last bits: with one, a run comes out alike whatever the number of processors.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from scratchdae.arguments import integer

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def limit(threads: int) -> None:
    """Bound the threads of every BLAS, loaded or yet to be loaded, and of numba, from now on."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)  # the BLAS of NumPy, which is loaded: the environment would come too late for it
    os.environ.update(dict.fromkeys(THREADS, str(threads)))  # that of SciPy, which the compiled core loads, and numba


@contextmanager
def limited(threads: int | None = None) -> Iterator[str]:
    """Bound the threads of every BLAS and of numba while the block runs, and say in words what was set.

    Without `threads`: what the environment says (``OPENBLAS_NUM_THREADS`` and the like), otherwise 1.
    """
    if threads is None:
        given = [f"{name}={os.environ[name]}" for name in THREADS if name in os.environ]
        if given:
            yield f"threads as in the environment ({', '.join(given)})"
            return
        threads = 1
    processors = os.cpu_count() or 1
    if integer("threads", threads) > processors:
        raise ValueError(f"threads must be at most {processors}, the processors there are, found {threads}")

    from threadpoolctl import threadpool_limits

    # Numba must not see its variable change once it has started.
    names = [name for name in THREADS if name != "NUMBA_NUM_THREADS" or "numba" not in sys.modules]
    with environment(dict.fromkeys(names, str(threads))), threadpool_limits(threads):
        yield f"{threads} thread{'s' if threads > 1 else ''}"


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables while the block runs: libraries read their threads there when they are loaded.

    What was there before comes back after the block.
    """
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
