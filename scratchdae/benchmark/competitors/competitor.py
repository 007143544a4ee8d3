"""What a competitor is, and what it makes of the work."""

import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.works.work import Batches


class Trainer(Protocol):
    """Parameters and batches, in the form that a library likes best."""

    def step(self) -> None: ...  # on the first batch; all is computed when it returns

    def stretch(self) -> None: ...  # a step on each batch in turn; likewise

    def params(self) -> Params: ...  # as NumPy arrays


class EpochTrainer(Trainer, Protocol):
    """A trainer that goes through all examples as well; its steps are those that its epoch takes."""

    def corrupt(self, x: Array) -> Array: ...  # what its epoch does to a batch, of NumPy arrays

    def ready(self, n: int) -> None: ...  # compiles what an epoch of n examples needs

    def epoch(self, n: int) -> None: ...  # of the first n examples, whole batches; shuffled, corrupted, done at return


class BatchTrainer(ABC):
    """A trainer that calls a step for every batch, in its library's own arrays."""

    _batches: Sequence[tuple[Any, Any]]  # inputs and targets

    @abstractmethod
    def _descend(self, inputs: Any, targets: Any) -> object: ...

    def step(self) -> None:
        self._descend(*self._batches[0])

    def stretch(self) -> None:
        for inputs, targets in self._batches:
            self._descend(inputs, targets)


@dataclass(frozen=True)
class Gemm:
    """A library's matrix product."""

    blas: Callable[[], str]  # names what computes it, and its version
    prepare: Callable[[Array, Array, int], Callable[[], object]]  # (a, b, threads): makes a function that multiplies


@dataclass(frozen=True)
class Competitor:
    """A way to take the steps."""

    name: str  # on the command line and in the table
    about: str  # in words
    packages: tuple[str, ...]  # what must be installed
    # trainers[type](work, threads) makes a trainer, of each type of work that the library can do; for an `Epoch` an
    # `EpochTrainer`.
    trainers: Mapping[type[Batches], Callable[[Any, int], Trainer]]
    cannot: Mapping[type[Batches], str] = field(default_factory=dict)  # and why it cannot do others
    gemm: Gemm | None = None  # of the library's own BLAS; None where it brings none that another competitor has not

    def prepare(self, work: Batches, threads: int) -> Any:
        """Make a trainer, ready to be timed, of work of a type that it can do."""
        return self.trainers[type(work)](work, threads)

    def reason_to_leave_out(self, work: type[Batches]) -> str | None:
        """Tell why it cannot take part here, None if it can; its library is imported to find out."""
        if work not in self.trainers:
            return self.cannot.get(work, "it is not written here for this work")
        missing = [package for package in self.packages if importlib.util.find_spec(package) is None]
        if missing:
            return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
        for package in self.packages:
            try:
                importlib.import_module(package)
            except Exception as error:  # a library that does not fit its own libraries raises whatever it likes
                return f"{package} is installed but cannot be imported: {one_line(error)}"
        return None


def one_line(error: Exception) -> str:
    """Say in a line what was raised."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:200]}" if message else type(error).__name__
