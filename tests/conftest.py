"""Threads, hypothesis profiles, and what to do without an optional package."""

import os
import signal

# Two BLAS threads on a busy machine can be hundreds of times slower than one on small products.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# A script's background jobs are started deaf to Ctrl-C, and so would be the programs that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from optional_packages import require
from quick_chapters import Chapters

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("lowest", parent=settings.get_profile("ci"), max_examples=25)  # laws of another run as well
LOWEST = "DONE_WITHOUT" in os.environ  # the gate on the lowest versions
settings.load_profile(("lowest" if LOWEST else "ci") if os.environ.get("CI") else "default")

# Seconds of a core that a file takes, of those that take long: begun first, they leave no core idle at the end.
LONG = {
    "tests/doctor/test_posted.py": 600,
    "tests/test_chapters.py": 350,
    "tests/chapters/test_planted.py": 300,
    "tests/doctor/test_posted_keras.py": 130,
    "tests/kernels/test_fused_steps.py": 60,
}


def pytest_collection_modifyitems(items):
    """Let long files come first, as far as the workers leave the order as it is."""
    items.sort(key=lambda item: -LONG.get(item.nodeid.partition("::")[0], 0))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2008)


@pytest.fixture(scope="session")
def quick_chapters():
    """What runs a quick chapter without importing everything anew."""
    chapters = Chapters()
    yield chapters
    chapters.close()


@pytest.fixture(scope="session")
def torch():
    return require("torch")


@pytest.fixture
def jax():
    """JAX in double precision, which it does not have by default; each time, for others set it for the process."""
    jax = require("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


@pytest.fixture
def optax(jax):
    del jax
    return require("optax")


@pytest.fixture
def keras(jax):
    """Keras in double precision, computing with JAX."""
    del jax
    os.environ["KERAS_BACKEND"] = "jax"
    keras = require("keras")
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")  # which remembers the precision that it was first asked in
    return keras


@pytest.fixture(params=["numpy", "numba"])
def backend(request):
    if request.param == "numba":
        require("numba")
    return request.param


@pytest.fixture
def sgd_step(backend):
    """The training step of each backend: a twin runs the tests of its reference."""
    from scratchdae import autoencoder
    from scratchdae.backend import loops

    return loops(autoencoder, backend).sgd_step
