"""How a step is taken, and the bound on what it begins with: what all compiled steps share."""

from typing import Any, NamedTuple

import numpy as np

from scratchdae.arguments import Array
from scratchdae.kernels.machine.jit import njit


class Rule(NamedTuple):
    """Numbers of W's type but the last two."""

    lr: Any
    decay: Any  # of the weights: a gradient of decay · W
    scale: Any  # the factor before the loss
    limit: float  # nothing that is computed may come near to it, or the step is left to the reference
    learns: bool = True  # or only the losses are wanted, of batches of several examples


@njit(fastmath={"reassoc", "contract", "arcp", "nsz"})
def largest(x: Array) -> float:
    """Return the largest magnitude; inf if a number is not finite, or the sum of the magnitudes is not."""
    most, total = x.dtype.type(0), x.dtype.type(0)
    for k in range(len(x)):
        value = abs(x[k])
        most = value if value > most else most
        total += value
    return float(most) if np.isfinite(total) else np.inf
