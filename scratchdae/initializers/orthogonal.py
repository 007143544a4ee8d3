"""Orthogonal matrices, which keep the length of every vector."""

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, generator, number
from scratchdae.initializers.fans import fans


def orthogonal(
    shape: tuple[int, ...], rng: np.random.Generator, dtype: npt.DTypeLike = np.float64, scale: float = 1.0
) -> Array:
    """Draw a matrix with orthonormal rows or columns, uniformly among all of them.

    ``‖Qx‖ = ‖x‖``: in a recurrent net the same matrix multiplies at every step, so it is not enough that variances are
    kept on average; here no direction grows or fades (Saxe et al. 2014). The Q of a normal matrix's QR
    decomposition, its columns' signs made those of R's diagonal, without which it is not uniform (Mezzadri 2007).
    Kernels are taken as matrices (kh·kw·C_in, C_out).

    Parameters
    ----------
    shape : tuple of int
        (fan_in, fan_out), or (kh, kw, C_in, C_out).
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        Of the array returned.
    scale : float
        Length of the rows or columns.

    Returns
    -------
    ndarray
        The first weights.

    Raises
    ------
    ValueError
        If `shape` is not that of weights, `rng` no generator or `scale` not positive.
    """
    fans(shape)
    number("scale", scale, above=0)
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    tall = generator("rng", rng).standard_normal((max(rows, columns), min(rows, columns)))
    Q, R = np.linalg.qr(tall)
    Q *= np.where(np.diag(R) < 0, -1, 1)
    return (scale * (Q if rows >= columns else Q.T)).reshape(shape).astype(dtype)
