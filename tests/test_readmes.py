"""What the READMEs promise: links that lead somewhere, commands and options that exist, a gallery of every figure."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from scratchdae import cli
from scratchdae.cli.chapters import title

ROOT = Path(__file__).parents[1]
README, GALLERY = ROOT / "README.md", ROOT / "figures" / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "chapters" / "README.md", GALLERY]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pages = pytest.mark.parametrize("page", PAGES, ids=["README", "CONTRIBUTING", "chapters", "figures"])


def blocks(page, language):
    return [body for which, body in BLOCK.findall(page.read_text(encoding="utf-8")) if which == language]


def commands(page):
    """Return every command of a page, from its console blocks and from the spans within its prose."""
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    lines += re.findall(r"`(scratchdae [^`]+)`", prose)
    parts = [part.strip() for line in lines for part in line.split("&&")]
    return [shlex.split(part, comments=True) for part in parts if re.match(r"(\.venv/bin/)?scratchdae ", part)]


def anchors(page):
    """Return the names that a code host gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 160


@pages
def test_every_link_and_picture_exists(page):
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    targets = re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', text)
    assert targets
    for target in ("".join(pair) for pair in targets):
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pages
def test_every_command_and_every_option_exists(page, capsys):
    assert commands(page)
    for _, *words in commands(page):
        chain = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
        with pytest.raises(SystemExit) as left:
            cli.main([*chain, "--help"])
        assert left.value.code == 0, words
        known = capsys.readouterr().out
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"{option}\b", known), words


@pages
def test_every_block_of_commands_finds_the_environment(page):
    for block in blocks(page, "console"):
        first = block.splitlines()[0]
        assert first == ". .venv/bin/activate" or first.startswith("python3 -m venv .venv && "), block


@pytest.mark.parametrize("code", blocks(README, "python"), ids=lambda code: code.splitlines()[-1][:40])
def test_the_python_of_the_readme_runs(code, tmp_path):
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_the_network_that_fails_fails_as_the_readme_says(tmp_path):
    """How many pixels are white depends on a machine's last bits; that all answers are one picture does not."""
    code = blocks(README, "python")[0] + "\nassert np.ptp(z, axis=0).max() < 1e-3 and history['loss'][-1] > 0.06"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def gallery():
    """Return the rows of the gallery by figure."""
    rows = [
        line.split(" | ") for line in GALLERY.read_text(encoding="utf-8").splitlines() if line.startswith("| [<img")
    ]
    return {re.search(r"\]\(([^)]+)\)", row[0])[1]: row for row in rows}


def test_every_figure_stands_in_the_gallery_with_its_finding_and_a_command():
    found = gallery()
    assert set(found) == {path.name for path in GALLERY.parent.glob("*.png")}
    for name, (picture, finding, command) in found.items():
        assert f'src="{name}"' in picture
        assert len(finding.split()) > 5, name
        assert re.search(r"`(scratchdae|python) .+`|^the same; ", command), name


def test_the_findings_of_the_gallery_are_the_titles_of_the_chapters():
    found = gallery()
    for chapter in sorted((ROOT / "chapters").glob("[0-9]*.py")):
        _, finding, command = found[f"{chapter.stem}.png"]
        assert finding.strip() == f"[{chapter.stem[:2]}](../chapters/{chapter.name}): {title(chapter)}"
        assert f"`scratchdae chapters run {chapter.stem[:2]}`" in command


def test_the_strip_at_the_top_is_drawn_by_its_script(tmp_path):
    script = ROOT / "figures" / "00_what_it_is.py"
    command = [sys.executable, str(script), "--quick", "--out", str(tmp_path)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "00_what_it_is.png").stat().st_size < 200_000
    numbers = json.loads(script.with_suffix(".json").read_text())
    assert (numbers["quick"], numbers["seed"]) == (False, 0)
