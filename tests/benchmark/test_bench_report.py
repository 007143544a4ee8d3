"""What was found, in words and as a figure."""

import dataclasses

import pytest
from planted_competitors import TIMED

from scratchdae.benchmark import figure, limits, machine, measure, report
from scratchdae.benchmark.works.denoising import PIXELS
from scratchdae.benchmark.works.work import Setting


def row(name, B, rates, error=1e-6, failure=None):
    return measure.Row(name, Setting("pixels", 500, B), rates, 1.0, error, failure)


ROWS = (
    row("scratchdae", 1, (1000.0, 3000.0, 9000.0)), row("torch", 1, (1500.0,)), row("numpy", 1, (700.0,)),
    row("scratchdae", 20, (5000.0,)), row("torch", 20, (), error=0.3), row("numpy", 20, (10_000.0,)),
    row("scratchdae", 100, (), failure="while it was timed: ValueError"), row("torch", 100, (1.0,)),
    row("numpy", 100, (2.0,)),
)  # fmt: skip
RESULT = report.Result(
    PIXELS, ROWS, {}, limits.Limits({"numpy": 39.2, "torch": 19.6}, 1.0, {"numpy": "fastblas 3"}), {}
)


def test_the_summary_names_the_strongest_peer_of_each_setting():
    heading, first, second, third = report.summary(RESULT)
    assert heading.split() == ["H", "B", "scratchdae", "torch", "numpy", "dense", "limit"]
    assert first.split()[:6] == ["500", "1", "3,000", "1,500", "700", "10,000"]
    assert first.endswith("scratchdae is 2.00 × torch")
    assert second.split()[:6] == ["500", "20", "5,000", "wrong", "10,000", "10,000"]
    assert second.endswith("scratchdae is 0.50 × numpy")
    assert third.split() == ["500", "100", "failed", "1", "2", "10,000"]


def test_the_finding_says_where_the_subject_is_slower():
    sentence = (
        "scratchdae is 0.50 to 2.00 times as fast as its strongest peer; slower in 1 of 2 settings (H = 500, B = 20)"
    )
    assert report.finding(RESULT) == sentence
    alone = dataclasses.replace(RESULT, rows=ROWS[:1])
    assert report.finding(alone) == "scratchdae and a peer were never both timed"
    assert report.finding(dataclasses.replace(RESULT, rows=ROWS[:3])).startswith("scratchdae is 2.00 times as fast")


def test_the_subject_is_compared_with_the_products_of_each_library():
    found = RESULT.as_json()["scratchdae_beside_products"]
    assert [entry["batch_size"] for entry in found] == [1, 20]  # the third was not timed
    assert found[1]["equivalent_gflops"] == pytest.approx(5000 * 10 * 784 * 500 / 1e9)
    assert found[1]["of_gemm"] == pytest.approx({"numpy": 0.5, "torch": 1.0})
    then = dataclasses.replace(RESULT, nearby={ROWS[3].setting: limits.Limits({"numpy": 78.4}, 1.0)})
    assert [entry["of_gemm"]["numpy"] for entry in then.as_json()["scratchdae_beside_products"]] == pytest.approx(
        [0.3, 0.25]
    )
    assert report.products(RESULT) == []
    assert report.products(dataclasses.replace(RESULT, rows=ROWS[:6])) == [
        "H = 500, B = 20: scratchdae does the work of 20 dense GFLOP/s (10 operations a weight), "
        "0.50 × numpy (fastblas 3), 1.00 × torch"
    ]


def test_the_figure_has_a_panel_for_every_h_and_a_line_for_every_competitor():
    rows = tuple(
        measure.Row(name, Setting("pixels", H, B), () if (name, H) == ("jax", 500) else (1e3, 2e3, 3e3), 1.0, 1e-6)
        for H in (500, 1000, 2000)
        for B in (1, 20)
        for name in TIMED
    )
    about = {"threads": 2, "machine": machine.describe()}
    drawn = figure.draw(report.Result(PIXELS, rows, {}, limits.Limits({"numpy": 300.0}, 50.0), about))
    assert drawn.get_suptitle() == "scratchdae is 1.00 times as fast as its strongest peer"
    assert [text.get_text() for text in drawn.legends[0].get_texts()][1:] == ["scratchdae", "torch-inplace", "torch",
                                                                              "numpy", "jax"]  # fmt: skip
    assert [ax.get_title() for ax in drawn.axes] == ["H = 500", "H = 1000", "H = 2000"]
    for ax, H in zip(drawn.axes, (500, 1000, 2000), strict=True):
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        timed = 4 if H == 500 else 5
        assert len(ax.containers) == timed  # a line with error bars each
        assert len({line.get_marker() for line, _, _ in ax.containers}) == timed  # told apart without their colour
        spans = [segment for *_, (bars,) in ax.containers for segment in bars.get_segments()]
        assert all(span[:, 1] == pytest.approx([1e3, 3e3]) for span in spans)
        limit = [line for line in ax.lines if str(line.get_label()).startswith("dense limit")]
        assert limit[0].get_ydata()[0] == pytest.approx(300e9 / (10 * 784 * H))
