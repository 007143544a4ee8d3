"""What is trained for an epoch: the paper's autoencoder, by SGD and by Adam, and three networks that people have."""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.benchmark.works.epoch import (
    AdamEpoch,
    ConvolutionalEpoch,
    DenoisingEpoch,
    EpochKind,
    FinetuningEpoch,
    RecurrentEpoch,
)
from scratchdae.benchmark.works.examples import CLASSES, PIXELS
from scratchdae.benchmark.works.work import LR
from scratchdae.datasets import Dataset, sinusoids
from scratchdae.layers import (
    LSTM,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Layer,
    MaxPool2D,
    ReLU,
    RepeatVector,
    Sigmoid,
    UpSampling2D,
)
from scratchdae.models.denoising_autoencoder import DenoisingAutoencoder
from scratchdae.models.sequential import Sequential
from scratchdae.optimizers import Adam

_MASKING, _BERNOULLI, _CLEAN = "masking:0.25", "bernoulli:0.25", "none"
_SIDE = 28  # of an image
_SERIES, _TIME, _FEATURES = 10_000, 50, 5
_ADAM, _ADAM_LR = Adam.of("torch"), 1e-3
_BATCHES = (1, 20, 100, 512)


def _autoencoder(H: int, dtype: str, rng: np.random.Generator) -> DenoisingAutoencoder:
    return DenoisingAutoencoder(PIXELS, H, rng, dtype=dtype)


def _classifier(H: int, dtype: str, rng: np.random.Generator) -> Sequential:
    hidden = [layer for _ in range(3) for layer in (Dense(H, "sigmoid_uniform"), Sigmoid())]
    output = Dense(CLASSES)
    return Sequential([*hidden, output], (PIXELS,), rng, loss="softmax_cross_entropy", reduction="paper", dtype=dtype)


def _convolutional(H: int, dtype: str, rng: np.random.Generator) -> Sequential:
    layers: list[Layer] = [Conv2D(H), ReLU(), Conv2D(H // 2), ReLU(), MaxPool2D()]
    layers += [Conv2DTranspose(H // 2), ReLU(), UpSampling2D(), Conv2D(H), ReLU(), Conv2D(1), Sigmoid()]
    return Sequential(layers, (_SIDE, _SIDE, 1), rng, dtype=dtype)


def _recurrent(H: int, dtype: str, rng: np.random.Generator) -> Sequential:
    layers: list[Layer] = [LSTM(H, return_sequences=True), LSTM(H // 2), RepeatVector(_TIME)]
    layers += [LSTM(H // 2, return_sequences=True), LSTM(H, return_sequences=True), Dense(_FEATURES)]
    return Sequential(layers, (_TIME, _FEATURES), rng, dtype=dtype)


def _pixels(data: Dataset, rng: np.random.Generator) -> tuple[Array, None]:
    del rng
    return data.x_train, None


def _labelled(data: Dataset, rng: np.random.Generator) -> tuple[Array, Array]:
    del rng
    return data.x_train, data.t_train.astype(np.int64)


def _images(data: Dataset, rng: np.random.Generator) -> tuple[Array, None]:
    del rng
    return data.x_train.reshape(-1, _SIDE, _SIDE, 1), None


def _series(data: Dataset, rng: np.random.Generator) -> tuple[Array, None]:
    del data
    return sinusoids(_SERIES, _TIME, _FEATURES, rng).astype(np.float32), None


_DENOISING = {"model": "denoising autoencoder 784-H, tied weights, sigmoid units", "loss": "cross_entropy"}
_WITH_ADAM = {"optimizer": f"{_ADAM}, lr {_ADAM_LR}"}

FIT = EpochKind(
    "fit",
    "An epoch of a denoising autoencoder on images, 784-H",
    _DENOISING | {"optimizer": f"SGD, lr {LR}"},
    DenoisingEpoch,
    {"small": ((500,), _BATCHES), "full": ((500, 1000, 2000), _BATCHES)},
    {"small": (_MASKING, _CLEAN), "full": (_MASKING, _BERNOULLI, _CLEAN)},
    _autoencoder,
    _pixels,
    lr=LR,
)
FIT_ADAM = EpochKind(
    "fit-adam",
    "An epoch of a denoising autoencoder on images, 784-H, by Adam",
    _DENOISING | _WITH_ADAM,
    AdamEpoch,
    {"small": ((500,), _BATCHES[1:]), "full": ((500, 1000), _BATCHES)},
    {"small": (_MASKING,), "full": (_MASKING,)},
    _autoencoder,
    _pixels,
    _ADAM,
    _ADAM_LR,
)
FIT_FINETUNE = EpochKind(
    "fit-finetune",
    "An epoch of a 784-H-H-H-10 network with labels",
    {"model": "classifier, sigmoid hidden units", "loss": "softmax_cross_entropy", "optimizer": f"SGD, lr {LR}"},
    FinetuningEpoch,
    {"small": ((1000,), _BATCHES[1:3]), "full": ((1000,), _BATCHES)},
    {"small": (_CLEAN,), "full": (_CLEAN,)},
    _classifier,
    _labelled,
    lr=LR,
)
FIT_CONVOLUTIONAL = EpochKind(
    "fit-convolutional",
    "An epoch of a convolutional autoencoder on images, by Adam",
    {"model": "Conv H-Conv H/2-pool-ConvT H/2-up-Conv H-Conv 1, 3×3", "loss": "squared_error", **_WITH_ADAM},
    ConvolutionalEpoch,
    {"small": ((16,), (64,)), "full": ((16, 64), (64,))},
    {"small": (_MASKING,), "full": (_MASKING,)},
    _convolutional,
    _images,
    _ADAM,
    _ADAM_LR,
)
FIT_LSTM = EpochKind(
    "fit-lstm",
    f"An epoch of a recurrent denoiser on {_TIME} steps of {_FEATURES} features, by Adam",
    {"model": "LSTM H-LSTM H/2-repeat-LSTM H/2-LSTM H-Dense, tanh", "loss": "squared_error", **_WITH_ADAM},
    RecurrentEpoch,
    {"small": ((32,), (32,)), "full": ((32,), (32, 128))},
    {"small": ("gaussian:0.1",), "full": ("gaussian:0.1",)},
    _recurrent,
    _series,
    _ADAM,
    _ADAM_LR,
)
