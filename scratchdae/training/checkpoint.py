"""Save and load a run: one safetensors file, which PyTorch and JAX open too, with its state as JSON in the header.

Arrays and state travel in one file because two could not be replaced in one move: a process killed between them would
leave a checkpoint that never was. Nothing is pickled.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae import atomic
from scratchdae.arguments import Array, Params

FILE = "checkpoint.safetensors"
FORMAT = 1


def save(path: str | os.PathLike[str], arrays: Mapping[str, Array], state: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters go under their names, other arrays under a prefix, as in ``best/W``; the state is everything else, ready
    for JSON: configuration, history, generator states.
    """
    from safetensors.numpy import save as serialize

    header = json.dumps({"format": FORMAT, **state}, allow_nan=False)
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    atomic.write(path, serialize(contiguous, metadata={"scratchdae": header}))


def load(path: str | os.PathLike[str]) -> tuple[Params, dict[str, Any]]:
    """Read the arrays, to the bit, and the state of a checkpoint or of the folder of a run.

    A file that is truncated, of another kind or of a later format is refused with a ValueError; FileNotFoundError if
    there is none.
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
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error})") from None
    if "scratchdae" not in metadata:
        raise ValueError(f"{path} is a safetensors file, but no checkpoint of scratchdae: its header has no such entry")
    try:
        state = json.loads(metadata["scratchdae"])
        found = state["format"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} has a header that is no checkpoint's: {metadata['scratchdae'][:60]!r}") from None
    if found != FORMAT:
        raise ValueError(f"{path} has checkpoint format {found!r}, this version of scratchdae reads format {FORMAT}")
    return arrays, state


def group(arrays: Mapping[str, Array], prefix: str) -> Params:
    """Return the arrays saved under a prefix, without it; the empty prefix stands for the names that have none."""
    if not prefix:
        return {name: array for name, array in arrays.items() if "/" not in name}
    return {name.removeprefix(f"{prefix}/"): array for name, array in arrays.items() if name.startswith(f"{prefix}/")}
