"""What chapter 25 offers for PyTorch and Keras counts the dead units of a network there, and repairs it."""

import numpy as np
import pytest
from cures import cure

from scratchdae.datasets import digits, to_float

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own


@pytest.fixture(scope="module")
def x():
    """Draw ink on white."""
    images = to_float(digits().x_train[:1000]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    return (1 - images).astype(np.float32)


def test_pytorch(torch, x):
    torch.manual_seed(0)
    x = torch.tensor(x)

    def train(model, x, lr):
        optimizer, loss = torch.optim.SGD(model.parameters(), lr=lr), torch.nn.MSELoss()
        for _ in range(20):
            for batch in torch.randperm(1000).split(20):
                optimizer.zero_grad()
                loss(model(x[batch]), x[batch]).backward()
                optimizer.step()
        return loss(model(x), x).item() / x.var(dim=0, correction=0).mean().item()

    model = torch.nn.Sequential(torch.nn.Linear(196, 128), torch.nn.ReLU(), torch.nn.Linear(128, 196))
    torch.nn.init.kaiming_normal_(model[0].weight)
    broken = train(model, x, 10.0)
    names = cure("25", "PyTorch", torch=torch, model=model, x=x)
    assert names["dead"] > 115
    assert broken == pytest.approx(1, abs=0.05)
    assert train(names["model"], names["x"], 1.0) < 0.6


def test_keras(keras, x):
    keras.utils.set_random_seed(0)

    def train(model, x, lr):
        model.compile(keras.optimizers.SGD(lr), "mse")
        model.fit(x, x, batch_size=20, epochs=12, verbose=0)
        return float(((model.predict(x, verbose=0) - x) ** 2).mean() / x.var(axis=0).mean())

    hidden = keras.layers.Dense(128, activation="relu", kernel_initializer="he_normal")
    model = keras.Sequential([keras.Input((196,)), hidden, keras.layers.Dense(196)])
    broken = train(model, x, 3.0)
    names = cure("25", "Keras", keras=keras, model=model, x=x)
    assert names["dead"] > 115
    assert broken == pytest.approx(1, abs=0.05)
    assert train(names["model"], names["x"], 1.0) < 0.7
