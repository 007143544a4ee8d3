"""The work that is compared: steps of stochastic gradient descent on the paper's denoising autoencoder.

Tied weights, sigmoid units, cross-entropy, masking noise. The corrupted batches are drawn beforehand and are the same
for everyone, so that no random generator is timed.
"""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, choice
from scratchdae.corruption import masking
from scratchdae.datasets import digits, mnist, to_float
from scratchdae.initializers import sigmoid_uniform

NU = 0.25  # the fraction of pixels destroyed
LR = 0.1
VALIDATED_STEPS = 6
_SEED = 2008


@dataclass(frozen=True)
class Setting:
    """Sizes of the work.

    Attributes
    ----------
    n_hidden : int
        H.
    batch_size : int
        B.
    dtype : {"float32", "float64"}
        Of parameters and batches.
    """

    n_hidden: int
    batch_size: int
    dtype: str = "float32"

    def steps(self) -> int:
        """Return the steps of one stretch, which is also how many different batches there are.

        Returns
        -------
        int
            Enough for a few tenths of a second of the slower competitors: a small batch costs more an example, for
            it moves all of W.
        """
        return max(VALIDATED_STEPS, round(20_000 / (self.batch_size + 100) * 500 / self.n_hidden))

    def __str__(self) -> str:
        return f"H = {self.n_hidden}, B = {self.batch_size}, {self.dtype}"


GRIDS = {"small": ((500,), (1, 20, 100)), "full": ((500, 1000, 2000), (1, 20, 100, 512))}  # H, B


def settings(grid: str, dtype: str) -> list[Setting]:
    """List the settings of a grid.

    Parameters
    ----------
    grid : {"small", "full"}
        Its name.
    dtype : {"float32", "float64"}
        Of all of them.

    Returns
    -------
    list of Setting
        By hidden units, then by batch size.
    """
    hidden, batches = GRIDS[choice("grid", grid, GRIDS)]
    return [Setting(H, B, dtype) for H in hidden for B in batches]


@dataclass(frozen=True, eq=False)
class Work:
    """Where everyone begins, and the batches that everyone sees.

    Attributes
    ----------
    params : dict of str to ndarray
        ``W`` (D, H), ``b`` (H,), ``b_prime`` (D,). They are copied, never changed.
    x_tilde, x : ndarray, shape (S, B, D)
        Corrupted and clean batches, one a step.
    lr : float
        Learning rate.
    """

    params: Params
    x_tilde: Array
    x: Array
    lr: float = LR

    def copy_params(self) -> Params:
        """Return parameters to change.

        Returns
        -------
        dict of str to ndarray
            C-contiguous copies.
        """
        return {name: np.array(value, order="C") for name, value in self.params.items()}

    def first(self, steps: int) -> "Work":
        """Return the same beginning with fewer batches.

        Parameters
        ----------
        steps : int
            How many.

        Returns
        -------
        Work
            It shares the arrays.
        """
        return Work(self.params, self.x_tilde[:steps], self.x[:steps], self.lr)

    def astype(self, dtype: str) -> "Work":
        """Return the same numbers in another dtype.

        Parameters
        ----------
        dtype : {"float32", "float64"}
            The dtype.

        Returns
        -------
        Work
            The same beginning and batches.
        """
        params = {name: value.astype(dtype) for name, value in self.params.items()}
        return Work(params, self.x_tilde.astype(dtype), self.x.astype(dtype), self.lr)


def load(data: str) -> Array:
    """Return the training images.

    Parameters
    ----------
    data : {"digits", "mnist"}
        Which.

    Returns
    -------
    ndarray of uint8, shape (N, 784)
        Grey levels.

    Raises
    ------
    ValueError, OSError
        If there are no such data on this machine.
    """
    return (digits() if choice("data", data, ("digits", "mnist")) == "digits" else mnist()).x_train


def prepare(setting: Setting, images: Array, steps: int | None = None) -> Work:
    """Draw first parameters and corrupted batches, always the same for the same setting.

    Parameters
    ----------
    setting : Setting
        The sizes.
    images : ndarray of uint8, shape (N, D)
        Where batches are drawn from, with replacement.
    steps : int, optional
        How many batches, where not as many as the setting says.

    Returns
    -------
    Work
        Parameters and batches.
    """
    rng = np.random.default_rng(_SEED)
    D, dtype = images.shape[1], np.dtype(setting.dtype)
    params = {
        "W": sigmoid_uniform((D, setting.n_hidden), rng, dtype),
        "b": np.zeros(setting.n_hidden, dtype),
        "b_prime": np.zeros(D, dtype),
    }
    shape = (steps or setting.steps(), setting.batch_size, D)
    x = to_float(images[rng.integers(0, len(images), shape[0] * shape[1])], dtype)
    return Work(params, masking(x, NU, rng).reshape(shape), x.reshape(shape))
