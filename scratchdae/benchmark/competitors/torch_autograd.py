"""PyTorch as people use it: eager, with autograd and ``torch.optim``."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.competitors.competitor import BatchTrainer, Gemm
from scratchdae.benchmark.works import finetuning as finetuning_work
from scratchdae.benchmark.works.work import Batches, Work

Loss = Callable[[dict[str, Any], Any, Any], Any]  # of parameters, inputs and targets


class TorchTrainer(BatchTrainer):
    """The loop of every PyTorch tutorial, of a `loss(params, inputs, targets)`."""

    def __init__(self, work: Batches, loss: Loss) -> None:
        import torch

        self._params: dict[str, Any] = self._parameters(work)
        self._batches = list(zip(torch.from_numpy(work.inputs), torch.from_numpy(work.targets), strict=True))
        self._optimizer: Any = torch.optim.SGD(self._params.values(), lr=work.lr)
        self._loss = loss

    def _parameters(self, work: Batches) -> dict[str, Any]:
        import torch

        return {name: torch.from_numpy(value).requires_grad_() for name, value in work.copy_params().items()}

    def _descend(self, inputs: Any, targets: Any) -> None:
        loss = self._loss(self._params, inputs, targets)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def params(self) -> Params:
        return {name: value.detach().numpy().copy() for name, value in self._params.items()}


def denoising_loss() -> Loss:
    """Return the loss of the denoising autoencoder."""
    import torch

    addmm, sigmoid, linear = torch.addmm, torch.sigmoid, torch.nn.functional.linear
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits

    def _loss(params: dict[str, Any], x_tilde: Any, x: Any) -> Any:
        y = sigmoid(addmm(params["b"], x_tilde, params["W"]))
        return cross_entropy(linear(y, params["W"], params["b_prime"]), x, reduction="sum") / len(x)

    return _loss


def finetuning_loss() -> Loss:
    """Return the loss of the network.

    Its weights lie as the work has them, (n_in, n_out): ``torch.nn.Linear`` keeps their transposes, which was slower by
    8 to 25 % with a single example, and as fast with twenty.
    """
    import torch

    addmm, sigmoid, cross_entropy = torch.addmm, torch.sigmoid, torch.nn.functional.cross_entropy

    def _loss(params: dict[str, Any], x: Any, t: Any) -> Any:
        *hidden, (W, b) = finetuning_work.layers(params)
        for W_l, b_l in hidden:
            x = sigmoid(addmm(b_l, x, W_l))
        return cross_entropy(addmm(b, x, W), t)

    return _loss


def denoising(work: Work, threads: int) -> TorchTrainer:
    """Prepare the denoising autoencoder."""
    import torch

    torch.set_num_threads(threads)
    return TorchTrainer(work, denoising_loss())


def finetuning(work: Work, threads: int) -> TorchTrainer:
    """Prepare the network."""
    import torch

    torch.set_num_threads(threads)
    return TorchTrainer(work, finetuning_loss())


def _blas() -> str:
    import torch

    built = torch.__config__.show()
    name = re.search(r"BLAS_INFO=(\w+)", built)
    version = re.search(r"Math Kernel Library Version ([\w.]+)", built) if name and name[1] == "mkl" else None
    return f"{name[1] if name else 'a BLAS it does not name'}{f' {version[1]}' if version else ''}"


def _product(a: Array, b: Array, threads: int) -> Callable[[], object]:
    import torch

    torch.set_num_threads(threads)
    left, right, result = torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(np.empty_like(a))
    return lambda: torch.mm(left, right, out=result)


GEMM = Gemm(_blas, _product)
