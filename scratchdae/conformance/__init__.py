"""Conformance: frozen cases that other implementations of the same mathematics are held to, and a name for each error.

::

    from scratchdae.conformance import check
    print(check(MyAdapter()))

An adapter is any object with a method for each operation that it supports; `scratchdae.conformance.adapter` shows one.
Version 1 of the cases (149) stays as it is, byte for byte; version 2 (72) has sizes without a common factor, and what
was asked for since. Both are run unless one is chosen.
"""

from scratchdae.conformance.adapter import Unsupported
from scratchdae.conformance.case import Case, load_cases
from scratchdae.conformance.explainer import explain
from scratchdae.conformance.pytest_cases import parametrize_with_vectors
from scratchdae.conformance.report import Report
from scratchdae.conformance.runner import check

__all__ = ["Case", "Report", "Unsupported", "check", "explain", "load_cases", "parametrize_with_vectors"]
