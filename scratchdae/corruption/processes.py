"""The processes themselves: what is drawn, and what becomes of the batch."""

import math

import numpy as np

from scratchdae.arguments import Array, array, generator, matrix, number, sides
from scratchdae.corruption import draws


def _batch(x: Array) -> Array:
    x = array("x", x, "a matrix with one example a row")
    matrix("x", x.reshape(len(x), -1) if x.ndim > 2 and x.size else x)
    return x


def how_many(nu: float, d: int) -> int:
    """Return how many of d components are destroyed exactly, halves to even."""
    return round(number("nu", nu, at_least=0, at_most=1) * d)


def below(nu: float) -> int:
    """Return the number of 32 bits below which one has to be drawn for a component to be destroyed by chance."""
    return math.ceil(number("nu", nu, at_least=0, at_most=1) * 2**32)


def exact_mask(shape: tuple[int, ...], nu: float, rng: np.random.Generator) -> Array:
    """Choose ``round(nu * D)`` components of every example, halves to even, without replacement: True is destroyed."""
    shape = sides("shape", shape)
    d = math.prod(shape[1:])
    count = how_many(nu, d)  # before anything is drawn
    return draws.subsets(draws.keys(shape[0], generator("rng", rng)), d, count).reshape(shape)


def bernoulli_mask(shape: tuple[int, ...], nu: float, rng: np.random.Generator) -> Array:
    """Choose each component independently with probability `nu`, of 32 bits: True is destroyed."""
    shape, least = sides("shape", shape), below(nu)
    drawn = draws.halves(draws.keys(shape[0], generator("rng", rng)), math.prod(shape[1:]))
    return np.asarray(drawn < np.uint64(least)).reshape(shape)  # of 64 bits: 2³² is one too many for 32


def destroy(x: Array, mask: Array, to: Array | int = 0) -> Array:
    """Return a batch with the components of a mask set to 0, or to other values."""
    return np.where(mask, np.asarray(to, x.dtype), x)


def disturb(x: Array, sigma: float, noise: Array) -> Array:
    """Return a batch with noise of standard deviation 1 added `sigma` times, in its dtype."""
    x_tilde: Array = x + x.dtype.type(sigma) * noise.astype(x.dtype)
    return x_tilde


def masking(x: Array, nu: float, rng: np.random.Generator) -> Array:
    """Set ``round(nu * D)`` components of every example to 0 (Vincent et al. 2008, section 2.3).

    Not to be confused with dropout: nothing is rescaled, and the target stays the clean input.

    Parameters
    ----------
    x : ndarray, shape (B, D) or (B, ...)
        Clean batch.
    nu : float
        Fraction destroyed, in [0, 1].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape of `x`
        The corrupted batch.
    """
    x = _batch(x)
    return destroy(x, exact_mask(x.shape, nu, rng))


def bernoulli_masking(x: Array, nu: float, rng: np.random.Generator) -> Array:
    """Set each component to 0 with probability `nu`, as the Theano tutorial does.

    It departs from the paper, whose count is exact; here it is only nu·D on average.

    Parameters
    ----------
    x : ndarray, shape (B, D) or (B, ...)
        Clean batch.
    nu : float
        Probability of destruction, in [0, 1].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape of `x`
        The corrupted batch.
    """
    x = _batch(x)
    return destroy(x, bernoulli_mask(x.shape, nu, rng))


def salt_and_pepper(x: Array, nu: float, rng: np.random.Generator) -> Array:
    """Set ``round(nu * D)`` components of every example to 0 or 1, by a fair coin (Vincent et al. 2010, section 3.3).

    Parameters
    ----------
    x : ndarray, shape (B, D) or (B, ...)
        Clean batch, meant to lie in [0, 1].
    nu : float
        Fraction destroyed, in [0, 1].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape of `x`
        The corrupted batch. About half of the destroyed components of a binary input keep their value.
    """
    x = _batch(x)
    d = x[0].size
    count, keys = how_many(nu, d), draws.keys(len(x), generator("rng", rng))
    mask, coin = draws.subsets(keys, d, count), draws.coins(keys, draws.spent(d, count), d)
    return destroy(x, mask.reshape(x.shape), coin.reshape(x.shape))


def gaussian(x: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Add independent normal noise of standard deviation `sigma` (Vincent et al. 2010, section 3.3).

    Parameters
    ----------
    x : ndarray, shape (B, D) or (B, ...)
        Clean batch.
    sigma : float
        Standard deviation, in the units of `x`, at least 0.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape of `x`
        The corrupted batch; it leaves [0, 1], and nothing clips it.
    """
    x = _batch(x)
    sigma, keys = number("sigma", sigma, at_least=0), draws.keys(len(x), generator("rng", rng))
    return disturb(x, sigma, draws.normals(keys, x[0].size).reshape(x.shape))


def block(x: Array, nu: float, rng: np.random.Generator) -> Array:
    """Set a square of every image, wherever it falls, to 0: ``round(sqrt(nu) · min(h, w))`` pixels a side.

    Its place is drawn evenly among all within the image; all channels go together. Vincent et al. 2008 do not have it:
    a pixel's neighbours, from which masking lets it be guessed, are destroyed with it. The context encoders of Pathak
    et al. 2016 (section 3.3) lose the central square, or several smaller blocks anywhere; their inputs are centred, so
    that 0 is the mean.

    Parameters
    ----------
    x : ndarray, shape (B, h, w), (B, h, w, C) or (B, D)
        Clean batch; rows are square images, so D is a square number.
    nu : float
        Fraction of the area, in [0, 1]; of that of the largest square, where sides differ.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape of `x`
        The corrupted batch.
    """
    x, nu, rng = _batch(x), number("nu", nu, at_least=0, at_most=1), generator("rng", rng)
    h, w = x.shape[1:3] if x.ndim in (3, 4) else 2 * (math.isqrt(x[0].size),)
    if x.ndim > 4 or (x.ndim == 2 and h * w != x.shape[1]):
        raise ValueError(f"x must be images (B, h, w), (B, h, w, C) or rows of square images, found shape {x.shape}")
    side = round(math.sqrt(nu) * min(h, w))
    drawn = draws.halves(draws.keys(len(x), rng), 2).astype(np.int64)
    row, column = (np.arange(n) - (drawn[:, [k]] * (n - side + 1) >> 32) for k, n in enumerate((h, w)))
    inside = ((row >= 0) & (row < side))[:, :, None] & ((column >= 0) & (column < side))[:, None]  # (B, h, w)
    return np.where(inside[..., None], x.dtype.type(0), x.reshape(len(x), h, w, -1)).reshape(x.shape)


CORRUPTIONS = {
    "masking": masking,
    "bernoulli": bernoulli_masking,
    "salt_and_pepper": salt_and_pepper,
    "gaussian": gaussian,
    "block": block,
}


def prepare(
    x: Array, rows: Array, clean: Array, x_tilde: Array, kind: str | None, level: float, rng: np.random.Generator
) -> None:
    """Write rows of x (N, ...) into `clean` (B, ...) as numbers, as `to_float` does, and corrupted into `x_tilde`.

    Without a kind, nothing is drawn and `x_tilde` is left alone. The compiled twin does it in one pass, in all threads.
    """
    clean[:] = x[rows]
    if x.dtype == np.uint8:  # grey levels
        clean /= clean.dtype.type(255)
    if kind is not None:
        x_tilde[:] = CORRUPTIONS[kind](clean, level, rng)
