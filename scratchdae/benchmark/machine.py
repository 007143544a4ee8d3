"""What the numbers were measured on."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any

from scratchdae import __version__

_PACKAGES = ("numpy", "numba", "scipy", "torch", "jax", "scikit-learn")


def describe() -> dict[str, Any]:
    """Describe the machine, NumPy's BLAS and what processor it takes this one for, and the load (null if unknown)."""
    from threadpoolctl import threadpool_info

    blas = [
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', 'unknown architecture')})"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "blas": ", ".join(dict.fromkeys(blas)) or "none that threadpoolctl knows",
        "load_before": load,
    }


def versions() -> dict[str, str]:
    """List the versions of Python and of all that may take part and is installed."""
    found = {"python": platform.python_version(), "scratchdae": __version__}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        text = cpuinfo.read_text()
        if name := re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE):
            return name[1] + (" with AVX-512" if re.search(r"^flags.*\bavx512f\b", text, re.MULTILINE) else "")
    return platform.processor() or platform.machine()
