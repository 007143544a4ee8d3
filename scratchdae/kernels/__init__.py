"""Compiled twins: the same names and signatures as the NumPy reference, the only place that imports numba.

A twin is never read first and never right by itself: it runs the tests of its reference. Importing this package
imports no compiler; asking `scratchdae.backend` for a twin does.
"""

from collections.abc import Callable
from types import ModuleType

from scratchdae import backend
from scratchdae.arguments import Array, Params
from scratchdae.optimizers import Optimizer


def _twins() -> dict[str, ModuleType]:
    """Import the twins; return them by the name of their reference."""
    from scratchdae.kernels import autoencoder, corruption
    from scratchdae.kernels.layers import activation, correlation, lstm, pooling, upsampling
    from scratchdae.kernels.machine import announcement

    announcement.install()
    return {
        "scratchdae.autoencoder": autoencoder,
        "scratchdae.corruption.processes": corruption,
        "scratchdae.layers.activation": activation,
        "scratchdae.layers.correlation": correlation,
        "scratchdae.layers.lstm": lstm,
        "scratchdae.layers.pooling": pooling,
        "scratchdae.layers.upsampling": upsampling,
    }


backend.provide(_twins)


def perceptron_steps() -> Callable[..., tuple[Array, int]] | None:
    """Return the compiled steps of sigmoid layers under a softmax; None where numba is told not to compile."""
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    from scratchdae.kernels.perceptron import steps

    return steps


def rule_steps(optimizer: Optimizer) -> Callable[..., tuple[Array, Params]] | None:
    """Return the compiled steps of a tied autoencoder by a rule that remembers; None where there are none of its."""
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    from scratchdae.kernels import update
    from scratchdae.kernels.autoencoder.steps import rule_steps

    return rule_steps if update.known(optimizer) else None
