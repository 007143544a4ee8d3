"""What was compiled is kept on the disk: made anew where it is damaged, done without where there is no place for it."""

import os
import subprocess
import sys

import pytest
from optional_packages import require

CALL = """
import sys
import numpy as np
from numba.core import caching
if sys.argv[1:]:
    getattr(caching, "CacheImpl", getattr(caching, "_CacheImpl", None))._locator_classes = []
from scratchdae import backend
from scratchdae.layers import upsampling
x = np.arange(8.0).reshape(1, 2, 2, 2)
with backend.using("numba"):
    print(backend.twin(upsampling, x).upsample(x, (2, 2)).sum())
"""


def call(folder, *nowhere):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    found = subprocess.run([sys.executable, "-c", CALL, *nowhere], env=environment, capture_output=True, text=True)
    assert (found.stdout, found.returncode) == ("112.0\n", 0), found.stderr
    return "compiling" in found.stderr


@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("damage", [lambda content: content[:-20], lambda content: b"?" * len(content), lambda _: b""])
def test_a_damaged_file_is_made_anew(tmp_path, kind, damage):
    require("numba")
    assert call(tmp_path)
    assert not call(tmp_path)
    for path in tmp_path.rglob(kind):
        path.write_bytes(damage(path.read_bytes()))
    assert call(tmp_path)
    assert not call(tmp_path)


def test_without_a_place_to_keep_it_every_process_compiles(tmp_path):
    """numba refuses to import such a function at all."""
    require("numba")
    assert call(tmp_path, "nowhere")
    assert call(tmp_path, "nowhere")
