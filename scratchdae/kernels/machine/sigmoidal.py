"""Sigmoid and tanh of single numbers, in a form that a compiler turns into vector instructions.

The mathematics library's exp is called for one number at a time and takes most of an LSTM's time. In float32 the
exponential is therefore written out: with n the integer nearest to x / ln 2 and r = x − n ln 2, so that |r| ≤ 0.347::

    exp(x) = 2ⁿ + 2ⁿ (exp(r) − 1),    exp(r) − 1 ≈ r + r²/2! + … + r⁷/7!

The terms left out are below 6e-9; measured, both functions are within 2e-7 of the exact value, relative to it, which is
three units in the last place. Below exp(−87), the smallest normal number, a sigmoid becomes 0. In
float64 the library's functions are used: there the twins exist for their other savings.

Division by zero must not raise here (``error_model``), or no loop around it becomes a vector loop. Nothing may reorder
the sums (no "reassoc"): n is found by adding and taking away a number so large that only integers remain.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import overload

_FLAGS = {"contract", "nsz"}
_ROUND = np.float32(1.5 * 2**23 + 127)  # adding it leaves the integer n + 127, the exponent of 2ⁿ, in the low bits
_INV_LN2 = np.float32(1 / np.log(2))
_LN2_HIGH = np.float32(np.floor(np.log(2) * 2**9) / 2**9)  # nine bits: n times it is exact
_LN2_LOW = np.float32(np.log(2) - np.floor(np.log(2) * 2**9) / 2**9)
_LEAST = np.float32(-87)
_C2, _C3, _C4, _C5, _C6, _C7 = (np.float32(1 / n) for n in (2, 6, 24, 120, 720, 5040))
_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def exp_parts(x: Any) -> tuple[Any, Any]:
    """Return 2ⁿ and exp(r) − 1 of a float32 from −87 to 0: exp(x) is ``power + power * rest``, see above."""
    rounded = np.float32(x * _INV_LN2 + _ROUND)
    n = rounded - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    tail = _C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * _C7))))
    return np.int32(rounded.view(np.int32) << 23).view(np.float32), r + r * r * tail


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def _sigmoid_float32(a: Any) -> Any:
    x = -abs(a)
    power, rest = exp_parts(x)
    e = _ZERO if x < _LEAST else power + power * rest
    return (_ONE if a >= _ZERO else e) / (_ONE + e)


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def _tanh_float32(a: Any) -> Any:
    x = -_TWO * abs(a)
    power, rest = exp_parts(x)
    m = -_ONE if x < _LEAST else power * rest + (power - _ONE)  # exp(x) − 1, which does not cancel near 0
    y = m / (_TWO + m)
    return y if a < _ZERO else -y


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def _sigmoid_float64(x: Any) -> Any:
    e = np.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1.0 + e)


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def _tanh_float64(x: Any) -> Any:
    return np.tanh(x)


def by_type(function: Callable[[Any], Any], float32: Any, float64: Any) -> None:
    """Have kernels call one of the others in place of a function of one number, which says what they compute."""

    @overload(function, strict=False, jit_options={"fastmath": _FLAGS, "error_model": "numpy"})
    def choose(x: Any) -> Any:
        chosen = float32 if x == numba.float32 else float64
        return lambda x: chosen(x)


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)) of one real number, inside a kernel; NaN stays NaN."""
    e = np.exp(-abs(x))
    return (x.dtype.type(1) if x >= 0 else e) / (x.dtype.type(1) + e)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of one real number, inside a kernel; NaN stays NaN."""
    return np.tanh(x)


by_type(sigmoid, _sigmoid_float32, _sigmoid_float64)
by_type(tanh, _tanh_float32, _tanh_float64)
