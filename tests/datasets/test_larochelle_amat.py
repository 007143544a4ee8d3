"""The text of the originals: read exactly, or refused with the line and the column."""

import numpy as np
import pytest

from scratchdae.datasets.larochelle import read_amat


def text(x, t, form="{:g}"):
    return [" ".join([*map(form.format, row), str(label)]) for row, label in zip(x, t, strict=True)]


def write(path, lines, end="\n"):
    path.write_bytes((end.join(lines) + end).encode("latin-1"))
    return path


@pytest.fixture
def levels(rng):
    return rng.integers(0, 256, (5, 784), np.uint8)


@pytest.fixture
def lines(levels):
    return text(levels / 255, [3, 1, 4, 1, 5])


@pytest.mark.parametrize("form", ["{:.4f}", "{:.7e}", "{:.17g}"])
@pytest.mark.parametrize("end", ["\n", " \r\n"])
def test_shares_of_white_become_grey_levels(tmp_path, levels, form, end):
    path = write(tmp_path / "x.amat", text(levels / 255, [3, 1, 4, 1, 5], form), end)
    x, t = read_amat(path)
    assert (x.dtype, t.dtype) == (np.uint8, np.uint8)
    np.testing.assert_array_equal(x, levels)
    assert t.tolist() == [3, 1, 4, 1, 5]


def test_shares_are_rounded_to_the_nearest_level(tmp_path):
    x = np.full((1, 784), 0.5)
    x[0, :3] = [0.0019, 0.0020, 1]  # half a level is 0.00196
    np.testing.assert_array_equal(read_amat(write(tmp_path / "x.amat", text(x, [0])))[0][0, :3], [0, 1, 255])


def test_grey_levels_stay_and_wide_blanks_and_headers_are_no_data(tmp_path, levels):
    lines = ["#size: 5 785", "", *("   " + line.replace(" ", "   ") for line in text(levels, [0, 1, 0, 1, 0]))]
    lines[-1] += ".0000000e+00"
    x, t = read_amat(write(tmp_path / "x.amat", lines))
    np.testing.assert_array_equal(x, levels)
    assert t.tolist() == [0, 1, 0, 1, 0]


def test_black_and_white_are_shares(tmp_path):
    x = np.zeros((2, 784))
    x[1, 5] = 1
    found, _ = read_amat(write(tmp_path / "x.amat", text(x, [1, 0])))
    assert (found[1, 5], found.sum()) == (255, 255)


def change(line, column, word):
    words = line.split()
    words[column - 1] = word
    return " ".join(words)


@pytest.mark.parametrize(
    ("line", "column", "word", "message"),
    [
        (2, 7, "white", "line 2, column 7: must be a number, found 'white'"),
        (5, 1, "", "line 5: must hold 784 grey levels and a label, found 784 columns"),
        (1, 784, "0.5 0.5", "line 1, column 785: must be a label from 0 to 9, found 0.5"),
        (3, 9, "nan", "line 3, column 9: must be a share of white .*, found nan"),
        (3, 9, "inf", "line 3, column 9: must be a share of white .*, found inf"),
        (4, 784, "-0.1", "line 4, column 784: must be a share of white .*, found -0.1"),
        (4, 2, "1.5", "line 4, column 2: must be a share of white .*, found 1.5"),
        (4, 2, "256", "line 4, column 2: must be a share of white .*, found 256"),
        (2, 785, "10", "line 2, column 785: must be a label from 0 to 9, found 10"),
        (2, 785, "-1", "line 2, column 785: must be a label from 0 to 9, found -1"),
        (2, 785, "1 7", "line 2: must hold 784 grey levels and a label, found 786 columns"),
    ],
)
def test_the_first_fault_is_named(tmp_path, lines, line, column, word, message):
    lines[line - 1] = change(lines[line - 1], column, word)
    path = write(tmp_path / "x.amat", lines)
    with pytest.raises(ValueError, match=message) as raised:
        read_amat(path)
    assert str(raised.value).startswith(str(path))


def test_lines_are_counted_with_headers_and_blanks(tmp_path, lines):
    lines[1] = change(lines[1], 3, "x")
    with pytest.raises(ValueError, match="line 4, column 3"):
        read_amat(write(tmp_path / "x.amat", ["#size: 5 785", "", *lines]))


def test_shares_and_levels_do_not_mix(tmp_path, lines):
    lines[2] = change(lines[2], 11, "200")
    with pytest.raises(ValueError, match=r"found both \(line 1, column 1; line 3, column 11\)"):
        read_amat(write(tmp_path / "x.amat", [change(lines[0], 1, "0.25"), *lines[1:]]))


@pytest.mark.parametrize("lines", [[], ["# nothing"], ["", " "]])
def test_empty_files_are_refused(tmp_path, lines):
    with pytest.raises(ValueError, match="must hold at least one image"):
        read_amat(write(tmp_path / "x.amat", lines))


def test_a_binary_file_is_refused(tmp_path, rng):
    path = tmp_path / "x.amat"
    path.write_bytes(rng.bytes(5000))
    with pytest.raises(ValueError, match="line 1"):
        read_amat(path)
