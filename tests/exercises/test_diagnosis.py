"""The three diagnoses: the right answer passes, each wrong part is told by itself, nothing of the file is run."""

from pathlib import Path

import pytest

from scratchdae.exercises.catalogue.diagnosis import DIAGNOSES, _data, _nats
from scratchdae.exercises.checking import NOT_BEGUN, REFUSED, RIGHT, WRONG, check_source

RIGHT_ANSWERS = {
    "picture_stays_black": (0.0619, "F15", {"lr": 0.003}),
    "below_the_mean_and_no_further": (0.5388, "F14", {"output": "linear"}),
    "same_answer_to_all": (206.1, "F09", {"init": "glorot_uniform"}),
}


def answer(floor, cause, repair):
    return f"import os\nos.remove('/')\nFLOOR = {floor!r}\nCAUSE = {cause!r}\nREPAIR = {repair!r}\n"


@pytest.mark.parametrize("exercise", DIAGNOSES, ids=lambda exercise: exercise.name)
def test_the_right_answer_passes_and_each_part_of_a_wrong_one_is_told(exercise):
    floor, cause, repair = RIGHT_ANSWERS[exercise.name]

    def verdict(*parts):
        return check_source(exercise, answer(*parts), Path("x.py"))

    assert verdict(floor, cause, repair).state == RIGHT
    for wrong in (
        (2 * floor, cause, repair),
        (None, cause, repair),
        (10**400, cause, repair),
        ("x", cause, repair),
    ):
        assert (verdict(*wrong).state, verdict(*wrong).function) == (WRONG, "FLOOR")
    for wrong in ("F02", "F04", "F99", 3, ["F15"]):  # nothing diverges in any of them
        assert (verdict(floor, wrong, repair).state, verdict(floor, wrong, repair).function) == (WRONG, "CAUSE")
    assert verdict(floor, cause, {"lr": 1e-6}).function == "REPAIR"
    for refused in (
        {},
        {"epochs": 1000},
        {"seed": 1},
        {"lr": -1},
        {"lr": "1"},
        {"init": "x"},
        {"init": []},
        "lr",
        {"lr": 1, "init": "zeros", "output": "linear"},
    ):
        assert verdict(floor, cause, refused).state == REFUSED


@pytest.mark.parametrize("exercise", DIAGNOSES, ids=lambda exercise: exercise.name)
def test_what_is_not_constant_is_refused(exercise):
    assert check_source(exercise, "FLOOR = open('/etc/passwd').read()", Path("x.py")).state == REFUSED
    assert check_source(exercise, "FLOOR = (", Path("x.py")).state == REFUSED
    assert check_source(exercise, "", Path("x.py")).state == NOT_BEGUN


def test_a_floor_is_a_fact_of_the_data():
    assert _nats(_data(DIAGNOSES[2].skeleton)) == pytest.approx(206.1, abs=0.1)


@pytest.mark.parametrize(
    ("which", "floor", "said"),
    [
        (0, 0.111, "the loss as posted, 0.111"),
        (1, 1.0, "the error of the mean picture"),
        (1, 0.2316, "what the targets below 0 cost"),
        (1, 0.6, "the loss as posted, 0.60"),
        (2, 543.43, "that of the answer 1/2 everywhere, in nats"),
        (2, 123.9, "the part of x log z alone"),
        (2, 206.1 / 784, "it averaged over the pixels"),
    ],
)
def test_a_floor_that_is_often_taken_for_it_is_told(which, floor, said):
    verdict = check_source(DIAGNOSES[which], answer(floor, "F15", {"lr": 0.1}), Path("x.py"))
    assert verdict.where.endswith(f": it is {said}")
