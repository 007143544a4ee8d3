"""Update rules: (params, grads, state, lr) -> (params, state), pure.

The learning rate is an argument, so a schedule needs nothing from the rule. The state is a dict of arrays, so a
checkpoint can hold it as it is.
"""

from dataclasses import dataclass
from typing import Protocol

from scratchdae.arguments import Params, number


class Optimizer(Protocol):
    """What the training loop asks of an update rule."""

    def init(self, params: Params) -> Params: ...

    def update(self, params: Params, grads: Params, state: Params, lr: float) -> tuple[Params, Params]: ...


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: ``θ ← θ − lr · dθ`` (Vincent et al. 2008, section 2.1)."""

    def init(self, params: Params) -> Params:
        """Return the state before the first step.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters.

        Returns
        -------
        dict
            Empty: the rule remembers nothing.
        """
        del params
        return {}

    def update(self, params: Params, grads: Params, state: Params, lr: float) -> tuple[Params, Params]:
        """Take one step against the gradient.

        Parameters
        ----------
        params, grads : dict of str to ndarray
            The parameters, and their gradients under the same names.
        state : dict
            From `init`, or from the last step.
        lr : float
            Learning rate, at least 0.

        Returns
        -------
        params : dict of str to ndarray
            New arrays; the old ones are untouched.
        state : dict
            The state to pass to the next step.

        Raises
        ------
        ValueError
            If the learning rate is negative or not finite, or a gradient's name is not a parameter's.
        """
        lr = number("lr", lr, at_least=0)
        if set(grads) != set(params):
            raise ValueError(f"grads must hold {sorted(params)}, found {sorted(grads)}")
        return {name: value - lr * grads[name] for name, value in params.items()}, state
