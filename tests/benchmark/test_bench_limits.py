"""What the machine could do: each library's matrix product, and what the fastest would allow."""

import dataclasses

import numpy as np
import pytest
from planted_competitors import competitor, raising, who

from scratchdae import autoencoder
from scratchdae.benchmark import limits
from scratchdae.benchmark.competitors import PEERS, SCRATCHDAE
from scratchdae.benchmark.competitors.competitor import Gemm
from scratchdae.benchmark.works.denoising import PIXELS


def test_the_dense_limit_is_the_fastest_library_by_five_products():
    found = limits.Limits({"numpy": 100.0, "torch": 50.0}, 1.0)
    assert found.dense(PIXELS.operations(500)) == pytest.approx(100e9 / (10 * 784 * 500))
    both = found.best(limits.Limits({"numpy": 90.0, "torch": 120.0, "jax": 10.0}, 5.0))
    assert both == limits.Limits({"numpy": 100.0, "torch": 120.0, "jax": 10.0}, 5.0)
    assert both.fastest == "torch"


@pytest.mark.parametrize("name", ["torch", "jax", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_product_of_each_library_is_measured(name, dtype, rng):
    found = limits.measure([who(name), SCRATCHDAE], dtype, 1, side=64, nbytes=2**16)
    assert set(found.gflops) == set(found.blas) == {"numpy", name}
    assert min(*found.gflops.values(), found.gbytes) > 0
    assert f"{name} ({found.blas[name]})" in str(found)
    a, b = (rng.random((9, 9)).astype(dtype) for _ in range(2))
    result = np.asarray(PEERS[name].gemm.prepare(a, b, 1)())
    assert result.dtype == dtype
    np.testing.assert_allclose(result, a @ b, rtol=1e-5)


def test_a_product_that_raises_is_left_out():
    broken = dataclasses.replace(competitor("broken", autoencoder.sgd_step), gemm=Gemm(str, raising))
    found = limits.measure([broken], "float32", 1, side=16, nbytes=2**16)
    assert set(found.gflops) == {"numpy"}
    assert found.failed == {"broken": "RuntimeError: the machine is on fire"}
    assert found.best(limits.Limits({"numpy": 1.0}, 1.0)).failed == found.failed
