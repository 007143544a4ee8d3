"""How the explainer says what it knows: confidence, degenerate answers, patterns, what is near, no digit too many."""

import numpy as np
import pytest

from scratchdae.conformance import explain, load_cases
from scratchdae.conformance.explainer import ACCOUNTS, Answered, judge
from scratchdae.conformance.explainer.pattern import _factors

CASES = {case.name: case for case in load_cases(spec=1)}


def required(case):
    return {name: case.expected[name].copy() for name in case.required}


def test_the_four_phrases():
    case = CASES["tied_cross_entropy"]
    right = required(case)
    assert explain(case, right).confidence == ""
    doubled = explain(case, right | {"db": right["db"] * 1.234})
    assert doubled.confidence == "the place and the factor, not the cause"
    swapped = explain(CASES["sgd_plain"], required(CASES["sgd_plain"]) | steps(CASES["sgd_plain"], -1))
    assert swapped.confidence == "one of these"
    assert str(swapped).endswith("(one of these: no case that was asked tells them apart)")
    unknown = explain(case, right | {"db": right["db"] + np.arange(5) / 7})
    assert unknown.confidence == "unknown"
    clean = CASES["relu_ordinary"]
    kink = {"value": np.tanh(clean.inputs["a"]), "d_input": clean.inputs["d_output"] / np.cosh(clean.inputs["a"]) ** 2}
    assert explain(clean, kink).confidence == "this, and nothing else known"


def steps(case, sign):
    i = case.inputs
    return {f"{n}_steps": i[n] - sign * np.cumsum(i["lr"].reshape(-1, *[1] * i[n].ndim) * i[f"d{n}"], 0) for n in "Wb"}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda v: v * np.nan, "dW is NaN throughout"),
        (lambda v: v * 0 + 0.5, "dW is 0.5 throughout"),
        (lambda v: v * 0, "dW is zero throughout"),
    ],
)
def test_what_is_degenerate_is_told_first(spoil, says):
    case = CASES["tied_cross_entropy"]
    explanation = explain(case, required(case) | {"dW": spoil(case.expected["dW"])})
    assert str(explanation).splitlines()[0] == says


PATTERNS = {
    "in the last row alone": lambda v, rng: v + np.eye(len(v))[-1][:, None] * rng.normal(size=v.shape[1]),
    "in column 2 alone": lambda v, rng: v + np.eye(v.shape[1])[2] * rng.normal(size=(len(v), 1)),
    "by a factor that varies along axis 1": lambda v, rng: v * rng.uniform(2, 3, v.shape[1]),
    "with the wrong sign": lambda v, rng: v * np.where(rng.random(v.shape) < 0.5, -1, 1),
}


@pytest.mark.parametrize("says", PATTERNS)
def test_the_pattern_of_a_difference_without_a_name(says):
    case = CASES["tied_cross_entropy"]
    spoilt = PATTERNS[says](case.expected["dW"], np.random.default_rng(0))
    explanation = explain(case, required(case) | {"dW": spoilt})
    assert explanation.findings == ()
    assert says in explanation.pattern
    assert explanation.pattern in str(explanation)


def test_the_border_of_images_alone():
    case = CASES["conv_same"]
    answer = required(case)
    answer["output"][:, 0, 1] += 0.3
    assert "at the border of the images alone" in explain(case, answer).pattern


def test_what_is_near_is_told_as_near():
    case = CASES["tied_cross_entropy"]
    answer = {name: value + 1e-3 * np.sin(np.arange(value.size)).reshape(value.shape) for name, value in
              required(case).items()}  # fmt: skip
    answer["dW"] = answer["dW"] - case.expected["dW_encoder"]
    explanation = explain(case, answer)
    assert explanation.findings == ()
    assert explanation.nearest[0].startswith("the encoder's part of dW is zero")
    assert "near, but not it: the encoder's part" in str(explanation)


def test_two_named_mistakes_go_before_a_number_that_nobody_writes():
    """Smooth L1 averaged over D, which is 4/21 of Huber's loss."""
    case = CASES["huber_paper"]
    answer = {name: value * 4 / 21 for name, value in required(case).items()}
    (finding,) = explain(case, answer).findings
    assert finding.ids == {"smooth_l1", "reduction:element_mean"}


def test_no_digit_is_printed_that_the_data_leave_open():
    case = CASES["tied_cross_entropy"]
    factor = 1.23456789012345
    answer = required(case) | {"db": case.expected["db"] * (factor + 1e-9 * np.arange(5))}
    findings = explain(case, answer, relative=1e-7).findings
    assert "1.234568 times" in str(findings[0])


def test_a_name_that_another_case_refutes_goes():
    cases = [CASES[name] for name in ("cross_entropy_undecided", "cross_entropy_paper")]
    answers = []
    for case in cases:
        a, x = case.inputs["a"], case.inputs["target"]
        z = 1 / (1 + np.exp(-a))
        focal = (np.logaddexp(0, a) - a * x) * np.abs(z - x) ** 2.5  # gamma 2.5, which has no name
        answers.append({"loss": np.asarray(focal.sum() / 3), "d_a": case.expected["d_a"] * 0})
    alone = [explain(case, answer) for case, answer in zip(cases, answers, strict=True)]
    asked = [
        Answered(case, answer, "float64", 1e-13, said) for case, answer, said in zip(cases, answers, alone, strict=True)
    ]
    assert all(one.findings == () for one in judge(asked))


def test_half_precision_has_names_and_only_where_every_array_is_it():
    case = CASES["tied_cross_entropy"]
    half = {name: value.astype(np.float16).astype(np.float64) for name, value in required(case).items()}
    (finding,) = explain(case, half).findings
    assert finding.ids == {"float16"}
    assert explain(case, half | {"db": case.expected["db"]}).findings == ()
    single = {name: value.astype(np.float32).astype(np.float64) for name, value in required(case).items()}
    assert explain(case, single).findings[0].ids == {"float32"}
    assert explain(case, single | {"db": case.expected["db"]}).findings == ()


ONES = np.ones(4)
RATIOS = {
    "infinite": (np.array([1, 3, 6, 9.0]), np.array([5e-324, 1, 2, 3]), []),
    "infinite throughout": (ONES, 5e-324 * ONES, []),
    "not a number": (np.array([np.nan, 2, 4, 6]), np.array([1, 1, 2, 3.0]), []),
    "of nothing": (np.array([1, 2, 4, 6.0]), np.array([0, 1, 2, 3.0]), []),
    "zero": (0 * ONES, np.arange(1, 5.0), ["by the factor 0"]),
    "one value alone": (np.array([2.5]), np.array([1.0]), []),
    "plain": (2.5 * ONES, ONES, ["by the factor 2.5"]),
    "near 1": ((1 + 3e-9) * np.arange(1, 5.0), np.arange(1, 5.0), ["by the factor 1.000000003"]),
    "round-off": (np.array([1 + 3e-13, 1 - 1e-13, 1 + 2e-13, 1 + 1e-13]), ONES, []),
}


@pytest.mark.parametrize(("found", "expected", "says"), RATIOS.values(), ids=list(RATIOS))
def test_a_factor_is_told_where_it_is_one(found, expected, says):
    with np.errstate(all="ignore"):
        told = [words for words in _factors(found, expected, np.ones(found.shape, bool)) if words != "in the sign"]
    assert told == says


def test_what_rounding_alone_parts_from_the_answer_is_not_denied():
    case = CASES["tied_cross_entropy"]
    answer = required(case)
    answer["dW"] = answer["dW"] - case.expected["dW_encoder"] + 3e-13 * np.sin(np.arange(35)).reshape(7, 5)
    explanation = explain(case, answer)
    assert explanation.findings == ()
    assert "nearly: the encoder's part of dW is zero" in str(explanation)
    assert "leaves no more than rounding may" in str(explanation)
    assert "0%" not in str(explanation)


def asked(answers):
    """Return what `judge` takes, of cases and their answers."""
    explained = [(case, answer, explain(case, answer)) for case, answer in answers]
    return [
        Answered(case, answer, "float64", case.tolerance("float64"), said if said.first_difference else None)
        for case, answer, said in explained
    ]


def test_a_factor_of_one_number_is_told_where_several_cases_have_it():
    cases = [CASES[name] for name in ("cross_entropy_paper", "cross_entropy_undecided", "cross_entropy_mean")]
    answers = [(case, required(case)) for case in cases]
    for (_, answer), factor in zip(answers, (0.71234567, 0.71234567, 0.8), strict=True):
        answer["loss"] = factor * answer["loss"]
    one, another, other = judge(asked(answers))
    assert one.pattern == another.pattern == "loss is off by the factor 0.712346, as in 1 other case"
    assert one.findings == ()
    assert one.pattern in str(one)
    assert other.pattern == ""
    assert judge(asked(answers[:1]))[0].pattern == ""


def test_a_mistake_that_others_have_together_with_another_is_not_refuted():
    wrong = {"padding_before": True, "overlap_written_over": True}
    answers = []
    for case in (CASES["conv_transpose_same_stride_2"], CASES["conv_transpose_valid"]):
        account = ACCOUNTS[case.operation](case, required(case), "float64")
        ids = {switch.id for switch in account.switches}
        answers.append((case, account.told({id: on for id, on in wrong.items() if id in ids})))
    both, alone = judge(asked([(case, {name: told[name] for name in case.required}) for case, told in answers]))
    assert set(wrong) in [set(finding.ids) for finding in both.findings]
    assert [set(finding.ids) for finding in alone.findings] == [{"overlap_written_over"}]
    assert "not made throughout" not in str(alone)


def test_a_mistake_that_an_unexplained_case_refutes_is_dropped_and_that_is_said():
    cases = [CASES["tied_cross_entropy"], CASES["tied_cross_entropy_mean"]]
    answers = [(case, required(case)) for case in cases]
    answers[0][1]["dW"] = answers[0][1]["dW"] - cases[0].expected["dW_encoder"]
    answers[1][1]["dW"] = np.cos(np.arange(answers[1][1]["dW"].size)).reshape(answers[1][1]["dW"].shape)
    dropped, other = judge(asked(answers))
    assert dropped.findings == other.findings == ()
    assert "no known mistake reproduces the answer and those to the other cases; it first" in str(dropped)
    assert "no known mistake reproduces the answer; it first" in str(other)


def test_a_mistake_that_other_cases_refute_is_told_with_that():
    cases = [CASES["tied_cross_entropy"], CASES["tied_cross_entropy_mean"]]
    answers = [(case, required(case)) for case in cases]
    answers[0][1]["dW"] = answers[0][1]["dW"] - cases[0].expected["dW_encoder"]
    said, agrees = judge(asked(answers))
    assert agrees is None
    assert said.refuted
    assert "in other cases of the operation it would give another answer" in str(said)
