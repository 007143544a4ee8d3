"""What the tests of the doctor share."""

import os

import pytest
from optional_packages import require


@pytest.fixture
def keras():
    """Keras in single precision, on JAX or on the backend that it was imported with; as it was, afterwards."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    if os.environ["KERAS_BACKEND"] == "jax":
        require("jax")
    keras = require("keras")
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")  # which remembers the precision that it was first asked in
    yield keras
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
