"""The networks of the four questions in PyTorch, exactly as they were posted: `build`, `step` and the data of each.

What the posts leave open is marked *assumed*. Keras' defaults stand where the post used Keras: Glorot's uniform first
weights with biases 0, Adam at 1e-3, a batch of 32.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from scratchdae import datasets


class Posted(NamedTuple):
    """One posted training."""

    build: Callable[[int], Any]
    step: Callable[..., Any]
    x: np.ndarray
    batch_size: int


def as_keras(model: nn.Module) -> nn.Module:
    """Draw the first weights as Keras does; and keep pictures in memory as it does, in which pools are quicker."""
    for p in model.parameters():
        nn.init.xavier_uniform_(p) if p.ndim > 1 else nn.init.zeros_(p)
    return model.to(memory_format=torch.channels_last)


def training(make: Callable[[], nn.Module], lr: float = 1e-3, loss: Callable[..., torch.Tensor] = F.mse_loss,
             penalty: Callable[[nn.Module], torch.Tensor] | None = None) -> tuple[Any, Any]:  # fmt: skip
    """Return the `build` and `step` of a plain loop with Adam."""

    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        model = make()
        return model, torch.optim.Adam(model.parameters(), lr)

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> torch.Tensor:
        value = loss(model(batch), batch)
        if penalty is not None:
            value = value + penalty(model)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    return build, step


def uniform(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Draw independent uniform columns."""
    return np.random.default_rng(seed).random((n, d)).astype(np.float32)


def digits(n: int = 2000) -> np.ndarray:
    """Return the embedded digits as pictures in place of MNIST's (*assumed*), (n, 1, 28, 28) in [0, 1]."""
    return (datasets.digits().x_train[:n].reshape(n, 1, 28, 28) / 255).astype(np.float32)


def q1a() -> Posted:
    x, rng = uniform(100, 10), np.random.default_rng(1)
    noisy = x + 0.2 * x.std() * rng.standard_normal(x.shape)  # drawn once, as posted
    rows = {row.tobytes(): torch.tensor(other, dtype=torch.float32) for row, other in zip(x, noisy, strict=True)}

    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        model = as_keras(nn.Sequential(nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 10)))
        return model, torch.optim.Adam(model.parameters())

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> torch.Tensor:
        fed = torch.stack([rows.get(row.numpy().tobytes(), row) for row in batch])
        loss = F.mse_loss(model(fed), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Posted(build, step, x, 32)


def q1b() -> Posted:
    def make() -> nn.Module:
        return as_keras(nn.Sequential(
            *_conv(3, 16, nn.ReLU(), nn.MaxPool2d(2)), *_conv(16, 32, nn.ReLU(), nn.MaxPool2d(2)), nn.Flatten(),
            nn.Linear(64 * 64 * 32, 16), nn.ReLU(), nn.Linear(16, 128 * 128), nn.ReLU(), nn.Unflatten(1, (1, 128, 128)),
            nn.ConvTranspose2d(1, 32, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(32, 16, 3, 2, 1, 1), nn.ReLU(),
            nn.ConvTranspose2d(16, 3, 3, padding=1), nn.Sigmoid(),
        ))  # fmt: skip

    x = np.random.default_rng(0).random((20, 3, 256, 256)).astype(np.float32)
    return Posted(*training(make), x, 4)


class ReluLSTM(nn.Module):
    """An LSTM layer with ReLU for tanh, as Keras' `activation="relu"` makes it."""

    def __init__(self, into: int, out: int, sequences: bool) -> None:
        super().__init__()
        self.gates, self.memory, self.sequences, self.out = (
            nn.Linear(into, 4 * out),
            nn.Linear(out, 4 * out, bias=False),
            sequences,
            out,
        )
        nn.init.xavier_uniform_(self.gates.weight)
        nn.init.orthogonal_(self.memory.weight)
        nn.init.zeros_(self.gates.bias)
        with torch.no_grad():
            self.gates.bias[out : 2 * out] = 1  # Keras' unit_forget_bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = c = x.new_zeros(len(x), self.out)
        given, states = self.gates(x), []
        for t in range(x.shape[1]):
            i, f, g, o = (given[:, t] + self.memory(h)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * F.relu(g)
            h = torch.sigmoid(o) * F.relu(c)
            states.append(h)
        return torch.stack(states, 1) if self.sequences else h


class Repeat(nn.Module):
    """Repeat a vector in every step."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, None].expand(-1, self.steps, -1)


def q1c(lr: float = 1e-6) -> Posted:
    def make() -> nn.Module:
        last = nn.Linear(32, 5)
        nn.init.xavier_uniform_(last.weight)
        nn.init.zeros_(last.bias)
        return nn.Sequential(
            ReluLSTM(5, 32, True),
            ReluLSTM(32, 16, False),
            Repeat(50),
            ReluLSTM(16, 16, True),
            ReluLSTM(16, 32, True),
            last,
        )

    rng = np.random.default_rng(0)  # data *assumed*: waves of five features
    t = np.arange(50)[None, :, None]
    x = 0.5 + 0.4 * np.sin(
        0.2 * t * rng.uniform(0.5, 1.5, (300, 1, 1)) + rng.uniform(0, 6.28, (300, 1, 1)) + np.arange(5)
    )
    return Posted(*training(make, lr), x.astype(np.float32), 32)


def _conv(into: int, out: int, *after: nn.Module) -> list[nn.Module]:
    return [nn.Conv2d(into, out, 3, padding=1), *after]


def _turned(into: int, out: int, *after: nn.Module) -> list[nn.Module]:
    return [nn.ConvTranspose2d(into, out, 3, padding=1), *after]


def q2a(n: int = 2000) -> Posted:
    def make() -> nn.Module:
        relu, up, pool = nn.ReLU, lambda: nn.Upsample(scale_factor=2), lambda: nn.MaxPool2d(2)
        return as_keras(nn.Sequential(
            *_conv(1, 32, relu(), pool()), *_conv(32, 16, relu(), pool()), *_turned(16, 16, relu(), up()),
            *_turned(16, 32, relu(), up()), *_conv(32, 1, nn.Sigmoid()),
        ))  # fmt: skip

    return Posted(*training(make), digits(n), 32)


def q2b(lr: float = 1e-3, batch_size: int = 64, l2: float = 0.0, n: int = 2000) -> Posted:
    def make() -> nn.Module:
        return as_keras(nn.Sequential(
            *_conv(1, 64, nn.ReLU()), *_conv(64, 32, nn.ReLU(), nn.MaxPool2d(2)),
            *_turned(32, 32, nn.ReLU(), nn.Upsample(scale_factor=2)),
            *_conv(32, 64, nn.ReLU()), *_conv(64, 1, nn.Sigmoid()),
        ))  # fmt: skip

    def penalty(model: nn.Module) -> torch.Tensor:
        kernels = [p for p in model.parameters() if p.ndim > 1][:-1]  # on every kernel but the last
        return l2 * sum((p.pow(2).sum() for p in kernels), torch.zeros(()))

    return Posted(*training(make, lr, penalty=penalty if l2 else None), digits(n), batch_size)


def q2c() -> Posted:
    return q2b(1e-4, 128, 0.001)


def q3a(code: int = 32, scaled: bool = False, output: Callable[[], nn.Module] = nn.Sigmoid, n: int = 1000) -> Posted:
    def make() -> nn.Module:
        return as_keras(nn.Sequential(
            *_conv(3, 32, nn.ReLU(), nn.MaxPool2d(2)), *_conv(32, 16, nn.ReLU(), nn.MaxPool2d(2)), nn.Flatten(),
            nn.Linear(8 * 8 * 16, code), nn.ReLU(), nn.Linear(code, 1024), nn.ReLU(), nn.Unflatten(1, (16, 8, 8)),
            *_turned(16, 16, nn.ReLU(), nn.Upsample(scale_factor=2)),
            *_turned(16, 32, nn.ReLU(), nn.Upsample(scale_factor=2)),
            *_turned(32, 3, output()),
        ))  # fmt: skip

    x = np.random.default_rng(0).integers(0, 256, (n, 3, 32, 32)).astype(np.float32)
    return Posted(*training(make), x / 255 if scaled else x, 32)


def q3b() -> Posted:
    return q3a(8, True)


def q3c() -> Posted:
    return q3a(32, True, nn.ReLU)


def q4a() -> Posted:
    def make() -> nn.Module:
        hidden = [layer for _ in range(5) for layer in (nn.Linear(100, 100), nn.ReLU())]
        return nn.Sequential(*hidden, nn.Linear(100, 100), nn.Sigmoid())

    return Posted(*training(make), uniform(30000, 100), 128)  # loss, rate and batch *assumed*


def q4b(lr: float = 1e-5) -> Posted:
    return Posted(*training(lambda: nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), lr), uniform(30000, 2), 128)


def q4c(bits: bool = False, lr: float = 1e-4) -> Posted:
    x = uniform(30000, 2)
    make = lambda: nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Sigmoid())  # noqa: E731
    return Posted(*training(make, lr, F.binary_cross_entropy), np.round(x) if bits else x, 128)


def q4d() -> Posted:
    return q4c(True)


def q4e(zero_grad: bool = True) -> Posted:
    def make() -> nn.Module:
        half = lambda: nn.Sequential(nn.Linear(10, 10), nn.LeakyReLU(0.1), nn.Linear(10, 10))  # noqa: E731
        return nn.Sequential(half(), half())

    build, step = training(make)  # optimizer and batch *assumed*

    def without(model: nn.Module, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> torch.Tensor:
        loss = F.mse_loss(model(batch), batch)
        loss.backward()
        optimizer.step()
        return loss

    return Posted(build, step if zero_grad else without, uniform(30000, 10), 128)


def q4f() -> Posted:
    x = np.repeat(uniform(5000, 1), 10, axis=1)  # every row one number repeated; width and network *assumed*
    make = lambda: nn.Sequential(nn.Linear(10, 1), nn.Linear(1, 10))  # noqa: E731
    return Posted(*training(make, 1e-2), x, 64)
