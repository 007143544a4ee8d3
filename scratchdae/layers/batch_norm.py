"""Batch normalisation: every channel brought to mean 0 and variance 1 over a batch, then scaled and shifted."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, Params, choice, generator, keep, number, shapes, sides
from scratchdae.layers.inputs import batch, cotangent

_CONVENTIONS: dict[str, dict[str, Any]] = {
    "torch": {},
    "flax": {"decay_rate": 0.99, "running": "biased"},
    "keras": {"decay_rate": 0.99, "eps": 1e-3, "running": "biased"},
}


class _Cache(NamedTuple):
    gamma: Array  # (C,)
    x_hat: Array  # (B, ..., C), equation (2)
    inverse: Array  # (C,), 1 / sqrt(v + eps)
    statistics: Params  # in training: what takes the place of the running ones after the step; otherwise empty


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation (Ioffe & Szegedy 2015) of the last axis: columns of a table, channels of an image.

    With m for the mean of a channel over the n numbers that it has in the batch (examples, and pixels or steps)::

        μ = m(x),   v = m((x − μ)²)          in training: with a generator (1)
        x̂ = (x − μ) / sqrt(v + eps)                                        (2)
        y = γ x̂ + β                                                        (3)
        running ← decay_rate · running + (1 − decay_rate) · (μ, v n / (n − 1))      (4)
        dβ = Σ dy,   dγ = Σ dy x̂                                           (5)
        dx = γ (dy − m(dy) − x̂ m(dy x̂)) / sqrt(v + eps)                    (6)

    In evaluation, without a generator, μ and v of (2) are the running ones, and the layer is an affine map of its own::

        dx = γ dy / sqrt(v + eps)                                          (7)
        dμ = −Σ dx,   dv = −Σ dx x̂ / (2 sqrt(v + eps))                     (8)

    The running statistics stand among the parameters, ``running_mean`` and ``running_variance``, so that a checkpoint
    holds them. In training nothing depends on them and their gradient is 0; (4) is in the cache, and `fit` puts it in
    their place after the step, whatever the update rule did to them. A loop of one's own does
    ``params |= grads.statistics``, or evaluates with 0 and 1.

    Where frameworks differ: v is biased in (2) everywhere; PyTorch's (4) has n / (n − 1), Keras' and Flax' have not.
    PyTorch's ``momentum`` of 0.1 is a decay rate of 0.9, Keras' and Flax' 0.99 is one; eps is 1e-5, Keras' 1e-3.
    ``BatchNorm.of("torch")``, ``"flax"`` and ``"keras"`` set them together. Not to be confused with layer
    normalisation, whose mean is over the channels of one example, the same in training and in evaluation.
    """

    decay_rate: float = 0.9  # in [0, 1): how much of the running statistics a step leaves
    eps: float = 1e-5  # positive
    running: str = "unbiased"  # variance of (4); or "biased", without n / (n − 1)

    held: ClassVar = ("running_mean", "running_variance")  # parameters that no gradient trains

    def __post_init__(self) -> None:
        keep(self, number, "decay_rate", at_least=0, below=1)
        keep(self, number, "eps", above=0)
        keep(self, choice, "running", choices=("unbiased", "biased"))

    @classmethod
    def of(cls, convention: str) -> "BatchNorm":
        """Return the layer with the numbers of a framework: torch, flax or keras."""
        return cls(**_CONVENTIONS[choice("convention", convention, _CONVENTIONS)])

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return sides("input_shape", input_shape, form="end in the number of channels")

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        del rng
        C = self.output_shape(input_shape)[-1]
        learnt = {"gamma": np.ones(C, dtype), "beta": np.zeros(C, dtype)}
        return {**learnt, "running_mean": np.zeros(C, dtype), "running_variance": np.ones(C, dtype)}

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        """Normalise, equations (1) to (4)."""
        params = shapes("params", params, dict.fromkeys(("gamma", "beta", *self.held), ("C",)))
        gamma, beta, mean, variance = params.values()
        x = batch("x", x, (..., len(gamma)), gamma.dtype)  # (B, ..., C)
        statistics: Params = {}
        if rng is not None:
            generator("rng", rng)
            axes, n = tuple(range(x.ndim - 1)), x.size // len(gamma)
            if n == 1 and self.running == "unbiased":
                raise ValueError(f"x must have more than one number a channel in training, found shape {x.shape}")
            old, fresh = self.decay_rate, 1 - self.decay_rate
            new_mean = x.mean(axis=axes)  # (1)
            new_variance = ((x - new_mean) ** 2).mean(axis=axes)
            spread = new_variance * (n / (n - 1)) if self.running == "unbiased" else new_variance
            statistics["running_mean"] = old * mean + fresh * new_mean  # (4)
            statistics["running_variance"] = old * variance + fresh * spread
            mean, variance = new_mean, new_variance
        inverse = 1 / np.sqrt(variance + self.eps)
        x_hat = (x - mean) * inverse  # (2)
        return gamma * x_hat + beta, _Cache(gamma, x_hat, inverse, statistics)  # (3)

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equations (5) and (6), or (5), (7) and (8)."""
        gamma, x_hat, inverse, statistics = cache
        dy, axes = cotangent(d_output, x_hat.shape, x_hat.dtype), tuple(range(x_hat.ndim - 1))
        grads = {"gamma": (dy * x_hat).sum(axis=axes), "beta": dy.sum(axis=axes)}  # (5)
        if statistics:
            n = x_hat.size // len(gamma)
            dx = gamma * inverse * (dy - grads["beta"] / n - x_hat * (grads["gamma"] / n))  # (6)
            return dx, grads | {name: np.zeros_like(gamma) for name in self.held}
        scale = gamma * inverse
        d_mean, d_variance = -scale * grads["beta"], -scale * inverse * grads["gamma"] / 2  # (8)
        return scale * dy, grads | {"running_mean": d_mean, "running_variance": d_variance}  # (7)
