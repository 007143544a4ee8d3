"""What importing costs, what the wheel holds, and that it works where only it is installed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from optional_packages import require

import scratchdae

ROOT = Path(__file__).parents[1]
HEAVY = (
    "numba",
    "scipy",
    "matplotlib",
    "torch",
    "jax",
    "sklearn",
    "pooch",
    "requests",
    "tqdm",
    "safetensors",
    "threadpoolctl",
)


def run(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, **options).stdout


def test_importing_loads_numpy_and_nothing_heavier():
    loaded = run(
        "-c", "import scratchdae, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ).split()
    assert "numpy" in loaded
    assert not set(HEAVY) & set(loaded)


def test_all_names_are_there():
    for name in scratchdae.__all__:
        assert hasattr(scratchdae, name)
    assert scratchdae.__version__ in (ROOT / "CITATION.cff").read_text()


def test_without_numba_everything_works(tmp_path):
    """Where numba cannot be found training takes the NumPy step and says why; asking for numba is refused."""
    code = """
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numba", "scipy"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in ("numba", "scipy") else found(name, package)
import numpy as np, scratchdae as s
x = s.datasets.digits().x_train[:60]
model = s.DenoisingAutoencoder(784, 8, s.streams(0).initialisation)
print(s.fit(model, x, epochs=1, lr=0.1, corruption=s.Corruption("masking", 0.3)).backend)
try:
    s.fit(model, x, epochs=1, lr=0.1, backend="numba")
except ValueError as error:
    print(error)
assert not {"numba", "scipy"} & set(sys.modules)
"""
    first, second = run("-c", code, cwd=tmp_path).splitlines()
    assert first == "numpy (numba and scipy are not installed: pip install 'scratchdae[fast]')"
    assert second.startswith("backend must be 'auto' or 'numpy' here, found 'numba'")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    require("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "pip", "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder))
    return next(folder.glob("*.whl"))


def test_the_wheel_is_pure_small_and_whole(wheel):
    assert wheel.name == f"scratchdae-{scratchdae.__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < 2_500_000
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "scratchdae/datasets/digits.npz", "scratchdae/py.typed", "scratchdae/_chapters/01_autoencoder.py",
        "scratchdae/book/lab/dae.mjs", "scratchdae/exercises/skeletons/01_stable_loss.py",
    ):  # fmt: skip
        assert needed in names
    assert not [name for name in names if name.startswith(("tests/", "figures/")) or name.endswith((".so", ".pyc"))]


def test_the_wheel_works_elsewhere(wheel, tmp_path):
    site = tmp_path / "site"
    run("-m", "pip", "install", "--no-deps", "--quiet", "--target", str(site), str(wheel))
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def scratch(*arguments):
        return run("-m", "scratchdae", *arguments, cwd=tmp_path, env=environment)

    assert str(site) in run("-c", "import scratchdae; print(scratchdae.__file__)", cwd=tmp_path, env=environment)
    scratch("train", "--hidden", "16", "--epochs", "1", "--limit", "200", "--out", "run", "--backend", "numpy")
    assert len(list((tmp_path / "run").glob("*.png"))) == 3
    assert "01  autoencoder" in scratch("chapters", "list")
