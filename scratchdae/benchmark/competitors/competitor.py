"""What a competitor is, and what it makes of the work."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.works.work import Work


class Trainer(Protocol):
    """Parameters and batches, in the form that a library likes best."""

    def step(self) -> None: ...  # on the first batch; all is computed when it returns

    def stretch(self) -> None: ...  # a step on each batch in turn; likewise

    def params(self) -> Params: ...  # as NumPy arrays


@dataclass(frozen=True)
class Gemm:
    """A library's matrix product.

    Attributes
    ----------
    blas : callable
        ``blas()`` names what computes it, and its version.
    prepare : callable
        ``prepare(a, b, threads)`` makes a function that multiplies the two matrices.
    """

    blas: Callable[[], str]
    prepare: Callable[[Array, Array, int], Callable[[], object]]


@dataclass(frozen=True)
class Competitor:
    """A way to take the steps.

    Attributes
    ----------
    name : str
        What it is called on the command line and in the table.
    about : str
        What it is, in words.
    packages : tuple of str
        What must be installed.
    trainers : mapping of type of Work to callable
        ``trainers[type](work, threads)`` makes a trainer, of each type of work that the library can do.
    cannot : mapping of type of Work to str
        Why it cannot do the others.
    gemm : Gemm or None
        The matrix product of the library's own BLAS; None where it brings none along that another competitor has not.
    """

    name: str
    about: str
    packages: tuple[str, ...]
    trainers: Mapping[type[Work], Callable[[Work, int], Trainer]]
    cannot: Mapping[type[Work], str] = field(default_factory=dict)
    gemm: Gemm | None = None

    def prepare(self, work: Work, threads: int) -> Trainer:
        """Make a trainer.

        Parameters
        ----------
        work : Work
            Of a type that it can do.
        threads : int
            How many it may use.

        Returns
        -------
        Trainer
            Ready to be timed.
        """
        return self.trainers[type(work)](work, threads)

    def reason_to_leave_out(self, work: type[Work]) -> str | None:
        """Tell why it cannot take part here; its library is imported to find out.

        Parameters
        ----------
        work : type of Work
            What is to be done.

        Returns
        -------
        str or None
            The reason, None if there is none.
        """
        if work not in self.trainers:
            return self.cannot[work]
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
    """Say in a line what was raised.

    Parameters
    ----------
    error : Exception
        What was raised.

    Returns
    -------
    str
        Its type and its message, as far as the line goes.
    """
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:200]}" if message else type(error).__name__
