"""Exercise 08: squared error behind a sigmoid.

z = s(a),    L = 1/B sum (z - x)^2          (4)     s is the sigmoid of exercise 01; copy yours into this file

In exercise 04 the slope of the sigmoid cancelled. Here it does not: where z is near 0 or 1, hardly anything comes back,
however wrong z is. That is how an output saturates and stops learning (chapter 13).

Return the loss (sum over D, average over B) and its gradient with respect to a (B, D). Both must be right for a = 1000
and a = -1000 too.

Check it with: scratchdae exercises check 08
"""

import numpy as np


def squared_error(a: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return L and da (B, D), in this order."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(squared_error(np.array([[0.0, 10.0]]), np.array([[1.0, 0.0]])))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 08")
