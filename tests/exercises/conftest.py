"""What the tests of the exercises share: examining a solution in this process, which is quick, with the same judge."""

import numpy as np
import pytest

from scratchdae.exercises import checking, process
from scratchdae.exercises.inside import arguments, as_arrays
from scratchdae.exercises.judge import judge


def examined(exercise, source, seed):
    """Judge what a source defines, function by function: a Finding, the words of an exception, or None if right."""
    namespace = {}
    exec(source, namespace)
    for task in exercise.tasks:
        if task.function not in namespace:
            continue
        cases, answers = checking._cases(task, seed), []
        for case in cases:
            inputs = {name: value.copy() for name, value in case.inputs.items()}
            try:
                with np.errstate(all="ignore"):
                    result = namespace[task.function](*arguments(task.prepare, inputs))
                answers.append(process.Answer(as_arrays(result, list(task.outputs)), inputs, 0.0))
            except Exception as error:
                return f"{type(error).__name__}: {error}"
        finding = judge(cases, answers)
        if finding is not None:
            return finding
    return None


@pytest.fixture(scope="session")
def examine():
    return examined
