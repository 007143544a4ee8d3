"""The explainer against mistakes that were written before its list of names was read, each over all cases it meets."""

import warnings

import numpy as np
import pytest
from optional_packages import require

require("torch")

from fresh_mistakes import FRESH  # noqa: E402
from fresh_names import ACCEPTED, NOT_EVERYWHERE, UNNAMED, told  # noqa: E402

from scratchdae.conformance.adapter import as_arrays  # noqa: E402
from scratchdae.conformance.explainer import Answered, explain, judge  # noqa: E402


def judged(fresh):
    """Return the explanations of the cases that disagree, judged together."""
    asked = []
    for case in fresh.cases():
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch, at what nobody should do
            answer = as_arrays(fresh.answer({k: v.copy() for k, v in case.inputs.items()}, case.conventions))
        explanation = explain(case, answer, judged=False)
        disagrees = explanation.first_difference is not None
        asked.append(Answered(case, answer, "float64", case.tolerance("float64"), explanation if disagrees else None))
    return [explanation for explanation in judge(asked) if explanation is not None]


def test_there_are_enough_of_them_and_every_one_is_spoken_for():
    assert len({fresh.what for fresh in FRESH}) == len(FRESH) >= 240
    assert {fresh.what for fresh in FRESH} == set(ACCEPTED) | UNNAMED
    assert len(UNNAMED) <= 0.02 * len(FRESH)


@pytest.mark.parametrize("fresh", FRESH, ids=lambda fresh: fresh.what)
def test_it_is_named_rightly_and_by_no_wrong_name(fresh):
    verdicts = [told(fresh.what, [finding.ids for finding in one.findings]) for one in judged(fresh)]
    assert "wrongly" not in verdicts
    if fresh.what in UNNAMED:
        assert set(verdicts) <= {"not"}
    else:
        assert {"rightly", "ambiguously"} & set(verdicts)
        assert "not" not in verdicts or fresh.what in NOT_EVERYWHERE
