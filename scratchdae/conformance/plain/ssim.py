"""The structural similarity (SSIM) of two images."""

import numpy as np

from scratchdae.arguments import Array


def ssim(
    x: Array,
    target: Array,
    window: int,
    sigma: float,
    k1: float,
    k2: float,
    range: float,
) -> dict[str, Array]:
    """The structural similarity at each place of a Gaussian window, its mean, and the gradient of the mean."""
    B, height, width = x.shape
    P, Q = height - window + 1, width - window + 1  # places of the window: it stays inside the image
    distance = np.arange(window) - (window - 1) / 2
    # The window is the outer product of two equal lines, whose weights sum to 1.
    line = np.exp(-(distance**2) / (2 * sigma**2))
    line = line / line.sum()
    weights = np.outer(line, line)
    c1, c2 = (np.array([k1, k2]) * range) ** 2
    mean_x = np.zeros((B, P, Q))
    mean_t = np.zeros((B, P, Q))
    for i, j in np.ndindex(window, window):
        mean_x = mean_x + weights[i, j] * x[:, i : i + P, j : j + Q]
        mean_t = mean_t + weights[i, j] * target[:, i : i + P, j : j + Q]
    variance_x = np.zeros((B, P, Q))
    variance_t = np.zeros((B, P, Q))
    covariance = np.zeros((B, P, Q))
    for i, j in np.ndindex(window, window):
        apart_x = x[:, i : i + P, j : j + Q] - mean_x
        apart_t = target[:, i : i + P, j : j + Q] - mean_t
        variance_x = variance_x + weights[i, j] * apart_x * apart_x
        variance_t = variance_t + weights[i, j] * apart_t * apart_t
        covariance = covariance + weights[i, j] * apart_x * apart_t
    light = mean_x * mean_x + mean_t * mean_t + c1
    spread = variance_x + variance_t + c2
    luminance = (2 * mean_x * mean_t + c1) / light
    structure = (2 * covariance + c2) / spread
    index = luminance * structure
    mean_index = index.sum() / (B * P * Q)

    d_index = 1 / (B * P * Q)
    d_luminance = d_index * structure
    d_structure = d_index * luminance
    d_mean = d_luminance * (2 * mean_t - luminance * 2 * mean_x) / light
    d_covariance = d_structure * 2 / spread
    d_variance = -d_structure * structure / spread
    d_input = np.zeros((B, height, width))
    for i, j in np.ndindex(window, window):
        apart_x = x[:, i : i + P, j : j + Q] - mean_x
        apart_t = target[:, i : i + P, j : j + Q] - mean_t
        d_apart = d_mean + d_covariance * apart_t + d_variance * 2 * apart_x
        d_window = weights[i, j] * d_apart
        d_input[:, i : i + P, j : j + Q] = d_input[:, i : i + P, j : j + Q] + d_window
    return {"map": index, "ssim": np.asarray(mean_index), "d_input": d_input}
