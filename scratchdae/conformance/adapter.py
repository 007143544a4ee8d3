"""Adapters: how an implementation is asked, and how its answer is read.

An adapter is any object with a method for each operation that it supports, all of one signature::

    class Mine:
        name, dtype = "mine", "float32"

        def loss(self, inputs, conventions):
            if conventions["loss"] != "cross_entropy":
                raise Unsupported("there is only cross-entropy here")
            loss, da = my_loss(inputs["a"], inputs["target"])
            return {"loss": loss, "d_a": da}

A method that is missing means that the operation is unsupported. `name`, `dtype` (``"float64"`` unless it says
``"float32"``) and `tolerances` (by operation, case name or GROUP/NAME; 1e-2 at most) are optional. NotImplementedError
is read as `Unsupported`.

Version 2 of the cases asks more of the same methods (layers, rules), and methods beyond those of version 1: an adapter
raises `Unsupported` at every value of a convention that it does not know. ``load_cases(spec=1)`` and ``--spec 1`` ask
version 1 alone. In ``half`` it computes in float16, and gives the numbers back in its own dtype.
"""

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np

from scratchdae.arguments import Array, Params, choice, number
from scratchdae.conformance.case import Case
from scratchdae.conformance.manifest import DTYPES

OPERATIONS = (
    "activation", "loss", "corruption", "autoencoder", "layer", "optimizer", "clipping", "penalty", "training", "stack",
    "pretrain_stack", "activity_penalty", "variational", "schedule", "averaging", "ssim", "half",
)  # fmt: skip
WIDEST = 1e-2  # tolerance that an adapter may set itself: beyond, half of all mistakes would agree
MOST_BYTES = 64 * 2**20  # of an answer; the largest case is a thousand times smaller


class Unsupported(Exception):
    """What an adapter raises where it does not do what a case asks; the message says why."""


class Operation(Protocol):
    """A method of an adapter."""

    def __call__(self, inputs: Mapping[str, Array], conventions: Mapping[str, Any], /) -> Mapping[str, Any]:
        """Compute what a case asks.

        Parameters
        ----------
        inputs : mapping of str to ndarray
            Arrays of its own, free to change; floating-point ones in the dtype of the adapter.
        conventions : mapping
            What must be known besides.

        Returns
        -------
        mapping of str to array_like
            NumPy arrays, numbers, lists, or anything with ``__array__`` or DLPack: at least what the case requires.

        Raises
        ------
        Unsupported
            If this is not done here.
        """
        ...


class AnswerError(Exception):
    """What becomes of a question without an answer that can be compared: an exception, a time-out, no arrays."""

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said  # by a program on its standard error


def ask(adapter: object, operation: str, inputs: Mapping[str, Array], conventions: Mapping[str, Any]) -> Params:
    """Ask an adapter, which may change all it is given, and isolate whatever it raises, SystemExit included."""
    try:
        with alone():
            method = getattr(adapter, operation, None)
            if not callable(method):
                raise Unsupported(f"the adapter has no method {operation}")
            return as_arrays(method(inputs, conventions))
    except (Unsupported, AnswerError, KeyboardInterrupt):
        raise
    except NotImplementedError as error:
        raise Unsupported(str(error) or "it is not implemented") from error
    except BaseException as error:
        raise AnswerError(describe(error)) from error


@contextmanager
def alone() -> Iterator[None]:
    """End a child that an adapter forked where it comes back, before it goes on with the run a second time."""
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(0)


@contextmanager
def staying() -> Iterator[None]:
    """Keep this process and its output while an adapter is called, which may call ``os._exit`` and close streams."""
    leave, process, streams = os._exit, os.getpid(), (sys.stdout, sys.stderr)

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:  # a child that the adapter forked
            leave(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave
        sys.stdout, sys.stderr = streams


def about(adapter: object) -> tuple[str, str, dict[str, float]]:
    """Return the name, the dtype and the tolerances of an adapter; a ValueError where it cannot be asked for them."""
    try:
        return name_of(adapter), dtype_of(adapter), tolerances_of(adapter)
    except (ValueError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ValueError(f"adapter must tell its name, dtype and tolerances, found {describe(error)}") from error


def inputs_of(case: Case, dtype: str) -> Params:
    """Copy the inputs of a case, the floating-point ones in a dtype; both hold the same numbers."""
    return {
        name: array.astype(dtype if array.dtype.kind == "f" else array.dtype) for name, array in case.inputs.items()
    }


def name_of(adapter: object) -> str:
    """Return the `name` of an adapter, or that of its class."""
    name = getattr(adapter, "name", type(adapter).__name__)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name of the adapter must be text, found {name!r}")
    return name


def dtype_of(adapter: object) -> str:
    """Return what an adapter computes in: its `dtype`, or float64 if it has none."""
    return choice("dtype of the adapter", getattr(adapter, "dtype", "float64"), DTYPES)


def tolerances_of(adapter: object) -> dict[str, float]:
    """Return the tolerances that an adapter sets itself, positive, by what they are for; `WIDEST` if they are wider."""
    tolerances = getattr(adapter, "tolerances", {})
    if not isinstance(tolerances, Mapping):
        raise ValueError(f"tolerances of the adapter must be a mapping, found {tolerances!r}")
    return {
        str(name): min(number(f"tolerances[{name!r}] of the adapter", value, at_most=1, above=0), WIDEST)
        for name, value in tolerances.items()
    }


def as_arrays(answer: object) -> Params:
    """Turn an answer into arrays of one's own: in C order and native byte order, of the dtypes that were given.

    Python's numbers are float64, int64 and bool. What is no mapping of text to arrays of numbers, or larger than 64
    MiB, is an AnswerError.
    """
    if not isinstance(answer, Mapping):
        raise AnswerError(f"an answer must be a mapping of names to arrays, found {type(answer).__name__}")
    arrays, room = dict[str, Array](), MOST_BYTES
    for name, value in answer.items():
        if not isinstance(name, str):
            raise AnswerError(f"the names of an answer must be text, found {name!r}")
        array = _as_array(name, value)
        room -= array.nbytes
        if room < 0:
            raise AnswerError(f"an answer must be at most {MOST_BYTES >> 20} MiB, found more at {name}")
        arrays[name] = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    return arrays


def _as_array(name: str, value: object) -> Array:
    try:
        dlpack = not hasattr(value, "__array__") and hasattr(value, "__dlpack__")
        array = np.from_dlpack(value) if dlpack else np.asarray(value)  # type: ignore[arg-type]
    except Exception as error:  # what frameworks raise has no common class
        raise AnswerError(f"{name} cannot be read as an array: {type(error).__name__}: {error}") from error
    if array.dtype.kind not in "fiub":
        raise AnswerError(
            f"{name} must be an array of real numbers, found {type(value).__name__} of dtype {array.dtype}"
        )
    return array


def describe(error: BaseException) -> str:
    """Say what was raised: its class, its message, and the last line of code that it went through."""
    try:
        said = str(error)
    except Exception:  # an exception of the adapter's own may be broken as well
        said = "(its message cannot be read)"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {said}{place}"
