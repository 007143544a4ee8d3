"""What a layer accepts at run time: refusals that name the argument, and the dtype of the results."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array


def batch(name: str, x: Array, shape: Sequence[int | None], dtype: npt.DTypeLike | None = None) -> Array:
    """Return a batch, refused unless its examples have the shape expected, in the dtype of the parameters.

    Parameters
    ----------
    name : str
        What to call the argument in the error.
    x : ndarray, shape (B, ...)
        At least one example, floating-point.
    shape : sequence of int or None
        Shape of an example; None for any number from 1.
    dtype : dtype, optional
        That of the parameters. Where either is complex nothing is cast, which is what the complex step needs.

    Returns
    -------
    ndarray, shape (B, ...)
        `x` itself where it already fits.

    Raises
    ------
    ValueError
        If it does not fit.
    """
    fits = x.ndim == len(shape) + 1 and x.size > 0
    if not fits or any(n is not None and n != found for n, found in zip(shape, x.shape[1:], strict=True)):
        sides = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape (B, {sides}), none of them 0, found {x.shape}")
    if x.dtype.kind not in "fc":
        raise ValueError(f"{name} must be floating-point, found dtype {x.dtype}")
    if dtype is None or "c" in (x.dtype.kind, np.dtype(dtype).kind):
        return x
    return x.astype(dtype, copy=False)


def cotangent(d_output: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return a gradient, refused unless it has the shape of the output, in the dtype of the results.

    Parameters
    ----------
    d_output : ndarray
        Gradient with respect to an output.
    shape : tuple of int
        Shape of that output, batch included.
    dtype : dtype
        Of the output.

    Returns
    -------
    ndarray
        `d_output` itself where it already fits.

    Raises
    ------
    ValueError
        If it has another shape.
    """
    if np.shape(d_output) != shape:
        raise ValueError(f"d_output must have the shape of the output, {shape}, found {np.shape(d_output)}")
    if "c" in (d_output.dtype.kind, np.dtype(dtype).kind):
        return d_output
    return d_output.astype(dtype, copy=False)
