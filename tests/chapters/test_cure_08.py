"""The lines of chapter 08 for PyTorch and Keras: a grid of 7×7 numbers stands on its floor; four do not."""

import numpy as np
import pytest
from cures import cure

from scratchdae import floors
from scratchdae.datasets import digits, to_float

K, BATCH = 4, 16


@pytest.fixture(scope="module")
def pictures():
    return to_float(digits().x_train[:512], np.float32).reshape(-1, 28, 28)


def holds(names, broken, repaired, pictures):
    """Assert that the measurement says edges, and that the repair more than halves the loss."""
    floor = floors.average_pooling(pictures, K)
    assert float(names["floor"]) == pytest.approx(floor, rel=1e-4)
    assert float(names["share"]) > 0.95
    assert 1 <= broken / floor < 1.08
    assert repaired < 0.5 * floor


def test_pytorch(torch, pictures):
    torch.manual_seed(0)
    nn, x = torch.nn, torch.tensor(pictures)[:, None]

    def train(model, epochs):
        optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(BATCH):
                optimizer.zero_grad()
                (model(x[rows]) - x[rows]).square().mean().backward()
                optimizer.step()
        return (model(x) - x).square().mean().item()

    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 1, 3, padding=1), nn.Upsample(scale_factor=4)),
    )
    broken = train(model, 6)
    names = cure("08", "PyTorch", torch=torch, model=model, x=x, k=K)
    holds(names, broken, train(names["model"], 8), pictures)


@pytest.fixture
def single(keras):
    """Keras' usual precision, which is faster."""
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    yield keras
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")


def test_keras(single, pictures):
    keras = single
    keras.utils.set_random_seed(0)
    layers, x = keras.layers, pictures[..., None]

    def train(model, epochs):
        model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
        model.fit(x, x, batch_size=BATCH, epochs=epochs, verbose=0)
        return float(np.mean((model.predict(x, verbose=0) - x) ** 2))

    def convolution(filters):
        return layers.Conv2D(filters, 3, padding="same", activation="relu" if filters > 1 else None)

    pool = layers.AveragePooling2D
    model = keras.Sequential([layers.Input((28, 28, 1)), convolution(8), pool(2), convolution(16), pool(2)])
    model.add(convolution(1))
    model.add(layers.UpSampling2D(K))
    broken = train(model, 6)
    names = cure("08", "Keras", keras=keras, np=np, model=model, x=x, k=K)
    holds(names, broken, train(names["model"], 8), pictures)
