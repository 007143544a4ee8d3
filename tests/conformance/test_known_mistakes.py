"""The list of known mistakes: complete, and without doubles."""

from collections import Counter

import pytest
from test_explainer_names import CASES, KINDS, WRONG

from scratchdae.conformance.explainer import ACCOUNTS, cases_with, known_mistakes
from scratchdae.conformance.explainer.catalogue import concern

KNOWN = known_mistakes()


@pytest.mark.parametrize("case", [*KINDS.values(), CASES["train_squared_error"]], ids=lambda case: case.name)
def test_no_two_mistakes_of_an_account_share_a_name(case):
    ids = Counter(switch.id for switch in ACCOUNTS[case.operation](case, case.expected, "float64").switches)
    assert max(ids.values()) == 1, ids.most_common(1)


def test_every_mistake_that_a_test_plants_is_listed_for_what_it_is_planted_in():
    planted = {(id, concern(CASES[wrong.case])) for wrong in WRONG for id in wrong.mistakes}
    assert len(planted) > 100
    for id, where in planted:
        name = "transposed" if id.startswith("transposed:") else id
        assert where in KNOWN[name], (id, where)


def test_every_operation_has_mistakes_and_every_mistake_says_what_it_is():
    assert {where.split()[0] for by in KNOWN.values() for where in by} == set(ACCOUNTS)
    assert all(sentence.strip() for by in KNOWN.values() for sentence in by.values())
    assert KNOWN["clean_input"]["autoencoder"] == "the encoder sees the clean input x, not the corrupted x_tilde"
    assert KNOWN["squared_error_instead"]["loss huber"] == "the squared error is computed in place of Huber's loss"


def test_cases_of_ones_own_are_listed_alone():
    own = known_mistakes([CASES["l2_small"]])
    assert "root" in own
    assert "clean_input" not in own
    assert list(own["float32"]) == ["penalty"]


def test_the_cases_of_a_mistake():
    assert cases_with("root") == ["l2_large", "l2_small"]
    assert "tied_cross_entropy" in cases_with("clean_input")
    assert cases_with("no such mistake") == []
