"""What a linear code can keep: the eigenvalues of the covariance, and sums over those that it must drop."""

import math

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, integer, number, numbers
from scratchdae.floors.examples import finite_matrix

_BISECTIONS = 60  # halvings of an interval of length π: past the last digit of a float64


def eigenvalues(x: Array) -> Array:
    """Return the eigenvalues of the covariance ``E[(x - μ)(x - μ)ᵀ]``, the largest first.

    The expectation is the mean over the N rows (1/N, not 1/(N - 1)), so that sums over eigenvalues are squared errors
    of these very rows.

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Examples.

    Returns
    -------
    ndarray, shape (D,)
        In squared units of `x`, none negative; at most N - 1 of them are not 0.
    """
    x = finite_matrix("x", x)
    n, d = x.shape
    centred = x - x.mean(axis=0)
    # The Gram matrix has the same eigenvalues but for zeros; the smaller of the two is quicker.
    product = centred.T @ centred if d <= n else centred @ centred.T
    found = np.linalg.eigvalsh(product / n)[::-1]
    values = np.zeros(d)
    values[: len(found)] = np.maximum(found, 0)  # a covariance has no negative eigenvalue: what is below 0 is round-off
    return values


def spectrum(name: str, values: npt.ArrayLike) -> Array:
    """Return eigenvalues of a covariance, none negative, the largest first."""
    array = numbers(name, values)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "fiu":
        raise ValueError(
            f"{name} must be real numbers in one dimension, at least one, found {array.dtype} of shape {array.shape}"
        )
    array = np.sort(array.astype(np.float64))[::-1]
    if not (np.isfinite(array).all() and array[-1] >= 0):
        raise ValueError(f"{name} must be finite and at least 0, found values from {array[-1]:.6g} to {array[0]:.6g}")
    return array


def linear_codes(values: npt.ArrayLike) -> Array:
    """Return the least squared error of a linear code of k units, for every k, from the eigenvalues.

    ``(1/D) Σ_{i>k} λ_i`` (Eckart and Young 1936): the k units that keep most are the projections on the first k
    eigenvectors. A linear autoencoder cannot go below, however many layers it has, and every minimum of its loss is
    there (one hidden layer: Baldi and Hornik 1989; more: Kawaguchi 2016). A nonlinear one may go below.

    Parameters
    ----------
    values : array_like, shape (D,)
        Eigenvalues of the covariance, in any order.

    Returns
    -------
    ndarray, shape (D + 1,)
        For k = 0 (the variance, what the best constant leaves) to k = D (0), in the unit of the eigenvalues.
    """
    values = spectrum("values", values)
    rest = np.cumsum(values[::-1])[::-1]  # summed from the smallest, so that small ones are not lost in large ones
    return np.append(rest, 0.0) / len(values)


def pca(x: Array) -> Array:
    """Return the least squared error of a linear code of k units on these examples, for every k.

    The floor for encoder and decoder that are affine maps; a nonlinear code may go below it. On few examples it is
    below the floor of the population, because the components were fitted to these very rows: see `sample_pca`.

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Examples.

    Returns
    -------
    ndarray, shape (D + 1,)
        For k = 0 (the variance) to k = D (0), mean over elements, in squared units of `x`.
    """
    return linear_codes(eigenvalues(x))


def independent(k: int, d: int, variance: float = 1 / 12) -> float:
    """Return the floor of a linear code of k units for d independent columns: a straight line, ``(1 - k/d) variance``.

    With nothing in common between columns, each unit saves one column and no more. Of the population: on n examples
    see `sample_pca`.

    Parameters
    ----------
    k : int
        Units of the code, from 0 to d.
    d : int
        Columns.
    variance : float
        Of each column; 1/12 for uniform data on [0, 1].

    Returns
    -------
    float
        Mean over elements, in the unit of the variance.
    """
    k, d = _code(k, d)
    return (1 - k / d) * number("variance", variance, at_least=0)


def sample_pca(k: int, n: int, d: int, variance: float = 1 / 12) -> float:
    """Return what k components, fitted to n examples with d independent columns, are expected to leave of these.

    The training error of the best linear code lies below ``(1 - k/d) variance``, because n examples look structured.
    Their eigenvalues follow the law of Marchenko and Pastur (1967): with γ = d/(n - 1) and
    ``λ = 1 + γ - 2 √γ cos θ``, the mass below the angle φ and the variance in it are::

        mass(φ) = [(1 + γ) φ + 2 √γ sin φ - 2 |1 - γ| arctan((1 + √γ)/|1 - √γ| tan(φ/2))] / (2 π γ)     (1)
        share(φ) = (φ - sin φ cos φ) / π                                                                (2)

    The k largest eigenvalues are dropped where mass(π) - mass(φ) = k/d, which leaves (2) of the variance. The mean was
    fitted as well, whence n - 1, and the factor (n - 1)/n of `eigenvalues`. Exact as n and d grow together; for finite
    ones the error is of the order of 1/d.

    Parameters
    ----------
    k : int
        Components, from 0 to d.
    n : int
        Examples, at least 2.
    d : int
        Columns, independent, of equal variance.
    variance : float
        Of each column.

    Returns
    -------
    float
        Mean over elements, in the unit of the variance; 0 from k = n - 1 on, where the examples are memorised.
    """
    k, d = _code(k, d)
    n, variance = integer("n", n, at_least=2), number("variance", variance, at_least=0)
    rank = min(d, n - 1)
    if k >= rank:
        return 0.0
    gamma = d / (n - 1)
    kept = (rank - k) / d  # the mass of eigenvalues that are neither dropped nor 0 anyway
    low, high = 0.0, math.pi
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _mass(middle, gamma) < kept else (low, middle)
    return variance * (n - 1) / n * (high - math.sin(high) * math.cos(high)) / math.pi  # (2)


def _mass(phi: float, gamma: float) -> float:
    """Return (1), the share of eigenvalues below the angle `phi`."""
    root = math.sqrt(gamma)
    turn = math.atan2((1 + root) * math.sin(phi / 2), abs(1 - root) * math.cos(phi / 2))
    return ((1 + gamma) * phi + 2 * root * math.sin(phi) - 2 * abs(1 - gamma) * turn) / (2 * math.pi * gamma)


def _code(k: int, d: int) -> tuple[int, int]:
    k, d = integer("k", k, at_least=0), integer("d", d)
    if k > d:
        raise ValueError(f"k must be at most d = {d}, found {k}")
    return k, d
