"""Exercise 15: a stack, learned one layer after the other.

A deep network is hard to train at once from random weights. Greedy pretraining makes its layers one by one: the first
learns to restore x, the second to restore the first one's code, and so on (Vincent et al. 2008, section 2.4).

train(inputs, units) trains one layer on inputs (B, n) and returns its W (n, units) and b (units,). It is given; the
checker uses a stand-in that is quick. A layer's code is s(inputs W + b), s being the sigmoid: copy yours into this
file. sizes are the units of the two layers, the lower one's first.

Check it with: scratchdae exercises check 15
"""

from collections.abc import Callable

import numpy as np


def pretrain(
    x: np.ndarray, sizes: tuple[int, int], train: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, ...]:
    """Return W1, b1, W2, b2 and the code of the second layer (B, sizes[1]), in this order."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(
            pretrain(
                np.ones((2, 4)), (3, 2), lambda inputs, units: (np.ones((inputs.shape[1], units)), np.zeros(units))
            )
        )
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 15")
