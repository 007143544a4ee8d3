"""Reports in four forms, in which nothing that an adapter says can break the form."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as xml

import candidates
import numpy as np
import pytest

from scratchdae.conformance import check, load_cases
from scratchdae.conformance.explainer import Explanation, Finding, Mistake
from scratchdae.conformance.report import Report, plain
from scratchdae.conformance.report_files import as_json, junit, markdown, write

HOSTILE = "a|b\n## x\x00\x1b[31m ]]> & <b> \ud800 \ufffe `c` \\| *d* https://e"


@pytest.fixture
def mixed(ridge, masked):
    """Report one of each: it agrees, disagrees and is explained, fails, is unsupported."""

    class Mixed(candidates.Halved):
        name = HOSTILE
        tolerances = {"corruption": 1e-3}  # noqa: RUF012

    class Failing(candidates.Right):
        def penalty(self, inputs, conventions):
            raise RuntimeError(HOSTILE)

    first = check(Mixed(), [ridge, masked], explain=False)
    mistakes = (Mistake("halved", f"everything is halved {HOSTILE}", {"factor": 0.5}), Mistake("worse", "and | worse"))
    explained = Explanation((Finding(mistakes), Finding(mistakes[:1])), first.results[0].difference)
    second, third = check(Failing(), [ridge]), check(candidates.Partly(), [ridge])
    wrong = replace(first.results[0], explanation=explained)
    return Report(first.name, "float64", first.tolerances, (wrong, first.results[1], *second.results, *third.results))


def test_the_terminal_shows_every_case_and_the_counts(mixed):
    lines = str(mixed).splitlines()
    assert lines[0].startswith(r"adapter    a|b\n## x\x00\x1b[31m ]]> & <b> \ud800 \ufffe")
    assert lines[1] == "tolerance  corruption: 0.001, set by the adapter"
    assert [line.split()[:2] for line in lines if line.startswith(("penalty/", "corruption/"))] == [
        ["penalty/ridge", "DISAGREES"],
        ["corruption/masked", "agrees"],
        ["penalty/ridge", "ERROR"],
        ["penalty/ridge", "unsupported"],
    ]
    assert any(line.strip().startswith("everything is halved a|b") for line in lines)
    own = "1 of them within wider tolerances that the adapter set itself"
    assert lines[-1] == f"1 of 3 supported cases agree, {own}; 1 are unsupported"
    assert "in penalty/ridge:" in lines
    assert "  (one of these: no case that was asked tells them apart)" in lines
    groups = {line.split()[0]: line.split()[1:] for line in lines[-4:-2]}
    assert groups == {"penalty": ["·", "1", "1", "1"], "corruption": ["1", "·", "·", "·"]}
    assert all(line.isprintable() for line in lines)


def test_junit_is_xml_with_the_counts_that_build_servers_read(mixed):
    root = xml.fromstring(junit(mixed))
    counts = {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert {name: root.get(name) for name in counts} == counts
    suites = {suite.get("name"): suite for suite in root}
    assert {name: suite.get("tests") for name, suite in suites.items()} == {"penalty": "3", "corruption": "1"}
    properties = {one.get("name"): one.get("value") for one in suites["penalty"].iter("property")}
    assert properties["dtype"] == "float64"
    assert properties["tolerance of corruption"] == "0.001"
    assert properties["adapter"].startswith("a|b\\n")
    wrong, failed, skipped = suites["penalty"].iter("testcase")
    assert (wrong.get("classname"), wrong.get("name")) == ("conformance.penalty", "ridge")
    assert wrong.find("failure").get("message").startswith("loss: penalty is 2.0625")
    assert wrong.find("failure").text.startswith("everything is halved")
    assert "RuntimeError: a|b\\n## x" in failed.find("error").get("message")
    assert skipped.find("skipped").get("message") == "no weight decay | here"
    assert list(suites["corruption"].find("testcase")) == []


def test_json_holds_the_numbers(mixed):
    content = json.loads(as_json(mixed))
    assert content["counts"] == {"agrees": 1, "disagrees": 1, "error": 1, "unsupported": 1}
    assert content["passed"] is False
    assert (content["spec"], content["dtype"], content["tolerances"]) == (1, "float64", {"corruption": 1e-3})
    wrong, agrees, failed, _ = content["cases"]
    assert wrong["difference"] | {"message": None, "ulp": None} == {
        "stage": "loss", "array": "penalty", "message": None, "index": [], "expected": 4.125, "found": 2.0625,
        "error": 2.0625, "allowed": 4.125e-13, "ulp": None,
    }  # fmt: skip
    assert [[one["mistake"] for one in finding] for finding in wrong["findings"]] == [["halved", "worse"], ["halved"]]
    assert wrong["findings"][1][0]["recovered"] == {"factor": 0.5}
    assert (agrees["agreed"], agrees["largest_error"], agrees["allowed_by"]) == (["x_tilde"], 0.0, "adapter")
    assert failed["reason"].startswith("RuntimeError: a|b\\n")


def test_json_has_words_for_what_is_not_finite(ridge):
    content = as_json(check(candidates.NotANumber(), [ridge], explain=False))
    found = json.loads(content, parse_constant=lambda word: pytest.fail(word))["cases"][0]["difference"]
    assert (found["found"], found["error"], found["ulp"]) == ("NaN", "Infinity", None)


def cells(line):
    return re.split(r"(?<!\\)\|", line)[1:-1]


def test_markdown_keeps_its_table(mixed):
    lines = markdown(mixed).splitlines()
    start = lines.index("| case | result | |")
    rows = [cells(line) for line in lines[start : start + 6]]
    assert all(len(row) == 3 for row in rows)
    assert [row[1].strip() for row in rows[2:]] == ["**disagrees**", "agrees", "**error**", "unsupported"]
    assert "**1 of 3 supported cases agree, 1 of them within wider tolerances" in "\n".join(lines)
    assert sum(line.startswith("#") for line in lines) == 2  # the title, and the case that is explained
    unescaped = re.sub(r"\\.", "", "\n".join(lines[start:]))
    assert not re.search(r"[<>`&]", unescaped)
    assert "everything is halved" in "\n".join(lines[start + 6 :])


def test_markdown_without_disagreements_ends_with_the_table(ridge, masked):
    lines = markdown(check(candidates.Right(), [ridge, masked])).splitlines()
    assert lines[0] == "# Conformance of right"
    assert lines[-1].startswith("| corruption/masked | agrees | 1 array, largest error 0")


@pytest.mark.parametrize("form", ["junit", "json", "markdown"])
def test_files_are_utf8_and_whole(mixed, form, tmp_path):
    path = tmp_path / "report"
    write(path, mixed, form)
    made = {"junit": junit, "json": as_json, "markdown": markdown}[form](mixed)
    assert path.read_text(encoding="utf-8") == made
    assert list(tmp_path.glob("report*")) == [path]


def test_a_report_is_as_long_as_its_cases_not_as_what_an_adapter_says(ridge):
    class Talkative(candidates.Right):
        def penalty(self, inputs, conventions):
            raise RuntimeError("x" * 10**7)

    assert len(str(check(Talkative(), [ridge]))) < 3000


@pytest.mark.parametrize(
    ("text", "made"),
    [("Σ ulp′", "Σ ulp′"), ("a\r\n\tb", r"a\r\n\tb"), ("\x07\u200b\ufffe", r"\x07\u200b\ufffe"), ("\ud800", r"\ud800")],
)
def test_plain_text_is_one_printable_line(text, made):
    assert plain(text) == made


def test_every_wrong_answer_of_the_bad_adapters_can_be_explained(ridge):
    """The explainer is asked about shapes and dtypes too, and about values that are not finite."""
    for name in ("Transposed", "Single", "NotANumber", "Halved", "Missing", "Extra", "Echo"):
        result = check(getattr(candidates, name)(), [ridge]).results[0]
        assert (result.explanation is None) == (name in ("Missing", "Extra", "Echo"))


@pytest.mark.parametrize("spoil", [np.zeros_like, lambda array: np.full_like(array, np.nan), lambda array: array[None]])
def test_no_wrong_answer_stops_the_run(spoil):
    """Every case of the package, answered with what is expected but for one array at a time."""
    for group in ("activation", "penalty", "clipping"):
        for case in load_cases(groups=[group]):
            for name in case.required:

                class Spoilt:
                    def answer(self, inputs, conventions, case=case, name=name):
                        return dict(case.expected) | {name: spoil(case.expected[name])}

                adapter = Spoilt()
                setattr(adapter, case.operation, adapter.answer)
                assert check(adapter, [case]).results[0].status in ("agrees", "disagrees")
