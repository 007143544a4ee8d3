"""What an argument must be: the types of the house, and the checks at the door.

Every check raises a ``ValueError`` that calls the argument `name`, says what was found and what was expected, before
anything is written or changed. Nothing here repairs an argument.
"""

import json
import math
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Params: TypeAlias = dict[str, Array]  # named arrays; a gradient has the names and shapes of its parameters
_Number = TypeVar("_Number", int, float)

_BOOLS: tuple[type, ...] = (bool, np.bool_)  # numbers in Python, but never meant as one


def matrix(
    name: str, x: object, columns: int | None = None, dtype: npt.DTypeLike | None = None, axes: int = 2
) -> Array:
    """Return `x` as a floating-point matrix (B, D) whose rows are examples, or as batches (S, B, D); it is never empty.

    Integers are refused, because pixels from 0 to 255 would saturate every sigmoid unnoticed. `dtype` is that of the
    parameters: a float64 batch does not upcast a float32 model. Where either is complex nothing is cast, which is what
    the complex step of a gradient check needs. Where nothing has to be cast, `x` itself is returned.
    """
    array = np.asarray(x)
    if array.ndim != axes:
        what = "be a matrix with one example a row" if axes == 2 else "hold batches, with shape (S, B, D)"
        raise ValueError(f"{name} must {what}, found shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, found shape {array.shape}")
    if array.dtype.kind not in "fc":
        raise ValueError(
            f"{name} must be floating-point, found dtype {array.dtype}; scale pixels to [0, 1] first "
            "(scratchdae.datasets.to_float)"
        )
    if columns is not None and array.shape[-1] != columns:
        raise ValueError(f"{name} must have {columns} columns, found shape {array.shape}")
    if dtype is None or array.dtype.kind == "c" or np.dtype(dtype).kind == "c":
        return array
    return array.astype(dtype, copy=False)


def pair(
    name: str, x: object, other_name: str, other: object, columns: int, dtype: npt.DTypeLike, axes: int = 2
) -> tuple[Array, Array]:
    """Return two arrays of examples as `matrix` does, of one shape; with three axes, (S, B, D), batches of them."""
    first, second = matrix(name, x, columns, dtype, axes), matrix(other_name, other, columns, dtype, axes)
    same_shape(other_name, second, name, first)
    return first, second


def same_shape(name: str, x: Array, other_name: str, other: Array) -> None:
    """Refuse two arrays of different shapes."""
    if x.shape != other.shape:
        raise ValueError(f"{name} must have the shape of {other_name}, {other.shape}, found {x.shape}")


def unit_interval(name: str, x: Array) -> None:
    """Refuse real values outside [0, 1], NaN included."""
    low, high = x.real.min(), x.real.max()
    if not (low >= 0 and high <= 1):  # written so that NaN fails it
        raise ValueError(f"{name} must lie in [0, 1], found values from {low:.6g} to {high:.6g}")


def integer(name: str, value: object, at_least: int = 1) -> int:
    """Return `value` as an int; True and 3.0 are none."""
    if type(value) in _BOOLS or not isinstance(value, Integral) or int(value) < at_least:
        raise ValueError(f"{name} must be an integer of at least {at_least}, found {value!r}")
    return int(value)


def number(
    name: str, value: object, at_least: float = -math.inf, at_most: float = math.inf, above: float = -math.inf
) -> float:
    """Return `value` as a finite float in the closed range [`at_least`, `at_most`] and greater than `above`."""
    found = float(value) if isinstance(value, Real) and type(value) not in _BOOLS else math.nan
    if not (math.isfinite(found) and at_least <= found <= at_most and found > above):
        bounds = [f"at least {at_least:g}"] if at_least > -math.inf else []
        bounds += [f"at most {at_most:g}"] if at_most < math.inf else []
        bounds += [f"greater than {above:g}"] if above > -math.inf else []
        expected = "a finite number" + (", " + " and ".join(bounds) if bounds else "")
        raise ValueError(f"{name} must be {expected}, found {value!r}")
    return found


def literal(kind: type[_Number], text: str) -> _Number:
    """Read an int or a float that was typed; 1_0 and the digits of other scripts, which Python takes, are none."""
    try:
        if not text.isascii() or "_" in text:
            raise ValueError
        return kind(text)
    except ValueError:
        what = "an integer" if kind is int else "a number"
        if kind is int and text.isascii() and text.isdecimal():
            what += " of at most 4300 digits"
        raise ValueError(f"must be {what}, found {text!r}") from None


def choice(name: str, value: object, choices: Collection[str]) -> str:
    """Return `value`, one of several names."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, found {value!r}")
    return value


def choices(**options: tuple[object, Collection[str]]) -> None:
    """Refuse the first option that is none of its names: ``choices(loss=(loss, LOSSES), ...)``."""
    for name, (value, names) in options.items():
        choice(name, value, names)


def generator(name: str, rng: object) -> np.random.Generator:
    """Return `rng` if it is a generator: a seed would restart the stream at every call."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"{name} must be a numpy.random.Generator (numpy.random.default_rng(seed)), found {rng!r}")
    return rng


def json_value(name: str, value: object) -> Any:
    """Return `value` as JSON does: tuples and NumPy's arrays as lists, NumPy's numbers as Python's; NaN is refused."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=_from_numpy))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} must be what goes into JSON, found {value!r:.80} ({error})") from None


def _from_numpy(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} does not go into JSON")


def shapes(name: str, arrays: Mapping[str, Array], expected: Mapping[str, tuple[int, ...]]) -> Params:
    """Return named arrays in the order expected, refused unless they have those names and shapes, and one float dtype.

    The order is the model's, in which penalties and norms are summed; a file has another.
    """
    if set(arrays) != set(expected):
        raise ValueError(f"{name} must hold {sorted(expected)}, found {sorted(arrays)}")
    for key, shape in expected.items():
        if not isinstance(arrays[key], np.ndarray) or arrays[key].shape != shape:
            raise ValueError(f"{name}[{key!r}] must be an array of shape {shape}, found {np.shape(arrays[key])}")
    dtypes = {str(array.dtype) for array in arrays.values()}
    if len(dtypes) != 1 or next(iter(arrays.values())).dtype.kind not in "fc":
        raise ValueError(f"{name} must share one floating-point dtype, found {', '.join(sorted(dtypes))}")
    return {key: arrays[key] for key in expected}


def first_nonfinite(arrays: Mapping[str, Array]) -> str | None:
    """Name the first array that holds NaN or inf; None where all are finite."""
    for name, array in arrays.items():
        # A sum is a quarter of the cost of looking at each entry, and no NaN or inf can leave it finite.
        if not np.isfinite(array.sum()) and not np.isfinite(array).all():
            return name
    return None
