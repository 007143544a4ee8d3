"""What chance decides about each example, drawn from a key of its own: which components, which coins, which noise.

Every example gets a key of 64 bits, and everything that it needs is a function of its key and of a counter (Salmon et
al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). So it does not matter which examples are drawn for together,
in which order, by which thread or in which language. The function is splitmix64 (Steele, Lea and Flood 2014)::

    z = key + (n + 1) · golden,  z = (z ⊕ z ≫ 30) · c1,  z = (z ⊕ z ≫ 27) · c2,  word n = z ⊕ z ≫ 31   (mod 2⁶⁴)

A word has two halves of 32 bits: number k of n is the low half of word k, and from ⌈n/2⌉ on the high one of the word so
far behind it.
"""

import numpy as np

from scratchdae.arguments import Array

GOLDEN, C1, C2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def keys(n: int, rng: np.random.Generator) -> Array:
    """Draw a key for each of n examples; for many batches at once they are those of batch after batch."""
    return rng.integers(0, 2**64, size=n, dtype=np.uint64)


def words(keys: Array, first: int, last: int) -> Array:
    """Return the words of each key from `first` to before `last`, (B, last − first)."""
    z: Array = keys[:, None] + GOLDEN * np.arange(first + 1, last + 1, dtype=np.uint64)
    z = (z ^ z >> 30) * C1
    z = (z ^ z >> 27) * C2
    return np.asarray(z ^ z >> 31)


def halves(keys: Array, n: int) -> Array:
    """Return n numbers from 0 to 2³² − 1 for each key, (B, n) of uint32."""
    w = words(keys, 0, -(-n // 2))
    both = np.empty((len(keys), 2, w.shape[1]), np.uint32)
    both[:, 0], both[:, 1] = w & 2**32 - 1, w >> 32
    return both.reshape(len(keys), -1)[:, :n]


def subsets(keys: Array, d: int, count: int) -> Array:
    """Choose `count` of d components for each key, every subset alike: True is chosen, (B, d).

    Floyd's algorithm (Bentley and Floyd 1987) takes one number a component: for j from d − count to d − 1 it draws t
    from 0 to j, and takes t, or j if t was taken before. Where more than half are wanted it draws the others. A t is
    ⌊u (j + 1) / 2³²⌋, whose probability is at most 2⁻³² away from 1 / (j + 1): d / 2³² of it, 2e-7 at 784.
    """
    drawn = min(count, d - count)
    chosen, example = np.zeros((d, len(keys)), dtype=bool), np.arange(len(keys))
    flat = chosen.reshape(-1)
    j = np.arange(d - drawn, d, dtype=np.uint64)
    t = halves(keys, drawn).T * (j[:, None] + 1) >> 32  # (drawn, B)
    for taken, at in zip(chosen[d - drawn :], t.astype(np.intp) * len(keys) + example, strict=True):
        taken[:] = flat[at]  # j, where t was taken before
        flat[at] = True
    return np.ascontiguousarray(chosen.T if drawn == count else ~chosen.T)


def spent(d: int, count: int) -> int:
    """Return how many words `subsets` uses up."""
    return -(-min(count, d - count) // 2)


def coins(keys: Array, first: int, d: int) -> Array:
    """Toss a fair coin for each of d components, (B, d): the bits of the words from `first` on, the lowest first."""
    k = np.arange(d, dtype=np.uint64)
    return (words(keys, first, first + -(-d // 64))[:, k // 64] >> k % 64 & 1).astype(bool)


def normals(keys: Array, n: int) -> Array:
    """Draw n independent numbers of mean 0 and variance 1 for each key, (B, n) of float64, none beyond ±6.7.

    Box and Muller (1958): r cos φ and r sin φ, with r² = −2 ln u, u in (0, 1] from the low half of a word and φ in
    [0, 2π) from the high one; the cosines of all come first. NumPy has a fast tangent, and t = tan(φ/2) gives both.
    """
    w = words(keys, 0, -(-n // 2))
    r = np.sqrt(-2 * np.log(((w & 2**32 - 1) + 1) / 2**32))
    t = np.tan((w >> 32) * (np.pi / 2**32))
    r /= 1 + t * t
    return np.concatenate([r * (1 - t * t), r * (2 * t)], axis=1)[:, :n]
