"""RMSprop: each gradient entry divided by its own recent size."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, choice, flag, keep, number
from scratchdae.optimizers.rule import Rule


@dataclass(frozen=True)
class RMSprop(Rule):
    """RMSprop (Tieleman & Hinton 2012, lecture 6.5 of Hinton's course), which was never a paper.

    ::

        v ← decay_rate v + (1 − decay_rate) dθ²                                                             (1)
        w ← decay_rate w + (1 − decay_rate) dθ,   v̄ = v − w²      centred; otherwise v̄ = v                  (2)
        s = dθ / (sqrt(v̄) + eps)                                  epsilon="outside"                         (3)
        s = dθ / sqrt(v̄ + eps)                                    epsilon="inside"                          (4)
        θ ← θ − lr · s                                            no momentum                               (5)
        u ← m u + s,       θ ← θ − lr · u                         momentum_lr="outside"                     (6)
        u ← m u + lr · s,  θ ← θ − u                              momentum_lr="inside"                      (7)

    Where frameworks differ: PyTorch takes (3), (6), decay rate 0.99 and eps 1e-8; optax (4), (7), 0.9 and 1e-8; Keras
    (4), (7), 0.9 and 1e-7. The same eps is another thing inside the root: where a gradient is zero, (3) divides
    by 1e-8 and (4) by 1e-4. The defaults here are PyTorch's. What is remembered: ``mean_square/NAME``; with momentum
    ``velocity/NAME``, centred ``mean/NAME``.

    Attributes
    ----------
    decay_rate : float
        In [0, 1); PyTorch's alpha, Keras' rho.
    momentum : float
        m, in [0, 1).
    centred : bool
        Whether v̄ is a variance, (2), rather than a mean square.
    eps : float
        Positive.
    epsilon : {"outside", "inside"}
        Where eps goes: (3) or (4).
    momentum_lr : {"outside", "inside"}
        Where the learning rate goes: (6) or (7).
    """

    decay_rate: float = 0.99
    momentum: float = 0.0
    centred: bool = False
    eps: float = 1e-8
    epsilon: str = "outside"
    momentum_lr: str = "outside"

    theirs = {  # noqa: RUF012  # a table
        "torch": {},
        "optax": {"decay_rate": 0.9, "epsilon": "inside", "momentum_lr": "inside"},
        "keras": {
            "decay_rate": 0.9, "eps": 1e-7, "epsilon": "inside", "momentum_lr": "inside", "decay": "decoupled",
        },
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, number, "decay_rate", "momentum", at_least=0, below=1)  # at 1 it would never forget
        keep(self, flag, "centred")
        keep(self, number, "eps", above=0)
        keep(self, choice, "epsilon", "momentum_lr", choices=("outside", "inside"))

    def remembers(self) -> dict[str, float]:
        used = {"mean_square": True, "velocity": self.momentum, "mean": self.centred}
        return {name: 0 for name, there in used.items() if there}

    def step(self, value: Array, g: Array, kept: Params, lr: float, t: int) -> tuple[Array, Params]:
        del t
        inner, outer = (lr, 1.0) if self.momentum_lr == "inside" else (1.0, lr)
        old, fresh = self.decay_rate, 1 - self.decay_rate
        v = old * kept["mean_square"] + fresh * g * g  # (1)
        new = {"mean_square": v}
        if self.centred:
            new["mean"] = w = old * kept["mean"] + fresh * g
            v = v - w * w  # (2)
        s = g / (np.sqrt(v) + self.eps) if self.epsilon == "outside" else g / np.sqrt(v + self.eps)  # (3), (4)
        if not self.momentum:
            return value - lr * s, new  # (5)
        new["velocity"] = u = self.momentum * kept["velocity"] + inner * s  # (6), (7)
        return value - outer * u, new
