"""Sigmoid, loss and gradient of the reconstruction, in one pass over the pre-activations.

What they do differently from `scratchdae.losses`: one exponential serves the sigmoid and the softplus, and both
functions are written out so that the loop becomes a vector loop (`sigmoidal` explains how; here is the float64 form).
With e = exp(−|a|), which is at most 1, the cross-entropy is (1[a ≥ 0] − x) a + log(1 + e), and::

    log(1 + e) = 2 artanh(s) = 2 (s + s³/3 + s⁵/5 + …),    s = e / (2 + e) ≤ 1/3

The terms left out are below 3e-8 of the value in float32, and 1e-16 in float64.
"""

from enum import IntEnum
from typing import Any

import numba
import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.machine.sigmoidal import by_type, exp_parts

_FLAGS = {"contract", "nsz"}
_FAST = {"reassoc", "contract", "arcp", "nsz"}
_ROUND = 1.5 * 2**52 + 1023  # adding it leaves the integer n + 1023, the exponent of 2ⁿ, in the low bits
_INV_LN2 = float(1 / np.log(2))
_LN2_HIGH = float(np.floor(np.log(2) * 2**40) / 2**40)  # forty bits: n times it is exact
_LN2_LOW = 7.371002565167799e-13
_E2, _E3, _E4, _E5, _E6, _E7, _E8 = (1 / n for n in (2, 6, 24, 120, 720, 5040, 40320))
_E9, _E10, _E11, _E12, _E13 = (1 / n for n in (362880, 3628800, 39916800, 479001600, 6227020800))
_S3, _S5, _S7, _S9, _S11, _S13 = (np.float32(1 / n) for n in (3, 5, 7, 9, 11, 13))
_D3, _D5, _D7, _D9, _D11, _D13, _D15, _D17 = (1 / n for n in (3, 5, 7, 9, 11, 13, 15, 17))
_D19, _D21, _D23, _D25, _D27, _D29, _D31 = (1 / n for n in (19, 21, 23, 25, 27, 29, 31))
_ONE, _TWO, _ZERO, _LEAST = np.float32(1), np.float32(2), np.float32(0), np.float32(-87)


class Kind(IntEnum):
    """The losses, with the outputs that they are of; passed as a plain integer, which numba recognises faster."""

    CROSS_ENTROPY = 0  # of sigmoid outputs
    SQUARED_ERROR = 1  # of sigmoid outputs
    LINEAR = 2  # squared error of linear outputs


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def _exp_float32(x: Any) -> Any:
    power, rest = exp_parts(x)
    return _ZERO if x < _LEAST else power + power * rest


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def _exp_float64(x: Any) -> Any:
    rounded = np.float64(x * _INV_LN2 + _ROUND)
    n = rounded - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    high = _E8 + r * (_E9 + r * (_E10 + r * (_E11 + r * (_E12 + r * _E13))))
    tail = _E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * (_E6 + r * (_E7 + r * high)))))
    power = np.int64(rounded.view(np.int64) << 52).view(np.float64)
    return 0.0 if x < -708.0 else power + power * (r + r * r * tail)


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def _log1p_float32(x: Any) -> Any:
    s = x / (_TWO + x)
    q = s * s
    return _TWO * (s + s * q * (_S3 + q * (_S5 + q * (_S7 + q * (_S9 + q * (_S11 + q * _S13))))))


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def _log1p_float64(x: Any) -> Any:
    s = x / (2.0 + x)
    q = s * s
    high = _D17 + q * (_D19 + q * (_D21 + q * (_D23 + q * (_D25 + q * (_D27 + q * (_D29 + q * _D31))))))
    return 2.0 * (
        s + s * q * (_D3 + q * (_D5 + q * (_D7 + q * (_D9 + q * (_D11 + q * (_D13 + q * (_D15 + q * high)))))))
    )


def decaying_exp(x: Any) -> Any:
    """Return exp(x) of no positive number, inside a kernel: 0 below the smallest normal number; NaN stays."""
    return np.exp(x)


def log1p_fraction(x: Any) -> Any:
    """Return log(1 + x) of a number from 0 to 1, inside a kernel; NaN stays NaN."""
    return np.log1p(x)


by_type(decaying_exp, _exp_float32, _exp_float64)
by_type(log1p_fraction, _log1p_float32, _log1p_float64)


# A slice tells the compiler that no index is counted from the end; then the loops become vector loops.
@njit(fastmath=_FAST, error_model="numpy")
def sigmoid_row(a: Array, bias: Array) -> None:
    """Replace each pre-activation, without its bias, by s(a + bias), equation (1)."""
    one = a.dtype.type(1)
    for j in range(len(a)):
        v = a[j] + bias[j]
        e = decaying_exp(-abs(v))
        a[j] = (one if v >= 0 else e) / (one + e)


@njit(fastmath=_FAST)
def sigmoid_gradient_row(dy: Array, y: Array) -> float:
    """Replace dy by the gradient of the pre-activations, equation (10); return the sum of its magnitudes."""
    one, total = dy.dtype.type(1), dy.dtype.type(0)
    for j in range(len(dy)):
        da = dy[j] * (y[j] * (one - y[j]))
        dy[j] = da
        total += abs(da)
    return float(total)


@njit(fastmath=_FAST, error_model="numpy")
def output_row(a_z: Array, b_prime: Array, x: Array, scale: Any, kind: int) -> tuple[float, float]:
    """Replace a_z, without its bias, by da_z, equations (3) to (6): `scale` is a factor of the gradient only.

    Returns the sum of the losses and that of the magnitudes of da_z.
    """
    zero, one = a_z.dtype.type(0), a_z.dtype.type(1)
    total, size = zero, zero
    if kind == Kind.CROSS_ENTROPY:
        for k in range(len(a_z)):
            a, t = a_z[k] + b_prime[k], x[k]
            e = decaying_exp(-abs(a))
            da = ((one if a >= 0 else e) / (one + e) - t) * scale
            total += ((one if a >= 0 else zero) - t) * a + log1p_fraction(e)  # neither term is negative
            a_z[k] = da
            size += abs(da)
    else:
        linear = kind == Kind.LINEAR
        for k in range(len(a_z)):
            a, t = a_z[k] + b_prime[k], x[k]
            e = decaying_exp(-abs(a))
            z = (one if a >= 0 else e) / (one + e)
            error = (a if linear else z) - t
            total += error * error
            da = (error + error) * (one if linear else z * (one - z)) * scale
            a_z[k] = da
            size += abs(da)
    return float(total), float(size)
