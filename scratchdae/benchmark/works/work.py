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
    """Sizes of the work."""

    work: str  # its kind
    n_hidden: int  # H, of each hidden layer
    batch_size: int  # B
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.work}, H = {self.n_hidden}, B = {self.batch_size}, {self.dtype}"


@dataclass(frozen=True, eq=False)
class Batches(ABC):
    """Where everyone begins, and the batches that everyone sees."""

    params: Params  # the first ones; they are copied, never changed
    inputs: Array  # (S, B, D), a batch a step
    targets: Array  # (S, B, ...)
    lr: float = LR

    @abstractmethod
    def reference(self) -> Params:
        """Take a step on each batch with the NumPy reference, in the arrays' dtype, and return the parameters."""

    @property
    def samples(self) -> int:
        """Count the samples of a stretch of steps, S · B."""
        return int(np.prod(self.inputs.shape[:2]))

    def copy_params(self) -> Params:
        """Return C-contiguous copies of the parameters, to change."""
        return {name: np.array(value, order="C") for name, value in self.params.items()}

    def first(self, steps: int) -> Self:
        """Return the same beginning with fewer batches; the arrays are shared."""
        return replace(self, inputs=self.inputs[:steps], targets=self.targets[:steps])

    def astype(self, dtype: str) -> Self:
        """Return the same numbers in another dtype; labels stay integers."""
        params = {name: value.astype(dtype) for name, value in self.params.items()}
        targets = self.targets.astype(dtype) if self.targets.dtype.kind == "f" else self.targets
        return replace(self, params=params, inputs=self.inputs.astype(dtype), targets=targets)


@dataclass(frozen=True, eq=False)
class Work(Batches):
    """And the step that everyone takes on each."""

    about: ClassVar[Mapping[str, str]]  # model, loss and optimizer
    cost: ClassVar[str]  # what `operations` counts, in words

    @abstractmethod
    def sgd_step(self, params: Params, inputs: Array, targets: Array, lr: float) -> object:
        """Take a step of the NumPy reference, in the arrays' dtype; those of `params` are overwritten or replaced."""

    @staticmethod
    @abstractmethod
    def operations(sizes: tuple[int, ...]) -> int:
        """Count a sample's operations in products if no zero is left out; an addition and a multiplication are two."""

    def reference(self) -> Params:
        params = self.copy_params()
        for inputs, targets in zip(self.inputs, self.targets, strict=True):
            self.sgd_step(params, inputs, targets, self.lr)
        return params


# Draws parameters and batches, given sizes, (S, B), dtype, data and rng.
Draw = Callable[[tuple[int, ...], tuple[int, int], str, Dataset, np.random.Generator], Work]


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of work: what there is to know before any of it is drawn."""

    name: str  # on the command line
    title: str  # in words
    work: type[Work]  # which model is trained, and how
    grids: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]  # H and B of the settings of each grid
    sizes: Callable[[int], tuple[int, ...]]  # from H to the units of each layer, the input's first
    draw: Draw

    def settings(self, grid: str, dtype: str) -> list[Setting]:
        """List the settings of a grid, by hidden units, then by batch size."""
        hidden, batches = self.grids[choice("grid", grid, self.grids)]
        return [Setting(self.name, H, B, dtype) for H in hidden for B in batches]

    def operations(self, H: int) -> int:
        """Count the operations of a sample at H hidden units."""
        return self.work.operations(self.sizes(H))

    def steps(self, setting: Setting) -> int:
        """Return the steps of one stretch, which is also how many different batches there are.

        Enough for some tenths of a second of the slower competitors, and not more than training takes in one call: the
        compiled steps copy the weights once a call, which is counted.
        """
        weights = sum(n_in * n_out for n_in, n_out in pairwise(self.sizes(setting.n_hidden)))
        affordable = round(20_000 / (setting.batch_size + 10) * 784 * 500 / weights)
        return min(max(VALIDATED_STEPS, affordable), TOGETHER)

    def prepare(self, setting: Setting, data: Dataset, steps: int | None = None) -> Work:
        """Draw parameters and batches, always the same for a setting; `steps` batches where not as many as it says."""
        shape = steps or self.steps(setting), setting.batch_size
        return self.draw(self.sizes(setting.n_hidden), shape, setting.dtype, data, np.random.default_rng(_SEED))
