"""What the explainer must not say: nothing against right answers, and no name for nonsense."""

import dataclasses

import numpy as np
import pytest
import right_answers
from optional_packages import require

from scratchdae.conformance.adapter import as_arrays
from scratchdae.conformance.case import load_cases
from scratchdae.conformance.explainer import ACCOUNTS, explain
from scratchdae.conformance.explainer.account import Account
from scratchdae.conformance.explainer.presentation import presented
from scratchdae.conformance.explainer.target import Target

CASES = {case.name: case for case in load_cases(spec=1)}


@pytest.mark.parametrize("right", right_answers.RIGHT, ids=lambda right: right.id)
def test_another_way_to_compute_the_same_is_not_called_wrong(right):
    if right.needs:
        require(right.needs)
    case = CASES[right.case]
    explanation = explain(case, as_arrays(right.answer(case)))
    assert explanation.findings == ()
    assert explanation.first_difference is None


@pytest.mark.parametrize("name", ["tied_cross_entropy"])
def test_float32_within_its_tolerance_is_not_called_wrong(name):
    answer = right_answers.passes(CASES[name], np.float32)
    assert {value.dtype for value in answer.values()} == {np.dtype(np.float32)}
    assert explain(CASES[name], answer, dtype="float32").findings == ()
    assert [finding.ids for finding in explain(CASES[name], answer).findings] == [{"float32"}]  # for float64 it is


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_account_without_a_mistake_is_the_case(case):
    target = Target(case.expected, case.expected, case.tolerance("float64"))
    told = ACCOUNTS[case.operation](case, target.found, "float64").told({})
    assert set(case.expected) <= set(told)
    assert target.misfit(told) <= 0.5


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_expected_arrays_have_no_finding(case):
    assert explain(case, case.expected) == explain(case, {name: case.expected[name] for name in case.required})
    assert explain(case, case.expected).findings == ()


def spoilt(case, rng, relative):
    """Return an answer in which one required array is off at random."""
    name = case.required[rng.integers(len(case.required))]
    right = case.expected[name]
    noise = relative * (np.abs(right[np.isfinite(right)]).max() or 1) * rng.standard_normal(right.shape)
    return name, {key: case.expected[key] for key in case.required} | {name: right + noise}


@pytest.mark.parametrize("relative", [1.0, 1e-9])
@pytest.mark.parametrize("group", sorted({case.group for case in CASES.values()} - {"training"}))
def test_nonsense_has_no_name_but_a_place(group, relative):
    rng = np.random.default_rng(7)
    of_group = [case for case in CASES.values() if case.group == group]
    for case in of_group[:: max(1, len(of_group) // 5)]:
        name, answer = spoilt(case, rng, relative)
        explanation = explain(case, answer, judged=False)  # test_explainer_formulas has nonsense that is
        assert explanation.findings == (), f"{case.name}: {name}: {explanation}"
        assert explanation.first_difference.array == name
        assert name in str(explanation)


@pytest.mark.parametrize("name", ["loss", "z", "db"])
def test_the_first_intermediate_is_the_one_that_is_named(name):
    case = CASES["tied_cross_entropy"]
    rng = np.random.default_rng(3)
    stages = [array for _, names in case.stages for array in names]
    answer = {key: value.copy() for key, value in case.expected.items()}
    for later in stages[stages.index(name) :]:
        answer[later] = answer[later] + rng.standard_normal(answer[later].shape)
    explanation = explain(case, answer, judged=False)
    assert explanation.findings == ()
    assert explanation.first_difference.array == name


def square(case):
    """Return the case cut to a batch of as many examples as there are components."""
    B = len(case.inputs["a"])
    inputs = {name: case.inputs[name][:, :B].copy() for name in ("a", "target")}
    z = 1 / (1 + np.exp(-inputs["a"]))
    terms = np.logaddexp(0, inputs["a"]) - inputs["a"] * inputs["target"]
    expected = {"loss": np.asarray(terms.sum() / B), "d_a": (z - inputs["target"]) / B}
    return dataclasses.replace(case, inputs=inputs, expected=expected)


def test_all_readings_are_listed_where_sizes_coincide():
    case = square(CASES["cross_entropy_paper"])
    B, D = case.inputs["a"].shape
    assert B == D == 3
    answer = {"loss": case.expected["loss"], "d_a": case.expected["d_a"] * 3}
    found = {next(iter(finding.ids)) for finding in explain(case, answer).findings}
    assert found == {"gradient_factor:B", "gradient_factor:D"}


def test_a_factor_without_a_name_is_recovered():
    case = CASES["tied_cross_entropy"]
    answer = {name: case.expected[name] for name in case.required}
    answer |= {name: 1.2345678 * answer[name] for name in ("dW", "db", "db_prime")}
    (finding,) = explain(case, answer).findings
    assert finding.ids == {"gradient_factor"}
    assert finding.mistakes[0].recovered["factor"] == pytest.approx(1.2345678, rel=1e-12)
    assert "1.2345678" in str(finding)


def test_one_number_is_no_evidence_for_a_factor():
    case = CASES["tied_cross_entropy"]
    answer = {name: case.expected[name] for name in case.required}
    explanation = explain(case, answer | {"loss": answer["loss"] * 1.2345678901}, judged=False)
    assert explanation.findings == ()
    assert explanation.first_difference.array == "loss"


def test_what_is_recovered_is_told():
    case = CASES["tied_cross_entropy"]
    answer = {name: case.expected[name] for name in case.required}
    answer |= {
        "loss": answer["loss"] + 0.01 * (case.inputs["W"] ** 2).sum(),
        "dW": answer["dW"] + 0.02 * case.inputs["W"],
    }
    (finding,) = explain(case, answer).findings
    assert finding.mistakes[0].recovered == {"l2": 0.01}
    assert "0.01 · ΣW²" in str(finding)


def test_a_missing_array_is_a_difference_and_no_mistake():
    case = CASES["tied_cross_entropy"]
    explanation = explain(case, {"z": case.expected["z"]})
    assert explanation.findings == ()
    assert explanation.first_difference.array == "loss"
    assert explain(case, {}).first_difference.array == "z"


WEIRD = {
    "all NaN": lambda right: np.full(right.shape, np.nan),
    "all inf": lambda right: np.full(right.shape, np.inf),
    "one NaN": lambda right: np.where(np.arange(right.size).reshape(right.shape) == 0, np.nan, right),
    "beyond all bounds": lambda right: np.full(right.shape, 1e308),
    "empty": lambda right: np.zeros((0, 3)),
    "complex": lambda right: right + 0j,
    "words": lambda right: np.array("z"),
    "five axes": lambda right: np.zeros((1, 2, 1, 1, 5)),
}


@pytest.mark.parametrize("weird", WEIRD.values(), ids=list(WEIRD))
def test_whatever_comes_it_answers(weird):
    groups = {case.group: case for case in CASES.values()}
    for case in groups.values():
        answer = {name: case.expected[name] for name in case.required}
        answer[case.required[-1]] = weird(answer[case.required[-1]])
        explanation = explain(case, answer, judged=False)
        assert explanation.findings == (), f"{case.name}: {explanation}"
        assert explanation.first_difference.array == case.required[-1]
        if case.operation in ("activation", "loss"):  # of which edits are tried in no time
            assert explain(case, answer).findings == ()


def test_a_number_with_which_a_mistake_cannot_be_told_explains_nothing():
    """Rectified Adam divides by 1 - beta2, and 1 was once recovered for it."""
    case = next(case for case in CASES.values() if case.operation == "optimizer")
    target = Target(case.expected, case.expected, case.tolerance("float64"))

    def told(wrong):
        return {"W_steps": case.expected["W_steps"] * (1 / (1 - wrong.get("beta2", 0)))}

    account = presented(Account((), told, told), target, case.inputs)
    assert target.misfit(account.told({})) <= 1
    assert not target.misfit(account.told({"beta2": 1})) <= 1
    assert account.begin is None or not target.misfit(account.begin({"beta2": 1})) <= 1
