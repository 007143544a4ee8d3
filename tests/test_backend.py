"""The switch: a numba that is broken, or interrupted while it is imported, spoils nothing."""

import subprocess
import sys

import pytest
from optional_packages import require

TRAIN = """
import numpy as np, scratchdae as s
from scratchdae.layers import Conv2D
x = np.random.default_rng(0).random((8, 6))
def train(backend="auto"):
    model = s.DenoisingAutoencoder(6, 3, s.streams(0).initialisation)
    return s.fit(model, x, epochs=1, lr=0.1, backend=backend).backend
"""


def run(code, folder):
    found = subprocess.run([sys.executable, "-c", TRAIN + code], cwd=folder, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_a_broken_numba_is_told_of_and_done_without(tmp_path):
    """It raises whatever it likes when it does not fit its own libraries, not an ImportError."""
    require("numba")
    (tmp_path / "numba.py").write_text("raise SystemError('numba needs another NumPy')")
    code = """
print(train())
network = s.Sequential([Conv2D(1, 3, padding="same")], (4, 4, 1), s.streams(0).initialisation)
print(network.predict(np.ones((1, 4, 4, 1))).shape)
try:
    train("numba")
except ValueError as error:
    print(error)
"""
    auto, shape, refusal = run("import sys; sys.path.insert(0, '.')\n" + code, tmp_path)
    assert auto == "numpy (numba is installed but cannot be imported: numba needs another NumPy)"
    assert shape == "(1, 4, 4, 1)"
    assert refusal.startswith("backend must be 'auto' or 'numpy' here, found 'numba' (numba is installed but")


def test_ctrl_c_while_numba_is_imported_is_put_off_to_its_end(tmp_path):
    require("numba")
    code = """
import signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "numba.core.dispatcher":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
try:
    train()
except KeyboardInterrupt:
    print("interrupted")
sys.meta_path.pop(0)
print(train())
"""
    assert run(code, tmp_path) == ["interrupted", "numba (numba is installed)"]


KEPT_AWAY = {
    "by a finder that raises": """
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numba", "scipy"):
            raise ImportError(f"{name} is not to be had")
sys.meta_path.insert(0, Blocked())
""",
    "by None in its place": "sys.modules['numba'] = None\n",
    "by a module in its place": "sys.modules['numba'] = types.ModuleType('numba')  # which has no specification\n",
}


@pytest.mark.parametrize("how", KEPT_AWAY)
def test_a_numba_that_is_kept_away_is_none(how, tmp_path):
    found = run(f"import sys, types\n{KEPT_AWAY[how]}print(train())", tmp_path)
    assert found == ["numpy (numba and scipy are not installed: pip install 'scratchdae[fast]')"]
