"""Exercise 10: a gradient check of your own.

Is a gradient right? The loss itself tells: move one entry of theta a little up and a little down, and see how the loss
changes. With e_i for 1 at entry i and 0 elsewhere,

    dL/dtheta_i  ~  (L(theta + h e_i) - L(theta - h e_i)) / 2h

From both sides the error falls with h^2, from one side with h alone. Too small an h is no better: the two losses then
agree in nearly all digits. theta holds floats, in any shape, and is afterwards what it was. Seven digits of the
gradient's largest entry are asked for. Check your exercise 05 with it.

Check it with: scratchdae exercises check 10
"""

from collections.abc import Callable

import numpy as np


def numerical_gradient(f: Callable[[np.ndarray], float], theta: np.ndarray) -> np.ndarray:
    """Return the gradient of f at theta, of theta's shape."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(numerical_gradient(lambda p: float((p**2).sum()), np.array([1.0, 2.0])))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 10")
