"""The benchmark of Larochelle et al. 2007, as Vincent et al. 2008 ran it: eight problems, and what errs least on each.

Of every method some choices are trained (`methods`), the one of least validation error is tested, and no other's test
error is looked at. All is done in a sweep: trials that are finished are read from a file, one that was interrupted goes
on from its last epoch, and a larger budget adds to what a smaller one tried.
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from scratchdae import atomic
from scratchdae.arguments import choice, integer
from scratchdae.datasets.larochelle import PROBLEMS
from scratchdae.reproduce import methods
from scratchdae.reproduce.svm import sklearn_svm
from scratchdae.reproduce.trial import check_data, trial
from scratchdae.sweep import Result, Trial, best, processes, sweep

TRIALS, RUNS = "trials.jsonl", "runs"


def reproduce(
    problems: Sequence[str],  # names of PROBLEMS
    wanted: Sequence[str],  # names of methods.NAMES
    budget: int,  # choices to try of each method, on each problem
    out: str | os.PathLike[str],  # folder of the trials
    *,
    seed: int = 0,  # of the images and of the training
    sizes: tuple[int, int, int] | None = None,  # images to train, validate and test, in place of the problems' own
    originals: bool = False,  # whether to take the authors' files rather than to draw the problems
    jobs: int = 1,  # trials at a time, each in a process with one thread; with 1 in this process
    progress: bool = True,
) -> dict[str, Any]:
    """Train and choose, by problem and method, or read what `out` holds.

    Where a name is unknown, or data or scikit-learn are missing, nothing runs. What is returned counts (``tried``) and
    lists (``trials``) the choices, also those that failed; errors and choice are None where all did.
    """
    for problem in problems:
        choice("problem", problem, tuple(PROBLEMS))
    integer("seed", seed, at_least=0)
    if originals and sizes is not None:
        raise ValueError(f"sizes must be left out for the originals, which have their own, found {sizes}")
    run = partial(_run, out=Path(out), jobs=integer("jobs", jobs), progress=progress)
    about: dict[str, Any] = {} if sizes is None else {"sizes": list(sizes)}
    about |= {"originals": True} if originals else {}
    specified = {
        (problem, method): [
            Trial(trial, {"problem": problem, "method": method, "chosen": dict(one), **about}, seed)
            for one in methods.choices(method, problem, budget)
        ]
        for problem in problems
        for method in wanted
    }
    for problem in problems:
        check_data(problem, seed, originals)
    if "svm" in wanted:
        sklearn_svm()
    with atomic.locked(out, folder=True):
        results = run(specified)
        winners = {
            key: best(tried, "validation_error") for key, tried in results.items() if any(not r.error for r in tried)
        }
        untested = {
            key: [Trial(trial, {**won.trial.arguments, "test": True}, seed)]
            for key, won in winners.items()
            if won.value["test_error"] is None
        }
        winners |= {key: one for key, (one,) in run(untested).items()}
    found: dict[str, Any] = {problem: {} for problem in problems}
    for (problem, method), tried in results.items():
        found[problem][method] = _summary(problem, winners.get((problem, method)), tried, sizes)
    return found


def _run(
    specified: dict[tuple[str, str], list[Trial]], out: Path, jobs: int, progress: bool
) -> dict[tuple[str, str], list[Result]]:
    """Run the trials of many problems and methods as one sweep, and sort the results again."""
    results = iter(
        sweep(
            [one for trials in specified.values() for one in trials],
            None if jobs == 1 else processes(jobs),
            file=out / TRIALS,
            folders=out / RUNS,
            retry_failed=True,  # what diverges does so again in seconds; a full disk may have been mended
            progress=progress,
        )
    )
    return {key: [next(results) for _ in trials] for key, trials in specified.items()}


def _summary(
    problem: str, won: Result | None, tried: list[Result], sizes: tuple[int, int, int] | None
) -> dict[str, Any]:
    value = won.value if won and not won.error else {"validation_error": None, "test_error": None}
    return {
        "chosen": won.trial.arguments["chosen"] if won else None,
        "validation_error": value["validation_error"],
        "test_error": value["test_error"],
        "test_examples": (PROBLEMS[problem].sizes if sizes is None else sizes)[2],
        "tried": len(tried),
        "trials": [
            {
                "chosen": one.trial.arguments["chosen"],
                "validation_error": None if one.error else one.value["validation_error"],
                "seconds": one.seconds,
                "failed": one.error and f"{one.error.type}: {one.error.message}",
            }
            for one in tried
        ],
    }
