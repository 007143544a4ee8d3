"""One choice of one method on one problem: what a sweep runs, in this process or another."""

import os
import shutil
from functools import lru_cache
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
    seed: int,
    sizes: list[int] | None = None,
    originals: bool = False,
    test: bool = False,
    out: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Train one choice of a method on a problem.

    Parameters
    ----------
    problem, method : str
        Names of `PROBLEMS` and `methods.NAMES`.
    chosen : dict
        One of the method's choices.
    seed : int
        Of the images and of the training. It is the same for all methods, so that they see the same and start alike.
    sizes : list of three int, optional
        How many images for training, validation and testing, in place of the problem's own.
    originals : bool
        Whether to take the authors' files rather than to draw the problem.
    test : bool
        Whether to test support vectors, which takes longer than to fit them. A network is always tested.
    out : path-like, optional
        Folder for the run of a network, which goes on there if it was interrupted. It is removed at the end, because
        what matters is returned, and a hundred networks are five gigabytes.

    Returns
    -------
    dict
        ``validation_error``, ``test_error`` (None if it was not tested), and more about the training.

    Raises
    ------
    ValueError
        If there is no such problem or method.
    FileNotFoundError
        If its data are not there.
    """
    integer("seed", seed, at_least=0)
    parts = _originals(problem) if originals else _drawn(problem, seed, None if sizes is None else tuple(sizes))
    if method == "svm":
        return svm_rbf(parts, **chosen, test=test)
    recipe = methods.recipe(method, chosen, len(parts.train[0]))
    outcome = follow(recipe, parts, seed, classes=PROBLEMS[problem].classes, out=out, progress=False)
    if out is not None:
        shutil.rmtree(out)
    return outcome


def check_data(problem: str, seed: int, originals: bool) -> None:
    """Refuse a problem whose data are missing, before hours are spent on others.

    Parameters
    ----------
    problem : str
        One of `PROBLEMS`.
    seed : int
        Of the images.
    originals : bool
        Whether the authors' files are wanted.

    Raises
    ------
    FileNotFoundError
        If they are not there.
    ValueError
        If they are damaged.
    """
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
