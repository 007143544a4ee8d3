"""What is drawn and put in: the corruption of a batch, and the layers of dropout and of noise."""

import numpy as np

from scratchdae.arguments import Array


def corruption(
    x: Array,
    noise: Array | None = None,
    mask: Array | None = None,
    coin: Array | None = None,
    sigma: float = 1.0,
) -> dict[str, Array]:
    """A corrupted batch: noise is added, or x becomes 0 where the mask is True, and 1 where the coin is True too."""
    x_tilde = x
    if noise is not None:
        x_tilde = x + sigma * noise
    if mask is not None:
        fill = np.zeros_like(x)
        if coin is not None:
            fill = np.where(coin, 1, 0)
        x_tilde = np.where(mask, fill, x)
    return {"x_tilde": x_tilde}


def layer_dropout(x: Array, keep: Array, d_output: Array, rate: float) -> dict[str, Array]:
    """Dropout, which divides what it keeps by 1 - rate."""
    kept = keep.astype(float)
    scale = 1 / (1 - rate)
    output = x * kept * scale
    d_input = d_output * kept * scale
    return {"output": output, "d_input": d_input}


def layer_gaussian_noise(x: Array, noise: Array, d_output: Array, std: float) -> dict[str, Array]:
    """A layer that adds noise of the standard deviation std."""
    output = x + std * noise
    d_input = d_output
    return {"output": output, "d_input": d_input}
