"""The explainer of the conformance cases names what an exercise's own table has not, and nothing else."""

import dataclasses

import pytest

from scratchdae.exercises import checking
from scratchdae.exercises.catalogue import EXERCISES
from scratchdae.exercises.explained import _OPERATIONS, explained

HEAD = "import numpy as np\n\ndef s(a):\n    return 1 / (1 + np.exp(-a))\n\n"
LSTM = (
    "def step(x, h, c, W, U, b):\n    i, f, g, o = np.split(x @ W + h @ U + b, 4, axis=1)\n"
    "    c = s({f}) * c + s({i}) * np.tanh(g)\n    return s(o) * np.tanh(c), c\n"
)
WRONG = {
    "sigmoid, hard": ("def sigmoid(a): return np.clip(0.2 * a + 0.5, 0, 1)", "function:old_hard_sigmoid"),
    "sigmoid, clipped": ("def sigmoid(a): return s(np.clip(a, -3, 3))", "clipped_pre_activation"),
    "encode, another function": (
        "def encode(x, W, b):\n    a = x @ W + b\n    return a / (1 + np.exp(-a))",
        "function:silu",
    ),
    "squared_error, the slope twice": (
        "def squared_error(a, x):\n    z = s(a)\n"
        "    return ((z - x) ** 2).sum() / len(x), 2 * (z - x) * (z * (1 - z)) ** 2 / len(x)",
        "derivative_squared",
    ),
    "convolve, up-down": (
        "def convolve(x, W):\n    (B, R, C), (kh, kw) = x.shape, W.shape\n"
        "    y = np.zeros((B, R - kh + 1, C - kw + 1))\n"
        "    for i in range(kh):\n        for j in range(kw):\n"
        "            y += W[kh - 1 - i, j] * x[:, i : i + R - kh + 1, j : j + C - kw + 1]\n    return y",
        "kernel_flipped_vertically",
    ),
    "step, a bias of its own": (LSTM.format(f="f + 1", i="i"), "forget_bias"),
    "step, two things": (LSTM.format(f="i", i="f / 2"), ""),
    "sigmoid, of half": ("def sigmoid(a): return s(a / 2)", ""),
}


@pytest.mark.parametrize("about", WRONG)
def test_what_is_known_elsewhere_is_named(about, examine):
    source, name = WRONG[about]
    function = about.partition(",")[0]
    exercise = next(exercise for exercise in EXERCISES if any(task.function == function for task in exercise.tasks))
    for seed in (3, 4):
        tasks = [dataclasses.replace(task, mistakes=()) for task in exercise.tasks]  # its own table comes first
        finding = examine(dataclasses.replace(exercise, tasks=tasks), HEAD + source, seed)
        assert (finding.mistake.id if finding.mistake else "") == name, finding
        if name:
            assert "this, and nothing else known" in finding.mistake.sentence


SAME = {  # the exercise's name: the explainer's, where that could mislead
    "half a slope": None, "a sigmoid of z": None, "h from the old c": None, "no forgetting": "forget_missing",
    "flipped": "kernel_flipped", "the slope of a": "derivative_of_the_pre_activation", "last tie": "last_of_ties",
    "order i f o g": "gates:ifog", "stopped at z": "gradient_of_z",
}  # fmt: skip


@pytest.mark.parametrize("function", [name for name in _OPERATIONS if name not in ("through_time", "transpose")])
def test_it_says_what_the_table_says(function):
    task = next(task for exercise in EXERCISES for task in exercise.tasks if task.function == function)
    cases = checking._cases(task, 5)
    expected = [case.answer(task.reference) for case in cases]
    assert explained(cases, expected, expected) is None
    for mistake in task.mistakes:
        if mistake.wrong is not None and mistake.id in SAME:
            found = explained(cases, expected, [case.answer(mistake.wrong) for case in cases])
            assert (found and found.id) == SAME[mistake.id]
