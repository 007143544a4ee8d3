"""Pages from the package itself: its interface by topic, the frozen cases, the exercises."""

import html
import inspect
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import scratchdae
from scratchdae.book.indexes import Chapter
from scratchdae.conformance import load_cases

_TOPIC = re.compile(r"^to (\w+) {2,}(.*(?:\n {13}.*)*)", re.M)


class Exercise(NamedTuple):
    """A row of the catalogue of exercises."""

    id: str
    name: str
    teaches: str
    builds_on: Sequence[int]
    chapter: str  # its number; empty where the chapter would be the answer


def parts(exercises: Sequence[Exercise], chapters: Sequence[Chapter]) -> dict[str, str]:
    """Return what the pages take from the package, by the name of the place."""
    return {"cases": _cases(chapters), "exercises": _exercises(exercises, chapters), "topics": _topics()}


def _exercises(exercises: Sequence[Exercise], chapters: Sequence[Chapter]) -> str:
    lines = ["| | what you write | it teaches | builds on | its chapter |", "|---|---|---|---|---|"]
    by_number = {chapter.number: chapter for chapter in chapters}
    for one in exercises:
        earlier = ", ".join(f"{number:02}" for number in one.builds_on)
        chapter = by_number.get(one.chapter)
        link = (
            f"[{chapter.number} {chapter.name}](chapters/{chapter.stem}.ipynb)"
            if chapter
            else "[yours to find](symptoms.md)"
        )
        lines.append(f"| {one.id} | {one.name.replace('_', ' ')} | {one.teaches} | {earlier} | {link} |")
    return "\n".join(lines)


def _cases(chapters: Sequence[Chapter]) -> str:
    """A table as HTML, with a box that filters its rows."""
    known = {chapter.stem: chapter for chapter in chapters}
    rows = []
    for case in load_cases():
        said = ", ".join(f"{name} {value}" for name, value in case.conventions.items())
        chapter = known.get(case.manifest["chapter"])
        link = f'<a href="chapters/{chapter.stem}.html">{chapter.number}</a>' if chapter else ""
        words = "; ".join(case.manifest["in_words"])
        cells = [
            f"<code>{html.escape(case.id).replace('/', '/<wbr>')}</code>",
            html.escape(case.manifest["aimed_at"]),
            html.escape(said),
        ]
        cells.append(link)
        rows.append(f'<tr title="{html.escape(words)}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("case", "aimed at", "conventions", "chapter"))
    return (
        '<p><label>Filter <input class="filter" type="search" data-table="cases" placeholder="loss, keras, transposed"'
        f'></label> <span role="status" data-count="cases">{len(rows)} cases</span></p>\n'
        f'<div class="wide"><table id="cases"><thead><tr>{heads}</tr></thead><tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )


def topics() -> dict[str, list[str]]:
    """Read the map in the package's docstring: the names of each topic."""
    found = {}
    for topic, names in _TOPIC.findall(scratchdae.__doc__ or ""):
        plain = re.sub(r"\([^)]*\)", "", names)
        found[topic] = [name for name in re.findall(r"[\w.]+", plain) if name in scratchdae.__all__]
        if "scratchdae.sklearn" in names:
            found[topic].append("sklearn")
    return found


def _topics() -> str:
    items = "\n".join(f"to {topic} <api/{topic}>" for topic in topics())
    lists = "\n".join(
        f"- **[to {topic}](api/{topic}.md)**: {', '.join(f'`{name}`' for name in names)}"
        for topic, names in topics().items()
    )
    return f"{lists}\n\n```{{toctree}}\n:hidden:\n\n{items}\n```"


def api() -> dict[str, str]:
    """Return a page for each topic of the map."""
    return {topic: _topic(topic, names) for topic, names in topics().items()}


def _topic(topic: str, names: Sequence[str]) -> str:
    blocks = [f"# To {topic}"]
    for name in names:
        found = _estimators() if name == "sklearn" else getattr(scratchdae, name)
        if found is None:
            continue
        if not inspect.ismodule(found):
            blocks.append(f"## {name}\n\n{_directive(found, 'scratchdae', name)}")
            continue
        blocks.append(f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {found.__name__}\n   :no-index:\n```")
        public = _public(found)
        blocks += [_directive(thing, found.__name__, each) for each, thing in public.items()]
    return "\n\n".join(blocks) + "\n"


def _estimators() -> Any:
    try:
        from scratchdae import sklearn
    except ImportError:  # scikit-learn is an extra
        return None
    return sklearn


def _public(module: Any) -> dict[str, Any]:
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    things = {name: getattr(module, name) for name in names}
    return {
        name: thing
        for name, thing in things.items()
        if (inspect.isclass(thing) or inspect.isfunction(thing))
        and (thing.__module__ or "").startswith(module.__name__)
        and thing.__name__ == name
        and thing.__doc__
    }


def _directive(thing: Any, module: str, name: str) -> str:
    kind = "autoclass" if inspect.isclass(thing) else "autofunction"
    members = "\n   :members:" if kind == "autoclass" else ""
    routed = [each for each in dir(thing) if re.fullmatch(r"set_\w+_request", each)]  # scikit-learn's own
    members += f"\n   :exclude-members: {', '.join(routed)}" if routed and members else ""
    return f"```{{eval-rst}}\n.. {kind}:: {module}.{name}\n   :no-index:{members}\n```"


def prepared(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Make a docstring safe to be read as reStructuredText: bars and stars in prose are not its markup."""
    del app, what, name, found, options
    if lines[:1] and lines[0].startswith("Alias for field number"):  # of a NamedTuple: says nothing
        lines.clear()
    literal = False
    for number, line in enumerate(lines):
        indented = line.startswith(" ") or not line
        literal = literal and indented
        if not literal and not line.lstrip().startswith((">>>", "...", "..")):
            pieces = re.split(r"(``.*?``|`[^`]*`)", line)
            pieces[::2] = [re.sub(r"(?<!\\)([|*])(?=\S)", r"\\\1", piece) for piece in pieces[::2]]
            lines[number] = "".join(pieces)
        if line.rstrip().endswith("::"):
            literal = True
