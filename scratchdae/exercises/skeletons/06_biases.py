"""Exercise 06: what a bias collects from the batch.

b (H,) is added to every row of x_tilde W, b' (D,) to every row of y W^T. Their gradients follow from those of the two
pre-activations: da_z (B, D), which is given, and da_y (B, H), which you know how to get from exercise 05.

    db' from da_z           (7)
    db  from da_y           (11)

da_z holds the 1/B of the loss already.

Check it with: scratchdae exercises check 06
"""

import numpy as np


def bias_gradients(da_z: np.ndarray, y: np.ndarray, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return db (H,) and db_prime (D,), in this order."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(bias_gradients(np.ones((2, 3)), np.full((2, 4), 0.5), np.ones((3, 4))))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 06")
