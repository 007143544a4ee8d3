"""One choice of one method on one problem: what a sweep runs, in this process or another."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from scratchdae.arguments import integer
from scratchdae.datasets import ThreePartDataset, larochelle, larochelle_original
from scratchdae.datasets.larochelle import PROBLEMS
from scratchdae.reproduce import methods
from scratchdae.reproduce.recipe import Parts, follow
from scratchdae.reproduce.svm import svm_rbf


def trial(
    *,
    problem: str,
    method: str,
    chosen: methods.Choice,
    seed: int,  # of the images and the training; the same for all methods, so that they see the same and start alike
    sizes: list[int] | None = None,  # images to train, validate and test, in place of the problem's own
    originals: bool = False,  # whether to take the authors' files rather than to draw the problem
    test: bool = False,
    out: str | os.PathLike[str] | None = None,  # folder for the run of a network, which goes on if it was interrupted
) -> dict[str, Any]:
    """Train one choice of a method on a problem; support vectors are tested with `test` only, a network always."""
    integer("seed", seed, at_least=0)
    parts = _originals(problem) if originals else _drawn(problem, seed, None if sizes is None else tuple(sizes))
    if method == "svm":
        return svm_rbf(parts, **chosen, test=test)  # to test them takes longer than to fit them
    recipe = methods.recipe(method, chosen, len(parts.train[0]))
    arguments = {"problem": problem, "method": method, "chosen": chosen, "sizes": sizes, "originals": originals}
    name = None if out is None else pretrained(arguments, seed)
    shared = None if out is None or name is None else Path(out).with_name(name)
    classes = PROBLEMS[problem].classes
    outcome = follow(recipe, parts, seed, classes=classes, out=out, shared=shared, progress=False)
    if out is not None:  # what matters is returned, and a hundred networks are five gigabytes
        shutil.rmtree(out)
    return outcome


def pretrained(arguments: Mapping[str, Any], seed: int) -> str | None:
    """Name the folder, beside a trial's own, of its pretrained layers, or None: fine-tuning has no part in the name."""
    problem, sizes = arguments["problem"], arguments.get("sizes")
    if arguments["method"] not in methods.NETWORKS:
        return None
    n = (PROBLEMS[problem].sizes if sizes is None else sizes)[0]
    layers = [spec.config for spec in methods.recipe(arguments["method"], arguments["chosen"], n).layers if spec.epochs]
    same = [problem, sizes, arguments.get("originals", False), seed, layers]
    return f"layers-{hashlib.sha256(json.dumps(same).encode()).hexdigest()[:32]}" if layers else None


def check_data(problem: str, seed: int, originals: bool) -> None:
    """Refuse a problem whose data are missing or damaged, before hours are spent on others."""
    if originals:
        larochelle_original(problem)
    else:
        larochelle(problem, seed, sizes=(1, 1, 1))


@lru_cache(maxsize=1)
def _drawn(problem: str, seed: int, sizes: Any) -> Parts:
    """Draw a problem; the last one is kept, because its trials follow each other."""
    return _parts(larochelle(problem, seed, sizes=sizes))


@lru_cache(maxsize=1)
def _originals(problem: str) -> Parts:
    return _parts(larochelle_original(problem))


def _parts(data: ThreePartDataset) -> Parts:
    return Parts((data.x_train, data.t_train), (data.x_valid, data.t_valid), (data.x_test, data.t_test))
