"""The training of a denoising autoencoder: gradient descent, with a batch and a mask for each step."""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.plain.elementary import sigmoid, softplus


def training(
    x: Array, mask: Array, W: Array, b: Array, b_prime: Array, loss: str, reduction: str, l2: float, lr: float
) -> dict[str, Array]:
    """Gradient descent on a denoising autoencoder with tied weights, whose input is masked."""
    T, B, D = x.shape
    N = B
    if reduction == "mean":
        N = B * D
    losses = np.zeros(T)  # each before its step
    W_after = np.zeros((1 + 50, *W.shape))  # W after each of 50 steps, which all cases have
    dW = np.zeros(W.shape)
    db = np.zeros(b.shape)
    db_prime = np.zeros(b_prime.shape)
    momentum = 0.0  # plain gradient descent has no momentum
    decay = 0.0  # and no decay of weights besides l2
    for t in range(T):
        rate = lr
        x_t = x[t]
        mask_t = mask[t]
        x_tilde = np.where(mask_t, 0.0, x_t)
        encoded = x_tilde  # what the encoder sees
        target = x_t  # what the decoder should give

        a_y = encoded @ W + b
        y = sigmoid(a_y)
        a_z = y @ W.T + b_prime
        z = sigmoid(a_z)
        if loss == "cross_entropy":
            log_z = -softplus(-a_z)
            log_1_z = -softplus(a_z)  # log(1 - z)
            terms = -(target * log_z + (1 - target) * log_1_z)
            da_z = (z - target) / N
        else:
            terms = (z - target) ** 2
            dz = 2 * (z - target) / N
            da_z = dz * (z * (1 - z))
        data_loss = terms.sum() / N
        penalty = l2 * (W**2).sum()
        losses[t] = data_loss + penalty

        dW, db, db_prime = momentum * dW, momentum * db, momentum * db_prime
        db_prime = db_prime + da_z.sum(axis=0)
        dW_decoder = da_z.T @ y
        dy = da_z @ W
        da_y = dy * (y * (1 - y))
        db = db + da_y.sum(axis=0)
        dW_encoder = encoded.T @ da_y
        dW_penalty = 2 * l2 * W
        dW = dW + dW_encoder + dW_decoder + dW_penalty

        W = W - rate * (dW + decay * W)
        b = b - rate * (db + decay * b)
        b_prime = b_prime - rate * (db_prime + decay * b_prime)
        W_after[t + 1] = W
    return {
        "losses": losses, "W_after_1": W_after[1], "W_after_10": W_after[10], "W_after_50": W_after[50],
        "b_after_50": b, "b_prime_after_50": b_prime,
    }  # fmt: skip
