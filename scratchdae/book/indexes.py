"""The indexes of the book, from the tables of the chapters' README: symptoms, failures, networks, advice, findings."""

import html
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from scratchdae.book import sketches

_LINKS = (  # from the README's to the book's
    (re.compile(r"\]\((\d\d_\w+)\.py\)"), r"](chapters/\1.ipynb)"),
    (re.compile(r"\]\(#glossary\)"), "](glossary.md)"),
    (re.compile(r"\]\(#all-chapters\)"), "](findings.md)"),
    (re.compile(r"\]\(\.\./README\.md[^)]*\)"), "](index.md)"),
    (re.compile(r"\]\(\.\./figures/README\.md[^)]*\)"), "](results.md)"),
)
_STEPS = "By symptom"
_LINE = re.compile(r"chapters/(\d\d_\w+)\.ipynb")


class Chapter(NamedTuple):
    """A chapter, as the indexes speak of it."""

    stem: str
    title: str

    @classmethod
    def of(cls, script: Path) -> "Chapter":
        """Read a chapter's title."""
        heading = re.search(r"^# # +(.*\S)", script.read_text(encoding="utf-8"), re.M)
        return cls(script.stem, heading[1] if heading else script.stem)

    @property
    def number(self) -> str:
        """Two digits."""
        return self.stem.partition("_")[0]

    @property
    def name(self) -> str:
        """As people say it."""
        return self.stem.partition("_")[2].replace("_", " ")


class Symptom(NamedTuple):
    """What somebody sees, and how to find out why."""

    number: int
    title: str
    steps: str  # Markdown, with the book's links

    @property
    def chapters(self) -> list[str]:
        """The chapters that its steps lead to, once each."""
        return list(dict.fromkeys(_LINE.findall(self.steps)))


def parts(readme: str, chapters: Sequence[Chapter], figures: Collection[str]) -> dict[str, str]:
    """Return what the pages take from the README, by the name of the place."""
    sections = {title: relinked(body) for title, body in sections_of(readme, 2).items()}
    found = symptoms(sections[_STEPS])
    by_stem = {chapter.stem: chapter for chapter in chapters}
    intro = sections[_STEPS].partition("\n| what you see")[0]
    return {
        "measurements": intro.strip(),
        "symptom_cards": _cards(found),
        "symptom_steps": "\n\n".join(_section(one, by_stem, figures) for one in found),
        "failure_modes": _anchored(sections["By failure mode"]),
        "mistakes": _anchored(sections["By mistake in the code"]),
        "networks": _anchored(sections["By network"]),
        "advice": sections["By advice"],
        "words": sections["Glossary"],
        "findings": "\n\n".join(_finding(chapter, figures) for chapter in chapters),
    }


def sections_of(text: str, level: int) -> dict[str, str]:
    """Split Markdown at its headings of a level."""
    pieces = re.split(rf"^{'#' * level} (.+)$", text, flags=re.M)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def relinked(text: str) -> str:
    """Turn the README's links into the book's."""
    for pattern, link in _LINKS:
        text = pattern.sub(link, text)
    return text


def symptoms(text: str) -> list[Symptom]:
    """Read the sections of the index by symptom."""
    found = sections_of(text, 3).items()
    return [Symptom(number, title, steps.strip()) for number, (title, steps) in enumerate(found, 1)]


def _cards(found: Sequence[Symptom]) -> str:
    """A picture and a line each, by which people find theirs."""
    cards = [
        f'<a href="#symptom-{one.number}">{sketches.sketch(one.title)}<span>{html.escape(one.title)}</span></a>'
        for one in found
    ]
    return '<nav class="symptoms" aria-label="Symptoms">\n' + "\n".join(cards) + "\n</nav>"


def _section(one: Symptom, chapters: dict[str, Chapter], figures: Collection[str]) -> str:
    pictures = [
        f"[![{chapters[stem].title}](figures/{stem}.png)](chapters/{stem}.ipynb)\n"
        f"[{chapters[stem].number} {chapters[stem].name}](chapters/{stem}.ipynb)"
        for stem in one.chapters
        if stem in chapters and f"{stem}.png" in figures
    ]
    strip = "::::{div} strip\n" + "\n\n".join(pictures) + "\n::::\n\n" if pictures else ""
    return f"(symptom-{one.number})=\n### {one.title}\n\n{one.steps}\n\n{strip}"


def _finding(chapter: Chapter, figures: Collection[str]) -> str:
    link = f"[{chapter.number} {chapter.name}](chapters/{chapter.stem}.ipynb)"
    picture = f"{chapter.stem}.png"
    image = f"\n\n[![{chapter.title}](figures/{picture})](chapters/{chapter.stem}.ipynb)" if picture in figures else ""
    return f"::::{{div}} finding\n**{link}** {chapter.title}{image}\n::::"


def _anchored(table: str) -> str:
    """Give each row the name of its id, which other pages link to."""
    return re.sub(r"^\| ([A-Z]\d+[a-z]?) \|", r'| <span id="\1">\1</span> |', table, flags=re.M)
