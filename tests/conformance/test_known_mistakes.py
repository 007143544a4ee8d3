"""The list of known mistakes: complete, and without doubles."""

from collections import Counter

import pytest
from test_explainer_names import CASES, KINDS, WRONG

from scratchdae.conformance.explainer import ACCOUNTS, known_mistakes

KNOWN = known_mistakes()


@pytest.mark.parametrize("case", [*KINDS.values(), CASES["train_squared_error"]], ids=lambda case: case.name)
def test_no_two_mistakes_of_an_account_share_a_name(case):
    ids = Counter(switch.id for switch in ACCOUNTS[case.operation](case, case.expected, "float64").switches)
    assert max(ids.values()) == 1, ids.most_common(1)


def test_every_mistake_that_a_test_plants_is_listed_for_its_operation():
    planted = {(id, CASES[wrong.case].operation) for wrong in WRONG for id in wrong.mistakes}
    assert len(planted) > 100
    for id, operation in planted:
        name = "transposed" if id.startswith("transposed:") else id
        assert operation in KNOWN[name], (id, operation)


def test_every_operation_has_mistakes_and_every_mistake_says_what_it_is():
    assert {operation for by in KNOWN.values() for operation in by} == set(ACCOUNTS)
    assert all(sentence.strip() for by in KNOWN.values() for sentence in by.values())
    assert KNOWN["clean_input"]["autoencoder"] == "the encoder sees the clean input x, not the corrupted x_tilde"


def test_cases_of_ones_own_are_listed_too():
    own = known_mistakes([CASES["l2_small"]])
    assert "root" in own
    assert "clean_input" not in own
    assert "float32" in own
