"""The same numbers in another shape."""

import math
from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, integer
from scratchdae.layers.inputs import batch
from scratchdae.layers.parameterless import Parameterless


class _Reshaping(Parameterless):
    """What both have in common: forwards into one shape, backwards into the other."""

    def forward(
        self, params: Params, x: Array, rng: np.random.Generator | None = None
    ) -> tuple[Array, tuple[tuple[int, ...], tuple[int, ...]]]:
        """Reshape each example; in row-major order nothing moves.

        Parameters
        ----------
        params : dict
            Empty.
        x : ndarray, shape (B, ...)
            Inputs.
        rng : numpy.random.Generator, optional
            Not used: nothing is drawn.

        Returns
        -------
        y : ndarray, shape (B, ...)
            The same numbers, a view where it can be.
        cache : tuple
            The shapes of `x` and `y`.

        Raises
        ------
        ValueError
            If `x` has another number of entries.
        """
        del params, rng
        x = batch("x", x, [None] * (x.ndim - 1))
        y = x.reshape(len(x), *self.output_shape(x.shape[1:]))
        return y, (x.shape, y.shape)

    def backward(self, cache: tuple[tuple[int, ...], tuple[int, ...]], d_output: Array) -> tuple[Array, Params]:
        """Reshape the gradient back.

        Parameters
        ----------
        cache : tuple
            From `forward`.
        d_output : ndarray, shape (B, ...)
            Gradient with respect to the outputs.

        Returns
        -------
        dx : ndarray, shape (B, ...)
            Gradient with respect to the inputs.
        grads : dict
            Empty.

        Raises
        ------
        ValueError
            If the gradient's shape is not that of the outputs.
        """
        before, after = cache
        if np.shape(d_output) != after:
            raise ValueError(f"d_output must have the shape of the output, {after}, found {np.shape(d_output)}")
        return d_output.reshape(before), {}


@dataclass(frozen=True)
class Flatten(_Reshaping):
    """All numbers of an example in one row: (H, W, C) to (H·W·C,).

    The channels of a pixel stay together, as in Keras with channels last; PyTorch flattens (C, H, W), so that the rows
    of a following dense W have another order.
    """

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of an output, without the batch axis.

        Parameters
        ----------
        input_shape : tuple of int
            Any shape.

        Returns
        -------
        (int,)
            The number of entries.

        Raises
        ------
        ValueError
            If a side is below 1.
        """
        return (math.prod(super().output_shape(input_shape)),)


@dataclass(frozen=True)
class Reshape(_Reshaping):
    """The numbers of an example in a given shape, in row-major order. Not to be confused with a transpose.

    Attributes
    ----------
    shape : tuple of int
        Shape of an output, without the batch axis.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple | list) or not self.shape:
            raise ValueError(f"shape must be a tuple of integers, found {self.shape!r}")
        object.__setattr__(self, "shape", tuple(integer("shape", side) for side in self.shape))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of an output, without the batch axis.

        Parameters
        ----------
        input_shape : tuple of int
            A shape with as many entries as `shape`.

        Returns
        -------
        tuple of int
            `shape`.

        Raises
        ------
        ValueError
            If the number of entries is another.
        """
        if math.prod(super().output_shape(input_shape)) != math.prod(self.shape):
            raise ValueError(
                f"input_shape must have {math.prod(self.shape)} entries for shape {self.shape}, found {input_shape}"
            )
        return self.shape
