"""What `fused` lays out for its products: factors side by side, and lists of the rows that they multiply.

What it does differently from the reference: a zero is found once, while it is copied, and costs nothing afterwards.
"""

import math
import threading
from typing import Any

import numba
import numpy as np

from scratchdae.arguments import Array

_kept = threading.local()


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def _count(x: Array) -> tuple[Any, float]:
    """Return how many numbers are not zero, NaN among them, and the sum of the magnitudes."""
    flat = x.ravel()
    n, total = np.int32(0), flat.dtype.type(0)
    for i in range(flat.size):
        n += np.int32(flat[i] != 0)
        total += abs(flat[i])
    return n, float(total)


@numba.njit(cache=True, nogil=True)
def _pack_inputs(
    group: Any, x: Array, stride: int, packed: Array, rows: Array, counts: Array, begin: int, end: int
) -> None:
    """List for each group of examples the inputs that are not all zero: their numbers and where their weights begin."""
    (B, D), size = x.shape, len(group)
    flat = x.ravel()
    for g in range(begin, end):
        at, first, n = g * size * D, g * size, 0
        members = min(size, B - first)
        for k in range(D):
            used = False
            if members == size:
                for p in range(size):
                    value = flat[(first + p) * D + k]
                    packed[at + n * size + p] = value
                    used |= value != 0
            else:
                for p in range(size):
                    value = flat[(first + p) * D + k] if p < members else 0
                    packed[at + n * size + p] = value
                    used |= value != 0
            rows[g * D + n] = k * stride
            n += used
        counts[g] = n


@numba.njit(cache=True, nogil=True)
def _pack_gradient(group: Any, da_z: Array, B: int, first: int, n: int, lr: Any, coefficients: Array) -> None:
    """Put −lr da_z of some rows of W where `_update` finds a group of rows side by side."""
    size, begin = len(group), first // len(group)
    for i in range(B):
        da = da_z[i, first : first + n]
        for g in range(begin, min(begin + n // size, len(coefficients))):
            k = (g - begin) * size
            target, source = coefficients[g, i], da[k : k + size]
            for p in range(size):
                target[p] = -lr * source[p]


@numba.njit(cache=True, nogil=True)
def _pack_pixels(
    group: Any, x: Array, D: int, k: int, lr: Any, da_y: int, stride: int, coefficients: Array, rows: Array, first: int,
    n: int,
) -> int:  # fmt: skip
    """Add to a group's list, after n entries, the rows of da_y where the group's inputs from k on are not all zero."""
    size = len(group)
    for i in range(len(x) // D):
        at, to, used = i * D + k, (first + n) * size, False
        for p in range(size):
            value = x[at + p]
            coefficients[to + p] = -lr * value
            used |= value != 0
        rows[first + n] = da_y + i * stride
        n += used
    return n


def _buffer(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return this thread's array of that name, which is kept: fresh memory costs more to get than to fill.

    It begins with a line of the cache, because a register that is read across two lines takes twice as long.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory: Any = getattr(_kept, name, None)
    if memory is None or memory.size < size:
        memory = np.empty(size + 64, np.uint8)
        skip = -memory.ctypes.data % 64
        memory = memory[skip : skip + size]
        setattr(_kept, name, memory)
    array: Array = memory[:size].view(dtype).reshape(shape)
    return array
