"""LeCun et al. 1998: a pre-activation of unit variance for inputs of unit variance."""

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array
from scratchdae.initializers.fans import draw_normal, draw_uniform, fans


def lecun_uniform(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0
) -> Array:
    """Draw from the uniform distribution on ±sqrt(3 / fan_in).

    Where inputs have unit variance and the activation is close to the identity, E[x²] = 1 and (1) gives Var a = 1 with
    v = 1 / fan_in = bound² / 3 (LeCun et al. 1998, "Efficient BackProp", section 4.6). Not to be confused with
    PyTorch's default for its linear layers, ±sqrt(1 / fan_in): that is a third of this variance.

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
    return draw_uniform(np.sqrt(3 / fans(shape)[0]), shape, rng, dtype, scale)


def lecun_normal(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0
) -> Array:
    """Draw from the normal distribution of variance 1 / fan_in.

    The variance of `lecun_uniform` (LeCun et al. 1998, section 4.6); not truncated, as in Keras.

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
    return draw_normal(np.sqrt(1 / fans(shape)[0]), shape, rng, dtype, scale)
