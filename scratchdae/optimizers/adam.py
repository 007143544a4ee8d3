"""Adam, and AdamW, whose weight decay stays out of the gradient."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, choice, keep, number
from scratchdae.optimizers.rule import Rule


@dataclass(frozen=True)
class Adam(Rule):
    """Adam (Kingma & Ba 2015, algorithm 1).

    ::

        m ← β₁ m + (1 − β₁) dθ,   v ← β₂ v + (1 − β₂) dθ²                                                   (1)
        m̂ = m / (1 − β₁ᵗ),        v̂ = v / (1 − β₂ᵗ)               t counts the steps from 1                 (2)
        θ ← θ − lr · m̂ / (sqrt(v̂) + eps)                          epsilon="outside": the paper's    (3)
        θ ← θ − lr · m̂ / sqrt(v̂ + eps)                            epsilon="inside": optax's eps_root (4)
        θ ← θ − lr · sqrt(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (sqrt(v) + eps)      epsilon="hat"      (5)

    (5) is the form at the end of the paper's section 2: (3) with an eps that begins at eps / sqrt(1 − β₂), 32 times
    larger, and shrinks to eps. Without (2) the first step would be (1 − β₁) / sqrt(1 − β₂) = 3.2 times as long as lr.
    What is remembered is the same in all three: ``step``, ``first_moment/NAME`` and ``second_moment/NAME``. Weight
    decay, where it is given, goes into the gradient for PyTorch's Adam; optax (adamw) and Keras know the decoupled one
    alone.

    Attributes
    ----------
    beta1, beta2 : float
        Decay rates of the two moments, in [0, 1).
    eps : float
        Positive; Keras takes 1e-7, the others 1e-8.
    epsilon : {"outside", "inside", "hat"}
        Where eps goes: (3), as in the paper's algorithm, PyTorch and optax; (4); or (5), as in Keras.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    epsilon: str = "outside"

    theirs = {  # noqa: RUF012  # a table
        "torch": {},
        "optax": {"decay": "decoupled"},
        "keras": {"eps": 1e-7, "epsilon": "hat", "decay": "decoupled"},
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, number, "beta1", "beta2", at_least=0, below=1)  # at 1 the moment would stay zero
        keep(self, number, "eps", above=0)
        keep(self, choice, "epsilon", choices=("outside", "inside", "hat"))

    def remembers(self) -> dict[str, float]:
        return {"step": 0, "first_moment": 0, "second_moment": 0}

    def step(self, value: Array, g: Array, kept: Params, lr: float, t: int) -> tuple[Array, Params]:
        first, second = 1 - self.beta1**t, 1 - self.beta2**t
        m = self.beta1 * kept["first_moment"] + (1 - self.beta1) * g  # (1)
        v = self.beta2 * kept["second_moment"] + (1 - self.beta2) * g * g
        if self.epsilon == "hat":
            change = second**0.5 / first * m / (np.sqrt(v) + self.eps)  # (5)
        elif self.epsilon == "inside":
            change = m / first / np.sqrt(v / second + self.eps)  # (2), (4)
        else:
            change = m / first / (np.sqrt(v / second) + self.eps)  # (2), (3)
        return value - lr * change, {"first_moment": m, "second_moment": v}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2, without its schedule multiplier).

    With L2 in the gradient Adam divides the decay by the size of the gradient, so that weights with large gradients
    hardly decay; here all decay at the same rate, ``lr · weight_decay``. Where frameworks differ: the
    default coefficient is 0.01 in PyTorch, 1e-4 in optax and 0.004 in Keras.

    Attributes
    ----------
    weight_decay : float
        The coefficient; it is multiplied by the learning rate, which the paper's is not.
    """

    weight_decay: float = 0.01
    decay: str = "decoupled"

    theirs = {  # noqa: RUF012  # a table
        "torch": {"weight_decay": 0.01},
        "optax": {"weight_decay": 1e-4},
        "keras": {"weight_decay": 0.004, "eps": 1e-7, "epsilon": "hat"},
    }
