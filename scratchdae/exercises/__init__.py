"""Exercises that check themselves and name the mistake: tasks as data, skeletons, a checker in a process of its own.

``scratchdae exercises`` is the way in. From Python, `check` checks one file, as the command does::

    from scratchdae import exercises
    print(exercises.check("exercises/05_tied_gradient.py"))

A solution is right if it answers frozen cases and fresh ones as the library does; hard-coded answers are not. A wrong
one is told the first place that differs, and the mistake's name where one explains all of its answers.
"""

import os

from scratchdae.arguments import integer
from scratchdae.arguments import path as as_path
from scratchdae.exercises import checking, progress

__all__ = ["check"]


def check(path: str | os.PathLike[str], hints: int = 0) -> str:
    """Check the solution of an exercise in a file.

    Parameters
    ----------
    path : path-like
        The file, whose name begins with the number of its exercise; a notebook is checked as well.
    hints : int
        How much is said about a mistake: 0 is a question, 1 the mistake in a sentence, 2 the equation and the chapter.

    Returns
    -------
    str
        What is right or wrong, in a few lines.
    """
    file, hints = as_path("path", path), integer("hints", hints, at_least=0)
    try:
        exercise = progress.find(file.name.partition("_")[0])
    except ValueError:
        raise ValueError(f"path must be of a file such as 05_tied_gradient.py, found {file.name!r}") from None
    verdict = checking.check_file(exercise, file)
    return "\n".join(checking.sentences(exercise, verdict, hints))
