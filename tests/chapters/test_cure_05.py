"""What chapter 05 offers for PyTorch and Keras tells data that can be compressed from data that cannot."""

import numpy as np
import pytest
from cures import cure

CODE = 4
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own


def table(which):
    """Draw 12 columns: mixtures of 2 hidden numbers, or independent."""
    rng = np.random.default_rng(0)
    x = rng.random((1000, 2)) @ rng.dirichlet(np.ones(2), 12).T if which == "structured" else rng.random((1000, 12))
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


@pytest.mark.parametrize(("which", "low", "high"), [("structured", 0, 0.2), ("independent", 0.9, 1.1)])
def test_pytorch(torch, which, low, high):
    def train(x):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(12, CODE), torch.nn.Linear(CODE, 12))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(300):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x[:700]), x[:700]).backward()
            optimizer.step()
        return torch.nn.functional.mse_loss(model(x[700:]), x[700:]).item()

    x = torch.tensor(table(which))
    names = cure("05", "PyTorch", torch=torch, train=train, x=x, code=CODE)
    assert low <= names["ratio"] < high
    assert names["line"] == pytest.approx(1 - CODE / 12, rel=1e-3)
    if which == "independent":
        assert train(x) == pytest.approx(names["line"], rel=0.08)


@pytest.mark.parametrize(("which", "low", "high"), [("structured", 0, 0.2), ("independent", 0.9, 1.1)])
def test_keras(keras, which, low, high):
    def train(x):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(CODE), keras.layers.Dense(12)])
        model.compile(keras.optimizers.Adam(0.02), "mse")
        model.fit(x[:700], x[:700], batch_size=100, epochs=30, verbose=0)
        return model.evaluate(x[700:], x[700:], verbose=0)

    names = cure("05", "Keras", numpy=np, train=train, x=table(which), code=CODE)
    assert low <= names["ratio"] < high
    assert names["line"] == pytest.approx(1 - CODE / 12, rel=1e-3)
