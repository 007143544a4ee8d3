"""Exercise 11: first weights as large as the number of inputs allows.

A unit adds up fan_in products. If each weight has variance v, the sum has variance fan_in v E[x^2]: too large a v and
the signal grows from layer to layer, too small and it dies. A rectifier passes on half of E[x^2], so that

    Var W = 2 / fan_in          (He et al. 2015, equation 10)

keeps it. Draw W (fan_in, fan_out) with mean 0 and this variance, normal or uniform as you like. rng is a
numpy.random.Generator.

Check it with: scratchdae exercises check 11
"""

import numpy as np


def initial_weights(fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """Return W (fan_in, fan_out)."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(initial_weights(400, 300, np.random.default_rng(0)).var() * 400)
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 11")
