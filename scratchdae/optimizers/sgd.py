"""Stochastic gradient descent, with and without momentum."""

from dataclasses import dataclass
from typing import Any, Self

from scratchdae.arguments import Array, Params, choice, flag, keep, number
from scratchdae.optimizers.rule import CONVENTIONS, Rule


@dataclass(frozen=True)
class SGD(Rule):
    """Stochastic gradient descent (Vincent et al. 2008, section 2.1), and its momentum (Polyak 1964).

    ::

        θ ← θ − lr · dθ                                           no momentum                               (1)
        u ← m u + (1 − dampening) dθ,     θ ← θ − lr · u          momentum_lr="outside"                     (2)
        u ← m u + (1 − dampening) lr dθ,  θ ← θ − u               momentum_lr="inside"                      (3)

    Nesterov's form steps along ``dθ + m u`` (with the new u, and lr · dθ in (3)) in place of u. While the learning rate
    is constant, (2) and (3) take the same steps. When it falls by ten, (2) falls at once, and (3) goes on at the old
    speed for about 1 / (1 − m) steps. PyTorch and optax do (2), Keras, like Sutskever et al. 2013, (3). The first u is
    the gradient, undamped, as in PyTorch. What is remembered: ``velocity/NAME``; with dampening also ``step``; nothing
    without momentum.

    Attributes
    ----------
    momentum : float
        m, in [0, 1); 0 for the plain rule.
    nesterov : bool
        Whether to take Nesterov's form.
    dampening : float
        In [0, 1]; PyTorch's. 0 elsewhere.
    momentum_lr : {"outside", "inside"}
        Where the learning rate goes: (2) or (3).
    """

    momentum: float = 0.0
    nesterov: bool = False
    dampening: float = 0.0
    momentum_lr: str = "outside"

    theirs = {"torch": {}, "optax": {}, "keras": {"decay": "decoupled"}}  # noqa: RUF012  # a table

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, number, "momentum", at_least=0, below=1)  # at 1 the velocity would never fade
        keep(self, flag, "nesterov")
        keep(self, number, "dampening", at_least=0, at_most=1)
        keep(self, choice, "momentum_lr", choices=("outside", "inside"))
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError(
                f"nesterov needs momentum > 0 and dampening = 0, found {self.momentum!r} and {self.dampening!r}"
            )
        if self.momentum == 0 and (self.dampening != 0 or self.momentum_lr != "outside"):
            raise ValueError("dampening and momentum_lr need momentum > 0, found 0: they would do nothing")

    @classmethod
    def of(cls, convention: str, **options: Any) -> Self:
        inside = (
            {"momentum_lr": "inside"}
            if choice("convention", convention, CONVENTIONS) == "keras" and options.get("momentum")
            else {}
        )
        return super().of(convention, **(inside | options))

    def remembers(self) -> dict[str, float]:
        if self.momentum == 0:
            return {}
        return {"step": 0, "velocity": 0} if self.dampening else {"velocity": 0}

    def step(self, value: Array, g: Array, kept: Params, lr: float, t: int) -> tuple[Array, Params]:
        if self.momentum == 0:
            return value - lr * g, {}  # (1)
        fresh = 1.0 if t == 1 else 1 - self.dampening
        inner, outer = (lr, 1.0) if self.momentum_lr == "inside" else (1.0, lr)
        step = inner * g
        u = self.momentum * kept["velocity"] + fresh * step  # (2), (3)
        return value - outer * (step + self.momentum * u if self.nesterov else u), {"velocity": u}
