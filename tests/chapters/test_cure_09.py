"""Stuck at ½ nat: the excess over the floor says which run is solved, and subtracting it is the same training."""

import cures
import numpy as np
import pytest
import trainings


@pytest.fixture(scope="module")
def uniform():
    return np.random.default_rng(9).random((2000, 2)).astype(np.float32)


def test_pytorch(uniform):
    torch = pytest.importorskip("torch")

    def network():
        torch.manual_seed(9)
        return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.Sigmoid())

    def train(model, loss):
        fast = torch.optim.Adam(model.parameters(), 0.01)
        return trainings.with_torch(torch, model, x, loss, optimizer=fast, steps=600)

    x, model = torch.tensor(uniform), network()
    fresh = cures.cure("09", "PyTorch", torch=torch, model=model, x=x)
    assert fresh["excess"] > 0.9
    last = train(model, torch.nn.BCELoss())
    found = cures.cure("09", "PyTorch", torch=torch, model=model, x=x)
    assert abs(found["floor"] - 0.5) < 0.01
    assert abs(found["constant"] - np.log(2)) < 1e-3
    assert last > 0.49
    assert 0 < found["excess"] < 0.06
    assert abs(train(network(), found["loss_function"]) - (last - found["floor"])) < 1e-3


def test_keras(uniform):
    keras = trainings.single_keras(pytest)

    def network():
        keras.utils.set_random_seed(9)
        layers = [keras.layers.Dense(2), keras.layers.Dense(2, "sigmoid")]
        return keras.Sequential([keras.Input((2,)), *layers])

    model = network()
    found = cures.cure("09", "Keras", np=np, keras=keras, model=model, x=uniform)
    assert found["excess"] > 0.9
    assert abs(found["floor"] - 0.5) < 0.01
    model.optimizer.learning_rate = 0.01
    last = model.fit(uniform, uniform, epochs=60, batch_size=200, verbose=0).history["loss"][-1]
    assert 0 < last < 0.02
    assert cures.cure("09", "Keras", np=np, keras=keras, model=model, x=uniform)["excess"] < 0.1
