"""Losses and penalties: a sum over the components of each example, a mean over the batch, and the gradients."""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance.plain.elementary import sigmoid, softplus


def loss_squared_error(a: Array, target: Array, reduction: str) -> dict[str, Array]:
    """The squared error of the values a."""
    B, D = a.shape
    z, x = a, target
    each = ((z - x) ** 2).sum(axis=1)
    n = B
    if reduction == "mean":
        n = B * D
    loss = each.sum() / n
    d_a = 2 * (z - x) / n
    return {"loss": np.asarray(loss), "d_a": d_a}


def loss_absolute_error(a: Array, target: Array, reduction: str) -> dict[str, Array]:
    """The absolute error of the values a; its gradient is 0 where a is the target."""
    B, D = a.shape
    z, x = a, target
    each = np.abs(z - x).sum(axis=1)
    n = B
    if reduction == "mean":
        n = B * D
    loss = each.sum() / n
    d_a = np.sign(z - x) / n
    return {"loss": np.asarray(loss), "d_a": d_a}


def loss_huber(a: Array, target: Array, delta: float, reduction: str) -> dict[str, Array]:
    """Huber's loss of the values a: a parabola up to an error of delta, and straight lines beyond."""
    B, D = a.shape
    e = a - target
    inside = np.abs(e) <= delta
    parabola = e * e / 2
    line = delta * (np.abs(e) - delta / 2)
    each = np.where(inside, parabola, line).sum(axis=1)
    n = B
    if reduction == "mean":
        n = B * D
    loss = each.sum() / n
    d_a = np.where(inside, e, delta * np.sign(e)) / n
    return {"loss": np.asarray(loss), "d_a": d_a}


def loss_cross_entropy(a: Array, target: Array, reduction: str) -> dict[str, Array]:
    """The cross-entropy of z = sigmoid(a), with logarithms that are computed from a, and so stay finite."""
    B, D = a.shape
    x = target
    z = sigmoid(a)
    log_z = -softplus(-a)
    log_rest = -softplus(a)  # log(1 - z)
    each = -(x * log_z + (1 - x) * log_rest).sum(axis=1)
    n = B
    if reduction == "mean":
        n = B * D
    loss = each.sum() / n
    d_a = (z - x) / n
    return {"loss": np.asarray(loss), "d_a": d_a}


def loss_softmax_cross_entropy(a: Array, target: Array) -> dict[str, Array]:
    """The cross-entropy of a softmax; the target of each example is the number of its class."""
    B, K = a.shape
    one_hot = np.eye(K)[target]
    axis = 1
    shifted = a - a.max(axis=axis, keepdims=True)
    total = np.exp(shifted).sum(axis=axis, keepdims=True)
    p = np.exp(shifted) / total
    log_p = shifted - np.log(total)
    each = -(one_hot * log_p).sum(axis=1)
    loss = each.sum() / B
    d_a = (p - one_hot) / B
    return {"loss": np.asarray(loss), "d_a": d_a}


def penalty(W: Array, l2: float) -> dict[str, Array]:
    """The penalty of the squares of the weights."""
    penalty = l2 * (W * W).sum()
    dW = l2 * 2 * W
    return {"penalty": np.asarray(penalty), "dW": dW}


def activity_penalty_contractive(x: Array, W: Array, b: Array, weight: float) -> dict[str, Array]:
    """The contractive penalty: all squared entries of the Jacobian dy/dx of an example, averaged over the batch."""
    B = x.shape[0]
    a_y = x @ W + b
    y = sigmoid(a_y)
    slope = y * (1 - y)
    squared = slope * slope
    lengths = (W * W).sum(axis=0)  # squared, of the columns of W
    each = (squared * lengths).sum(axis=1)
    share = weight / B
    penalty = share * each.sum()

    d_squared = share * lengths
    d_lengths = (share * squared).sum(axis=0)
    d_slope = d_squared * 2 * slope
    dy = d_slope * (1 - 2 * y)  # the derivative of y (1 - y)
    da_y = dy * y * (1 - y)
    d_input = da_y @ W.T
    dW = x.T @ da_y + d_lengths * 2 * W
    db = da_y.sum(axis=0)
    return {"y": y, "penalty": np.asarray(penalty), "d_input": d_input, "dW": dW, "db": db}


def activity_penalty_kl(x: Array, rho: float, weight: float) -> dict[str, Array]:
    """The Kullback-Leibler divergence of rho from the mean activity of each unit, summed over the units."""
    B, H = x.shape
    mean = x.sum(axis=0) / B
    terms = rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
    penalty = weight * terms.sum()

    d_mean = weight * (-rho / mean + (1 - rho) / (1 - mean))
    d_input = np.ones((B, H)) * d_mean / B  # the same for every example
    return {"penalty": np.asarray(penalty), "d_input": d_input}


def variational(
    mu: Array,
    log_variance: Array,
    noise: Array,
    d_sample: Array,
    reduction: str,
) -> dict[str, Array]:
    """A code drawn from a normal distribution, and the divergence of that from the standard normal one."""
    B, D = mu.shape
    variance = np.exp(log_variance)
    deviation = np.exp(0.5 * log_variance)
    sample = mu + deviation * noise
    each = -0.5 * (1 + log_variance - mu * mu - variance).sum(axis=1)
    n = 1  # what the sum is divided by
    if reduction == "paper":
        n = B
    if reduction == "mean":
        n = B * D
    kl = each.sum() / n

    # The gradients are those of the kl plus what d_sample brings back.
    d_deviation = d_sample * noise
    d_mu = d_sample + mu / n
    d_log_variance = d_deviation * 0.5 * deviation - 0.5 * (1 - variance) / n
    return {"sample": sample, "kl": np.asarray(kl), "d_mu": d_mu, "d_log_variance": d_log_variance}
