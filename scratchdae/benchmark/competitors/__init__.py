"""Who takes part: every competitor takes the same steps, from the same parameters, on the same batches.

A competitor is a function that makes a `Trainer` of a `Work`; what it needs to convert, allocate or compile it does
then, not in what is timed. Its library is imported then as well.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.competitors import jax_scan, reference, torch_autograd, torch_inplace
from scratchdae.benchmark.work import Work


class Trainer(Protocol):
    """Parameters and batches, in the form that a library likes best."""

    def step(self) -> None: ...  # on the first batch; all is computed when it returns

    def stretch(self) -> None: ...  # a step on each batch in turn; likewise

    def params(self) -> Params: ...  # as NumPy arrays


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
    prepare : callable or None
        ``prepare(work, threads)`` makes a trainer; None if the library cannot do this work.
    cannot : str
        Why it cannot.
    product : callable or None
        ``product(a, b, threads)`` makes a function that multiplies two matrices with the library's own BLAS; None
        where it brings none along that another competitor has not.
    """

    name: str
    about: str
    packages: tuple[str, ...]
    prepare: Callable[[Work, int], Trainer] | None
    cannot: str = ""
    product: Callable[[Array, Array, int], Callable[[], object]] | None = None

    def reason_to_leave_out(self) -> str | None:
        """Tell why it cannot take part here; its library is imported to find out.

        Returns
        -------
        str or None
            The reason, None if there is none.
        """
        if self.prepare is None:
            return self.cannot
        missing = [package for package in self.packages if importlib.util.find_spec(package) is None]
        if missing:
            return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
        for package in self.packages:
            try:
                importlib.import_module(package)
            except ImportError as error:
                return f"{package} is installed but cannot be imported: {' '.join(str(error).split())}"
        return None


SCRATCHDAE = Competitor("scratchdae", "scratchdae's compiled step", ("numba", "scipy"), reference.compiled)
PEERS = {
    peer.name: peer
    for peer in (
        Competitor(
            "torch",
            "PyTorch eager, autograd and torch.optim.SGD",
            ("torch",),
            torch_autograd.prepare,
            product=torch_autograd.product,
        ),
        Competitor("torch-inplace", "PyTorch by hand, in place, no autograd", ("torch",), torch_inplace.prepare),
        Competitor("jax", "JAX, jit and scan over the batches", ("jax",), jax_scan.prepare, product=jax_scan.product),
        Competitor("numpy", "scratchdae's NumPy reference", (), reference.plain),
        Competitor(
            "sklearn",
            "scikit-learn's MLPRegressor",
            ("sklearn",),
            None,
            "scikit-learn's MLPRegressor can neither tie its weights nor train sigmoid outputs by the cross-entropy: "
            "it would be timed on other work",
        ),
    )
}
