"""Chapter 23's lines on real frameworks: five sigmoid layers stay at the constant, rectified they leave it."""

import itertools

import numpy as np
import pytest
from cures import cure

from scratchdae import floors
from scratchdae.datasets import digits, to_float

WIDTHS = [196, 100, 100, 100, 100, 100, 196]


@pytest.fixture(scope="module")
def x():
    x = to_float(digits().x_train[:1000]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return x.reshape(-1, 196).astype(np.float32)


def share(loss, x):
    """Return what is left of the constant's excess over the entropy of the targets."""
    constant, floor = floors.constant(x, loss="cross_entropy"), floors.cross_entropy(x)
    return (loss - floor) / (constant - floor)


def test_pytorch(torch, x):
    torch.manual_seed(0)
    images, loss_fn = torch.tensor(x), torch.nn.BCEWithLogitsLoss()

    def train(model):
        optimizer = torch.optim.SGD(model.parameters(), 1.0, momentum=0.9)
        for _ in range(5):
            for batch in images[torch.randperm(len(images))].split(20):
                optimizer.zero_grad()
                loss_fn(model(batch), batch).backward()
                optimizer.step()
        return share(loss_fn(model(images), images).item(), x)

    def names(model):
        return {"torch": torch, "model": model, "loss_fn": loss_fn, "batch": images[:200], "widths": WIDTHS}

    pairs = itertools.pairwise(WIDTHS)
    layers = [layer for pair in pairs for layer in (torch.nn.Linear(*pair), torch.nn.Sigmoid())]
    model = torch.nn.Sequential(*layers[:-1])
    found = cure("23", "PyTorch", **names(model))
    assert found["ratio"] < 1e-3
    assert 0.95 < train(model) < 1.1
    assert cure("23", "PyTorch", **names(found["repaired"]))["ratio"] > 0.1
    assert train(found["repaired"]) < 0.6


def test_keras(keras, x):
    def train(model):
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(1.0, momentum=0.9), loss)
        model.fit(x, x, epochs=5, batch_size=20, verbose=0)
        return share(model.evaluate(x, x, verbose=0), x)

    def names(model):
        return {"keras": keras, "model": model, "batch": x[:200], "widths": WIDTHS}

    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(width, "sigmoid") for width in WIDTHS[1:-1]]
    model = keras.Sequential([keras.Input((196,)), *hidden, keras.layers.Dense(196)])
    found = cure("23", "Keras", **names(model))
    assert found["ratio"] < 0.01
    assert 0.95 < train(model) < 1.1
    assert cure("23", "Keras", **names(found["repaired"]))["ratio"] > 0.1
    assert train(found["repaired"]) < 0.6
