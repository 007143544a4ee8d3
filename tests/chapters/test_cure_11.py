"""Data of 0 to 255 under momentum: the rate is far above what one linear layer bears, and scaled it is not."""

import cures
import numpy as np
import pytest
import trainings

from scratchdae.datasets import digits

LR = 0.1


@pytest.fixture(scope="module")
def pictures():
    return digits().x_train[:200].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196).astype(np.float32)


def test_pytorch(pictures):
    torch = pytest.importorskip("torch")

    def train(x):
        torch.manual_seed(11)
        model = torch.nn.Sequential(torch.nn.Linear(196, 64), torch.nn.Linear(64, 196))
        descent = torch.optim.SGD(model.parameters(), LR, momentum=0.9)
        return trainings.with_torch(torch, model, x, torch.nn.MSELoss(), optimizer=descent, steps=300, batch_size=20)

    x = torch.tensor(pictures)
    assert not np.isfinite(train(x))
    found = cures.cure("11", "PyTorch", torch=torch, x=x)
    assert found["limit"] < LR / 100
    scaled = found["scaled"]
    assert cures.cure("11", "PyTorch", torch=torch, x=scaled)["limit"] > LR
    assert train(scaled) < 0.6 * scaled.var(0, correction=0).mean()


def test_keras(pictures):
    keras = trainings.single_keras(pytest)

    def train(x):
        keras.utils.set_random_seed(11)
        model = keras.Sequential([keras.Input((196,)), keras.layers.Dense(64), keras.layers.Dense(196)])
        model.compile(keras.optimizers.SGD(LR, momentum=0.9), "mse")
        return model.fit(x, x, epochs=30, batch_size=20, verbose=0).history["loss"][-1]

    assert not np.isfinite(train(pictures))
    found = cures.cure("11", "Keras", np=np, x=pictures)
    assert found["limit"] < LR / 100
    assert cures.cure("11", "Keras", np=np, x=found["scaled"])["limit"] > LR
    assert train(found["scaled"]) < 0.6 * found["scaled"].var(0).mean()
