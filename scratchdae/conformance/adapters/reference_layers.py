"""This library's layers, forwards and backwards; those that it has not are in `reference_second`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchdae.arguments import Params
from scratchdae.conformance.adapters import reference_second
from scratchdae.conformance.adapters.reference_draws import replay
from scratchdae.layers import LAYERS
from scratchdae.layers.lstm import lstm_backward, lstm_forward

_PARAMETERS = ("W", "U", "b", "b_U", "gamma", "beta", "running_mean", "running_variance")


def run_layer(inputs: Params, conventions: Mapping[str, Any]) -> Params:
    """Run a layer forwards and backwards, with the loops of the backend that is chosen."""
    fields = {name: value for name, value in conventions.items() if name not in ("layer", "image_layout")}
    params: Params = {name: inputs[name] for name in _PARAMETERS if name in inputs}
    if conventions["layer"] == "LSTM":
        return _run_lstm(inputs, params, **fields)
    if conventions["layer"] in reference_second.LAYERS:
        forward, backward = reference_second.LAYERS[conventions["layer"]](inputs, conventions)
        return forward | backward(inputs["d_output"])
    training = fields.pop("training", False)
    tied = {"tied_to": 0} if conventions["layer"] == "TiedDense" else {}
    layer = LAYERS[conventions["layer"]](**fields, **tied)
    rng = np.random.default_rng(0) if training else None
    if "keep" in inputs:  # a unit is kept where its uniform is not below the rate
        rng = replay(uniforms=[inputs["keep"]])
    elif "noise" in inputs:
        rng = replay(normals=[inputs["noise"]])
    output, cache = layer.forward(params, inputs["x"], rng)
    d_input, grads = layer.backward(cache, inputs["d_output"])
    after = {f"{name}_after": value for name, value in cache.statistics.items()} if training else {}
    held = getattr(layer, "held", ())  # what no gradient trains
    grads = {f"d{name}": grad for name, grad in grads.items() if name not in held}
    return {"output": output, **after, "d_input": d_input, **grads}


def _run_lstm(inputs: Params, params: Params, units: int, return_sequences: bool, activation: str) -> Params:
    """Run an LSTM, from given states where there are some."""
    assert units == len(params["U"])
    h, _, cache = lstm_forward(params, inputs["x"], inputs.get("h0"), inputs.get("c0"), activation)
    dh = np.zeros_like(h)
    if return_sequences:
        output, dh = h, inputs["d_output"]
    else:
        output, dh[:, -1] = h[:, -1], inputs["d_output"]
    dx, grads, dh0, dc0 = lstm_backward(cache, dh)
    gates, c = (cache.gates.swapaxes(0, 1), cache.c[1:].swapaxes(0, 1))
    answer = {"output": output, "gates": gates, "c": c, "d_input": dx}
    answer |= {"dh0": dh0, "dc0": dc0} if "h0" in inputs else {}
    return answer | {f"d{name}": grad for name, grad in grads.items()}
