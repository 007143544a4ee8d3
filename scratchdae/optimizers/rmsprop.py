"""RMSprop: each gradient entry divided by its own recent size."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchdae.arguments import Params, choice, number
from scratchdae.optimizers.rule import CONVENTIONS, WeightDecay, slot, slots


@dataclass(frozen=True)
class RMSprop(WeightDecay):
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
    by 1e-8 and (4) by 1e-4. The defaults here are PyTorch's.

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

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("decay_rate", "momentum"):
            if number(name, getattr(self, name), at_least=0, at_most=1) == 1:
                raise ValueError(f"{name} must be less than 1, found 1: it would never forget")
        number("eps", self.eps, above=0)
        choice("epsilon", self.epsilon, ("outside", "inside"))
        choice("momentum_lr", self.momentum_lr, ("outside", "inside"))

    @classmethod
    def of(cls, convention: str, **options: Any) -> "RMSprop":
        """Make the rule of a framework, with its default numbers.

        Parameters
        ----------
        convention : {"torch", "optax", "keras"}
            The framework.
        **options
            Attributes to set besides.

        Returns
        -------
        RMSprop
            The rule.

        Raises
        ------
        ValueError
            If there is no such convention, or an option is out of range.
        """
        theirs: dict[str, dict[str, Any]] = {
            "torch": {},
            "optax": {"decay_rate": 0.9, "epsilon": "inside", "momentum_lr": "inside"},
            "keras": {
                "decay_rate": 0.9,
                "eps": 1e-7,
                "epsilon": "inside",
                "momentum_lr": "inside",
                "decay": "decoupled",
            },
        }
        return cls(**({"decayed": "all"} | theirs[choice("convention", convention, CONVENTIONS)] | options))

    def init(self, params: Params) -> Params:
        """Return the state before the first step.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters.

        Returns
        -------
        dict of str to ndarray
            ``mean_square/NAME`` of every parameter; with momentum ``velocity/NAME``, centred ``mean/NAME``.
        """
        state = slots("mean_square", params)
        if self.momentum:
            state |= slots("velocity", params)
        if self.centred:
            state |= slots("mean", params)
        return state

    def update(self, params: Params, grads: Params, state: Params, lr: float) -> tuple[Params, Params]:
        """Take one step.

        Parameters
        ----------
        params, grads : dict of str to ndarray
            The parameters, and their gradients under the same names.
        state : dict of str to ndarray
            From `init`, or from the last step.
        lr : float
            Learning rate, at least 0.

        Returns
        -------
        params : dict of str to ndarray
            New arrays; the old ones are untouched.
        state : dict of str to ndarray
            The state to pass to the next step.

        Raises
        ------
        ValueError
            If the learning rate is negative or not finite, or names or shapes differ.
        """
        lr, params, grads = self._begin(params, grads, lr)
        new_params, new_state = {}, {}
        inner, outer = (lr, 1.0) if self.momentum_lr == "inside" else (1.0, lr)
        old, fresh = self.decay_rate, 1 - self.decay_rate
        for name, value in params.items():
            g = grads[name]
            v = old * slot(state, "mean_square", name, value) + fresh * g * g  # (1)
            new_state[f"mean_square/{name}"] = v
            if self.centred:
                w = old * slot(state, "mean", name, value) + fresh * g
                new_state[f"mean/{name}"] = w
                v = v - w * w  # (2)
            s = g / (np.sqrt(v) + self.eps) if self.epsilon == "outside" else g / np.sqrt(v + self.eps)  # (3), (4)
            if self.momentum:
                u = self.momentum * slot(state, "velocity", name, value) + inner * s  # (6), (7)
                new_state[f"velocity/{name}"] = u
                new_params[name] = value - outer * u
            else:
                new_params[name] = value - lr * s  # (5)
        return new_params, new_state
