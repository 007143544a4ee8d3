"""Chapter 04's lines on real frameworks: the excess of a run whose rate is too low, and of the repaired one."""

import numpy as np
import pytest
from cures import cure

K = 4


def data():
    """Six columns of structure in twenty, of which a linear code of four leaves a part."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 20)) + 0.1 * rng.normal(size=(500, 20))
    return (x - x.mean(axis=0)).astype(np.float32)


def test_pytorch(torch):
    torch.manual_seed(0)
    x = torch.from_numpy(data())

    def run(repaired):
        model = torch.nn.Sequential(torch.nn.Linear(20, K), torch.nn.Linear(K, 20))
        optimizer = torch.optim.Adam(model.parameters(), 1e-4)
        block = cure("04", "PyTorch", model=model, data=x, k=K, optimizer=optimizer)
        if not repaired:
            optimizer.param_groups[0]["lr"] = 1e-4
        for _ in range(400):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), x).backward()
            optimizer.step()
        return block["excess"]()

    assert run(repaired=False) > 0.5
    assert run(repaired=True) == pytest.approx(0, abs=0.01)


def test_keras(keras):
    x = data()

    def run(repaired):
        model = keras.Sequential([keras.layers.Dense(K), keras.layers.Dense(20)])
        model.compile(keras.optimizers.Adam(1e-4), "mse")
        model.build(x.shape)
        block = cure("04", "Keras", model=model, data=x, k=K)
        if not repaired:
            model.optimizer.learning_rate = 1e-4
        model.fit(x, x, epochs=40, batch_size=50, verbose=0)
        return block["excess"]()

    keras.utils.set_random_seed(0)
    assert run(repaired=False) > 0.5
    assert run(repaired=True) == pytest.approx(0, abs=0.01)
