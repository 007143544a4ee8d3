"""The pieces of products that no step tests alone."""

import numpy as np
import pytest

pytest.importorskip("numba")

import numba

from scratchdae.kernels.machine.panels import turn
from scratchdae.kernels.machine.registers import Rows, lanes


@numba.njit
def turned(c, at, c_row, w, j, w_row):
    turn(Rows(c, at, c_row), Rows(w, j, w_row))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_square_is_turned_over_and_nothing_else_is_touched(dtype):
    n = lanes(np.dtype(dtype))
    w, c = np.arange(3 * n * n, dtype=dtype), np.full(3 * n * n, -1, dtype)
    turned(c, n, 2 * n, w, 5, 3 * n - 5)
    square = np.lib.stride_tricks.as_strided(w[5:], (n, n), ((3 * n - 5) * w.itemsize, w.itemsize))
    target = np.lib.stride_tricks.as_strided(c[n:], (n, n), (2 * n * c.itemsize, c.itemsize))
    np.testing.assert_array_equal(target, square.T)
    assert (c == -1).sum() == len(c) - n * n
