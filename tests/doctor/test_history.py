"""Where a curve lies among the floors of its data."""

import json

import numpy as np
import pytest

from scratchdae import doctor, floors
from scratchdae.doctor.history import read_losses

RNG = np.random.default_rng(0)
X = RNG.random((400, 6)) @ RNG.random((6, 40)) / 6
C = floors.constant(X)
H, CE = floors.cross_entropy(X), floors.constant(X, "cross_entropy")
T = np.linspace(0, 1, 100)


def ids(report):
    return [named.id for named in report.causes]


@pytest.mark.parametrize(
    ("curve", "loss", "named"),
    [
        (np.r_[np.ones(20), np.nan], "mse", "F02"),
        (C * (1.5 - T), "mse", "F04"),
        (C * (0.5 + 0.3 * (-1.0) ** np.arange(50)), "mse", "F03"),
        (C * np.r_[np.linspace(1, 0.1, 50), np.linspace(0.1, 3, 50)], "mse", "F02"),
        (np.full(50, C), "mse", "F01"),
        (np.full(50, 3 * C), "mse", "F14"),
    ],
)
def test_what_a_curve_may_mean_is_a_suspicion(curve, loss, named):
    report = doctor.from_history(curve, X, loss)
    assert report.verdict == "unknown"
    assert report.status == 3
    assert named in ids(report)[:3]
    assert max(cause.confidence for cause in report.causes) <= 0.5
    assert report.prescription == []
    assert "nothing was rerun" in " ".join(report.unseen)


def test_a_cross_entropy_at_the_entropy_is_at_its_floor():
    report = doctor.from_history(H + 0.02 * (CE - H) + CE * np.exp(-30 * T), X, "bce")
    assert (report.verdict, ids(report), report.status) == ("at_floor", ["H1"], 0)
    assert report.score == pytest.approx((H + 0.02 * (CE - H)) / CE, rel=1e-6)
    assert "the entropy of the targets" in str(report)


def test_a_sum_over_the_example_is_told_from_a_mean():
    curve = np.full(50, 0.4 * C * 40)
    report = doctor.from_history(curve, X, "mse")
    assert report.score == pytest.approx(0.4)
    assert "sum over each example" in " ".join(report.unseen)
    assert "mean over all entries" in " ".join(doctor.from_history(curve / 40, X, "mse").unseen)


def test_an_output_that_cannot_reach_the_data_is_suspected():
    x = 2 * X - 1
    beyond = floors.output_range(x, 0, 1)
    assert "F14" in ids(doctor.from_history(np.full(30, beyond), x, "mse"))
    assert ids(doctor.from_history(np.full(30, 0.7), x, "bce"))[0] == "F14"  # there is no such cross-entropy
    assert "C09" in ids(doctor.from_history(np.full(30, 0.7), np.ones((20, 3)), "mse"))


def test_the_whole_report_is_text_json_and_a_page():
    report = doctor.from_history(C * (1.5 - T), X, "mse")
    assert "YOURS, as it is" in str(report)
    assert json.loads(json.dumps(report.as_json(), allow_nan=False))["verdict"] == "unknown"
    assert "data:image/png" in report.html()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1\n0.5\nnan\n", [1, 0.5, np.nan]),
        ("epoch,loss,val_loss\n0,0.3,0.2\n1,0.1,0.2\n", [0.3, 0.1]),
        ("step;Loss\n0;0.3\n\n1;0.1\n", [0.3, 0.1]),
        ("0,0.3\n1,0.1\n", [0.3, 0.1]),
        ("epoch,train_loss\n0,\n0,0.5\n", [0.5]),
        ('{"epoch": 1, "loss": 0.3}\n{"epoch": 2, "loss": null}\n', [0.3, np.nan]),
        ("[0.3, 0.2]", [0.3, 0.2]),
        ("\ufeffloss\n2\n", [2]),
    ],
)
def test_files_of_losses(text, found, tmp_path):
    (tmp_path / "losses.csv").write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(read_losses(tmp_path / "losses.csv"), found)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must hold losses, found an empty file"),
        ("a,b\n1,2\n", r"must have a column called loss, found \['a', 'b'\]"),
        ("1,2,3\n", "column called loss, found 3 columns without names"),
        ("loss\nx\n", "line 2 must have a number for its loss, found 'x'"),
        ("epoch,loss\n1\n", "line 2 must have 2 columns, found '1'"),
        ('{"a": 1}', "must have a number called loss"),
        ("{1", "line 1 must be JSON"),
        ("loss\n", "losses must hold at least one number"),
    ],
)
def test_files_that_are_wrong_are_a_sentence(text, sentence, tmp_path):
    (tmp_path / "losses.csv").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        doctor.from_history(tmp_path / "losses.csv", X)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="loss must be one of"):
        doctor.from_history(np.ones(3), X, "nll")
    with pytest.raises(ValueError, match="x must have shape"):
        doctor.from_history(np.ones(3), X[0])
