"""The denoising autoencoder of Vincent et al. 2008, section 2, with its backward pass by hand.

Batches are rows, so `W` is the transpose of the paper's: shape (D, H) where the paper has d' × d. With B examples,
D visible and H hidden units::

    y   = s(x̃ W + b)                                                   (1)  encode, the paper's f_θ
    z   = s(y Wᵀ + b')      or, untied,  z = s(y W' + b')              (2)  decode, the paper's g_θ'
    L   = Σ_k [softplus(a_z,k) − x_k a_z,k]     cross-entropy          (3)
    L   = Σ_k (z_k − x_k)²                      squared error          (4)

x̃ is the corrupted input, x the clean target, s the sigmoid, and a_y, a_z are the pre-activations of y and z.
Backwards, with dv for the gradient of the loss with respect to v::

    da_z = (z − x) / B                          from (3)               (5)
    da_z = 2 (z − x) ⊙ z (1 − z) / B            from (4)               (6)
    db'  = Σ_batch da_z                                                (7)
    dW   = da_zᵀ y          the decoder's part   (dW' = yᵀ da_z)       (8)
    dy   = da_z W                                (dy = da_z W'ᵀ)       (9)
    da_y = dy ⊙ y (1 − y)                                              (10)
    db   = Σ_batch da_y                                                (11)
    dW   = x̃ᵀ da_y          the encoder's part                         (12)
    dx̃   = da_y Wᵀ                                                     (13)

With tied weights W is used twice, so its gradient is the sum of (8) and (12): leave out either and training still
seems to work. The functions are pure; only `sgd_step` and `sgd_steps` write, and say so. The parameters are a dict of
arrays: `W` (D, H), `b` (H,), `b_prime` (D,) and, if the weights are not tied, `W_prime` (H, D). Their dtype decides
that of everything else.
"""

from typing import NamedTuple

import numpy as np

from scratchdae import arguments, losses
from scratchdae.activations import sigmoid, sigmoid_derivative
from scratchdae.arguments import Array, Params, choice, matrix

LOSSES = ("cross_entropy", "squared_error")
OUTPUTS = ("sigmoid", "linear")  # linear: z = a_z, for real-valued data


def check_options(loss: str, output: str) -> None:
    """Refuse an unknown loss or output, and the cross-entropy of a linear output.

    Parameters
    ----------
    loss : {"cross_entropy", "squared_error"}
        Equation (3) or (4).
    output : {"sigmoid", "linear"}
        What makes the reconstruction of the pre-activations.

    Raises
    ------
    ValueError
        If one is unknown or they do not go together.
    """
    choice("loss", loss, LOSSES)
    choice("output", output, OUTPUTS)
    if loss == "cross_entropy" and output == "linear":
        raise ValueError("output must be 'sigmoid' for the cross-entropy, found 'linear'")


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass."""

    x_tilde: Array  # (B, D)
    y: Array  # (B, H)


def encode(params: Params, x: Array) -> Array:
    """Map inputs to their hidden representation, equation (1).

    Parameters
    ----------
    params : dict of str to ndarray
        ``W`` (D, H) and ``b`` (H,).
    x : ndarray, shape (B, D)
        Inputs: corrupted in training, clean otherwise.

    Returns
    -------
    ndarray, shape (B, H)
        The hidden representation `y`, in [0, 1].

    Raises
    ------
    ValueError
        If `x` is not a floating-point matrix with D columns.
    """
    W, b = params["W"], params["b"]
    x = matrix("x", x, columns=W.shape[0], dtype=W.dtype)
    return sigmoid(x @ W + b)


def decode(params: Params, y: Array) -> Array:
    """Map a hidden representation to the pre-activations of its reconstruction, equation (2).

    Parameters
    ----------
    params : dict of str to ndarray
        ``b_prime`` (D,), and ``W_prime`` (H, D) or, tied, ``W`` (D, H).
    y : ndarray, shape (B, H)
        Hidden representation.

    Returns
    -------
    ndarray, shape (B, D)
        Pre-activations `a_z`; the reconstruction is ``z = sigmoid(a_z)``, or `a_z` itself for a linear output.

    Raises
    ------
    ValueError
        If `y` is not a floating-point matrix with H columns.
    """
    W_prime = params.get("W_prime", params["W"].T)  # tied: W' = Wᵀ
    y = matrix("y", y, columns=W_prime.shape[0], dtype=W_prime.dtype)
    return y @ W_prime + params["b_prime"]


def forward(params: Params, x_tilde: Array) -> tuple[Array, Cache]:
    """Encode and decode a batch, equations (1) and (2).

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters.
    x_tilde : ndarray, shape (B, D)
        Inputs, corrupted in training.

    Returns
    -------
    a_z : ndarray, shape (B, D)
        Pre-activations of the reconstruction.
    cache : Cache
        What `backward` needs.

    Raises
    ------
    ValueError
        If `x_tilde` is not a floating-point matrix with D columns.
    """
    x_tilde = matrix("x_tilde", x_tilde, columns=params["W"].shape[0], dtype=params["W"].dtype)
    y = encode(params, x_tilde)
    a_z = decode(params, y)
    return a_z, Cache(x_tilde, y)


def backward(da_z: Array, cache: Cache, params: Params) -> tuple[Array, Params]:
    """Propagate a gradient back through `forward`, equations (7) to (13).

    Parameters
    ----------
    da_z : ndarray, shape (B, D)
        Gradient with respect to the pre-activations of the reconstruction: any cotangent will do.
    cache : Cache
        From `forward`.
    params : dict of str to ndarray
        The parameters that `forward` was given.

    Returns
    -------
    dx_tilde : ndarray, shape (B, D)
        Gradient with respect to the input.
    grads : dict of str to ndarray
        Gradient of each parameter, under its name.
    """
    W, (x_tilde, y) = params["W"], cache
    tied = "W_prime" not in params
    W_prime = W.T if tied else params["W_prime"]

    db_prime = da_z.sum(axis=0)  # (7)
    dW_prime = y.T @ da_z  # (8), the decoder's part
    dy = da_z @ W_prime.T  # (9)
    da_y = dy * sigmoid_derivative(y)  # (10)
    db = da_y.sum(axis=0)  # (11)
    dW = x_tilde.T @ da_y  # (12), the encoder's part
    dx_tilde = da_y @ W.T  # (13)

    if tied:
        return dx_tilde, {"W": dW + dW_prime.T, "b": db, "b_prime": db_prime}  # (8) + (12)
    return dx_tilde, {"W": dW, "b": db, "b_prime": db_prime, "W_prime": dW_prime}


def loss_and_grads(
    params: Params,
    x_tilde: Array,
    x: Array,
    loss: str = "cross_entropy",
    output: str = "sigmoid",
    reduction: str = "paper",
) -> tuple[np.inexact, Params]:
    """Loss of reconstructing `x` from `x_tilde`, and its gradient with respect to every parameter.

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters.
    x_tilde : ndarray, shape (B, D)
        Corrupted inputs.
    x : ndarray, shape (B, D)
        Clean targets; in [0, 1] for the cross-entropy.
    loss : {"cross_entropy", "squared_error"}
        Equation (3) or (4).
    output : {"sigmoid", "linear"}
        Linear reconstructions, for real-valued data, go with the squared error only (Vincent et al. 2010, section 2.1).
    reduction : {"paper", "mean"}
        Sum over D and mean over B, or mean over B·D.

    Returns
    -------
    loss : scalar
        The loss.
    grads : dict of str to ndarray
        Gradient of each parameter, under its name.

    Raises
    ------
    ValueError
        If a shape, a range or an option does not fit.
    """
    x = matrix("x", x, columns=params["W"].shape[0], dtype=params["W"].dtype)
    a_z, cache = forward(params, x_tilde)
    value, da_z = output_loss(a_z, x, loss, output, reduction)
    _, grads = backward(da_z, cache, params)
    return value, grads


def output_loss(a_z: Array, x: Array, loss: str, output: str, reduction: str) -> tuple[np.inexact, Array]:
    """Loss of a reconstruction and its gradient with respect to the pre-activations, equations (3) to (6).

    Parameters
    ----------
    a_z : ndarray, shape (B, D)
        Pre-activations of the reconstruction.
    x : ndarray, shape (B, D)
        Clean targets.
    loss : {"cross_entropy", "squared_error"}
        Equation (3) or (4).
    output : {"sigmoid", "linear"}
        What makes the reconstruction of the pre-activations.
    reduction : {"paper", "mean"}
        Sum over D and mean over B, or mean over B·D.

    Returns
    -------
    loss : scalar
        The loss.
    da_z : ndarray, shape (B, D)
        Its gradient.

    Raises
    ------
    ValueError
        If a shape, a range or an option does not fit, or if the cross-entropy is asked of a linear output.
    """
    check_options(loss, output)
    if loss == "cross_entropy":
        return losses.cross_entropy(a_z, x, reduction)  # (3), (5)
    if output == "linear":
        return losses.squared_error(a_z, x, reduction)
    z = sigmoid(a_z)
    value, dz = losses.squared_error(z, x, reduction)  # (4)
    return value, dz * sigmoid_derivative(z)  # (6)


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
    """Take one step of stochastic gradient descent, in place.

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters, which are overwritten.
    x_tilde : ndarray, shape (B, D)
        Corrupted inputs.
    x : ndarray, shape (B, D)
        Clean targets.
    lr : float
        Learning rate.
    loss, output, reduction : str
        As in `loss_and_grads`.
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
    lr = arguments.number("lr", lr, at_least=0)
    value, grads = loss_and_grads(params, x_tilde, x, loss, output, reduction)
    _, decay = losses.l2_penalty(params, l2) if l2 else (0, {})
    if not np.isfinite(value) or arguments.first_nonfinite(grads) is not None:
        return float(value), False
    for name, array in params.items():
        array -= lr * (grads[name] + decay[name] if name in decay else grads[name])
    return float(value), True


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
    """Take a step on each batch in turn, in place. Its compiled twin is `scratchdae.kernels.sgd_steps`.

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters, which are overwritten.
    x_tilde : ndarray, shape (S, B, D)
        Corrupted batches.
    x : ndarray, shape (S, B, D)
        Clean targets.
    lr : float
        Learning rate.
    loss, output, reduction : str
        As in `loss_and_grads`.
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
        If a shape, a range or an option does not fit. The steps before have been taken then.
    """
    step_losses = []
    for corrupted, clean in zip(x_tilde, x, strict=True):
        value, finite = sgd_step(params, corrupted, clean, lr, loss, output, reduction, l2)
        step_losses.append(value)
        if not finite:
            return np.array(step_losses), False
    return np.array(step_losses), True
