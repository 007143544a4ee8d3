"""Layers that give their input a mean of 0 and a variance of 1 before they scale and shift it."""

import numpy as np

from scratchdae.arguments import Array


def batch_norm(
    x: Array, gamma: Array, beta: Array, running_mean: Array, running_variance: Array,
    decay_rate: float, eps: float, running: str, training: bool, d_output: Array,
) -> dict[str, Array]:  # fmt: skip
    """Batch normalisation: each channel over the batch, and over the pixels of images."""
    axes = tuple(range(x.ndim - 1))  # all but the channels
    n = x.size // len(gamma)  # numbers in each channel
    if training:
        mean = x.mean(axis=axes)
        variance = ((x - mean) ** 2).mean(axis=axes)
    else:
        mean = running_mean
        variance = running_variance
    deviation = x - mean
    root = np.sqrt(variance + eps)
    x_hat = deviation / root
    output = gamma * x_hat + beta

    running_mean_after = running_mean
    running_variance_after = running_variance
    if training:
        remembered = variance
        if running == "unbiased":
            remembered = variance * n / (n - 1)
        running_mean_after = decay_rate * running_mean + (1 - decay_rate) * mean
        running_variance_after = decay_rate * running_variance + (1 - decay_rate) * remembered

    dgamma = (d_output * x_hat).sum(axis=axes)
    dbeta = d_output.sum(axis=axes)
    d_x_hat = d_output * gamma
    d_deviation = d_x_hat / root
    d_input = d_deviation
    if training:
        d_root = -(d_x_hat * deviation / root**2).sum(axis=axes)
        d_variance = d_root / (2 * root)
        d_mean = -d_deviation.sum(axis=axes)
        through_variance = d_variance * 2 * deviation / n
        through_mean = d_mean / n
        d_input = d_deviation + through_variance + through_mean
    told = {"output": output, "d_input": d_input, "dgamma": dgamma, "dbeta": dbeta}
    return told | {"running_mean_after": running_mean_after, "running_variance_after": running_variance_after}


def layer_norm(x: Array, gamma: Array, beta: Array, eps: float, d_output: Array) -> dict[str, Array]:
    """Layer normalisation: each row, or each step of a sequence, over its own components."""
    n = len(gamma)
    mean = x.mean(axis=-1, keepdims=True)
    deviation = x - mean
    variance = (deviation**2).mean(axis=-1, keepdims=True)
    root = np.sqrt(variance + eps)
    x_hat = deviation / root
    output = gamma * x_hat + beta

    axes = tuple(range(x.ndim - 1))  # all but the components
    dgamma = (d_output * x_hat).sum(axis=axes)
    dbeta = d_output.sum(axis=axes)
    d_x_hat = d_output * gamma
    d_deviation = d_x_hat / root
    d_root = -(d_x_hat * deviation / root**2).sum(axis=-1, keepdims=True)
    d_variance = d_root / (2 * root)
    d_mean = -d_deviation.sum(axis=-1, keepdims=True)
    through_variance = d_variance * 2 * deviation / n
    through_mean = d_mean / n
    d_input = d_deviation + through_variance + through_mean
    return {"output": output, "d_input": d_input, "dgamma": dgamma, "dbeta": dbeta}
