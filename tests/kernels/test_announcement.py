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


BAR = (
    """
import sys
from tqdm import tqdm
from scratchdae import kernels

bar, said = tqdm(total=1, file=sys.stdout), []
bar.set_description = said.append
before = kernels.seconds_compiling()
"""
    + PROGRAM
    + """
print("", before, kernels.seconds_compiling() > 0, said, sep="|")
"""
)


def test_a_progress_bar_says_it_while_it_lasts_and_the_time_is_taken(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    environment.pop("NUMBA_DISABLE_JIT", None)
    runs = [
        subprocess.run([sys.executable, "-c", BAR], capture_output=True, text=True, env=environment) for _ in range(2)
    ]
    assert runs[0].stdout.split("|", 1)[1].splitlines()[0].endswith("0.0|True|['compiling', '', 'compiling', '']")
    assert runs[1].stdout.split("|", 1)[1].splitlines()[0].endswith("0.0|False|[]")
    assert "compiling the core" not in runs[0].stderr


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
