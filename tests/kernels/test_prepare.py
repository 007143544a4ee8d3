"""The twin of `prepare` reads, scales and corrupts as the reference does, whatever the data and the threads."""

import numpy as np
import pytest

pytest.importorskip("numba")

from scratchdae.corruption import processes as reference
from scratchdae.datasets import to_float
from scratchdae.kernels import corruption as twin
from scratchdae.kernels.machine import threads

KINDS = [None, *reference.CORRUPTIONS]


def prepared(module, x, rows, dtype, kind, level, seed=5):
    rng = np.random.default_rng(seed)
    clean, x_tilde = (np.full((len(rows), *x.shape[1:]), -9, dtype) for _ in range(2))
    module.prepare(x, rows, clean, x_tilde, kind, level, rng)
    return clean, x_tilde, rng.bit_generator.state


def agree(x, rows, dtype, kind, level):
    (clean, x_tilde, state), (clean_twin, x_tilde_twin, state_twin) = (
        prepared(module, x, rows, dtype, kind, level) for module in (reference, twin)
    )
    assert state == state_twin
    np.testing.assert_array_equal(clean, clean_twin)
    np.testing.assert_array_equal(clean, to_float(x[rows], dtype))
    if kind == "gaussian":
        atol = 4e-15 * level  # and a last place of float32 now and then, where rounding was nearly even
        np.testing.assert_allclose(x_tilde, x_tilde_twin, rtol=2 * np.finfo(dtype).eps, atol=atol)
        assert dtype == np.float64 or np.mean(x_tilde.view(np.int32) != x_tilde_twin.view(np.int32)) < 1e-4
    else:
        np.testing.assert_array_equal(x_tilde, x_tilde_twin)
    return x_tilde


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_twin_draws_what_the_reference_draws(kind, dtype):
    rng = np.random.default_rng(1)
    for d in (1, 4, 49, 784, 10_000):
        x = rng.integers(0, 256, (40, d), dtype=np.uint8)
        for level in {0.0, 1 / d, 0.25, 0.5, 1 - 1 / d, 1.0}:
            agree(x, rng.permutation(40)[:17], dtype, kind, level)


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_threads_and_any_stretch_give_the_same(kind, monkeypatch):
    x = np.random.default_rng(2).integers(0, 256, (500, 784), dtype=np.uint8)
    rows, found = np.random.default_rng(3).permutation(500)[:400], []
    for count in (1, 2, 3, 8):
        monkeypatch.setattr(threads, "count", lambda count=count: count)
        found.append(prepared(twin, x, rows, np.float32, kind, 0.3)[:2])
    rng, clean, x_tilde = (
        np.random.default_rng(5),
        np.empty((400, 784), np.float32),
        np.full((400, 784), -9, np.float32),
    )
    for start, stop in ((0, 1), (1, 120), (120, 400)):
        part = slice(start, stop)
        twin.prepare(x, rows[part], clean[part], x_tilde[part], kind, 0.3, rng)
    for other in (*found[1:], (clean, x_tilde)):
        np.testing.assert_array_equal(found[0][0], other[0])
        np.testing.assert_array_equal(found[0][1], other[1])


def images(tmp_path):
    rng = np.random.default_rng(4)
    x, wide = rng.random((30, 6, 5)), rng.integers(0, 256, (60, 12, 5), dtype=np.uint8)
    np.save(tmp_path / "x.npy", wide)
    locked = x.copy()
    locked.flags.writeable = False
    return {
        "float64": x,
        "float32": x.astype(np.float32),
        "float16": x.astype(np.float16),
        "of the other byte order": x.astype(x.dtype.newbyteorder()),
        "longdouble": x.astype(np.longdouble),
        "read-only": locked,
        "a memory map": np.load(tmp_path / "x.npy", mmap_mode="r"),
        "every other column": wide[:, ::2],
        "columns first": np.asfortranarray(wide),
        "backwards": wide[::-1],
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whatever_the_data_are(dtype, tmp_path):
    for name, x in images(tmp_path).items():
        before = np.array(x)
        agree(x, np.array([7, 0, 29, 7]), dtype, "masking", 0.4)
        np.testing.assert_array_equal(x, before, err_msg=name)


@pytest.mark.parametrize("kind", ["masking", "bernoulli", "salt_and_pepper", "gaussian"])
def test_what_is_not_a_number_stays_visible_where_it_is_not_destroyed(kind):
    x = np.random.default_rng(6).random((50, 20), np.float32)
    x[:, ::3], x[:, 1::3] = np.nan, -np.inf
    x_tilde = agree(x, np.arange(50), np.float32, kind, 0.5)
    if kind == "gaussian":
        assert np.isnan(x_tilde[:, ::3]).all()
    else:
        kept = np.isnan(x_tilde[:, ::3]).mean()
        assert 0.3 < kept < 0.7


@pytest.mark.parametrize(
    ("kind", "level"), [("masking", 1.1), ("bernoulli", -0.1), ("salt_and_pepper", np.nan), ("gaussian", -1)]
)
def test_a_level_out_of_range_is_refused_before_anything_is_drawn(kind, level):
    rng, x = np.random.default_rng(0), np.ones((3, 4))
    before = rng.bit_generator.state
    for module in (reference, twin):
        with pytest.raises(ValueError, match="must be a finite number, at least 0"):
            module.prepare(x, np.arange(3), x.copy(), x.copy(), kind, level, rng)
        assert rng.bit_generator.state == before


def test_a_read_only_array_is_not_compiled_anew(tmp_path):
    x, rows = np.random.default_rng(4).integers(0, 256, (9, 30), dtype=np.uint8), np.arange(9)
    np.save(tmp_path / "x.npy", x)
    expected = prepared(twin, x, rows, np.float32, "masking", 0.5)
    kernel = twin._KERNELS["masking"][0]
    if not hasattr(kernel, "signatures"):
        pytest.skip("numba is told not to compile")
    compiled = len(kernel.signatures)
    for mode in ("r", "c", "r+"):
        found = prepared(twin, np.load(tmp_path / "x.npy", mmap_mode=mode), rows, np.float32, "masking", 0.5)
        np.testing.assert_array_equal(found[1], expected[1])
    assert len(kernel.signatures) == compiled
