"""The laboratory as one file: its script, its digits and the cases that it is held to, in a page that asks for nothing.

The modules in ``lab/`` are JavaScript written by hand. Node runs them as they are; in the page their imports are left
out and they stand one after the other, once for the page and once as the text of its worker.
"""

import base64
import json
import re
import zlib
from importlib import resources
from typing import Any

import numpy as np

from scratchdae.arguments import Array
from scratchdae.conformance import load_cases
from scratchdae.datasets import digits

CORE = ("dae", "draws", "trainer", "failures", "cases", "worker")  # what the worker needs too, in order
GROUPS = ("activation", "loss", "corruption", "autoencoder", "training")
TRAINED, HELD_OUT = 2000, 300  # digits


def laboratory() -> str:
    """Return the page."""
    parts = {
        "STYLE": _text("lab.css"),
        "CASES": json.dumps(cases(), separators=(",", ":")),
        "DIGITS": base64.b64encode(zlib.compress(pictures().tobytes(), 9)).decode(),
        "CORE": "\n".join(_plain(f"{name}.mjs") for name in CORE),
        "PAGE": _plain("page.mjs"),
    }
    return re.sub(r"/\*([A-Z]+)\*/", lambda place: parts[place[1]], _text("lab.html"))


def pictures() -> Array:
    """Return the digits of the page (N, 784) uint8: those to train on, then the held-out ones."""
    data = digits()
    return np.concatenate([data.x_train[:TRAINED], data.x_test[:HELD_OUT]])


def cases() -> list[dict[str, Any]]:
    """Return the cases that are about this network, ready for JSON: what is not finite as text."""
    return [
        {
            "id": case.id,
            "operation": case.operation,
            "conventions": dict(case.conventions),
            "inputs": {name: _numbers(array) for name, array in case.inputs.items()},
            "expected": {name: _numbers(array) for name, array in case.expected.items()},
            "relative": case.tolerance("float64"),
        }
        for case in load_cases(groups=GROUPS, spec=1)
    ]


def _numbers(array: Array) -> dict[str, Any]:
    texts = {np.inf: "Infinity", -np.inf: "-Infinity"}
    data = [float(value) for value in array.ravel()]
    finite = [value if np.isfinite(value) else texts.get(value, "NaN") for value in data]
    return {
        "shape": list(array.shape),
        "data": [int(v) if isinstance(v, float) and v.is_integer() else v for v in finite],
    }


def _plain(name: str) -> str:
    """Return a module without what makes it one."""
    return re.sub(r"^export ", "", re.sub(r"^import .*;\n", "", _text(name), flags=re.M), flags=re.M)


def _text(name: str) -> str:
    return resources.files("scratchdae.book").joinpath("lab", name).read_text(encoding="utf-8")
