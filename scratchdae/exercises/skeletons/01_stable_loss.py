"""Exercise 01: a sigmoid and a cross-entropy that hold for any number.

The sigmoid turns any number a into one between 0 and 1, and the cross-entropy compares it with a target x in [0, 1]:

    z = s(a) = 1 / (1 + exp(-a)) = exp(a) / (1 + exp(a))
    L = -1/B sum [x log z + (1 - x) log(1 - z)]                        (3)
      =  1/B sum [softplus(a) - x a],   softplus(a) = log(1 + exp(a))

The sum is over all entries of the batch, B is the number of examples (rows): sum over D, average over B.
Both must be right for a = 1000 and a = -1000 too. exp(1000) is inf, 1 / inf is fine, inf / inf is not a number, and
log(0) is -inf. So write exp of numbers that are not positive only, and the loss from a, without z. No clip, no eps:
they would report another loss.

Check it with: scratchdae exercises check 01
"""

import numpy as np


def sigmoid(a: np.ndarray) -> np.ndarray:
    """Return s(a), of the shape of a."""
    raise NotImplementedError  # your lines go here


def cross_entropy(a: np.ndarray, x: np.ndarray) -> float:
    """Return the loss L of pre-activations a (B, D) and targets x (B, D), one number."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(sigmoid(np.array([-1000.0, 0.0, 1000.0])), cross_entropy(np.zeros((1, 2)), np.array([[0.0, 1.0]])))
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 01")
