"""What noise destroys for good: the least error with which a clean input can be restored from a corrupted one."""

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, flag, integer, number, numbers, shown
from scratchdae.floors.entropy import binary_entropy, probabilities
from scratchdae.floors.examples import finite_matrix
from scratchdae.floors.spectrum import spectrum

LARGEST_NOISE = 1e100  # its square, times the variance of the data, must be a number


def wiener(eigenvalues: npt.ArrayLike, s: float, k: int | None = None) -> float:
    """Return the least squared error of a linear denoiser against Gaussian noise: Wiener's filter (1949).

    Along an eigenvector of eigenvalue λ the best gain is ``λ/(λ + s²)``, and ``λ s²/(λ + s²)`` is left. A denoiser of
    rank k keeps the k largest and gives up the others::

        (1/D) [Σ_{i<=k} λ_i s²/(λ_i + s²) + Σ_{i>k} λ_i]

    For normal data no denoiser does better; for other data a nonlinear one may. With s = 0 it is `linear_codes`. The
    error is that of the *clean* input: trained to give the noisy one, a model pays s² more. For inputs that keep their
    mean, so an affine denoiser, or centred data.

    Parameters
    ----------
    eigenvalues : array_like, shape (D,)
        Of the covariance of the clean data, in any order.
    s : float
        Standard deviation of the noise, in units of the data, at least 0.
    k : int, optional
        Rank of the denoiser, from 0 to D; D if left out.

    Returns
    -------
    float
        Mean over elements, in squared units of the data.
    """
    values = spectrum("eigenvalues", eigenvalues)
    s, d = number("s", s, at_least=0, at_most=LARGEST_NOISE), len(values)
    k = d if k is None else integer("k", k, at_least=0)
    if k > d:
        raise ValueError(f"k must be at most D = {d}, found {k}")
    kept = values[:k]
    kept = kept[kept > 0]  # an eigenvalue of 0 leaves 0, and would be 0/0 without noise
    left = (kept * s**2 / (kept + s**2)).sum()
    return float((left + values[k:].sum()) / d)


def masking(S: Array, nu: float, mean: npt.ArrayLike | None = None, exact_count: bool = False) -> tuple[float, Array]:
    """Return the least squared error of a linear map that restores masked inputs, and that map.

    ``x_tilde = m ⊙ x`` with independent m_i, 1 with probability p = 1 - nu. Then ``E[x_tilde x_tildeᵀ] = p² S + p nu
    diag S`` and ``E[x_tilde xᵀ] = p S``, and least squares gives (batches are rows, z = x_tilde W)::

        W = [p² S + p nu diag S]⁻¹ p S,     floor = (1/D) tr(S - p S W)

    With the mean given, the map may add a constant, as a network with biases does: the covariances take the place of
    the second moments, ``W = [p² C + p nu diag S]⁻¹ p C`` with C = S - μ μᵀ, and z = x_tilde W + μ - p μ W. For
    centred independent columns the floor is nu times the variance. It counts all components, destroyed or not.

    Parameters
    ----------
    S : ndarray, shape (D, D)
        Second moment E[x xᵀ] of the clean data, not centred: ``x.T @ x / N``. What is destroyed becomes 0, wherever
        the mean is.
    nu : float
        Fraction destroyed, in [0, 1].
    mean : array_like, shape (D,), optional
        Mean of the clean data; without it the map has no constant.
    exact_count : bool
        Whether ``round(nu D)`` components are destroyed in each example, as by `scratchdae.corruption.masking`: two
        components are then kept together a little less often, and p² becomes p (D p - 1)/(D - 1), p the exact fraction.

    Returns
    -------
    floor : float
        Mean over elements, in squared units of the data.
    W : ndarray, shape (D, D)
        The best map; of those that are equally good (a pixel that is always 0), the smallest.
    """
    S = finite_matrix("S", S)
    d = len(S)
    if S.shape != (d, d) or not np.allclose(S, S.T, rtol=1e-10, atol=1e-12 * np.abs(S).max()) or S.diagonal().min() < 0:
        raise ValueError(
            f"S must be a symmetric matrix with a diagonal of at least 0, found shape {S.shape}"
            + (f", least diagonal entry {S.diagonal().min():.6g}" if S.shape == (d, d) else "")
        )
    kept, exact_count = 1 - number("nu", nu, at_least=0, at_most=1), flag("exact_count", exact_count)
    pairs = kept**2
    if exact_count:
        kept = (d - round(nu * d)) / d
        pairs = kept * (d * kept - 1) / (d - 1) if d > 1 else kept**2
    mu = np.zeros((1, d)) if mean is None else finite_matrix("mean", _row(mean, d))
    covariance = S - mu.T @ mu
    K = pairs * S + (kept - pairs) * np.diag(S.diagonal()) - kept**2 * mu.T @ mu
    W = _least_squares(K, kept * covariance)
    return float((covariance.trace() - kept * (covariance * W).sum()) / d), W


def _row(mean: npt.ArrayLike, d: int) -> Array:
    found = numbers("mean", mean)
    if found.shape != (d,):
        raise ValueError(f"mean must have shape ({d},), found {found.shape if found.ndim else shown(mean)}")
    return found[None]


def _least_squares(K: Array, right: Array) -> Array:
    """Solve K W = right for a symmetric K without negative eigenvalues, leaving out the directions K does not have."""
    values, vectors = np.linalg.eigh(K)
    there = values > len(K) * np.finfo(K.dtype).eps * max(values[-1], 0.0)
    basis = vectors[:, there]
    return np.asarray((basis / values[there]) @ (basis.T @ right))


def masking_binary(p: npt.ArrayLike, nu: float) -> float:
    """Return the cross-entropy floor of restoring independent bits of which a fraction was set to 0.

    A 1 that is seen is a 1. A 0 that is seen, with probability 1 - p + p nu, was a 1 with probability
    ``q = p nu/(p nu + 1 - p)`` by Bayes' rule, and no decoder can know: ``(1 - p + p nu) H_b(q)`` nats a bit. Not to be
    confused with nu H_b(p), the floor where one is told which bits were destroyed.

    Parameters
    ----------
    p : array_like, any shape
        Probability of a 1, of one bit or of each.
    nu : float
        Fraction destroyed, in [0, 1].

    Returns
    -------
    float
        Nats per bit, the mean over `p`.
    """
    p, nu = probabilities(p), number("nu", nu, at_least=0, at_most=1)
    zero = 1 - p + p * nu  # how often a 0 is seen
    q = np.divide(p * nu, zero, where=zero > 0, out=np.zeros_like(p))  # where no 0 is seen, no 0 is doubtful
    return float((zero * binary_entropy(q)).mean())
