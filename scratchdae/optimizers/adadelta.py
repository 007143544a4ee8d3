"""Adadelta: each gradient entry divided by its own recent size, and multiplied by that of the recent steps."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, keep, number
from scratchdae.optimizers.rule import Rule


@dataclass(frozen=True)
class Adadelta(Rule):
    """Adadelta (Zeiler 2012, algorithm 1), with a learning rate, which the paper has not: there it is 1.

    ::

        v ← decay_rate v + (1 − decay_rate) dθ²                                                             (1)
        s = dθ · sqrt(u + eps) / sqrt(v + eps)                                                              (2)
        u ← decay_rate u + (1 − decay_rate) s²                                                              (3)
        θ ← θ − lr · s                                                                                      (4)

    eps is what the first steps begin from, since u is 0: about lr · sqrt(eps / (1 − decay_rate)) each, however large
    the gradient. A small eps is a slow start, not a safeguard. Where frameworks differ: PyTorch and optax have decay
    rate 0.9 and eps 1e-6; Keras 0.95 and 1e-7. PyTorch's learning rate is 1 unless told otherwise; Keras' is 0.001, a
    thousandth of the paper's, with which hardly anything moves. What is remembered: ``mean_square/NAME`` and
    ``mean_step/NAME``. Not to be confused with `RMSprop`, whose steps have the size of the learning rate.

    Attributes
    ----------
    decay_rate : float
        In [0, 1); PyTorch's and Keras' rho.
    eps : float
        Positive.
    """

    decay_rate: float = 0.9
    eps: float = 1e-6

    theirs = {  # noqa: RUF012  # a table
        "torch": {},
        "optax": {},
        "keras": {"decay_rate": 0.95, "eps": 1e-7, "decay": "decoupled"},
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, number, "decay_rate", at_least=0, below=1)
        keep(self, number, "eps", above=0)

    def remembers(self) -> dict[str, float]:
        return {"mean_square": 0, "mean_step": 0}

    def step(self, value: Array, g: Array, kept: Params, lr: float, t: int) -> tuple[Array, Params]:
        del t
        old, fresh = self.decay_rate, 1 - self.decay_rate
        v = old * kept["mean_square"] + fresh * g * g  # (1)
        s = g * np.sqrt(kept["mean_step"] + self.eps) / np.sqrt(v + self.eps)  # (2)
        u = old * kept["mean_step"] + fresh * s * s  # (3)
        return value - lr * s, {"mean_square": v, "mean_step": u}  # (4)
