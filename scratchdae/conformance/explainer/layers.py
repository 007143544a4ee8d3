"""The account of each layer, by the layer's name."""

from collections.abc import Mapping

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer import (
    activations,
    convolution,
    curves,
    dense,
    gru,
    lstm,
    noise,
    normalisation,
    pooling,
    reaching,
    rearranging,
)
from scratchdae.conformance.explainer.account import Account

_ACTIVATIONS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "ReLU": "relu", "LeakyReLU": "leaky_relu", "Identity": "identity"}
_LAYERS = {
    "Dense": dense.account,
    "Conv2D": convolution.account,
    "Conv2DTranspose": convolution.account,
    "MaxPool2D": pooling.account,
    "AveragePool2D": pooling.account,
    "UpSampling2D": rearranging.account,
    "Flatten": rearranging.account,
    "Reshape": rearranging.account,
    "RepeatVector": rearranging.account,
    "GaussianNoise": noise.gaussian_noise,
    "LSTM": lstm.account,
    "GRU": gru.account,
    "BatchNorm": normalisation.batch_norm,
    "LayerNorm": normalisation.layer_norm,
    "WeightNormDense": normalisation.weight_norm,
    "ELU": curves.elu,
    "TiedDense": curves.tied_dense,
    "Conv1D": reaching.account,
    "Conv1DTranspose": reaching.account,
    "DilatedConv2D": reaching.account,
    "GroupedConv2D": reaching.account,
}


def account(case: Case, found: Mapping[str, Array], dtype: str) -> Account:
    """Tell a layer."""
    layer = case.conventions["layer"]
    if layer == "Dropout":
        return noise.dropout(case, found)
    if layer in curves.FUNCTIONS:
        return curves.account(case, dtype)
    if layer in _ACTIVATIONS:
        names = {"value": "output", "gradient": "d_input"}
        x, d_output = case.inputs["x"], case.inputs["d_output"]
        return activations.told_of(x, d_output, _ACTIVATIONS[layer], case.conventions, names, dtype)
    return _LAYERS[layer](case)
