"""A chapter as a page: its notebook with links under the title, answers folded, and words for who sees no figure."""

import html
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_CAUSE = re.compile(r"^## The cause\n.*?(?=^## |\Z)", re.M | re.S)
_ANSWERS = re.compile(r"^#{2,3} Answers\n+(.*?)(?=^## |\Z)", re.M | re.S)
_ABOUT = re.compile(r"^\*Failure modes?: .*?\*$", re.M | re.S)  # the line under a chapter's title
_ID = re.compile(r"\b([FC]\d\d|H\d|Q\d[a-z])\b")
_REMARK = re.compile(r"[ ]*# (?:noqa|fmt|type|isort):.*$", re.M)  # what tools read, and no reader
_FAILURE = re.compile(r'id: "(\w+)", title: "([^"]+)", chapter: "(\w+)"')
_IMAGE = re.compile(r"!\[([^\]]*)\]\(\.\./figures/(\w+\.png)\)")


class Failure(NamedTuple):
    """A failure that the laboratory can show."""

    id: str
    title: str


def failures(source: str) -> dict[str, list[Failure]]:
    """Read from the laboratory's table of failures which of them belong to which chapter."""
    found: dict[str, list[Failure]] = {}
    for id_, title, chapter in _FAILURE.findall(source):
        found.setdefault(chapter, []).append(Failure(id_, title))
    return found


def page(
    stem: str,
    notebook: Any,
    outputs: Sequence[Sequence[Any]],
    shown: Collection[str],
    broken: Sequence[Failure] = (),
    exercises: Sequence[str] = (),
    slider: tuple[str, str] | None = None,
    in_full: str = "",
) -> Any:
    """Turn a chapter's notebook into that of its page; `outputs` is empty if it was not run.

    `shown` is the figures that there are; `broken` and `exercises` what of the laboratory and of the exercises belongs
    to it; `slider` the file and title of a small figure to play with; `in_full` what the figure of ``--full`` shows.
    """
    title = notebook.cells[0].source.partition("\n")[0].lstrip("# ")
    pictured = any(f"figures/{stem}.png" in cell.source for cell in notebook.cells)
    cells, heading = [], ""
    for number, cell in enumerate(notebook.cells):
        cells.append(cell)
        if cell.cell_type == "markdown":
            headings = re.findall(r"^## (.*)$", cell.source, re.M)
            heading = headings[-1] if headings else heading
            cell.source = _text(cell.source, shown)
            if slider:
                cell.source = _CAUSE.sub(lambda found: f"{found[0].rstrip()}\n\n{_frame(*slider)}\n\n", cell.source)
            continue
        cell.source = _REMARK.sub("", cell.source)
        is_figure = heading == "The figure"
        if is_figure or "chapter.finish(" in cell.source:  # what only draws and writes
            cell.metadata["tags"] = ["hide-input"]
        if outputs:
            cell.outputs = [one for one in outputs[number] if _told(one)]
            _describe(cell, title)
        elif is_figure and not pictured and f"{stem}.png" in shown:
            cells.append(_markdown(f"figure-{stem}", f"![{title}](../figures/{stem}.png)"))
            pictured = True
        if is_figure and in_full:
            cells.append(
                _markdown(
                    f"full-{stem}", f"**At the size that was posted.** {in_full}.\n\n{_full(stem, in_full, shown)}"
                )
            )
    first, _, rest = cells[0].source.partition("\n")
    cells[0].source = f"{first}\n\n{_links(stem, broken, exercises, bool(outputs))}\n\n{rest}"
    notebook.cells = cells
    return notebook


def _full(stem: str, finding: str, shown: Collection[str]) -> str:
    """The figure of ``--full``, which a wheel has not room for."""
    return f"![{re.sub(r'[][]', '', finding)}](../figures/{stem}_full.png)" if f"{stem}_full.png" in shown else ""


def _text(text: str, shown: Collection[str]) -> str:
    text = _ABOUT.sub(lambda found: _ID.sub(r'<a href="../failures.html#\1">\1</a>', found[0]), text)
    text = _ANSWERS.sub(lambda found: f"\n:::::{{dropdown}} Answers\n{found[1].rstrip()}\n:::::\n\n", text)
    return _IMAGE.sub(lambda found: found[0] if found[2] in shown else "", text)


def _told(output: Any) -> bool:
    """Whether an output is one that the chapter means: no progress, and not the value of a cell's last line."""
    return bool(output.get("name") != "stderr" and output["output_type"] != "execute_result")


def _links(stem: str, broken: Sequence[Failure], exercises: Sequence[str], ran: bool) -> str:
    """What a reader can do with a chapter beside reading it, on one line."""
    items = [
        f'<a href="../notebooks/{stem}.ipynb" download>Notebook</a>',
        f'<a href="../notebooks/{stem}.py" download>Script</a>',
        *(
            f'<a class="lab" href="../lab.html#broken={one.id}">Break it: {html.escape(one.title.lower())}</a>'
            for one in broken
        ),
    ]
    items += [f'<a href="../exercises.html">Write it: {html.escape(one)}</a>' for one in exercises]
    number = stem.partition("_")[0]
    items.append(f"<code>scratchdae chapters run {number}</code>")
    items += ["<span>Run for this page in quick size: less data, the same checks.</span>"] if ran else []
    return f'<div class="chapter-links">{" ".join(items)}</div>'


def _frame(file: str, title: str) -> str:
    return f'<iframe class="slider" src="../{Path(file).name}" title="{html.escape(title)}" loading="lazy"></iframe>'


def _describe(cell: Any, title: str) -> None:
    """Give the pictures of a cell words, and the width that they were drawn for."""
    for one in cell.outputs:
        if "image/png" in one.get("data", {}):
            size = one.get("metadata", {}).get("image/png", {})
            image = {"alt": title} | ({"width": f"{size['width']}px"} if "width" in size else {})
            cell.metadata["mystnb"] = {"image": image}


def _markdown(id_: str, source: str) -> Any:
    import nbformat

    return nbformat.v4.new_markdown_cell(source, id=id_.replace("_", "-")[:60])
