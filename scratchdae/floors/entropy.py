"""The entropy floor: why cross-entropy does not go to zero where targets lie strictly between 0 and 1."""

import math

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, array, number, unit_interval
from scratchdae.floors.examples import finite_matrix

# Bernoulli numbers over their index, B_2k / 2k: the asymptotic series of the digamma function.
_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
_END = 1e16  # and from here on none of them counts
_FAR = 10.0  # from here on seven terms leave less than 1e-16


def probabilities(p: npt.ArrayLike) -> Array:
    """Return `p` as float64 numbers in [0, 1], at least one."""
    found = array("p", p, "real numbers")
    if found.dtype.kind not in "fiu" or found.size == 0:
        raise ValueError(f"p must hold real numbers, at least one, found dtype {found.dtype}, shape {found.shape}")
    unit_interval("p", found)
    return found.astype(np.float64)


def binary_entropy(p: npt.ArrayLike) -> Array:
    """Return the entropy of a coin: ``H_b(p) = -p ln p - (1 - p) ln(1 - p)`` (Shannon 1948).

    It is the least cross-entropy for a target p, reached by the prediction p itself, because the difference
    ``-p ln z - (1 - p) ln(1 - z) - H_b(p)`` is the divergence KL(p ‖ z), which is never negative.

    Parameters
    ----------
    p : array_like, any shape
        Probabilities, in [0, 1].

    Returns
    -------
    ndarray of float64, shape of `p`
        In nats: 0 at 0 and 1, ln 2 at 1/2.
    """
    p = probabilities(p)
    q = 1 - p
    # The logarithms are taken where p ln p is not 0 by its limit: 0 ln 0 is never computed.
    left = np.log(p, where=p > 0, out=np.zeros_like(p))
    right = np.log1p(-p, where=q > 0, out=np.zeros_like(p))
    return np.asarray(-p * left - q * right)


def cross_entropy(x: Array) -> float:
    """Return the floor of the reconstruction cross-entropy: the mean binary entropy of the targets.

    A reconstruction z = x reaches it, so it is no fault of the model. 1/2 nat for uniform data, 0 for binary data. Not
    to be confused with the loss of the best constant, H_b of the mean, nor with `scratchdae.losses.cross_entropy`,
    which measures a reconstruction.

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Targets, in [0, 1].

    Returns
    -------
    float
        Nats per component.
    """
    x = finite_matrix("x", x)
    unit_interval("x", x)
    return float(binary_entropy(x).mean())


def digamma(x: float) -> float:
    """Return ψ(x), the derivative of ln Γ(x), for positive x.

    By ``ψ(x) = ψ(x + 1) - 1/x`` up to x >= 10, and there by ``ln x - 1/(2x) - Σ_k B_2k / (2k x^2k)`` (Abramowitz and
    Stegun 1964, 6.3.5 and 6.3.18), seven terms.

    Parameters
    ----------
    x : float
        A positive number.

    Returns
    -------
    float
        Exact to about 1e-15 of max(1, 1/x).
    """
    x = number("x", x, above=0)
    if x > _END:
        return math.log(x) - 1 / (2 * x)
    below = 0.0
    while x < _FAR:
        below += 1 / x
        x += 1
    series = sum(term / x ** (2 * k) for k, term in enumerate(_SERIES, start=1))
    return math.log(x) - 1 / (2 * x) - series - below


def beta_cross_entropy(a: float, b: float) -> float:
    """Return the entropy floor of targets that follow the distribution Beta(a, b): E[H_b(x)].

    ``-[m (ψ(a + 1) - ψ(a + b + 1)) + (1 - m) (ψ(b + 1) - ψ(a + b + 1))]`` with m = a/(a + b), because E[x ln x] is
    m times E[ln x] under Beta(a + 1, b). For uniform data, a = b = 1, it is exactly 1/2. Not to be confused with the
    differential entropy of the distribution, which for uniform data is 0.

    Parameters
    ----------
    a, b : float
        The two shape parameters, positive.

    Returns
    -------
    float
        Nats per component.
    """
    a, b = number("a", a, above=0), number("b", b, above=0)
    m, whole = a / (a + b), digamma(a + b + 1)
    return -(m * (digamma(a + 1) - whole) + (1 - m) * (digamma(b + 1) - whole))
