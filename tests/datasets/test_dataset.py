"""Data sets refuse arrays that do not belong together; grey levels scale to [0, 1]."""

import dataclasses

import numpy as np
import pytest

from scratchdae.datasets import Dataset, ThreePartDataset, digits, to_float

GOOD = {
    "name": "toy",
    "x_train": np.zeros((3, 4), np.uint8),
    "t_train": np.array([0, 1, 2]),
    "x_test": np.zeros((2, 4), np.uint8),
    "t_test": np.array([0, 1], np.uint8),
    "image_shape": (2, 2),
}


def test_a_dataset_is_frozen():
    data = Dataset(**GOOD)
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("x_train", np.zeros((3, 5), np.uint8), r"x_train must be uint8 with 4 columns .* found shape \(3, 5\)"),
        ("x_train", np.zeros((3, 2, 2), np.uint8), r"x_train must be .* found shape \(3, 2, 2\)"),
        ("x_test", np.zeros((2, 4)), "x_test must be uint8 .* dtype float64"),
        ("t_test", np.zeros(3, int), r"t_test .* each of the 2 images of x_test, found shape \(3,\)"),
        ("t_train", np.zeros(3), "t_train must hold one integer label .* dtype float64"),
    ],
)
def test_arrays_must_belong_together(field, value, message):
    with pytest.raises(ValueError, match=message):
        Dataset(**{**GOOD, field: value})


THREE = {**GOOD, "x_valid": np.zeros((1, 4), np.uint8), "t_valid": np.array([2])}


def test_a_third_part_is_a_data_set_too():
    data = ThreePartDataset(**THREE)
    assert isinstance(data, Dataset)
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.x_valid = data.x_test


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("x_valid", np.zeros((1, 5), np.uint8), r"x_valid must be uint8 with 4 columns .* found shape \(1, 5\)"),
        ("t_valid", np.zeros(2, int), r"t_valid .* each of the 1 images of x_valid, found shape \(2,\)"),
        ("x_test", np.zeros((2, 4)), "x_test must be uint8 .* dtype float64"),
    ],
)
def test_three_parts_must_belong_together(field, value, message):
    with pytest.raises(ValueError, match=message):
        ThreePartDataset(**{**THREE, field: value})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_grey_levels_become_their_share_of_white(dtype):
    x = to_float(np.arange(256, dtype=np.uint8), dtype)
    assert x.dtype == dtype
    np.testing.assert_array_equal(x, np.array([np.float64(i) / 255 for i in range(256)]).astype(dtype))
    assert (x[0], x[255]) == (0, 1)


def test_float64_is_the_default():
    assert to_float(np.zeros(2, np.uint8)).dtype == np.float64


def test_floats_are_cast_and_not_scaled():
    x = np.array([0.25, 300.0, np.nan])
    assert to_float(x) is x
    np.testing.assert_array_equal(to_float(x, np.float32), x.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("side", [28, 14, 7])
def test_images_are_shrunk_by_the_means_of_blocks_in_the_target_s_precision(dtype, side):
    x = digits().x_train[:50]
    block = 28 // side
    expected = to_float(x, dtype).reshape(-1, side, block, side, block).mean(axis=(2, 4)).reshape(-1, side**2)
    for images in (x, x.reshape(-1, 28, 28), to_float(x, dtype)):
        shrunk = to_float(images, dtype, side)
        assert shrunk.dtype == dtype
        np.testing.assert_array_equal(shrunk, expected)
    assert to_float(x[:0], dtype, side).shape == (0, side**2)


@pytest.mark.parametrize("shape", [(784,), (2, 783), (2, 14, 56), (2, 4, 4)])
def test_images_that_cannot_be_shrunk_are_refused(shape):
    with pytest.raises(ValueError, match="x must hold square images, their sides a multiple of side = 14, found shape"):
        to_float(np.zeros(shape), side=14)


@pytest.mark.parametrize("dtype", [bool, np.int64, np.int8, np.uint16, complex, object])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(ValueError, match=r"x must be uint8 grey levels .* or floating-point, found dtype"):
        to_float(np.zeros(2, dtype))


@pytest.mark.parametrize("dtype", [np.uint8, int, complex, bool])
def test_the_target_must_be_floating(dtype):
    with pytest.raises(ValueError, match=r"dtype must be a (real )?floating-point dtype"):
        to_float(np.zeros(2, np.uint8), dtype)
