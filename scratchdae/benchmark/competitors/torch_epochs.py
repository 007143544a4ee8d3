"""An epoch in PyTorch, eager: the loop of every tutorial, with shuffling, conversion and corruption drawn by torch."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.benchmark.competitors.torch_autograd import Loss, TorchTrainer, denoising_loss, finetuning_loss
from scratchdae.benchmark.works.epoch import Epoch
from scratchdae.corruption import Corruption
from scratchdae.optimizers import SGD


class TorchEpoch(TorchTrainer):
    """Examples as tensors of bytes, and the loop over them."""

    _axes: Mapping[int, tuple[int, ...]] = {}  # what torch makes of our axes, by how many an array of weights has

    def __init__(self, work: Epoch, threads: int, loss: Loss) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        super().__init__(work, loss)
        self._torch, self._batch_size = torch, work.batch_size
        if work.optimizer != SGD():
            self._optimizer = torch.optim.Adam(self._params.values(), lr=work.lr)
        self._x = self._examples(torch.from_numpy(np.require(work.x, requirements="W")))
        self._labels = None if work.labels is None else torch.from_numpy(work.labels)
        self._batches = [(self._examples(x), t if work.labels is not None else self._examples(t))
                         for x, t in self._batches]  # fmt: skip
        self._dtype, self._corrupt = self._batches[0][0].dtype, corrupter(work.corruption)

    def _parameters(self, work: Any) -> dict[str, Any]:
        import torch

        tensors = {name: torch.from_numpy(self._turned(value)) for name, value in work.copy_params().items()}
        return {name: tensor.requires_grad_() for name, tensor in tensors.items()}

    def _turned(self, value: Array) -> Array:
        return np.array(value.transpose(self._axes.get(value.ndim, range(value.ndim))), order="C")

    def _examples(self, x: Any) -> Any:
        return x

    def params(self) -> Params:
        found = super().params()
        return {name: value.transpose(np.argsort(self._axes.get(value.ndim, range(value.ndim))))
                for name, value in found.items()}  # fmt: skip

    def corrupt(self, x: Array) -> Array:
        tensor = self._examples(self._torch.from_numpy(x))
        return np.asarray(self._corrupt(tensor).numpy()).reshape(x.shape)

    def ready(self, n: int) -> None:
        """Do nothing: nothing is compiled."""

    def epoch(self, n: int) -> None:
        order = self._torch.randperm(n)
        for rows in order.split(self._batch_size):
            x = self._x[rows].to(self._dtype)
            if self._x.dtype == self._torch.uint8:
                x.div_(255)
            self._descend(self._corrupt(x), x if self._labels is None else self._labels[rows])


class ConvolutionalTorchEpoch(TorchEpoch):
    """Images as torch has them, (N, channels, height, width)."""

    _axes = {4: (3, 2, 0, 1)}  # noqa: RUF012  # a table

    def __init__(self, work: Epoch, threads: int) -> None:
        super().__init__(work, threads, _convolutional_loss)

    def _examples(self, x: Any) -> Any:
        return x.permute(0, 3, 1, 2).contiguous()


class RecurrentTorchEpoch(TorchEpoch):
    """PyTorch's own LSTM, whose second bias is held at zero: two that add are one."""

    _axes = {2: (1, 0)}  # noqa: RUF012  # a table

    def __init__(self, work: Epoch, threads: int) -> None:
        super().__init__(work, threads, self._forward)

    def _parameters(self, work: Any) -> dict[str, Any]:
        import torch

        tensors, self._parts = super()._parameters(work), []
        for k in range(1, 5):
            W, U, b = (tensors[f"lstm_{k}.{array}"] for array in ("W", "U", "b"))
            part = torch.nn.LSTM(W.shape[1], U.shape[1], batch_first=True).to(W.dtype)
            for name, tensor in (("weight_ih", W), ("weight_hh", U), ("bias_ih", b)):
                setattr(part, f"{name}_l0", torch.nn.Parameter(tensor.detach()))
            torch.nn.init.zeros_(part.bias_hh_l0).requires_grad_(False)
            tensors |= {f"lstm_{k}.W": part.weight_ih_l0, f"lstm_{k}.U": part.weight_hh_l0,
                        f"lstm_{k}.b": part.bias_ih_l0}  # fmt: skip
            self._parts.append(part)
        return tensors

    def _forward(self, params: dict[str, Any], x_tilde: Any, x: Any) -> Any:
        functional, parts = self._torch.nn.functional, self._parts
        code = parts[1](parts[0](x_tilde)[0])[0][:, -1]
        repeated = code[:, None].expand(-1, x.shape[1], -1)
        hidden = parts[3](parts[2](repeated)[0])[0]
        return functional.mse_loss(functional.linear(hidden, params["dense_1.W"], params["dense_1.b"]), x)


def _convolutional_loss(params: dict[str, Any], x_tilde: Any, x: Any) -> Any:
    import torch.nn.functional as F

    def part(name: str) -> tuple[Any, Any]:
        return params[f"{name}.W"], params[f"{name}.b"]

    h = F.relu(F.conv2d(x_tilde, *part("conv2d_1"), padding=1))
    h = F.max_pool2d(F.relu(F.conv2d(h, *part("conv2d_2"), padding=1)), 2)
    h = F.relu(F.conv_transpose2d(h, *part("conv2dtranspose_1"), padding=1))
    h = F.relu(F.conv2d(F.interpolate(h, scale_factor=2), *part("conv2d_3"), padding=1))
    return F.mse_loss(F.conv2d(h, *part("conv2d_4"), padding=1).sigmoid(), x)


def corrupter(corruption: Corruption | None) -> Callable[[Any], Any]:
    """Return the function that corrupts a batch; the exact masks are drawn the fastest of five ways that were tried."""
    import torch

    if corruption is None:
        return lambda x: x
    kind, level = corruption.kind, corruption.at(0)

    def masking(x: Any) -> Any:
        flat = x.flatten(1)
        destroyed = round(level * flat.shape[1])
        places = torch.rand(flat.shape).topk(destroyed, dim=1, largest=False, sorted=False).indices
        return flat.scatter(1, places, 0.0).view(x.shape)

    return {
        "masking": masking,
        "bernoulli": lambda x: x.masked_fill(torch.rand(x.shape) < level, 0.0),
        "gaussian": lambda x: x + level * torch.randn_like(x),
    }[kind]


def denoising(work: Epoch, threads: int) -> TorchEpoch:
    """Prepare the denoising autoencoder."""
    return TorchEpoch(work, threads, denoising_loss())


def finetuning(work: Epoch, threads: int) -> TorchEpoch:
    """Prepare the network."""
    return TorchEpoch(work, threads, finetuning_loss())
