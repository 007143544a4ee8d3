"""A step on a batch as the reference takes it, compiled: for untied weights, and for what may not be finite.

What it does differently from `scratchdae.autoencoder.sgd_step`: the matrix products stay with BLAS. Everything between
them, which in NumPy is a dozen passes over (B, D) and (B, H) arrays each with a temporary of its own, is one pass
apiece: bias, sigmoid, loss and gradient together going forward, weight decay and update together at the end.

``fastmath`` holds only what lets a sum vectorise: NaN and inf stay what they are.
"""

from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.autoencoder.output import Kind
from scratchdae.kernels.machine.jit import njit
from scratchdae.kernels.rule import Rule

_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(fastmath=_FAST)
def _sigmoid_rows(a: Array, bias: Array) -> None:
    """Replace each pre-activation by s(a + bias)."""
    one = bias.dtype.type(1)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            v = a[i, j] + bias[j]
            e = np.exp(-abs(v))
            a[i, j] = (one if v >= 0 else e) / (one + e)


# Inlined: called, its sums would differ in the last bits between the process that compiles it and those that find it on
# the disk, which hold another copy of it.
@njit(fastmath=_FAST, forceinline=True)
def _output_rows(a_z: Array, b_prime: Array, x: Array, scale: Any, kind: int) -> float:
    """Replace each pre-activation by da_z, equations (3) to (6); return the loss, summed in float64."""
    zero, one = b_prime.dtype.type(0), b_prime.dtype.type(1)
    cross_entropy, linear, total = kind == Kind.CROSS_ENTROPY, kind == Kind.LINEAR, 0.0
    for i in range(a_z.shape[0]):
        for k in range(a_z.shape[1]):
            a, t = a_z[i, k] + b_prime[k], x[i, k]
            if linear:
                error = a - t
                total += error * error
                a_z[i, k] = (error + error) * scale
            else:
                e = np.exp(-abs(a))
                z = (one if a >= 0 else e) / (one + e)
                error = z - t
                if cross_entropy:
                    total += ((one if a >= 0 else zero) - t) * a + np.log1p(e)  # neither term is negative
                    a_z[i, k] = error * scale
                else:
                    total += error * error
                    a_z[i, k] = (error + error) * z * (one - z) * scale
    return total


@njit(fastmath=_FAST)
def _hidden_rows(dy: Array, y: Array) -> None:
    """Replace dy by da_y = dy ⊙ y (1 − y), equation (10)."""
    one = y.dtype.type(1)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dy[i, j] *= y[i, j] * (one - y[i, j])


@njit(fastmath=_FAST)
def _column_sums(a: Array) -> Array:
    sums = np.zeros(a.shape[1], a.dtype)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            sums[j] += a[i, j]
    return sums


@njit(fastmath=_FAST)
def _sum(flat: Array) -> float:
    total = 0.0
    for i in range(flat.size):
        total += flat[i]
    return total


@njit()
def _finite(a: Array) -> bool:
    """Tell whether every entry is finite; no NaN or inf can leave a sum finite."""
    flat = a.ravel()
    return bool(np.isfinite(_sum(flat)) or np.isfinite(flat).all())


@njit(fastmath=_FAST)
def _descend(array: Array, gradient: Array, lr: Any, decay: Any) -> None:
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            array[i, j] -= lr * (gradient[i, j] + decay * array[i, j])


@njit()
def step(
    W: Array, W_prime: Array | None, b: Array, b_prime: Array, x_tilde: Array, x: Array, rule: Rule, kind: int
) -> tuple[float, bool]:
    """Take a step, in place; return its loss, and whether all was finite: if not, nothing was changed.

    Without `W_prime` the weights are tied.
    """
    y = np.dot(x_tilde, W)
    _sigmoid_rows(y, b)  # (1)
    da_z = np.dot(y, W.T) if W_prime is None else np.dot(y, W_prime)
    loss = _output_rows(da_z, b_prime, x, rule.scale, kind) * rule.scale  # (2) to (6)
    da_y = np.dot(da_z, W) if W_prime is None else np.dot(da_z, W_prime.T)  # (9)
    _hidden_rows(da_y, y)  # (10)
    db_prime, db = _column_sums(da_z), _column_sums(da_y)  # (7), (11)
    dW = np.dot(x_tilde.T, da_y)  # (12), the encoder's part
    if W_prime is None:
        dW += np.dot(da_z.T, y)  # (8), the decoder's part
        dW_prime = dW[:0]
    else:
        dW_prime = np.dot(y.T, da_z)  # (8)
    if not (np.isfinite(loss) and _finite(dW) and _finite(dW_prime) and _finite(db) and _finite(db_prime)):
        return loss, False
    _descend(W, dW, rule.lr, rule.decay)
    if W_prime is not None:
        _descend(W_prime, dW_prime, rule.lr, rule.decay)
    b -= rule.lr * db
    b_prime -= rule.lr * db_prime
    return loss, True
