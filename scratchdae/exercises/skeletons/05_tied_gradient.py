"""Exercise 05: the gradient of a matrix that is used twice.

You have da_z (B, D) from exercise 04, and from the way forward x_tilde (B, D) and y (B, H). W (D, H) stands in two
places: the decoder computes a_z = y W^T + b', the encoder y = s(a_y) with a_y = x_tilde W + b. So its gradient dW
(D, H) is a sum of two parts.

    the decoder's part: da_z meets y                                        (8)
    the encoder's part: from da_z back to y, through the hidden sigmoid, whose slope is y (1 - y), to x_tilde
                                                                            (9), (10), (12)

da_z holds the 1/B of the loss already: sum over the batch, do not average again.

Check it with: scratchdae exercises check 05
"""

import numpy as np


def decoder_part(da_z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return what the decoder's use of W contributes to dW (D, H)."""
    raise NotImplementedError  # your lines go here


def encoder_part(da_z: np.ndarray, x_tilde: np.ndarray, y: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Return what the encoder's use of W contributes to dW (D, H)."""
    raise NotImplementedError  # your lines go here


def tied_gradient(da_z: np.ndarray, x_tilde: np.ndarray, y: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Return the whole dW (D, H)."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(decoder_part(np.ones((2, 3)), np.ones((2, 4))).shape)
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 05")
