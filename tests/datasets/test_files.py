"""What `floors` and `train` read alike; what either refuses, the tests of the two commands say."""

import argparse
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from scratchdae.cli import main, reading_options, training_data
from scratchdae.datasets import digits, files

X = np.random.default_rng(0).integers(0, 256, (6, 4, 5), dtype=np.uint8)


def options(*given):
    parser = argparse.ArgumentParser()
    reading_options.add(parser)
    return parser.parse_args(given)


def base(x):
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


@pytest.mark.parametrize("shape", [(6, 20), (6, 4, 5), (6, 3, 4, 5)])
def test_a_npy_file_is_mapped_also_where_its_channels_are_moved(shape, tmp_path):
    values = np.random.default_rng(0).random(shape)
    np.save(tmp_path / "x.npy", values)
    stored = files.read(str(tmp_path / "x.npy"))
    assert isinstance(base(stored.x), np.memmap)
    np.testing.assert_array_equal(stored.x, np.moveaxis(values, 1, -1) if len(shape) == 4 else values)
    assert stored.image_shape == {2: None, 3: (4, 5), 4: (4, 5, 3)}[len(shape)]


def test_of_a_folder_only_the_images_asked_for_are_decoded(tmp_path):
    for i, pixels in enumerate(X):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "4.png").write_bytes(b"no image at all")
    pictures = files.read(str(tmp_path)).x
    assert (len(pictures), pictures.shape) == (6, X.shape)
    np.testing.assert_array_equal(pictures[np.array([1, 5])], X[[1, 5]])
    with pytest.raises(ValueError, match=r"4\.png cannot be read as an image"):
        pictures[np.array([4])]


def test_a_name_is_a_set_only_where_it_is_asked_for():
    stored = files.read("digits")
    np.testing.assert_array_equal(stored.x, digits().x_train)
    np.testing.assert_array_equal(stored.test, digits().x_test)
    with pytest.raises(FileNotFoundError):
        files.read("mnist", sets=("digits",))


def test_train_takes_an_array_by_its_name_too(tmp_path, capsys):
    np.savez(tmp_path / "two.npz", a=X[:2], b=X)
    data = training_data.load(f"{tmp_path / 'two.npz'}:b", options(), validation=0)
    np.testing.assert_array_equal(data.train, X.reshape(6, -1))
    assert main(["train", "--data", f"{tmp_path / 'two.npz'}:c", "--out", str(tmp_path / "run")]) == 2
    assert "must hold an array named c, found a, b" in capsys.readouterr().err


def test_no_more_is_unpacked_of_a_npz_file_than_its_header_promises(tmp_path, monkeypatch):
    """200 MB that are no array, and an array with 200 MB behind it."""
    header = io.BytesIO()
    np.save(header, X)
    unpacked = []
    read = zipfile.ZipExtFile.read

    def counted(self, n=-1):
        unpacked.append(len(content := read(self, n)))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    for name, content in (("text", b""), ("behind", header.getvalue())):
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", content + bytes(2 * 10**8))
    with pytest.raises(ValueError, match=r"text\.npz cannot be read: .*magic string"):
        files.read(str(tmp_path / "text.npz"))
    np.testing.assert_array_equal(files.read(str(tmp_path / "behind.npz")).x, X)
    assert sum(unpacked) < 10**6
