"""The same numbers in another shape."""

import math
from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, keep, sides
from scratchdae.layers.inputs import batch, cotangent
from scratchdae.layers.parameterless import Parameterless

_Shapes = tuple[tuple[int, ...], tuple[int, ...]]  # of input and output, batch included


class _Reshaping(Parameterless):
    """What both have in common: in row-major order nothing moves, so the output is a view where it can be."""

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, _Shapes]:
        del params, rng
        x = batch("x", x)
        y = x.reshape(len(x), *self.output_shape(x.shape[1:]))
        return y, (x.shape, y.shape)

    def backward(self, cache: _Shapes, d_output: Array) -> tuple[Array, Params]:
        before, after = cache
        return cotangent(d_output, after).reshape(before), {}


@dataclass(frozen=True)
class Flatten(_Reshaping):
    """All numbers of an example in one row: (H, W, C) to (H·W·C,).

    The channels of a pixel stay together, as in Keras with channels last; PyTorch flattens (C, H, W), so that the rows
    of a following dense W have another order.
    """

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(super().output_shape(input_shape)),)


@dataclass(frozen=True)
class Reshape(_Reshaping):
    """The numbers of an example in a given shape, in row-major order. Not to be confused with a transpose."""

    shape: tuple[int, ...]  # of an output, without the batch axis

    def __post_init__(self) -> None:
        keep(self, sides, "shape")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if math.prod(super().output_shape(input_shape)) != math.prod(self.shape):
            raise ValueError(
                f"input_shape must have {math.prod(self.shape)} entries for shape {self.shape}, found {input_shape}"
            )
        return self.shape
