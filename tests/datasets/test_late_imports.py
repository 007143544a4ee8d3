"""A name of `scratchdae.datasets` is imported when it is first asked for, and is then the same from both packages."""

import importlib
import subprocess
import sys

import pytest

PACKAGES = ["scratchdae.datasets", "scratchdae.datasets.larochelle"]


def test_importing_loads_numpy_and_nothing_heavier():
    code = "import scratchdae.datasets, sys; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "numpy" in loaded
    assert not {"pooch", "matplotlib", "PIL", "gzip", "zipfile", "tempfile"} & loaded
    assert {name for name in loaded if name.startswith(PACKAGES[0])} == {
        *PACKAGES, "scratchdae.datasets.dataset", "scratchdae.datasets.larochelle.problems",
    }  # fmt: skip


@pytest.mark.parametrize("package", PACKAGES)
def test_all_names_are_there_and_no_others(package):
    package = importlib.import_module(package)
    assert sorted(package.__all__) == package.__all__
    assert all(hasattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match=r"module 'scratchdae\.datasets.*' has no attribute 'nonsense'"):
        package.nonsense  # noqa: B018


@pytest.mark.parametrize("first", [f"{PACKAGES[1]}.rotation", f"{PACKAGES[1]}.original_files", "scratchdae.datasets"])
def test_larochelle_is_the_function_whatever_was_imported_before(first):
    code = (
        f"import {first}, inspect; from scratchdae.datasets import larochelle, rotate\n"
        "from scratchdae.datasets.larochelle import photographs; import scratchdae\n"
        "assert all(map(inspect.isfunction, (larochelle, rotate, photographs, scratchdae.datasets.larochelle)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
