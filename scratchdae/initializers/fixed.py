"""First values that look at no fans: one deviation, zeros, a constant."""

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, number
from scratchdae.initializers.fans import Initializer, draw_normal, fans


def normal(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 0.05
) -> Array:
    """Draw from the normal distribution of one deviation, whatever the fans.

    What equation (1) warns of: a pre-activation's deviation is then ``scale · sqrt(fan_in · E[x²])``, which every
    layer multiplies once more.

    Parameters
    ----------
    shape : tuple of int
        (fan_in, fan_out), or (kh, kw, C_in, C_out).
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.
    scale : float
        The standard deviation.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `shape` is not that of weights, `rng` no generator or `scale` not positive.
    """
    fans(shape)
    return draw_normal(1.0, shape, rng, dtype, scale)


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
