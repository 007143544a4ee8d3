"""What a data set of labelled images is here, and how grey levels become numbers a model can learn from."""

from dataclasses import dataclass
from math import isqrt, prod

import numpy as np
import numpy.typing as npt

from scratchdae.arguments import Array, array, floating, integer


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, split into a training and a test part.

    Images are rows of pixels, row by row, uint8 grey levels from 0 (black) to 255 (white); labels are integers.
    """

    name: str
    x_train: Array  # (N, D)
    t_train: Array  # (N,)
    x_test: Array  # (M, D)
    t_test: Array  # (M,)
    image_shape: tuple[int, int]  # rows and columns of an image; their product is D

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        _check_part("train", self.x_train, self.t_train, self.image_shape)
        _check_part("test", self.x_test, self.t_test, self.image_shape)


@dataclass(frozen=True, eq=False)
class ThreePartDataset(Dataset):
    """Labelled images, split into a training, a validation and a test part by whoever made the data set."""

    x_valid: Array  # (V, D)
    t_valid: Array  # (V,)

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        super().__post_init__()
        _check_part("valid", self.x_valid, self.t_valid, self.image_shape)


def _check_part(part: str, x: Array, t: Array, image_shape: tuple[int, int]) -> None:
    pixels = image_shape[0] * image_shape[1]
    if x.ndim != 2 or x.shape[1] != pixels or x.dtype != np.uint8:
        raise ValueError(
            f"x_{part} must be uint8 with {pixels} columns (image_shape {image_shape}), "
            f"found shape {x.shape}, dtype {x.dtype}"
        )
    if t.shape != (len(x),) or t.dtype.kind not in "iu":
        raise ValueError(
            f"t_{part} must hold one integer label for each of the {len(x)} images of x_{part}, "
            f"found shape {t.shape}, dtype {t.dtype}"
        )


def to_float(x: Array, dtype: npt.DTypeLike = np.float64, side: int | None = None) -> Array:
    """Return grey levels as numbers in [0, 1], of images as they are or shrunk.

    Parameters
    ----------
    x : ndarray of uint8 or float
        Grey levels 0 to 255, which are divided by 255; or floats, which are taken to be scaled already and are only
        cast. Other integers are refused: their range says nothing about white.
    dtype : dtype
        The floating-point dtype to return.
    side : int, optional
        Pixels along a side of the images to return. Those of `x`, N square ones, are averaged over blocks, in `dtype`.

    Returns
    -------
    ndarray, shape of `x`, or (N, side²)
        `x` itself where it is of that dtype already and not shrunk.
    """
    x, target = array("x", x), floating("dtype", dtype)
    if target.kind != "f":
        raise ValueError(f"dtype must be a real floating-point dtype, found {target}")
    if x.dtype == np.uint8:
        x = np.asarray(np.divide(x, target.type(255), dtype=target))
    elif x.dtype.kind != "f":
        raise ValueError(f"x must be uint8 grey levels (0 to 255) or floating-point, found dtype {x.dtype}")
    x = x.astype(target, copy=False)
    return x if side is None else _shrunk(x, integer("side", side))


def _shrunk(x: Array, side: int) -> Array:
    whole = isqrt(prod(x.shape[1:]))
    if x.shape[1:] not in ((whole**2,), (whole, whole)) or not whole or whole % side:
        raise ValueError(f"x must hold square images, their sides a multiple of side = {side}, found shape {x.shape}")
    blocks = x.reshape(len(x), side, whole // side, side, whole // side)
    return np.asarray(blocks.mean(axis=(2, 4))).reshape(len(x), side * side)
