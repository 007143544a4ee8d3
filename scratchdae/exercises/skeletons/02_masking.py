"""Exercise 02: destroying an exact count of each example's components.

A denoising autoencoder is shown an input x_tilde of which some components have been set to 0, and is asked for x.
Each row of x (B, D) loses round(nu * D) components, by Python's round: exactly that many, chosen at random, for every
row anew, and one that is 0 already counts like any other. The others stay as they were, and x itself must not change
(Vincent et al. 2008, section 2.3).

rng is a numpy.random.Generator; rng.permutation and rng.random are useful.

Check it with: scratchdae exercises check 02
"""

import numpy as np


def mask(x: np.ndarray, nu: float, rng: np.random.Generator) -> np.ndarray:
    """Return x_tilde (B, D)."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(mask(np.ones((2, 5)), 0.4, np.random.default_rng(0)))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 02")
