"""Exercise 12: max-pooling, and who gets the gradient of a tie.

Images x (B, 2r, 2c) are cut into windows of 2 x 2 pixels; y (B, r, c) is the largest
pixel of each, which may be negative:

    y_rc = max of x_{2r,2c}, x_{2r,2c+1}, x_{2r+1,2c}, x_{2r+1,2c+1}

Backwards, the gradient dy of a window goes whole to the pixel that was its largest. Of equal pixels (after a rectifier
equal zeros are the rule) the first gets it, row by row. The others get 0.

Check it with: scratchdae exercises check 12
"""

import numpy as np


def max_pool(x: np.ndarray) -> np.ndarray:
    """Return y (B, r, c)."""
    raise NotImplementedError  # your lines go here


def max_pool_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return dx (B, 2r, 2c)."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(max_pool(np.arange(16.0).reshape(1, 4, 4)))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 12")
