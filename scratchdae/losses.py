"""Losses: each returns (loss, gradient) from one function, so the two cannot drift apart.

The reduction is named. ``"paper"`` sums over the D components of an example and averages over the B examples
of the batch (Vincent et al. 2008, section 2.1 and equation 1); ``"mean"`` averages over all B·D entries, as PyTorch
and Keras do. The two differ by the factor D, in the loss and in every gradient, and so in what a learning rate means.

Each loss is a door, which checks, and calls ``NAME_over(output, target, n)``, which trusts what it is given and divides
the sum over all entries by n, the `divisor`.
"""

from collections.abc import Callable

import numpy as np

from scratchdae.activations import sigmoid
from scratchdae.arguments import (
    Array,
    Params,
    array,
    choice,
    mapping,
    matrix,
    number,
    numbers,
    same_shape,
    shown,
    unit_interval,
)

REDUCTIONS = ("paper", "mean")


def divisor(shape: tuple[int, ...], reduction: str) -> int:
    """Return what the sum over all entries is divided by: B for the paper's reduction, B·D for the mean over both."""
    choice("reduction", reduction, REDUCTIONS)
    batch_size, n_components = shape
    return batch_size if reduction == "paper" else batch_size * n_components


def _checked(name: str, output: Array, x: Array, reduction: str) -> tuple[Array, Array, int]:
    output, x = matrix(name, output), matrix("x", x)
    same_shape("x", x, name, output)
    return output, x, divisor(output.shape, reduction)


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
        In nats.
    da_z : ndarray, shape (B, D)
        Its gradient: ``(z - x) / B``, or ``/ (B·D)``.
    """
    a_z, x, n = _checked("a_z", a_z, x, reduction)
    unit_interval("x", x)
    return cross_entropy_over(a_z, x, n)


def cross_entropy_over(a_z: Array, x: Array, n: int) -> tuple[np.inexact, Array]:
    """Do what `cross_entropy` does, unchecked."""
    return cross_entropy_alone(a_z, x, n), (sigmoid(a_z) - x) / n


def cross_entropy_alone(a_z: Array, x: Array, n: int) -> np.inexact:
    """Return the loss without its gradient, which takes a quarter of the time of an evaluation."""
    positive = a_z.real >= 0
    rest = np.log1p(np.exp(np.where(positive, -a_z, a_z)))  # softplus(-|a|)
    loss: np.inexact = ((positive - x) * a_z + rest).sum() / n  # two terms, never negative: nothing cancels
    return loss


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
        In squared units of `x`.
    dz : ndarray, shape (B, D)
        Its gradient with respect to `z`: ``2 (z - x) / B``, or ``/ (B·D)``.
    """
    return squared_error_over(*_checked("z", z, x, reduction))


def squared_error_over(z: Array, x: Array, n: int) -> tuple[np.inexact, Array]:
    """Do what `squared_error` does, unchecked."""
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
        In units of `x`.
    dz : ndarray, shape (B, D)
        Its gradient with respect to `z`: ``sign(z - x) / B``, or ``/ (B·D)``; 0 where they are equal, as in PyTorch.
    """
    return absolute_error_over(*_checked("z", z, x, reduction))


def absolute_error_over(z: Array, x: Array, n: int) -> tuple[np.inexact, Array]:
    """Do what `absolute_error` does, unchecked."""
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
        In squared units of `x`.
    dz : ndarray, shape (B, D)
        Its gradient with respect to `z`: the error, cut to [-δ, δ], ``/ B`` or ``/ (B·D)``.
    """
    return huber_over(*_checked("z", z, x, reduction), number("delta", delta, above=0))


def huber_over(z: Array, x: Array, n: int, delta: float = 1.0) -> tuple[np.inexact, Array]:
    """Do what `huber` does, unchecked."""
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
        In nats.
    da : ndarray, shape (B, K)
        Its gradient: ``(softmax(a) - one_hot(t)) / B``.
    """
    a, t = matrix("a", a), array("t", t, "integer labels")
    choice("reduction", reduction, REDUCTIONS)
    n, n_classes = a.shape
    if t.shape != (n,) or t.dtype.kind not in "iu":
        raise ValueError(f"t must be {n} integer labels, found {shown(t)}")
    if t.min() < 0 or t.max() >= n_classes:
        raise ValueError(f"t must lie in 0 to {n_classes - 1}, found labels from {t.min()} to {t.max()}")
    return softmax_cross_entropy_over(a, t, n)


def softmax_cross_entropy_over(a: Array, t: Array, n: int) -> tuple[np.inexact, Array]:
    """Do what `softmax_cross_entropy` does, unchecked."""
    rows, largest = np.arange(len(a)), a.real.argmax(axis=1)
    shifted = a - a[rows, largest][:, None]
    e = np.exp(shifted)
    e[rows, largest] = 0
    rest = e.sum(axis=1)
    e[rows, largest] = 1
    da = e / (1 + rest)[:, None]
    da[rows, t] -= 1
    return (np.log1p(rest) - shifted[rows, t]).sum() / n, da / n


LOSSES: dict[str, Callable[[Array, Array, str], tuple[np.inexact, Array]]] = {
    loss.__name__: loss for loss in (squared_error, absolute_error, huber, cross_entropy, softmax_cross_entropy)
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
        Added to the loss once, whatever the reduction.
    grads : dict of str to ndarray
        Its gradient, ``2 · l2 · W``, for the weights alone.
    """
    l2 = number("l2", l2, at_least=0)
    arrays = {name: numbers(f"params[{name!r}]", value) for name, value in mapping("params", params).items()}
    weights = {name: value for name, value in arrays.items() if value.ndim >= 2}
    penalty = l2 * sum((W * W).sum() for W in weights.values())
    return penalty, {name: 2 * l2 * W for name, W in weights.items()}
