"""Exercise 13: a convolution and its transpose, there and back.

One kernel W (kh, kw) is laid on every place of images x (B, rows, columns) where it fits wholly:

    y_rc = sum over i, j of x_{r+i, c+j} W_ij           y (B, rows - kh + 1, columns - kw + 1)

The kernel is not flipped. Backwards you have dy, of y's shape, and want dx and dW. The transpose turns the map round:
each number of y puts W times itself on the window it came from, and where windows overlap they add up.

    x_{r+i, c+j} += y_rc W_ij                           x (B, rows, columns)

A loop over the kernel's entries is enough: each links x, shifted, with y. The loop over B, rows and columns is slow.

Check it with: scratchdae exercises check 13
"""

import numpy as np


def convolve(x: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Return y."""
    raise NotImplementedError  # your lines go here


def convolve_backward(dy: np.ndarray, x: np.ndarray, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return dx and dW, in this order."""
    raise NotImplementedError  # your lines go here


def transpose(y: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Return what y puts together, of the shape that x would have."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(convolve(np.ones((1, 4, 4)), np.ones((2, 2))))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 13")
