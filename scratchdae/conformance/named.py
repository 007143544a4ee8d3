"""Adapters by name: those of the package, and ``module:object`` for anybody's own."""

import importlib
import importlib.util
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from scratchdae.conformance.adapter import OPERATIONS, alone, describe, dtype_of

MODULES = {
    "reference": "reference",
    "numba": "numba_core",
    "torch": "torch",
    "jax": "jax",
    "keras": "keras",
    "tinygrad": "tinygrad",
    "flax": "flax",
}


class Named:
    """An adapter that is found by its name, and found again in another process, whatever it is made of.

    Names are ``reference``, ``numba``, those of `FRAMEWORKS`, ``module:object`` and ``path/to/file.py:object``, or
    ``path/to/file.py`` alone if one object of it has a method of an adapter.
    A class is called without arguments, or with ``dtype=`` if one is asked for; otherwise the adapter decides. If what
    it needs is not installed, that is an ImportError.
    """

    def __init__(self, name: str, dtype: str | None = None) -> None:
        self._arguments = (name, dtype)
        try:
            with alone():
                found = _find(name)
                if isinstance(found, type):
                    found = found() if dtype is None else found(dtype=dtype)
        except ModuleNotFoundError as error:
            raise ImportError(f"the adapter {name} needs {error.name}, which is not installed") from error
        except (ImportError, ValueError, KeyboardInterrupt):
            raise
        except BaseException as error:  # the module is somebody else's, and may even leave
            raise ValueError(f"adapter must be one that can be made, found {name}: {describe(error)}") from error
        if dtype is not None and dtype_of(found) != dtype:
            raise ValueError(f"dtype of the adapter {name} must be {dtype_of(found)}, its own, found {dtype}")
        self._found = found

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        if attribute == "name" and not hasattr(self._found, "name"):
            return self._arguments[0]
        return getattr(self._found, attribute)

    def __reduce__(self) -> tuple[type["Named"], tuple[str, str | None]]:
        return Named, self._arguments


class Elsewhere(NamedTuple):
    """An adapter by its name that is found where it is called, since its module may do anything."""

    name: str
    dtype: str | None = None  # the one asked for

    def find(self) -> Named:
        return Named(*self)


def _find(name: str) -> Any:
    if name in MODULES:
        return importlib.import_module(f"scratchdae.conformance.adapters.{MODULES[name]}").Adapter
    if name.endswith(".py") and ":" not in name.rpartition(".py")[0].rpartition("/")[2]:
        return _only_adapter(_load(Path(name)), name)
    place, colon, attribute = name.rpartition(":")
    if not (place and colon and attribute):
        raise ValueError(f"adapter must be one of {', '.join(MODULES)}, or module:object, found {name!r}")
    module = _load(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    try:
        return attrgetter(attribute)(module)
    except AttributeError:
        raise ValueError(f"adapter must be an object of {place}, found no {attribute} there") from None


def _only_adapter(module: ModuleType, place: str) -> Any:
    """Find the one object of a file that is an adapter: its instances, or else its classes, with such a method."""
    own = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and any(callable(getattr(value, operation, None)) for operation in OPERATIONS)
        and (value.__module__ if isinstance(value, type) else type(value).__module__) == module.__name__
    }
    instances = {name: value for name, value in own.items() if not isinstance(value, type)}
    found = instances or own
    if len(found) == 1:
        return next(iter(found.values()))
    there = ", ".join(f"{place}:{name}" for name in found) or "none"
    raise ValueError(f"adapter must be the only one of its file, or be named as in {place}:Mine, found {there}")


def _load(path: Path) -> ModuleType:
    """Run a file as a module, without making its folder importable."""
    if not path.is_file():
        raise ValueError(f"adapter must be in a file that exists, found {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # the suffix is that of Python
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
