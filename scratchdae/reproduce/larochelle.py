"""The benchmark of Larochelle et al. 2007, as Vincent et al. 2008 ran it: eight problems, and what errs least on each.

Of every method some choices are trained (`methods`), the one of least validation error is tested, and no other's test
error is looked at; of two that validate alike it is the one of less validation loss, and of support vectors, which have
none, the first of the list. All is done in sweeps, a problem after the other: trials that are finished are read from a
file, one that was interrupted goes on from its last epoch, and a larger budget adds to what a smaller one tried.

Choices that differ in fine-tuning alone share their pretrained layers, which lie beside the folders of the trials until
the problem is done. An error depends on the images that were drawn too: what was chosen on the first draw of a problem
can be trained and tested on more.
"""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from scratchdae import atomic
from scratchdae.arguments import choice, integer
from scratchdae.datasets.larochelle import PROBLEMS
from scratchdae.reproduce import methods
from scratchdae.reproduce.svm import sklearn_svm
from scratchdae.reproduce.trial import check_data, pretrained, trial
from scratchdae.sweep import Result, Trial, processes, sweep

# Not those of an edition that drew other images and tested other support vectors: trials.jsonl, runs.
TRIALS, RUNS = "choices.jsonl", "networks"


def reproduce(
    problems: Sequence[str],  # names of PROBLEMS
    wanted: Sequence[str],  # names of methods.NAMES
    budget: int,  # choices to try of each method, on each problem
    out: str | os.PathLike[str],  # folder of the trials
    *,
    seed: int = 0,  # of the images and of the training
    draws: int = 1,  # of the images: what was chosen with `seed` is tested with seed + 1, ... seed + draws − 1 too
    sizes: tuple[int, int, int] | None = None,  # images to train, validate and test, in place of the problems' own
    originals: bool = False,  # whether to take the authors' files rather than to draw the problems
    jobs: int = 1,  # trials at a time, each in a process with one thread; with 1 in this process
    progress: bool = True,
) -> dict[str, Any]:
    """Train and choose, by problem and method, or read what `out` holds.

    Where a name is unknown, or data or scikit-learn are missing, nothing runs. What is returned counts (``tried``) and
    lists (``trials``) the choices, also those that failed; errors and choice are None where all did. Where there is
    more than one draw, ``draws`` has the errors of each, and their mean and range; one that failed has none.
    """
    for problem in problems:
        choice("problem", problem, tuple(PROBLEMS))
    integer("seed", seed, at_least=0)
    integer("draws", draws)
    if originals and sizes is not None:
        raise ValueError(f"sizes must be left out for the originals, which have their own, found {sizes}")
    if originals and draws > 1:
        raise ValueError(f"draws must be 1 for the originals, which are drawn already, found {draws}")
    run = partial(_run, out=Path(out), jobs=integer("jobs", jobs), progress=progress)
    about: dict[str, Any] = {} if sizes is None else {"sizes": list(sizes)}
    about |= {"originals": True} if originals else {}
    specified = {
        problem: {
            method: [
                Trial(trial, {"problem": problem, "method": method, "chosen": dict(one), **about}, seed)
                for one in methods.choices(method, problem, budget)
            ]
            for method in wanted
        }
        for problem in problems
    }
    for problem in problems:
        check_data(problem, seed, originals)
    if "svm" in wanted:
        sklearn_svm()
    found: dict[str, Any] = {}
    with atomic.locked(out, folder=True):
        for problem, choices in specified.items():
            tried = run(choices)
            winners = {method: _best(results) for method, results in tried.items()}
            more = {
                method: [
                    Trial(trial, {**won.trial.arguments, **({"test": True} if method == "svm" else {})}, seed + k)
                    for k in range(draws)
                ]
                for method, won in winners.items()
                if won is not None
            }
            drawn = run(more)  # of the networks the first is there already
            for one in (one for trials in (*choices.values(), *more.values()) for one in trials):
                _forget(one, Path(out))
            sized = (PROBLEMS[problem].sizes if sizes is None else sizes)[2]
            found[problem] = {
                method: _summary(tried[method], winners[method], drawn.get(method, []), sized) for method in wanted
            }
    return found


def _run(specified: dict[str, list[Trial]], out: Path, jobs: int, progress: bool) -> dict[str, list[Result]]:
    """Run the trials of many methods as one sweep, and sort the results again.

    Who would share layers with another takes its turn later, so that no two of a time wait for the same ones.
    """
    turns: Counter[str | None] = Counter()
    queue: list[tuple[int, Trial]] = []
    for one in (one for trials in specified.values() for one in trials):
        layers = _layers(one) or one.key
        queue.append((turns[layers], one))
        turns[layers] += 1
    results = sweep(
        [one for _, one in sorted(queue, key=lambda entry: entry[0])],
        None if jobs == 1 else processes(jobs),
        file=out / TRIALS,
        folders=out / RUNS,
        retry_failed=True,  # what diverges does so again in seconds; a full disk may have been mended
        progress=progress,
    )
    by_key = {result.trial.key: result for result in results}
    return {method: [by_key[one.key] for one in trials] for method, trials in specified.items()}


def _layers(one: Trial) -> str | None:
    assert one.seed is not None  # all have
    return pretrained(one.arguments, one.seed)


def _forget(one: Trial, out: Path) -> None:
    """Remove the layers that a trial has shared with others: a hundred networks are gigabytes."""
    layers = _layers(one)
    if layers is not None:
        shutil.rmtree(out / RUNS / layers, ignore_errors=True)


def _best(tried: list[Result]) -> Result | None:
    """Return the result of least validation error; of two, that of less validation loss; of two, the first."""
    return min(
        (one for one in tried if one.error is None),
        key=lambda one: (one.value["validation_error"], one.value.get("validation_loss", 0.0)),
        default=None,
    )


def _summary(tried: list[Result], won: Result | None, drawn: list[Result], test_examples: int) -> dict[str, Any]:
    first = drawn[0].value if drawn and drawn[0].error is None else None
    summary: dict[str, Any] = {
        "chosen": won.trial.arguments["chosen"] if won else None,
        "validation_error": first and first["validation_error"],
        "test_error": first and first["test_error"],
        "test_examples": test_examples,
        "tried": len(tried),
        "trials": [
            {
                "chosen": one.trial.arguments["chosen"],
                "validation_error": None if one.error else one.value["validation_error"],
                "validation_loss": None if one.error else one.value.get("validation_loss"),
                "seconds": one.seconds,
                "failed": _failure(one),
            }
            for one in tried
        ],
    }
    if len(drawn) > 1:
        errors = [one.value["test_error"] for one in drawn if one.error is None]
        summary["draws"] = {
            "seeds": [one.trial.seed for one in drawn],
            "test_errors": [None if one.error else one.value["test_error"] for one in drawn],
            "failed": [_failure(one) for one in drawn],
            "mean": mean(errors) if errors else None,
            "range": [min(errors), max(errors)] if errors else None,
        }
    return summary


def _failure(one: Result) -> str | None:
    return None if one.error is None else f"{one.error.type}: {one.error.message}"
