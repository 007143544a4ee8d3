"""Compiled twins: the same names and signatures as the NumPy reference, the only place that imports numba.

A twin is never read first and never right by itself: it runs the tests of its reference. Importing this package
imports no compiler; asking `scratchdae.backend` for a twin does.

The ladder from the NumPy step of a tied autoencoder to the fastest one, an idea a rung. Each is checked and timed by
``scratchdae bench --work rungs --rung NAME``, all of them without ``--rung``. What is said to be read and written is
arrays as large as W, in one step; chapter 33 counts them.

numpy
    `scratchdae.autoencoder`. An operation after the other on whole arrays: 10 are read and 5 written. There are six
    products, and between them a dozen passes over the smaller arrays, each with a temporary of its own.
compiled
    `autoencoder.general`. The same formulas. What lies between two products is one pass; the gradient of W is summed
    where it is, the input's is left out: 8 and 4. The products are still those of the BLAS.
fused
    `autoencoder.minibatch`. The gradient of W never exists. Rows of W are used while they are near: to encode; to
    decode and, a block at a time, to take the gradient back; to be updated in the registers, by the decoder's part and
    then by the encoder's: 4 and 2. A call copies W in and out, 2 and 2 more. The products are our own, of blocks that
    stay in registers and caches: `machine.tile`, `panels` and `products`. Here no input is zero.
zeros
    `machine.zeros`. Inputs that are zero in all of four examples, and for the update in four neighbouring rows of W,
    are neither read nor multiplied. It concerns two of the five products.
team
    `machine.team`. Each thread owns rows of W, which stay in the cache of its core. The threads meet after each phase;
    who is early asks in a loop, which takes less than a microsecond where to wake a thread takes many.
together
    `autoencoder.steps`. Many steps in a call: arguments are checked, threads called and W copied once.
fit
    `corruption`. `fit` itself, from rows of bytes. They are scaled and corrupted by all threads, in one pass, while
    they are in the nearest cache; a key for each example says what is destroyed, whoever draws it.

Beside the ladder: one example at a time, in a single pass over W (`autoencoder.online`); rules that remember, such as
Adam (`update`); sigmoid layers under a softmax (`perceptron`); contrastive divergence (`boltzmann`); the
loops of layers (`layers`).
"""

import contextlib
import io
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from scratchdae import backend
from scratchdae.arguments import Array, Params

if TYPE_CHECKING:
    from scratchdae.optimizers import Optimizer


def _without_streams() -> None:
    """Import what numba imports when it first compiles: with NumPy 2.0 that fails where there is no standard error."""
    if sys.stderr is None:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(ImportError):
            import scipy.linalg  # noqa: F401


def _twins() -> dict[str, ModuleType]:
    """Import the twins; return them by the name of their reference."""
    _without_streams()
    from scratchdae.kernels import autoencoder, corruption
    from scratchdae.kernels.layers import activation, correlation, lstm, pooling, upsampling
    from scratchdae.kernels.machine import announcement, effort

    announcement.install()
    effort.install()
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


def seconds_compiling() -> float:
    """Return how long this process has compiled so far, without importing what would."""
    module = sys.modules.get("scratchdae.kernels.machine.announcement")
    return 0.0 if module is None else float(module.seconds())


def perceptron_steps() -> Callable[..., tuple[Array, int]] | None:
    """Return the compiled steps of sigmoid layers under a softmax; None where numba is told not to compile."""
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    from scratchdae.kernels.perceptron import steps

    return steps


def boltzmann_steps() -> Callable[..., Array] | None:
    """Return the compiled steps of contrastive divergence; None where numba is told not to compile."""
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    from scratchdae.kernels.boltzmann import steps

    return steps


def rule_steps(optimizer: "Optimizer") -> Callable[..., tuple[Array, Params]] | None:
    """Return the compiled steps of a tied autoencoder by a rule that remembers; None where there are none of its."""
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    from scratchdae.kernels import update
    from scratchdae.kernels.autoencoder.steps import rule_steps

    return rule_steps if update.known(optimizer) else None


def batch_losses() -> Callable[..., Array] | None:
    """Return the compiled losses of a tied autoencoder, batch by batch; None where numba is told not to compile."""
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    from scratchdae.kernels.autoencoder.steps import batch_losses

    return batch_losses


def updates(optimizer: "Optimizer", params: Params) -> Callable[..., Params] | None:
    """Return the compiled update of a rule, in place; None where there is none, or so few parameters are not worth it.

    It is called with the rule, parameters, gradients, state, lr and l2, and returns the state to go on with.
    """
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return None
    from scratchdae.kernels import update

    many = sum(value.size for value in params.values()) >= update.MANY
    return update.step if many and update.known(optimizer) else None
