"""``scratchdae chapters``: list the chapters, run them, each in a Python of its own, and write them as notebooks."""

import argparse
import os
import re
import sys
import textwrap
from contextlib import closing
from pathlib import Path

from scratchdae.arguments import integer
from scratchdae.cli import notebooks
from scratchdae.cli.processes import finished, usable_cores
from scratchdae.cli.results import drawable

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent
FOLDERS = (_PACKAGE / "_chapters", _CHECKOUT / "chapters")  # of an installed wheel, of a checkout
DEFAULT_JOBS = 2  # more would want more memory than some machines have: a chapter takes up to half a gigabyte
_STEM = re.compile(r"(\d+)_(\w+)")
_HEADING = re.compile(r"#[ ]#[ ]+(.*\S)")  # the first heading of a markdown cell: each line of a cell begins with "# "


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="commands", metavar="COMMAND")

    parser = actions.add_parser("list", help="number, name and title of each")
    parser.set_defaults(run=show)

    parser = actions.add_parser("run", help="run one or all, and say which pass their checks")
    parser.set_defaults(run=run)
    parser.add_argument("chapter", metavar="NAME|NUMBER|all", help="for example 1, 01_autoencoder or autoencoder")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="under five seconds each, on less data, the same checks")
    size.add_argument("--full", action="store_true", help="at the size that people posted, however long it takes")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the figures and numbers (figures/)")
    parser.add_argument("--jobs", type=int, metavar="N", help="chapters at a time (the cores there are, but at most 2)")

    parser = actions.add_parser("export", help="write them as notebooks, scripts or Markdown")
    parser.set_defaults(run=export)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder to write them in")
    parser.add_argument("--chapter", default="all", metavar="NAME|NUMBER|all", help="(all)")
    parser.add_argument("--format", choices=notebooks.FORMATS, default="ipynb", help="(ipynb)")
    parser.add_argument("--execute", action="store_true", help="run them, and keep what they print and draw (ipynb)")


def show(options: argparse.Namespace) -> int:
    """Print the number, the name and the title of every chapter."""
    del options  # there are none
    scripts = find()
    width = max(len(_name(script)) for script in scripts)
    for script in scripts:
        print(f"{script.stem.partition('_')[0]:>3}  {_name(script):<{width}}  {title(script)}")
    return 0


def run(options: argparse.Namespace) -> int:
    """Run chapters, a few at a time, each on one thread unless the environment says otherwise."""
    chosen = _chosen(options.chapter)
    passed_on = ["--seed", str(integer("seed", options.seed, at_least=0))]
    passed_on += ["--quick"] if options.quick else ["--full"] if options.full else []
    passed_on += ["--out", str(options.out)] if options.out else []
    drawable()
    environment = environment_of(chosen[0])
    jobs = min(DEFAULT_JOBS, usable_cores()) if options.jobs is None else integer("jobs", options.jobs)
    failed = []
    with closing(finished(chosen, passed_on, environment, min(jobs, len(chosen)))) as ends:
        for script, status, seconds in ends:
            verdict = "PASS" if status == 0 else f"FAIL (exit status {status})"
            print(f"{verdict}  {script.stem}  {seconds:.1f} s", flush=True)
            failed += [script] if status else []
    if len(chosen) > 1:
        names = ", ".join(script.stem for script in chosen if script in failed)
        print(f"{len(chosen) - len(failed)} of {len(chosen)} passed{'; failed: ' if failed else ''}{names}")
    return 1 if failed else 0


def export(options: argparse.Namespace) -> int:
    """Write chapters in another format."""
    chosen = _chosen(options.chapter)
    return notebooks.export(options, chosen, environment_of(chosen[0]))


def _chosen(which: str) -> list[Path]:
    scripts = find()
    return scripts if which == "all" else [choose(which, scripts)]


def environment_of(script: Path) -> dict[str, str]:
    """Return the environment that a chapter runs in."""
    # A chapter prints in the encoding of this process; what that lacks must not end the chapter.
    environment = {**os.environ, "PYTHONIOENCODING": f"{sys.stdout.encoding}:backslashreplace"}
    if script.parent.parent == _CHECKOUT:  # the chapters of a checkout run with its package, installed or not
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(_CHECKOUT), *([known] if known else [])])
    return environment


def find() -> list[Path]:
    """Return the scripts of the chapters in their order; a FileNotFoundError if there are none."""
    for folder in FOLDERS:
        scripts = [path for path in folder.glob("*.py") if _STEM.fullmatch(path.stem)]
        if scripts:
            return sorted(scripts, key=lambda path: (int(path.stem.partition("_")[0]), path.stem))
    raise FileNotFoundError(f"no chapters were found in {' or '.join(map(str, FOLDERS))}")


def choose(which: str, scripts: list[Path]) -> Path:
    """Return the chapter that a number, a stem, or a stem without its number stands for."""
    wanted = int(which) if which.isascii() and which.isdecimal() else None
    chosen = [
        script
        for script in scripts
        if which in (script.stem, _name(script)) or int(script.stem.partition("_")[0]) == wanted
    ]
    if len(chosen) != 1:
        known = textwrap.shorten(", ".join(script.stem for script in chosen or scripts), 160)
        raise ValueError(f"chapter must be one of {known}, or all, found {which!r}")
    return chosen[0]


def title(script: Path) -> str:
    """Return the first markdown heading of a chapter; empty if it has none."""
    lines = script.read_text(encoding="utf-8").splitlines()
    return next((found[1] for found in map(_HEADING.fullmatch, lines) if found), "")


def _name(script: Path) -> str:
    return script.stem.partition("_")[2]
