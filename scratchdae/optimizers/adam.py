"""Adam, and AdamW, whose weight decay stays out of the gradient."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchdae.arguments import Params, choice, number
from scratchdae.optimizers.rule import CONVENTIONS, WeightDecay, next_step, slot, slots


@dataclass(frozen=True)
class Adam(WeightDecay):
    """Adam (Kingma & Ba 2015, algorithm 1).

    ::

        m ← β₁ m + (1 − β₁) dθ,   v ← β₂ v + (1 − β₂) dθ²                                                   (1)
        m̂ = m / (1 − β₁ᵗ),        v̂ = v / (1 − β₂ᵗ)               t counts the steps from 1                 (2)
        θ ← θ − lr · m̂ / (sqrt(v̂) + eps)                          epsilon="outside": the paper's    (3)
        θ ← θ − lr · m̂ / sqrt(v̂ + eps)                            epsilon="inside": optax's eps_root (4)
        θ ← θ − lr · sqrt(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (sqrt(v) + eps)      epsilon="hat"      (5)

    (5) is the form at the end of the paper's section 2: (3) with an eps that begins at eps / sqrt(1 − β₂), 32 times
    larger, and shrinks to eps. Without (2) the first step would be (1 − β₁) / sqrt(1 − β₂) = 3.2 times as long as lr.
    The state is the same in all three.

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

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta1", "beta2"):
            if number(name, getattr(self, name), at_least=0, at_most=1) == 1:
                raise ValueError(f"{name} must be less than 1, found 1: the moment would stay zero")
        number("eps", self.eps, above=0)
        choice("epsilon", self.epsilon, ("outside", "inside", "hat"))

    @classmethod
    def of(cls, convention: str, **options: Any) -> "Adam":
        """Make the rule of a framework, with its default numbers.

        Parameters
        ----------
        convention : {"torch", "optax", "keras"}
            The framework. Weight decay, where it is given, goes into the gradient for PyTorch's Adam; optax (adamw)
            and Keras know the decoupled one alone.
        **options
            Attributes to set besides.

        Returns
        -------
        Adam
            The rule.

        Raises
        ------
        ValueError
            If there is no such convention, or an option is out of range.
        """
        theirs: dict[str, dict[str, Any]] = {
            "torch": {},
            "optax": {"decay": "decoupled"},
            "keras": {"eps": 1e-7, "epsilon": "hat", "decay": "decoupled"},
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
            ``step``, an array without axes, and ``first_moment/NAME``, ``second_moment/NAME`` of every parameter.
        """
        return {"step": np.array(0)} | slots("first_moment", params) | slots("second_moment", params)

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
        t = next_step(state)
        first, second = 1 - self.beta1**t, 1 - self.beta2**t
        new_params: Params = {}
        new_state: Params = {"step": np.array(t)}
        for name, value in params.items():
            g = grads[name]
            m = self.beta1 * slot(state, "first_moment", name, value) + (1 - self.beta1) * g  # (1)
            v = self.beta2 * slot(state, "second_moment", name, value) + (1 - self.beta2) * g * g
            new_state[f"first_moment/{name}"], new_state[f"second_moment/{name}"] = m, v
            if self.epsilon == "hat":
                change = second**0.5 / first * m / (np.sqrt(v) + self.eps)  # (5)
            elif self.epsilon == "inside":
                change = m / first / np.sqrt(v / second + self.eps)  # (2), (4)
            else:
                change = m / first / (np.sqrt(v / second) + self.eps)  # (2), (3)
            new_params[name] = value - lr * change
        return new_params, new_state


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

    @classmethod
    def of(cls, convention: str, **options: Any) -> "AdamW":
        """Make the rule of a framework, with its default numbers.

        Parameters
        ----------
        convention : {"torch", "optax", "keras"}
            The framework.
        **options
            Attributes to set besides.

        Returns
        -------
        AdamW
            The rule.

        Raises
        ------
        ValueError
            If there is no such convention, or an option is out of range.
        """
        theirs: dict[str, dict[str, Any]] = {
            "torch": {"weight_decay": 0.01},
            "optax": {"weight_decay": 1e-4},
            "keras": {"weight_decay": 0.004, "eps": 1e-7, "epsilon": "hat"},
        }
        return cls(**({"decayed": "all"} | theirs[choice("convention", convention, CONVENTIONS)] | options))
