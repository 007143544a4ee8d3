"""Measure what the library itself is off, in both dtypes: the ground of the tolerances."""

import json
from collections.abc import Iterable

import numpy as np

from generate.vector import Vector
from scratchdae.conformance.adapters.reference import Adapter
from scratchdae.conformance.case import Case
from scratchdae.conformance.comparison import errors


def measure(cases: Iterable[Case | Vector], dtypes: Iterable[str]) -> dict[str, dict[str, float]]:
    """Run the library on cases, read or made, and return the largest error over all arrays for each case and dtype.

    It is a fraction of the largest value of the array, to two digits.
    """
    adapters = {dtype: Adapter(dtype) for dtype in dtypes}
    return {
        case.id: {dtype: float(f"{_error(case, adapter):.1e}") for dtype, adapter in adapters.items()} for case in cases
    }


def as_file(measured: dict[str, dict[str, float]]) -> bytes:
    """Return measured errors as they are kept, in JSON."""
    return f"{json.dumps(measured, indent=1, sort_keys=True)}\n".encode()


def _error(case: Case | Vector, adapter: Adapter) -> float:
    """Return the largest error; inf where a value is off that should be 0 like all of its array."""
    inputs = {
        name: value.astype(adapter.dtype) if value.dtype.kind == "f" else value for name, value in case.inputs.items()
    }
    largest = 0.0
    for name, found in getattr(adapter, case.operation)(inputs, case.conventions).items():
        error, scale = errors(found, case.expected[name]).max(), np.abs(case.expected[name]).max()
        if error:
            largest = max(largest, error / scale if scale else np.inf)
    return largest
