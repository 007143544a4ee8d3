"""Layers: one idea a file, arrays with the examples first and the channels last.

A layer holds only its hyperparameters; its parameters live outside, in a dict of arrays. `Layer` says what the methods
are, and `LAYERS` finds a layer by its name, as a checkpoint does.
"""

from scratchdae.layers.activation import Identity, LeakyReLU, ReLU, Sigmoid, Tanh
from scratchdae.layers.conv import Conv2D
from scratchdae.layers.conv_transpose import Conv2DTranspose
from scratchdae.layers.dense import Dense
from scratchdae.layers.layer import Layer
from scratchdae.layers.lstm import LSTM, lstm_forward
from scratchdae.layers.noise import Dropout, GaussianNoise
from scratchdae.layers.pooling import AveragePool2D, MaxPool2D
from scratchdae.layers.repeat import RepeatVector
from scratchdae.layers.reshaping import Flatten, Reshape
from scratchdae.layers.upsampling import UpSampling2D

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Dense,
        Conv2D,
        Conv2DTranspose,
        MaxPool2D,
        AveragePool2D,
        UpSampling2D,
        Flatten,
        Reshape,
        ReLU,
        LeakyReLU,
        Sigmoid,
        Tanh,
        Identity,
        Dropout,
        GaussianNoise,
        LSTM,
        RepeatVector,
    )
}

__all__ = [
    "LAYERS",
    "LSTM",
    "AveragePool2D",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "Identity",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "Sigmoid",
    "Tanh",
    "UpSampling2D",
    "lstm_forward",
]
