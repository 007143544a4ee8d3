"""Stochastic gradient descent, with and without momentum."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchdae.arguments import Params, choice, number
from scratchdae.optimizers.rule import CONVENTIONS, WeightDecay, next_step, slot, slots


@dataclass(frozen=True)
class SGD(WeightDecay):
    """Stochastic gradient descent (Vincent et al. 2008, section 2.1), and its momentum (Polyak 1964).

    ::

        θ ← θ − lr · dθ                                           no momentum                               (1)
        u ← m u + (1 − dampening) dθ,     θ ← θ − lr · u          momentum_lr="outside"                     (2)
        u ← m u + (1 − dampening) lr dθ,  θ ← θ − u               momentum_lr="inside"                      (3)

    Nesterov's form steps along ``dθ + m u`` (with the new u, and lr · dθ in (3)) in place of u. While the learning rate
    is constant, (2) and (3) take the same steps. When it falls by ten, (2) falls at once, and (3) goes on at the old
    speed for about 1 / (1 − m) steps. PyTorch and optax do (2), Keras, like Sutskever et al. 2013, (3). The first u is
    the gradient, undamped, as in PyTorch.

    Attributes
    ----------
    momentum : float
        m, in [0, 1); 0 for the plain rule.
    nesterov : bool
        Whether to take Nesterov's form.
    dampening : float
        In [0, 1); PyTorch's. 0 elsewhere.
    momentum_lr : {"outside", "inside"}
        Where the learning rate goes: (2) or (3).
    """

    momentum: float = 0.0
    nesterov: bool = False
    dampening: float = 0.0
    momentum_lr: str = "outside"

    def __post_init__(self) -> None:
        super().__post_init__()
        if number("momentum", self.momentum, at_least=0, at_most=1) == 1:
            raise ValueError("momentum must be less than 1, found 1: the velocity would never fade")
        number("dampening", self.dampening, at_least=0, at_most=1)
        choice("momentum_lr", self.momentum_lr, ("outside", "inside"))
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError(
                f"nesterov needs momentum > 0 and dampening = 0, found {self.momentum!r} and {self.dampening!r}"
            )
        if self.momentum == 0 and (self.dampening != 0 or self.momentum_lr != "outside"):
            raise ValueError("dampening and momentum_lr need momentum > 0, found 0: they would do nothing")

    @classmethod
    def of(cls, convention: str, **options: Any) -> "SGD":
        """Make the rule of a framework.

        Parameters
        ----------
        convention : {"torch", "optax", "keras"}
            The framework: where its learning rate and its weight decay go.
        **options
            Attributes to set besides.

        Returns
        -------
        SGD
            The rule.

        Raises
        ------
        ValueError
            If there is no such convention, or an option is out of range.
        """
        choice("convention", convention, CONVENTIONS)
        theirs: dict[str, Any] = {"decayed": "all"}
        if convention == "keras":
            theirs["decay"] = "decoupled"
            if options.get("momentum"):
                theirs["momentum_lr"] = "inside"
        return cls(**(theirs | options))

    def init(self, params: Params) -> Params:
        """Return the state before the first step.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters.

        Returns
        -------
        dict of str to ndarray
            ``velocity/NAME`` of every parameter; with dampening also ``step``. Empty without momentum.
        """
        if self.momentum == 0:
            return {}
        return slots("velocity", params) | ({"step": np.array(0)} if self.dampening else {})

    def update(self, params: Params, grads: Params, state: Params, lr: float) -> tuple[Params, Params]:
        """Take one step against the gradient.

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
        if self.momentum == 0:
            return {name: value - lr * grads[name] for name, value in params.items()}, state  # (1)
        new_params, new_state = {}, {}
        fresh = 1 - self.dampening
        if self.dampening:
            new_state["step"] = np.array(next_step(state))
            fresh = 1.0 if new_state["step"] == 1 else fresh
        inner, outer = (lr, 1.0) if self.momentum_lr == "inside" else (1.0, lr)
        for name, value in params.items():
            step = inner * grads[name]
            u = self.momentum * slot(state, "velocity", name, value) + fresh * step  # (2), (3)
            new_state[f"velocity/{name}"] = u
            new_params[name] = value - outer * (step + self.momentum * u if self.nesterov else u)
        return new_params, new_state
