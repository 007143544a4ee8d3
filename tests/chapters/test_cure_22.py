"""Chapter 22's lines on real frameworks: weights that are too small and too large, measured, drawn anew, trained."""

import itertools

import numpy as np
import pytest
from cures import cure

from scratchdae import floors
from scratchdae.datasets import digits, to_float

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
SIZES = [196, *[128] * 5, 196]


@pytest.fixture(scope="module")
def x():
    x = to_float(digits().x_train[:600]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return x.reshape(-1, 196).astype(np.float32)


def changes(moments):
    """Return the ratio of the last hidden layer's second moment to the first's."""
    return moments[-2] / moments[0 if len(moments) < 10 else 1]


def test_pytorch(torch, x):
    images = torch.tensor(x)
    constant = floors.constant(x)

    def network(sigma):
        torch.manual_seed(0)
        layers = []
        for n, m in itertools.pairwise(SIZES):
            layers += [torch.nn.Linear(n, m), torch.nn.ReLU()]
            torch.nn.init.normal_(layers[-2].weight, std=sigma)
            torch.nn.init.zeros_(layers[-2].bias)
        return torch.nn.Sequential(*layers[:-1])

    def loss(model, epochs=0):
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        for _ in range(epochs):
            for batch in images[torch.randperm(len(images))].split(20):
                optimizer.zero_grad()
                torch.nn.functional.mse_loss(model(batch), batch).backward()
                optimizer.step()
        return torch.nn.functional.mse_loss(model(images), images).item()

    small, large = network(0.01), network(0.2)
    assert loss(large) > 20 * constant
    assert changes(cure("22", "PyTorch", torch=torch, model=large, batch=images)["moments"]) > 10
    assert loss(network(0.01), 5) > 0.8 * constant
    assert changes(cure("22", "PyTorch", torch=torch, model=small, batch=images)["moments"]) < 1e-6
    assert 0.1 < changes(cure("22", "PyTorch", torch=torch, model=small, batch=images)["moments"]) < 10
    assert loss(small, 5) < 0.75 * constant


def test_keras(keras, x):
    keras.utils.set_random_seed(0)
    constant = floors.constant(x)

    def network(sigma):
        def dense(k, *activation):
            start = keras.initializers.RandomNormal(stddev=sigma, seed=k)
            return keras.layers.Dense(SIZES[k], *activation, kernel_initializer=start)

        model = keras.Sequential([keras.Input(SIZES[:1]), *[dense(k, "relu") for k in range(1, 6)], dense(6)])
        model.compile(keras.optimizers.Adam(1e-3), "mse")
        return model

    model = network(0.01)
    assert model.fit(x, x, epochs=5, batch_size=20, verbose=0).history["loss"][-1] > 0.8 * constant
    model = network(0.01)
    assert changes(cure("22", "Keras", keras=keras, model=model, batch=x)["moments"]) < 1e-6
    assert 0.1 < changes(cure("22", "Keras", keras=keras, model=model, batch=x)["moments"]) < 10
    assert model.fit(x, x, epochs=5, batch_size=20, verbose=0).history["loss"][-1] < 0.75 * constant
