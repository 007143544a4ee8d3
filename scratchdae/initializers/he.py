"""He et al. 2015: for rectifiers, which lose half of the signal's power."""

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array
from scratchdae.initializers.fans import draw_normal, draw_uniform, fans


def he_uniform(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0
) -> Array:
    """Draw from the uniform distribution on ±sqrt(6 / fan_in), for rectifiers.

    A rectifier sets one half of a symmetric pre-activation to zero, so E[x²] = Var a / 2, and (1) keeps its variance
    with v = 2 / fan_in = bound² / 3 (He et al. 2015, equation 10).

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
    return draw_uniform(np.sqrt(6 / fans(shape)[0]), shape, rng, dtype, scale)


def he_normal(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0
) -> Array:
    """Draw from the normal distribution of variance 2 / fan_in, for rectifiers.

    The variance of `he_uniform`, as the paper draws it (He et al. 2015, equation 10); not truncated, as in Keras.

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
    return draw_normal(np.sqrt(2 / fans(shape)[0]), shape, rng, dtype, scale)
