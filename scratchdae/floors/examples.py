"""What a floor is computed from: a matrix of finite float64 numbers, one example a row."""

import numpy as np

from scratchdae.arguments import Array, generator, matrix


def finite_matrix(name: str, x: object) -> Array:
    """Return `x` as a float64 matrix of finite numbers, one example a row; `x` itself where it already fits.

    Real floating-point alone: a floor of unscaled pixels would be in other units than the loss.
    """
    array = matrix(name, x)
    if array.dtype.kind == "c":
        raise ValueError(f"{name} must be real floating-point, found dtype {array.dtype}")
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ValueError(f"{name} must be finite, found {array[row, column]} in row {row}, column {column}")
    return array.astype(np.float64, copy=False)


def permute_features(x: Array, rng: np.random.Generator) -> Array:
    """Shuffle every column by itself: the same values in every feature, no feature that knows of another.

    The experiment that tells a bottleneck that is too narrow from data that cannot be compressed. On the shuffled data
    the floors of a constant, of the entropy and of the output's range are those of `x`; what a code can gain from
    dependence is gone. A model that does no better on `x` than here uses none of it. Not to be confused with shuffling
    the rows, which changes no floor at all.

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Examples.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of float64, shape (N, D)
        A new array, the columns of `x` in D independent orders.
    """
    return generator("rng", rng).permuted(finite_matrix("x", x), axis=0)
