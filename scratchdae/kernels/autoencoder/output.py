"""Sigmoid, loss and gradient of the reconstruction, in one pass over the pre-activations.

What they do differently from `scratchdae.losses`: one exponential serves the sigmoid and the softplus, and both
functions are written out so that the loop becomes a vector loop (`sigmoidal` explains how; here is the float64 form).
With e = exp(−|a|), which is at most 1, the cross-entropy is (1[a ≥ 0] − x) a + log(1 + e), and::

    log(1 + e) = 2 artanh(s) = 2 (s + s³/3 + s⁵/5 + …),    s = e / (2 + e) ≤ 1/3

The terms left out are below 3e-8 of the value in float32, and 1e-16 in float64.
"""

from typing import Any

import numba
import numpy as np
from numba.extending import overload

from scratchdae.arguments import Array
from scratchdae.kernels.machine.sigmoidal import exp_parts

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
def _log1p_float32(e: Any) -> Any:
    s = e / (_TWO + e)
    q = s * s
    return _TWO * (s + s * q * (_S3 + q * (_S5 + q * (_S7 + q * (_S9 + q * (_S11 + q * _S13))))))


@numba.njit(fastmath=_FLAGS, error_model="numpy")
def _log1p_float64(e: Any) -> Any:
    s = e / (2.0 + e)
    q = s * s
    high = _D17 + q * (_D19 + q * (_D21 + q * (_D23 + q * (_D25 + q * (_D27 + q * (_D29 + q * _D31))))))
    return 2.0 * (
        s + s * q * (_D3 + q * (_D5 + q * (_D7 + q * (_D9 + q * (_D11 + q * (_D13 + q * (_D15 + q * high)))))))
    )


def decaying_exp(x: Any) -> Any:
    """Return exp(x) of a number that is not positive, inside a kernel; 0 below the smallest normal number.

    Parameters
    ----------
    x : float32 or float64
        The number.

    Returns
    -------
    float32 or float64
        The value; NaN stays NaN.
    """
    return np.exp(x)


def log1p_fraction(e: Any) -> Any:
    """Return log(1 + e) of a number from 0 to 1, inside a kernel.

    Parameters
    ----------
    e : float32 or float64
        The number.

    Returns
    -------
    float32 or float64
        The value; NaN stays NaN.
    """
    return np.log1p(e)


@overload(decaying_exp, jit_options={"fastmath": _FLAGS, "error_model": "numpy"})
def _choose_exp(x: Any) -> Any:
    def float32(x: Any) -> Any:
        return _exp_float32(x)

    def float64(x: Any) -> Any:
        return _exp_float64(x)

    return float32 if x == numba.float32 else float64


@overload(log1p_fraction, jit_options={"fastmath": _FLAGS, "error_model": "numpy"})
def _choose_log1p(e: Any) -> Any:
    def float32(e: Any) -> Any:
        return _log1p_float32(e)

    def float64(e: Any) -> Any:
        return _log1p_float64(e)

    return float32 if e == numba.float32 else float64


# A slice tells the compiler that no index is counted from the end; then the loops become vector loops.
@numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def sigmoid_row(a: Array, bias: Array) -> None:
    """Replace each pre-activation by s(a + bias), equation (1).

    Parameters
    ----------
    a : ndarray, shape (n,)
        Pre-activations without their bias, which are overwritten.
    bias : ndarray, shape (n,)
        The bias.
    """
    one = a.dtype.type(1)
    for j in range(len(a)):
        v = a[j] + bias[j]
        e = decaying_exp(-abs(v))
        a[j] = (one if v >= 0 else e) / (one + e)


@numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def cross_entropy_row(a_z: Array, b_prime: Array, x: Array, scale: Any) -> tuple[float, float]:
    """Replace a_z by da_z, equations (3) and (5).

    Parameters
    ----------
    a_z : ndarray, shape (n,)
        Pre-activations without their bias, which are overwritten.
    b_prime : ndarray, shape (n,)
        The bias.
    x : ndarray, shape (n,)
        Targets.
    scale : number
        The factor of the gradient.

    Returns
    -------
    total, size : float
        The sum of the losses, without the factor, and that of the magnitudes of da_z.
    """
    zero, one = a_z.dtype.type(0), a_z.dtype.type(1)
    total, size = zero, zero
    for k in range(len(a_z)):
        a, t = a_z[k] + b_prime[k], x[k]
        e = decaying_exp(-abs(a))
        da = ((one if a >= 0 else e) / (one + e) - t) * scale
        total += ((one if a >= 0 else zero) - t) * a + log1p_fraction(e)  # neither term is negative
        a_z[k] = da
        size += abs(da)
    return float(total), float(size)


@numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def squared_error_row(a_z: Array, b_prime: Array, x: Array, scale: Any, linear: bool) -> tuple[float, float]:
    """Replace a_z by da_z, equations (4) and (6).

    Parameters
    ----------
    a_z : ndarray, shape (n,)
        Pre-activations without their bias, which are overwritten.
    b_prime : ndarray, shape (n,)
        The bias.
    x : ndarray, shape (n,)
        Targets.
    scale : number
        The factor of the gradient.
    linear : bool
        Whether the outputs are linear, in place of sigmoid.

    Returns
    -------
    total, size : float
        The sum of the losses, without the factor, and that of the magnitudes of da_z.
    """
    zero, one = a_z.dtype.type(0), a_z.dtype.type(1)
    total, size = zero, zero
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
