"""The process that compiles the kernels and those that find them on the disk compute the same bits."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

PROGRAM = """
import hashlib
import numpy as np
from scratchdae.kernels.autoencoder import sgd_step
from scratchdae.kernels.layers import lstm

rng, T, B, H = np.random.default_rng(2), 12, 20, 33
shapes = {"W": (21, 19), "W_prime": (19, 21), "b": (19,), "b_prime": (21,)}
params = {name: rng.normal(size=shape) / 4 for name, shape in shapes.items()}
x = rng.random((9, 21))
sgd_step(params, x, x, 0.05, "squared_error")
gates, da = (rng.normal(size=(T, B, 4 * H)).astype(np.float32) for _ in range(2))
U, b = rng.normal(size=(H, 4 * H)).astype(np.float32) / H, rng.normal(size=4 * H).astype(np.float32)
h, c = (rng.normal(size=(T + 1, B, H)).astype(np.float32) for _ in range(2))
phi_c, delta, dc = (rng.normal(size=(T, B, H)).astype(np.float32) for _ in range(3))
lstm.forward_steps(gates, U, b, h, c, phi_c, "tanh")
dh = lstm.backward_steps(gates, U, c, phi_c, delta, dc[0], da, "tanh")
print(hashlib.sha256(b"".join(a.tobytes() for a in (*params.values(), gates, h, c, da, dh))).hexdigest())
"""


def test_the_same_bits_from_the_disk(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    environment.pop("NUMBA_DISABLE_JIT", None)
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout != ""
