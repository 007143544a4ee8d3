"""What the untouched training showed, in numbers that do not depend on its scale, its loss or its framework."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scratchdae.arguments import Array
from scratchdae.doctor.expected import STRONG, STRONG_MASK, Expected
from scratchdae.doctor.patient import Anatomy, Outcome

ONE = 1.0  # the best constant's share


@dataclass
class Evidence:
    """The anatomy, the floors and what came of the training as it is."""

    anatomy: Anatomy
    expected: Expected
    base: Outcome
    x: Array  # (N, D) as the user feeds them
    batch: int

    @cached_property
    def facts(self) -> set[str]:
        """Causes that were seen directly."""
        return {fact.cause for fact in self.anatomy.facts}

    def sign(self, name: str) -> float:
        """Return a statistic; NaN where it was not seen."""
        return self.base.signs.get(name, float("nan"))

    @property
    def share(self) -> float:
        """What is unexplained beyond the best linear network with this code, of what that explains; 0 to about 1."""
        linear = min(self.expected.linear, 0.999)
        return max(0.0, (min(self.base.score, 2.0) - linear) / (ONE - linear))

    @property
    def lost(self) -> bool:
        """Whether it is worse than the best constant, which goes through any bottleneck: not that alone is wrong."""
        return not self.base.finite or self.base.score > ONE + 0.05

    @property
    def roomy(self) -> bool:
        """Whether the code holds as many numbers as an example: poolings with so many channels need not lose any."""
        return self.anatomy.code is not None and self.anatomy.code >= self.x.shape[1]

    @property
    def close(self) -> bool:
        """Whether it is about where the best linear network is."""
        return self.share < 0.15

    @property
    def loss_at_end(self) -> float:
        """The user's loss over the last steps, as a mean over entries."""
        last = self.base.loss[-max(1, len(self.base.loss) // 10) :]
        return float(last.mean()) / self.anatomy.scale if len(last) and self.anatomy.scale else float("nan")

    @property
    def at_entropy(self) -> bool:
        """Whether a cross-entropy is high only because its targets are no bits."""
        entropy = self.expected.entropy
        if "cross" not in self.anatomy.loss or not self.base.finite or not entropy > 0.02:
            return False
        return self.close and self.loss_at_end < 2 * entropy

    @property
    def first(self) -> float:
        """What was unexplained before the first step."""
        return self.base.unexplained[0] if self.base.unexplained else float("nan")

    @property
    def nothing(self) -> float:
        """What is unexplained by an output of 0."""
        spread = float(((self.x - self.x.mean(axis=0)) ** 2).sum())
        return float((self.x**2).sum()) / spread if spread > 0 else 1.0

    @property
    def slope(self) -> float:
        """Relative fall of what is unexplained over the last third."""
        u = self.base.unexplained
        if len(u) < 4 or not np.isfinite(u).all():
            return 0.0
        return (u[-3] - u[-1]) / max(u[-3], 1e-9)

    @property
    def growth(self) -> float:
        """The last loss over the least, in powers of ten; of what is unexplained likewise."""
        u = np.array([v for v in self.base.unexplained if np.isfinite(v)])
        return float(np.log10(max(u[-1], 1e-9) / max(u.min(), 1e-9))) * 3 if len(u) > 1 else 0.0

    @property
    def jitter(self) -> float:
        """How much the loss jumps from step to step over the last quarter, relative to itself."""
        loss = self.base.loss[-max(8, len(self.base.loss) // 4) :]
        if len(loss) < 8 or not np.isfinite(loss).all() or loss.mean() == 0:
            return 0.0
        return float(np.abs(np.diff(loss)).mean() / abs(loss.mean()))

    @property
    def gap(self) -> float:
        """What is unexplained of held-out examples beyond that of training examples."""
        return self.base.score - self.base.train if self.base.finite else 0.0

    @property
    def offset(self) -> float:
        """The mean of the data over their spread."""
        spread = float(np.sqrt(self.x.var(axis=0).mean()))
        return float(np.abs(self.x.mean())) / spread if spread > 0 else 0.0

    @property
    def size(self) -> float:
        """The spread of the data."""
        return float(np.sqrt(self.x.var(axis=0).mean()))

    @property
    def noise(self) -> float:
        """The user's noise over what is still moderate: one standard deviation of the data, or 60 % destroyed."""
        noise = self.anatomy.noise
        if noise.kind == "gaussian":
            return noise.level / (STRONG * self.size) if self.size else 0.0
        return noise.level / STRONG_MASK

    @property
    def copier(self) -> bool:
        """Whether it returns noise as it came, where more could be had."""
        copying = self.expected.copying
        return (
            copying > 0.1
            and self.base.score > 0.5 * copying
            and self.expected.linear < 0.6 * copying
            and self.base.clean < 0.5 * copying
        )

    @property
    def untasked(self) -> bool:
        """Whether nothing keeps it from copying: it is as wide as its input, and its noise is weak or none."""
        judge, noise = self.expected.reference, self.anatomy.noise
        weak = noise.kind == "none" or (noise.kind == judge.kind and noise.level < 0.5 * judge.level)
        return self.roomy and weak and judge.kind != "none" and self.share > 0.05

    @property
    def narrow(self) -> bool:
        """Whether the code loses much that one of twice the width would keep."""
        k = self.expected.code
        if k is None or k >= self.x.shape[1]:
            return False
        linear = self.expected.linear
        wider = self.expected.at(4 * k) < 0.6 * linear
        return linear > 0.25 and self.base.score > 0.25 and self.structured > 0.1 and wider and (k <= 4 or linear > 0.5)

    @property
    def penalised(self) -> bool:
        """Whether the weights are held down by more than AdamW does by default."""
        usual = 0.011 if self.anatomy.optimizer == "AdamW" else 3e-4
        return self.anatomy.weight_decay > usual or self.anatomy.penalty > 0

    @property
    def penalty(self) -> float:
        """What share of the loss at the end is not about the data; NaN where that cannot be told."""
        if not (self.anatomy.penalty and self.anatomy.loss == "squared_error" and self.base.finite):
            return float("nan")
        about_data = self.base.clean * float(self.x.var(axis=0).mean())
        return 1 - about_data / self.loss_at_end if self.loss_at_end > 0 else float("nan")

    @property
    def outlying(self) -> bool:
        """Whether some examples lie far from all others."""
        distance = np.sqrt(((self.x - np.median(self.x, axis=0)) ** 2).sum(axis=1))
        middle = np.median(distance)
        return bool((distance > middle + 10 * (np.median(np.abs(distance - middle)) or 1e-12)).any())

    @property
    def deep(self) -> bool:
        """Whether there are layers that an activation could part."""
        return len(self.anatomy.layers) > 1

    @property
    def pooled(self) -> bool:
        """Whether it is made of convolutions alone."""
        return any(layer.startswith("conv") for layer in self.anatomy.layers) and "linear" not in self.anatomy.layers

    @property
    def saturation(self) -> float:
        """The share of the output that is saturated; 0 where that was not seen."""
        share = self.sign("output_saturated")
        return 0.0 if np.isnan(share) else share

    @property
    def recurrent(self) -> bool:
        """Whether it has recurrent layers."""
        return any(layer in ("lstm", "gru", "rnn_tanh", "rnn_relu") for layer in self.anatomy.layers)

    @property
    def structured(self) -> float:
        """How much less a linear code leaves of these data than of the same with their columns shuffled; 0 to 1."""
        k = self.expected.code if self.expected.code is not None else self.x.shape[1] // 4
        k = min(max(1, k), max(1, self.x.shape[1] // 2))
        apart = self.expected.at(k, shuffled=True)
        return 1 - self.expected.at(k) / apart if apart > 0 else 0.0
