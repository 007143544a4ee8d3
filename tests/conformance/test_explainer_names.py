"""The explainer against wrong implementations: it has to name the mistakes of every one."""

import dataclasses

import numpy as np
import pytest
import wrong_autoencoders
import wrong_layers
import wrong_losses
import wrong_optimizers
import wrong_training
from optional_packages import require

from scratchdae.conformance.adapter import as_arrays
from scratchdae.conformance.case import load_cases
from scratchdae.conformance.explainer import ACCOUNTS, explain

KIND = ("loss", "corruption", "function", "layer", "rule", "momentum", "clip", "tied", "output", "activation")
COLLECTIONS = (wrong_autoencoders, wrong_losses, wrong_optimizers, wrong_layers, wrong_training)
WRONG = [wrong for module in COLLECTIONS for wrong in module.WRONG]
CASES = {case.name: case for case in load_cases(spec=1)}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.id)
def test_it_names_the_mistakes(wrong):
    if wrong.needs:
        require(wrong.needs)
    case = CASES[wrong.case]
    explanation = explain(case, as_arrays(wrong.answer(case)), judged=False)
    found = [set(finding.ids) for finding in explanation.findings]
    assert set(wrong.mistakes) in found
    assert all(len(ids) == len(wrong.mistakes) for ids in found)  # no shorter set fits, and no longer one is listed


COMPUTED_IN_FLOAT32 = {"clips_probabilities_like_keras"}  # what is lost, is lost there
# 1e-6 beside a norm of 4 is less than the tolerance, and 1e-8 beside a root is; one number of float32, the loss, is no
# evidence for an epsilon.
WITHIN_FLOAT32 = {
    "torch_clipping_for_optax", "epsilon_inside_the_logarithms", "two_mistakes_decay_rate_and_place_of_epsilon",
}  # fmt: skip
IN_FLOAT32 = [w for w in WRONG if "float32" not in w.mistakes and w.answer.__name__ not in WITHIN_FLOAT32]


@pytest.mark.parametrize("wrong", IN_FLOAT32, ids=lambda wrong: wrong.id)
def test_it_names_them_in_float32(wrong):
    if wrong.needs:
        require(wrong.needs)
    case = given = CASES[wrong.case]
    if wrong.answer.__name__ in COMPUTED_IN_FLOAT32:
        given = dataclasses.replace(case, inputs={name: v.astype(np.float32) for name, v in case.inputs.items()})
    answer = as_arrays(wrong.answer(given))
    with np.errstate(over="ignore"):
        answer = {name: value.astype(np.float32) for name, value in answer.items()}
    explanation = explain(case, answer, dtype="float32", judged=False)
    assert set(wrong.mistakes) in [set(finding.ids) for finding in explanation.findings]


# One case of each kind: every mistake that can be made in it is made by its account.
KINDS = {
    (case.operation, *(str(case.conventions.get(key)) for key in KIND)): case
    for case in reversed(CASES.values())
    if case.operation != "training"
}


@pytest.mark.parametrize("case", KINDS.values(), ids=lambda case: case.name)
def test_every_known_mistake_is_found_again(case):
    found = {name: case.expected[name] for name in case.required}
    account = ACCOUNTS[case.operation](case, found, "float64")
    for switch in account.switches:
        if switch.unknown is not None or switch.recover is not None:
            continue
        with np.errstate(all="ignore"):
            told = account.told({switch.id: True})
        answer = {name: np.asarray(told.get(name, case.expected[name]), np.float64) for name in case.required}
        explanation = explain(case, answer, judged=False)
        if explanation.first_difference is not None:
            found_again = [set(finding.ids) for finding in explanation.findings]
            assert {switch.id} in found_again or (switch.late and found_again), switch.id
