"""One case before it is written: its inputs, its expected values, and the manifest that says what they are."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from safetensors.numpy import save

from generate.decimals import Decimals, rounded
from generate.tolerance import tolerances
from scratchdae.arguments import Array

_SHAPE = re.compile(r"\[\s+\d+(,\s+\d+)*\s+\]")  # JSON puts each number on a line of its own


@dataclass(frozen=True, eq=False)
class Vector:
    """A case."""

    name: str  # names of its files and of their folder
    group: str
    sizes: Mapping[str, int]  # the letters of the shapes
    conventions: Mapping[str, Any]  # everything that is not an array, for programs
    in_words: tuple[str, ...]  # the same for people, a convention a sentence
    aimed_at: str  # the mistake it is there to find
    chapter: str  # stem of the chapter that explains it
    inputs: Mapping[str, Array]  # what an implementation is given
    # the expected arrays of each stage, in the order of computation: decimals
    stages: Mapping[str, Mapping[str, Decimals]]
    required: tuple[str, ...]  # expected arrays that an answer must hold
    meanings: Mapping[str, str]  # what each array is; those of other cases of the group may be among them
    operation: str = ""  # name of the adapter's method; the group's name if left out
    exact: tuple[str, ...] = ()  # expected arrays that are copies of inputs, and so the same to the bit
    by_value: tuple[str, ...] = ()  # expected arrays of which each value counts by itself; of version 2 alone
    spec: int = 1  # version of the cases
    expected: Mapping[str, Array] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        expected = {name: rounded(value) for arrays in self.stages.values() for name, value in arrays.items()}
        if clash := sorted(set(expected) & set(self.inputs)):
            raise ValueError(f"inputs and expected arrays must have different names, found {clash} in both")
        if missing := sorted(set(self.required) - set(expected)):
            raise ValueError(f"required must name expected arrays, found {missing}")
        for name, value in self.inputs.items():
            if value.dtype == np.float64 and not np.array_equal(value, value.astype(np.float32), equal_nan=True):
                raise ValueError(f"inputs[{name!r}] must be representable in float32, found digits beyond it")
        object.__setattr__(self, "operation", self.operation or self.group)
        object.__setattr__(self, "expected", expected)

    @property
    def id(self) -> str:
        """Return where it is kept, group and name, without a suffix."""
        return f"{self.group}/{self.name}"

    @property
    def arrays(self) -> dict[str, Array]:
        """Return everything that is written as numbers: inputs and expected values."""
        both = {**self.inputs, **self.expected}
        return {name: np.asarray(value, order="C") for name, value in both.items()}

    def files(self) -> dict[str, bytes]:
        """Return the content of the manifest and of the arrays, by path."""
        tensors = save(self.arrays)
        manifest = json.dumps(self.manifest(tensors), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        manifest = _SHAPE.sub(lambda shape: f"[{' '.join(shape[0][1:-1].split())}]", manifest)
        return {f"{self.id}.json": f"{manifest}\n".encode(), f"{self.id}.safetensors": tensors}

    def manifest(self, tensors: bytes) -> dict[str, Any]:
        """Say what the arrays are, in a manifest ready for JSON; `tensors` is the file that holds them."""
        exact = {"exact": list(self.exact)} if self.exact else {}
        exact |= {"by_value": list(self.by_value)} if self.by_value else {}
        return exact | {
            "spec": self.spec,
            "name": self.name,
            "group": self.group,
            "operation": self.operation,
            "dtype": "float64",
            "sizes": dict(self.sizes),
            "conventions": dict(self.conventions),
            "in_words": list(self.in_words),
            "aimed_at": self.aimed_at,
            "chapter": self.chapter,
            "inputs": list(self.inputs),
            "stages": [{"stage": stage, "arrays": list(arrays)} for stage, arrays in self.stages.items()],
            "required": list(self.required),
            "tolerances": tolerances(self.id, self.spec),
            "arrays": {
                name: {"shape": list(value.shape), "dtype": value.dtype.name, "meaning": self.meanings[name]}
                for name, value in self.arrays.items()
            },
            "sha256": hashlib.sha256(tensors).hexdigest(),
        }
