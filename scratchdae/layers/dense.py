"""Fully connected: every output a weighted sum of every input."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scratchdae import initializers
from scratchdae.arguments import Array, Params, integer, keep, shapes, sides
from scratchdae.layers.inputs import batch, cotangent


class _Cache(NamedTuple):
    W: Array  # (F, units)
    x: Array  # (B, ..., F)


@dataclass(frozen=True)
class Dense:
    """An affine map of the last axis: (..., F) to (..., units).

    ::

        y = x W + b                                                        (1)
        dW = xᵀ dy,   db = Σ dy,   dx = dy Wᵀ                              (2)

    The sums of (2) run over the batch and over any axes between it and the last, so that the same map serves every
    step of a sequence, as Keras' Dense and PyTorch's Linear do. It has no activation: that is a layer of its own. An
    image must be flattened first, or only its channels are mixed. Keras keeps W as here; PyTorch keeps Wᵀ.
    """

    units: int  # number of outputs
    init_W: str = "glorot_uniform"  # of `scratchdae.initializers`; b begins at zero

    def __post_init__(self) -> None:
        keep(self, integer, "units")
        keep(self, initializers.named, "init_W")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*sides("input_shape", input_shape, form="end in the number of features")[:-1], self.units)

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        self.output_shape(input_shape)
        W = initializers.get(self.init_W)((input_shape[-1], self.units), rng, dtype)  # (F, units)
        return {"W": W, "b": np.zeros(self.units, dtype)}  # b (units,)

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        """Compute the outputs, equation (1)."""
        del rng
        W = shapes("params", params, {"W": ("F", self.units), "b": (self.units,)})["W"]
        x = batch("x", x, (..., W.shape[0]), W.dtype)  # (B, ..., F)
        y = x.reshape(-1, W.shape[0]) @ W + params["b"]  # (1)
        return y.reshape(*x.shape[:-1], -1), _Cache(W, x)  # (B, ..., units)

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equation (2)."""
        W, x = cache
        dy = cotangent(d_output, (*x.shape[:-1], W.shape[1]), W.dtype).reshape(-1, W.shape[1])  # (n, units)
        dW = x.reshape(-1, W.shape[0]).T @ dy  # (2)
        return (dy @ W.T).reshape(x.shape), {"W": dW, "b": dy.sum(axis=0)}
