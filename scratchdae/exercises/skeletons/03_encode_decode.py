"""Exercise 03: the way there and back.

D visible numbers become H hidden ones and D again. The way back uses the same matrix, transposed (tied weights):

    y = s(x W + b)          (1)     x (B, D), W (D, H), b (H,), y (B, H)
    z = s(y W^T + b')       (2)     b' (D,), z (B, D)

s is the sigmoid of exercise 01; copy yours into this file. An example is a row.

Check it with: scratchdae exercises check 03
"""

import numpy as np


def encode(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return y (B, H), equation (1)."""
    raise NotImplementedError  # your lines go here


def decode(y: np.ndarray, W: np.ndarray, b_prime: np.ndarray) -> np.ndarray:
    """Return z (B, D), equation (2)."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(decode(encode(np.ones((1, 3)), np.ones((3, 2)), np.zeros(2)), np.ones((3, 2)), np.zeros(3)))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 03")
