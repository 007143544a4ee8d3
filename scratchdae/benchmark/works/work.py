"""What every kind of work has: settings, first parameters, batches that all competitors see, and a reference step.

The batches are drawn beforehand and are the same for everyone, so that no random generator is timed.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np

from scratchdae.arguments import Array, Params, choice
from scratchdae.datasets import Dataset
from scratchdae.training.steps import TOGETHER

LR = 0.1
VALIDATED_STEPS = 6
_SEED = 2008


@dataclass(frozen=True)
class Setting:
    """Sizes of the work.

    Attributes
    ----------
    work : str
        Its kind.
    n_hidden : int
        H, of each hidden layer.
    batch_size : int
        B.
    dtype : {"float32", "float64"}
        Of parameters and batches.
    """

    work: str
    n_hidden: int
    batch_size: int
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.work}, H = {self.n_hidden}, B = {self.batch_size}, {self.dtype}"


@dataclass(frozen=True, eq=False)
class Work(ABC):
    """Where everyone begins, the batches that everyone sees, and the step that everyone takes on each.

    Attributes
    ----------
    params : dict of str to ndarray
        First parameters. They are copied, never changed.
    inputs : ndarray, shape (S, B, D)
        What the model is given, a batch a step.
    targets : ndarray, shape (S, B, ...)
        What it should return.
    lr : float
        Learning rate.
    """

    about: ClassVar[Mapping[str, str]]  # model, loss and optimizer
    cost: ClassVar[str]  # what `operations` counts, in words

    params: Params
    inputs: Array
    targets: Array
    lr: float = LR

    @abstractmethod
    def sgd_step(self, params: Params, inputs: Array, targets: Array, lr: float) -> object:
        """Take a step of the NumPy reference, in place, in the dtype of the arrays.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters; their arrays are overwritten or replaced.
        inputs : ndarray, shape (B, D)
            A batch.
        targets : ndarray, shape (B, ...)
            Its targets.
        lr : float
            Learning rate.

        Returns
        -------
        object
            Whatever the reference returns.
        """

    @staticmethod
    @abstractmethod
    def operations(sizes: tuple[int, ...]) -> int:
        """Count the operations of the matrix products, if no zero is left out.

        Parameters
        ----------
        sizes : tuple of int
            Units of each layer, the input's first.

        Returns
        -------
        int
            Floating-point operations a sample; an addition and a multiplication are two.
        """

    @property
    def samples(self) -> int:
        """Count the samples of a stretch of steps.

        Returns
        -------
        int
            S · B.
        """
        return int(np.prod(self.inputs.shape[:2]))

    def copy_params(self) -> Params:
        """Return parameters to change.

        Returns
        -------
        dict of str to ndarray
            C-contiguous copies.
        """
        return {name: np.array(value, order="C") for name, value in self.params.items()}

    def first(self, steps: int) -> Self:
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
        return replace(self, inputs=self.inputs[:steps], targets=self.targets[:steps])

    def astype(self, dtype: str) -> Self:
        """Return the same numbers in another dtype.

        Parameters
        ----------
        dtype : {"float32", "float64"}
            The dtype.

        Returns
        -------
        Work
            The same beginning and batches; labels stay integers.
        """
        params = {name: value.astype(dtype) for name, value in self.params.items()}
        targets = self.targets.astype(dtype) if self.targets.dtype.kind == "f" else self.targets
        return replace(self, params=params, inputs=self.inputs.astype(dtype), targets=targets)


Draw = Callable[[tuple[int, ...], tuple[int, int], str, Dataset, np.random.Generator], Work]


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of work: what there is to know before any of it is drawn.

    Attributes
    ----------
    name : str
        What it is called on the command line.
    title : str
        What it is, in words.
    work : type of Work
        Which model is trained, and how.
    grids : mapping of str to (tuple of int, tuple of int)
        H and B of the settings of each grid.
    sizes : callable
        ``sizes(H)`` returns the units of each layer, the input's first.
    draw : callable
        ``draw(sizes, (S, B), dtype, data, rng)`` draws parameters and batches.
    """

    name: str
    title: str
    work: type[Work]
    grids: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    sizes: Callable[[int], tuple[int, ...]]
    draw: Draw

    def settings(self, grid: str, dtype: str) -> list[Setting]:
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
        hidden, batches = self.grids[choice("grid", grid, self.grids)]
        return [Setting(self.name, H, B, dtype) for H in hidden for B in batches]

    def operations(self, H: int) -> int:
        """Count the operations of the matrix products, if no zero is left out.

        Parameters
        ----------
        H : int
            Hidden units.

        Returns
        -------
        int
            Floating-point operations a sample.
        """
        return self.work.operations(self.sizes(H))

    def steps(self, setting: Setting) -> int:
        """Return the steps of one stretch, which is also how many different batches there are.

        Parameters
        ----------
        setting : Setting
            The sizes.

        Returns
        -------
        int
            Enough for some tenths of a second of the slower competitors, and not more than training takes in one call:
            the compiled steps copy the weights once a call, which is counted.
        """
        weights = sum(n_in * n_out for n_in, n_out in pairwise(self.sizes(setting.n_hidden)))
        affordable = round(20_000 / (setting.batch_size + 10) * 784 * 500 / weights)
        return min(max(VALIDATED_STEPS, affordable), TOGETHER)

    def prepare(self, setting: Setting, data: Dataset, steps: int | None = None) -> Work:
        """Draw first parameters and batches, always the same for the same setting.

        Parameters
        ----------
        setting : Setting
            The sizes.
        data : Dataset
            Where examples are drawn from, with replacement.
        steps : int, optional
            How many batches, where not as many as the setting says.

        Returns
        -------
        Work
            Parameters and batches.
        """
        shape = steps or self.steps(setting), setting.batch_size
        return self.draw(self.sizes(setting.n_hidden), shape, setting.dtype, data, np.random.default_rng(_SEED))
