"""What the manifest of a case must say: checked whole, before anything of the case is used."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scratchdae.arguments import choice, integer, number

SPECS = (1, 2)  # versions of the cases, counted apart from that of the package; the first stays as it is
DTYPES = ("float64", "float32")  # that an adapter may compute in
STORED = ("float64", "int64", "bool")  # that an array of a case may have
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")  # it becomes the name of a file
_NEEDED = (
    "spec", "name", "group", "operation", "dtype", "sizes", "conventions", "in_words", "aimed_at", "chapter",
    "inputs", "stages", "required", "tolerances", "arrays", "sha256",
)  # fmt: skip
_OPTIONAL = ("exact", "by_value")


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a manifest and check it; the message of an error names the file."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:  # of the encoding or of the JSON
        raise ValueError(f"{path} is not a JSON file ({error})") from None
    try:
        check(found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    manifest: dict[str, Any] = found
    return manifest


def check(manifest: object) -> None:
    """Refuse a manifest that breaks a rule."""
    if not isinstance(manifest, dict):
        raise ValueError(f"a manifest must be an object with named entries, found {type(manifest).__name__}")
    spec = manifest.get("spec")
    if spec not in SPECS or type(spec) is not int:
        known = " or ".join(map(str, SPECS))
        raise ValueError(f"spec must be {known}, the versions of the cases that this scratchdae reads, found {spec!r}")
    absent = [name for name in _NEEDED if name not in manifest]
    unknown = [str(name) for name in manifest if name not in _NEEDED + _OPTIONAL]
    if absent or unknown:
        raise ValueError(f"a manifest must have the entries of spec {spec}, found {_both(absent, unknown)}")
    for entry in ("name", "group", "operation"):
        _name(entry, manifest[entry])
    choice("dtype", manifest["dtype"], ("float64",))
    if manifest["chapter"] is not None:
        _text("chapter", manifest["chapter"])
    _text("aimed_at", manifest["aimed_at"])
    _text("sha256", manifest["sha256"])
    for line in _sequence("in_words", manifest["in_words"]):
        _text("in_words", line)
    for size in _mapping("sizes", manifest["sizes"]).values():
        integer("sizes", size)
    _mapping("conventions", manifest["conventions"])
    _tolerances(_mapping("tolerances", manifest["tolerances"]))
    _arrays(manifest)


def _arrays(manifest: Mapping[str, Any]) -> None:
    """Check what the arrays are, and that inputs and stages share them out."""
    arrays = _mapping("arrays", manifest["arrays"])
    for name, about in arrays.items():
        _name("arrays", name)
        entries = _mapping(f"arrays[{name!r}]", about)
        if set(entries) != {"shape", "dtype", "meaning"}:
            raise ValueError(f"arrays[{name!r}] must have shape, dtype and meaning, found {', '.join(sorted(entries))}")
        for size in _sequence(f"arrays[{name!r}] shape", entries["shape"]):
            integer(f"arrays[{name!r}] shape", size, at_least=0)
        choice(f"arrays[{name!r}] dtype", entries["dtype"], STORED)
        _text(f"arrays[{name!r}] meaning", entries["meaning"])
    inputs, expected = _names("inputs", manifest["inputs"]), list[str]()
    names = list[str]()
    for stage in _sequence("stages", manifest["stages"]):
        if set(_mapping("stages", stage)) != {"stage", "arrays"}:
            raise ValueError(f"each of stages must have stage and arrays, found {', '.join(sorted(stage))}")
        names.append(stage["stage"])
        expected += _names("stages", stage["arrays"])
    _names("stages", names)
    if not expected or sorted(inputs + expected) != sorted(arrays):
        raise ValueError("inputs and stages must name every one of arrays once, and something must be expected")
    for entry in ("required", *_OPTIONAL):
        beyond = set(_names(entry, manifest.get(entry, []))) - set(expected)
        if beyond:
            raise ValueError(f"{entry} must name arrays of the stages, found {', '.join(sorted(beyond))}")
    if not manifest["required"]:
        raise ValueError("required must name at least one array, found none")


def _tolerances(tolerances: Mapping[str, Any]) -> None:
    if set(tolerances) != set(DTYPES):
        raise ValueError(f"tolerances must be for {' and '.join(DTYPES)}, found {', '.join(sorted(tolerances))}")
    for dtype, entries in tolerances.items():
        name = f"tolerances[{dtype!r}]"
        beyond = set(_mapping(name, entries)) ^ {"relative", "reason"}
        if beyond - {"absolute"}:
            raise ValueError(f"{name} must have relative, reason and at most absolute, found {sorted(entries)}")
        number(f"{name} relative", entries["relative"], at_least=0, at_most=1)
        number(f"{name} absolute", entries.get("absolute", 0.0), at_least=0)
        _text(f"{name} reason", entries["reason"])


def _names(entry: str, value: object) -> list[str]:
    """Return a list of names, no one twice."""
    names = [_name(entry, name) for name in _sequence(entry, value)]
    if len(set(names)) < len(names):
        raise ValueError(f"{entry} must name nothing twice, found {', '.join(names)}")
    return names


def _name(entry: str, value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{entry} must be names of letters, digits and underscores, found {value!r}")
    return value


def _text(entry: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{entry} must be text, found {value!r}")


def _mapping(entry: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{entry} must be an object with named entries, found {value!r}")
    return value


def _sequence(entry: str, value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{entry} must be a list, found {value!r}")
    return value


def _both(absent: list[str], unknown: list[str]) -> str:
    parts = [f"no {', '.join(absent)}"] if absent else []
    parts += [f"the unknown {', '.join(unknown)}"] if unknown else []
    return " and ".join(parts)
