"""Networks that are carried over: every layer of the layers' own table, alone and where it stands beside others."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "layers"))

from layer_table import ROWS

from scratchdae import Sequential
from scratchdae.layers import (
    GRU,
    LSTM,
    AveragePool2D,
    BatchNorm,
    Conv1D,
    Conv1DTranspose,
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
    Softmax,
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


# What neither framework has, or Keras alone.
REFUSED = {"ContractiveDense", "KLSparsity", "L1Activity"}
ROWS_CARRIED = [row for row in ROWS if type(row.examples[0]).__name__ not in REFUSED]
EACH = [
    (layer, shape)
    for row in ROWS_CARRIED
    for layer in row.examples
    for shape in row.shapes
    if not isinstance(layer, TiedDense)  # it needs a partner: see the chains
]
OTHERS = [([row.examples[0]], row.shapes[0]) for row in ROWS if row not in ROWS_CARRIED]
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
    "gated": ([GRU(4, True), GRU(3), RepeatVector(5), GRU(4, True), Dense(2)], (5, 2)),
    "normalised": (
        [Conv2D(3), BatchNorm(), ReLU(), Flatten(), BatchNorm.of("keras"), Dense(24), BatchNorm(), ReLU(),
         Reshape((4, 3, 2)), BatchNorm(0.5), Conv2D(1)],
        (3, 4, 2),
    ),
    "chosen": ([Conv2D(3), Softmax(), Flatten(), Softmax(), Dense(4), Softmax()], (3, 4, 2)),
    "along": ([Conv1D(3, 3, 2), BatchNorm(), ReLU(), Conv1DTranspose(2, 4, 2)], (6, 2)),
    "along, flattened and back": (
        [Conv1D(3), Flatten(), BatchNorm(), Dense(5), Dense(12), Softmax(), Reshape((6, 2)), Conv1D(2)], (6, 2),
    ),
    "along, turned": ([Conv1D(3), BatchNorm(), Softmax(), GRU(4, True), BatchNorm(), Conv1D(2)], (5, 2)),
    "turned, along and back": ([LSTM(3, True), Softmax(), Conv1D(2, 3, 2), Dense(4)], (5, 2)),
    "out as it came in": ([Tanh(), GRU(3, True), Conv1D(2)], (5, 2)),
    "tied": (
        [Dense(5), Sigmoid(), Dense(3), Tanh(), TiedDense(5, 2), Sigmoid(), TiedDense(6, 0), BatchNorm()], (6,),
    ),
    "tied to an image": (
        [Conv2D(2), Flatten(), Dense(5), BatchNorm(), Sigmoid(), TiedDense(24, 2), BatchNorm(), Sigmoid(),
         Reshape((3, 4, 2)), Conv2D(2)],
        (3, 4, 2),
    ),
    "tied to another image": ([Flatten(), Dense(5), TiedDense(24, 1), Reshape((4, 3, 2)), Conv2D(1)], (3, 4, 2)),
    "tied to what was an image": ([Conv2D(2), Flatten(), Dense(5), TiedDense(24, 2)], (3, 4, 2)),
    "tied along": ([Dense(5), Tanh(), TiedDense(2, 0), Conv1D(2)], (6, 2)),
}  # fmt: skip
FIRST = {"along", "along, flattened and back", "along, turned"}  # sequences are (C, T) in PyTorch


def examples(shape, dtype, seed=1, n=3):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(dtype)


def close(found, expected, dtype):
    assert found.dtype == dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * max(1.0, np.abs(expected).max()))
