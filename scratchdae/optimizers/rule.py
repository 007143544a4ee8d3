"""What an update rule is, and what all of them share: the checks, weight decay, the loop over the parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from scratchdae.arguments import Array, Params, arrays, choice, keep, number

CONVENTIONS = ("torch", "optax", "keras")


class Optimizer(Protocol):
    """What the training loop asks of an update rule."""

    def init(self, params: Params) -> Params:
        """Return the state before the first step: what the rule remembers, named arrays as a checkpoint holds them."""

    def update(self, params: Params, grads: Params, state: Params, lr: float) -> tuple[Params, Params]:
        """Take one step.

        Parameters
        ----------
        params, grads : dict of str to ndarray
            The parameters, and their gradients under the same names and of the same shapes.
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
        """


@dataclass(frozen=True, kw_only=True)
class Rule(Optimizer):
    """An update rule: what it remembers, and its step for one parameter; weight decay comes with it.

    Weight decay goes to one of two places, which differ as soon as the rule rescales gradients::

        dθ ← dθ + weight_decay · θ           decay="gradient": L2, the gradient of weight_decay/2 · Σ θ²    (1)
        θ ← θ − lr · weight_decay · θ        decay="decoupled" (Loshchilov & Hutter 2019)                   (2)

    For plain gradient descent they are the same. Not to be confused with the `l2` of `scratchdae.fit`, whose penalty
    l2 · Σ W² has no factor 1/2.

    Attributes
    ----------
    weight_decay : float
        The coefficient, at least 0.
    decay : {"gradient", "decoupled"}
        Where it goes: (1) or (2).
    decayed : {"weights", "all"}
        Arrays of two axes or more, or biases too, as all frameworks do unless told otherwise.
    """

    weight_decay: float = 0.0
    decay: str = "gradient"
    decayed: str = "weights"

    theirs: ClassVar[Mapping[str, Mapping[str, Any]]]  # what each framework does otherwise than the defaults

    def __post_init__(self) -> None:
        keep(self, number, "weight_decay", at_least=0)
        keep(self, choice, "decay", choices=("gradient", "decoupled"))
        keep(self, choice, "decayed", choices=("weights", "all"))

    @classmethod
    def of(cls, convention: str, **options: Any) -> Self:
        """Make the rule of a framework, with its default numbers.

        Parameters
        ----------
        convention : {"torch", "optax", "keras"}
            The framework: where its learning rate, eps and weight decay go.
        **options
            Attributes to set besides.

        Returns
        -------
        Rule
            The rule, of this class.
        """
        return cls(**{"decayed": "all", **cls.theirs[choice("convention", convention, CONVENTIONS)], **options})

    def __str__(self) -> str:
        """Print the rule with the options that are not the default ones, as a checkpoint's configuration keeps it."""
        options = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        given = ", ".join(f"{name}={value!r}" for name, value, default in options if value != default)
        return f"{type(self).__name__}({given})"

    def remembers(self) -> dict[str, float]:
        """Name what is kept of each parameter, and its first value; ``step``, how many were taken, is one for all."""
        raise NotImplementedError

    def step(self, value: Array, g: Array, kept: Params, lr: float, t: int) -> tuple[Array, Params]:
        """Return a parameter and what is kept of it after step `t`, counted from 1, along its gradient `g`."""
        raise NotImplementedError

    def init(self, params: Params) -> Params:
        params, state = arrays("params", params), dict[str, Array]()
        for name, first in self.remembers().items():
            if name == "step":
                state["step"] = np.array(0)
            else:
                state |= {f"{name}/{key}": np.full_like(value, first) for key, value in params.items()}
        return state

    def update(self, params: Params, grads: Params, state: Params, lr: float) -> tuple[Params, Params]:
        lr, state = number("lr", lr, at_least=0), arrays("state", state)
        params, grads = self._decay(arrays("params", params), arrays("grads", grads), lr)
        names = self.remembers()
        new_params: Params = {}
        new_state: Params = {}
        t = 0
        if "step" in names:
            if "step" not in state or state["step"].shape != ():
                raise ValueError(f"state must hold 'step' (see init), found {sorted(state)}")
            t = int(state["step"]) + 1
            new_state["step"] = np.array(t)
        for key, value in params.items():
            kept = {name: _slot(state, name, key, value) for name in names if name != "step"}
            new_params[key], kept = self.step(value, grads[key], kept, lr, t)
            new_state |= {f"{name}/{key}": array for name, array in kept.items()}
        return new_params, new_state

    def _decay(self, params: Params, grads: Params, lr: float) -> tuple[Params, Params]:
        if set(grads) != set(params):
            raise ValueError(f"grads must hold {sorted(params)}, found {sorted(grads)}")
        for name, value in params.items():
            if grads[name].shape != value.shape:
                raise ValueError(f"grads[{name!r}] must have shape {value.shape}, found {grads[name].shape}")
        decayed = {name for name, value in params.items() if self.decayed == "all" or value.ndim >= 2}
        if self.weight_decay and self.decay == "gradient":  # (1)
            grads = {name: g + self.weight_decay * params[name] if name in decayed else g for name, g in grads.items()}
        elif self.weight_decay:  # (2)
            rest = 1 - lr * self.weight_decay
            params = {name: rest * value if name in decayed else value for name, value in params.items()}
        return params, grads


def _slot(state: Params, name: str, key: str, like: Array) -> Array:
    entry = state.get(f"{name}/{key}")
    if entry is None or entry.shape != like.shape:  # the state is another rule's, or other parameters'
        found = "none" if entry is None else str(entry.shape)
        raise ValueError(f"state must hold '{name}/{key}' of shape {like.shape} (see init), found {found}")
    return entry
