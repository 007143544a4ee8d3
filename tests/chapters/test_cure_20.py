"""Chapter 20's lines on real frameworks: a larger batch fails for want of updates, and recovers with its rate."""

import copy

import numpy as np
import pytest
from cures import cure

from scratchdae import floors
from scratchdae.datasets import digits, to_float

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
SMALL, LARGE, LR, ROWS = 10, 250, 1.0, 2000  # the rate of a loss averaged over pixels
EPOCHS = 2


@pytest.fixture(scope="module")
def x():
    x = to_float(digits().x_train[:ROWS]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return x.reshape(-1, 196).astype(np.float32)


def check(found, x):
    floor = floors.cross_entropy(x)
    small, alone, repaired = (
        found["loss_after"](EPOCHS * ROWS // size, size, lr) - floor
        for size, lr in ((SMALL, LR), (LARGE, LR), (LARGE, found["lr"]))
    )
    assert 0.9 < found["ratio"] < 1.1
    assert found["lr"] == LR * LARGE / SMALL
    assert alone > 1.5 * small
    assert repaired < 1.3 * small


def test_pytorch(torch, x):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(196, 50), torch.nn.Sigmoid(), torch.nn.Linear(50, 196))
    names = {"model": model, "loss_fn": torch.nn.BCEWithLogitsLoss(), "x": torch.tensor(x)}
    check(cure("20", "PyTorch", torch=torch, copy=copy, small=SMALL, large=LARGE, lr=LR, **names), x)


def test_keras(keras, x):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((196,)), keras.layers.Dense(50, "sigmoid"), keras.layers.Dense(196)])
    names = {"model": model, "loss_fn": keras.losses.BinaryCrossentropy(from_logits=True), "x": x}
    check(cure("20", "Keras", keras=keras, np=np, small=SMALL, large=LARGE, lr=LR, **names), x)
