"""PyTorch at its best: gradients by hand, buffers allocated once, W updated inside the product (``addmm_``).

It does less than the others: it neither evaluates the loss nor looks whether the gradient is finite. That makes it the
strongest peer there is.
"""

from typing import Any

from scratchdae.arguments import Params
from scratchdae.benchmark.work import Work


class InplaceTrainer:
    """Equations (1) to (12) of `scratchdae.autoencoder`, each in place.

    Parameters
    ----------
    work : Work
        Parameters and batches.
    """

    def __init__(self, work: Work) -> None:
        import torch

        self._torch = torch
        self._params: dict[str, Any] = {name: torch.from_numpy(value) for name, value in work.copy_params().items()}
        self._batches = list(zip(torch.from_numpy(work.x_tilde), torch.from_numpy(work.x), strict=True))
        _, B, D = work.x.shape
        W = self._params["W"]
        self._y, self._dy, self._a_z = W.new_empty(B, W.shape[1]), W.new_empty(B, W.shape[1]), W.new_empty(B, D)
        self._rate = -work.lr / B  # the mean over the batch, and the sign of a descent

    def step(self) -> None:
        """Take a step on the first batch."""
        with self._torch.inference_mode():
            self._descend(*self._batches[0])

    def stretch(self) -> None:
        """Take a step on each batch."""
        with self._torch.inference_mode():
            for x_tilde, x in self._batches:
                self._descend(x_tilde, x)

    def _descend(self, x_tilde: Any, x: Any) -> None:
        torch, rate, y, a_z, dy = self._torch, self._rate, self._y, self._a_z, self._dy
        W, b, b_prime = self._params["W"], self._params["b"], self._params["b_prime"]
        torch.addmm(b, x_tilde, W, out=y).sigmoid_()  # (1)
        torch.addmm(b_prime, y, W.T, out=a_z).sigmoid_().sub_(x)  # (2), (5): now da_z
        torch.mm(a_z, W, out=dy)  # (9), before W changes
        W.addmm_(a_z.T, y, alpha=rate)  # (8)
        y.addcmul_(y, y, value=-1)  # y (1 − y)
        dy.mul_(y)  # (10): now da_y
        W.addmm_(x_tilde.T, dy, alpha=rate)  # (12)
        b.add_(dy.sum(0), alpha=rate)  # (11)
        b_prime.add_(a_z.sum(0), alpha=rate)  # (7)

    def params(self) -> Params:
        """Return the parameters as they are now.

        Returns
        -------
        dict of str to ndarray
            The parameters.
        """
        return {name: value.numpy().copy() for name, value in self._params.items()}


def prepare(work: Work, threads: int) -> InplaceTrainer:
    """Convert everything to tensors and allocate the buffers.

    Parameters
    ----------
    work : Work
        Parameters and batches.
    threads : int
        Of PyTorch's pool.

    Returns
    -------
    InplaceTrainer
        The trainer.
    """
    import torch

    torch.set_num_threads(threads)
    return InplaceTrainer(work)
