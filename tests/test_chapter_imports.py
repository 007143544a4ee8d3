"""Chapters import from the top: the names and the modules of the map in `help(scratchdae)`, and nothing below them."""

import ast
import importlib
from pathlib import Path

import pytest

import scratchdae

CHAPTERS = sorted((Path(__file__).parents[1] / "chapters").glob("[0-9][0-9]_*.py"))


def at_the_top(module, name):
    if module == "scratchdae":
        return name in scratchdae.__all__
    there = module.removeprefix("scratchdae.") in scratchdae.__all__ and not name.startswith("_")
    return there and hasattr(importlib.import_module(module), name)


def refused(code):
    """Return what a script imports from elsewhere in the package than the top."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("scratchdae.")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "scratchdae":
            found += [f"{node.module}.{alias.name}" for alias in node.names if not at_the_top(node.module, alias.name)]
    return found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_imports_from_the_top_only(chapter):
    assert refused(chapter.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("from scratchdae import fit, datasets", []),
        ("from scratchdae.layers import Dense", []),
        ("from scratchdae.models import Sequential", ["scratchdae.models.Sequential"]),
        ("def f():\n    from scratchdae.layers.lstm import LSTM", ["scratchdae.layers.lstm.LSTM"]),
        ("from scratchdae import training", ["scratchdae.training"]),
        ("from scratchdae.layers import _hidden, Nowhere", ["scratchdae.layers._hidden", "scratchdae.layers.Nowhere"]),
        ("import scratchdae.training.loop as loop", ["scratchdae.training.loop"]),
        ("import scratchdae, numpy", []),
    ],
)
def test_the_rule_tells_the_top_from_below(line, what):
    assert refused(line) == what
