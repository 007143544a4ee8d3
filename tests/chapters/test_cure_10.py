"""Few rows are memorised: far lower in training than held out, shuffled columns as low; noise removes a part of it."""

import cures
import numpy as np
import pytest
import trainings

from scratchdae.datasets import redundant_columns

WIDTH, CODE, D, STEPS = 128, 4, 32, 700


@pytest.fixture(scope="module")
def rows():
    """80 rows, a fifth of which the cure holds out, and many more to judge by."""
    x, _ = redundant_columns(2080, D, CODE, np.random.default_rng(10), noise=0.3)
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    return x[:80], x[80:]


def test_pytorch(rows):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    x, others = map(torch.tensor, rows)

    def train(x, corrupt):
        torch.manual_seed(10)
        half = [nn.Linear(D, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CODE)]
        model = nn.Sequential(*half, nn.Linear(CODE, WIDTH), nn.ReLU(), nn.Linear(WIDTH, D))
        adam = torch.optim.Adam(model.parameters(), 5e-3)
        for step in range(STEPS):
            batch = x[torch.arange(32 * step, 32 * step + 32) % len(x)]
            adam.zero_grad()
            (model(corrupt(batch)) - batch).square().mean().backward()
            adam.step()
        return model

    def error(model):
        with torch.no_grad():
            return (model(others) - others).square().mean().item()

    found = cures.cure("10", "PyTorch", torch=torch, x=x, train=train)
    assert found["training"] < 0.3 * found["new"]
    assert found["on_shuffled"] < 0.3 * found["new"]
    assert error(found["repaired"]) < 0.9 * error(found["model"])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras' own configuration
def test_keras(rows):
    keras = trainings.single_keras(pytest)
    keras.utils.set_random_seed(10)
    layers, (x, others) = keras.layers, rows

    def train(model, x):
        model.compile(keras.optimizers.Adam(5e-3), "mse")
        model.fit(x, x, epochs=STEPS // 2, batch_size=32, verbose=0)
        return model

    half = [layers.Dense(WIDTH, "relu"), layers.Dense(CODE)]
    model = keras.Sequential([keras.Input((D,)), *half, layers.Dense(WIDTH, "relu"), layers.Dense(D)])
    found = cures.cure("10", "Keras", np=np, keras=keras, x=x, model=model, train=train)
    assert found["training"] < 0.3 * found["new"]
    assert found["on_shuffled"] < 0.3 * found["new"]
    errors = [np.square(net.predict(others, verbose=0) - others).mean() for net in (model, found["repaired"])]
    assert errors[1] < 0.9 * errors[0]
