"""The doctor on three of the posted networks in Keras, as posted: nothing but a compiled model and the data."""

import numpy as np
import pytest

from scratchdae import datasets, doctor

pytestmark = [
    pytest.mark.usefixtures("keras"),  # in single precision
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras' own, on torch
]


def test_q4b_takes_steps_that_are_too_short(keras):
    def build(seed):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dense(2)])
        model.compile(keras.optimizers.Adam(1e-5), "mse")
        return model

    x = np.random.default_rng(0).random((6000, 2)).astype(np.float32)
    report = doctor.examine(build, None, x, batch_size=128, steps=300, budget_s=1500)
    assert report.verdict == "cause", str(report)
    assert report.causes[0].id == "F01"
    assert report.prescription[0].name == "lr_up"
    assert report.prescription[0].proved


def convolutional(keras, shape, code=None):
    """Return the build of Q2a (pictures of one channel) or, with a dense code, of Q3a."""
    layers = keras.layers

    def conv(n, activation="relu"):
        return layers.Conv2D(n, 3, activation=activation, padding="same")

    def turned(n, activation="relu"):
        return layers.Conv2DTranspose(n, 3, activation=activation, padding="same")

    def build(seed):
        down = [conv(32), layers.MaxPooling2D(), conv(16), layers.MaxPooling2D()]
        up = [turned(16), layers.UpSampling2D(), turned(32), layers.UpSampling2D()]
        dense = (
            [layers.Flatten(), layers.Dense(code, "relu"), layers.Dense(1024, "relu"), layers.Reshape((8, 8, 16))]
            if code
            else []
        )
        last = turned(3, "sigmoid") if code else conv(1, "sigmoid")
        model = keras.Sequential([keras.Input(shape), *down, *dense, *up, last])
        model.compile(keras.optimizers.Adam(), "mse")
        return model

    return build


def test_q2a_is_saturated(keras):
    x = (datasets.digits().x_train[:300].reshape(-1, 28, 28, 1) / 255).astype(np.float32)
    report = doctor.examine(convolutional(keras, (28, 28, 1)), None, x, batch_size=32, steps=45, budget_s=1500)
    assert report.verdict == "cause", str(report)
    assert report.causes[0].id == "F15"
    assert report.prescription[0].proved


def test_q3a_cannot_reach_its_targets(keras):
    x = np.random.default_rng(0).integers(0, 256, (150, 32, 32, 3)).astype(np.float32)
    report = doctor.examine(convolutional(keras, (32, 32, 3), 32), None, x, batch_size=32, steps=15, budget_s=1500)
    assert report.verdict == "cause", str(report)
    assert report.causes[0].id == "F14"
    assert report.prescription[0].name in ("scale_to_unit", "standardise_data", "linear_output")
