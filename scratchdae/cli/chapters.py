"""``scratchdae chapters``: list the chapters, and run them, each in a Python of its own."""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scratchdae.arguments import integer

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent
FOLDERS = (_PACKAGE / "_chapters", _CHECKOUT / "chapters")  # of an installed wheel, of a checkout
_STEM = re.compile(r"(\d+)_(\w+)")
_HEADING = re.compile(r"#[ ]#[ ]+(.*\S)")  # the first heading of a markdown cell: each line of a cell begins with "# "


def add(commands: "argparse._SubParsersAction[Any]") -> None:
    """Declare the subcommands and their options.

    Parameters
    ----------
    commands : argparse subparsers
        Where to add them.
    """
    group = commands.add_parser("chapters", help="list the chapters, run them", allow_abbrev=False)
    group.set_defaults(run=None, parser=group)
    actions = group.add_subparsers(title="commands", metavar="COMMAND")

    parser = actions.add_parser("list", help="number, name and title of each", allow_abbrev=False)
    parser.set_defaults(run=show, parser=parser)

    parser = actions.add_parser("run", help="run one or all, and say which pass their checks", allow_abbrev=False)
    parser.set_defaults(run=run, parser=parser)
    parser.add_argument("chapter", metavar="NAME|NUMBER|all", help="for example 1, 01_autoencoder or autoencoder")
    parser.add_argument("--quick", action="store_true", help="under five seconds each, on less data, the same checks")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the figures and numbers (figures/)")


def show(options: argparse.Namespace) -> int:
    """Print the number, the name and the title of every chapter.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed options; there are none.

    Returns
    -------
    int
        0.
    """
    del options
    scripts = find()
    width = max(len(_name(script)) for script in scripts)
    for script in scripts:
        print(f"{script.stem.partition('_')[0]:>3}  {_name(script):<{width}}  {title(script)}")
    return 0


def run(options: argparse.Namespace) -> int:
    """Run chapters one after the other.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed options.

    Returns
    -------
    int
        0 if all pass, otherwise 1.

    Raises
    ------
    ValueError
        If there is no such chapter.
    """
    scripts = find()
    chosen = scripts if options.chapter == "all" else [choose(options.chapter, scripts)]
    passed_on = ["--seed", str(integer("seed", options.seed, at_least=0))]
    passed_on += ["--quick"] if options.quick else []
    passed_on += ["--out", str(options.out)] if options.out else []
    environment = dict(os.environ)
    if chosen[0].parent.parent == _CHECKOUT:  # the chapters of a checkout run with its package, installed or not
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(_CHECKOUT), *([known] if known else [])])
    failed = []
    for script in chosen:
        start = time.perf_counter()
        status = subprocess.run([sys.executable, str(script), *passed_on], env=environment, check=False).returncode
        seconds = time.perf_counter() - start
        verdict = "PASS" if status == 0 else f"FAIL (exit status {status})"
        print(f"{verdict}  {script.stem}  {seconds:.1f} s", flush=True)
        failed += [script.stem] if status else []
    if len(chosen) > 1:
        print(f"{len(chosen) - len(failed)} of {len(chosen)} passed{'; failed: ' if failed else ''}{', '.join(failed)}")
    return 1 if failed else 0


def find() -> list[Path]:
    """Return the scripts of the chapters in their order.

    Returns
    -------
    list of Path
        At least one.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    for folder in FOLDERS:
        scripts = [path for path in folder.glob("*.py") if _STEM.fullmatch(path.stem)]
        if scripts:
            return sorted(scripts, key=lambda path: (int(path.stem.partition("_")[0]), path.stem))
    raise FileNotFoundError(f"no chapters were found in {' or '.join(map(str, FOLDERS))}")


def choose(which: str, scripts: list[Path]) -> Path:
    """Return the chapter that a name or a number stands for.

    Parameters
    ----------
    which : str
        Its number, its stem, or its stem without the number.
    scripts : list of Path
        The chapters.

    Returns
    -------
    Path
        The script.

    Raises
    ------
    ValueError
        If it stands for none, or for several.
    """
    wanted = int(which) if which.isdecimal() else None
    chosen = [
        script
        for script in scripts
        if which in (script.stem, _name(script)) or int(script.stem.partition("_")[0]) == wanted
    ]
    if len(chosen) != 1:
        known = ", ".join(script.stem for script in chosen or scripts)
        raise ValueError(f"chapter must be one of {known}, or all, found {which!r}")
    return chosen[0]


def title(script: Path) -> str:
    """Return the title of a chapter.

    Parameters
    ----------
    script : Path
        Its file.

    Returns
    -------
    str
        Its first markdown heading; empty if it has none.
    """
    lines = script.read_text(encoding="utf-8").splitlines()
    return next((found[1] for found in map(_HEADING.fullmatch, lines) if found), "")


def _name(script: Path) -> str:
    return script.stem.partition("_")[2]
