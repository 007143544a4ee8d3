"""The denoising autoencoder of Vincent et al. 2008, section 2, with its backward pass by hand.

Batches are rows, so `W` is the transpose of the paper's: shape (D, H) where the paper has d' × d. With B examples,
D visible and H hidden units, and Σ over all B·D entries::

    y = s(x̃ W + b)                                                     (1)  encode, the paper's f_θ
    z = s(y Wᵀ + b')        or, untied,  z = s(y W' + b')              (2)  decode, the paper's g_θ'
    L = −1/B Σ [x log z + (1 − x) log(1 − z)]                          (3)  cross-entropy
      =  1/B Σ [softplus(a_z) − x a_z]                                      the same of a_z: never log 0
    L =  1/B Σ (z − x)²                                                (4)  squared error

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

Where is s' in (5)? By (3) dL/dz = (z − x) / (z (1 − z)), and dz/da_z = z (1 − z): the two cancel. Or at once, from its
second form: the derivative of softplus is s, so that of softplus(a) − x a is s(a) − x. In (6) nothing cancels the
slope, which is why an output that has saturated stops learning there.

With tied weights W is used twice, so its gradient is the sum of (8) and (12): leave out either and training still
seems to work. The parameters are a dict of arrays, whose dtype decides that of everything else: `W` (D, H), `b` (H,),
`b_prime` (D,) and, untied, `W_prime` (H, D). Only `sgd_step` and `sgd_steps` write to them.
"""

from typing import NamedTuple

import numpy as np

from scratchdae import losses
from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params, choices, first_nonfinite, matrix, nonnegative, pair, shapes

LOSSES = ("cross_entropy", "squared_error")
OUTPUTS = ("sigmoid", "linear")  # linear: z = a_z, for real-valued data (Vincent et al. 2010, section 2.1)


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass."""

    x_tilde: Array  # (B, D)
    y: Array  # (B, H)


def _encode(params: Params, x: Array) -> Array:
    return sigmoid(x @ params["W"] + params["b"])  # (1), (B, H)


def _decode(params: Params, y: Array) -> Array:
    W_prime = params.get("W_prime", params["W"].T)  # tied: W' = Wᵀ
    return y @ W_prime + params["b_prime"]  # (2), (B, D)


def _forward(params: Params, x_tilde: Array) -> tuple[Array, Cache]:
    y = _encode(params, x_tilde)
    return _decode(params, y), Cache(x_tilde, y)


def output_loss(a_z: Array, x: Array, loss: str, output: str, reduction: str) -> tuple[np.inexact, Array]:
    """Loss of a reconstruction, (3) or (4), and its gradient da_z (B, D), (5) or (6); nothing is checked."""
    n = len(x) if reduction == "paper" else x.size  # B, or B·D
    if loss == "cross_entropy":
        return losses.cross_entropy_over(a_z, x, n)  # (3), (5)
    if output == "linear":
        return losses.squared_error_over(a_z, x, n)
    z = sigmoid(a_z)
    value, dz = losses.squared_error_over(z, x, n)  # (4)
    return value, dz * (z * (1 - z))  # (6)


def backward(da_z: Array, cache: Cache, params: Params) -> tuple[Array, Params]:  # params: those of `forward`
    """Propagate da_z (B, D), any cotangent, back: return dx̃ (B, D) and the gradient of each parameter by its name."""
    W, (x_tilde, y) = params["W"], cache
    W_prime = params.get("W_prime", W.T)
    db_prime = da_z.sum(axis=0)  # (7)
    dW_prime = y.T @ da_z  # (8), the decoder's part
    dy = da_z @ W_prime.T  # (9)
    da_y = dy * (y * (1 - y))  # (10)
    db = da_y.sum(axis=0)  # (11)
    dW = x_tilde.T @ da_y  # (12), the encoder's part
    dx_tilde = da_y @ W.T  # (13)
    if "W_prime" not in params:  # tied
        return dx_tilde, {"W": dW + dW_prime.T, "b": db, "b_prime": db_prime}  # (8) + (12)
    return dx_tilde, {"W": dW, "b": db, "b_prime": db_prime, "W_prime": dW_prime}


def gradients(params: Params, x_tilde: Array, x: Array, *options: str) -> tuple[np.inexact, Params]:
    """Do what `loss_and_grads` does, unchecked; the options are loss, output and reduction."""
    a_z, cache = _forward(params, x_tilde)
    value, da_z = output_loss(a_z, x, *options)
    return value, backward(da_z, cache, params)[1]


# The doors: each checks what it is given, once, and calls the above.


def encode(params: Params, x: Array) -> Array:
    """Map inputs (B, D), corrupted in training, to their hidden representation y (B, H) in [0, 1], equation (1)."""
    return _encode(params, matrix("x", x, (W := check_params(params, "W b")).shape[0], W.dtype))


def decode(params: Params, y: Array) -> Array:
    """Map y (B, H) to the pre-activations a_z (B, D) of the reconstruction, which is s(a_z) or, linear, a_z itself."""
    return _decode(params, matrix("y", y, (W := check_params(params, "W b_prime")).shape[1], W.dtype))


def forward(params: Params, x_tilde: Array) -> tuple[Array, Cache]:
    """Encode and decode inputs (B, D), equations (1) and (2): return a_z (B, D) and what `backward` needs."""
    return _forward(params, matrix("x_tilde", x_tilde, (W := check_params(params)).shape[0], W.dtype))


def loss_and_grads(
    params: Params, x_tilde: Array, x: Array,
    loss: str = "cross_entropy", output: str = "sigmoid", reduction: str = "paper",
) -> tuple[np.inexact, Params]:  # fmt: skip
    """Loss of reconstructing `x` from `x_tilde`, and its gradient with respect to every parameter.

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters.
    x_tilde, x : ndarray, shape (B, D)
        Corrupted inputs and clean targets; the targets in [0, 1] for the cross-entropy.
    loss : {"cross_entropy", "squared_error"}
        Equation (3) or (4).
    output : {"sigmoid", "linear"}
        Linear reconstructions go with the squared error only.
    reduction : {"paper", "mean"}
        Sum over D and mean over B, or mean over B·D.

    Returns
    -------
    loss : scalar
        In nats, or squared units of `x`.
    grads : dict of str to ndarray
        Gradient of each parameter, under its name.
    """
    return gradients(params, *check_batch(params, x_tilde, x, loss, output, reduction), loss, output, reduction)


def sgd_step(
    params: Params, x_tilde: Array, x: Array, lr: float,
    loss: str = "cross_entropy", output: str = "sigmoid", reduction: str = "paper", l2: float = 0.0,
) -> tuple[float, bool]:  # fmt: skip
    """Take one step of gradient descent, in place, as `sgd_steps` does: return the loss before it, and `finite`."""
    x_tilde, x = check_batch(params, x_tilde, x, loss, output, reduction)
    return _step(params, x_tilde, x, *nonnegative(lr=lr, l2=l2), loss, output, reduction)


def sgd_steps(
    params: Params, x_tilde: Array, x: Array, lr: float,
    loss: str = "cross_entropy", output: str = "sigmoid", reduction: str = "paper", l2: float = 0.0,
) -> tuple[Array, bool]:  # fmt: skip
    """Take a step of gradient descent on each batch in turn, in place. Its compiled twin is in `scratchdae.kernels`.

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters, which are overwritten.
    x_tilde, x : ndarray, shape (S, B, D)
        Corrupted batches and clean targets.
    lr : float
        Learning rate.
    loss, output, reduction : str
        As in `loss_and_grads`.
    l2 : float
        Coefficient of ``Σ W²`` over the weights.

    Returns
    -------
    step_losses : ndarray of float64, shape (S,) or shorter
        The loss before each step, without the penalty; the last is of the step that was not taken, if there is one.
    finite : bool
        False if a loss or a gradient was NaN or infinite; that step and those after it were not taken.
    """
    x_tilde, x = check_batch(params, x_tilde, x, loss, output, reduction, axes=3)
    (lr, l2), step_losses, finite = nonnegative(lr=lr, l2=l2), [], True
    for corrupted, clean in zip(x_tilde, x, strict=True):
        value, finite = _step(params, corrupted, clean, lr, l2, loss, output, reduction)
        step_losses.append(value)
        if not finite:
            break
    return np.array(step_losses), finite


def _step(params: Params, x_tilde: Array, x: Array, lr: float, l2: float, *options: str) -> tuple[float, bool]:
    value, grads = gradients(params, x_tilde, x, *options)
    if not np.isfinite(value) or first_nonfinite(grads) is not None:
        return float(value), False
    for name, array in params.items():
        array -= lr * (grads[name] + 2 * l2 * array if l2 and array.ndim >= 2 else grads[name])  # biases do not decay
    return float(value), True


def check_batch(params: Params, x_tilde: Array, x: Array, *options: str, axes: int = 2) -> tuple[Array, Array]:
    """Refuse options or a batch that do not fit; return the batch in the dtype of the parameters."""
    check_options(*options)
    W = check_params(params)
    return pair("x_tilde", x_tilde, "x", x, W.shape[0], W.dtype, axes, unit=options[0] == "cross_entropy")


def check_params(params: Params, needed: str = "W b b_prime") -> Array:
    """Refuse parameters of other names, shapes or dtypes than an autoencoder's, tied or untied; return W."""
    known = {"W": "DH", "b": "H", "b_prime": "D", "W_prime": "HD"}
    return shapes("params", params, {name: known[name] for name in needed.split()}, optional=known)["W"]


def check_options(loss: str, output: str, reduction: str) -> None:
    """Refuse an unknown option, and the cross-entropy of a linear output."""
    choices(loss=(loss, LOSSES), output=(output, OUTPUTS), reduction=(reduction, losses.REDUCTIONS))
    if loss == "cross_entropy" and output == "linear":
        raise ValueError("output must be 'sigmoid' for the cross-entropy, found 'linear'")
