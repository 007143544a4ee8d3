"""Two tiny cases, read from files."""

import pytest
import tiny_cases

from scratchdae.conformance.case import load_case


@pytest.fixture
def ridge(tmp_path):
    return load_case(tiny_cases.penalty(tmp_path / "v1"))


@pytest.fixture
def masked(tmp_path):
    return load_case(tiny_cases.corruption(tmp_path / "v1"))
