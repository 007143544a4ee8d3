"""Rounds that do not wait, and a benchmark that takes no time."""

import pytest

from scratchdae.benchmark import limits, measure
from scratchdae.benchmark.works.denoising import HIDDEN, PIXELS
from scratchdae.benchmark.works.finetuning import FINETUNE
from scratchdae.benchmark.works.work import Kind
from scratchdae.cli import bench


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(measure, "_SETTLE", 0.0)
    monkeypatch.setattr(measure, "_AT_LEAST", 0.0)


@pytest.fixture
def tiny(monkeypatch):
    """Make a grid of two settings and limits that take no time."""
    for kind in (PIXELS, HIDDEN, FINETUNE):
        monkeypatch.setitem(kind.grids, "small", ((5, 9), (1, 4)))
    monkeypatch.setattr(Kind, "steps", lambda self, setting: 6)
    monkeypatch.setattr(bench.os, "cpu_count", lambda: 1)
    small = limits.measure
    monkeypatch.setattr(limits, "measure", lambda some, dtype, n: small(some, dtype, n, side=32, nbytes=2**16))
