"""PyTorch at its best: gradients by hand, buffers allocated once, W updated inside the product (``addmm_``).

It does less than the others: it neither evaluates the loss nor looks whether the gradient is finite. That makes it the
strongest peer there is.
"""

from abc import abstractmethod
from typing import Any

from scratchdae.arguments import Params
from scratchdae.benchmark.competitors.competitor import BatchTrainer
from scratchdae.benchmark.works.finetuning import layers
from scratchdae.benchmark.works.work import Batches


class InplaceTrainer(BatchTrainer):
    """Tensors, and the loop over them; the step belongs to a model."""

    def __init__(self, work: Batches, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._params: dict[str, Any] = {name: torch.from_numpy(value) for name, value in work.copy_params().items()}
        self._inputs, self._targets = torch.from_numpy(work.inputs), torch.from_numpy(work.targets)
        self._rate = -work.lr / work.inputs.shape[1]  # the mean over the batch, and the sign of a descent
        self._allocate()
        self._batches = list(zip(self._inputs, self._targets, strict=True))

    @abstractmethod
    def _allocate(self) -> None: ...  # the buffers of a step

    def step(self) -> None:
        with self._torch.inference_mode():
            super().step()

    def stretch(self) -> None:
        with self._torch.inference_mode():
            super().stretch()

    def params(self) -> Params:
        return {name: value.numpy().copy() for name, value in self._params.items()}


class DenoisingTrainer(InplaceTrainer):
    """Equations (1) to (12) of `scratchdae.autoencoder`, each in place."""

    def _allocate(self) -> None:
        W, (_, B, D) = self._params["W"], self._inputs.shape
        self._y, self._dy, self._a_z = W.new_empty(B, W.shape[1]), W.new_empty(B, W.shape[1]), W.new_empty(B, D)

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


class FinetuningTrainer(InplaceTrainer):
    """Dense layers, sigmoids and the softmax, each in place; labels are made one-hot beforehand."""

    def _allocate(self) -> None:
        self._layers, B = layers(self._params), self._inputs.shape[1]
        self._h = [W.new_empty(B, W.shape[1]) for W, _ in self._layers]  # outputs; the last are logits
        self._da = [W.new_empty(B, W.shape[1]) for W, _ in self._layers]
        one_hot = self._torch.nn.functional.one_hot(self._targets, self._h[-1].shape[1])
        self._targets = one_hot.to(self._inputs.dtype)

    def _descend(self, x: Any, one_hot: Any) -> None:
        torch, rate, n_layers = self._torch, self._rate, len(self._layers)
        inputs = [x, *self._h]  # of each layer
        for layer, (W, b) in enumerate(self._layers):
            a = torch.addmm(b, inputs[layer], W, out=self._h[layer])
            if layer + 1 < n_layers:
                a.sigmoid_()
        torch.softmax(self._h[-1], 1, out=self._da[-1]).sub_(one_hot)
        for layer in reversed(range(n_layers)):
            (W, b), h, da = self._layers[layer], inputs[layer], self._da[layer]
            if layer > 0:
                torch.mm(da, W.T, out=self._da[layer - 1])  # dh, before W changes
            W.addmm_(h.T, da, alpha=rate)
            b.add_(da.sum(0), alpha=rate)
            if layer > 0:
                h.addcmul_(h, h, value=-1)  # h (1 − h)
                self._da[layer - 1].mul_(h)
