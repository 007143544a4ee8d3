"""Stacked autoencoders: the pretraining of a second layer, and fine-tuning under a softmax."""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.plain.elementary import sigmoid, softplus


def stack(
    x: Array, labels: Array, W_1: Array, b_1: Array, W_2: Array, b_2: Array, W_out: Array, b_out: Array,
    lr: float, steps: int,
) -> dict[str, Array]:  # fmt: skip
    """The fine-tuning of two layers and a softmax: the first step, and the parameters after the last."""
    B, K = len(x), len(b_out)
    N = B
    target = np.eye(K)[labels]
    told: dict[str, Array] = {}
    for n in range(steps):
        rate = lr
        a_1 = x @ W_1 + b_1
        h_1 = sigmoid(a_1)
        a_2 = h_1 @ W_2 + b_2
        h_2 = sigmoid(a_2)
        a = h_2 @ W_out + b_out
        shifted = a - a.max(axis=1, keepdims=True)
        total = np.exp(shifted).sum(axis=1, keepdims=True)
        probabilities = np.exp(shifted) / total
        log_probabilities = shifted - np.log(total)
        terms = -(target * log_probabilities).sum(axis=1)
        loss = terms.sum() / N

        da = (probabilities - target) / N
        dW_out = h_2.T @ da
        db_out = da.sum(axis=0)
        dh_2 = da @ W_out.T
        da_2 = dh_2 * (h_2 * (1 - h_2))
        dW_2 = h_1.T @ da_2
        db_2 = da_2.sum(axis=0)
        dh_1 = da_2 @ W_2.T
        da_1 = dh_1 * (h_1 * (1 - h_1))
        dW_1 = x.T @ da_1
        db_1 = da_1.sum(axis=0)
        if n == 0:
            told = {
                "h_1": h_1, "h_2": h_2, "a": a, "probabilities": probabilities, "loss": np.asarray(loss),
                "dW_out": dW_out, "db_out": db_out, "dW_2": dW_2, "db_2": db_2, "dW_1": dW_1, "db_1": db_1,
            }  # fmt: skip

        W_out = W_out - rate * dW_out
        b_out = b_out - rate * db_out
        W_2 = W_2 - rate * dW_2
        b_2 = b_2 - rate * db_2
        W_1 = W_1 - rate * dW_1
        b_1 = b_1 - rate * db_1
    after = {
        "W_1_after": W_1, "b_1_after": b_1, "W_2_after": W_2, "b_2_after": b_2,
        "W_out_after": W_out, "b_out_after": b_out,
    }  # fmt: skip
    return told | after


def pretrain_stack(
    x: Array, mask: Array, W_1: Array, b_1: Array, W_2: Array, b_2: Array, b_prime_2: Array, loss: str
) -> dict[str, Array]:
    """One pass of the second layer's autoencoder, whose clean input is the first layer's code of x."""
    B = len(x)
    N = B
    a_1 = x @ W_1 + b_1
    h_1 = sigmoid(a_1)
    h_1_tilde = np.where(mask, 0.0, h_1)
    encoded = h_1_tilde  # what the encoder sees
    target = h_1  # what the decoder should give

    a_y = encoded @ W_2 + b_2
    y = sigmoid(a_y)
    a_z = y @ W_2.T + b_prime_2
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

    db_prime_2 = da_z.sum(axis=0)
    dW_decoder = da_z.T @ y
    dy = da_z @ W_2
    da_y = dy * (y * (1 - y))
    db_2 = da_y.sum(axis=0)
    dW_encoder = encoded.T @ da_y
    dW_2 = dW_encoder + dW_decoder
    return {
        "h_1": h_1, "h_1_tilde": h_1_tilde, "z": z, "loss": np.asarray(data_loss),
        "dW_2": dW_2, "db_2": db_2, "db_prime_2": db_prime_2,
    }  # fmt: skip
