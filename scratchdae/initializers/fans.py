"""The fans of an array of weights, and draws from a distribution of a given width."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, generator, number


class Initializer(Protocol):
    """A function that draws the first values of an array."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = ...) -> Array: ...


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many inputs make an output, and how many outputs an input goes into.

    Parameters
    ----------
    shape : tuple of int
        (fan_in, fan_out) of a matrix, or (kh, kw, C_in, C_out) of kernels.

    Returns
    -------
    fan_in, fan_out : int
        The two numbers.

    Raises
    ------
    ValueError
        If the shape is neither, or holds a number below 1.
    """
    if len(shape) not in (2, 4) or min(shape) < 1:
        both = "both at least 1" if len(shape) == 2 else "all at least 1"
        raise ValueError(f"shape must be (fan_in, fan_out) or (kh, kw, C_in, C_out), {both}, found {shape}")
    field = int(np.prod(shape[:-2]))
    return field * shape[-2], field * shape[-1]


def draw_uniform(
    bound: float, shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike, scale: float
) -> Array:
    """Draw from the uniform distribution on ±bound, times `scale`.

    Parameters
    ----------
    bound : float
        Half the width of the distribution.
    shape : tuple of int
        Of the array returned.
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.
    scale : float
        Factor on every weight, positive.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `rng` is no generator or `scale` not positive.
    """
    bound = number("scale", scale, above=0) * bound
    return generator("rng", rng).uniform(-bound, bound, shape).astype(dtype)


def draw_normal(
    deviation: float, shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike, scale: float
) -> Array:
    """Draw from the normal distribution of mean 0, times `scale`.

    Parameters
    ----------
    deviation : float
        Its standard deviation.
    shape : tuple of int
        Of the array returned.
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.
    scale : float
        Factor on every weight, positive.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `rng` is no generator or `scale` not positive.
    """
    deviation = number("scale", scale, above=0) * deviation
    return generator("rng", rng).normal(0, deviation, shape).astype(dtype)
