"""What a layer is: the four methods that a network calls."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, Params


class Layer(Protocol):
    """A function of arrays with its gradient, and no state.

    A layer is a frozen dataclass that holds only its hyperparameters: numbers, strings and tuples of them, so that a
    checkpoint can rebuild it from its name and its fields. Its parameters live outside, in a dict of arrays. Arrays
    have the examples first and the channels last; the shapes of `output_shape` and `init` leave out the examples.

    The methods are pure: nothing is mutated, and `backward` can be called twice with the same cache. Results have the
    dtype of the parameters, or of the input where there are none; complex arrays pass, for the complex step of a
    gradient check.

    What training leaves besides an output is in the cache, under two names that most have not: ``penalty``, a number
    to be added to the loss, whose gradient `backward` adds; and ``statistics``, arrays that take the place of
    parameters after the step.
    """

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of an output, without the batch axis.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of an input, without the batch axis.

        Returns
        -------
        tuple of int
            Shape of an output.

        Raises
        ------
        ValueError
            If the layer cannot take such an input; it says what was found and what expected.
        """
        ...

    def init(self, input_shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Params:
        """Draw the first parameters.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of an input, without the batch axis.
        rng : numpy.random.Generator
            Source of randomness.
        dtype : dtype
            Of the parameters.

        Returns
        -------
        dict of str to ndarray
            The parameters under their names; empty where there are none.
        """
        ...

    def forward(self, params: Params, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, Any]:
        """Compute the output.

        Parameters
        ----------
        params : dict of str to ndarray
            The parameters.
        x : ndarray, shape (B, ...)
            Inputs.
        rng : numpy.random.Generator, optional
            Given in training only: noise and dropout act then. All other layers ignore it.

        Returns
        -------
        y : ndarray, shape (B, ...)
            The outputs.
        cache : object
            What `backward` needs, the parameters included.
        """
        ...

    def backward(self, cache: Any, d_output: Array) -> tuple[Array, Params]:
        """Propagate a gradient back, any cotangent.

        Parameters
        ----------
        cache : object
            From `forward`.
        d_output : ndarray, shape (B, ...)
            Gradient with respect to the output.

        Returns
        -------
        d_input : ndarray, shape (B, ...)
            Gradient with respect to the input.
        grads : dict of str to ndarray
            Gradient of each parameter, under its name.
        """
        ...
