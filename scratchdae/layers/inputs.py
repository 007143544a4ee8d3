"""What a layer accepts at run time: refusals that name the argument, and the dtype of the results.

This is the public door of every layer: inside, nothing is checked again. Where either side is complex nothing is cast,
which is what the complex step of a gradient check needs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, array, numbers


def batch(
    name: str,  # what to call the argument in the error
    x: Array,  # (B, ...): at least one example, floating-point
    shape: Sequence[Any] = (...,),  # of an example; None for any number from 1, ... at first for any axes
    dtype: npt.DTypeLike | None = None,  # of the parameters
) -> Array:
    """Return `x`, cast only where it must be, refused unless its examples have the shape expected."""
    x = array(name, x)
    if shape and shape[0] is ...:
        shape = (*[None] * (x.ndim - len(shape)), *shape[1:])
    fits = x.ndim == len(shape) + 1 and x.size > 0
    if not fits or any(n is not None and n != found for n, found in zip(shape, x.shape[1:], strict=True)):
        sides = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape (B, {sides}), none of them 0, found {x.shape}")
    if x.dtype.kind not in "fc":
        raise ValueError(f"{name} must be floating-point, found dtype {x.dtype}")
    return x if dtype is None else _cast(x, dtype)


def cotangent(d_output: Array, shape: tuple[int, ...], dtype: npt.DTypeLike | None = None) -> Array:
    """Return `d_output`, cast only where it must be, refused unless it has the output's shape, batch included."""
    d_output = numbers("d_output", d_output)
    if d_output.shape != shape:
        raise ValueError(f"d_output must have the shape of the output, {shape}, found {d_output.shape}")
    return d_output if dtype is None else _cast(d_output, dtype)


def _cast(x: Array, dtype: npt.DTypeLike) -> Array:
    return x if "c" in (x.dtype.kind, np.dtype(dtype).kind) else x.astype(dtype, copy=False)
