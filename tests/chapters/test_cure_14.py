"""The lines of chapter 14 for PyTorch and Keras: nothing bends in a linear network, and activations get below PCA."""

import itertools

import numpy as np
import pytest
from cures import cure

from scratchdae import floors
from scratchdae.datasets import curved_manifold

WIDTHS, BATCH = (16, 16, 1, 16, 16, 2), 50


@pytest.fixture(scope="module")
def arc():
    return curved_manifold(300, np.random.default_rng(1))[0]


def test_pytorch(torch, arc):
    torch.manual_seed(0)
    x, sizes = torch.tensor(arc), (2, *WIDTHS)

    def train(model, epochs):
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(BATCH):
                optimizer.zero_grad()
                (model(x[rows]) - x[rows]).square().mean().backward()
                optimizer.step()
            rate.step()
        return (model(x) - x).square().mean().item() / floors.pca(arc)[1]

    layers = [torch.nn.Linear(n, m, dtype=torch.float64) for n, m in itertools.pairwise(sizes)]
    model = torch.nn.Sequential(*layers)
    assert 1 - 1e-9 < train(model, 60) < 1.02
    names = cure("14", "PyTorch", torch=torch, model=model, x=x)
    assert names["bend"] < 1e-12
    assert len(names["model"]) == 11  # a tanh after each but the last
    assert train(names["model"], 250) < 0.5
    assert cure("14", "PyTorch", torch=torch, model=names["model"], x=x)["bend"] > 0.1


def test_keras(keras, arc):
    keras.utils.set_random_seed(0)

    def train(model, epochs):
        rate = keras.optimizers.schedules.CosineDecay(1e-2, epochs * len(arc) // BATCH)
        model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse")
        model.fit(arc, arc, batch_size=BATCH, epochs=epochs, verbose=0)
        return np.mean((model.predict(arc, verbose=0) - arc) ** 2) / floors.pca(arc)[1]

    model = keras.Sequential([keras.layers.Input((2,)), *(keras.layers.Dense(width) for width in WIDTHS)])
    assert 1 - 1e-4 < train(model, 60) < 1.02
    assert (
        cure("14", "Keras", keras=keras, np=np, model=model, x=arc)["bend"] < 1e-5
    )  # float32, whatever a test before has set
    assert train(model, 250) < 0.5
    assert cure("14", "Keras", keras=keras, np=np, model=model, x=arc)["bend"] > 0.1
