"""Exercise 14: an LSTM step, and its way back through time.

The four gates of a step are one array a (B, 4H), in the order i, f, g, o:

    a = x W + h U + b                                   (1)     x (B, F), W (F, 4H), h (B, H), U (H, 4H), b (4H,)
    i, f, o = s(a_i), s(a_f), s(a_o),  g = tanh(a_g)    (2)
    c <- f c + i g                                      (3)     c (B, H), from the c before the step
    h <- o tanh(c)                                      (4)     with the new c

Backwards, dh and dc are the gradients with respect to the new h and the new c; the new c reaches the loss by way of h
too. Compute the gates again from what the step was given. Through time: xs (B, T, F) begins from zero states; dhs
(B, T, H) is what comes from above at each step, to h; nothing else comes to the last c. What a step sends back to h and
c goes to the step before it. s is the sigmoid; copy yours into this file.

Check it with: scratchdae exercises check 14
"""

import numpy as np


def step(
    x: np.ndarray, h: np.ndarray, c: np.ndarray, W: np.ndarray, U: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the new h and the new c."""
    raise NotImplementedError  # your lines go here


def step_backward(
    dh: np.ndarray,
    dc: np.ndarray,
    x: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    b: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Return dx, the gradients of the h and the c before the step, dW, dU and db, in this order."""
    raise NotImplementedError  # your lines go here


def through_time(
    dhs: np.ndarray, xs: np.ndarray, W: np.ndarray, U: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dW, dU and db of the whole sequence."""
    raise NotImplementedError  # your lines go here


if __name__ == "__main__":
    try:
        print(
            step(np.ones((1, 2)), np.zeros((1, 3)), np.zeros((1, 3)), np.ones((2, 12)), np.ones((3, 12)), np.zeros(12))
        )
    except NotImplementedError:
        print("Not solved yet. To check it: scratchdae exercises check 14")
