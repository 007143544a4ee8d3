"""Exercise 19: the mean picture, for every input.

Somebody posts this training and its screen:

    epoch 5   loss 200          every reconstruction looks nearly the same: the average of all digits

Three answers are asked for, as constants below. What the loss is to be compared with (FLOOR):
the cross-entropy, in nats for each picture, of the best answer that is the same for every picture.
Why it fails (CAUSE), one of

    F01  the learning rate is too low           F11  gradients vanish with depth
    F02  it is too high: the loss grows         F13  dead rectifiers
    F04  stopped too early                      F14  the output cannot reach the targets
    F09  first weights too small, or all alike  F15  the output is saturated
    F10  first weights are too large            F19  the bottleneck is too narrow

and what to change (REPAIR), one or two settings of run(), as in {"lr": 0.5}. The repair is tried on another seed, and
must end at 175 or less. init is a name of scratchdae.initializers.INITIALIZERS. As the cause name what the run shows,
not what led to it.
Run this file as it is, change it, measure: this one uses scratchdae. Only the three constants are read,
which are plain: print a number and copy it, 2 % off is near enough.

Check it with: scratchdae exercises check 19
"""

import numpy as np

import scratchdae as s
from scratchdae.layers import Dense, Sigmoid

x = s.datasets.to_float(s.datasets.digits().x_train[:1000], np.float32)  # (1000, 784), in [0, 1]


def run(lr: float = 0.2, init: str = "zeros", output: str = "sigmoid", seed: int = 0) -> float:
    """Train 784-64-64-784 for five epochs; return the cross-entropy, summed over pixels."""
    layers = [Dense(64, init), Sigmoid(), Dense(64, init), Sigmoid(), Dense(784, init)]
    layers += [Sigmoid()] if output == "sigmoid" else []
    rng = s.streams(seed).initialisation
    network = s.Sequential(layers, (784,), rng, loss="cross_entropy", reduction="paper", dtype=np.float32)
    s.fit(network, x, epochs=5, lr=lr, batch_size=20, seed=seed, progress=False)
    return float(s.evaluate(network, x))


FLOOR = None  # a number
CAUSE = ""  # an id of the list
REPAIR = {}  # settings, of lr, init


if __name__ == "__main__":
    print(f"the loss as posted: {run():.4f}")
    if FLOOR is None:
        print("Not solved yet. To check it: scratchdae exercises check 19")
