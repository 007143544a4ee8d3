"""The first compilation of a process is announced; what is found on the disk is not."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

PROGRAM = """
import numpy as np
from scratchdae.backend import choose
from scratchdae.kernels.machine import team

choose("numba")
for dtype in (np.int64, np.uint64):  # two compilations
    team.wait(team.Team(np.zeros(16, dtype), np.zeros((1, 8)), 1, 0))
"""


def test_it_is_said_once_and_only_when_it_happens(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    environment.pop("NUMBA_DISABLE_JIT", None)
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
        for _ in range(2)
    ]
    silent = {**environment, "NUMBA_CACHE_DIR": str(tmp_path / "another")}  # and standard error is closed
    subprocess.run([sys.executable, "-c", f"import sys; sys.stderr = None{PROGRAM}"], env=silent, check=True)
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert runs[0].stderr.count("compiling the core") == 1
    assert runs[1].stderr == ""
