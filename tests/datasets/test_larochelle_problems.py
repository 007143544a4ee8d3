"""The eight problems as data sets: sizes, seeds, which digits are where, and what is refused."""

import hashlib
import os

import numpy as np
import pytest
from PIL import Image

from scratchdae.datasets import ThreePartDataset, larochelle, locate_mnist, mnist
from scratchdae.datasets.larochelle import PROBLEMS
from scratchdae.datasets.larochelle.patches import lightened

DIGITS = ("basic", "rot", "bg-rand", "bg-img", "rot-bg-img")
SIZES = (3, 2, 2)  # all seven digits of the small MNIST


@pytest.fixture
def root(tmp_path, packed):
    """A folder with a small MNIST and one photograph."""
    (tmp_path / "mnist").mkdir()
    for name, content in packed.items():
        (tmp_path / "mnist" / name).write_bytes(content)
    (tmp_path / "natural").mkdir()
    texture = np.random.default_rng(1).integers(0, 256, (60, 60), np.uint8)
    Image.fromarray(texture).save(tmp_path / "natural" / "texture.png")
    return tmp_path


def parts(data):
    return {name: getattr(data, name) for name in ("x_train", "t_train", "x_valid", "t_valid", "x_test", "t_test")}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_seed_decides_every_byte(problem, root):
    data, again, other = (larochelle(problem, seed, root, SIZES) for seed in (3, 3, 4))
    assert isinstance(data, ThreePartDataset)
    assert (data.name, data.image_shape) == (problem, (28, 28))
    assert [len(data.x_train), len(data.x_valid), len(data.x_test)] == list(SIZES)
    for name, array in parts(data).items():
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, parts(again)[name])
    assert any((array != parts(other)[name]).any() for name, array in parts(data).items())


def test_every_digit_is_in_one_part_with_its_label(root):
    original = mnist(root / "mnist")
    known = {
        x.tobytes(): t
        for xs, ts in ((original.x_train, original.t_train), (original.x_test, original.t_test))
        for x, t in zip(xs, ts, strict=True)
    }
    data = larochelle("basic", 0, root, SIZES)
    found = [
        (x.tobytes(), t)
        for part in ("train", "valid", "test")
        for x, t in zip(getattr(data, f"x_{part}"), getattr(data, f"t_{part}"), strict=True)
    ]
    assert dict(found) == known  # all seven, so none twice


def test_the_digit_problems_share_what_they_have_in_common(root):
    basic, rot, rand, img, rot_img = (larochelle(problem, 5, root, SIZES) for problem in DIGITS)
    for data in (rot, rand, img, rot_img):
        np.testing.assert_array_equal(data.t_test, basic.t_test)
    for data, digit in ((rand, basic), (img, basic), (rot_img, rot)):
        for part, array in parts(data).items():
            if part.startswith("x"):
                assert (array >= parts(digit)[part]).all()  # the lighter of digit and background
                assert (array[parts(digit)[part] == 255] == 255).all()
                assert (array > parts(digit)[part]).any()
    # Where the photograph is lighter than both digits it shows, and it is the same one, lightened.
    shows = (img.x_train > basic.x_train) & (rot_img.x_train > rot.x_train)
    assert shows.sum() > 100
    np.testing.assert_array_equal(img.x_train[shows], rot_img.x_train[shows])
    (levels,) = lightened([np.arange(256, dtype=np.uint8)])
    assert set(img.x_train[shows]) <= set(levels)
    assert not set(rand.x_train[rand.x_train > basic.x_train]) <= set(levels)


def test_what_was_not_calibrated_anew_is_the_same_as_ever(root):
    """The bytes of the first version of this project; not those of rot, whose cosines are the machine's."""
    found = {
        problem: hashlib.sha256(larochelle(problem, 0, root, SIZES).x_train.tobytes()).hexdigest()[:16]
        for problem in ("basic", "bg-rand", "rect")
    }
    assert found == {"basic": "65c5fe7c8b02b93d", "bg-rand": "176a83a5ccb089d0", "rect": "7be518673fd5720f"}


@pytest.mark.parametrize("problem", ["rect", "convex"])
def test_shapes_need_no_data(problem, tmp_path):
    data = larochelle(problem, root=tmp_path, sizes=(30, 10, 20))
    assert set(np.unique(data.x_train)) == {0, 255}
    assert set(data.t_train) == {0, 1}
    assert not (data.x_train[:10] == data.x_valid).all()


def test_sizes_are_the_published_ones():
    assert {name: sum(problem.sizes) for name, problem in PROBLEMS.items()} == {
        "basic": 62_000, "rot": 62_000, "bg-rand": 62_000, "bg-img": 62_000, "rot-bg-img": 62_000,
        "rect": 51_200, "rect-img": 62_000, "convex": 58_000,
    }  # fmt: skip
    data = larochelle("rect")
    assert [len(x) for x in parts(data).values()] == [1000, 1000, 200, 200, 50_000, 50_000]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rects",), "problem must be one of 'basic', .*'convex', found 'rects'"),
        (("rect", -1), "seed must be an integer of at least 0, found -1"),
        (("rect", 0, None, (3, 2)), r"sizes must be three numbers .*, found \(3, 2\)"),
        (("rect", 0, None, (3, 0, 2)), "sizes must be an integer of at least 1, found 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        larochelle(*arguments)


def test_more_digits_than_there_are_are_refused(root):
    with pytest.raises(ValueError, match="sizes must add up to at most the 7 digits of MNIST, found 8"):
        larochelle("rot", 0, root, (4, 2, 2))


def test_missing_data_are_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match="MNIST was not found"):
        larochelle("basic", root=tmp_path / "nowhere", sizes=SIZES)
    (root / "natural" / "texture.png").unlink()
    with pytest.raises(FileNotFoundError, match="photographs were not found"):
        larochelle("bg-img", root=root, sizes=SIZES)


def test_the_real_digits_and_photographs():
    """Moments that the recipes imply, on the data that people will use."""
    data = os.environ.get("SCRATCHDAE_DATA")
    if not data or locate_mnist() is None or not os.path.isdir(os.path.join(data, "natural")):  # noqa: PTH112, PTH118
        pytest.skip("SCRATCHDAE_DATA does not hold mnist and natural")
    grey = {problem: larochelle(problem, sizes=(6000, 1, 1)).x_train / 255 for problem in (*DIGITS, "rect-img")}
    mean = {problem: x.mean() for problem, x in grey.items()}
    assert abs(mean["basic"] - 0.1307) < 0.003
    assert abs(mean["rot"] / mean["basic"] - 1) < 0.003  # digits turn within their images
    assert abs(grey["rot"].std() - 0.290) < 0.003
    # The lighter of a digit's pixel d and a uniform grey level is (1 + d²) / 2 on average.
    assert abs(mean["bg-rand"] - (1 + (grey["basic"] ** 2).mean()) / 2) < 0.001
    assert 0.53 < mean["bg-img"] < 0.58
    assert (grey["rect-img"].std(axis=1) > 0.03).all()
