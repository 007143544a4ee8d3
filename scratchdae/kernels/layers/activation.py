"""Compiled twin of the rectifier in `scratchdae.layers.activation`.

What it does differently: the gradient needs no mask, and large arrays are shared among threads.
"""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.machine import threads
from scratchdae.kernels.machine.jit import njit

_LEAST = 65536  # entries that are worth a thread


@njit()
def _relu(a: Array, y: Array, begin: int, end: int) -> None:
    zero = a.dtype.type(0)
    for k in range(begin, end):
        y[k] = zero if a[k] <= zero else a[k]  # NaN is not: it stays


@njit()
def _relu_gradient(dy: Array, y: Array, da: Array, begin: int, end: int) -> None:
    zero, one = y.dtype.type(0), y.dtype.type(1)
    for k in range(begin, end):
        da[k] = dy[k] * (one if y[k] > zero else zero)


def relu(a: Array) -> Array:  # of any shape
    a = np.ascontiguousarray(a)
    y = np.empty_like(a)
    threads.run(_relu, *threads.parts(a.size, _LEAST), a.reshape(-1), y.reshape(-1))
    return y


def relu_gradient(dy: Array, y: Array) -> Array:
    dy, y = np.ascontiguousarray(dy), np.ascontiguousarray(y)
    da = np.empty_like(y)
    threads.run(_relu_gradient, *threads.parts(y.size, _LEAST), dy.reshape(-1), y.reshape(-1), da.reshape(-1))
    return da
