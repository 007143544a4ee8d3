"""Exercise 09: gradient descent, momentum, and Adam.

You have a gradient g of the parameters theta. Three rules for the next step:

    descent     theta <- theta - lr g
    momentum    u <- mu u + g,    theta <- theta - lr u          with the new velocity u; the rate is not in it
    Adam        m <- beta1 m + (1 - beta1) g,    v <- beta2 v + (1 - beta2) g^2
                m_hat = m / (1 - beta1^t),       v_hat = v / (1 - beta2^t)
                theta <- theta - lr m_hat / (sqrt(v_hat) + eps)

In Adam t counts the steps from 1, this one included; `steps` is how many there were before. Return new arrays, and
leave those that you are given as they are: m and v are returned as they stand, not corrected.

Check it with: scratchdae exercises check 09
"""

import numpy as np


def sgd(theta: np.ndarray, g: np.ndarray, lr: float) -> np.ndarray:
    """Return the new theta."""
    raise NotImplementedError  # your lines go here


def momentum(
    theta: np.ndarray, g: np.ndarray, velocity: np.ndarray, lr: float, mu: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the new theta and the new velocity."""
    raise NotImplementedError  # your lines go here


def adam(
    theta: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    steps: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the new theta, m and v."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(sgd(np.ones(3), np.ones(3), 0.1))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 09")
