"""Networks that are carried over: every layer of the layers' own table, alone and where it stands beside others."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "layers"))

from layer_table import ROWS

from scratchdae import Sequential
from scratchdae.layers import (
    LSTM,
    AveragePool2D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    RepeatVector,
    Reshape,
    Sigmoid,
    Tanh,
    TiedDense,
    UpSampling2D,
)

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


def build(layers, shape, dtype="float64", seed=0, **options):
    """Make a network whose biases are not zero, which is what it would not be told by otherwise."""
    after = tuple(shape)
    for layer in layers:
        after = layer.output_shape(after)
    rng = np.random.default_rng(seed)
    network = Sequential(layers, tuple(shape), rng, output_shape=after, dtype=dtype, **options)
    network.params = {
        name: value + rng.normal(0, 0.1, value.shape).astype(dtype) for name, value in network.params.items()
    }
    return network


CARRIED = {
    "Conv2D", "Conv2DTranspose", "Dense", "Dropout", "ELU", "Flatten", "GELU", "GaussianNoise", "Identity", "LSTM",
    "LeakyReLU", "MaxPool2D", "AveragePool2D", "ReLU", "RepeatVector", "Reshape", "SiLU", "Sigmoid", "Softplus",
    "Tanh", "UpSampling2D",
}  # fmt: skip
ROWS_CARRIED = [row for row in ROWS if type(row.examples[0]).__name__ in CARRIED]
EACH = [(layer, shape) for row in ROWS_CARRIED for layer in row.examples for shape in row.shapes]
OTHERS = [([row.examples[0]], row.shapes[0]) for row in ROWS if type(row.examples[0]).__name__ not in CARRIED]
OTHERS = [one for one in OTHERS if not isinstance(one[0][0], TiedDense | Dense)] + [
    ([Dense(4), Sigmoid(), TiedDense(6, 0)], (6,))
]
CHAINS = {
    "flattened": ([Conv2D(3), ReLU(), MaxPool2D(), Flatten(), Dropout(0.3), Dense(5)], (6, 4, 2)),
    "flattened and back": ([Flatten(), Dense(7), Tanh(), Dense(24), ReLU(), Reshape((4, 3, 2)), Conv2D(2)], (3, 4, 2)),
    "flattened at the end": ([Conv2D(3), Flatten(), Sigmoid()], (4, 3, 2)),
    "flattened for no layer": ([Conv2D(3), Flatten(), Reshape((3, 4, 3)), Conv2D(1)], (4, 3, 2)),
    "channels mixed by a dense layer": ([Conv2D(3), Dense(4), Conv2D(2)], (4, 3, 2)),
    "an image made of the input": ([Reshape((2, 3, 2)), Conv2D(3), Flatten(), Dense(2)], (12,)),
    "a sequence made of an image": ([Conv2D(3), Reshape((12, 3)), LSTM(4)], (4, 3, 2)),
    "strides": (
        [Conv2D(3, (3, 2), 2), ReLU(), Conv2D(2, 5, (3, 1)), Conv2DTranspose(2, 3, (3, 1)),
         Conv2DTranspose(1, (3, 2), 2)],
        (12, 8, 1),
    ),
    "poolings": ([MaxPool2D(3, 2, "same"), AveragePool2D(2, 2, "same"), UpSampling2D((2, 3))], (9, 7, 2)),
    "sequences": ([LSTM(4, True), LSTM(3), RepeatVector(5), LSTM(4, True), Dense(2)], (5, 2)),
    "dense": ([Dense(5), LeakyReLU(0.1), Dense(3), Dense(6)], (6,)),
}  # fmt: skip


def examples(shape, dtype, seed=1, n=3):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(dtype)


def close(found, expected, dtype):
    assert found.dtype == dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * max(1.0, np.abs(expected).max()))
