"""Whatever an adapter does is reported case by case, and the run goes on and ends."""

import os
import time

import candidates
import numpy as np
import pytest

from scratchdae.conformance import Case, Report, check, explainer, load_cases
from scratchdae.conformance.candidate import InProcess, SeparateProcess

# What each bad adapter must be reported as, and a part of the sentence that only the right reason produces.
BAD = {
    "Raising": ("error", "KeyError: 'a bug of theirs' (candidates.py, line "),
    "Leaving": ("error", "SystemExit: left"),
    "Unspeakable": ("error", "Mute: (its message cannot be read)"),
    "Property": ("error", "RuntimeError: not ready"),
    "Tuple": ("error", "an answer must be a mapping of names to arrays, found tuple"),
    "Numbered": ("error", "the names of an answer must be text, found 1"),
    "Wordy": ("error", "penalty must be an array of real numbers, found str"),
    "Ragged": ("error", "dW cannot be read as an array: ValueError"),
    "Complex": ("error", "penalty must be an array of real numbers, found complex of dtype complex128"),
    "Huge": ("error", "an answer must be at most 64 MiB"),
    "Missing": ("disagrees", "names: penalty is required and not there; the answer holds dW"),
    "Extra": ("disagrees", r"names: dW\n| <b>\x1b[31m\ud800 is unknown; expected are penalty, dW"),
    "Echo": ("disagrees", "names: W is an input"),
    "Transposed": ("disagrees", "shape: dW has shape (3, 2), expected (2, 3)"),
    "Single": ("disagrees", "dtype: dW has dtype float32, expected float64"),
    "NotANumber": ("disagrees", "gradients: dW[1, 2] is nan, expected -0.75: off by inf"),
    "Halved": ("disagrees", "loss: penalty is 2.0625, expected 4.125: off by 2.06, 2.32e+15 ulp, allowed 4.13e-13"),
    "Partly": ("unsupported", "no weight decay | here"),
}
BAD_PROCESSES = {
    "Hanging": ("error", "no answer within 2 s"),
    "Crashing": ("error", "the process of the adapter ended without an answer, killed by SIGSEGV"),
    "Quitting": ("error", "the process of the adapter ended without an answer, exit status 0"),
}


@pytest.fixture
def cases(ridge, masked):
    """Give the case that the bad adapters fail, then one that all of them pass."""
    return [ridge, masked]


@pytest.mark.parametrize("adapter", [candidates.Right(), candidates.InSingle(), candidates.Spoiler()])
def test_a_right_adapter_passes(adapter, cases):
    for timeout in (None, 30):
        report = check(adapter, [*cases, *cases], timeout=timeout)
        assert [result.status for result in report.results] == ["agrees"] * 4
        assert report.passed
        assert "4 of 4 supported cases agree" in str(report)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_adapter_is_reported_and_the_run_goes_on(name, cases):
    status, sentence = BAD[name]
    report = check(getattr(candidates, name)(), cases, explain=False)
    assert [result.status for result in report.results] == [status, "agrees"]
    assert sentence in report.results[0].sentence()
    assert sentence in str(report)
    assert report.passed == (status == "unsupported")
    assert report.results[0].case is cases[0]


def test_in_a_process_of_its_own_the_reports_are_the_same(cases):
    for name in ("Raising", "Leaving", "Ragged", "Missing", "NotANumber", "Partly"):
        status, sentence = BAD[name]
        report = check(getattr(candidates, name)(), cases, explain=False, timeout=30)
        assert [result.status for result in report.results] == [status, "agrees"]
        assert sentence in report.results[0].sentence()


@pytest.mark.parametrize("name", BAD_PROCESSES)
def test_a_process_that_hangs_or_dies_is_started_anew(name, cases):
    status, sentence = BAD_PROCESSES[name]
    start = time.monotonic()
    report = check(getattr(candidates, name)(), [cases[0], cases[1], cases[0]], explain=False, timeout=2)
    assert [result.status for result in report.results] == [status, "agrees", status]
    assert sentence in report.results[0].sentence()
    assert time.monotonic() - start < 60


def test_a_process_that_cannot_start_is_tried_once(cases, capfd):
    report = check(candidates.Unborn(), cases, explain=False, timeout=5)
    assert [result.status for result in report.results] == ["error", "error"]
    for result in report.results:
        assert "the process of the adapter did not start" in result.sentence()
        assert "exit status 1" in result.sentence()
    assert capfd.readouterr().err.count("RuntimeError: cannot be made here") == 1


def test_no_process_is_left_behind(cases):
    with SeparateProcess(candidates.Hanging(), 1) as candidate:
        assert candidate.answer(cases[1])
        pid = candidate._process.pid
        os.kill(pid, 0)  # it is there
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_interruption_is_the_users(cases):
    class Interrupted:
        def penalty(self, inputs, conventions):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(Interrupted(), cases)


def test_what_is_not_there_is_unsupported_and_nothing_supported_is_no_pass(cases):
    report = check(candidates.Nothing(), cases)
    assert [result.status for result in report.results] == ["unsupported"] * 2
    assert not report.passed
    assert report.results[0].sentence() == "the adapter has no method penalty"
    assert "none of 2 cases is supported: nothing was compared" in str(report)


def test_an_adapter_gets_arrays_of_its_own_in_its_dtype(cases):
    seen = []

    class Curious(candidates.InSingle):
        def corruption(self, inputs, conventions):
            seen.append((inputs, conventions))
            return super().corruption(inputs, conventions)

    check(Curious(), cases)
    (inputs, conventions), case = seen[0], cases[1]
    assert {name: array.dtype.name for name, array in inputs.items()} == {"x": "float32", "mask": "bool"}
    assert all(array.flags.writeable for array in inputs.values())
    assert not any(np.shares_memory(array, case.inputs[name]) for name, array in inputs.items())
    assert conventions == case.conventions
    assert conventions is not case.conventions


class TestTolerances:
    def test_an_override_is_seen_in_the_report(self, cases):
        report = check(candidates.Lenient(), cases)
        assert report.passed
        assert "tolerance  penalty: 0.01, set by the adapter" in str(report)  # the most there is
        assert "largest error 0.005, allowed 0.01 by the adapter" in str(report)
        last = str(report).splitlines()[-1]
        assert last == "2 of 2 supported cases agree, 1 of them within wider tolerances that the adapter set itself"
        assert report.as_json()["tolerances"] == {"penalty": 0.01}
        assert report.as_json()["passed_by_own_tolerances"] is True
        assert check(candidates.Right(), cases).as_json()["passed_by_own_tolerances"] is False
        assert [one["allowed_by"] for one in report.as_json()["cases"]] == ["adapter", "case"]

    @pytest.mark.parametrize("name", ["penalty", "ridge", "penalty/ridge"])
    def test_by_operation_case_and_id(self, name, cases):
        adapter = candidates.Near()
        adapter.tolerances = {name: 0.0051}
        assert check(adapter, cases).passed
        adapter.tolerances = {name: 0.0049}
        assert not check(adapter, cases, explain=False).passed

    def test_the_most_special_one_holds(self, cases):
        adapter = candidates.Halved()
        adapter.tolerances = {"penalty": 0.001, "ridge": 0.006, "penalty/ridge": 0.007}
        assert check(adapter, cases).results[0].comparison.relative == 0.007

    @pytest.mark.parametrize(("own", "relative"), [(0.003, 1e-13), (1e-15, 1e-15)])
    def test_a_wide_one_does_not_let_wrong_explanations_fit(self, own, relative, cases, monkeypatch):
        asked = []
        monkeypatch.setattr(explainer, "explain", lambda case, answer, **options: asked.append(options))
        adapter = candidates.Halved()
        adapter.tolerances = {"penalty": own}
        assert check(adapter, cases).results[0].comparison.relative == own
        assert asked == [{"dtype": "float64", "relative": relative, "judged": False}]

    @pytest.mark.parametrize(
        ("tolerances", "sentence"),
        [
            ({"penalties": 0.1}, "must be by operation, case name or GROUP/NAME, found penalties"),
            ({"penalty": -1.0}, "must be a finite number"),
            ({"penalty": "0.1"}, "must be a finite number"),
            ([0.1], "must be a mapping"),
        ],
    )
    def test_one_that_would_do_nothing_is_refused(self, tolerances, sentence, cases):
        adapter = candidates.Right()
        adapter.tolerances = tolerances
        with pytest.raises(ValueError, match=sentence):
            check(adapter, cases)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cases": []}, "cases must hold at least one case, found none"),
        ({"cases": 3}, "cases must be cases of load_cases, found 3"),
        ({"cases": Case}, "cases must be cases of load_cases, found <class"),
        ({"explain": "yes"}, "explain must be True or False, found 'yes'"),
        ({"cases": ["ridge"]}, "cases must be cases of load_cases, found 'ridge'"),
        ({"groups": ["nothing"]}, "groups must be among .*, found nothing"),
        ({"timeout": 0}, "timeout must be a finite number"),
    ],
)
def test_bad_arguments_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        check(candidates.Right(), **options)


def test_an_adapter_that_does_not_pickle_cannot_have_a_time_limit(cases):
    adapter = candidates.Right()
    adapter.secret = lambda: None
    with pytest.raises(
        ValueError, match="must be one that pickle can send to the process of its own that timeout needs"
    ):
        check(adapter, cases, timeout=1)


@pytest.mark.parametrize(("attribute", "value"), [("name", 3), ("name", " "), ("dtype", "float16"), ("dtype", None)])
def test_an_adapter_that_misdescribes_itself_is_refused(attribute, value, cases):
    adapter = candidates.Right()
    setattr(adapter, attribute, value)
    with pytest.raises(ValueError, match=f"{attribute} of the adapter must be"):
        check(adapter, cases)


def test_an_adapter_without_a_name_has_that_of_its_class():
    assert InProcess(candidates.Nothing()).name == "Nothing"


def test_groups_choose_among_the_cases(cases):
    report = check(candidates.Right(), cases, groups=["corruption"])
    assert isinstance(report, Report)
    assert [result.case.id for result in report.results] == ["corruption/masked"]
    with pytest.raises(ValueError, match="groups must be among corruption, penalty, found loss"):
        check(candidates.Right(), cases, groups=["loss"])


def test_a_disagreement_is_explained():
    """Of the package's own cases: the mean over elements where the paper sums over D."""

    class Averaged:
        def loss(self, inputs, conventions):
            target, apart = inputs["target"], inputs["a"] - inputs["target"]
            return {"loss": (apart**2).mean(), "d_a": 2 * apart / target.size}

    cases = [
        case
        for case in load_cases(groups=["loss"])
        if case.conventions["loss"] == "squared_error" and case.conventions["reduction"] == "paper"
    ]
    report = check(Averaged(), cases)
    assert report.count("disagrees") == len(cases) > 0
    for result in report.results:
        assert len(result.explanation.findings) == 1
        assert "averaged over the D" in result.explained()[0]
        assert result.explained()[0] in str(report)
    assert all(not result.explained() for result in check(Averaged(), cases, explain=False).results)


def test_what_is_not_implemented_is_unsupported(cases):
    class Partly(candidates.Right):
        def penalty(self, inputs, conventions):
            raise NotImplementedError

    report = check(Partly(), cases)
    assert [result.status for result in report.results] == ["unsupported", "agrees"]


def test_all_missing_names_are_told_at_once(cases):
    class Empty(candidates.Right):
        def penalty(self, inputs, conventions):
            return {}

    said = check(Empty(), cases, explain=False).results[0].sentence()
    assert said == "names: penalty, dW are required and not there; the answer holds nothing"


def test_the_first_call_may_take_longer_while_it_computes(cases):
    ridge = cases[0]
    report = check(candidates.Compiling(), [ridge, ridge], timeout=1)
    assert [result.status for result in report.results] == ["agrees", "agrees"]
    report = check(candidates.Slow(), [ridge, ridge], explain=False, timeout=1)
    assert [result.status for result in report.results] == ["agrees", "error"]  # not warm for ever


def test_a_run_is_judged_as_a_whole():
    """The mean over the batch and the mean over D cannot be told apart in a square batch, but in another."""

    class Twice:
        def penalty(self, inputs, conventions):
            W, l2 = inputs["W"], conventions["l2"]
            return {"penalty": l2 * (W**2).mean(), "dW": 2 * l2 * W / W.size}

    cases = load_cases(groups=["penalty"])
    (alone,) = check(Twice(), [case for case in cases if case.name == "l2_large"]).results
    assert alone.explanation.confidence == "one of these"  # it has one row
    together = check(Twice(), cases)
    confidence = {result.explanation.confidence for result in together.results}
    assert confidence == {"this, and nothing else known"}
    assert str(together).count("times too small") == 2  # a size differs in the sentence, the name does not
