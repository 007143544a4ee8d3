"""What the explainer says where no known mistake fits: which change of the formula reproduces the answer."""

import dataclasses
import inspect
import warnings

import numpy as np
import pytest

from scratchdae.conformance.case import load_cases
from scratchdae.conformance.comparison import by_value, compare
from scratchdae.conformance.explainer import explain
from scratchdae.conformance.explainer import rewritten as module
from scratchdae.conformance.explainer.catalogue import concern
from scratchdae.conformance.explainer.finding import PLACE
from scratchdae.conformance.explainer.formula import Formula, Made
from scratchdae.conformance.explainer.rewritten import Asked, rewritten
from scratchdae.conformance.explainer.target import Target
from scratchdae.conformance.plain import PLAIN

CASES = {case.name: case for case in load_cases() if concern(case) != "half"}


def planted(case, changes):
    """Return the answer of the plain function of a case, in whose source each text is replaced by another."""
    entry = PLAIN[concern(case)]
    source = inspect.getsource(inspect.getmodule(entry))
    start = source.index(f"def {entry.__name__.removeprefix('optimizer_')}(")
    for old, new in changes.items():
        at = source.index(old, start)
        source = source[:at] + new + source[at + len(old) :]
    namespace = {}
    exec(source, namespace)
    given = {**case.conventions, **case.inputs}
    told = namespace[entry.__name__](**{n: given[n] for n in inspect.signature(entry).parameters if n in given})
    return {name: told[name] for name in case.required}


def asked(case, answer, open=True):
    return Asked(case, Target(case.expected, answer, case.tolerance("float64"), by_value(case)), open)


def search(name, changes):
    case = CASES[name]
    return rewritten([asked(case, planted(case, changes))], concern(case))


def right(case):
    return {name: case.expected[name] for name in case.required}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_told_plainly_is_what_the_case_expects(case):
    entry = PLAIN[concern(case)]
    inputs = {name: array.copy() for name, array in case.inputs.items()}  # which could be written into
    given = {**case.conventions, **inputs}
    told = entry(**{name: given[name] for name in inspect.signature(entry).parameters if name in given})
    comparison = compare(case, {name: told[name] for name in case.expected}, relative=case.tolerance("float64"))
    assert comparison.agrees, comparison.difference
    assert all(np.array_equal(inputs[name], array, equal_nan=True) for name, array in case.inputs.items())


STEP, WRITTEN = "        theta = theta - rate * g / root\n", "        steps[n] = theta\n"
LATE = "theta - rate * (before if n else s)\n        before = s\n"
NORM = "np.sqrt((d_rows ** 2).sum(axis=0))"
PLANTS = {  # what is done, the case, each text of the source with what stands for it, and words of the finding
    "factor left out": (
        "vae_mean", {"np.exp(0.5 * log_variance)": "np.exp(log_variance)"}, "`0.5` is left out"),
    "term left out": (
        "contractive", {"x.T @ da_y + d_lengths * 2 * W": "x.T @ da_y"}, "`d_lengths * 2 * W` is left out"),
    "of the same shape": (
        "vae_sum", {"mu + deviation * noise": "mu + variance * noise"}, "`variance` stands for `deviation`"),
    "another axis": (
        "layer_norm", {"-d_deviation.sum(axis=-1": "-d_deviation.sum(axis=0"},
        "`d_deviation.sum(axis=0, keepdims=True)` stands for `d_deviation.sum(axis=-1, keepdims=True)`"),
    "mean for sum": (
        "sparse_kl", {"terms.sum()": "terms.mean()"}, "`terms.mean()` stands for `terms.sum()`"),
    "maximum for sum": (
        "dense_primes", {"d_rows.sum(axis=0)": "d_rows.max(axis=0)"}, "`d_rows.max(axis=0)` stands for"),
    "norm for sum": (
        "dense_primes", {"d_rows.sum(axis=0)": NORM}, f"`{NORM}` stands for `d_rows.sum(axis=0)`"),
    "function added": (
        "layer_norm", {"(d_output * x_hat)": "(d_output * np.tanh(x_hat))"}, "`np.tanh(x_hat)` stands for `x_hat`"),
    "sign": (
        "layer_norm", {"variance + eps": "variance - eps"}, "`variance - eps` stands for `variance + eps`"),
    "sign of a derivative": (
        "contractive", {"(1 - 2 * y)": "(1 + 2 * y)"}, "`1 + 2 * y` stands for `1 - 2 * y`"),
    "power": (
        "contractive", {"squared = slope * slope": "squared = slope"}, "= slope * slope` `slope` is left out"),
    "index a step off": (
        "average_from_zero", {"weights[t + 1]": "weights[t]"}, "* weights[t + 1]` `1` is left out"),
    "statement left out": (
        "average_from_zero", {"average = np.zeros_like(W)": "pass"}, "`average = np.zeros_like(W)` is left out"),
    "statement moved": (
        "adagrad_torch", {STEP + WRITTEN: WRITTEN + STEP}, "comes after `steps[n] = theta`"),
    "of the step before": (
        "adadelta_torch", {"theta - rate * s\n": LATE}, "`s` is that of the step before"),
    "over the steps": (
        "adagrad_torch", {"gradients[n]": "gradients[: n + 1].sum(axis=0)"},
        "`g` is added to what it was at the steps before"),
    "forward": (
        "tanh_ordinary", {"np.tanh(a)": "np.tanh(a / 2)", "(1 - y * y)": "(1 - y * y) / 2"},
        "`a / 2` stands for `a`, and the gradients are those of that"),
    "forward, of a product": (
        "silu_layer", {"sigmoid(x)": "sigmoid(x / 2)", "x * gate * (1": "x / 2 * gate * (1"},
        "`x / 2` stands for `x`, and the gradients are those of that"),
    "two, in two arrays": (
        "dense_primes", {"x @ W + b": "x @ W - b", "d_rows.sum(axis=0)": "d_rows.mean(axis=0)"},
        "`x @ W - b` stands for `x @ W + b`; and in `db = d_rows.sum(axis=0)` `d_rows.mean(axis=0)`"),
    "two, in loss and gradient": (
        "huber_paper", {"(np.abs(e) - delta / 2)": "np.abs(e)", "delta * np.sign(e)": "np.sign(e)"},
        "`delta / 2` is left out; and in `d_a = np.where(inside, e, delta * np.sign(e)) / n` `delta` is left out"),
    "two, in one array": (
        "schedule_cosine", {"(epochs - 1)": "epochs", "np.pi * done": "done"},
        "`np.pi` is left out; and in `done = np.minimum(epoch / (epochs - 1), 1)` `1` is left out"),
}  # fmt: skip
NUMBERS = {
    "constant": (
        "gelu_by_tanh", {"0.044715 * x**3": "0.05 * x**3"}, "`0.044715` is 0.05", 0.05),
    "constant, differentiated": (
        "gelu_by_tanh", {"0.044715 * x**3": "0.05 * x**3", "3 * 0.044715": "3 * 0.05"},
        "`0.044715` is 0.05, and the gradients are those of that", 0.05),
    "eps in a denominator": (
        "weight_norm", {"v / norm": "v / (norm + 0.003)"}, "`norm` has 0.003 added to it", 0.003),
    "clipped": (
        "tied_dense", {"x @ W.T + b": "np.clip(x @ W.T + b, -0.7, 0.7)"}, "is cut to [-0.7, 0.7]", 0.7),
}  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "words"), PLANTS.values(), ids=PLANTS)
def test_a_change_is_found(name, changes, words):
    ((finding, refuted),) = search(name, changes)
    assert words in str(finding)
    assert not refuted
    assert all(one.id.startswith("formula:") and not one.recovered for one in finding.mistakes)


@pytest.mark.parametrize(("name", "changes", "words", "number"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_is_recovered(name, changes, words, number):
    ((finding, _),) = search(name, changes)
    assert words in str(finding)
    assert finding.mistakes[0].recovered == {"number": pytest.approx(number, rel=1e-9)}


def test_edits_that_compute_the_same_are_told_once():
    case = CASES["average_from_zero"]
    one = asked(case, planted(case, {"average = np.zeros_like(W)": "pass"}))
    formula = Formula(PLAIN["averaging"])
    with np.errstate(all="ignore"):
        told = [formula.told(Made((edit,)), case) for edit in formula.edits(case) if edit.neutral is None]
    assert sum(found is not None and one.target.misfit(found) <= 1 for found in told) > 1
    assert len(rewritten([one], "averaging")) == 1


def test_what_a_case_does_not_tell_apart_is_told_and_too_many_are_not(monkeypatch):
    W = np.full((2, 3), 2.0)  # of which the square is the double
    expected = {"penalty": np.asarray(0.01 * (W * W).sum()), "dW": 0.02 * W}
    case = dataclasses.replace(CASES["l2_small"], inputs={"W": W}, expected=expected)
    case = dataclasses.replace(case, manifest={**case.manifest, "conventions": {"l2": 0.01}})
    found = rewritten([asked(case, {"penalty": expected["penalty"], "dW": 0.02 * W * W})], "penalty")
    assert 1 < len(found) <= 3
    lengthened = ("clip_norm_keras", {"length = norm\n": "length = norm + 0.25\n"})
    assert search(*lengthened) == []
    monkeypatch.setattr(module, "AT_MOST", 99)
    assert len(search(*lengthened)) > 3


def test_other_cases_speak_against_a_change():
    one, other = CASES["schedule_step"], CASES["schedule_step_after_warm_up"]
    often, bare = {"(after // every)": "after"}, {"first * (epoch + 1)": "(epoch + 1)"}
    wrong = asked(one, planted(one, often))
    right_there, wrong_there = asked(other, right(other), open=False), asked(other, planted(other, often))
    for second, refuted in ((right_there, True), (wrong_there, False)):
        ((finding, told),) = rewritten([wrong, second], "schedule step")
        assert "`every` is left out" in str(finding)
        assert told is refuted
    assert rewritten([wrong, asked(other, planted(other, bare))], "schedule step") == []


NOISY = ["tanh_ordinary", "huber_paper", "dense_primes", "sgd_plain", "l2_small", "clip_norm_keras"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("relative", [1.0, 1e-9])
@pytest.mark.parametrize("name", NOISY)
def test_no_change_makes_noise(name, relative, seed):
    case, rng = CASES[name], np.random.default_rng(seed)
    array = case.required[rng.integers(len(case.required))]
    value = case.expected[array]
    noise = relative * np.abs(value).max() * rng.standard_normal(value.shape)
    assert rewritten([asked(case, right(case) | {array: value + noise})], concern(case)) == []


def test_a_known_mistake_keeps_its_name():
    changes = {"    entries = np.maximum(entries, -limit)\n": ""}
    answer = planted(CASES["clip_value"], changes)
    assert search("clip_value", changes) != []
    assert [finding.ids for finding in explain(CASES["clip_value"], answer).findings] == [{"only_from_above"}]


def test_a_change_takes_the_place_of_a_factor_without_a_cause():
    case = CASES["clip_norm_keras"]
    answer = planted(case, {"+ (db * db).sum()": "- (db * db).sum()"})
    before = explain(case, answer, judged=False)
    assert before.confidence == PLACE
    (finding,) = explain(case, answer).findings
    assert "`(dW * dW).sum() - (db * db).sum()` stands for" in str(finding)
    assert all(one.id.startswith("formula:") and not one.recovered for one in finding.mistakes)


@pytest.mark.parametrize("name", ["sparse_kl", "softmax_ordinary"])
def test_changes_that_make_nonsense_neither_raise_nor_warn(name):
    case, rng = CASES[name], np.random.default_rng(0)
    formula = Formula(PLAIN[concern(case)])
    with np.errstate(all="ignore"):
        told = [formula.told(Made((edit,)), case) for edit in formula.edits(case)]
    assert any(found is None for found in told)
    assert any(found and not all(np.isfinite(array).all() for array in found.values()) for found in told)
    answer = {array: value + rng.standard_normal(value.shape) for array, value in right(case).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rewritten([asked(case, answer)], concern(case)) == []
        answer[case.required[0]] = np.full_like(answer[case.required[0]], np.nan)
        assert rewritten([asked(case, answer)], concern(case)) == []
