"""PyTorch as people use it: eager, with autograd and ``torch.optim.SGD``."""

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.work import Work


class TorchTrainer:
    """The loop of every PyTorch tutorial.

    Parameters
    ----------
    work : Work
        Parameters and batches.
    """

    def __init__(self, work: Work) -> None:
        import torch

        self._params: dict[str, Any] = {
            name: torch.from_numpy(value).requires_grad_() for name, value in work.copy_params().items()
        }
        self._batches = list(zip(torch.from_numpy(work.x_tilde), torch.from_numpy(work.x), strict=True))
        self._optimizer = torch.optim.SGD(self._params.values(), lr=work.lr)
        self._functional = torch.nn.functional
        self._addmm, self._sigmoid = torch.addmm, torch.sigmoid

    def step(self) -> None:
        """Take a step on the first batch."""
        self._descend(*self._batches[0])

    def stretch(self) -> None:
        """Take a step on each batch."""
        for x_tilde, x in self._batches:
            self._descend(x_tilde, x)

    def _descend(self, x_tilde: Any, x: Any) -> None:
        W, b, b_prime = self._params["W"], self._params["b"], self._params["b_prime"]
        y = self._sigmoid(self._addmm(b, x_tilde, W))
        a_z = self._functional.linear(y, W, b_prime)
        loss = self._functional.binary_cross_entropy_with_logits(a_z, x, reduction="sum") / len(x)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def params(self) -> Params:
        """Return the parameters as they are now.

        Returns
        -------
        dict of str to ndarray
            The parameters.
        """
        return {name: value.detach().numpy().copy() for name, value in self._params.items()}


def prepare(work: Work, threads: int) -> TorchTrainer:
    """Convert everything to tensors.

    Parameters
    ----------
    work : Work
        Parameters and batches.
    threads : int
        Of PyTorch's pool.

    Returns
    -------
    TorchTrainer
        The trainer.
    """
    import torch

    torch.set_num_threads(threads)
    return TorchTrainer(work)


def product(a: Array, b: Array, threads: int) -> Callable[[], object]:
    """Prepare a matrix product.

    Parameters
    ----------
    a, b : ndarray, shape (n, n)
        The factors.
    threads : int
        Of PyTorch's pool.

    Returns
    -------
    callable
        It multiplies them.
    """
    import torch

    torch.set_num_threads(threads)
    left, right, result = torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(np.empty_like(a))
    return lambda: torch.mm(left, right, out=result)
