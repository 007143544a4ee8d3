"""What chapter 15 offers for PyTorch and Keras tells the reported loss from the error, and mends the objective."""

import numpy as np
import pytest
from cures import cure

S = 0.15
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own


@pytest.fixture(scope="module")
def data():
    """Draw sixteen columns that are mixtures of two, and a noisy copy."""
    rng = np.random.default_rng(0)
    clean = rng.random((2000, 2)) @ rng.dirichlet(np.ones(2), 16).T
    return (clean + S * rng.standard_normal(clean.shape)).astype(np.float32), clean.astype(np.float32)


def test_pytorch(torch, data):
    torch.manual_seed(0)
    noisy, clean = map(torch.tensor, data)
    model = torch.nn.Linear(16, 16)

    def train(optimizer, loss_fn, target):
        for _ in range(2000):
            optimizer.zero_grad()
            loss = loss_fn(model(noisy), target)
            loss.backward()
            optimizer.step()
        return loss.item()

    given = {"torch": torch, "model": model, "noisy": noisy, "clean": clean, "outliers": False}
    reported = train(torch.optim.Adam(model.parameters(), lr=0.01), torch.nn.MSELoss(), noisy)
    broken = cure("15", "PyTorch", **given, reported=reported)
    assert reported < 0.1 * broken["error"]
    assert broken["error"] == pytest.approx(S**2, rel=0.1)
    reported = train(broken["optimizer"], broken["loss_fn"], broken["target"])
    repaired = cure("15", "PyTorch", **given, reported=reported)
    assert repaired["error"] == pytest.approx(reported, rel=0.05)
    assert repaired["error"] < 0.4 * S**2


def test_keras(keras, data):
    keras.utils.set_random_seed(0)
    noisy, clean = data
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(16)])
    model.compile(keras.optimizers.Adam(0.01), "mse")

    def train(target):
        return model.fit(noisy, target, batch_size=100, epochs=100, verbose=0).history["loss"][-1]

    given = {"keras": keras, "model": model, "noisy": noisy, "clean": clean, "outliers": False}
    reported = train(noisy)
    broken = cure("15", "Keras", **given, reported=reported)
    assert reported < 0.1 * broken["error"]
    assert broken["error"] == pytest.approx(S**2, rel=0.1)
    reported = train(broken["target"])
    repaired = cure("15", "Keras", **given, reported=reported)
    assert repaired["error"] == pytest.approx(reported, rel=0.1)
    assert repaired["error"] < 0.4 * S**2
