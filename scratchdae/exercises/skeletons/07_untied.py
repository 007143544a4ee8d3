"""Exercise 07: two matrices, each with a gradient of its own.

Untied, the decoder has a matrix W' (H, D) of its own:

    y = s(x_tilde W + b),    z = s(y W' + b')

Given da_z (B, D), x_tilde (B, D), y (B, H) and W' (H, D): what are the gradients of W (D, H) and of W' (H, D)?
The way back to the encoder now leads through W'.

Check it with: scratchdae exercises check 07
"""

import numpy as np


def untied_gradients(
    da_z: np.ndarray, x_tilde: np.ndarray, y: np.ndarray, W_prime: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return dW (D, H) and dW_prime (H, D), in this order."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print([g.shape for g in untied_gradients(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 4)), np.ones((4, 3)))])
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 07")
