"""The index of the chapters agrees with their headers: every failure and every network has a chapter.

The header is the line in italics with which a chapter's first cell ends: failure modes, networks, advice.
"""

import re
from pathlib import Path

import pytest

from scratchdae.cli.chapters import title
from scratchdae.doctor.causes import CAUSES

FOLDER = Path(__file__).parents[1] / "chapters"
CHAPTERS = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
FAILURES = [*(f"F{number:02}" for number in range(1, 26)), "H1", "H2"]
NETWORKS = [
    f"Q{question}{letter}" for question, letters in enumerate(("abc", "abc", "abc", "abcdefg"), 1) for letter in letters
]
PAPER = ("01_autoencoder", "02_denoising", "03_why_it_works", "33_traffic")  # are about no failure: have no header

ID = re.compile(r"\b(?:F\d\d|H\d|Q\d[a-z])\b")
HEADER = re.compile(r"^# \*(Failure modes: .+?)\*$", re.MULTILINE | re.DOTALL)
ARROW = re.compile(r"→ \[(\d\d)\]")  # of the index, from what a measurement says to a chapter
LINK = re.compile(r"\]\(([^)\s]+)\)")


def header(chapter):
    """Return the header of a chapter on one line; empty if its first cell does not end with one."""
    first_cell = re.split(r"^# %%", chapter.read_text(encoding="utf-8"), maxsplit=2, flags=re.MULTILINE)[1]
    found = HEADER.search(first_cell)
    if found is None or first_cell[found.end() :].strip():
        return ""
    return " ".join(found[1].replace("\n# ", " ").split())


def table(heading):
    """Return the rows of the table under a heading of the index, each a list of cells."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    body = next(part for part in section if part.startswith(f"{heading}\n"))
    lines = [line for line in body.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]
    ]  # below the head and its rule


def linked(cell):
    """Return the chapters that a cell links to, by stem."""
    return {Path(target).stem for target in LINK.findall(cell)}


def symptoms():
    """Return the numbered steps of every symptom of the index, each on one line."""
    section = (FOLDER / "README.md").read_text(encoding="utf-8").partition("## By symptom\n")[2].partition("\n## ")[0]
    found = {}
    for part in section.split("\n### ")[1:]:
        symptom, _, steps = part.partition("\n")
        numbered = [" ".join(step.split()) for step in re.split(r"^\d\. ", steps, flags=re.MULTILINE)[1:]]
        assert re.findall(r"^(\d)\. ", steps, re.MULTILINE) == [str(k + 1) for k in range(len(numbered))], symptom
        found[symptom] = numbered
    return found


def anchor(heading):
    """Return the name that a code host gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


HEADERS = {chapter.stem: header(chapter) for chapter in CHAPTERS}


@pytest.mark.parametrize("stem", [stem for stem in HEADERS if stem not in PAPER])
def test_a_header_says_failures_networks_and_advice(stem):
    parts = HEADERS[stem].split(" · ")
    labels = [part.partition(": ")[0] for part in parts]
    assert labels in (["Failure modes", "networks", "advice"], ["Failure modes", "advice"]), HEADERS[stem]
    assert all(part.partition(": ")[2].strip() for part in parts)
    assert ID.findall(HEADERS[stem]), "a header must name at least one id"
    assert set(ID.findall(HEADERS[stem])) <= {*FAILURES, *NETWORKS}
    assert not set(ID.findall(parts[0])) & set(NETWORKS)


@pytest.mark.parametrize(
    ("heading", "known"), [("By failure mode", FAILURES), ("By network", NETWORKS)], ids=["F", "Q"]
)
def test_the_index_has_a_row_for_every_id_in_order(heading, known):
    assert [row[0] for row in table(heading)] == known


@pytest.mark.parametrize("which", [*FAILURES, *NETWORKS])
def test_every_id_has_a_chapter_and_the_index_links_to_all_that_name_it(which):
    naming = {stem for stem, line in HEADERS.items() if which in ID.findall(line)}
    assert naming, f"no header names {which}"
    rows = {row[0]: row for row in table("By failure mode") + table("By network")}
    assert linked(rows[which][-1]) == naming


def test_the_mistakes_in_the_code_are_those_that_the_doctor_names():
    names = {stem[:2]: stem for stem in HEADERS}
    mistakes = sorted(item for item in CAUSES.items() if item[0].startswith("C"))
    expected = [[which, cause.name, cause.nearest, {names[cause.chapter]}] for which, cause in mistakes]
    assert [[*row[:3], linked(row[3])] for row in table("By mistake in the code")] == expected


def test_every_chapter_is_in_the_table_with_its_title_and_its_figure():
    expected = [
        [f"[{chapter.stem[:2]}]({chapter.name})", title(chapter), f"[figure](../figures/{chapter.stem}.png)"]
        for chapter in CHAPTERS
    ]
    rows = [[first.removesuffix(" *harder*"), *rest] for first, *rest in table("All chapters")]
    assert rows == expected


def test_every_piece_of_advice_names_chapters_that_exist_and_says_what_came_of_it():
    rows = table("By advice")
    stems = {chapter.stem for chapter in CHAPTERS}
    assert len(rows) >= 15
    for row in rows:
        assert len(row) == 3, row
        first, chapters, said = row
        assert linked(chapters), first
        assert linked(chapters) | linked(said) <= stems, first
        assert len(said.split()) >= 5, first


SYMPTOMS = symptoms()


def test_the_table_of_symptoms_leads_to_the_list_of_each_in_order():
    rows = table("By symptom")
    assert [row[0] for row in rows] == [f"[{symptom}](#{anchor(symptom)})" for symptom in SYMPTOMS]
    assert len(rows) >= 30


def test_every_chapter_but_those_of_the_paper_is_reached_from_a_symptom():
    reached = set().union(*(linked(row[1]) for row in table("By symptom")))
    assert set(HEADERS) - set(PAPER) <= reached


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_the_steps_of_a_symptom_are_short_and_lead_to_the_chapters_of_its_row_and_to_all_of_them(symptom):
    (row,) = [row for row in table("By symptom") if row[0].startswith(f"[{symptom}]")]
    steps = SYMPTOMS[symptom]
    assert set().union(*map(linked, steps)) == linked(row[1])
    for step in steps:
        assert ARROW.findall(step), step
        assert len(step.split()) <= 50, step
        assert all(stem.startswith(number) for number, stem in re.findall(r"\[(\d\d)\]\(([^)]+)\)", step)), step
        assert len(LINK.findall(step)) == len(ARROW.findall(step)), f"a link without its arrow: {step}"
