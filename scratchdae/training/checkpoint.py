"""Save and load a run: one safetensors file, which PyTorch and JAX open too, with its state as JSON in the header.

Arrays and state travel in one file because two could not be replaced in one move: a process killed between them would
leave a checkpoint that never was. A digest of both tells damage, be it one bit. Nothing is pickled.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae import atomic
from scratchdae.arguments import Array, Params

FILE = "checkpoint.safetensors"
FORMAT = 1

# What a damaged state raises where it is read: names that are missing, values of another type, range or depth.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


def save(path: str | os.PathLike[str], arrays: Mapping[str, Array], state: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters go under their names, other arrays under a prefix, as in ``best/W``; the state is everything else, ready
    for JSON: configuration, history, generator states.
    """
    from safetensors.numpy import save as serialize

    state = {"format": FORMAT, **state}
    plain = {name: np.asarray(array, array.dtype.newbyteorder("="), order="C") for name, array in arrays.items()}
    header = json.dumps(state | {"sha256": _digest(plain, state)}, allow_nan=False)
    atomic.write(path, serialize(plain, metadata={"scratchdae": header}))


def load(path: str | os.PathLike[str]) -> tuple[Params, dict[str, Any]]:
    """Read the arrays, to the bit, and the state of a checkpoint or of the folder of a run.

    A file that is truncated or damaged, of another kind or of a later format is refused with a ValueError;
    FileNotFoundError if there is none. One without a digest, of an earlier version, is read with a warning.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.is_dir():
        path = path / FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no checkpoint here")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, *UNREADABLE) as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error})") from None
    if "scratchdae" not in metadata:
        raise ValueError(f"{path} is a safetensors file, but no checkpoint of scratchdae: its header has no such entry")
    try:
        state = json.loads(metadata["scratchdae"])
        found, digest = state["format"], state.pop("sha256", None)
        whole = digest in (None, _digest(arrays, state))
    except UNREADABLE:
        raise ValueError(f"{path} has a header that is no checkpoint's: {metadata['scratchdae'][:60]!r}") from None
    if found != FORMAT:
        raise ValueError(
            f"{path} has checkpoint format {found!r:.80}, this version of scratchdae reads format {FORMAT}"
        )
    if not whole:
        raise ValueError(f"{path} is damaged: its arrays or its state are not those that its digest was made of")
    if digest is None:
        warnings.warn(f"{path} is of a version that saved no digest: damage to it cannot be told", stacklevel=2)
    return arrays, state


def group(arrays: Mapping[str, Array], prefix: str) -> Params:
    """Return the arrays saved under a prefix, without it; the empty prefix stands for the names that have none."""
    if not prefix:
        return {name: array for name, array in arrays.items() if "/" not in name}
    return {name.removeprefix(f"{prefix}/"): array for name, array in arrays.items() if name.startswith(f"{prefix}/")}


def _digest(arrays: Mapping[str, Array], state: Mapping[str, Any]) -> str:
    """Digest the state as it is written, and names, dtypes, shapes and bytes of the arrays."""
    digest = hashlib.sha256(json.dumps(state).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
