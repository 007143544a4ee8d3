"""Compiled twin of `scratchdae.layers.lstm`.

What it does differently: an LSTM's matrices are small, so in NumPy the time goes into the dozen calls a step, not into
arithmetic. Here a step is one product with U and one pass over the gates. The products with all steps at once are
not here: they stay with NumPy, and so does the cache.
"""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.machine.sigmoidal import sigmoid, tanh
from scratchdae.kernels.machine.threads import one_in_blas

_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(fastmath=_FAST, error_model="numpy")
def _activate(a: Array, recurrent: Array, bias: Array, relu: bool) -> None:
    """Replace the inputs' part of the pre-activations by the gates, equations (1) and (2)."""
    H, zero = a.shape[1] // 4, a.dtype.type(0)
    for r in range(a.shape[0]):
        for j in range(4 * H):  # all four blocks, as one long loop is faster than two short ones
            v = a[r, j] + recurrent[r, j] + bias[j]
            recurrent[r, j] = v
            a[r, j] = sigmoid(v)
        if relu:
            for j in range(2 * H, 3 * H):
                a[r, j] = zero if recurrent[r, j] <= zero else recurrent[r, j]  # NaN is not <= 0 and stays
        else:
            for j in range(2 * H, 3 * H):
                a[r, j] = tanh(recurrent[r, j])


@njit(fastmath=_FAST, error_model="numpy")
def _advance(gates: Array, c_before: Array, c: Array, phi_c: Array, h: Array, relu: bool) -> None:
    """Compute the next cell state and output, equations (3) and (4)."""
    H, zero = c.shape[1], c.dtype.type(0)
    for r in range(c.shape[0]):
        for j in range(H):
            c[r, j] = gates[r, H + j] * c_before[r, j] + gates[r, j] * gates[r, 2 * H + j]
    flat_c, flat_phi = c.reshape(-1), phi_c.reshape(-1)
    if relu:
        for k in range(flat_c.size):
            flat_phi[k] = zero if flat_c[k] <= zero else flat_c[k]
    else:
        for k in range(flat_c.size):
            flat_phi[k] = tanh(flat_c[k])
    for r in range(c.shape[0]):
        for j in range(H):
            h[r, j] = gates[r, 3 * H + j] * phi_c[r, j]


# Inlined: called, it would differ in the last bits between the process that compiles it and those that find it on the
# disk, which hold another copy of it.
@njit(fastmath=_FAST, error_model="numpy", forceinline=True)
def _retreat(
    gates: Array, c_before: Array, phi_c: Array, delta: Array, dh: Array, dc: Array, da: Array, relu: bool
) -> None:
    """Compute the gradient of a step's pre-activations, equations (5) to (8); carry dc to the step before.

    Each loop writes two arrays at most: with more the compiler no longer proves them apart and gives up vectors.
    """
    H, zero, one = dc.shape[1], dc.dtype.type(0), dc.dtype.type(1)
    flat_dh, flat_delta = dh.reshape(-1), delta.reshape(-1)
    for k in range(flat_dh.size):
        flat_dh[k] += flat_delta[k]  # (5)
    for r in range(dc.shape[0]):
        for j in range(H):
            o, phi = gates[r, 3 * H + j], phi_c[r, j]
            rectified, bent = one if phi > zero else zero, one - phi * phi
            slope = rectified if relu else bent  # a choice of values, which leaves no branch in the loop
            dc[r, j] += dh[r, j] * o * slope  # (6)
            da[r, 3 * H + j] = dh[r, j] * phi * o * (one - o)  # (7), (8)
        for j in range(H):
            i, g = gates[r, j], gates[r, 2 * H + j]
            rectified, bent = one if g > zero else zero, one - g * g
            slope = rectified if relu else bent
            da[r, j] = dc[r, j] * g * i * (one - i)
            da[r, 2 * H + j] = dc[r, j] * i * slope
        for j in range(H):
            f = gates[r, H + j]
            da[r, H + j] = dc[r, j] * c_before[r, j] * f * (one - f)
            dc[r, j] *= f  # the second term of (6), one step earlier; (11) in the end


@njit(error_model="numpy")
def _forward(gates: Array, U: Array, bias: Array, h: Array, c: Array, phi_c: Array, relu: bool) -> None:
    recurrent = np.empty((h.shape[1], U.shape[1]), U.dtype)
    for t in range(gates.shape[0]):
        np.dot(h[t], U, recurrent)
        _activate(gates[t], recurrent, bias, relu)
        _advance(gates[t], c[t], c[t + 1], phi_c[t], h[t + 1], relu)


@njit(error_model="numpy")
def _backward(gates: Array, U: Array, c: Array, phi_c: Array, delta: Array, dc: Array, da: Array, relu: bool) -> Array:
    dh = np.zeros_like(dc)  # nothing comes after the last step
    for t in range(gates.shape[0] - 1, -1, -1):
        _retreat(gates[t], c[t], phi_c[t], delta[t], dh, dc, da[t], relu)
        np.dot(da[t], U.T, dh)  # the second term of (5); (11) in the end
    return dh  # (B, H), with respect to the output before the first step


def forward_steps(gates: Array, U: Array, b: Array, h: Array, c: Array, phi_c: Array, activation: str) -> None:
    # gates (T, B, 4H), U (H, 4H), b (4H,), h and c (T + 1, B, H), phi_c (T, B, H)
    with one_in_blas:
        _forward(gates, np.ascontiguousarray(U), np.ascontiguousarray(b), h, c, phi_c, activation == "relu")


def backward_steps(
    gates: Array, U: Array, c: Array, phi_c: Array, delta: Array, dc: Array, da: Array, activation: str
) -> Array:
    # as above, and delta (T, B, H), dc (B, H), da (T, B, 4H)
    with one_in_blas:
        dh: Array = _backward(gates, np.ascontiguousarray(U), c, phi_c, delta, dc, da, activation == "relu")
    return dh
