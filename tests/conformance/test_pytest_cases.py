"""The cases in somebody's own suite: a test each, and a strict list of those that fail."""

from pathlib import Path

import candidates
import pytest

from scratchdae.conformance import parametrize_with_vectors

pytest_plugins = ["pytester"]

SUITE = """
import candidates
import pytest
from scratchdae.conformance import load_cases, parametrize_with_vectors
cases = load_cases({root!r})

@parametrize_with_vectors(candidates.{adapter}(), {failures!r}, cases=cases)
def test_agrees(adapter, check):
    check(adapter)
"""


class TestInSomebodysSuite:
    @pytest.fixture
    def cases(self, ridge, masked):
        return [ridge, masked]

    @pytest.fixture
    def outcome(self, pytester, cases, tmp_path):
        def run(adapter, failures):
            pytester.makepyfile(SUITE.format(root=str(tmp_path / "v1"), adapter=adapter, failures=failures))
            pytester.syspathinsert(Path(__file__).parent)
            return pytester.runpytest_inprocess("-rA", "-p", "no:cacheprovider")

        return run

    def test_a_right_adapter_passes_case_by_case(self, outcome):
        result = outcome("Right", {})
        result.assert_outcomes(passed=2)
        result.stdout.fnmatch_lines(["PASSED *test_agrees*penalty/ridge]"])

    def test_a_wrong_one_fails_with_the_difference(self, outcome):
        result = outcome("Halved", {})
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines(["*AssertionError: penalty/ridge: loss: penalty is 2.0625, expected 4.125*"])

    def test_a_crash_fails(self, outcome):
        outcome("Raising", {}).assert_outcomes(passed=1, failed=1)

    def test_what_is_unsupported_is_skipped(self, outcome):
        outcome("Partly", {}).assert_outcomes(passed=1, skipped=1)

    @pytest.mark.parametrize("name", ["ridge", "penalty/ridge"])
    def test_an_expected_failure_is_expected(self, outcome, name):
        result = outcome("Halved", {name: "a factor 1/2, see issue 12"})
        result.assert_outcomes(passed=1, xfailed=1)
        result.stdout.fnmatch_lines(["*a factor 1/2, see issue 12*"])

    def test_a_case_that_starts_to_pass_must_be_taken_off(self, outcome):
        result = outcome("Right", {"ridge": "a factor 1/2"})
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines(["*XPASS(strict)*a factor 1/2*"])

    @pytest.mark.parametrize(
        ("failures", "sentence"),
        [
            ({"rigde": "typo"}, "expected_failures must name cases that are run, found rigde"),
            ({"ridge": ""}, r"expected_failures\['ridge'\] must say why it fails, found ''"),
            ({"ridge": True}, r"expected_failures\['ridge'\] must say why it fails, found True"),
        ],
    )
    def test_what_names_nothing_is_refused(self, failures, sentence, cases):
        with pytest.raises(ValueError, match=sentence):
            parametrize_with_vectors(candidates.Right(), failures, cases=cases)
