"""Packages that a user may lack and CI may not, unless a part of it says that it does without."""

import importlib
import importlib.util
import os

import pytest


def require(package: str):
    """Import an optional package; without it a test skips on a user's machine and fails in CI."""
    top = package.partition(".")[0]  # a part of a package that is not there cannot be looked for
    if importlib.util.find_spec(top) is None:
        message = f"needs {top}, which is not installed"
        if os.environ.get("CI") and top not in os.environ.get("DONE_WITHOUT", "").split():
            pytest.fail(message)
        pytest.skip(message, allow_module_level=True)
    return importlib.import_module(package)
