"""Chapter 18's lines on real frameworks: Q1a stops after forty steps at full speed; trained on, it slows."""

import numpy as np
import pytest
from cures import cure

from scratchdae import floors

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
STEPS = 4


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((100, 10)).astype(np.float32)


def test_pytorch(torch, x):
    torch.manual_seed(0)
    x, loss_fn = torch.tensor(x), torch.nn.MSELoss()
    model = torch.nn.Sequential(torch.nn.Linear(10, 5), torch.nn.ReLU(), torch.nn.Linear(5, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def train(epochs):
        losses = []
        for _ in range(epochs):
            for batch in x[torch.randperm(100)].split(32):
                optimizer.zero_grad()
                loss_fn(model(batch), batch).backward()
                optimizer.step()
            losses.append(loss_fn(model(x), x).item())
        return losses

    constant = floors.constant(x.numpy())
    assert train(10)[-1] > 1.5 * constant
    names = {"model": model, "loss_fn": loss_fn, "x": x, "lr": 1e-3, "steps": STEPS}
    begun = []

    def watched(epochs):
        losses = train(epochs)
        if epochs == 6 and not begun:
            model.zero_grad()
            loss_fn(model(x), x).backward()
            full = 1e-3 * sum(float(p.grad.abs().sum()) for p in model.parameters())
            begun.append((losses[0] - losses[-1]) / (5 * STEPS) / full)
        return losses

    found = cure("18", "PyTorch", train=watched, **names)
    assert 0.7 < begun[0] < 1.3
    assert train(1)[-1] < constant
    assert found["speed"]() < 0.3


def test_keras(keras, x):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(10)])
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    losses = model.fit(x, x, epochs=10, verbose=0).history["loss"]
    constant = floors.constant(x)
    assert losses[-1] > 1.5 * constant
    assert (losses[4] - losses[9]) / losses[9] / (5 * STEPS) > 1e-3
    cure("18", "Keras", model=model, x=x, steps=STEPS)
    assert model.evaluate(x, x, verbose=0) < constant
