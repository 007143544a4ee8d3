"""The account of each layer, by the layer's name."""

from collections.abc import Mapping

from scratchdae.arguments import Array
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer import activations, convolution, dense, lstm, noise, pooling, rearranging
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
}


def knows(case: Case) -> bool:
    """Say whether the mistakes of a case's layer have names."""
    return case.conventions.get("layer", "Dense") in {*_LAYERS, *_ACTIVATIONS, "Dropout"}


def account(case: Case, found: Mapping[str, Array], dtype: str) -> Account:
    """Tell a layer."""
    layer = case.conventions["layer"]
    if layer == "Dropout":
        return noise.dropout(case, found)
    if layer in _ACTIVATIONS:
        names = {"value": "output", "gradient": "d_input"}
        x, d_output = case.inputs["x"], case.inputs["d_output"]
        return activations.told_of(x, d_output, _ACTIVATIONS[layer], case.conventions, names, dtype)
    return _LAYERS[layer](case)
