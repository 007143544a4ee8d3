"""What only the compiled convolution has: tiles, threads and a small working set."""

import tracemalloc

import numpy as np
import pytest

from scratchdae.backend import using
from scratchdae.layers import Conv2D, Conv2DTranspose

numba = pytest.importorskip("numba")
from scratchdae.kernels.machine import registers, tile  # noqa: E402


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize(("outer", "inner"), [(1, 1), (3, 5), (2, 7)])
def test_a_tile_in_registers_is_what_its_definition_says(dtype, vectors, outer, inner, rng):
    @numba.njit
    def compiled(sums, x, w, outer, inner):
        tile.tile(vectors, sums, x, w, outer, inner)

    width = registers.lanes(dtype) * vectors
    x, w = (rng.normal(size=n).astype(dtype) for n in (200, 1200))
    starts = rng.integers(0, 100, tile.ROWS + 3)
    expected, found = (np.arange(3 + tile.ROWS * (width + 1), dtype=dtype) for _ in range(2))
    windows, walk = tile.Windows(x, starts, 3, 11, 2), tile.Walk(w, 5, 300, 40)
    tile.tile(vectors, registers.Rows(expected, 2, width + 1), windows, walk, outer, inner)
    compiled(registers.Rows(found, 2, width + 1), windows, walk, outer, inner)
    assert np.abs(found - expected).max() < (1e-4 if dtype == np.float32 else 1e-13)
    gaps = np.ones(len(found), bool)
    for p in range(tile.ROWS):
        gaps[2 + p * (width + 1) : 2 + p * (width + 1) + width] = False
    np.testing.assert_array_equal(found[gaps], np.arange(len(found), dtype=dtype)[gaps])  # nothing else is touched


@pytest.mark.parametrize("layer", [Conv2D(20, 3, 2), Conv2D(1), Conv2DTranspose(18, 3, 2)])
def test_the_number_of_threads_changes_no_bit(layer, rng, monkeypatch):
    params, x = layer.init((9, 8, 3), rng, np.float32), rng.normal(size=(7, 9, 8, 3)).astype(np.float32)
    results = []
    with using("numba"):
        for threads in (1, 2, 5):
            monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
            y, cache = layer.forward(params, x)
            dx, grads = layer.backward(cache, y)
            results.append((y, dx, grads["W"], grads["b"]))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("layer_class", [Conv2D, Conv2DTranspose])
def test_the_working_set_is_small(loops, layer_class, rng):
    """Less than the input again: patches of the whole batch would be nine times as much."""
    layer = layer_class(16)
    params, x = layer.init((96, 96, 16), rng, np.float32), rng.normal(size=(4, 96, 96, 16)).astype(np.float32)
    layer.backward(layer.forward(params, x)[1], x)  # compiles
    tracemalloc.start()
    y, cache = layer.forward(params, x)
    _, forward = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    dx, _ = layer.backward(cache, y)
    _, backward = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert forward - y.nbytes < 1.7 * x.nbytes  # measured: numpy 1.45, numba 0.01, plus what numba takes for itself
    assert backward - y.nbytes - dx.nbytes < 1.7 * x.nbytes
