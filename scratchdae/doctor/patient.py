"""What the doctor asks of a training, whatever framework it is written in.

A `Patient` can be trained from the beginning, as it is or with something changed from outside, and says what came of
it. Everything is measured in one unit: the share of the data's variance that a reconstruction of held-out examples
leaves unexplained. 0 is perfect, 1 is the best constant; it does not depend on the loss, its reduction or the data's
scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from scratchdae.arguments import Array


class Change(NamedTuple):
    """One thing done otherwise than the user does it: a name of `remedies.REMEDIES` and how much of it."""

    name: str
    factor: float | None = None


class CannotChange(Exception):
    """What cannot be changed from outside, and why."""


class UsersError(Exception):
    """An exception in the user's own code; the message has its line."""


@dataclass(frozen=True)
class Noise:
    """The noise that a network is fed."""

    kind: str = "none"  # none, gaussian, masking, salt, or dropout: what is left is scaled up
    level: float = 0.0  # a standard deviation in units of the data; a fraction destroyed


NONE = Noise()


@dataclass(frozen=True)
class Fact:
    """Something seen directly in the user's training, which needs no statistics."""

    cause: str  # a row of causes.CAUSES
    text: str


@dataclass(frozen=True)
class Anatomy:
    """What a training is made of, as far as it could be seen."""

    framework: str
    loss: str = "unknown"  # as scratchdae.losses names it; cross_entropy_from_logits apart from cross_entropy
    scale: float = 1.0  # the loss, divided by the mean over all entries
    penalty: float = 0.0  # what else is in the first loss
    output: str = "linear"  # its activation
    hidden: tuple[str, ...] = ()  # the activations inside
    layers: tuple[str, ...] = ()  # from the input to the output
    code: int | None = None  # numbers an example is squeezed into, where the network is narrowest
    noise: Noise = NONE
    optimizer: str = ""
    lr: float = 0.0
    weight_decay: float = 0.0
    parameters: int = 0
    facts: tuple[Fact, ...] = ()
    unseen: tuple[str, ...] = ()  # what could not be seen, and why


@dataclass
class Outcome:
    """What came of one training."""

    seed: int
    steps: int
    changes: tuple[Change, ...] = ()
    loss: Array = field(default_factory=lambda: np.zeros(0))  # (steps,) what the user's step returned
    at: list[int] = field(default_factory=list)  # steps before which the next were measured; the end last
    unexplained: list[float] = field(default_factory=list)  # on held-out examples, fed as `score` says
    clean: float = float("inf")  # unexplained of clean held-out examples, at the end
    score: float = float("inf")  # of those with the reference noise
    train: float = float("inf")  # of training examples with the reference noise
    signs: dict[str, float] = field(default_factory=dict)  # scale-free statistics; only where they were asked for
    reconstructions: Array | None = None  # (n, D) of the first held-out examples
    seconds: float = 0.0

    @property
    def finite(self) -> bool:
        """Whether nothing left the finite numbers."""
        return bool(np.isfinite(self.loss).all() and np.isfinite(self.score))


class Patient(Protocol):
    """A training that can be begun anew. `x` and `held_out` are (N, D), flattened, as the user feeds them."""

    x: Array
    held_out: Array
    batch_size: int
    image_shape: tuple[int, ...] | None

    def anatomy(self, seed: int) -> Anatomy:
        """Look at the first steps of a training, which is then thrown away; a UsersError if they fail."""
        ...

    def train(
        self, seed: int, steps: int, changes: Sequence[Change] = (), reference: Noise = NONE, signs: bool = False
    ) -> Outcome:
        """Train from the beginning; CannotChange where a change cannot be made from outside."""
        ...

    def lines(self, change: Change) -> str:
        """Return a change as the lines that the user would write."""
        ...


def unexplained(z: Array, x: Array, weights: Array | None = None) -> float:
    """Return Σ(z − x)² / Σ(x − mean of x)² of reconstructions z (n, D), at most 1e6; infinite where z is not finite.

    `weights` (D,) are the squares of the units' sizes where columns were scaled one by one.
    """
    w = 1.0 if weights is None else weights
    z, x = z.astype(np.float64), x.astype(np.float64)
    if not np.isfinite(z).all():
        return float("inf")
    whole = float((w * (x - x.mean(axis=0)) ** 2).sum())
    left = float((w * (np.clip(z, -1e150, 1e150) - x) ** 2).sum())
    return min(left / whole, 1e6) if whole > 0 else (0.0 if left == 0 else 1e6)


def spread_of(z: Array, x: Array) -> float:
    """Return the variance of reconstructions z (n, D) over that of examples x (n, D); NaN where z is not finite."""
    whole = float(x.var(axis=0).sum())
    if not np.isfinite(z).all():
        return float("nan")
    return float(z.var(axis=0).sum()) / whole if whole > 0 else 0.0


def corrupted(x: Array, noise: Noise, rng: np.random.Generator) -> Array:
    """Return x (n, D) with noise."""
    if noise.kind == "gaussian":
        return x + noise.level * rng.standard_normal(x.shape)
    if noise.kind == "masking":
        return x * (rng.random(x.shape) >= noise.level)
    return x


def noise_of(x: Array, fed: Array, rounded: float = 0.0) -> Noise:
    """Tell what noise makes `fed` of examples x, both (B, D); what is not more than rounding is none."""
    size, difference = float(x.std()) or 1.0, fed - x
    if np.abs(difference).max() < max(1e-4 * size, rounded):
        return Noise()
    changed = np.abs(difference) > 1e-5 * size
    extreme = np.isin(fed[changed], (x.min(), x.max())) if x.min() < x.max() else changed[changed]
    if 0.02 < changed.mean() < 0.98 and extreme.mean() > 0.98 and np.ptp(fed[changed]) > 0.5 * np.ptp(x):
        return Noise("salt", float(changed.mean()))
    inner = x != 0
    unchanged = np.abs(difference[inner]) < 1e-5 * size
    if inner.any() and unchanged.mean() > 0.02:
        return Noise("masking", float(1 - unchanged.mean()))
    holes = np.abs(fed[inner]) < 1e-9 * size
    if inner.any() and holes.mean() > 0.02:  # as dropout makes them, what is left scaled up
        return Noise("dropout", float(holes.mean()))
    return Noise("gaussian", float(difference.std()))
