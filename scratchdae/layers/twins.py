"""Where a layer takes its inner loops from: NumPy, or a compiled twin where numba is installed.

A module of `scratchdae.layers` that has a twin keeps its loops in functions; the module of the same name in
`scratchdae.kernels` has functions of the same names and signatures. A layer asks at every call, so that importing a
layer imports no compiler.
"""

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import numpy as np

from scratchdae.arguments import Array, choice

BACKENDS = ("auto", "numpy", "numba")
_BACKEND: ContextVar[str] = ContextVar("backend", default="auto")


@lru_cache
def numba_available() -> bool:
    """Tell whether the compiled twins can be used.

    Returns
    -------
    bool
        True where numba, and scipy for the BLAS inside its kernels, are installed. Nothing is imported.
    """
    return all(importlib.util.find_spec(package) is not None for package in ("numba", "scipy"))


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Choose where layers take their loops from, inside a ``with`` block.

    Parameters
    ----------
    name : {"auto", "numpy", "numba"}
        ``auto``, which holds outside, takes the compiled twins where they can be used. Threads begun inside the
        block begin with ``auto`` again.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    ValueError
        If the name is unknown, or numba is asked for where it is not installed.
    """
    choice("backend", name, BACKENDS)
    if name == "numba" and not numba_available():
        raise ValueError("backend must be 'auto' or 'numpy' here, found 'numba': numba and scipy are not installed")
    token = _BACKEND.set(name)
    try:
        yield
    finally:
        _BACKEND.reset(token)


def loops(module: str, *arrays: Array) -> Any:
    """Return the module that has the loops: the twin, or the NumPy reference.

    Parameters
    ----------
    module : str
        Its name in both packages, for example ``"correlation"``.
    *arrays : ndarray
        What the loops will run over. The twins know float32 and float64, all arrays alike; everything else, such as
        the complex arrays of a gradient check, goes to NumPy.

    Returns
    -------
    module
        The module of `scratchdae.kernels` or of `scratchdae.layers`.
    """
    real = arrays[0].dtype in (np.float32, np.float64) and len({array.dtype for array in arrays}) == 1
    compiled = real and _BACKEND.get() != "numpy" and numba_available()
    return importlib.import_module(f"scratchdae.{'kernels' if compiled else 'layers'}.{module}")
