"""Compiled twins: the same names and signatures as the NumPy reference, the only place that imports numba.

A twin is never read first and never right by itself: it runs the tests of its reference.
"""

from collections.abc import Callable
from typing import NamedTuple

from scratchdae import autoencoder
from scratchdae.arguments import Array, choice
from scratchdae.layers.twins import BACKENDS, numba_available

__all__ = ["BACKENDS", "Backend", "choose", "numba_available", "perceptron_steps"]


class Backend(NamedTuple):
    """Which training steps were taken, and why."""

    name: str
    reason: str
    sgd_step: Callable[..., tuple[float, bool]]
    sgd_steps: Callable[..., tuple[Array, bool]]


def perceptron_steps(backend: str) -> Callable[..., tuple[Array, int]] | None:
    """Return the compiled steps of sigmoid layers under a softmax, where there are any.

    Parameters
    ----------
    backend : {"numpy", "numba"}
        What was chosen.

    Returns
    -------
    callable or None
        `scratchdae.kernels.perceptron.steps`; None without the compiler, whose language they are written in.
    """
    if backend == "numpy":
        return None
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    from scratchdae.kernels.perceptron import steps

    return steps


def choose(backend: str = "auto") -> Backend:
    """Choose the training step of the tied-weight autoencoder.

    Parameters
    ----------
    backend : {"auto", "numpy", "numba"}
        ``auto`` takes the compiled twin where it can.

    Returns
    -------
    Backend
        The name of what was taken, the reason in words, and the steps.

    Raises
    ------
    ValueError
        If the name is unknown, or numba is asked for where it is not installed.
    """
    choice("backend", backend, BACKENDS)
    if backend == "numpy":
        return Backend("numpy", "asked for", autoencoder.sgd_step, autoencoder.sgd_steps)
    reason = "numba and scipy are not installed: pip install 'scratchdae[fast]'"
    if numba_available():
        try:
            from scratchdae.kernels import announcement
            from scratchdae.kernels.sgd_step import sgd_step, sgd_steps
        except ImportError as error:
            reason = f"numba is installed but cannot be imported: {error}"
        else:
            announcement.install()
            why = "asked for" if backend == "numba" else "numba is installed"
            return Backend("numba", why, sgd_step, sgd_steps)
    if backend == "numba":
        raise ValueError(f"backend must be 'auto' or 'numpy' here, found 'numba' ({reason})")
    return Backend("numpy", reason, autoencoder.sgd_step, autoencoder.sgd_steps)
