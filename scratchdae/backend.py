"""The one switch between NumPy and the compiled twins.

A module whose loops have a twin is its reference: the twin has functions of the same names and signatures. Who needs
the loops asks `twin` for them at every call, so that importing a layer imports no compiler. `scratchdae.kernels` says
which twins there are (`provide`), so nothing here imports upwards.
"""

import importlib.util
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from scratchdae.arguments import Array, choice

BACKENDS = ("auto", "numpy", "numba")
_BACKEND: ContextVar[str] = ContextVar("backend", default="auto")
_providers: list[Callable[[], dict[str, ModuleType]]] = []


class Choice(NamedTuple):
    """Which backend was taken, and why."""

    name: str
    reason: str


def provide(load: Callable[[], dict[str, ModuleType]]) -> None:
    """Register a function that imports the twins and returns them by the name of their reference."""
    _providers.append(load)


@lru_cache
def _twins() -> dict[str, ModuleType] | str:
    """Import the twins, once; or say why they cannot be had. A broken numba raises whatever it likes."""
    if not numba_available():
        return "numba and scipy are not installed: pip install 'scratchdae[fast]'"
    try:
        with _uninterrupted():
            return {name: module for load in _providers for name, module in load().items()}
    except Exception as error:
        return f"numba is installed but cannot be imported: {' '.join(str(error).split()) or type(error).__name__}"


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off to the end of the block: a numba that is half imported cannot be imported again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
        if came:
            signal.raise_signal(signal.SIGINT)


@lru_cache
def numba_available() -> bool:
    """Tell whether numba, and scipy for the BLAS inside its kernels, are installed; nothing is imported."""
    try:
        return all(importlib.util.find_spec(package) is not None for package in ("numba", "scipy"))
    except (ImportError, ValueError):  # a finder that keeps it away; something in its place that was not imported
        return False


def choose(name: str = "auto") -> Choice:
    """Choose a backend: ``auto`` takes the compiled twins where they can be imported.

    Raises a ValueError if the name is unknown, or numba is asked for where it cannot be had.
    """
    choice("backend", name, BACKENDS)
    if name == "numpy":
        return Choice("numpy", "asked for")
    twins = _twins()
    if not isinstance(twins, str):
        return Choice("numba", "asked for" if name == "numba" else "numba is installed")
    if name == "numba":
        raise ValueError(f"backend must be 'auto' or 'numpy' here, found 'numba' ({twins})")
    return Choice("numpy", twins)


def loops(reference: ModuleType, name: str) -> Any:
    """Return the module that has the loops under a backend: the twin of `reference`, or that itself."""
    twins = _twins() if choose(name).name == "numba" else ""
    return reference if isinstance(twins, str) else twins[reference.__name__]


@contextmanager
def using(name: str) -> Iterator[None]:
    """Take the loops of layers from a backend while the block runs; threads begun in it begin with ``auto`` again."""
    choice("backend", name, BACKENDS)
    if name == "numba":
        choose(name)
    token = _BACKEND.set(name)
    try:
        yield
    finally:
        _BACKEND.reset(token)


def twin(reference: ModuleType, *arrays: Array) -> Any:
    """Return the module that has the loops for these arrays, under the backend that is being used.

    The twins know float32 and float64, all arrays alike; everything else, such as the complex arrays of a gradient
    check, goes to NumPy.
    """
    real = arrays[0].dtype in (np.float32, np.float64) and len({array.dtype for array in arrays}) == 1
    twins = _twins() if real and _BACKEND.get() != "numpy" else ""
    return reference if isinstance(twins, str) else twins[reference.__name__]
