"""What scale the first weights have, and from which paper.

An initializer is called as ``initializer(shape, rng, dtype)``; the shape of a weight matrix is
``(fan_in, fan_out)``. The bad ones are here too, because chapters must be able to begin badly.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, generator, number


class Initializer(Protocol):
    """A function that draws the first values of an array."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = ...) -> Array: ...


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape must be (fan_in, fan_out), both at least 1, found {shape}")
    return shape[0], shape[1]


def glorot_uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Array:
    """Draw from the uniform distribution on ±sqrt(6 / (fan_in + fan_out)).

    Its variance, 2 / (fan_in + fan_out), is the compromise between 1 / fan_in, which keeps the variance of the
    signal from layer to layer, and 1 / fan_out, which keeps that of the gradient, where the activation is close to
    the identity (Glorot & Bengio 2010, equation 16).

    Parameters
    ----------
    shape : (int, int)
        Shape (fan_in, fan_out).
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `shape` is not that of a matrix or `rng` no generator.
    """
    fan_in, fan_out = _fans(shape)
    bound = np.sqrt(6 / (fan_in + fan_out))
    return generator("rng", rng).uniform(-bound, bound, shape).astype(dtype)


def glorot_normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Array:
    """Draw from the normal distribution of variance 2 / (fan_in + fan_out).

    The variance of `glorot_uniform`, without its bound (not truncated at two deviations, as Keras does).

    Parameters
    ----------
    shape : (int, int)
        Shape (fan_in, fan_out).
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `shape` is not that of a matrix or `rng` no generator.
    """
    fan_in, fan_out = _fans(shape)
    return generator("rng", rng).normal(0, np.sqrt(2 / (fan_in + fan_out)), shape).astype(dtype)


def sigmoid_uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64) -> Array:
    """Draw from the uniform distribution on ±4 sqrt(6 / (fan_in + fan_out)), for sigmoid units.

    Four times `glorot_uniform`: the sigmoid's slope at zero is 1/4, and the factor restores a slope of one. It is
    what the denoising autoencoder tutorial for Theano uses.

    Parameters
    ----------
    shape : (int, int)
        Shape (fan_in, fan_out).
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `shape` is not that of a matrix or `rng` no generator.
    """
    return 4 * glorot_uniform(shape, rng, dtype)


def zeros(shape: tuple[int, ...], rng: np.random.Generator | None = None, dtype: npt.DTypeLike = np.float64) -> Array:
    """Return zeros: right for biases, fatal for weights, whose units then stay equal for ever.

    Parameters
    ----------
    shape : tuple of int
        Any shape.
    rng : numpy.random.Generator, optional
        Not used: nothing is drawn.
    dtype : dtype
        Of the array returned.

    Returns
    -------
    ndarray
        The first values.
    """
    del rng
    return np.zeros(shape, dtype)


def constant(value: float) -> Initializer:
    """Make an initializer that gives every entry the same value.

    Parameters
    ----------
    value : float
        That value.

    Returns
    -------
    Initializer
        The initializer; as weights its units stay equal for ever.

    Raises
    ------
    ValueError
        If `value` is not finite.
    """
    number("value", value)

    def fill(
        shape: tuple[int, ...], rng: np.random.Generator | None = None, dtype: npt.DTypeLike = np.float64
    ) -> Array:
        del rng
        return np.full(shape, value, dtype)

    return fill
