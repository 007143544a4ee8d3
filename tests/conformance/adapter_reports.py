"""What an adapter of the package supports and why it leaves out the rest, as tests compare it."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from scratchdae.conformance import check, load_cases
from scratchdae.conformance.named import Named

ALL = {case.operation for case in load_cases(spec=1)}


@cache
def report(name, dtype, groups=None, spec=1):
    """Hold an adapter to the cases of a version or some groups of it, once for all tests of a process."""
    return check(Named(name, dtype), load_cases(groups=groups, spec=spec), explain=False)


def disagreements(report):
    """Say of each case that is not as it should be what came of it."""
    return [
        f"{result.case.id}: {result.sentence()}"
        for result in report.results
        if result.status not in ("agrees", "unsupported")
    ]


def supported(report):
    """Return the operations of which a case agrees."""
    return {result.case.operation for result in report.results if result.status == "agrees"}


def left_out(report):
    """Return the names of the cases that are unsupported, by the reason given."""
    found = defaultdict(set)
    for result in report.results:
        if result.status == "unsupported":
            found[result.reason].add(result.case.name)
    return dict(found)


def imports(module):
    """Return what the files of an adapter import of this library and of NumPy, as MODULE.NAME."""
    folder = Path(module.__file__).parent
    found = set()
    for path in folder.glob(f"{Path(module.__file__).stem}*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    own = re.compile(rf"scratchdae\.conformance\.adapters\.{Path(module.__file__).stem}_")
    return {name for name in found if re.match(r"scratchdae\b|numpy\b", name) and not own.match(name)}


NOTHING_TO_COMPUTE_WITH = {"scratchdae.arguments.Array", "scratchdae.conformance.adapter.Unsupported"}
