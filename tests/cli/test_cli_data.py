"""``scratchdae data`` for the problems of Larochelle et al. 2007: fetch, list, sheet."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scratchdae import datasets
from scratchdae.cli import main
from scratchdae.datasets import ThreePartDataset


@pytest.mark.parametrize(("problems", "handed"), [([], None), (["rect", "convex"], ["rect", "convex"])])
def test_fetch_hands_on_its_problems_and_root(monkeypatch, tmp_path, capsys, problems, handed):
    monkeypatch.setattr(datasets, "fetch_larochelle", lambda names, root: f"<{names} {root}>")
    assert main(["data", "fetch", "larochelle", *problems, "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"larochelle is in <{handed} {tmp_path}>\n"


def test_mnist_has_no_problems(capsys):
    assert main(["data", "fetch", "mnist", "rect"]) == 2
    assert "mnist must be fetched whole, found 'rect' after it" in capsys.readouterr().err


def test_list_says_what_there_is_for_the_problems(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("SCRATCHDAE_DATA", str(tmp_path))
    assert main(["data", "list"]) == 0
    said = capsys.readouterr().out
    assert "photographs were not found in" in said
    assert "published archives not found" in said
    (tmp_path / "natural").mkdir()
    Image.fromarray(np.zeros((30, 30), np.uint8)).save(tmp_path / "natural" / "black.png")
    (tmp_path / "larochelle").mkdir()
    for name in ("rectangles.zip", "convex.zip"):
        (tmp_path / "larochelle" / name).touch()
    assert main(["data", "list"]) == 0
    said = capsys.readouterr().out
    assert "larochelle: photographs for the backgrounds: 1\n" in said
    assert f"published archives of convex, rect in {tmp_path / 'larochelle'}" in said


@pytest.fixture
def drawn(monkeypatch):
    """Problems of 40 + 1 + 1 images instead of the full ones; what was asked for is recorded."""
    asked = []

    def small(*arguments):
        asked.append(arguments)
        x = np.zeros((40, 784), np.uint8)
        return ThreePartDataset(arguments[0], x, x[:, 0], x[:1], x[:1, 0], (28, 28), x[:1], x[:1, 0])

    monkeypatch.setattr(datasets, "larochelle", small)
    monkeypatch.setattr(datasets, "larochelle_original", small)
    return asked


@pytest.mark.parametrize("problems", [["rot"], ["rect", "convex", "rot"], []])
def test_a_sheet_has_a_panel_for_each_problem(drawn, tmp_path, capsys, problems):
    out = tmp_path / "sheet.png"
    assert main(["data", "sheet", *problems, "--out", str(out), "--seed", "3", "--root", "here"]) == 0
    names = problems or ["basic", "rot", "bg-rand", "bg-img", "rot-bg-img", "rect", "rect-img", "convex"]
    assert drawn == [(name, 3, Path("here")) for name in names]
    assert capsys.readouterr().out == f"{out}: training images of {', '.join(names)}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    with Image.open(out) as image:
        across, down = image.size
    assert (across > 1000) == (len(names) > 1)
    assert abs(down - 130 * (0.5 + 3.05 * -(-len(names) // 2))) < 2


def test_a_sheet_of_the_published_images(drawn, tmp_path):
    assert main(["data", "sheet", "convex", "--original", "--out", str(tmp_path / "sheet.png")]) == 0
    assert drawn == [("convex", None)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "sheet.jpg"], "--out must be a .png or .PNG file in a folder that exists, found sheet.jpg"),
        (["rects", "--out", "sheet.png"], "PROBLEM must be one of 'basic'"),
        (["--original", "--seed", "1", "--out", "sheet.png"], "--seed must be left out with --original"),
        (["rect", "--seed", "-1", "--out", "sheet.png"], "seed must be an integer of at least 0, found -1"),
    ],
)
def test_a_sheet_that_cannot_be(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "sheet", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
