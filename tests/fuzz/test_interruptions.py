"""Ten of the interruptions: the same bits in the end, and nothing left running."""

import random
import sys

import interruptions
import pytest
from optional_packages import require

RUNS = [("sgd", "numba", 2), ("sweep", "numpy", 1), ("reproduce", "numba", 1)]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_interrupted_runs_end_in_the_same_bits_and_leave_nothing_running(tmp_path):
    require("numba")
    known, draw, landed = {}, random.Random(17), 0
    for index in range(10):
        row = (*RUNS[index % len(RUNS)], draw.choice(interruptions.SIGNALS))
        found = interruptions.interrupt(index, 17, tmp_path, known, row, most=1)
        assert not found["wrong"], found
        landed += found["landed"]
    assert landed >= 5
