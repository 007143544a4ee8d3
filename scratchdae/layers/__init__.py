"""Layers: one idea a file, arrays with the examples first and the channels last.

A layer holds only its hyperparameters; its parameters live outside, in a dict of arrays. `Layer` says what the methods
are, and `LAYERS`, collected from the lines below, finds a layer by its name, as a checkpoint does.
"""

from scratchdae.layers.activation import Identity as Identity
from scratchdae.layers.activation import LeakyReLU as LeakyReLU
from scratchdae.layers.activation import ReLU as ReLU
from scratchdae.layers.activation import Sigmoid as Sigmoid
from scratchdae.layers.activation import Tanh as Tanh
from scratchdae.layers.batch_norm import BatchNorm as BatchNorm
from scratchdae.layers.contractive import ContractiveDense as ContractiveDense
from scratchdae.layers.conv import Conv2D as Conv2D
from scratchdae.layers.conv1d import Conv1D as Conv1D
from scratchdae.layers.conv1d import Conv1DTranspose as Conv1DTranspose
from scratchdae.layers.conv_transpose import Conv2DTranspose as Conv2DTranspose
from scratchdae.layers.dense import Dense as Dense
from scratchdae.layers.elu import ELU as ELU
from scratchdae.layers.gelu import GELU as GELU
from scratchdae.layers.gru import GRU as GRU
from scratchdae.layers.layer import Layer as Layer
from scratchdae.layers.lstm import LSTM as LSTM
from scratchdae.layers.lstm import lstm_forward as lstm_forward
from scratchdae.layers.noise import Dropout as Dropout
from scratchdae.layers.noise import GaussianNoise as GaussianNoise
from scratchdae.layers.pooling import AveragePool2D as AveragePool2D
from scratchdae.layers.pooling import MaxPool2D as MaxPool2D
from scratchdae.layers.repeat import RepeatVector as RepeatVector
from scratchdae.layers.reshaping import Flatten as Flatten
from scratchdae.layers.reshaping import Reshape as Reshape
from scratchdae.layers.silu import SiLU as SiLU
from scratchdae.layers.softmax import Softmax as Softmax
from scratchdae.layers.softplus import Softplus as Softplus
from scratchdae.layers.sparsity import KLSparsity as KLSparsity
from scratchdae.layers.sparsity import L1Activity as L1Activity
from scratchdae.layers.tied_dense import TiedDense as TiedDense
from scratchdae.layers.upsampling import UpSampling2D as UpSampling2D

LAYERS: dict[str, type[Layer]] = {
    name: found for name, found in globals().items() if hasattr(found, "backward") and found is not Layer
}

__all__ = ["LAYERS", "Layer", *LAYERS]
