"""Losses: each returns (loss, gradient) from one function, so the two cannot drift apart.

The reduction is named. ``"paper"`` sums over the D components of an example and averages over the B examples
of the batch (Vincent et al. 2008, section 2.1 and equation 1); ``"mean"`` averages over all B·D entries, as PyTorch
and Keras do. The two differ by the factor D, in the loss and in every gradient, and so in what a learning rate means.
"""

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
