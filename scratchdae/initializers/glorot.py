"""Glorot & Bengio 2010: between what the signal wants and what the gradient wants."""

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array
from scratchdae.initializers.fans import draw_normal, draw_uniform, fans


def glorot_uniform(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0
) -> Array:
    """Draw from the uniform distribution on ±sqrt(6 / (fan_in + fan_out)).

    Its variance, bound² / 3 = 2 / (fan_in + fan_out), is the compromise between 1 / fan_in, which keeps the variance
    of the signal from layer to layer, and 1 / fan_out, which keeps that of the gradient, where the activation is close
    to the identity, so that E[x²] = Var a of the layer before (Glorot & Bengio 2010, equation 16).

    Parameters
    ----------
    shape : tuple of int
        (fan_in, fan_out), or (kh, kw, C_in, C_out).
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.
    scale : float
        Factor on every weight; 1 for the paper's.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `shape` is not that of weights, `rng` no generator or `scale` not positive.
    """
    fan_in, fan_out = fans(shape)
    return draw_uniform(np.sqrt(6 / (fan_in + fan_out)), shape, rng, dtype, scale)


def glorot_normal(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0
) -> Array:
    """Draw from the normal distribution of variance 2 / (fan_in + fan_out).

    The variance of `glorot_uniform`, without its bound (not truncated at two deviations, as Keras does).

    Parameters
    ----------
    shape : tuple of int
        (fan_in, fan_out), or (kh, kw, C_in, C_out).
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.
    scale : float
        Factor on every weight; 1 for the paper's.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `shape` is not that of weights, `rng` no generator or `scale` not positive.
    """
    fan_in, fan_out = fans(shape)
    return draw_normal(np.sqrt(2 / (fan_in + fan_out)), shape, rng, dtype, scale)


def sigmoid_uniform(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0
) -> Array:
    """Draw from the uniform distribution on ±4 sqrt(6 / (fan_in + fan_out)), for sigmoid units.

    Four times `glorot_uniform`: the sigmoid's slope at zero is 1/4, and the factor restores a slope of one. It is
    what the denoising autoencoder tutorial for Theano uses.

    Parameters
    ----------
    shape : tuple of int
        (fan_in, fan_out), or (kh, kw, C_in, C_out).
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.
    scale : float
        Factor on every weight; 1 for the paper's.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `shape` is not that of weights, `rng` no generator or `scale` not positive.
    """
    return 4 * glorot_uniform(shape, rng, dtype, scale)
