"""The denoising autoencoder: corruption, code, reconstruction, loss, and every gradient."""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.plain.elementary import sigmoid, softplus


def autoencoder(
    x: Array, W: Array, b: Array, b_prime: Array, corruption: str, loss: str, output: str, reduction: str,
    l2: float, tied: bool, mask: Array | None = None, noise: Array | None = None, coin: Array | None = None,
    W_prime: Array | None = None, sigma: float = 0.0,
) -> dict[str, Array]:  # fmt: skip
    """One forward and backward pass of the denoising autoencoder."""
    B, D = x.shape
    x_tilde = x
    if corruption == "gaussian" and noise is not None:
        x_tilde = x + sigma * noise
    if corruption == "masking" and mask is not None:
        x_tilde = np.where(mask, 0.0, x)
    if corruption == "salt_and_pepper" and mask is not None and coin is not None:
        x_tilde = np.where(mask, coin.astype(float), x)
    if tied or W_prime is None:
        W_prime = W.T
    encoded = x_tilde  # what the encoder sees
    target = x  # what the decoder should give

    a_y = encoded @ W + b
    y = sigmoid(a_y)
    a_z = y @ W_prime + b_prime
    z = a_z
    if output == "sigmoid":
        z = sigmoid(a_z)

    N = B  # what the sum of all terms is divided by
    if reduction == "mean":
        N = B * D
    if loss == "cross_entropy":
        log_z = -softplus(-a_z)
        log_1_z = -softplus(a_z)  # log(1 - z)
        terms = -(target * log_z + (1 - target) * log_1_z)
        da_z = (z - target) / N
    else:
        terms = (z - target) ** 2
        dz = 2 * (z - target) / N
        da_z = dz
        if output == "sigmoid":
            da_z = dz * (z * (1 - z))
    data_loss = terms.sum() / N
    penalty = l2 * (W**2).sum()
    if not tied:
        penalty = penalty + l2 * (W_prime**2).sum()
    total = data_loss + penalty

    db_prime = da_z.sum(axis=0)
    dW_decoder = da_z.T @ y  # (D, H), as W
    dy = da_z @ W_prime.T
    da_y = dy * (y * (1 - y))
    db = da_y.sum(axis=0)
    dW_encoder = encoded.T @ da_y
    dx_tilde = da_y @ W.T
    dW_penalty = 2 * l2 * W
    dW = dW_encoder + dW_penalty
    if tied:
        dW = dW + dW_decoder
    dW_prime = dW_decoder.T + 2 * l2 * W_prime
    return {
        "x_tilde": x_tilde, "a_y": a_y, "y": y, "a_z": a_z, "z": z, "data_loss": np.asarray(data_loss),
        "penalty": np.asarray(penalty), "loss": np.asarray(total), "da_z": da_z, "db_prime": db_prime,
        "dW_decoder": dW_decoder, "dW_prime": dW_prime, "dy": dy, "da_y": da_y, "db": db,
        "dW_encoder": dW_encoder, "dW_penalty": dW_penalty, "dW": dW, "dx_tilde": dx_tilde,
    }  # fmt: skip
