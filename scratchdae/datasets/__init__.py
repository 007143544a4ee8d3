"""Data to learn from: embedded digits, MNIST, the eight problems of Larochelle et al., toy distributions.

A name is imported when it is first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from scratchdae.datasets.larochelle import larochelle  # at once: later the package would take the function's name

if TYPE_CHECKING:
    from scratchdae.datasets.dataset import Dataset, ThreePartDataset, to_float
    from scratchdae.datasets.embedded_digits import digits, freeze_digits
    from scratchdae.datasets.files import Stored, read
    from scratchdae.datasets.idx import read_idx
    from scratchdae.datasets.larochelle import fetch_larochelle, larochelle_original, rotate
    from scratchdae.datasets.mnist_download import fetch_mnist
    from scratchdae.datasets.mnist_files import MnistFiles, locate_mnist
    from scratchdae.datasets.mnist_images import mnist
    from scratchdae.datasets.stroke_digits import draw_digits, draw_labelled_digits
    from scratchdae.datasets.toy import (
        bernoulli,
        curve,
        curved_manifold,
        project_to_curve,
        redundant_columns,
        sinusoids,
        uniform,
    )

__all__ = [
    "Dataset", "MnistFiles", "Stored", "ThreePartDataset", "bernoulli", "curve", "curved_manifold", "digits",
    "draw_digits", "draw_labelled_digits", "fetch_larochelle", "fetch_mnist", "freeze_digits", "larochelle",
    "larochelle_original", "locate_mnist", "mnist", "project_to_curve", "read", "read_idx", "redundant_columns",
    "rotate", "sinusoids", "to_float", "uniform",
]  # fmt: skip

_HOMES = {
    "dataset": ["Dataset", "ThreePartDataset", "to_float"],
    "embedded_digits": ["digits", "freeze_digits"],
    "files": ["Stored", "read"],
    "idx": ["read_idx"],
    "larochelle": ["fetch_larochelle", "larochelle_original", "rotate"],
    "mnist_download": ["fetch_mnist"],
    "mnist_files": ["MnistFiles", "locate_mnist"],
    "mnist_images": ["mnist"],
    "stroke_digits": ["draw_digits", "draw_labelled_digits"],
    "toy": [
        "bernoulli", "curve", "curved_manifold", "project_to_curve", "redundant_columns", "sinusoids", "uniform",
    ],
}  # fmt: skip


def __getattr__(name: str) -> Any:  # PEP 562, as for the package itself
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    return value
