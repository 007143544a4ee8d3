"""An output out of reach of its targets: the loss is the range floor, and scaled or linear it is not."""

import cures
import numpy as np
import pytest
import trainings

from scratchdae.datasets import digits


@pytest.fixture(scope="module")
def pictures():
    """Digits of 14×14 grey levels from 0 to 255, of which the darkest are not black."""
    x = digits().x_train[:100].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    return (40 + 0.8 * x).astype(np.float32)


def test_pytorch(pictures):
    torch = pytest.importorskip("torch")

    def network():
        torch.manual_seed(12)
        inside = [torch.nn.Linear(196, 64), torch.nn.ReLU(), torch.nn.Linear(64, 196)]
        return torch.nn.Sequential(*inside, torch.nn.Sigmoid())

    def train(model, x):
        return trainings.with_torch(torch, model, x, torch.nn.MSELoss(), steps=400, batch_size=50)

    x, model = torch.tensor(pictures), network()
    train(model, x)
    found = cures.cure("12", "PyTorch", torch=torch, model=model, x=x)
    assert abs(found["loss"] / found["floor"] - 1) < 5e-3
    assert train(network(), found["scaled"]) < 0.6 * float(found["scaled"].var(0, correction=0).mean())
    assert train(found["linear"], x) < 0.6 * float(x.var(0, correction=0).mean())


def test_keras(pictures):
    keras = trainings.single_keras(pytest)

    def network():
        keras.utils.set_random_seed(12)
        inside = [keras.layers.Dense(64, "relu"), keras.layers.Dense(196, "sigmoid")]
        return keras.Sequential([keras.Input((196,)), *inside])

    def train(model, x, lr=0.001):
        model.compile(keras.optimizers.Adam(lr), "mse")
        return model.fit(x, x, epochs=80, batch_size=25, verbose=0).history["loss"][-1]

    model = network()
    train(model, pictures)
    found = cures.cure("12", "Keras", np=np, keras=keras, model=model, x=pictures)
    assert abs(found["loss"] / found["floor"] - 1) < 5e-3
    assert train(network(), found["scaled"]) < 0.6 * found["scaled"].var(0).mean()
    assert train(found["model"], pictures, 0.01) < 0.6 * pictures.var(0).mean()
