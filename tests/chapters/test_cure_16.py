"""Cross-entropy on probabilities from wild first weights: the report is not the loss. On logits it is, and trains."""

import cures
import numpy as np
import pytest
import trainings

from scratchdae.datasets import digits


@pytest.fixture(scope="module")
def bits():
    return (digits().x_train[:500] > 127).astype(np.float32)


def test_pytorch(bits):
    torch = pytest.importorskip("torch")
    logistic = torch.nn.functional.binary_cross_entropy_with_logits

    def network():
        torch.manual_seed(16)
        model = torch.nn.Sequential(
            torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 784), torch.nn.Sigmoid()
        )
        for layer in (model[0], model[2]):
            torch.nn.init.normal_(layer.weight)
        return model

    def train(model, x, loss):
        fast = torch.optim.Adam(model.parameters(), 0.01)
        return trainings.with_torch(torch, model, x, loss, optimizer=fast, steps=100, batch_size=50)

    x, model = torch.tensor(bits), network()
    before = cures.cure("16", "PyTorch", torch=torch, model=model, x=x)
    assert before["reported"] > 1.1 * before["true"]  # where a logit is lost, 100
    train(model, x, torch.nn.BCELoss())
    wrong = logistic(model[:-1](x), x).item()
    repaired = cures.cure("16", "PyTorch", torch=torch, model=network(), x=x)
    train(repaired["model"], x, repaired["loss"])
    assert logistic(repaired["model"](x), x).item() < wrong / 3


def test_keras(bits):
    keras = trainings.single_keras(pytest)

    def network():
        keras.utils.set_random_seed(16)
        wild = {"kernel_initializer": keras.initializers.RandomNormal(stddev=1.0)}
        inside = [keras.layers.Dense(128, "relu", **wild), keras.layers.Dense(784, "sigmoid", **wild)]
        model = keras.Sequential([keras.Input((784,)), *inside])
        model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
        return model

    def train(model):
        return model.fit(bits, bits, epochs=10, batch_size=50, verbose=0).history["loss"][-1]

    model = network()
    train(model)
    wrong = cures.cure("16", "Keras", keras=keras, model=model, x=bits)
    assert wrong["reported"] < 0.5 * wrong["true"]
    repaired = cures.cure("16", "Keras", keras=keras, model=network(), x=bits)["model"]
    repaired.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    assert train(repaired) < wrong["true"] / 3
