"""Patches of photographs: where they come from, which are left out, what is refused."""

import numpy as np
import pytest
from PIL import Image

from scratchdae.datasets.larochelle.patches import LEAST_DEVIATION, deviations, draw_patches, lightened, photographs


def test_deviations_are_those_of_every_window(rng):
    image = rng.integers(0, 256, (11, 9), np.uint8)
    found = deviations(image, 4)
    windows = np.lib.stride_tricks.sliding_window_view(image, (4, 4))
    np.testing.assert_allclose(found, windows.std(axis=(2, 3)), rtol=1e-12)
    assert deviations(np.full((6, 6), 255, np.uint8), 5).max() == 0
    assert deviations(image, 10).size == 0


def test_patches_are_windows_that_vary_enough(rng):
    image = np.zeros((40, 60), np.uint8)
    image[:, 30:] = rng.integers(0, 256, (40, 30))
    smooth = np.full((40, 40), 90, np.uint8)
    patches = draw_patches([smooth, image], 5000, 8, rng, 60)
    windows = np.lib.stride_tricks.sliding_window_view(image, (8, 8)).reshape(-1, 64)
    allowed = {window.tobytes() for window in windows if window.std() >= 60}
    assert 0 < len(allowed) < len(windows)
    found = {patch.tobytes() for patch in patches}
    assert found <= allowed
    assert len(found) > 0.95 * len(allowed)  # all places are reached: 5000 draws of some 800


def test_photographs_are_chosen_equally_often_whatever_their_size(rng):
    small, large = rng.integers(0, 100, (20, 20), np.uint8), rng.integers(156, 256, (90, 90), np.uint8)
    patches = draw_patches([small, large], 4000, 10, rng, 5)
    assert abs((patches.max(axis=(1, 2)) < 100).mean() - 0.5) < 0.04


def test_lightened(rng):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (found,) = lightened([levels])
    assert found.dtype == np.uint8
    assert (found >= levels).all()
    assert (np.diff(found.ravel().astype(int)) >= 0).all()
    assert found.ravel()[[0, 16, 64, 128, 255]].tolist() == [0, 48, 111, 169, 255]  # 255 (p / 255) ** 0.6


def test_a_seed_decides(rng):
    image = rng.integers(0, 256, (50, 50), np.uint8)
    first, again, other = (draw_patches([image], 20, 28, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("image", [np.zeros((100, 100), np.uint8), np.eye(20, dtype=np.uint8) * np.uint8(255)])
def test_photographs_without_a_usable_patch_are_refused(rng, image):
    with pytest.raises(ValueError, match=f"patch of 28×28 .* at least {LEAST_DEVIATION:g}, found none in 1 images"):
        draw_patches([image], 3, 28, rng)


def test_reading(tmp_path, monkeypatch, rng):
    grey = rng.integers(0, 256, (30, 31), np.uint8)
    folder = tmp_path / "natural"
    folder.mkdir()
    Image.fromarray(grey).save(folder / "b.png")
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(folder / "A.PNG")
    (folder / "notes.txt").write_text("no picture")
    found = photographs(tmp_path)
    assert [image.dtype for image in found] == [np.uint8, np.uint8]
    for image in found:  # equal channels have their common level as luminance
        np.testing.assert_array_equal(image, grey)
    monkeypatch.setenv("SCRATCHDAE_DATA", str(tmp_path))
    assert len(photographs()) == 2
    (folder / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match=r"c\.png cannot be read as an image"):
        photographs(tmp_path)


def test_missing_photographs_are_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"photographs were not found in .*natural: put a few"):
        photographs(tmp_path)
