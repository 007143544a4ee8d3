"""Distributions small enough to know everything about: what a model finds in them can be checked against a formula."""

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, generator, integer, number, numbers

_CENTRE, _RADIUS = np.array([0.5, 0.5]), 0.35  # of the arc
_FIRST_ANGLE, _ARC = 0.25 * np.pi, 1.5 * np.pi  # a "C", open to the right
_WAVES = 3  # sinusoids in a series
_CYCLES = (1.0, 4.0)  # the range of their frequencies, in cycles a series


def uniform(n: int, d: int, rng: np.random.Generator) -> Array:
    """Draw n points uniformly from the unit cube in d dimensions: data without any structure to learn.

    Every column has mean 1/2, variance 1/12 and differential entropy 0; the columns are independent, so their
    covariance is I / 12, and from other columns nothing better can be said of one than its mean.

    Returns
    -------
    ndarray, shape (n, d)
        Values in [0, 1).
    """
    return generator("rng", rng).random((integer("n", n), integer("d", d)))


def bernoulli(n: int, d: int, rng: np.random.Generator, p: float = 0.5) -> Array:
    """Draw n rows of d independent bits.

    Every column has mean p, variance p (1 − p) and entropy h(p) = −p ln p − (1 − p) ln(1 − p) nats. Cross-entropy
    summed over the columns cannot fall below d h(p) on average for a model that does not see the bits it predicts; at
    p = 1/2 that is d ln 2.

    Parameters
    ----------
    p : float
        Probability of a 1, from 0 to 1.

    Returns
    -------
    ndarray of float64, shape (n, d)
        Zeros and ones.
    """
    p = number("p", p, at_least=0, at_most=1)
    return (generator("rng", rng).random((integer("n", n), integer("d", d))) < p).astype(np.float64)


def redundant_columns(n: int, d: int, k: int, rng: np.random.Generator, noise: float = 0.0) -> tuple[Array, Array]:
    """Draw n rows of d columns that are mixtures of k hidden ones: what one column lost, the others still tell.

    Row by row x = (1 − noise) A u + noise e, with u (k,) and e (d,) independent and uniform on [0, 1]. The rows of the
    mixing matrix A are drawn uniformly from the simplex (non-negative, sum 1), so x stays in [0, 1]. Given A, every
    column has mean 1/2 and the covariance is ((1 − noise)² A Aᵀ + noise² I) / 12: of rank k where noise is 0.

    Parameters
    ----------
    k : int
        How many hidden columns, at most `d`.
    noise : float
        Share of independent noise in a column, from 0 to 1.

    Returns
    -------
    x : ndarray, shape (n, d)
        The data, in [0, 1].
    mixing : ndarray, shape (d, k)
        The matrix A. It is drawn at each call: for a test set from the same distribution, draw once and split.
    """
    n, d, k = integer("n", n), integer("d", d), integer("k", k)
    if k > d:
        raise ValueError(f"k must be at most d = {d}, found {k}")
    noise = number("noise", noise, at_least=0, at_most=1)
    np.empty((n, d))  # more than there is room for is refused before anything is drawn
    mixing = generator("rng", rng).dirichlet(np.ones(k), d)
    x = (1 - noise) * (rng.random((n, k)) @ mixing.T) + noise * rng.random((n, d))
    return x, mixing


def curve(t: npt.ArrayLike) -> Array:
    """Return points of the arc that `curved_manifold` scatters around.

    Three quarters of a circle with centre (1/2, 1/2) and radius 0.35, open to the right. t is proportional to arc
    length; the whole arc measures 0.525 π, about 1.65.

    Parameters
    ----------
    t : array_like, any shape
        Position along the arc, from 0 to 1.

    Returns
    -------
    ndarray, shape (..., 2)
        The points.
    """
    t = numbers("t", t)
    if t.dtype.kind == "c" or not np.all((t >= 0) & (t <= 1)):
        raise ValueError(f"t must lie in [0, 1], found values from {t.min()} to {t.max()}")
    angle = _FIRST_ANGLE + _ARC * t
    return _CENTRE + _RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def project_to_curve(x: npt.ArrayLike) -> Array:
    """Return where along the arc the nearest point to each point of the plane lies.

    Parameters
    ----------
    x : array_like, shape (..., 2)
        Points. For the circle's centre, as near to all of the arc, the position is as good as any other.

    Returns
    -------
    ndarray, shape (...)
        Positions t in [0, 1]; the nearest point itself is ``curve(t)``.
    """
    x = np.asarray(x, np.float64)
    if x.ndim == 0 or x.shape[-1] != 2:
        raise ValueError(f"x must hold two coordinates along its last axis, found shape {x.shape}")
    offset = x - _CENTRE
    # The angle from the first end, from 0 to 2π; where the arc is open, the nearer end is nearest.
    angle = (np.arctan2(offset[..., 1], offset[..., 0]) - _FIRST_ANGLE) % (2 * np.pi)
    beyond = angle - _ARC
    gap = 2 * np.pi - _ARC
    return np.where(beyond <= 0, np.minimum(angle / _ARC, 1.0), np.where(beyond < gap / 2, 1.0, 0.0))


def curved_manifold(n: int, rng: np.random.Generator, noise: float = 0.0) -> tuple[Array, Array]:
    """Draw n points near a curve: the low-dimensional manifold of Vincent et al. (2008), figure 2, in the plane.

    x = curve(t) + noise·g, t uniform on [0, 1], g normal with covariance I. The mean is
    (1/2 − 0.35 · 2√2 / (3π), 1/2), about (0.395, 1/2). Without noise x has squared distance 0.35² from (1/2, 1/2), and
    lies in the unit square; with noise it may leave it (the arc keeps 0.15 from the border).

    Parameters
    ----------
    noise : float
        Standard deviation of the normal noise in each coordinate, at least 0.

    Returns
    -------
    x : ndarray, shape (n, 2)
        The points.
    t : ndarray, shape (n,)
        Where along the curve each comes from: ``curve(t)`` is its clean version. The nearest point of the curve is
        ``curve(project_to_curve(x))``, which noise makes a different one.
    """
    n, noise = integer("n", n), number("noise", noise, at_least=0)
    t = generator("rng", rng).random(n)
    return curve(t) + noise * rng.normal(size=(n, 2)), t


def sinusoids(n: int, steps: int, features: int, rng: np.random.Generator) -> Array:
    """Draw n multivariate time series: sums of three sinusoids around 1/2.

    With s = 0 … steps − 1, a feature is 1/2 + 1/2 Σ_k a_k sin(2π f_k s / steps + φ_k). A series draws its three
    frequencies f_k uniformly from 1 to 4 cycles, which its features share; each feature draws its phases uniformly and
    its amplitudes uniformly from the simplex (non-negative, sum 1). So values lie in [0, 1], with mean 1/2 and
    variance 1/16 at every step; steps h apart have covariance (sin 4θ − sin θ) / (48 θ), θ = 2π h / steps, and
    features are uncorrelated (but not independent, since they share frequencies).

    Returns
    -------
    ndarray, shape (n, steps, features)
        The series.
    """
    n, steps, features = integer("n", n), integer("steps", steps), integer("features", features)
    np.empty((n, steps, features, _WAVES))  # more than there is room for is refused before anything is drawn
    frequency = generator("rng", rng).uniform(*_CYCLES, (n, 1, 1, _WAVES))
    phase = rng.uniform(0, 2 * np.pi, (n, 1, features, _WAVES))
    amplitude = rng.dirichlet(np.ones(_WAVES), (n, 1, features))
    time = (np.arange(steps) / steps)[:, None, None]
    return np.asarray(0.5 + 0.5 * np.sum(amplitude * np.sin(2 * np.pi * frequency * time + phase), axis=-1))
