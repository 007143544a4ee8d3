"""Exercise 04: what each loss sends back to the output's pre-activation.

Backwards, everything begins at da_z, the gradient of the loss with respect to the output's pre-activation a_z (B, D).

    cross-entropy, z = s(a_z):     L = -1/B sum [x log z + (1 - x) log(1 - z)]      (3)
    squared error, z = a_z:        L =  1/B sum (z - x)^2                           (4)

The first goes through a sigmoid, whose slope is dz/da_z = z (1 - z). The second has a linear output here: none.
Use the chain rule by hand, simplify, and write down what is left. It is short. B is the number of rows.

Check it with: scratchdae exercises check 04
"""

import numpy as np


def cross_entropy_delta(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return da_z (B, D) of (3), from the reconstruction z = s(a_z) and the target x."""
    raise NotImplementedError  # your lines go here


def squared_error_delta(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return da_z (B, D) of (4), whose output is linear, z = a_z."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(cross_entropy_delta(np.full((1, 2), 0.5), np.array([[0.0, 1.0]])))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 04")
