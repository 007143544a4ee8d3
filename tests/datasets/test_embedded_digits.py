"""The frozen digits: whole, balanced, checked, and reproducible from their seed."""

import subprocess
import sys

import numpy as np
import pytest

from scratchdae.datasets import digits, embedded_digits, freeze_digits


def test_sizes_and_balance():
    data = digits()
    assert (data.name, data.image_shape) == ("digits", (28, 28))
    assert (data.x_train.shape, data.x_test.shape) == ((4000, 784), (1000, 784))
    assert data.x_train.dtype == data.t_train.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(data.t_train), [400] * 10)
    np.testing.assert_array_equal(np.bincount(data.t_test), [100] * 10)


def test_they_are_shuffled():
    """Were the labels sorted, nearly all neighbours would agree; in random order a tenth of them do."""
    t = digits().t_train
    assert 0.07 < (t[1:] == t[:-1]).mean() < 0.13


def test_training_and_test_images_differ():
    data = digits()
    together = np.concatenate([data.x_train, data.x_test])
    assert len(np.unique(together, axis=0)) == 5000


def test_each_call_returns_arrays_of_its_own():
    first = digits()
    first.x_train[:] = 0
    assert digits().x_train.any()


def test_the_nearest_neighbour_is_usually_right_but_not_always():
    """Neither ambiguous nor trivial: the docstring's number, within what a test of 1,000 can tell."""
    data = digits()
    x, y = data.x_train.astype(np.float32) / 255, data.x_test.astype(np.float32) / 255
    nearest = np.argmin((x**2).sum(axis=1) - 2 * y @ x.T, axis=1)
    accuracy = (data.t_train[nearest] == data.t_test).mean()
    assert 0.97 < accuracy < 0.99


def test_the_file_is_small():
    assert embedded_digits._FILE.stat().st_size < 400_000


def test_a_tampered_file_is_refused(tmp_path, monkeypatch):
    content = bytearray(embedded_digits._FILE.read_bytes())
    content[len(content) // 2] ^= 1
    tampered = tmp_path / "digits.npz"
    tampered.write_bytes(content)
    monkeypatch.setattr(embedded_digits, "_FILE", tampered)
    with pytest.raises(
        ValueError, match=rf"digits\.npz is damaged: its sha256 must be {embedded_digits.SHA256}, found"
    ):
        digits()


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded_digits, "_FILE", tmp_path / "digits.npz")
    with pytest.raises(FileNotFoundError, match=r"missing at .*digits\.npz"):
        digits()


def test_the_generator_still_draws_the_frozen_digits(tmp_path):
    """Labels bit for bit; of the pixels one in 10,000 may be off by one of the 16 grey levels.

    The tolerance is for other processors, whose sines differ in the last bit, which can tip a rounding. A changed
    generator moves far more than that.
    """
    freeze_digits(tmp_path / "again.npz")
    frozen = digits()
    with np.load(tmp_path / "again.npz", allow_pickle=False) as again:
        for part in ("train", "test"):
            np.testing.assert_array_equal(again[f"t_{part}"], getattr(frozen, f"t_{part}"))
            off = np.abs(again[f"x_{part}"].astype(int) - getattr(frozen, f"x_{part}").astype(int))
            assert off.max() <= 17
            assert (off > 0).mean() <= 1e-4


def test_freezing_is_deterministic_and_leaves_nothing_else(tmp_path):
    first, second = (freeze_digits(tmp_path / name) for name in ("a.npz", "b.npz"))
    assert first == second
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "digits.npz"
    target.write_bytes(b"old")

    def fail(_):
        raise OSError("no space left")

    monkeypatch.setattr(embedded_digits.os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        freeze_digits(target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_importing_the_package_loads_nothing_heavy():
    program = (
        "import sys, scratchdae.datasets; "
        "print(sorted({'pooch', 'requests', 'numba', 'scipy', 'matplotlib', 'tqdm', 'torch'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
