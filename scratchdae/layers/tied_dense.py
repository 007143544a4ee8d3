"""A fully connected layer whose weights are those of another, transposed."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scratchdae import initializers
from scratchdae.arguments import Array, Params, integer, keep, shapes, sides
from scratchdae.layers.inputs import batch, cotangent


class _Cache(NamedTuple):
    W: Array  # (units, F)
    x: Array  # (B, ..., F)


@dataclass(frozen=True)
class TiedDense:
    """An affine map of the last axis by the weights of an earlier `Dense`, transposed: (..., F) to (..., units).

    ::

        y = x Wᵀ + b                                                       (1)
        dW = dyᵀ x,   db = Σ dy,   dx = dy W                               (2)

    W (units, F) is the partner's, which takes `units` features and gives F; b is the layer's own. In a
    `scratchdae.Sequential` there is one array for both, under the partner's name, and its gradient is the sum of both
    uses, as in the tied autoencoder of the paper: dW = x̃ᵀ da_y + da_zᵀ y. Penalties, norms and update rules see it
    once. By itself the layer has a W of its own.

    In PyTorch ``F.linear(x, encoder.weight.T, b)``; Keras has no such layer. Not to be confused with a copy of the
    weights at the start, which training then drives apart.
    """

    units: int  # number of outputs, the features that the partner takes
    tied_to: int  # the partner's place among the layers, counted from 0

    def __post_init__(self) -> None:
        keep(self, integer, "units")
        keep(self, integer, "tied_to", at_least=0)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*sides("input_shape", input_shape, form="end in the number of features")[:-1], self.units)

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        self.output_shape(input_shape)
        W = initializers.glorot_uniform((self.units, input_shape[-1]), rng, dtype)  # (units, F)
        return {"W": W, "b": np.zeros(self.units, dtype)}  # b (units,)

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        """Compute the outputs, equation (1)."""
        del rng
        W = shapes("params", params, {"W": (self.units, "F"), "b": (self.units,)})["W"]
        x = batch("x", x, (..., W.shape[1]), W.dtype)  # (B, ..., F)
        y = x.reshape(-1, W.shape[1]) @ W.T + params["b"]  # (1)
        return y.reshape(*x.shape[:-1], -1), _Cache(W, x)  # (B, ..., units)

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equation (2)."""
        W, x = cache
        dy = cotangent(d_output, (*x.shape[:-1], len(W)), W.dtype).reshape(-1, len(W))  # (n, units)
        dW = dy.T @ x.reshape(-1, W.shape[1])  # (2)
        return (dy @ W).reshape(x.shape), {"W": dW, "b": dy.sum(axis=0)}
