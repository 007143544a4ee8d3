"""An epoch in PyTorch at its best: some batches at a time are gathered, converted and corrupted, into the same memory.

At B = 1 the calls that draw a mask would otherwise cost as much as the step.
"""

from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.benchmark.competitors import torch_inplace
from scratchdae.benchmark.works.epoch import Epoch

_TOGETHER = 2**19  # numbers of input


class DenoisingEpochTrainer(torch_inplace.DenoisingTrainer):
    """The loop around the step in place."""

    def __init__(self, work: Epoch, threads: int) -> None:
        super().__init__(work, threads)
        torch, (_, B, D) = self._torch, self._inputs.shape
        torch.manual_seed(0)
        self._x, self._corruption = torch.from_numpy(np.require(work.x, requirements="W")), work.corruption
        n = max(1, _TOGETHER // (B * D)) * B
        self._bytes = self._x.new_empty(n, D)
        self._clean, self._noisy, self._noise = (self._inputs.new_empty(n, D) for _ in range(3))

    def corrupt(self, x: Array) -> Array:
        """Corrupt a batch; it may not have more rows than are corrupted together."""
        with self._torch.inference_mode():
            return np.array(self._corrupted(self._torch.from_numpy(x)).numpy())

    def _corrupted(self, clean: Any) -> Any:
        if self._corruption is None:
            return clean
        level, noisy, noise = self._corruption.at(0), self._noisy[: len(clean)], self._noise[: len(clean)]
        noise.uniform_()
        if self._corruption.kind == "bernoulli":
            return self._torch.mul(clean, noise.ge_(level), out=noisy)
        places = noise.topk(round(level * clean.shape[1]), dim=1, largest=False, sorted=False).indices
        return noisy.copy_(clean).scatter_(1, places, 0.0)

    def ready(self, n: int) -> None:
        """Do nothing: nothing is compiled."""

    def epoch(self, n: int) -> None:
        torch, shape = self._torch, (-1, *self._inputs.shape[1:])
        with torch.inference_mode():
            for rows in torch.randperm(n).split(len(self._clean)):
                images = torch.index_select(self._x, 0, rows, out=self._bytes[: len(rows)])
                clean = self._clean[: len(rows)].copy_(images).div_(255)
                for x_tilde, x in zip(self._corrupted(clean).view(shape), clean.view(shape), strict=True):
                    self._descend(x_tilde, x)
