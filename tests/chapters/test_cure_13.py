"""The posted network (Q2a): its loss is that of black pictures, and the same weights recover on logits."""

import cures
import numpy as np
import pytest
import trainings

from scratchdae.datasets import digits

STEPS, BATCH_SIZE = 120, 8


@pytest.fixture(scope="module")
def pictures():
    return (digits().x_train[: 4 * BATCH_SIZE * STEPS] / 255).reshape(-1, 28, 28).astype(np.float32)


def test_pytorch(pictures):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(13)
    relu, pool, up = nn.ReLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
    first, second = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 16, 3, padding=1)
    third, fourth = nn.ConvTranspose2d(16, 16, 3, padding=1), nn.ConvTranspose2d(16, 32, 3, padding=1)
    last = nn.Conv2d(32, 1, 3, padding=1)
    for layer in (first, second, third, fourth, last):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    inside = [first, relu, pool, second, relu, pool, third, relu, up, fourth, relu, up, last]
    model, x = nn.Sequential(*inside, nn.Sigmoid()), torch.tensor(pictures)[:, None]

    def train(model, loss, steps):
        adam = torch.optim.Adam(model.parameters(), 1e-3, eps=1e-7)
        trainings.with_torch(torch, model, x, loss, optimizer=adam, steps=steps, batch_size=BATCH_SIZE)

    train(model, nn.MSELoss(), STEPS)
    found = cures.cure("13", "PyTorch", torch=torch, model=model, x=x[:200])
    assert abs(found["loss"] / found["black"] - 1) < 0.02
    assert found["a"].median() < -10
    train(found["model"], found["loss_function"], 2 * STEPS)
    with torch.no_grad():
        assert (torch.sigmoid(found["model"](x[:200])) - x[:200]).square().mean() < 0.6 * found["black"]


def test_keras(pictures):
    keras = trainings.single_keras(pytest)
    keras.utils.set_random_seed(13)
    layers, same = keras.layers, {"padding": "same"}
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(layers.Conv2D(32, 3, activation="relu", **same), layers.MaxPooling2D(2)),
            *(layers.Conv2D(16, 3, activation="relu", **same), layers.MaxPooling2D(2)),
            *(layers.Conv2DTranspose(16, 3, activation="relu", **same), layers.UpSampling2D(2)),
            *(layers.Conv2DTranspose(32, 3, activation="relu", **same), layers.UpSampling2D(2)),
            layers.Conv2D(1, 3, activation="sigmoid", **same),
        ]
    )
    x = pictures[..., None]
    model.compile("adam", "mse")
    model.fit(x[: BATCH_SIZE * STEPS], x[: BATCH_SIZE * STEPS], batch_size=BATCH_SIZE, verbose=0)
    found = cures.cure("13", "Keras", np=np, keras=keras, model=model, x=x[:200])
    assert abs(found["loss"] / found["black"] - 1) < 0.02
    model.fit(x[: 2 * BATCH_SIZE * STEPS], x[: 2 * BATCH_SIZE * STEPS], batch_size=BATCH_SIZE, verbose=0)
    z = 1 / (1 + np.exp(-model.predict(x[:200], verbose=0)))
    assert np.square(z - x[:200]).mean() < 0.6 * found["black"]
