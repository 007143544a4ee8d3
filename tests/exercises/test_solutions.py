"""Right solutions are accepted, wrong ones refused and named; no skeleton passes; no two mistakes are the same."""

import secrets
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from blocks import blocks

from scratchdae.exercises import checking, process
from scratchdae.exercises.catalogue import EXERCISES
from scratchdae.exercises.judge import judge

sys.path.pop(0)
BY_STEM = {exercise.stem: exercise for exercise in EXERCISES}
WRITTEN = [exercise for exercise in EXERCISES if exercise.judge is None]
TASKS = [task for exercise in WRITTEN for task in exercise.tasks]
WRONG, RIGHT = blocks("wrong"), blocks("right")


def named(block):
    return f"{block.stem[:2]}-{block.about}"


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.function)
def test_the_library_solves_it(task):
    cases = checking._cases(task, secrets.randbits(30))
    answers = [process.Answer(case.answer(task.reference), case.inputs, 0.0) for case in cases]
    assert judge(cases, answers) is None


@pytest.mark.parametrize("block", RIGHT, ids=named)
def test_a_right_solution_is_accepted(block):
    exercise = BY_STEM[block.stem]
    verdict = checking.check_source(exercise, block.source, Path("right.py"))
    assert (verdict.state, verdict.where) == (checking.RIGHT, "")


def test_right_solutions_are_there_in_many_styles():
    count = Counter(block.stem for block in RIGHT)
    assert set(count) == {exercise.stem for exercise in WRITTEN}
    assert sum(n >= 5 for n in count.values()) >= 3


@pytest.mark.parametrize("block", WRONG, ids=named)
def test_a_wrong_solution_is_refused_and_never_called_another_mistake(block, examine):
    for seed in (3, secrets.randbits(30)):
        finding = examine(BY_STEM[block.stem], block.source, seed)
        assert finding is not None
        if not isinstance(finding, str):
            name = finding.mistake.id if finding.mistake else ""
            if BY_STEM[block.stem].tasks[0].measure is not None:  # roughly: two can fit by accident
                name = block.name if block.name in name.split(" or ") else name
            assert name == block.name, finding.where


def test_nine_of_ten_wrong_solutions_are_named():
    count = Counter(block.stem for block in WRONG)
    assert set(count) == {exercise.stem for exercise in WRITTEN}
    assert min(count.values()) >= 8
    single = [block for block in WRONG if "two at once" not in block.about]
    assert sum(bool(block.name) for block in single) >= 0.9 * len(single)
    held_out = [block for block in single if block.held_out]
    assert sum(bool(block.name) for block in held_out) >= 0.9 * len(held_out)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.stem)
def test_no_skeleton_passes(exercise):
    verdict = checking.check_source(exercise, exercise.skeleton, Path("skeleton.py"))
    assert verdict.state == checking.NOT_BEGUN, verdict.where


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.function)
def test_no_two_mistakes_of_a_table_are_the_same_and_none_is_right(task):
    cases = checking._cases(task, 7)
    seen = {}
    for mistake in task.mistakes:
        assert (mistake.wrong is None) != (mistake.shows is None), mistake.id
        if mistake.wrong is None:
            continue
        measured = []
        for case in cases:
            measured.append(case.measured(case.answer(mistake.wrong)))
        right = [case.measured(case.answer(task.reference)) for case in cases]
        assert any(
            not _alike(one[name], two[name], task) for one, two in zip(measured, right, strict=True) for name in two
        )
        for other, found in seen.items():
            pairs = [(one[name], two[name]) for one, two in zip(measured, found, strict=True) for name in two]
            assert any(not _alike(*pair, task) for pair in pairs), (mistake.id, other)
        seen[mistake.id] = measured
    assert len({mistake.id for mistake in task.mistakes}) == len(task.mistakes)


def _alike(one, two, task):
    if one.shape != two.shape:
        return False
    with np.errstate(all="ignore"):
        return np.allclose(
            one, two, rtol=0, atol=5 * task.rtol * np.abs(two[np.isfinite(two)]).max(initial=1e-30), equal_nan=True
        )
