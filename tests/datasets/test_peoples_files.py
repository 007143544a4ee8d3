"""The one reader on files as people have them: shape, dtype, range, and what is said."""

import sys

import numpy as np
import peoples_files
import pytest
from optional_packages import require
from peoples_files import COLOUR, FLOATS, GREY, LABELS, ROWS

from scratchdae import datasets
from scratchdae.datasets.reading import large
from scratchdae.datasets.reading.oddities import examine


@pytest.fixture(autouse=True)
def _libraries():
    for name in ("h5py", "pyarrow", "scipy"):
        require(name)


@pytest.mark.parametrize("name", ROWS)
def test_a_file_is_read_or_refused_with_its_reason(name, tmp_path):
    row = ROWS[name]
    text = row.make(tmp_path)
    if row.shape is None:
        with pytest.raises(ValueError, match=r".") as raised:  # noqa: PT012  # pictures are decoded when they are taken
            stored = datasets.read(text, **row.options)
            stored.x[np.arange(len(stored.x))]
        assert row.said in str(raised.value)
        assert str(tmp_path) in str(raised.value)
        assert "\n" not in str(raised.value)
        return
    stored = datasets.read(text, **row.options)
    x = large.flat(stored.x)
    seen = examine(text, x, stored.image_shape is not None)
    assert stored.x.shape == row.shape
    assert x.dtype.isnative
    assert x.dtype == (row.dtype or x.dtype)
    assert x.dtype.kind == "f" or x.dtype == np.uint8
    for found, expected in ((seen.low, row.low), (seen.high, row.high)):
        if expected is not None:
            assert float(found) == pytest.approx(
                float(expected), abs=0.02 if row.shape[-1] in (10, 25, 512, 100) else 1e-6
            )
    said = stored.found(seen.low, seen.high)
    assert row.said in said
    assert said.startswith("×".join(map(str, row.shape)))
    assert "\n" not in said
    if row.image != "any":
        assert stored.image_shape == row.image


def test_there_are_as_many_as_were_tried():
    assert len(ROWS) >= 118


SAME = [name for name, row in ROWS.items() if row.shape == (12, 8, 8) and row.high == 255 and "1 bit" not in name]


@pytest.mark.parametrize("name", SAME)
def test_the_same_pictures_come_of_every_format(name, tmp_path):
    row = ROWS[name]
    x = large.flat(datasets.read(row.make(tmp_path), **row.options).x)
    np.testing.assert_array_equal(x, GREY.reshape(12, -1))


OTHERS = ("bool", "0 and 1", "sparse")
REAL = [name for name, row in ROWS.items() if (row.shape, row.low, row.high) == ((12, 10), 0, 1)]
REAL = [name for name in REAL if not any(other in name for other in OTHERS)]


@pytest.mark.parametrize("name", REAL)
def test_the_same_numbers_come_of_every_format(name, tmp_path):
    x = datasets.read(ROWS[name].make(tmp_path)).x
    np.testing.assert_allclose(x, FLOATS, rtol=0, atol=1e-3 if "float16" in name else 1e-7)


COLOURED = [name for name, row in ROWS.items() if (row.shape, row.high) == ((12, 8, 8, 3), 255)]


@pytest.mark.parametrize("name", COLOURED)
def test_the_same_colours_come_of_every_format(name, tmp_path):
    np.testing.assert_array_equal(large.flat(datasets.read(ROWS[name].make(tmp_path)).x), COLOUR.reshape(12, -1))


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("npz, x", LABELS), ("npz, Keras", LABELS), ("csv, Kaggle's digits", LABELS.astype(str)),
        ("parquet, lists", LABELS), ("amat", LABELS.astype(float).astype(str)), ("EMNIST", LABELS + 23),
        ("Fashion-MNIST, a folder", LABELS), ("png, class folders", ["a", "b"] * 6),
        ("csv, text for a label", ["setosa", "setosa", "virginica"]), ("npy, uint8", None),
    ],
)  # fmt: skip
def test_labels_are_read_when_they_are_asked_for(name, labels, tmp_path):
    found = datasets.read(ROWS[name].make(tmp_path), **ROWS[name].options).labels()
    if labels is None:
        assert found is None
    else:
        assert sorted(found) == sorted(labels)
        np.testing.assert_array_equal(found, labels if name != "png, class folders" else ["a"] * 6 + ["b"] * 6)


def test_the_pictures_are_upright_and_composited(tmp_path):
    upright = datasets.read(ROWS["png, EXIF orientation"].make(tmp_path)).x[np.arange(1)]
    np.testing.assert_array_equal(upright[0], GREY[0, :, :6])
    for alpha, behind in (("black", 0), ("white", 255)):
        (tmp_path / alpha).mkdir()
        row = ROWS[f"png, transparent on {alpha}"]
        pixels = datasets.read(row.make(tmp_path / alpha), **row.options).x[np.arange(1)]
        assert (pixels[0, :4] == behind).all()
        np.testing.assert_array_equal(pixels[0, 4:], COLOUR[0, 4:])


def test_a_transposed_set_is_transposed(tmp_path):
    row = ROWS["EMNIST"]
    np.testing.assert_array_equal(datasets.read(row.make(tmp_path), transpose=True).x, GREY[:, :6].swapaxes(1, 2))


def test_a_sparse_matrix_has_its_zeros(tmp_path):
    for form in ("csr", "coo"):
        x = datasets.read(ROWS[f"sparse, {form}"].make(tmp_path)).x
        np.testing.assert_array_equal(x, np.where(FLOATS > 0.7, FLOATS, 0))


def mapped(x):
    while isinstance(x, np.ndarray):
        if isinstance(x, np.memmap):
            return True
        x = x.base
    return False


def test_what_can_be_mapped_is_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr("scratchdae.datasets.reading.arrays._MAPPED", 0)
    names = [
        "npy, uint8",
        "npy, float64",
        "npy, channels first",
        "idx, bytes",
        "hdf5, only one",
        "npz, x",
        "npy, Fortran order",
    ]
    for name in names:
        (folder := tmp_path / name.replace(" ", "")).mkdir()
        assert mapped(datasets.read(ROWS[name].make(folder)).x), name


def test_a_damaged_array_of_a_mapped_archive_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("scratchdae.datasets.reading.arrays._MAPPED", 0)
    path = tmp_path / "a.npz"
    np.savez(path, x=FLOATS)
    content = bytearray(path.read_bytes())
    content[400] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz cannot be read: Bad CRC-32"):
        datasets.read(str(path))


@pytest.mark.parametrize(
    ("package", "name", "what"),
    [("h5py", "hdf5, only one", "an HDF5 file"), ("pyarrow", "parquet, lists", "a Parquet file"),
     ("scipy", "matlab 7.3", ""), ("scipy", "matlab 5, pixels", "a MATLAB file"), ("scipy", "sparse, csr", "a sparse")],
)  # fmt: skip
def test_a_library_that_is_not_there_is_named_with_its_extra(package, name, what, tmp_path, monkeypatch):
    text = ROWS[name].make(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda asked: None if asked == package else object())
    if not what:
        datasets.read(text)
        return
    with pytest.raises(ValueError, match=rf'{what}.* is read by {package}, .* pip install "scratchdae\[files\]"'):
        datasets.read(text)


def test_numbers_that_look_wrong_are_said():
    def notes(x, image=False, **options):
        return " | ".join(examine("x", np.asarray(x), image, **options).notes)

    rng = np.random.default_rng(0)
    assert "divided by 255 twice?" in notes(rng.random((20, 4)) / 255)
    assert "--scale 255 brings them" in notes(rng.integers(0, 256, (50, 9)).astype(float))
    assert "1 of 255: --scale 1 takes 0 and 1" in notes(rng.integers(0, 2, (50, 99), dtype=np.uint8))
    assert "whole numbers from 0.0 to 16.0: --scale 16" in notes(np.arange(17.0)[:, None] * [1, 0.5, 1] // 1)
    x = rng.random((20, 4))
    x[:, 2] = 0.5
    assert notes(x) == "1 of 4 columns are constant: 2"
    assert notes(x, names=["a", "b", "c", "d"]) == "1 of 4 columns are constant: c"
    assert notes(x, image=True) == ""
    assert notes(np.full((3, 2), 0.5)) == "every number is 0.5"
    assert notes(np.concatenate([x, x[:5]]), image=True) == "5 of 25 examples repeat another one"


def test_the_place_of_what_is_not_finite_is_that_of_the_file():
    x = np.zeros((4, 6))
    x[2, 5] = np.nan
    with pytest.raises(ValueError, match=r"found nan at \[30, 1, 2\], counted from 0 \(1 of 24 are not\)"):
        examine("x", x, True, rows=np.array([10, 20, 30, 40]), axes=(2, 3))


def test_a_bomb_is_not_unpacked(tmp_path):
    """A packed text of one line without an end, and a dataset whose pieces were never written."""
    import gzip

    import h5py

    with gzip.open(tmp_path / "a.csv.gz", "wb") as out:
        for _ in range(40):
            out.write(b"1" * 2**20)
    with pytest.raises(ValueError, match="line 1 must have fewer than"):
        datasets.read(str(tmp_path / "a.csv.gz"))
    with h5py.File(tmp_path / "a.h5", "w") as out:
        out.create_dataset("x", (10**7, 10**4), "f4", chunks=(100, 100), compression="gzip")
    with pytest.raises(ValueError, match=r"dataset x must be stored, found 0 bytes of shape \(10000000, 10000\)"):
        datasets.read(str(tmp_path / "a.h5"))


def test_a_large_conversion_is_kept_in_a_file(monkeypatch):
    monkeypatch.setattr(large, "_IN_MEMORY", 100)
    monkeypatch.setattr(large, "AT_A_TIME", 100)
    x = large.converted(GREY.astype(np.int64), np.uint8, lambda batch: batch.astype(np.uint8))
    assert isinstance(x, np.memmap)
    np.testing.assert_array_equal(x, GREY)


def test_the_reader_loads_none_of_the_libraries_before_they_are_needed():
    import subprocess

    code = "import sys; from scratchdae.datasets import read; read('digits')\n"
    code += "print([one for one in ('h5py', 'pyarrow', 'scipy', 'PIL') if one in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_table_has_every_family():
    families = ("ARRAYS", "PACKED", "IDX", "TABLES", "SCIENCE", "PICTURES", "SOUNDS")
    assert all(len(getattr(peoples_files, family)) >= 10 for family in families)
