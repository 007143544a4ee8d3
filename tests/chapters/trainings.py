"""Small trainings in the frameworks, for the tests of the chapters' cures."""

import os


def with_torch(torch, model, x, loss, *, target=None, optimizer=None, steps=100, batch_size=None, seed=0):
    """Train on batches of x, drawn in order from its start; return the last loss."""
    torch.manual_seed(seed)
    target = x if target is None else target
    optimizer = optimizer or torch.optim.Adam(model.parameters(), 1e-3)
    size = batch_size or len(x)
    for step in range(steps):
        rows = [(step * size + k) % len(x) for k in range(size)]
        value = loss(model(x[rows]), target[rows])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return value.item()


def single_keras(pytest):
    """Import Keras in single precision, computing with JAX; skip the test where either is not installed."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    pytest.importorskip(os.environ["KERAS_BACKEND"])
    keras = pytest.importorskip("keras")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    return keras
