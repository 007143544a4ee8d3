"""The networks of four questions that people asked about autoencoders which would not train, as they were posted.

Q1 asks why a denoising autoencoder fails, Q2 the same of a convolutional one, Q3 why the loss does not decrease, Q4
why it does not reach zero; the letters are the networks of a question and its answers. What a post leaves to Keras is
Keras': Adam at 1e-3, batches of 32, Glorot's first weights. What it leaves open is set here to something usual and
named in `Posted.assumed`. The posts Q4b to Q4g come from PyTorch, whose first weights and biases are uniform on ±1/√n;
here they are Glorot's and 0. Cross-entropy is computed from pre-activations, theirs (but for Q4g) from probabilities.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from scratchdae import datasets
from scratchdae.arguments import Array, integer
from scratchdae.layers import (
    LSTM,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    RepeatVector,
    Reshape,
    Sigmoid,
    UpSampling2D,
)
from scratchdae.models.sequential import Sequential
from scratchdae.optimizers import Adam
from scratchdae.training import Training, streams

KERAS, PYTORCH = Adam.of("keras"), Adam.of("torch")


@dataclass(frozen=True)
class Posted:
    """One posted network: its data, its layers and its training."""

    layers: Callable[..., list[Layer]]  # as posted; its arguments are for a smaller one, which is then another network
    shape: tuple[int, ...]  # of one example
    draw: Callable[[int, np.random.Generator], Array]  # so many examples
    rows: int  # how many examples were posted
    encoder: int  # how many of the layers lead to the code
    code: int  # how many numbers the code has
    training: Training
    assumed: tuple[str, ...] = ()  # what the post leaves open
    loss: str = "squared_error"
    noise: float = 0.0  # on the input, in standard deviations of the data; drawn once, not for every batch
    working_lr: float | None = None  # where two learning rates were posted, the one that is said to work
    unpenalised: tuple[str, ...] = ()  # kernels that `training.l2` spares there; `fit` spares none

    def model(self, seed: int, dtype: npt.DTypeLike = np.float64) -> Sequential:
        """Build the network; Q1b is refused, because its output is not of the shape of its targets."""
        return Sequential(self.layers(), self.shape, streams(seed).initialisation, loss=self.loss, dtype=dtype)

    def data(self, n: int | None = None, seed: int = 0) -> tuple[Array, Array]:
        """Return what the network is fed and what it is to answer, n examples or as many as were posted."""
        rng = np.random.default_rng(integer("seed", seed, at_least=0, at_most=None))
        x = self.draw(self.rows if n is None else integer("n", n), rng)
        fed = x + (self.noise * x.std() * rng.standard_normal(x.shape)).astype(x.dtype) if self.noise else x
        return fed, x


def _dense_denoiser(code: int = 5) -> list[Layer]:
    """Return Q1a."""
    return [Dense(code), ReLU(), Dense(10)]


def _picture_denoiser(code: int = 16, side: int = 256, last_stride: int = 2) -> list[Layer]:
    """Return Q1b: half the side, doubled twice, is twice the side; with a last stride of 1 it fits."""
    half = side // 2
    return [
        *(Conv2D(16), ReLU(), MaxPool2D(), Conv2D(32), ReLU(), MaxPool2D(), Flatten(), Dense(code), ReLU()),
        *(Dense(half * half), ReLU(), Reshape((half, half, 1)), Conv2DTranspose(32, stride=2), ReLU()),
        *(Conv2DTranspose(16, stride=last_stride), ReLU(), Conv2DTranspose(3), Sigmoid()),
    ]


def _sequence_denoiser(units: int = 32, steps: int = 50, activation: str = "relu") -> list[Layer]:
    """Return Q1c: its cells have ReLU in place of both tanh, its gates are sigmoids."""
    return [
        LSTM(units, return_sequences=True, activation=activation),
        LSTM(units // 2, activation=activation),
        RepeatVector(steps),
        LSTM(units // 2, return_sequences=True, activation=activation),
        LSTM(units, return_sequences=True, activation=activation),
        Dense(5),
    ]


def _two_poolings(code: int = 16) -> list[Layer]:
    """Return Q2a, whose code has so many channels on a 7×7 grid."""
    return [
        *(Conv2D(32), ReLU(), MaxPool2D(), Conv2D(code), ReLU(), MaxPool2D()),
        *(Conv2DTranspose(16), ReLU(), UpSampling2D(), Conv2DTranspose(32), ReLU(), UpSampling2D()),
        *(Conv2D(1), Sigmoid()),
    ]


def _one_pooling() -> list[Layer]:
    """Return Q2b, which Q2c is with an L2 penalty."""
    return [
        *(Conv2D(64), ReLU(), Conv2D(32), ReLU(), MaxPool2D()),
        *(Conv2DTranspose(32), ReLU(), UpSampling2D(), Conv2D(64), ReLU(), Conv2D(1), Sigmoid()),
    ]


def _dense_code(code: int = 32, output: Layer = Sigmoid(), side: int = 32, width: int = 16) -> list[Layer]:  # noqa: B008  # frozen
    """Return Q3a; `width` is the number of channels next to the code, twice as many outside."""
    quarter = side // 4
    return [
        *(Conv2D(2 * width), ReLU(), MaxPool2D(), Conv2D(width), ReLU(), MaxPool2D(), Flatten(), Dense(code), ReLU()),
        *(Dense(quarter * quarter * width), ReLU(), Reshape((quarter, quarter, width))),
        *(Conv2DTranspose(width), ReLU(), UpSampling2D(), Conv2DTranspose(2 * width), ReLU(), UpSampling2D()),
        *(Conv2DTranspose(3), output),
    ]


def _six_layers() -> list[Layer]:
    """Return Q4a: no layer is narrower than the data."""
    return [*(layer for _ in range(5) for layer in (Dense(100), ReLU())), Dense(100), Sigmoid()]


def _linear_pair(*output: Layer) -> list[Layer]:
    """Return Q4b, and Q4c with a sigmoid at the output."""
    return [Dense(2), Dense(2), *output]


def _leaky(code: int = 10) -> list[Layer]:
    """Return Q4e: two leaky rectifiers, and a code that is linear."""
    return [Dense(10), LeakyReLU(0.1), Dense(code), Dense(10), LeakyReLU(0.1), Dense(10)]


def _bottleneck(code: int = 1) -> list[Layer]:
    """Return a linear bottleneck for the data of Q4f, which names no network."""
    return [Dense(code), Dense(10)]


def _uniform(*shape: int) -> Callable[[int, np.random.Generator], Array]:
    return lambda n, rng: rng.random((n, *shape))


def _grey_levels(scale: float) -> Callable[[int, np.random.Generator], Array]:
    return lambda n, rng: rng.integers(0, 256, (n, 32, 32, 3)).astype(np.float32) / np.float32(scale)


def _digits(n: int, rng: np.random.Generator) -> Array:
    del rng
    x = datasets.digits().x_train
    return datasets.to_float(x[: integer("n", n, at_most=len(x))], np.float32).reshape(-1, 28, 28, 1)


def _series(n: int, rng: np.random.Generator) -> Array:
    return datasets.sinusoids(n, 50, 5, rng)


def _bits(n: int, rng: np.random.Generator) -> Array:
    return datasets.bernoulli(n, 2, rng)


def _repeated(n: int, rng: np.random.Generator) -> Array:
    return rng.random((n, 1)).repeat(10, axis=1)


_ONE_PICTURE, _DATA = (28, 28, 1), ("data", "rows")
_DENSE_CODE = partial(Posted, shape=(32, 32, 3), rows=1000, encoder=9, training=Training(10, 1e-3, 32, KERAS))
_PAIR = partial(Posted, shape=(2,), rows=30_000, encoder=1, code=2)
_OF_PAIR = ("epochs", "first_weights")
_NOTHING_SAID = ("rows", "layers", "code", "optimizer", "lr", "batch_size", "epochs", "first_weights")

NETWORKS: dict[str, Posted] = {
    "q1a": Posted(_dense_denoiser, (10,), _uniform(10), 100, 2, 5, Training(10, 1e-3, 32, KERAS), noise=0.2),
    "q1b": Posted(_picture_denoiser, (256, 256, 3), _uniform(256, 256, 3), 20, 9, 16, Training(20, 1e-3, 32, KERAS),
                  (*_DATA, "noise"), noise=0.2),
    "q1c": Posted(_sequence_denoiser, (50, 5), _series, 200, 2, 16, Training(100, 1e-6, 32, KERAS), (*_DATA, "noise"),
                  noise=0.2, working_lr=1e-3),
    "q2a": Posted(_two_poolings, _ONE_PICTURE, _digits, 4000, 6, 784, Training(100, 1e-3, 32, KERAS), _DATA),
    "q2b": Posted(_one_pooling, _ONE_PICTURE, _digits, 4000, 5, 6272, Training(200, 1e-3, 64, KERAS), _DATA),
    "q2c": Posted(_one_pooling, _ONE_PICTURE, _digits, 4000, 5, 6272, Training(200, 1e-4, 128, KERAS, l2=0.001), _DATA,
                  unpenalised=("conv2d_4.W",)),
    "q3a": _DENSE_CODE(_dense_code, draw=_grey_levels(1), code=32),
    "q3b": _DENSE_CODE(partial(_dense_code, code=8), draw=_grey_levels(255), code=8),
    "q3c": _DENSE_CODE(partial(_dense_code, output=ReLU()), draw=_grey_levels(255), code=32),
    "q4a": Posted(_six_layers, (100,), _uniform(100), 30_000, 6, 100, Training(500, 1e-3, 128, KERAS),
                  ("loss", "optimizer", "lr", "batch_size")),
    # Below 1e-5 in fewer than 450 iterations; what an iteration is, the post does not say.
    "q4b": _PAIR(_linear_pair, draw=_uniform(2), training=Training(450, 1e-5, 128, PYTORCH), assumed=_OF_PAIR),
    "q4c": _PAIR(partial(_linear_pair, Sigmoid()), draw=_uniform(2), training=Training(450, 1e-4, 128, PYTORCH),
                 assumed=_OF_PAIR, loss="cross_entropy"),
    "q4d": _PAIR(partial(_linear_pair, Sigmoid()), draw=_bits, training=Training(450, 1e-4, 128, PYTORCH),
                 assumed=_OF_PAIR, loss="cross_entropy"),
    # Below 1e-5 after 310 epochs. The loop, as it circulates, has lost its optimizer and its batches, and calls no
    # zero_grad.
    "q4e": Posted(_leaky, (10,), _uniform(10), 30_000, 3, 10, Training(310, 1e-3, 128, PYTORCH),
                  ("optimizer", "lr", "batch_size", "first_weights")),
    # Columns that repeat one number can be compressed, independent ones cannot.
    "q4f": Posted(_bottleneck, (10,), _repeated, 5000, 1, 1, Training(100, 1e-2, 64, PYTORCH),
                  (*_NOTHING_SAID, "loss", "columns")),
    # Cross-entropy on the logit scale, to reach extremely small losses: advice about Q4d.
    "q4g": _PAIR(partial(_linear_pair, Sigmoid()), draw=_bits, training=Training(450, 1e-4, 128, PYTORCH),
                 assumed=("data", *_NOTHING_SAID), loss="cross_entropy"),
}  # fmt: skip
