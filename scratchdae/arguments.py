"""What an argument must be: the types of the house, and the checks at the door.

Every check raises a ``ValueError`` of one line that calls the argument `name`, says what was found and what was
expected, before anything is written or changed. It returns the argument as Python and NumPy have it, ``float64(0.5)``
as 0.5, and that is what to go on with. Nothing here repairs an argument.
"""

import json
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from numbers import Integral, Real
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Params: TypeAlias = dict[str, Array]  # named arrays; a gradient has the names and shapes of its parameters
T = TypeVar("T")
_Number = TypeVar("_Number", int, float)

PRECISIONS = ("float32", "float64")
ECHOED = 80  # characters of what was found that an error shows
_BOOLS: tuple[type, ...] = (bool, np.bool_)  # numbers in Python, but never meant as one
_LARGEST = 2**64 - 1  # more than fits into any memory; a stage of a stack may have it for a seed


def shown(value: object) -> str:
    """Return what was found as an error echoes it: on one line, cut after 80 characters, an array by its shape."""
    if isinstance(value, np.ndarray):
        text = f"{value.dtype} of shape {value.shape}"
    else:
        try:
            text = " ".join(repr(value).split())
        except Exception:  # an integer of more digits than Python prints, or a class whose own code fails
            text = f"a {type(value).__name__} that does not print"
    return text if len(text) <= ECHOED else f"{text[: ECHOED - 3]}..."


def array(name: str, x: object, what: str = "an array of numbers") -> Array:
    """Return `x` as an array of any shape; masked entries are refused, since no function here looks at masks."""
    if type(x) is np.ndarray:
        return x
    try:
        found, hidden = np.asarray(x), np.ma.is_masked(x)
    except Exception:  # a ragged list, and whatever another library's array raises
        raise ValueError(f"{name} must be {what}, found {shown(x)}") from None
    if hidden:
        raise ValueError(f"{name} must have no masked entries, found some: fill them, or leave the examples out")
    return found


def numbers(name: str, x: object, what: str = "an array of numbers") -> Array:
    """Return `x` as an array of real or complex numbers, integers included."""
    found = array(name, x, what)
    if found.dtype.kind not in "fciu":
        raise ValueError(f"{name} must be {what}, found {shown(found if found.ndim else x)}")
    return found


def matrix(
    name: str, x: object, columns: int | None = None, dtype: npt.DTypeLike | None = None, axes: int = 2
) -> Array:
    """Return `x` as a floating-point matrix (B, D) whose rows are examples, or as batches (S, B, D); it is never empty.

    Integers are refused, because pixels from 0 to 255 would saturate every sigmoid unnoticed. `dtype` is that of the
    parameters: a float64 batch does not upcast a float32 model. Where either is complex nothing is cast, which is what
    the complex step of a gradient check needs. Where nothing has to be cast, `x` itself is returned.
    """
    what = "be a matrix with one example a row" if axes == 2 else "hold batches, with shape (S, B, D)"
    found = array(name, x, what.removeprefix("be "))
    if found.ndim != axes:
        raise ValueError(f"{name} must {what}, found {f'shape {found.shape}' if found.ndim else shown(x)}")
    if found.size == 0:
        raise ValueError(f"{name} must not be empty, found shape {found.shape}")
    if found.dtype.kind not in "fc":
        raise ValueError(
            f"{name} must be floating-point, found dtype {found.dtype}; scale pixels to [0, 1] first "
            "(scratchdae.datasets.to_float)"
        )
    if columns is not None and found.shape[-1] != columns:
        raise ValueError(f"{name} must have {columns} columns, found shape {found.shape}")
    if dtype is None or found.dtype.kind == "c" or np.dtype(dtype).kind == "c":
        return found
    return found.astype(dtype, copy=False)


def pair(
    name: str, x: object, other_name: str, other: object, columns: int, dtype: npt.DTypeLike,
    axes: int = 2, unit: bool = False,
) -> tuple[Array, Array]:  # fmt: skip
    """Return two arrays of examples as `matrix` does, of one shape; the other in [0, 1] where a `unit` is asked for."""
    first, second = matrix(name, x, columns, dtype, axes), matrix(other_name, other, columns, dtype, axes)
    same_shape(other_name, second, name, first)
    if unit:
        unit_interval(other_name, second)
    return first, second


def same_shape(name: str, x: Array, other_name: str, other: Array) -> None:
    """Refuse two arrays of different shapes."""
    if x.shape != other.shape:
        raise ValueError(f"{name} must have the shape of {other_name}, {other.shape}, found {x.shape}")


def unit_interval(name: str, x: Array) -> None:
    """Refuse real values outside [0, 1], NaN included."""
    low, high = x.real.min(), x.real.max()
    if not (low >= 0 and high <= 1):  # written so that NaN fails it
        # to the last digit: 1.0000001 is not 1
        raise ValueError(f"{name} must lie in [0, 1], found values from {float(low)} to {float(high)}")


def integer(name: str, value: object, at_least: int = 1, at_most: int | None = _LARGEST) -> int:
    """Return `value` as an int, of any size where `at_most` is None; True and 3.0 are none."""
    if type(value) is int:  # as nearly all are, batch after batch: to ask for Integral takes longer
        found: int | None = value
    else:
        found = int(value) if isinstance(value, Integral) and type(value) not in _BOOLS else None
    if found is None or found < at_least or (at_most is not None and found > at_most):
        most = f" and at most {at_most}" if found is not None and found > at_least else ""
        raise ValueError(f"{name} must be an integer of at least {at_least}{most}, found {shown(value)}")
    return found


def number(
    name: str,
    value: object,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return `value` as a finite float in the closed range [`at_least`, `at_most`], and strictly between the others."""
    try:
        found = float(value) if isinstance(value, Real) and type(value) not in _BOOLS else math.nan
    except OverflowError:  # an integer beyond 1.8e308
        found = math.inf
    if below <= found < math.inf:
        raise ValueError(f"{name} must be less than {below:g}, found {shown(value)}")
    if not (math.isfinite(found) and at_least <= found <= at_most and found > above):
        bounds = [f"at least {at_least:g}"] if at_least > -math.inf else []
        bounds += [f"at most {at_most:g}"] if at_most < math.inf else []
        bounds += [f"greater than {above:g}"] if above > -math.inf else []
        expected = "a finite number" + (", " + " and ".join(bounds) if bounds else "")
        raise ValueError(f"{name} must be {expected}, found {shown(value)}")
    return found


def nonnegative(**values: object) -> list[Any]:
    """Return several numbers as `number` does, each at least 0: ``nonnegative(lr=lr, l2=l2)``."""
    return [number(name, value, at_least=0) for name, value in values.items()]


def flag(name: str, value: object) -> bool:
    """Return `value` as a bool; nothing else is one, for ``bool("False")`` is True."""
    if not isinstance(value, _BOOLS):
        raise ValueError(f"{name} must be True or False, found {shown(value)}")
    return bool(value)


def flags(**values: object) -> None:
    """Refuse the first value that is neither True nor False: ``flags(resume=resume, ...)``."""
    for name, value in values.items():
        flag(name, value)


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
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, found {shown(value)}")
    return value if type(value) is str else next(one for one in choices if one == value)


def choices(**options: tuple[object, Collection[str]]) -> None:
    """Refuse the first option that is none of its names: ``choices(loss=(loss, LOSSES), ...)``."""
    for name, (value, names) in options.items():
        choice(name, value, names)


def precision(name: str, dtype: object) -> np.dtype[Any]:
    """Return `dtype`, float32 or float64, in this machine's order of bytes."""
    try:
        found: object = np.dtype(dtype).name if dtype is not None else None  # type: ignore[call-overload]
    except Exception:  # a TypeError or another, by what it is
        found = None
    if found not in PRECISIONS:
        raise ValueError(f"{name} must be one of 'float32', 'float64', found {shown(found or dtype)}")
    return np.dtype(str(found))


def floating(name: str, dtype: object) -> np.dtype[Any]:
    """Return a real or complex floating-point dtype."""
    try:
        found: np.dtype[Any] = np.dtype(dtype if dtype is not None else "O")  # type: ignore[call-overload]
    except Exception:  # a TypeError or another, by what it is
        found = np.dtype("O")
    if found.kind not in "fc":
        raise ValueError(f"{name} must be a floating-point dtype, found {shown(dtype)}")
    return found


def having(name: str, value: T, what: str, *attributes: str) -> T:
    """Return an object that has what a protocol asks for; a class is none."""
    if isinstance(value, type) or not all(hasattr(value, attribute) for attribute in attributes):
        raise ValueError(f"{name} must be {what}, found {shown(value)}")
    return value


def instance(name: str, value: object, kind: type[T], what: str = "") -> T:
    """Return `value` if it is of a class."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be {what or f'a {kind.__name__}'}, found {shown(value)}")
    return value


def framework(model: object) -> str:
    """Name the framework that a model's class is of, keras or torch, which is not imported for it; "" for none."""
    tops = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return next((name for name in ("keras", "torch") if name in tops), "")  # Keras' on PyTorch are of both


def generator(name: str, rng: object) -> np.random.Generator:
    """Return `rng` if it is a generator: a seed would restart the stream at every call."""
    return instance(name, rng, np.random.Generator, "a numpy.random.Generator (numpy.random.default_rng(seed))")


def function(name: str, value: object, what: str = "a function") -> Callable[..., Any]:
    """Return `value` if it can be called."""
    if not callable(value):
        raise ValueError(f"{name} must be {what}, found {shown(value)}")
    return value


def path(name: str, value: object) -> Path:
    """Return a path given as text or as one."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise ValueError(f"{name} must be a path, found {shown(value)}")
    return Path(value)


def sequence(name: str, value: object, what: str = "a sequence") -> tuple[Any, ...]:
    """Return the items of a list, a tuple or whatever else yields them in an order; text and dicts are none."""
    try:
        if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | Set):
            return tuple(value)
    except Exception:  # an array without axes, a generator that fails
        pass
    raise ValueError(f"{name} must be {what}, found {shown(value)}")


def sides(
    name: str, value: object, axes: Collection[int] = (), form: str = "be a tuple of integers"
) -> tuple[int, ...]:
    """Return a shape, each side at least 1, with one of those numbers of axes (any, if there are none given)."""
    found = tuple(value) if isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.ndim) else ()
    try:
        shape = tuple(integer("side", side) for side in found)
    except ValueError:
        shape = ()
    if not shape or (axes and len(shape) not in axes):
        each = "both" if axes == (2,) or (2 in axes and len(found) == 2) else "each"
        raise ValueError(f"{name} must {form}, {each} at least 1, found {shown(value)}")
    return shape


def keep(thing: object, check: Callable[..., object], *names: str, **bounds: Any) -> None:
    """Check fields of a frozen dataclass, and keep what the check returns: Python's numbers in place of NumPy's.

    NumPy's upcast float32, and cannot be written as JSON. An int where a float would do stays an int: runs are known
    by how their options print.
    """
    for name in names:
        value = getattr(thing, name)
        found = check(name, value, **bounds)
        if check is not number or type(value) is not int:
            object.__setattr__(thing, name, found)


def mapping(name: str, value: object) -> dict[str, Any]:
    """Return a dict whose keys are names."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name} must be a dict of named arrays, found {shown(value)}")
    return value if isinstance(value, dict) else dict(value)


def arrays(name: str, value: object) -> Params:
    """Return a dict of named arrays of numbers."""
    found = mapping(name, value)
    for key, one in found.items():
        if not isinstance(one, np.ndarray) or one.dtype.kind not in "fciu":
            raise ValueError(f"{name}[{key!r}] must be an array of numbers, found {shown(one)}")
    return found


def json_value(name: str, value: object) -> Any:
    """Return `value` as JSON does: tuples and NumPy's arrays as lists, NumPy's numbers as Python's; NaN is refused."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=_from_numpy))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} must be what goes into JSON, found {shown(value)} ({str(error)[:ECHOED]})") from None


def _from_numpy(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} does not go into JSON")


def shapes(
    name: str, arrays: object, expected: Mapping[str, Sequence[int | str]],
    dtype: npt.DTypeLike | None = None, optional: Mapping[str, Sequence[int | str]] = MappingProxyType({}),
) -> Params:  # fmt: skip
    """Return named arrays in the order expected, refused unless they have those names and shapes, and one float dtype.

    A side may be a letter, which stands for the same number wherever it occurs. The order is the model's, in which
    penalties and norms are summed; a file has another. The dtype is `dtype` where it is given; otherwise float32 or
    float64 in this machine's order of bytes, or complex for a gradient check.
    """
    given, letters, dtypes = mapping(name, arrays), dict[int | str, int](), set[np.dtype[Any]]()
    expected = {**expected, **{key: shape for key, shape in optional.items() if key in given}}
    if given.keys() != expected.keys():
        raise ValueError(f"{name} must hold {sorted(expected)}, found {shown(sorted(given))}")
    for key, shape in expected.items():
        value = given[key]
        whole = type(value) is np.ndarray or (isinstance(value, np.ndarray) and not np.ma.is_masked(value))
        if whole and len(shape) == value.ndim:
            for side, n in zip(shape, value.shape, strict=True):
                if isinstance(side, str):
                    letters.setdefault(side, n)
        wanted = tuple(letters.get(side, side) for side in shape)
        if not whole or value.shape != wanted:
            found, expect = value.shape if whole else shown(value), str(wanted).replace("'", "")
            raise ValueError(f"{name}[{key!r}] must be an array of shape {expect}, found {found}")
        dtypes.add(value.dtype)
    kinds = ", ".join(sorted(map(str, dtypes)))
    if len(dtypes) > 1 or not all(one.char in "fdFD" and one.isnative for one in dtypes):
        expect = "must share one floating-point dtype, float32 or float64 in this machine's order of bytes"
        raise ValueError(f"{name} {expect}, found {kinds}")
    if dtype is not None and dtypes - {np.dtype(dtype)}:
        raise ValueError(f"{name} must have the model's dtype, {np.dtype(dtype)}, found {kinds}")
    return {key: given[key] for key in expected}


def first_nonfinite(arrays: Mapping[str, Array]) -> str | None:
    """Name the first array that holds NaN or inf; None where all are finite."""
    for name, value in arrays.items():
        # A sum is a quarter of the cost of looking at each entry, and no NaN or inf can leave it finite.
        if not np.isfinite(value.sum()) and not np.isfinite(value).all():
            return name
    return None
