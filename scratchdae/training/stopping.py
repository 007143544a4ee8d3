"""When to stop early, where a fixed number of epochs without progress will not do."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, integer, keep, number, numbers


@dataclass(frozen=True)
class GrowingPatience:
    """Go on for as long again as progress has taken so far: the early stopping of the Theano tutorials.

    Epoch n, counted from 1, is begun if ``n <= epochs``, or if ``n < factor * e``, where e is the last epoch whose
    validation error was below `threshold` times the least before it. With the first values these are the epochs that
    the tutorials' code validates. That code counts minibatches and doubles their number less one, so it breaks off in
    epoch 2e, before it validates; here that epoch is not begun. Not to be confused with a patience that is a number:
    that many epochs without any improvement, however late they come.

    Attributes
    ----------
    epochs : int
        Epochs to train at least.
    factor : float
        How far an improvement extends the training, greater than 1.
    threshold : float
        What counts as an improvement: an error below this fraction of the least before it, in (0, 1].
    """

    epochs: int = 10
    factor: float = 2.0
    threshold: float = 0.995

    def __post_init__(self) -> None:
        keep(self, integer, "epochs")
        keep(self, number, "factor", above=1)
        keep(self, number, "threshold", above=0, at_most=1)

    def over(self, errors: Array) -> bool:
        """Tell whether the epoch after these validation errors, or losses, (epochs so far,) is not to be begun."""
        errors = numbers("errors", errors)
        if errors.ndim != 1:
            raise ValueError(f"errors must have one axis, found shape {errors.shape}")
        least, improved = np.inf, 0
        for epoch, error in enumerate(errors, start=1):
            if error < self.threshold * least:
                improved = epoch
            least = min(least, error)
        following = len(errors) + 1
        return following > self.epochs and following >= self.factor * improved
