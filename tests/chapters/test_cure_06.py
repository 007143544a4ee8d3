"""The lines of chapter 06 for PyTorch and Keras: a copier is told from a denoiser, and becomes one."""

import numpy as np
import pytest
from cures import cure

from scratchdae import floors

D, S, WEAK, LR, STEPS = 16, 0.5, 0.05, 5e-2, 600


@pytest.fixture(scope="module")
def rows():
    """Columns of variance 1, mixtures of three numbers with some noise of their own."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal((1000, 3)) @ rng.standard_normal((3, D)) + 0.7 * rng.standard_normal((1000, D))
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


def told(names):
    """Return the error over copying's, and over Wiener's floor."""
    return names["error"] / S**2, names["error"] / names["wiener"]


def test_the_numbers_of_the_first_exercise():
    assert floors.wiener([24.0] + 23 * [0.0], 2) == pytest.approx(1 / 7)
    assert floors.wiener(24 * [1.0], 2) == pytest.approx(4 / 5)


def test_pytorch(torch, rows):
    torch.manual_seed(0)
    x = torch.tensor(rows)

    def train(model, s):
        optimizer = torch.optim.Adam(model.parameters(), lr=LR)
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = LR * 0.01 ** (step / STEPS)
            optimizer.zero_grad()
            batch = x[torch.randint(len(x), (50,))]
            cure("06", "PyTorch", torch=torch, model=model, x=batch, s=s, batch=batch)
            optimizer.step()
        return cure("06", "PyTorch", torch=torch, model=model, x=x, s=S, batch=x)

    model = torch.nn.Sequential(torch.nn.Linear(D, D))
    weak = train(model, WEAK)
    assert weak["wiener"] < 0.6 * S**2  # not too much noise for these data
    copies, _ = told(weak)
    assert copies == pytest.approx(1, abs=0.15)
    _, over = told(train(model, S))
    assert over == pytest.approx(1, abs=0.07)


def test_keras(keras, rows):
    keras.utils.set_random_seed(0)

    def train(model):
        rate = keras.optimizers.schedules.ExponentialDecay(LR, STEPS, 0.01)
        model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse")
        model.fit(rows, rows, batch_size=50, epochs=STEPS // 20, verbose=0)
        return cure("06", "Keras", keras=keras, np=np, model=model, x=rows, s=S)

    noise = keras.layers.GaussianNoise(WEAK)
    weak = train(keras.Sequential([keras.layers.Input((D,)), noise, keras.layers.Dense(D)]))
    copies, _ = told(weak)
    assert copies == pytest.approx(1, abs=0.15)
    _, over = told(train(weak["model"]))
    assert over == pytest.approx(1, abs=0.07)
