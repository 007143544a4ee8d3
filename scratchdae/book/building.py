"""The book: sources are put together in a folder, Sphinx makes pages of them, and every link inside is followed."""

import io
import re
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from importlib import resources, util
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import scratchdae
from scratchdae import atomic, book
from scratchdae.book import chapter_page, indexes, reference, results, running
from scratchdae.book.laboratory import laboratory

NEEDS = ("sphinx", "myst_nb", "sphinx_book_theme", "sphinx_design", "jupytext", "nbclient", "sphinx-mathjax-offline")
PARTS = {  # the chapters of the table of contents, by their numbers
    "The idea": range(1, 4),
    "What loss to expect": range(4, 11),
    "Data, output and loss": (*range(11, 17), 34, 35),
    "Steps": range(17, 22),
    "Signals and gradients": range(22, 27),
    "What comes of it": (*range(27, 34), *range(36, 100)),
}


class Sources(NamedTuple):
    """What the book is made of."""

    scripts: Sequence[Path]  # the chapters; their README stands beside them
    run: Sequence[Path]  # those whose outputs are shown
    figures: Path | None  # figures, and the numbers of the results: of a checkout, or the few that a wheel has
    exercises: Sequence[reference.Exercise]


class Built(NamedTuple):
    """What came of a build."""

    page: Path
    ran: int  # chapters that were run, not kept
    seconds: float


class BuildFailed(ValueError):
    """Warnings of Sphinx, or links that lead nowhere."""


def build(sources: Sources, out: Path, environment: Mapping[str, str], jobs: int) -> Built:
    """Build the book into ``out/html``; ``out/work`` holds what makes the next build quick."""
    missing = [name for name in NEEDS if util.find_spec(name) is None]
    if missing:
        raise ImportError(f"book build needs {', '.join(missing)}: pip install 'scratchdae[book]'")
    started, work, html = time.monotonic(), out.resolve() / "work", out.resolve() / "html"
    kept = work / "chapters"
    ran = running.run(sources.run, kept, environment, jobs)
    write = _Writer(work / "source", work / "extra")
    _write_all(sources, write, kept)
    if (write.remove_others() or write.source / "index.md" in write.changed) and html.is_dir():
        shutil.rmtree(html)  # a page whose source is gone would stay, and others would keep the old table of contents
    warnings = _sphinx(write.source, html, work / "doctrees", write.extra, jobs)
    broken = list(broken_links(html))
    if warnings or broken:
        raise BuildFailed("\n".join([*warnings, *broken]))
    return Built(html / "index.html", ran, time.monotonic() - started)


class _Writer:
    """Writes sources and files beside the pages, only what changed, and knows afterwards what is no longer wanted."""

    def __init__(self, source: Path, extra: Path) -> None:
        self.source, self.extra = source, extra
        self._wanted: set[Path] = set()
        self.changed: set[Path] = set()

    def __call__(self, path: Path, content: bytes | str) -> None:
        content = content.encode() if isinstance(content, str) else content
        self._wanted.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            self.changed.add(path)
            atomic.write(path, content)

    def remove_others(self) -> int:
        there = [path for folder in (self.source, self.extra) for path in folder.rglob("*") if path.is_file()]
        others = [path for path in there if path not in self._wanted]
        for path in others:
            path.unlink()
        return len(others)


def _write_all(sources: Sources, write: _Writer, kept: Path) -> None:
    figures = _figures(sources, kept)
    for path in figures.values():
        write(write.source / "figures" / path.name, path.read_bytes())
    chapters = [indexes.Chapter.of(script) for script in sources.scripts]
    readme = (sources.scripts[0].parent / "README.md").read_text(encoding="utf-8")
    _write_chapters(sources, write, kept, set(figures))
    texts = {
        "chapters": _contents(chapters),
        "n_chapters": str(len(chapters)),
        "n_exercises": str(len(sources.exercises)),
        "n_failures": str(sum(map(len, chapter_page.failures(_page("failures.mjs", "lab")).values()))),
        "version": scratchdae.__version__,
        **indexes.parts(readme, chapters, set(figures)),
        **results.parts(sources.figures, set(figures)),
        **reference.parts(sources.exercises, chapters),
    }
    for name in re.findall(r"\]\(figures/(\w+\.jsonl?)\)", texts["notes"]):
        write(write.source / "figures" / name, (sources.figures or Path()).joinpath(name).read_bytes())
    for name in _pages():
        text = _page(name)
        if name.endswith(".md"):
            text = re.sub(r"\{\{(\w+)\}\}", lambda place: texts[place[1]], text)
        folder = write.source if name.endswith(".md") else write.source / "_static"
        write(folder / name, text)
    for name, text in reference.api().items():
        write(write.source / "api" / f"{name}.md", text)
    write(write.extra / "lab.html", laboratory())
    mathjax = Path(str(util.find_spec("sphinx-mathjax-offline").origin)).parent  # type: ignore[union-attr]
    write(write.source / "_static" / "mathjax.js", (mathjax / "static" / "mathjax" / "tex-svg.js").read_bytes())


def _write_chapters(sources: Sources, write: _Writer, kept: Path, figures: Collection[str]) -> None:
    import nbformat

    broken = chapter_page.failures(_page("failures.mjs", "lab"))
    shows = results.gallery(sources.figures)
    sliders = {int(number): found for number, found in getattr(book, "small_figures", dict)().items()}
    for script in sources.scripts:
        plain = running.notebook(script)
        write(write.extra / "notebooks" / f"{script.stem}.ipynb", nbformat.writes(plain))
        write(write.extra / "notebooks" / script.name, script.read_bytes())
        slider = None
        number = script.stem.partition("_")[0]
        if found := sliders.get(int(number)):
            slider = (f"figure_{script.stem}.html", found[0])
            write(write.extra / slider[0], found[1])
        outputs = running.outputs(script, kept) if script in sources.run else []
        exercises = [f"{one.id} {one.name.replace('_', ' ')}" for one in sources.exercises if one.chapter == number]
        page = chapter_page.page(
            script.stem,
            plain,
            outputs,
            figures,
            broken.get(script.stem, ()),
            exercises,
            slider,
            shows.get(f"{script.stem}_full.png", ""),
        )
        write(write.source / "chapters" / f"{script.stem}.ipynb", nbformat.writes(page))


def _figures(sources: Sources, kept: Path) -> dict[str, Path]:
    """Return the figures that there are: a checkout's, or those of the chapters that were run for the book."""
    found = {path.name: path for script in sources.run for path in (kept / script.stem / "figures").glob("*.png")}
    if sources.figures:
        found |= {path.name: path for path in sorted(sources.figures.glob("*.png"))}
    return found


def _contents(chapters: Sequence[indexes.Chapter]) -> str:
    blocks = []
    for part, numbers in PARTS.items():
        lines = [f"{one.number} {one.name} <chapters/{one.stem}>" for one in chapters if int(one.number) in numbers]
        if lines:
            blocks.append("\n".join(["```{toctree}", ":hidden:", f":caption: {part}", "", *lines, "```"]))
    return "\n\n".join(blocks)


def _pages() -> list[str]:
    return sorted(path.name for path in resources.files("scratchdae.book").joinpath("pages").iterdir())


def _page(name: str, folder: str = "pages") -> str:
    return resources.files("scratchdae.book").joinpath(folder, name).read_text(encoding="utf-8")


def _sphinx(source: Path, html: Path, doctrees: Path, extra: Path, jobs: int) -> list[str]:
    """Run Sphinx; return its warnings."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    settings: dict[str, Any] = {
        "project": "scratchdae",
        "author": "The scratchdae authors",
        "html_title": "scratchdae",
        "release": scratchdae.__version__,
        "extensions": ["myst_nb", "sphinx_design", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"],
        "nb_execution_mode": "off",  # they are run before
        "nb_merge_streams": True,
        "myst_enable_extensions": ["dollarmath", "colon_fence", "attrs_inline", "attrs_block"],
        "myst_heading_anchors": 4,
        "myst_dmath_double_inline": True,
        "html_theme": "sphinx_book_theme",
        "html_theme_options": {
            "use_download_button": False,
            "use_fullscreen_button": False,
            "show_toc_level": 2,
            "show_navbar_depth": 1,
            "navigation_with_keys": False,
            "navbar_start": [],
            "navbar_center": [],
            "navbar_end": [],
            "navbar_persistent": [],
        },
        "html_context": {"default_mode": "auto"},
        "html_static_path": ["_static"],
        "html_css_files": ["book.css"],
        "html_js_files": ["book.js"],
        "html_extra_path": [str(extra)],
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_show_sphinx": False,
        "html_show_copyright": False,
        "mathjax_path": "mathjax.js",
        "mathjax3_config": {"options": {"enableMenu": False}, "svg": {"fontCache": "global"}},
        "autodoc_typehints": "none",  # types stand in the docstrings
        "autodoc_member_order": "bysource",
        "autodoc_preserve_defaults": True,
        "autodoc_class_signature": "mixed",
        "add_module_names": False,
        "napoleon_google_docstring": False,
        "toc_object_entries": False,
        "default_role": "code",
        "language": "en",
    }
    said = io.StringIO()
    with docutils_namespace():
        app = Sphinx(
            str(source), None, str(html), str(doctrees), "html", settings, None, said, parallel=jobs,
        )  # fmt: skip
        app.connect("autodoc-process-docstring", reference.prepared)
        app.build()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue())
    return [line for line in plain.splitlines() if line.strip()]


def broken_links(html: Path) -> Iterator[str]:
    """Follow every link and every file of the pages that leads inside; yield what leads nowhere."""
    pages = {path.resolve(): _read(path) for path in html.rglob("*.html") if "_static" not in path.parts}
    for path, found in pages.items():
        for link in sorted(found.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            name = "" if target.name == "lab.html" else unquote(parts.fragment)  # there it is settings
            if not target.is_file() or (name and target in pages and name not in pages[target].names):
                yield f"{path.relative_to(html)}: {link} leads nowhere"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.names: set[str] = {"top"}

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value and not value.startswith("data:"):
                self.links.add(value)
            elif name in ("id", "name") and value:
                self.names.add(value)


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader
