"""Losses: each returns (loss, gradient) from one function, so the two cannot drift apart.

The reduction is named. ``"paper"`` sums over the D components of an example and averages over the B examples
of the batch (Vincent et al. 2008, section 2.1 and equation 1); ``"mean"`` averages over all B·D entries, as PyTorch
and Keras do. The two differ by the factor D, in the loss and in every gradient, and so in what a learning rate means.
"""

from collections.abc import Callable

import numpy as np

from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params, choice, matrix, number, same_shape, unit_interval

REDUCTIONS = ("paper", "mean")


def divisor(shape: tuple[int, ...], reduction: str) -> int:
    """Return the number by which the sum over all entries is divided.

    Parameters
    ----------
    shape : (int, int)
        Shape (B, D) of the batch.
    reduction : {"paper", "mean"}
        B for the paper's sum over D and mean over B, B·D for the mean over both.

    Returns
    -------
    int
        The divisor.

    Raises
    ------
    ValueError
        If the reduction is neither.
    """
    choice("reduction", reduction, REDUCTIONS)
    batch_size, n_components = shape
    return batch_size if reduction == "paper" else batch_size * n_components


def cross_entropy(a_z: Array, x: Array, reduction: str = "paper") -> tuple[np.inexact, Array]:
    """Reconstruction cross-entropy of z = s(a_z), from the pre-activations.

    ``L = -Σ_k [x_k log z_k + (1 - x_k) log(1 - z_k)] = Σ_k [softplus(a_k) - x_k a_k]`` (Vincent et al. 2008,
    section 2.1), in nats. Written from `a_z` the loss is exact however far the sigmoid has saturated; from `z` it
    would be 0·inf. Not to be confused with the cross-entropy of class labels. Where targets are strictly between 0
    and 1 its least value is their binary entropy, not zero.

    Parameters
    ----------
    a_z : ndarray, shape (B, D)
        Pre-activations of the reconstruction.
    x : ndarray, shape (B, D)
        Targets in [0, 1].
    reduction : {"paper", "mean"}
        Sum over D and mean over B, or mean over B·D.

    Returns
    -------
    loss : scalar
        The loss in nats.
    da_z : ndarray, shape (B, D)
        Its gradient: ``(z - x) / B``, or ``/ (B·D)``.

    Raises
    ------
    ValueError
        If shapes differ, a target lies outside [0, 1] or the reduction is unknown.
    """
    a_z, x = matrix("a_z", a_z), matrix("x", x)
    same_shape("x", x, "a_z", a_z)
    unit_interval("x", x)
    n = divisor(a_z.shape, reduction)
    positive = a_z.real >= 0
    rest = np.log1p(np.exp(np.where(positive, -a_z, a_z)))  # softplus(-|a|)
    loss = ((positive - x) * a_z + rest).sum() / n  # two terms that are never negative: nothing cancels
    da_z = (sigmoid(a_z) - x) / n
    return loss, da_z


def squared_error(z: Array, x: Array, reduction: str = "paper") -> tuple[np.inexact, Array]:
    """Squared error ``L = Σ_k (z_k - x_k)²``, without a factor 1/2 (Vincent et al. 2008, section 2.1).

    Parameters
    ----------
    z : ndarray, shape (B, D)
        Reconstruction.
    x : ndarray, shape (B, D)
        Targets, of any range.
    reduction : {"paper", "mean"}
        Sum over D and mean over B, or mean over B·D (then it is the mean squared error).

    Returns
    -------
    loss : scalar
        The loss, in squared units of `x`.
    dz : ndarray, shape (B, D)
        Its gradient with respect to `z`: ``2 (z - x) / B``, or ``/ (B·D)``.

    Raises
    ------
    ValueError
        If shapes differ or the reduction is unknown.
    """
    z, x = matrix("z", z), matrix("x", x)
    same_shape("x", x, "z", z)
    n = divisor(z.shape, reduction)
    error = z - x
    return (error * error).sum() / n, 2 * error / n


def absolute_error(z: Array, x: Array, reduction: str = "paper") -> tuple[np.inexact, Array]:
    """Absolute error ``L = Σ_k |z_k - x_k|``, whose best constant is the median, where that of the square is the mean.

    Parameters
    ----------
    z : ndarray, shape (B, D)
        Reconstruction.
    x : ndarray, shape (B, D)
        Targets, of any range.
    reduction : {"paper", "mean"}
        Sum over D and mean over B, or mean over B·D (then it is the mean absolute error).

    Returns
    -------
    loss : scalar
        The loss, in units of `x`.
    dz : ndarray, shape (B, D)
        Its gradient with respect to `z`: ``sign(z - x) / B``, or ``/ (B·D)``; 0 where they are equal, as in PyTorch.

    Raises
    ------
    ValueError
        If shapes differ or the reduction is unknown.
    """
    z, x = matrix("z", z), matrix("x", x)
    same_shape("x", x, "z", z)
    n = divisor(z.shape, reduction)
    error = z - x
    sign = np.sign(error.real)  # not abs, which would drop the imaginary part of a complex step
    return (sign * error).sum() / n, sign / n


def huber(z: Array, x: Array, reduction: str = "paper", delta: float = 1.0) -> tuple[np.inexact, Array]:
    """Huber's loss: half the squared error up to `delta`, and its tangent beyond (Huber 1964).

    With e = z - x it is ``L = Σ_k e_k² / 2`` where ``|e_k| <= δ``, and ``δ (|e_k| - δ/2)`` elsewhere. Not to be
    confused with PyTorch's ``smooth_l1_loss``, which is this divided by δ; its ``huber_loss`` and Keras' are this.

    Parameters
    ----------
    z : ndarray, shape (B, D)
        Reconstruction.
    x : ndarray, shape (B, D)
        Targets, of any range.
    reduction : {"paper", "mean"}
        Sum over D and mean over B, or mean over B·D.
    delta : float
        Where the square ends, positive, in units of `x`.

    Returns
    -------
    loss : scalar
        The loss, in squared units of `x`.
    dz : ndarray, shape (B, D)
        Its gradient with respect to `z`: the error, cut to [-δ, δ], ``/ B`` or ``/ (B·D)``.

    Raises
    ------
    ValueError
        If shapes differ, the reduction is unknown or `delta` is not positive.
    """
    z, x = matrix("z", z), matrix("x", x)
    same_shape("x", x, "z", z)
    delta, n = number("delta", delta, above=0), divisor(z.shape, reduction)
    error = z - x
    sign = np.sign(error.real)
    near = sign * error.real <= delta
    entries = np.where(near, error * error / 2, delta * (sign * error - delta / 2))
    return entries.sum() / n, np.where(near, error, delta * sign) / n


def softmax_cross_entropy(a: Array, t: Array, reduction: str = "paper") -> tuple[np.inexact, Array]:
    """Cross-entropy of class labels, from the pre-activations (logits) of a softmax.

    ``L = -log softmax(a)_t = log Σ_k exp(a_k - a_t)``, in nats. The largest pre-activation is taken out and the rest
    goes through log1p, so the loss of a confident right answer is small, and neither 0 nor rounded. Not to be confused
    with `cross_entropy`, of D independent units. An example has one term, so the two reductions are one: the mean
    over B.

    Parameters
    ----------
    a : ndarray, shape (B, K)
        Pre-activations, one a class.
    t : ndarray of int, shape (B,)
        Labels, from 0 to K - 1.
    reduction : {"paper", "mean"}
        Mean over B, either way.

    Returns
    -------
    loss : scalar
        The loss in nats.
    da : ndarray, shape (B, K)
        Its gradient: ``(softmax(a) - one_hot(t)) / B``.

    Raises
    ------
    ValueError
        If shapes do not fit, a label is no integer from 0 to K - 1, or the reduction is unknown.
    """
    a, t = matrix("a", a), np.asarray(t)
    choice("reduction", reduction, REDUCTIONS)
    n, n_classes = a.shape
    if t.shape != (n,) or t.dtype.kind not in "iu":
        raise ValueError(f"t must be {n} integer labels, found {t.dtype} of shape {t.shape}")
    if t.min() < 0 or t.max() >= n_classes:
        raise ValueError(f"t must lie in 0 to {n_classes - 1}, found labels from {t.min()} to {t.max()}")
    rows, largest = np.arange(n), a.real.argmax(axis=1)
    shifted = a - a[rows, largest][:, None]
    e = np.exp(shifted)
    e[rows, largest] = 0
    rest = e.sum(axis=1)
    e[rows, largest] = 1
    da = e / (1 + rest)[:, None]
    da[rows, t] -= 1
    return (np.log1p(rest) - shifted[rows, t]).sum() / n, da / n


LOSSES: dict[str, Callable[[Array, Array, str], tuple[np.inexact, Array]]] = {
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "cross_entropy": cross_entropy,
    "softmax_cross_entropy": softmax_cross_entropy,
}


def l2_penalty(params: Params, l2: float) -> tuple[float, Params]:
    """Weight decay's penalty ``l2 · Σ W²`` over all weight matrices; biases are free.

    Without a factor 1/2, as in the Theano tutorials and in Keras. PyTorch's ``weight_decay`` w is l2 = w/2.

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters; those with two axes or more are weights.
    l2 : float
        The coefficient, at least 0.

    Returns
    -------
    penalty : float
        The penalty, added to the loss once, whatever the reduction.
    grads : dict of str to ndarray
        Its gradient, ``2 · l2 · W``, for the weights alone.

    Raises
    ------
    ValueError
        If `l2` is negative or not finite.
    """
    l2 = number("l2", l2, at_least=0)
    weights = {name: array for name, array in params.items() if array.ndim >= 2}
    penalty = l2 * sum((W * W).sum() for W in weights.values())
    return penalty, {name: 2 * l2 * W for name, W in weights.items()}
