"""Adagrad: each gradient entry divided by the size of all that came before it."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, choice, keep, number
from scratchdae.optimizers.rule import Rule


@dataclass(frozen=True)
class Adagrad(Rule):
    """Adagrad (Duchi, Hazan & Singer 2011, section 1.1, with the diagonal matrix and without the projection).

    ::

        v ← v + dθ²,   v = initial before the first step                                                    (1)
        θ ← θ − lr · dθ / (sqrt(v) + eps)                         epsilon="outside": the paper's δ          (2)
        θ ← θ − lr · dθ / sqrt(v + eps)                           epsilon="inside"                          (3)

    Nothing is forgotten, so steps shrink like 1/√t: not to be confused with `RMSprop`, whose v is a mean that fades.
    Where frameworks differ: PyTorch takes (2) from 0, with eps 1e-10; optax and Keras (3) from 0.1, with 1e-7. (optax
    takes no step where v is 0, which is the same: dθ is 0 there.) PyTorch's ``lr_decay`` is the schedule's business.
    What is remembered: ``sum_of_squares/NAME``. The defaults here are PyTorch's.

    Attributes
    ----------
    initial : float
        The first v, at least 0; what the first steps are shortened by.
    eps : float
        Positive.
    epsilon : {"outside", "inside"}
        Where eps goes: (2) or (3).
    """

    initial: float = 0.0
    eps: float = 1e-10
    epsilon: str = "outside"

    theirs = {  # noqa: RUF012  # a table
        "torch": {},
        "optax": {"initial": 0.1, "eps": 1e-7, "epsilon": "inside"},
        "keras": {"initial": 0.1, "eps": 1e-7, "epsilon": "inside", "decay": "decoupled"},
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, number, "initial", at_least=0)
        keep(self, number, "eps", above=0)
        keep(self, choice, "epsilon", choices=("outside", "inside"))

    def remembers(self) -> dict[str, float]:
        return {"sum_of_squares": self.initial}

    def step(self, value: Array, g: Array, kept: Params, lr: float, t: int) -> tuple[Array, Params]:
        del t
        v = kept["sum_of_squares"] + g * g  # (1)
        size = np.sqrt(v) + self.eps if self.epsilon == "outside" else np.sqrt(v + self.eps)  # (2), (3)
        return value - lr * g / size, {"sum_of_squares": v}
