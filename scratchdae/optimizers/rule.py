"""What an update rule is, and what all of them share: the checks, and weight decay."""

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from scratchdae.arguments import Array, Params, choice, number

CONVENTIONS = ("torch", "optax", "keras")


class Optimizer(Protocol):
    """What the training loop asks of an update rule."""

    def init(self, params: Params) -> Params:
        """Return the state before the first step.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters.

        Returns
        -------
        dict of str to ndarray
            What the rule remembers.
        """

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
        """


@dataclass(frozen=True, kw_only=True)
class WeightDecay:
    """Weight decay of a rule, in one of two places that differ as soon as the rule rescales gradients.

    ::

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

    def __post_init__(self) -> None:
        number("weight_decay", self.weight_decay, at_least=0)
        choice("decay", self.decay, ("gradient", "decoupled"))
        choice("decayed", self.decayed, ("weights", "all"))

    def __str__(self) -> str:
        """Print the rule with the options that are not the default ones, as a checkpoint's configuration keeps it."""
        options = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        given = ", ".join(f"{name}={value!r}" for name, value, default in options if value != default)
        return f"{type(self).__name__}({given})"

    def _begin(self, params: Params, grads: Params, lr: float) -> tuple[float, Params, Params]:
        """Check the arguments of a step and let the weights decay: the learning rate, parameters, gradients."""
        lr = number("lr", lr, at_least=0)
        if set(grads) != set(params):
            raise ValueError(f"grads must hold {sorted(params)}, found {sorted(grads)}")
        for name, value in params.items():
            if np.shape(grads[name]) != value.shape:
                raise ValueError(f"grads[{name!r}] must have shape {value.shape}, found {np.shape(grads[name])}")
        decayed = {name for name, value in params.items() if self.decayed == "all" or value.ndim >= 2}
        if self.weight_decay and self.decay == "gradient":
            grads = {name: g + self.weight_decay * params[name] if name in decayed else g for name, g in grads.items()}
        elif self.weight_decay:
            rest = 1 - lr * self.weight_decay
            params = {name: rest * value if name in decayed else value for name, value in params.items()}
        return lr, params, grads


def slots(name: str, params: Params) -> Params:
    """Return zeros like each parameter, under names such as ``velocity/W``.

    Parameters
    ----------
    name : str
        What the rule remembers.
    params : dict of str to ndarray
        The parameters.

    Returns
    -------
    dict of str to ndarray
        Part of a state.
    """
    return {f"{name}/{key}": np.zeros_like(value) for key, value in params.items()}


def slot(state: Params, name: str, key: str, like: Array) -> Array:
    """Return what the state remembers of one parameter.

    Parameters
    ----------
    state : dict of str to ndarray
        From `init`, or from the last step.
    name, key : str
        What the rule remembers, and the parameter.
    like : ndarray
        The parameter.

    Returns
    -------
    ndarray
        The entry.

    Raises
    ------
    ValueError
        If there is none, or one of another shape: the state is another rule's, or other parameters'.
    """
    entry = state.get(f"{name}/{key}")
    if entry is None or entry.shape != like.shape:
        found = "none" if entry is None else str(entry.shape)
        raise ValueError(f"state must hold '{name}/{key}' of shape {like.shape} (see init), found {found}")
    return entry


def next_step(state: Params) -> int:
    """Return the number of the step to take, counted from 1.

    Parameters
    ----------
    state : dict of str to ndarray
        From `init`, or from the last step.

    Returns
    -------
    int
        One more than ``state["step"]``.

    Raises
    ------
    ValueError
        If the state counts no steps.
    """
    if "step" not in state:
        raise ValueError(f"state must hold 'step' (see init), found {sorted(state)}")
    return int(state["step"]) + 1
