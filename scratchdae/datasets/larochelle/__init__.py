"""The benchmark of Larochelle et al. 2007: eight problems with many factors of variation."""

import importlib
from typing import TYPE_CHECKING, Any

from scratchdae.datasets.larochelle.problems import PROBLEMS, Problem, larochelle

if TYPE_CHECKING:
    from scratchdae.datasets.larochelle.amat import read_amat
    from scratchdae.datasets.larochelle.original_files import fetch_larochelle, larochelle_original, locate_originals
    from scratchdae.datasets.larochelle.patches import photographs
    from scratchdae.datasets.larochelle.rotation import rotate

__all__ = [
    "PROBLEMS",
    "Problem",
    "fetch_larochelle",
    "larochelle",
    "larochelle_original",
    "locate_originals",
    "photographs",
    "read_amat",
    "rotate",
]

_HOMES = {
    "fetch_larochelle": "original_files",
    "larochelle_original": "original_files",
    "locate_originals": "original_files",
    "photographs": "patches",
    "read_amat": "amat",
    "rotate": "rotation",
}


def __getattr__(name: str) -> Any:  # PEP 562, as for the package itself
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
