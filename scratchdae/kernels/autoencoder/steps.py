"""Compiled twins of `scratchdae.autoencoder.sgd_step` and `sgd_steps`.

This is the door: it checks the arguments and chooses. Tied weights go to `fused`, which reads W three times and writes
it once a step; a step in which a number may not be finite, and untied weights, take the general step below.

What the general step does differently from the reference: the matrix products stay with BLAS. Everything between them,
which in NumPy is a dozen passes over (B, D) and (B, H) arrays each with a temporary of its own, is one pass apiece:
bias, sigmoid, loss and gradient together going forward, weight decay and update together at the end.

``fastmath`` holds only what lets a sum vectorise: NaN and inf stay what they are.
"""

from typing import Any

import numba
import numpy as np

from scratchdae.arguments import Array, Params, matrix, number, same_shape, unit_interval
from scratchdae.autoencoder import check_options
from scratchdae.kernels.autoencoder import fused
from scratchdae.losses import divisor

_FAST = {"reassoc", "contract", "arcp", "nsz"}


@numba.njit(cache=True, fastmath=_FAST)
def _sigmoid_rows(a: Array, bias: Array) -> None:
    """Replace each pre-activation by s(a + bias)."""
    one = bias.dtype.type(1)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            v = a[i, j] + bias[j]
            e = np.exp(-abs(v))
            a[i, j] = (one if v >= 0 else e) / (one + e)


@numba.njit(cache=True, fastmath=_FAST)
def _output_rows(a_z: Array, b_prime: Array, x: Array, scale: Any, cross_entropy: bool, linear: bool) -> float:
    """Replace each pre-activation by da_z, equations (3) to (6); return the loss, summed in float64."""
    zero, one = b_prime.dtype.type(0), b_prime.dtype.type(1)
    total = 0.0
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


@numba.njit(cache=True, fastmath=_FAST)
def _hidden_rows(dy: Array, y: Array) -> None:
    """Replace dy by da_y = dy ⊙ y (1 − y), equation (10)."""
    one = y.dtype.type(1)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            dy[i, j] *= y[i, j] * (one - y[i, j])


@numba.njit(cache=True, fastmath=_FAST)
def _column_sums(a: Array) -> Array:
    sums = np.zeros(a.shape[1], a.dtype)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            sums[j] += a[i, j]
    return sums


@numba.njit(cache=True, fastmath=_FAST)
def _sum(flat: Array) -> float:
    total = 0.0
    for i in range(flat.size):
        total += flat[i]
    return total


@numba.njit(cache=True)
def _finite(a: Array) -> bool:
    """Tell whether every entry is finite; no NaN or inf can leave a sum finite."""
    flat = a.ravel()
    return bool(np.isfinite(_sum(flat)) or np.isfinite(flat).all())


@numba.njit(cache=True, fastmath=_FAST)
def _descend(array: Array, gradient: Array, lr: Any, decay: Any) -> None:
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            array[i, j] -= lr * (gradient[i, j] + decay * array[i, j])


@numba.njit(cache=True)
def _step(
    W: Array, W_prime: Array, b: Array, b_prime: Array, x_tilde: Array, x: Array, lr: Any, decay: Any, scale: Any,
    tied: bool, cross_entropy: bool, linear: bool,
) -> tuple[float, bool]:  # fmt: skip
    y = np.dot(x_tilde, W)
    _sigmoid_rows(y, b)  # (1)
    da_z = np.dot(y, W.T) if tied else np.dot(y, W_prime)
    loss = _output_rows(da_z, b_prime, x, scale, cross_entropy, linear) * scale  # (2) to (6)
    da_y = np.dot(da_z, W) if tied else np.dot(da_z, W_prime.T)  # (9)
    _hidden_rows(da_y, y)  # (10)
    db_prime, db = _column_sums(da_z), _column_sums(da_y)  # (7), (11)
    dW = np.dot(x_tilde.T, da_y)  # (12), the encoder's part
    if tied:
        dW += np.dot(da_z.T, y)  # (8), the decoder's part
        dW_prime = dW[:0]
    else:
        dW_prime = np.dot(y.T, da_z)  # (8)
    if not (np.isfinite(loss) and _finite(dW) and _finite(dW_prime) and _finite(db) and _finite(db_prime)):
        return loss, False
    _descend(W, dW, lr, decay)
    if not tied:
        _descend(W_prime, dW_prime, lr, decay)
    b -= lr * db
    b_prime -= lr * db_prime
    return loss, True


def sgd_step(
    params: Params,
    x_tilde: Array,
    x: Array,
    lr: float,
    loss: str = "cross_entropy",
    output: str = "sigmoid",
    reduction: str = "paper",
    l2: float = 0.0,
) -> tuple[float, bool]:
    """Take one step of stochastic gradient descent, in place. Its reference is `scratchdae.autoencoder.sgd_step`.

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters, C-contiguous, which are overwritten.
    x_tilde : ndarray, shape (B, D)
        Corrupted inputs.
    x : ndarray, shape (B, D)
        Clean targets.
    lr : float
        Learning rate.
    loss, output, reduction : str
        As in the reference.
    l2 : float
        Coefficient of ``Σ W²`` over the weights.

    Returns
    -------
    loss : float
        The loss before the step, without the penalty.
    finite : bool
        False if the loss or a gradient was NaN or infinite; then no parameter was changed.

    Raises
    ------
    ValueError
        If a shape, a range or an option does not fit; then no parameter was changed either.
    """
    D, dtype = params["W"].shape[0], params["W"].dtype
    x_tilde = matrix("x_tilde", x_tilde, columns=D, dtype=dtype)
    x = matrix("x", x, columns=D, dtype=dtype)
    same_shape("x", x, "x_tilde", x_tilde)
    step_losses, finite = sgd_steps(params, x_tilde[None], x[None], lr, loss, output, reduction, l2)
    return float(step_losses[0]), finite


def sgd_steps(
    params: Params,
    x_tilde: Array,
    x: Array,
    lr: float,
    loss: str = "cross_entropy",
    output: str = "sigmoid",
    reduction: str = "paper",
    l2: float = 0.0,
) -> tuple[Array, bool]:
    """Take a step on each batch in turn, in place. Its reference is `scratchdae.autoencoder.sgd_steps`.

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters, C-contiguous, which are overwritten.
    x_tilde : ndarray, shape (S, B, D)
        Corrupted batches.
    x : ndarray, shape (S, B, D)
        Clean targets.
    lr : float
        Learning rate.
    loss, output, reduction : str
        As in the reference.
    l2 : float
        Coefficient of ``Σ W²`` over the weights.

    Returns
    -------
    step_losses : ndarray of float64, shape (S,) or shorter
        The loss before each step; the last is that of the step that was not taken, if there is one.
    finite : bool
        False if a loss or a gradient was NaN or infinite; that step and those after it were not taken.

    Raises
    ------
    ValueError
        If a shape, a range or an option does not fit; then no step was taken.
    """
    check_options(loss, output)
    lr, l2 = number("lr", lr, at_least=0), number("l2", l2, at_least=0)
    W, b, b_prime = params["W"], params["b"], params["b_prime"]
    if np.ndim(x_tilde) != 3:
        raise ValueError(f"x_tilde must hold batches, shape (S, B, D), found shape {np.shape(x_tilde)}")
    same_shape("x", x, "x_tilde", x_tilde)
    S, B, D = x.shape
    x_tilde, x = (
        np.ascontiguousarray(matrix(name, array.reshape(S * B, D), columns=W.shape[0], dtype=W.dtype)).reshape(S, B, D)
        for name, array in (("x_tilde", x_tilde), ("x", x))
    )
    if loss == "cross_entropy":
        unit_interval("x", x)
    for name, array in params.items():
        if not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"params[{name!r}] must be C-contiguous and writeable for the compiled step")
    real, tied = W.dtype.type, "W_prime" not in params
    rate, decay, scale = real(lr), real(2 * l2), real(1 / divisor((B, D), reduction))
    kind = 0 if loss == "cross_entropy" else 2 if output == "linear" else 1
    fast = tied and not numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # it is written in LLVM
    step_losses = np.empty(S)
    done = 0
    while done < S:
        if fast:
            values, taken = fused.steps(W, b, b_prime, x_tilde[done:], x[done:], rate, decay, scale, kind)
            step_losses[done : done + taken] = values[:taken]
            done += taken
        if done < S:
            step_losses[done], finite = _step(
                W, params.get("W_prime", W), b, b_prime, x_tilde[done], x[done], rate, decay, scale, tied,
                loss == "cross_entropy", output == "linear",
            )  # fmt: skip
            done += 1
            if not finite:
                return step_losses[:done], False
    return step_losses, True
