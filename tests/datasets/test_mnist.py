"""MNIST: found where it is said to be looked for, read whole, refused when unsound."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pytest

from scratchdae.datasets import locate_mnist, mnist, mnist_files


def write(directory, files):
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return directory


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def pixels(content):
    return np.frombuffer(content[16:], np.uint8).reshape(-1, 784)


def assert_is(data, small_mnist):
    assert (data.name, data.image_shape) == ("mnist", (28, 28))
    np.testing.assert_array_equal(data.x_train, pixels(small_mnist["train-images-idx3-ubyte"]))
    np.testing.assert_array_equal(data.x_test, pixels(small_mnist["t10k-images-idx3-ubyte"]))
    np.testing.assert_array_equal(data.t_train, [3, 1, 4, 1, 9])
    np.testing.assert_array_equal(data.t_test, [0, 7])


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("pack", [False, True])
def test_every_way_to_name_and_pack_the_files(tmp_path, small_mnist, packed, dotted, pack):
    files = packed if pack else small_mnist
    if dotted:
        files = {name.replace("-idx", ".idx"): content for name, content in files.items()}
    assert_is(mnist(write(tmp_path, files)), small_mnist)


def test_the_content_decides_whether_a_file_is_gzip(tmp_path, small_mnist):
    """Browsers unpack a .gz and keep its name."""
    write(tmp_path, {f"{name}.gz": content for name, content in small_mnist.items()})
    assert_is(mnist(tmp_path), small_mnist)


def test_root_then_variable_then_cache(tmp_path, monkeypatch, no_mnist_here, packed):
    assert locate_mnist() is None
    write(no_mnist_here, packed)
    assert locate_mnist().root == no_mnist_here
    monkeypatch.setenv("SCRATCHDAE_DATA", str(tmp_path / "data"))
    assert locate_mnist().root == no_mnist_here  # the variable's directory is empty
    write(tmp_path / "data" / "mnist", packed)
    assert locate_mnist().root == tmp_path / "data" / "mnist"
    assert locate_mnist(tmp_path / "elsewhere") is None  # a root that is given is the only place
    assert locate_mnist(write(tmp_path / "elsewhere", packed)).root == tmp_path / "elsewhere"


def test_an_empty_variable_is_no_directory(tmp_path, monkeypatch, no_mnist_here, packed):
    monkeypatch.setenv("SCRATCHDAE_DATA", "")
    write(tmp_path / "mnist", packed)
    monkeypatch.chdir(tmp_path)  # where an empty variable, taken for a path, would find mnist
    write(no_mnist_here, packed)
    assert locate_mnist().root == no_mnist_here


def test_three_files_are_not_mnist(tmp_path, packed):
    write(tmp_path, packed)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    assert locate_mnist(tmp_path) is None
    with pytest.raises(FileNotFoundError, match=r"lacks t10k-labels-idx1-ubyte\)"):
        mnist(tmp_path)


def test_the_error_names_the_places_and_the_command(tmp_path, monkeypatch, no_mnist_here):
    monkeypatch.setenv("SCRATCHDAE_DATA", str(tmp_path / "data"))
    with pytest.raises(FileNotFoundError) as raised:
        mnist()
    message = str(raised.value)
    assert str(tmp_path / "data" / "mnist") in message
    assert str(no_mnist_here) in message
    assert "scratchdae data fetch mnist" in message
    assert "\n" not in message


def test_published_says_which_files_differ(tmp_path, monkeypatch, small_mnist, packed, published):
    monkeypatch.setattr(mnist_files, "PUBLISHED", published)
    write(tmp_path, packed)
    assert locate_mnist(tmp_path).published() == dict.fromkeys(packed, True)
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(idx(np.array([0, 8], np.uint8))))
    assert locate_mnist(tmp_path).published() == {**dict.fromkeys(packed, True), labels.name: False}
    assert mnist(tmp_path).t_test[1] == 8  # accepted all the same
    labels.unlink()
    write(tmp_path, {"t10k-labels.idx1-ubyte": small_mnist["t10k-labels-idx1-ubyte"]})
    assert locate_mnist(tmp_path).published()["t10k-labels.idx1-ubyte"]


def test_a_local_copy_is_found_without_pooch(tmp_path, packed):
    write(tmp_path / "mnist", packed)
    program = "import sys; from scratchdae.datasets import mnist; mnist(); print('pooch' in sys.modules)"
    environment = {**os.environ, "SCRATCHDAE_DATA": str(tmp_path)}
    run = [sys.executable, "-c", program]
    found = subprocess.run(run, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "train-images-idx3-ubyte",
            np.zeros((5, 27, 28)),
            r"images must have shape \(n, 28, 28\).* found \(5, 27, 28\)",
        ),
        ("train-images-idx3-ubyte", np.zeros((5, 784)), r"found \(5, 784\)"),
        ("t10k-images-idx3-ubyte", np.zeros((0, 28, 28)), r"n at least 1, found \(0, 28, 28\)"),
        ("t10k-images-idx3-ubyte", np.zeros((3, 28, 28)), "one label for each of the 3 images .*, found 2"),
        ("train-labels-idx1-ubyte", np.zeros(4), "one label for each of the 5 images .*, found 4"),
        ("train-labels-idx1-ubyte", np.zeros(6), "one label for each of the 5 images .*, found 6"),
        ("train-labels-idx1-ubyte", np.zeros((5, 1)), r"one list of numbers, found shape \(5, 1\)"),
        ("t10k-labels-idx1-ubyte", np.array([3, 10]), "digits from 0 to 9, found 10"),
    ],
)
def test_unsound_files_are_refused(tmp_path, small_mnist, name, array, message):
    write(tmp_path, {**small_mnist, name: idx(array.astype(np.uint8))})
    with pytest.raises(ValueError, match=message) as raised:
        mnist(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_swapped_images_and_labels_are_noticed(tmp_path, small_mnist):
    images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    write(tmp_path, {**small_mnist, images: small_mnist[labels], labels: small_mnist[images]})
    with pytest.raises(ValueError, match="images must have shape"):
        mnist(tmp_path)


def test_the_real_files():
    """The sizes, the order and the grey levels that everyone knows."""
    if not os.environ.get("SCRATCHDAE_DATA"):
        pytest.skip("SCRATCHDAE_DATA is not set: no MNIST to read")
    files = locate_mnist()
    if files is None:
        pytest.skip("MNIST is not in $SCRATCHDAE_DATA/mnist")
    data = mnist()
    assert (data.x_train.shape, data.x_test.shape) == ((60000, 784), (10000, 784))
    assert data.t_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.t_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(data.t_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert abs(data.x_train.mean() / 255 - 0.1307) < 1e-4
    checked = list(files.published().values())
    assert len(checked) == 4
    assert all(checked[1:])  # the training images here may be a copy that differs by one grey level in places
