"""A small healthy training in PyTorch, with a knob for everything that the tests turn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def factors(n: int = 1200, d: int = 20, k: int = 4, seed: int = 0) -> np.ndarray:
    """Draw data of k factors in [0, 1], (n, d)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k)) @ rng.normal(size=(k, d)) + 0.1 * rng.normal(size=(n, d))
    return (1 / (1 + np.exp(-x))).astype(np.float32)


class Net(nn.Module):
    """An autoencoder in two halves; the output's activation is a function."""

    def __init__(self, d: int = 20, h: int = 32, k: int = 4, hidden: Callable[[], nn.Module] = nn.ReLU,
                 output: Callable[[torch.Tensor], torch.Tensor] = torch.sigmoid) -> None:  # fmt: skip
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d, h), hidden(), nn.Linear(h, k))
        self.decoder = nn.Sequential(nn.Linear(k, h), hidden(), nn.Linear(h, d))
        self.output = output

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.decoder(self.encoder(x)))


def training(
    lr: float = 1e-2, noise: float = 0.0, make: Callable[[], nn.Module] = Net,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    loss: Callable[..., torch.Tensor] = F.mse_loss, zero: bool = True,
    update: bool = True,
    target: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = lambda x, x_tilde: x, **options: Any,
) -> tuple[Callable[..., Any], Callable[..., Any]]:  # fmt: skip
    """Return `build` and `step`."""

    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        model = make()
        return model, optimizer(model.parameters(), lr, **options)

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> torch.Tensor:
        x_tilde = batch + noise * torch.randn_like(batch) if noise else batch
        value = loss(model(x_tilde), target(batch, x_tilde))
        if zero:
            optimizer.zero_grad()
        value.backward()
        if update:
            optimizer.step()
        return value

    return build, step
