"""The book: one build of it, with one chapter run, is read as files and in a real browser with its network off."""

import json
import re
import subprocess
import sys
import tomllib
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from optional_packages import require

import scratchdae
import scratchdae.book
from scratchdae.book import building, chapter_page, indexes, running, sketches
from scratchdae.book.results import table
from scratchdae.cli.chapters import environment_of, find

for needed in ("sphinx", "myst_nb", "sphinx_book_theme", "sphinx_design", "jupytext", "nbclient", "ipykernel"):
    require(needed)

ROOT = Path(__file__).parents[2]
SCRIPTS = find()
README = (ROOT / "chapters" / "README.md").read_text(encoding="utf-8")
RUN = "12_output_range"  # the one chapter that is run: one of the quickest
PAGES = ["index", "symptoms", "chapters/01_autoencoder", f"chapters/{RUN}", "conformance", "results", "api/build"]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("book")
    command = [sys.executable, "-m", "scratchdae", "book", "build", "--out", str(out), "--chapter", RUN]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert f"ran {RUN}\n1 of 1 chapters run" in done.stdout
    assert re.search(rf"pages {re.escape(str(out))}/html/index.html\n\d+ s\n", done.stdout)
    return out


@pytest.fixture(scope="session")
def html(built):
    return built / "html"


class Loads(HTMLParser):
    """Every address that a page asks for by itself, and every picture without words."""

    def __init__(self):
        super().__init__()
        self.loads, self.silent = [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag != "a":
            self.loads += [found[name] for name in ("src", "href", "srcset", "data", "poster") if found.get(name)]
        if tag == "img" and not found.get("alt"):
            self.silent.append(found.get("src"))


def read(path):
    page = Loads()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def outside(address):
    return re.match(r"(https?:)?//", address)


def test_no_page_asks_another_host_for_anything(html):
    pages = [path for path in html.rglob("*.html") if "_static" not in path.parts]
    assert len(pages) > 50
    assert [(path.name, one) for path in pages for one in read(path).loads if outside(one)] == []
    asked = re.compile(r"(?:url\(|@import)\s*[\"']?([^\"')\s]+)")
    sheets = {path.name: path.read_text(encoding="utf-8") for path in html.rglob("*.css")}
    styles = [(name, one) for name, text in sheets.items() for one in asked.findall(text)]
    assert [found for found in styles if outside(found[1])] == []


def test_every_picture_has_words(html):
    pages = [path for path in html.rglob("*.html") if "_static" not in path.parts]
    assert [(path.name, one) for path in pages for one in read(path).silent] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_chapter_has_its_notebook_its_script_its_failures_and_the_next(script, html):
    import jupytext
    import nbformat

    page = (html / "chapters" / f"{script.stem}.html").read_text(encoding="utf-8")
    assert f'href="../notebooks/{script.stem}.ipynb"' in page
    assert (html / "notebooks" / script.name).read_bytes() == script.read_bytes()
    notebook = nbformat.read(html / "notebooks" / f"{script.stem}.ipynb", as_version=4)
    assert jupytext.writes(notebook, "py:percent").endswith(script.read_text(encoding="utf-8").partition("# %%")[2])
    place = SCRIPTS.index(script)
    if place + 1 < len(SCRIPTS):
        assert f'href="{SCRIPTS[place + 1].stem}.html"' in page.partition("next-page")[0].rpartition("<a")[2] or (
            f'href="{SCRIPTS[place + 1].stem}.html"' in page
        )
    lab = (ROOT / "scratchdae" / "book" / "lab" / "failures.mjs").read_text(encoding="utf-8")
    for failure in chapter_page.failures(lab).get(script.stem, ()):
        assert f"../lab.html#broken={failure.id}" in page
    if "Answers\n" in script.read_text(encoding="utf-8"):
        assert "sd-dropdown" in page


def test_all_failures_of_the_laboratory_have_their_chapter():
    lab = (ROOT / "scratchdae" / "book" / "lab" / "failures.mjs").read_text(encoding="utf-8")
    found = chapter_page.failures(lab)
    assert sum(map(len, found.values())) == lab.count("broken: {")
    assert set(found) <= {script.stem for script in SCRIPTS}


def test_the_chapter_that_was_run_shows_what_it_printed_and_drew(html, built):
    page = (html / "chapters" / f"{RUN}.html").read_text(encoding="utf-8")
    assert "cell_output" in page
    assert "figure  figures/" in page
    assert str(built) not in page
    other = (html / "chapters" / "01_autoencoder.html").read_text(encoding="utf-8")
    assert "cell_output" not in other
    assert "01_autoencoder.png" in other


def test_every_symptom_has_a_picture_of_its_own_and_its_steps(html):
    page = (html / "symptoms.html").read_text(encoding="utf-8")
    found = indexes.symptoms(indexes.sections_of(README, 2)["By symptom"])
    assert {one.title for one in found} - sketches.known() == {"None of these, or several at once"}
    assert sketches.known() <= {one.title for one in found}
    assert page.count('href="#symptom-') >= len(found)
    for one in found:
        assert f'id="symptom-{one.number}"' in page


def test_the_results_are_those_of_the_files(html):
    page = re.sub(r"<[^>]+>", " ", (html / "results.html").read_text(encoding="utf-8"))
    table_ = json.loads((ROOT / "figures" / "reproduce_larochelle.json").read_text(encoding="utf-8"))
    for row in table_["problems"].values():
        assert f"{100 * row['sda']['test_error']:.2f}\xa0±" in page
    doctor = json.loads((ROOT / "figures" / "doctor.json").read_text(encoding="utf-8"))
    assert f"{doctor['judges']['doctor']['cause right']['percent']:.1f}" in page
    bench = json.loads((ROOT / "figures" / "bench_fit.json").read_text(encoding="utf-8"))
    ours = {row["samples_per_second"]["median"] for row in bench["rows"] if row["name"] == "scratchdae"}
    assert all(f"{rate:,.0f}" in page for rate in ours)


def test_a_table_of_markdown_aligns_its_numbers():
    assert table(["a", "b"], [[1, 2]]) == "| a | b |\n| --- | --: |\n| 1 | 2 |"


def test_the_interface_holds_every_name_of_the_map(html):
    pages = "".join(path.read_text(encoding="utf-8") for path in (html / "api").glob("*.html"))
    assert [name for name in scratchdae.__all__ if f"<h2>{name}<" not in pages] == []


def test_every_case_and_every_exercise_stands_in_its_table(html):
    from scratchdae.conformance import load_cases
    from scratchdae.exercises.catalogue import EXERCISES

    page = (html / "conformance.html").read_text(encoding="utf-8").replace("<wbr>", "")
    assert [case.id for case in load_cases() if f"<code>{case.id}</code>" not in page] == []
    page = (html / "exercises.html").read_text(encoding="utf-8")
    assert [one.id for one in EXERCISES if f"<p>{one.id}</p>" not in page] == []
    assert page.count("yours to find") == sum(one.judge is not None for one in EXERCISES)  # the chapter is the answer


def test_what_sphinx_warns_of_is_returned(tmp_path):
    (tmp_path / "source" / "_static").mkdir(parents=True)
    (tmp_path / "extra").mkdir()
    (tmp_path / "source" / "index.md").write_text("# T\n\n[there](nowhere.md)\n")
    run = (
        "import sys; from pathlib import Path; from scratchdae.book import building; here = Path(sys.argv[1]);"
        "print(*building._sphinx(here / 'source', here / 'html', here / 'trees', here / 'extra', 1), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", run, tmp_path], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "nowhere.md" in done.stdout


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html">b</a><a href="#c">c</a><a href="a.html#d" id="d">d</a>')
    assert list(building.broken_links(tmp_path)) == ["a.html: #c leads nowhere", "a.html: b.html leads nowhere"]


def test_what_is_kept_is_not_run_again_and_what_raises_is_named(tmp_path):
    script, kept = tmp_path / "99_new.py", tmp_path / "kept"
    script.write_text("# %%\nprint('said')\n")
    assert running.run([script], kept, environment_of(SCRIPTS[0]), 1) == 1
    assert running.outputs(script, kept)[0][0]["text"] == "said\n"
    assert running.run([script], kept, environment_of(SCRIPTS[0]), 1) == 0
    script.write_text("# %%\nassert 1 == 2, 'no'\n")
    for _ in range(2):  # and is not kept
        with pytest.raises(running.ChapterFailed, match="99_new raised AssertionError: no"):
            running.run([script], kept, environment_of(SCRIPTS[0]), 1)


def test_all_pages_are_written_anew_when_the_table_of_contents_changes(tmp_path, monkeypatch):
    """Sphinx writes the pages whose own source changed, and the others would keep the old one beside them."""
    contents = ["one"]

    def sphinx(source, html, *_):
        html.mkdir(exist_ok=True)
        html.joinpath("index.html").write_text("<p>")
        return []

    monkeypatch.setattr(building.running, "run", lambda *_: 0)
    monkeypatch.setattr(building, "_write_all", lambda _, write, __: write(write.source / "index.md", contents[0]))
    monkeypatch.setattr(building, "_sphinx", sphinx)
    other = tmp_path / "html" / "other.html"
    for there, now in ((True, "one"), (False, "two")):
        building.build(SimpleNamespace(run=()), tmp_path, {}, 1)
        other.write_text("<p>")
        contents[0] = now
        building.build(SimpleNamespace(run=()), tmp_path, {}, 1)
        assert other.is_file() == there


def test_with_what_a_wheel_has_no_figure_is_missed(tmp_path):
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    packed = [Path(name) for name in wheel["wheel"]["force-include"] if name.startswith("figures/")]
    figures = tmp_path / "figures"
    figures.mkdir()
    for path in packed:
        (figures / path.name).write_bytes((ROOT / path).read_bytes())
    pages = tmp_path / "pages"
    sources = building.Sources(SCRIPTS, [], figures, exercises=[])
    building._write_all(sources, building._Writer(pages, tmp_path / "extra"), tmp_path / "kept")
    asked = re.compile(r"\]\((?:\.\./)?(figures/[^)#]+)\)")
    found = {
        (path.name, one)
        for path in pages.rglob("*.*")
        if path.suffix in {".md", ".ipynb"}
        for one in asked.findall(path.read_text("utf-8"))
    }
    assert {one for _, one in found} >= {"figures/00_what_it_is.png"}
    assert [(name, one) for name, one in sorted(found) if not (pages / one).is_file()] == []


def test_the_answers_are_folded_and_remarks_for_tools_are_gone():
    import jupytext

    text = "# %% [markdown]\n# # T\n#\n# ### Answers\n#\n# 1. This.\n\n# %%\nx = 1  # noqa: E501\n"
    page = chapter_page.page("01_t", jupytext.reads(text, "py:percent"), [], set())
    assert page.cells[0].source.endswith(":::::{dropdown} Answers\n1. This.\n:::::\n\n")
    assert page.cells[1].source == "x = 1"


def test_a_small_figure_stands_after_the_cause(html):
    import jupytext

    text = "# %% [markdown]\n# # T\n#\n# ## The cause\n#\n# So.\n#\n# ## The cure in PyTorch\n#\n# Do.\n"
    page = chapter_page.page("01_t", jupytext.reads(text, "py:percent"), [], set(), slider=("f.html", "A slider"))
    assert re.search(r"So\.\n\n<iframe [^>]*f\.html[^>]*></iframe>\n\n## The cure", page.cells[0].source)
    figures = getattr(scratchdae.book, "small_figures", dict)()
    for number, (title, _) in figures.items():
        (page,) = (html / "chapters").glob(f"{int(number):02}_*.html")
        assert f'title="{title}"' in page.read_text(encoding="utf-8")


def test_it_is_served_to_this_machine(built):
    command = [sys.executable, "-m", "scratchdae", "book", "serve", "--no-open", "--port", "0", "--out", str(built)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as server:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())[0]
            with urllib.request.urlopen(address) as answer:
                assert "Denoising autoencoders from scratch" in answer.read().decode()
        finally:
            server.terminate()


def test_what_is_not_built_is_not_served(tmp_path):
    command = [sys.executable, "-m", "scratchdae", "book", "serve", "--no-open", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode != 0
    assert "holds no book" in done.stderr


def opened(browser, path, width=1280, scheme="light"):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get(path.as_uri())
    browser.set_script_timeout(60)
    browser.execute_async_script("""
        const done = arguments[arguments.length - 1];
        Promise.resolve(window.MathJax?.startup?.promise).then(() => requestAnimationFrame(() => done()));
    """)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole_without_a_network_on_a_desk_and_on_a_phone(page, browser, html):
    browser.get_log("browser")
    for width, scheme in ((1280, "light"), (390, "dark")):
        opened(browser, html / f"{page}.html", width, scheme)
        wide, shown, theme = browser.execute_script(
            "return [document.documentElement.scrollWidth, window.innerWidth, document.documentElement.dataset.theme]"
        )
        assert wide <= shown == width
        assert theme == scheme
    if page.startswith("chapters/01"):
        assert browser.execute_script("return document.querySelectorAll('mjx-container svg').length") > 20
        assert browser.execute_script("return document.querySelectorAll('[data-mjx-error]').length") == 0
    lost = (
        "return [...document.images].filter((one) => one.loading !== 'lazy' && !one.naturalWidth).map((one) => one.src)"
    )
    assert browser.execute_script(lost) == []
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_the_box_filters_the_cases(browser, html):
    opened(browser, html / "conformance.html")
    browser.execute_script("""
        const box = document.querySelector("input.filter");
        box.value = "adam keras";
        box.dispatchEvent(new Event("input"));
    """)
    rows = "[...document.querySelectorAll('#cases tbody tr')].filter((row) => !row.hidden)"
    left = browser.execute_script(f"return {rows}.map((row) => row.innerText)")
    assert 0 < len(left) < 20
    assert all("adam" in row.lower() and "keras" in row.lower() for row in left)
    assert browser.execute_script("return document.querySelector('[data-count]').textContent") == f"{len(left)} cases"
