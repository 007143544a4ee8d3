"""Clipping: what keeps one exploding gradient from undoing the training so far."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Params, arrays, choice, having, keep, number
from scratchdae.optimizers.rule import CONVENTIONS, Optimizer


def global_norm(grads: Params) -> float:
    """Return ``sqrt(Σ dθ²)`` over every entry of every array, in float64, where float32's squares do not overflow."""
    return float(np.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in arrays("grads", grads).values())))


def clip_by_norm(grads: Params, max_norm: float, convention: str = "optax") -> Params:
    """Shorten the gradients to a global norm, and leave shorter ones alone (Pascanu et al. 2013, algorithm 1).

    Their direction is kept. Not to be confused with Keras' ``clipnorm``, which shortens each array by itself; this is
    its ``global_clipnorm``.

    Parameters
    ----------
    grads : dict of str to ndarray
        The gradients.
    max_norm : float
        The largest norm, positive.
    convention : {"optax", "keras", "torch"}
        optax and Keras multiply by ``max_norm / norm``, so the norm becomes `max_norm`; PyTorch by
        ``max_norm / (norm + 1e-6)``, where that is below 1.

    Returns
    -------
    dict of str to ndarray
        The clipped gradients. NaN and inf do not vanish: an infinite entry becomes NaN.
    """
    max_norm = number("max_norm", max_norm, above=0)
    norm = global_norm(grads)
    if choice("convention", convention, CONVENTIONS) == "torch":
        norm += 1e-6
    if not norm > max_norm:  # NaN too: it stays to be seen
        return dict(grads)
    return {name: g * (max_norm / norm) for name, g in grads.items()}


def clip_by_value(grads: Params, limit: float) -> Params:
    """Cut every entry of the gradients to [−limit, limit].

    Unlike `clip_by_norm` this changes the direction. All frameworks do the same.

    Parameters
    ----------
    grads : dict of str to ndarray
        The gradients.
    limit : float
        The largest size of an entry, positive.

    Returns
    -------
    dict of str to ndarray
        The clipped gradients; NaN stays NaN.
    """
    limit = number("limit", limit, above=0)
    return {name: np.minimum(np.maximum(g, -limit), limit) for name, g in arrays("grads", grads).items()}


@dataclass(frozen=True)
class Clipped(Optimizer):
    """An update rule that sees clipped gradients: what to pass to `scratchdae.fit`.

    Attributes
    ----------
    rule : Optimizer
        The update rule.
    max_norm : float, optional
        The largest global norm, positive.
    limit : float, optional
        The largest size of an entry, positive; it comes first where both are given.
    convention : {"optax", "keras", "torch"}
        As in `clip_by_norm`.
    """

    rule: Optimizer
    max_norm: float | None = None
    limit: float | None = None
    convention: str = "optax"

    def __post_init__(self) -> None:
        having("rule", self.rule, "an update rule of scratchdae.optimizers", "init", "update")
        if self.max_norm is None and self.limit is None:
            raise ValueError("max_norm or limit must be given, found None for both: nothing would be clipped")
        for name in ("max_norm", "limit"):
            if getattr(self, name) is not None:
                keep(self, number, name, above=0)
        keep(self, choice, "convention", choices=CONVENTIONS)

    def __str__(self) -> str:
        given = [f"{name}={getattr(self, name)!r}" for name in ("max_norm", "limit") if getattr(self, name) is not None]
        return f"Clipped({self.rule}, {', '.join(given)}, convention={self.convention!r})"

    def init(self, params: Params) -> Params:
        return self.rule.init(params)  # clipping remembers nothing

    def update(self, params: Params, grads: Params, state: Params, lr: float) -> tuple[Params, Params]:
        if self.limit is not None:
            grads = clip_by_value(grads, self.limit)
        if self.max_norm is not None:
            grads = clip_by_norm(grads, self.max_norm, self.convention)
        return self.rule.update(params, grads, state, lr)
