"""Columns away from zero: the condition number says so, and with the mean subtracted descent is done at once."""

import cures
import numpy as np
import pytest
import trainings

D, STEPS = 30, 50


@pytest.fixture(scope="module")
def uniform():
    return np.random.default_rng(19).random((2000, D)).astype(np.float32)


def rate(x):
    """Return one over the largest curvature of a linear layer that is to return x."""
    return float(D / (2 * np.linalg.eigvalsh(x.T @ x / len(x))[-1]))


def test_pytorch(uniform):
    torch = pytest.importorskip("torch")

    def left(x):
        torch.manual_seed(19)
        model = torch.nn.Linear(D, D, bias=False)
        descent = torch.optim.SGD(model.parameters(), rate(x.numpy()))
        last = trainings.with_torch(torch, model, x, torch.nn.MSELoss(), optimizer=descent, steps=STEPS)
        return last / x.var(0, correction=0).mean().item()

    x = torch.tensor(uniform)
    found = cures.cure("19", "PyTorch", torch=torch, x=x)
    assert abs(found["before"] / (1 + 3 * D) - 1) < 0.4
    assert found["after"] < 2
    assert left(x) > 0.2
    assert left(found["centred"]) < 0.02


def test_keras(uniform):
    keras = trainings.single_keras(pytest)

    def left(x):
        keras.utils.set_random_seed(19)
        model = keras.Sequential([keras.Input((D,)), keras.layers.Dense(D, use_bias=False)])
        model.compile(keras.optimizers.SGD(rate(x)), "mse")
        history = model.fit(x, x, epochs=STEPS, batch_size=len(x), verbose=0).history["loss"]
        return history[-1] / x.var(0).mean()

    found = cures.cure("19", "Keras", np=np, x=uniform)
    assert abs(found["before"] / (1 + 3 * D) - 1) < 0.4
    assert found["after"] < 2
    assert left(uniform) > 0.2
    assert left(found["centred"]) < 0.02


def test_the_number_of_the_first_exercise():
    moment = np.eye(101) / 12 + 0.25
    moment[-1], moment[:, -1], moment[-1, -1] = 0.5, 0.5, 1
    assert abs(np.linalg.cond(moment) - 8162) < 1
