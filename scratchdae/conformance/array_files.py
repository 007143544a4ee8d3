"""Named arrays in files that other languages read and write: safetensors, npz, npy, JSON.

A set of arrays with the stem ``inputs`` is the file ``inputs.safetensors``, ``inputs.npz`` or ``inputs.json``, or the
files ``inputs/NAME.npy``. The JSON is for languages without a reader of the others::

    {"W": {"dtype": "float64", "shape": [2, 1], "values": [0.5, "NaN"]}}

with the values in C order, and ``"NaN"``, ``"Infinity"``, ``"-Infinity"`` where JSON has no number; ``null`` is read as
NaN.
"""

import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae import atomic
from scratchdae.arguments import Array, Params, integer
from scratchdae.conformance.adapter import MOST_BYTES, AnswerError

FORMATS = ("safetensors", "npz", "npy", "json")
_DTYPES = ("float64", "float32", "int64", "int32", "bool")
_PYTHON: dict[str, set[type]] = {"f": {int, float}, "i": {int}, "b": {bool}}  # what JSON has for each kind
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def write(folder: Path, stem: str, arrays: Mapping[str, Array], form: str) -> None:
    """Write arrays into a folder that exists, under a stem (such as ``inputs``), each file whole or not at all."""
    if form == "npy":
        (folder / stem).mkdir(exist_ok=True)
        for name, array in arrays.items():
            atomic.write(folder / stem / f"{name}.npy", _npy(array))
        return
    content = {"safetensors": _safetensors, "npz": _npz, "json": _json}[form](arrays)
    atomic.write(folder / f"{stem}.{form}", content)


def holds_answer(folder: Path, stem: str = "outputs") -> bool:
    """Say whether a folder holds a file that `read_answer` would read."""
    whole, single = _answer_files(folder, stem)
    return bool(whole or single)


def read_answer(folder: Path, stem: str = "outputs") -> Params | None:
    """Read what a program wrote, or None if there is no ``outputs.*`` and no ``NAME.npy``.

    Several kinds of files, a damaged one and more than 64 MiB are an AnswerError.
    """
    whole, single = _answer_files(folder, stem)
    if not whole and not single:
        return None
    if len(whole) + bool(single) > 1:
        found = ", ".join(path.name for path in whole + single[:1])
        raise AnswerError(f"outputs must be in one format, found {found}")
    try:
        if sum(path.stat().st_size for path in whole + single) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES >> 20} MiB")
        return _read(whole[0]) if whole else {path.stem: _read_npy(path) for path in single}
    except (
        Exception
    ) as error:  # what a damaged file makes NumPy, zipfile, json and safetensors raise has no common class
        name = whole[0].name if whole else "*.npy"
        raise AnswerError(f"{name} cannot be read: {type(error).__name__}: {error}") from error


def _answer_files(folder: Path, stem: str = "outputs") -> tuple[list[Path], list[Path]]:
    whole = [folder / f"{stem}.{form}" for form in FORMATS if form != "npy"]
    single = folder.glob("*.npy" if stem == "outputs" else f"{stem}/*.npy")
    return [path for path in whole if _is_here(path, folder)], sorted(path for path in single if _is_here(path, folder))


def _is_here(path: Path, folder: Path) -> bool:
    """Say whether a file is there, and in the folder itself: a link that leaves it is not followed."""
    return path.is_file() and path.resolve().is_relative_to(folder.resolve())


def _read(path: Path) -> Params:
    if path.suffix == ".safetensors":
        from safetensors.numpy import load

        return dict(load(path.read_bytes()))
    if path.suffix == ".json":
        return {str(name): _from_json(about) for name, about in json.loads(path.read_text(encoding="utf-8")).items()}
    with zipfile.ZipFile(path) as members:
        if sum(member.file_size for member in members.infolist()) > MOST_BYTES:
            raise ValueError(f"unpacked it is larger than {MOST_BYTES >> 20} MiB")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: np.asarray(arrays[name]) for name in arrays.files}


def _read_npy(path: Path) -> Array:
    # A mapped file is refused where its header promises more than there is; nothing is allocated for the promise.
    return np.array(np.load(path, mmap_mode="r", allow_pickle=False))


def _from_json(about: Any) -> Array:
    if not isinstance(about, dict) or set(about) != {"dtype", "shape", "values"}:
        raise ValueError("each array must have dtype, shape and values")
    if about["dtype"] not in _DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(_DTYPES)}, found {about['dtype']!r}")
    dtype, shape = np.dtype(about["dtype"]), [integer("shape", size, at_least=0) for size in about["shape"]]
    values = [_NOT_FINITE.get(value, value) if isinstance(value, str) else value for value in about["values"]]
    if dtype.kind == "f":
        values = [math.nan if value is None else value for value in values]  # what JavaScript writes for NaN
    if not {type(value) for value in values} <= _PYTHON[dtype.kind]:  # NumPy would round 1.5 to an integer
        raise ValueError(f"values must be one flat list of {dtype}, found others")
    return np.array(values, dtype).reshape(shape)


def _safetensors(arrays: Mapping[str, Array]) -> bytes:
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()})


def _npz(arrays: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    # Without `allow_pickle`, which NumPy before 2.2 takes for the name of an array.
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _json(arrays: Mapping[str, Array]) -> bytes:
    content = {
        name: {
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "values": [in_json(v) for v in array.ravel().tolist()],
        }
        for name, array in arrays.items()
    }
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def in_json(value: float) -> float | str:
    """Return a number, or the word for what JSON has no number for."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
