"""The generator makes the files that are there, bit for bit, notices every other, and refuses what is no case."""

import shutil
from dataclasses import replace
from decimal import Decimal

import generate
import numpy as np
import pytest
from generate import decimals, penalty, tolerance
from generate.__main__ import main
from generate.draw import Draw
from generate.windows import windows

from scratchdae.conformance.case import cases_root, load_cases


def test_the_files_of_the_package_are_those_it_makes(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The smallest group, copied, and the generator of it alone."""
    monkeypatch.setattr(generate, "GROUPS", (penalty,))
    shutil.copytree(cases_root() / "penalty", tmp_path / "penalty")
    return tmp_path


def check(folder):
    return main(["--check", "--out", str(folder)])


def test_a_changed_bit_is_noticed(written, capsys):
    assert check(written) == 0
    path = written / "penalty" / "l2_small.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert check(written) == 1
    assert "penalty/l2_small.safetensors differs" in capsys.readouterr().out
    assert path.read_bytes() == content  # nothing was written


def test_a_missing_file_is_noticed(written, capsys):
    (written / "penalty" / "l2_small.json").unlink()
    assert check(written) == 1
    assert "penalty/l2_small.json is missing" in capsys.readouterr().out


def test_a_surplus_file_is_noticed_and_removed(written, capsys):
    surplus = written / "penalty" / "l2_medium.json"
    surplus.write_text("{}")
    assert check(written) == 1
    assert "penalty/l2_medium.json differs (no case has it)" in capsys.readouterr().out
    assert main(["--out", str(written)]) == 0
    assert not surplus.exists()
    assert check(written) == 0


def test_what_is_written_can_be_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "GROUPS", (penalty,))
    assert main(["--out", str(tmp_path)]) == 0
    assert [case.name for case in load_cases(tmp_path)] == ["l2_large", "l2_small"]


# What a case must be


@pytest.fixture
def vector():
    with decimals.arithmetic():
        return next(penalty.cases())


def test_a_name_may_not_be_both_input_and_expected(vector):
    with pytest.raises(ValueError, match=r"different names, found \['dW'\]"):
        replace(vector, inputs={"dW": np.zeros((5, 3))})


def test_what_is_required_must_be_expected(vector):
    with pytest.raises(ValueError, match=r"required must name expected arrays, found \['z'\]"):
        replace(vector, required=("dW", "z"))


def test_inputs_must_be_representable_in_float32(vector):
    with pytest.raises(ValueError, match=r"inputs\['W'\] must be representable in float32"):
        replace(vector, inputs={"W": np.full((5, 3), 0.1)})


def test_a_case_must_have_been_measured():
    with pytest.raises(ValueError, match="must hold the errors of penalty/l2_medium"):
        tolerance.tolerances("penalty/l2_medium")


def test_two_cases_may_not_share_a_name(monkeypatch):
    monkeypatch.setattr(generate, "GROUPS", (penalty, penalty))
    with pytest.raises(ValueError, match="found 'l2_small' twice"):
        list(generate.vectors())


# Decimals


def test_nothing_is_lost_beside_a_one():
    with decimals.arithmetic():
        a = decimals.exact(np.array([-745.0, 745.0]))
        assert (decimals.sigmoid(a) * (1 - decimals.sigmoid(a)) > 0).all()
        assert decimals.rounded(decimals.log(1 + decimals.exp(a)))[0] == 5e-324


def test_rounding_is_to_nearest_even_and_keeps_the_shape():
    with decimals.arithmetic():
        half = Decimal(2) ** -53
        found = decimals.rounded(np.array([[1 + half, 1 + 3 * half, Decimal("2.4e-324"), Decimal("2.5e-324")]]))
    np.testing.assert_array_equal(found, [[1, 1 + 2.0**-51, 0, 5e-324]])
    assert decimals.rounded(Decimal("0.1")).shape == ()
    assert decimals.rounded(Decimal("0.1")) == 0.1


def test_floats_become_decimals_without_rounding():
    assert decimals.exact(np.array([0.1]))[0] == Decimal("0.1000000000000000055511151231257827021181583404541015625")
    np.testing.assert_array_equal(decimals.exact(np.array([[True], [False]])), [[1], [0]])


# Inputs


def test_a_name_is_a_seed():
    assert (Draw("a").normal(5) == Draw("a").normal(5)).all()
    assert (Draw("a").normal(5) != Draw("b").normal(5)).any()


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(5, 3, 2, "same"), (6, 4, 1, "same"), (6, 2, 3, "valid")]
)
def test_the_frame_holds_image_and_windows(size, kernel, stride, padding):
    places = windows(size, kernel, stride, padding)
    assert places.inside.stop - places.inside.start == size
    assert max(places.inside.stop, places.pixels(kernel - 1).stop) == places.framed
    assert len(range(places.framed)[places.pixels(kernel - 1)]) == places.count
