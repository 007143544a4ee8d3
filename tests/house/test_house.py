"""The house stays small: budgets of lines and modules, the map, how often a step changes file, where imports point."""

import ast
import pydoc
import sys
import tomllib

import numpy as np
import pytest
from optional_packages import require
from size import ROOT, size, total

import scratchdae
from scratchdae import DenoisingAutoencoder, autoencoder, backend

PACKAGE = ROOT / "scratchdae"
FILES = sorted(PACKAGE.rglob("*.py"))


MOST = {"doctor": 8_500, "conformance": 13_520, "interchange": 2_000, "exercises": 4_250, "book": 1_400}
REST = 25_850  # lines of all else


def test_the_package_is_within_its_budget():
    found = total("scratchdae")
    apart = {folder: total(f"scratchdae/{folder}").lines for folder in MOST if (PACKAGE / folder).is_dir()}
    assert {folder: lines for folder, lines in apart.items() if lines > MOST[folder]} == {}
    assert found.lines - sum(apart.values()) <= REST
    assert found.docstring <= 0.45 * found.code


@pytest.mark.parametrize(("file", "most"), [("autoencoder.py", 220), ("layers/dense.py", 80), ("initializers.py", 180)])
def test_the_files_to_read_first_are_short(file, most):
    assert size(PACKAGE / file).lines <= most


def test_forward_and_backward_stand_on_one_screen():
    lines = (PACKAGE / "autoencoder.py").read_text(encoding="utf-8").splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("def _encode"))
    last = next(n for n, line in enumerate(lines) if line.startswith("def gradients"))
    assert "def backward" in "\n".join(lines[first:last])
    assert last - first <= 60


def test_few_modules_stand_at_the_top():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert len(modules) <= 14, modules


def test_the_ranks_of_imports_are_few():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert len(contracts[0]["layers"]) <= 22


def test_the_map_is_one_screen():
    assert len(pydoc.plain(pydoc.render_doc(scratchdae)).splitlines()) <= 160
    for name in scratchdae.__all__:
        assert name in scratchdae.__doc__, name


def test_the_map_imports_when_asked_and_no_other_name():
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        scratchdae.fitt  # noqa: B018


BY_STRING = {  # who imports by a name that is not written in an import statement, and why: never a module above its own
    "__init__.py",  # the map: a name of it is imported when it is first asked for
    "datasets/__init__.py",  # the map of the data sets
    "datasets/larochelle/__init__.py",
    "cli/__init__.py",  # a command's module, when the command is given
    "conformance/named.py",  # an adapter, the user's or one beside it, by the name on the command line
    "sweep/worker.py",  # the user's function, by the name that a trial has
    "benchmark/competitors/competitor.py",  # other packages, to tell which are there
    "reproduce/svm.py",
}


def test_nothing_else_imports_by_a_string():
    """import-linter reads import statements alone."""
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.func if isinstance(node, ast.Call) else None
            if isinstance(name, ast.Attribute | ast.Name):
                called = name.attr if isinstance(name, ast.Attribute) else name.id
                if called in ("import_module", "__import__"):
                    found.add(path.relative_to(PACKAGE).as_posix())
    assert found == BY_STRING


def changes_of_file(function):
    """List the calls from one file of the package into another; the call from here is none."""
    found, inside = [], str(PACKAGE)

    def profile(frame, event, argument):
        if event == "call" and frame.f_back is not None:
            here, caller = frame.f_code.co_filename, frame.f_back.f_code.co_filename
            if here != caller and here.startswith(inside) and caller.startswith(inside):
                found.append(f"{frame.f_code.co_name} of {here.removeprefix(inside)}")

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.parametrize("options", [{}, {"l2": 1e-3, "reduction": "mean"}], ids=["", "options"])
@pytest.mark.parametrize("B", [1, 20])
@pytest.mark.parametrize(("name", "most"), [("numpy", 8), ("numba", 7)])
def test_a_step_changes_file_a_few_times(name, most, B, options):
    """The door checks, once; of the compiled step, a team runs."""
    if name == "numba":
        require("numba")
    x = np.random.default_rng(0).random((1, B, 300))
    params = DenoisingAutoencoder(300, 400, np.random.default_rng(0)).params
    steps = backend.loops(autoencoder, name).sgd_steps
    steps(params, x, x, 0.1, **options)  # compiled
    found = changes_of_file(lambda: steps(params, x, x, 0.1, **options))
    assert 0 < len(found) <= most, found
