"""``scratchdae exercises``: list them, begin one, check it; and check a class."""

import argparse
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scratchdae.arguments import integer
from scratchdae.cli.processes import usable_cores
from scratchdae.cli.results import writable_file

if TYPE_CHECKING:
    from scratchdae.exercises.exercise import Exercise

_LOOK = 0.3  # seconds between looks at a file that is watched


def add(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=show)
    _folder(parser)
    actions = parser.add_subparsers(title="commands", metavar="COMMAND")

    parser = actions.add_parser("list", help="what each teaches, what it builds on, which are done")
    parser.set_defaults(run=show)
    _folder(parser)

    parser = actions.add_parser("start", help="write the file that an exercise begins with")
    parser.set_defaults(run=start)
    parser.add_argument("exercise", metavar="NUMBER|NAME", help="for example 01 or stable_loss")
    parser.add_argument("--format", choices=["py", "ipynb"], default="py", help="a script, or a notebook (py)")
    parser.add_argument("--language", choices=["python", "javascript"], default="python", help="of the file (python)")
    _folder(parser)

    parser = actions.add_parser("check", help="right, or what is wrong; with --all, a class")
    parser.set_defaults(run=check)
    parser.add_argument(
        "what", metavar="NUMBER|NAME|FILE|FOLDER", help="an exercise, a file of one; with --all a folder"
    )
    parser.add_argument("--hint", action="count", default=0, help="say more; twice: the equation and the chapter")
    parser.add_argument("--watch", action="store_true", help="again at every save, until Ctrl-C")
    _folder(parser)
    group = parser.add_argument_group("another language", "for functions that take arrays and return arrays")
    group.add_argument("--exec", metavar="COMMAND", help="a program, called with {case_dir} {out_dir} for each case")
    group.add_argument("--format", choices=["json", "npz", "npy", "safetensors"], help="of its inputs (json)")
    group = parser.add_argument_group("a class", "a folder of folders, one for each student")
    group.add_argument("--all", action="store_true", help="check every submission in the folder")
    group.add_argument("--jobs", type=int, metavar="N", help="submissions at a time (the cores there are)")
    group.add_argument("--weights", type=Path, metavar="FILE.toml", help="what is due, and what each counts")
    group.add_argument("--json", type=Path, metavar="FILE.json", help="write JSON")
    group.add_argument("--junit", type=Path, metavar="FILE.xml", help="write JUnit XML")
    group.add_argument("--html", type=Path, metavar="FILE.html", help="write a page, with the most frequent mistakes")


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, default=_home(), help="folder of your solutions (exercises/)")


def _home() -> Path:
    """Where solutions are if nothing is said: ``exercises``, or here, for who has gone into it."""
    folder = Path("exercises")
    return Path() if not folder.is_dir() and any(Path().glob("[0-9][0-9]_*.*")) else folder


def show(options: argparse.Namespace) -> int:
    """Print the exercises and the progress of a folder."""
    from scratchdae.exercises import progress
    from scratchdae.exercises.catalogue import EXERCISES

    kept = progress.read(options.dir)
    states = {exercise.number: progress.state(options.dir, exercise, kept) for exercise in EXERCISES}
    width = max(len(exercise.name) for exercise in EXERCISES)
    for exercise in EXERCISES:
        mark = {"right": "✓", "": " "}.get(states[exercise.number], "…")
        after = f"  (after {', '.join(f'{n:02}' for n in exercise.builds_on)})" if exercise.builds_on else ""
        print(f"{mark} {exercise.id}  {exercise.name:<{width}}  {exercise.teaches}{after}")
    done = [number for number, state in states.items() if state == "right"]
    print(f"\n{len(done)} of {len(EXERCISES)} are right in {options.dir}.", end=" ")
    following = next((exercise for exercise in EXERCISES if exercise.number not in done), None)
    if following is None:
        print("That is all of them.")
    elif states[following.number]:
        print(f"Go on with: scratchdae exercises check {following.id}")
    else:
        print(f"Begin with: scratchdae exercises start {following.id}")
    return 0


def start(options: argparse.Namespace) -> int:
    """Write a skeleton."""
    from scratchdae.exercises import progress

    exercise, other = progress.find(options.exercise), options.language == "javascript"
    if other and options.format != "py":
        raise ValueError("--format is of a solution in Python, found --language javascript")
    path = progress.start(options.dir, exercise, "mjs" if other else options.format)
    command = f' --exec "node {path} {{case_dir}} {{out_dir}}"' if other else ""
    print(f"{path}: {exercise.teaches}")
    print(f"Fill the gap, then: scratchdae exercises check {exercise.id}{_where(options)}{command}")
    return 0


def _where(options: argparse.Namespace) -> str:
    return "" if options.dir == _home() else f" --dir {options.dir}"


def check(options: argparse.Namespace) -> int:
    """Check a file, a class, or a file again and again; status 1 if something is not right."""
    if options.exec is None and options.format is not None:
        raise ValueError("--format is of the inputs of a program (--exec), found none")
    if options.all:
        return _class(options)
    for option in ("jobs", "weights", "json", "junit", "html"):
        if getattr(options, option) is not None:
            raise ValueError(f"--{option} is of a class (--all), found a single exercise")
    from scratchdae.exercises import progress

    given = Path(options.what)
    if given.suffix in (".py", ".ipynb"):
        exercise, path = progress.find(given.name.partition("_")[0]), given
    else:
        exercise = progress.find(options.what)
        path = progress.solution(options.dir, exercise, progress.FORMS if options.exec is None else ("mjs",))
    if not path.is_file() and options.exec is None:
        raise ValueError(f"{path} is not there: scratchdae exercises start {exercise.id}{_where(options)}")
    seen = _saved(path)  # before the check, which takes a while
    status = _check(exercise, path, options)
    while options.watch:
        try:
            while _saved(path) in (0, seen):
                time.sleep(_LOOK)
        except KeyboardInterrupt:
            return status
        seen = _saved(path)
        print(f"\n{path}, at {time.strftime('%H:%M:%S')}")
        status = _check(exercise, path, options)
    return status


def _saved(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # an editor is just putting the new file in the old one's place
        return 0


def _check(exercise: "Exercise", path: Path, options: argparse.Namespace) -> int:
    from scratchdae.exercises import progress
    from scratchdae.exercises.checking import RIGHT, check_file, check_program, sentences

    if options.exec is None:
        verdict = check_file(exercise, path)
    else:
        verdict = check_program(exercise, options.exec, options.format or "json")
    if verdict.said and verdict.state != RIGHT:
        print(textwrap.indent(verdict.said[:2000].rstrip(), "  your file printed: "), file=sys.stderr)
    if sum(path.with_suffix(f".{form}").exists() for form in progress.FORMS) > 1:
        print(f"{path}, which was saved last:")
    print(*sentences(exercise, verdict, options.hint), sep="\n")
    print(f"  ({verdict.seconds:.1f} s)")
    progress.record(path.parent, exercise, path, verdict)
    return 0 if verdict.state == RIGHT else 1


def _class(options: argparse.Namespace) -> int:
    from scratchdae.exercises.classroom import grade, read_course, table, write

    if options.exec is not None:
        raise ValueError("--exec runs a program without the bounds of a class (--all), found both")
    folder = Path(options.what)
    jobs = usable_cores() if options.jobs is None else integer("jobs", options.jobs)
    for name, suffix in (("json", ".json"), ("junit", ".xml"), ("html", ".html")):
        if getattr(options, name) is not None:
            writable_file(f"--{name}", getattr(options, name), (suffix,))
    course = read_course(options.weights)
    rows = grade(folder, course, jobs, told=lambda row: print(f"{row.student}: {row.line}", flush=True))
    print("", *table(rows, course), sep="\n")
    for name in ("json", "junit", "html"):
        if getattr(options, name) is not None:
            write(getattr(options, name), rows, course, name)
    return 0
