"""Repeat a vector: how the decoder of a sequence autoencoder sees its code at every step."""

from dataclasses import dataclass

import numpy as np

from scratchdae.arguments import Array, Params, integer
from scratchdae.layers.inputs import batch
from scratchdae.layers.parameterless import Parameterless


@dataclass(frozen=True)
class RepeatVector(Parameterless):
    """The same vector at each of n steps: (F,) to (n, F).

    ::

        y_t = x,   t = 1 … n                                               (1)
        dx = Σ_t dy_t                                                      (2)

    Keras' layer of that name; in PyTorch ``x.unsqueeze(1).expand(-1, n, -1)``. Not to be confused with upsampling,
    which repeats along an axis that is there already.

    Attributes
    ----------
    n : int
        How often.
    """

    n: int

    def __post_init__(self) -> None:
        integer("n", self.n)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of an output, without the batch axis.

        Parameters
        ----------
        input_shape : (int,)
            Features, (F,).

        Returns
        -------
        tuple of int
            (n, F).

        Raises
        ------
        ValueError
            If the input is no vector.
        """
        if len(input_shape) != 1 or input_shape[0] < 1:
            raise ValueError(f"input_shape must be (features,), at least 1, found {input_shape}")
        return (self.n, input_shape[0])

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, None]:
        """Repeat, equation (1).

        Parameters
        ----------
        params : dict
            Empty.
        x : ndarray, shape (B, F)
            One vector an example.
        rng : numpy.random.Generator, optional
            Not used: nothing is drawn.

        Returns
        -------
        y : ndarray, shape (B, n, F)
            The repeated vectors.
        cache : None
            The backward pass needs nothing.

        Raises
        ------
        ValueError
            If `x` is not one vector an example.
        """
        del params, rng
        x = batch("x", x, (None,))
        return np.repeat(x[None], self.n, axis=0).swapaxes(0, 1), None  # time is first in memory, as an LSTM wants it

    def backward(self, cache: None, d_output: Array) -> tuple[Array, Params]:
        """Sum the gradient over the steps, equation (2).

        Parameters
        ----------
        cache : None
            From `forward`.
        d_output : ndarray, shape (B, n, F)
            Gradient with respect to the output.

        Returns
        -------
        dx : ndarray, shape (B, F)
            Gradient with respect to the input.
        grads : dict
            Empty.

        Raises
        ------
        ValueError
            If the gradient's shape is not that of the output.
        """
        del cache
        return batch("d_output", d_output, (self.n, None)).sum(axis=1), {}
