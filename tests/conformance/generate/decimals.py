"""Arrays of decimals with 400 digits, on which the paper's formulas can be computed as they are printed.

With 400 digits 1 + exp(−745) is not 1, so nothing needs a stable form, and 1 − z is right however far z has saturated.
A result is rounded once, to the nearest float64, and so it is the same on every machine: no BLAS, no libm and no order
of summation has a say. The decimals are Python's own; NumPy carries them as objects.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    localcontext,
)
from typing import Any, TypeAlias

import numpy as np

from scratchdae.arguments import Array

Decimals: TypeAlias = Any  # an ndarray of Decimal, or one of them, for which NumPy's types have no word

DIGITS = 400  # more than the 324 places before the smallest float64, and its 17 digits

exp: Any = np.frompyfunc(Decimal.exp, 1, 1)
log: Any = np.frompyfunc(Decimal.ln, 1, 1)
sqrt: Any = np.frompyfunc(Decimal.sqrt, 1, 1)


@contextmanager
def arithmetic(digits: int = DIGITS) -> Iterator[None]:
    """Compute with so many digits inside a ``with`` block, with no bound on the exponent.

    Fewer than 400 are much faster, and enough where nothing saturates.
    """
    traps = [InvalidOperation, DivisionByZero]
    with localcontext(Context(digits, ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=traps)):
        yield


def number(value: float) -> Decimals:
    """Return a number as a decimal, without rounding."""
    return Decimal(value)


def exact(array: Array) -> Decimals:
    """Return numbers or truth values as decimals, without rounding: every float64 is one."""
    flat = np.empty(np.size(array), dtype=object)
    flat[:] = [Decimal(value) for value in np.ravel(array).tolist()]
    return flat.reshape(np.shape(array))


def rounded(array: Decimals) -> Array:
    """Return the float64 nearest to each decimal (or plain integer), halves to even."""
    array = np.asarray(array, dtype=object)
    return np.array([float(value) for value in array.ravel()]).reshape(array.shape)


def sigmoid(a: Decimals) -> Decimals:
    """Return s(a) = 1 / (1 + exp(−a))."""
    return 1 / (1 + exp(-a))


def tanh(a: Decimals) -> Decimals:
    """Return 1 − 2 / (1 + exp(2a))."""
    return 1 - 2 / (1 + exp(2 * a))


def relu(a: Decimals) -> Decimals:
    """Return max(a, 0)."""
    return np.where(a > 0, a, number(0))


def softmax(a: Decimals) -> Decimals:
    """Return exp(a) / Σ exp(a) over the last axis."""
    e = exp(a)
    return e / e.sum(axis=-1, keepdims=True)
