"""``scratchdae doctor``: why a training fails, found by experiments on it."""

import argparse
import contextlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from scratchdae import atomic
from scratchdae.arguments import integer, number, shown
from scratchdae.cli import reading_options
from scratchdae.cli.results import drawable, writable_file

if TYPE_CHECKING:
    from scratchdae.doctor import Report

_WANTED = "build(seed), step(model, optimizer, batch) and x"
_STATED = ("loss", "output", "corruption")  # facts that the user may state
_OF_FILES = ("batch_size", "held_out", *_STATED)  # what only a training of the user's own has
_LIMITS = {"batch_size": 1, "steps": 1, "seed": 0}


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Find out why a training fails: it is observed, run again with one thing changed at a time, and only what was "
        "seen to help is prescribed."
    )
    parser.epilog = (
        f"FILE.py has {_WANTED}, and may have held_out, batch_size, steps: build returns a fresh model and its "
        "optimizer, step trains on one batch of x and returns the loss (a Keras model needs none). Exit status: 0 "
        "healthy or at its floor, 1 a cause was found, 2 bad input or a training that does not run, 3 unknown."
    )
    parser.set_defaults(run=run)
    parser.add_argument("what", nargs="?", metavar="FILE.py|RUN", help="your training, or the folder of a run of train")
    parser.add_argument("--batch-size", type=int, metavar="N", help="examples a step (64)")
    parser.add_argument("--steps", type=int, metavar="N", help="of a training (500; of a run, as many as it took)")
    parser.add_argument("--seed", type=int, metavar="N", help="of everything random (0; of a run, its own)")
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS", help="for all trainings (60)")
    parser.add_argument(
        "--held-out", metavar="FILE", help="examples to judge by, as you feed them; a tenth of x if left out"
    )
    facts = parser.add_argument_group("what you know (found by looking if left out)")
    facts.add_argument("--loss", metavar="KIND", help="mse, bce, ...; needed for --history")
    facts.add_argument("--output", metavar="KIND", help="activation of the output: linear, sigmoid, tanh, relu")
    facts.add_argument("--corruption", metavar="KIND:LEVEL", help="noise of the input, for example gaussian:0.3")
    only = parser.add_argument_group("only a curve and the data")
    only.add_argument("--history", type=Path, metavar="FILE", help="losses, .csv or .jsonl, a column called loss")
    only.add_argument("--data", metavar="FILE[:NAME]", help="the data of the curve, or of the run")
    reading_options.add(parser)
    result = parser.add_argument_group("result, beside the table")
    result.add_argument("--html", type=Path, metavar="FILE", help="one page with curves, floors and pictures")
    result.add_argument("--json", metavar="FILE|-", help="all numbers; - prints them in place of the table")


def run(options: argparse.Namespace) -> int:
    """Examine, print the report, and write it where asked; the exit status is the report's."""
    if options.html is not None:
        writable_file("--html", options.html, (".html", ".htm"))
        drawable()
    if options.json not in (None, "-"):
        writable_file("--json", Path(options.json), (".json",))
    for name, least in _LIMITS.items():
        if getattr(options, name) is not None:
            integer(f"--{name.replace('_', '-')}", getattr(options, name), at_least=least)
    number("--budget", options.budget, above=0)
    report = _report(options)
    print(json.dumps(report.as_json(), indent=2, allow_nan=False) if options.json == "-" else report)
    if options.json != "-" and "found" in report.about:
        print("\n".join(report.about["found"]))
    if options.json not in (None, "-"):
        atomic.write(options.json, (json.dumps(report.as_json(), indent=2, allow_nan=False) + "\n").encode())
    if options.html is not None:
        atomic.write(options.html, report.html().encode())
    return report.status


def _report(options: argparse.Namespace) -> "Report":
    if options.history is not None:
        return _of_history(options)
    if options.what is None:
        raise ValueError("FILE.py, the folder of a run, or --history must be given, found none of them")
    path = Path(options.what)
    if path.is_dir():
        return _of_run(path, options)
    if options.data is not None:
        raise ValueError("--data is for --history or a run; your own file has its x, found both")
    if path.suffix != ".py":
        raise ValueError(f"FILE.py must be a Python file, or the folder of a run, found {options.what}")
    if not path.is_file():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    return _of_file(path, options)


def _of_history(options: argparse.Namespace) -> "Report":
    if options.what is not None or options.data is None or options.loss is None:
        raise ValueError("--history needs --data and --loss, and no FILE.py beside it")
    import numpy as np

    from scratchdae.cli import example_files
    from scratchdae.doctor import from_history

    examples = example_files.read(options.data, None, np.random.default_rng(0), options)
    report = from_history(options.history, examples.x, options.loss)
    report.about["data"] = examples.source
    report.about["found"] = [f"found     {examples.found}", *(f"odd       {note}" for note in examples.notes)]
    return report


def _of_run(folder: Path, options: argparse.Namespace) -> "Report":
    for name in _OF_FILES:
        if getattr(options, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is for a file of your own, found the run {folder} beside it")
    from scratchdae.cli import training_data
    from scratchdae.doctor.examination import examine_patient
    from scratchdae.doctor.patients.scratch_run import patient_of_run

    x = None if options.data is None else training_data.load(options.data, options, validation=0).train
    patient, steps, seed = patient_of_run(folder, x)
    steps = steps if options.steps is None else options.steps
    seed = seed if options.seed is None else options.seed
    with _shown(options.budget) as progress:
        return examine_patient(patient, steps, seed, options.budget, progress)


def _of_file(path: Path, options: argparse.Namespace) -> "Report":
    import numpy as np

    from scratchdae import doctor

    given: dict[str, Any] = {name: getattr(options, name) for name in ("batch_size", "steps", "seed", *_STATED)}
    if options.held_out is not None:
        stored = reading_options.read(options.held_out, options, "stored").x  # as they are fed
        given["held_out"] = stored[np.arange(len(stored))]
    with _imported(path) as theirs:
        _check(path, theirs)
        stated = {name: getattr(theirs, name, None) for name in ("batch_size", "steps", "held_out")}
        given = {name: value for name, value in (stated | _not_none(given)).items() if value is not None}
        with _shown(options.budget) as progress:
            return doctor.examine(
                theirs.build,
                getattr(theirs, "step", None),
                theirs.x,
                budget_s=options.budget,
                progress=progress,
                **given,
            )


def _not_none(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


# ------------------------------------------------------------------ the user's file
@contextlib.contextmanager
def _imported(path: Path) -> Iterator[ModuleType]:
    """Run a file as a module that finds its neighbours, leaves no bytecode, and prints to the error stream."""
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_of_yours"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder, kept = str(path.resolve().parent), sys.dont_write_bytecode
    sys.path.insert(0, folder)
    sys.modules[name] = module  # dataclasses and worker processes look for it there
    sys.dont_write_bytecode = True
    try:
        with contextlib.redirect_stdout(sys.stderr):
            try:
                spec.loader.exec_module(module)
            except (Exception, SystemExit) as error:
                raise ValueError(_told(error, path)) from None
            yield module
    finally:
        sys.dont_write_bytecode = kept
        sys.modules.pop(name, None)
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _told(error: BaseException, path: Path) -> str:
    """Say what a file raised, and in which of its lines or its neighbours'."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == path.resolve().parent]
    place = f"{frames[-1].filename}, line {frames[-1].lineno}: {frames[-1].line}" if frames else str(path)
    return f"{place}: {type(error).__name__}: {error}"


def _check(path: Path, theirs: ModuleType) -> None:
    """Refuse a file that lacks something, or has something else under its name."""
    functions: list[tuple[str, str]] = [("build", "build(seed), which returns (model, optimizer)")]
    if ("torch" in sys.modules and "keras" not in sys.modules) or hasattr(theirs, "step"):  # Keras needs none
        functions.append(("step", "step(model, optimizer, batch), which returns the loss"))
    for name, what in functions:
        found = getattr(theirs, name, None)
        if not callable(found):
            raise ValueError(
                f"{path} must have a function {what}, found {_there(theirs) if found is None else shown(found)}"
            )
    if getattr(theirs, "x", None) is None:
        raise ValueError(f"{path} must have x, the examples as you feed them, found {_there(theirs)}")


def _there(theirs: ModuleType) -> str:
    """List the names that a file has of its own."""
    own = theirs.__name__  # of what has a module at all, functions and classes
    names = [
        name for name, value in vars(theirs).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    ]
    names = [name for name in names if getattr(vars(theirs)[name], "__module__", own) == own]
    return ", ".join(names) or "no names of its own"


@contextlib.contextmanager
def _shown(budget: float) -> Iterator[Callable[[str, float], None]]:
    """Show on a terminal which experiment runs and how much of the time is left."""
    from tqdm import tqdm

    layout = "{desc:<34.34} |{bar}| {n:.0f} of {total:.0f} s"
    with tqdm(total=budget, bar_format=layout, leave=False, disable=None, file=sys.stderr) as bar:

        def progress(name: str, left: float) -> None:
            bar.set_description_str(name, refresh=False)
            bar.n = min(budget, max(0.0, budget - left))
            bar.refresh()

        yield progress
