"""A sigmoid layer that is penalised for how much it answers to small changes of its input."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scratchdae import initializers
from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params, generator, integer, keep, number, shapes, sides
from scratchdae.layers.dense import Dense
from scratchdae.layers.inputs import batch, cotangent


class _Cache(NamedTuple):
    W: Array  # (F, units)
    x: Array  # (B, F)
    y: Array  # (B, units)
    penalty: np.inexact | float  # in training; otherwise 0
    share: float  # weight / B in training; otherwise 0


@dataclass(frozen=True)
class ContractiveDense:
    """A sigmoid layer with the contractive penalty (Rifai et al. 2011): (F,) to (units,).

    ::

        y = s(x W + b)                                                     (1)
        P = weight / B · Σ_bj s'_bj² w_j,   s' = y (1 − y),   w_j = Σ_i W_ij²           (2)
        da = (dy + 2 weight / B · s' (1 − 2 y) w) ⊙ s'                     (3)
        dW = xᵀ da + 2 weight / B · W ⊙ Σ_b s'²,   db = Σ_b da,   dx = da Wᵀ            (4)

    (2) is the mean over the batch of ‖∂y/∂x‖², the squared Frobenius norm of the Jacobian, in closed form; weight is
    the paper's λ. In training alone, with a generator, it is added to the loss, as said in
    `scratchdae.layers.sparsity`.

    To first order, Gaussian noise of standard deviation σ at the input of an encoder has the same effect on the code,
    σ² ‖∂y/∂x‖² in the mean; denoising asks this of the reconstruction, the penalty of the code. Without a tied decoder
    (`TiedDense`) a small W and a large decoder satisfy it for nothing. Frameworks have no such layer; by autograd one
    needs a second backward pass. Not to be confused with weight decay, which (2) is only where s' is 1.
    """

    units: int  # number of outputs
    init_W: str = "glorot_uniform"  # of `scratchdae.initializers`; b begins at zero
    weight: float = 0.1  # at least 0

    def __post_init__(self) -> None:
        keep(self, integer, "units")
        keep(self, initializers.named, "init_W")
        keep(self, number, "weight", at_least=0)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        sides("input_shape", input_shape, (1,), "be (features,)")
        return (self.units,)

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        self.output_shape(input_shape)
        return Dense(self.units, self.init_W).init(input_shape, rng, dtype)

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Cache]:
        """Compute the outputs, equation (1), and in training the penalty, equation (2)."""
        W = shapes("params", params, {"W": ("F", self.units), "b": (self.units,)})["W"]
        x = batch("x", x, (W.shape[0],), W.dtype)  # (B, F)
        y = sigmoid(x @ W + params["b"])  # (1)
        if rng is None:
            return y, _Cache(W, x, y, 0.0, 0.0)
        generator("rng", rng)
        slope, share = y * (1 - y), self.weight / len(x)
        return y, _Cache(W, x, y, share * (slope * slope * (W * W).sum(axis=0)).sum(), share)  # (2)

    def backward(self, cache: _Cache, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, equations (3) and (4)."""
        W, x, y, _, share = cache
        slope, d = y * (1 - y), cotangent(d_output, y.shape, y.dtype)
        if share:
            d = d + 2 * share * slope * (1 - 2 * y) * (W * W).sum(axis=0)
        da = d * slope  # (3)
        dW = x.T @ da  # (4)
        if share:
            dW += 2 * share * W * (slope * slope).sum(axis=0)
        return da @ W.T, {"W": dW, "b": da.sum(axis=0)}
