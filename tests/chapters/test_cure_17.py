"""Chapter 17's lines on real frameworks: from a rate that is too low to one that works; and its second exercise."""

import itertools

import numpy as np
import pytest
from cures import cure

from scratchdae.optimizers import Adam, RMSprop

STEPS = 300
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own


@pytest.fixture(scope="module")
def waves():
    """Return noisy waves of 20 numbers, and clean ones: a phase each."""
    rng = np.random.default_rng(0)
    x = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.random((100, 1)) + np.arange(20) / 10))
    return (x + 0.1 * rng.normal(size=x.shape)).astype(np.float32), x.astype(np.float32)


def test_pytorch(torch, waves):
    torch.manual_seed(0)
    noisy, clean = map(torch.tensor, waves)
    loss_fn = torch.nn.MSELoss()
    model = torch.nn.Sequential(torch.nn.Linear(20, 50), torch.nn.ReLU(), torch.nn.Linear(50, 20))
    found = cure("17", "PyTorch", torch=torch, model=model, loss_fn=loss_fn, noisy=noisy, clean=clean, lr=1e-6)
    constant, start = float(clean.var(dim=0).mean()), loss_fn(model(noisy), clean).item()
    assert start - found["fall"](1e-6, STEPS) > 2 * constant
    assert 1e-4 < found["lr"] < 0.1
    assert start - found["fall"](found["lr"], STEPS) < 0.5 * constant


def test_keras(keras, waves):
    keras.utils.set_random_seed(0)
    noisy, clean = waves
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(50, "relu"), keras.layers.Dense(20)])
    found = cure("17", "Keras", keras=keras, np=np, model=model, noisy=noisy, clean=clean, lr=1e-5)
    constant, start = float(clean.var(axis=0).mean()), float(np.mean((model.predict(noisy, verbose=0) - clean) ** 2))
    assert start - found["fall"](1e-5, STEPS) > 2 * constant
    assert 1e-4 < found["lr"] < 0.1
    assert start - found["fall"](found["lr"], STEPS) < 0.5 * constant


def test_how_far_one_step_of_adam_goes():
    beta1, beta2 = Adam().beta1, Adam().beta2
    quoted = (1 - beta1) / np.sqrt(1 - beta2)
    growing = (beta1 / beta2) ** np.arange(100)[::-1]
    for gradients, expected in (([1.0], quoted), (growing, quoted / np.sqrt(1 - beta1**2 / beta2))):
        params, state, places = {"w": np.zeros(1)}, Adam().init({"w": np.zeros(1)}), []
        for g in [*np.zeros(8000), *gradients]:  # a long silence first
            params, state = Adam().update(params, {"w": np.array([g])}, state, 1.0)
            places.append(params["w"][0])
        *_, (before, after) = itertools.pairwise(places)
        assert abs(after - before) == pytest.approx(expected, rel=1e-3)
    assert quoted == pytest.approx(3.16, abs=0.005)
    assert quoted / np.sqrt(1 - beta1**2 / beta2) == pytest.approx(7.27, abs=0.005)


@pytest.mark.parametrize(("rule", "first"), [(Adam(), 1), (RMSprop.of("torch"), 10), (RMSprop.of("keras"), 3.16)])
def test_how_far_the_first_step_goes(rule, first):
    params = {"w": np.zeros(1)}
    new, _ = rule.update(params, {"w": np.array([7.0])}, rule.init(params), 1.0)
    assert abs(new["w"][0]) == pytest.approx(first, rel=1e-3)
