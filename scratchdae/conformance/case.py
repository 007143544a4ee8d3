"""A case: what goes in, and what must come out, frozen in two files.

``GROUP/NAME.json`` is its manifest, ``GROUP/NAME.safetensors`` holds its arrays. Both are checked whole when they are
read: a case that was damaged or edited must not call anybody's implementation wrong.
"""

import difflib
import hashlib
import os
import textwrap
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from scratchdae.arguments import Array, choice, path, sequence
from scratchdae.conformance import manifest as manifests


@dataclass(frozen=True, eq=False)
class Case:
    """Inputs, and the arrays that a correct implementation makes of them."""

    name: str  # of this case alone, whatever the group
    group: str  # what it is about: ``autoencoder``, ``optimizer`` …
    operation: str  # the method of an adapter that answers it
    manifest: Mapping[str, Any]  # all that its JSON file says
    inputs: Mapping[str, Array]  # read-only. Floating-point inputs are float64, each value also a float32
    expected: Mapping[str, Array]  # read-only, in the order of the stages

    @property
    def id(self) -> str:
        """Return what reports call it, ``GROUP/NAME``."""
        return f"{self.group}/{self.name}"

    @property
    def conventions(self) -> Mapping[str, Any]:
        """Return what an implementation must know besides the inputs, such as ``{"reduction": "paper"}``."""
        conventions: Mapping[str, Any] = self.manifest["conventions"]
        return conventions

    @property
    def stages(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the order of comparison: each stage (forward, loss, gradients, updates) there is, and its arrays."""
        return tuple((stage["stage"], tuple(stage["arrays"])) for stage in self.manifest["stages"])

    @property
    def required(self) -> tuple[str, ...]:
        """Return the names of the expected arrays that an answer must hold; the others may be left out."""
        return tuple(self.manifest["required"])

    @property
    def spec(self) -> int:
        """Return the version of the cases that it belongs to."""
        return int(self.manifest["spec"])

    @property
    def exact(self) -> tuple[str, ...]:
        """Return the names of the expected arrays that must agree without any tolerance."""
        return tuple(self.manifest.get("exact", ()))

    def tolerance(self, dtype: str) -> float:
        """Return how far an answer in this dtype may be off, a fraction of the largest absolute value of an array."""
        tolerances = self.manifest["tolerances"]
        return float(tolerances[choice("dtype", dtype, manifests.DTYPES)]["relative"])

    def absolute_tolerance(self, dtype: str) -> float:
        """Return how far it may be off where every expected value of an array is 0: not at all, if not said."""
        tolerances = self.manifest["tolerances"]
        return float(tolerances[choice("dtype", dtype, manifests.DTYPES)].get("absolute", 0.0))


def cases_root() -> Path:
    """Return the folder of version 1 of this package's cases, which has a folder for each group; v2 is beside it."""
    return Path(str(resources.files("scratchdae"))) / "conformance" / "vectors" / "v1"


def load_case(path: str | os.PathLike[str]) -> Case:
    """Read one case from its JSON file and the safetensors file beside it; its arrays are read-only."""
    path = Path(path)
    manifest = manifests.read(path)
    found = (path.parent.name, path.stem)
    if found != (manifest["group"], manifest["name"]):
        raise ValueError(f"{path} must lie at GROUP/NAME.json, found {manifest['group']}/{manifest['name']} inside")
    arrays = _arrays(path.with_suffix(".safetensors"), manifest)
    expected = [name for stage in manifest["stages"] for name in stage["arrays"]]
    return Case(
        name=manifest["name"],
        group=manifest["group"],
        operation=manifest["operation"],
        manifest=manifest,
        inputs={name: arrays[name] for name in manifest["inputs"]},
        expected={name: arrays[name] for name in expected},
    )


def load_cases(
    root: str | os.PathLike[str] | None = None,
    *,
    groups: Iterable[str] | None = None,
    names: Iterable[str] | None = None,
    spec: int | str = "all",
) -> tuple[Case, ...]:
    """Read cases, by group and name.

    Parameters
    ----------
    root : path-like, optional
        The folder with a folder for each group. If left out, the cases of this package.
    groups : iterable of str, optional
        The groups to read. If left out, all.
    names : iterable of str, optional
        The cases to read, as NAME or GROUP/NAME. If left out, all.
    spec : {1, 2, "all"}
        The version of the cases. Version 2 adds to version 1, whose files and answers stay as they are; no name is in
        both.

    Returns
    -------
    tuple of Case
        In the order of their versions, groups and names.

    Raises
    ------
    OSError
        If a file is not there.
    ValueError
        If a group, a name or a version is unknown, two cases share a name, or a file is refused.
    """
    known_specs = (*map(str, manifests.SPECS), "all")
    chosen_spec = choice("spec", str(spec) if type(spec) is int and spec in manifests.SPECS else spec, known_specs)
    specs = manifests.SPECS if chosen_spec == "all" else (int(chosen_spec),)
    if root is None:
        root = cases_root()
        paths = _own(specs)
    else:
        root = path("root", root)
        paths = _manifests(root)
    if not paths:
        raise ValueError(f"{root} must hold cases at GROUP/NAME.json, found none")
    stems = [one.stem for one in paths]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ValueError(f"{root} must not hold two cases of one name, found {', '.join(twice)}")
    chosen = paths
    if groups is not None:
        wanted = known("groups", groups, {one.parent.name for one in paths})
        chosen = [one for one in chosen if one.parent.name in wanted]
    if names is not None:
        ids = {one: {one.stem, f"{one.parent.name}/{one.stem}"} for one in chosen}
        wanted = known("names", names, set().union(*ids.values()))
        chosen = [one for one in chosen if ids[one] & wanted]
    return tuple(case for case in map(load_case, chosen) if case.spec in specs)


def known_names() -> set[str]:
    """List NAME and GROUP/NAME of each case of this package, without reading them."""
    return {name for path in _own() for name in (path.stem, f"{path.parent.name}/{path.stem}")}


def _own(specs: Iterable[int] = manifests.SPECS) -> list[Path]:
    return [path for spec in specs for path in _manifests(cases_root().with_name(f"v{spec}"))]


def _manifests(root: Path) -> list[Path]:
    return sorted(root.glob("*/*.json"), key=lambda path: (path.parent.name, path.stem))


def known(name: str, wanted: Iterable[str], there: set[str]) -> set[str]:
    """Return what is wanted (a single name may be given as it is) if it is there; `name` is for the error."""
    wanted = wanted if isinstance(wanted, str | Set) else sequence(name, wanted, "names")
    chosen = {wanted} if isinstance(wanted, str) else {str(one) for one in wanted}
    unknown = sorted(chosen - there)
    if unknown:
        among = textwrap.shorten(", ".join(sorted(there)), 160)  # there are hundreds of names of cases
        near = dict.fromkeys(match for one in unknown for match in difflib.get_close_matches(one, sorted(there), 3))
        nearest = f"; near to it: {', '.join(near)}" if near else ""
        raise ValueError(f"{name} must be among {among}, found {', '.join(unknown)}{nearest}")
    return chosen


def _arrays(path: Path, manifest: Mapping[str, Any]) -> dict[str, Array]:
    """Read the arrays of a case, and hold them to its manifest."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest["sha256"]:
        raise ValueError(f"{path} must have the sha256 of its manifest, {manifest['sha256']}, found {digest}")
    try:
        arrays = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error})") from None
    if set(arrays) != set(manifest["arrays"]):
        raise ValueError(f"{path} must hold the arrays of its manifest, found {', '.join(sorted(arrays))}")
    for name, array in arrays.items():
        about = manifest["arrays"][name]
        if list(array.shape) != about["shape"] or array.dtype.name != about["dtype"]:
            raise ValueError(
                f"{path}: {name} must be {about['dtype']} of shape {about['shape']}, found {array.dtype.name} of shape "
                f"{list(array.shape)}"
            )
        array.flags.writeable = False
    for name in manifest["inputs"]:
        if arrays[name].dtype.kind == "f" and _rounded(arrays[name]):
            raise ValueError(
                f"{path}: every value of the input {name} must be a float32 as well, found one that is not"
            )
    return arrays


def _rounded(array: Array) -> bool:
    """Say whether float32 would change a value."""
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32).astype(np.float64)
    return not np.array_equal(narrow, array, equal_nan=True)
