"""What the cases of version 2 share: expected values from the formulas of the oracle, in 400 digits."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from oracle import recompute

from generate.decimals import DIGITS
from generate.draw import Draw
from generate.vector import Vector
from scratchdae.arguments import Array

_STAGES = {  # of an expected array, by its name; gradients begin with a d
    "loss": ("loss", "penalty", "kl", "ssim"),
    "updates": ("running_mean_after", "running_variance_after"),
}
MEANINGS = {
    "a": "pre-activations",
    "value": "f(a)",
    "x": "inputs, the examples first",
    "d_output": "gradient with respect to the output",
    "output": "output of the layer",
    "d_input": "gradient with respect to x",
    "W": "weights",
    "U": "recurrent weights",
    "b": "biases",
    "b_U": "recurrent biases of the candidate, which r multiplies",
    "h0": "output before the first step",
    "c0": "cell state before the first step",
    "gates": "the four gates i f g o after their activations, in one axis",
    "c": "cell state after each step",
    "gamma": "scale",
    "beta": "shift",
    "v": "directions of the weights, (inputs, units)",
    "g": "lengths of the weights, one a unit",
    "running_mean": "mean of a channel as it is remembered",
    "running_variance": "variance of a channel as it is remembered",
    "running_mean_after": "what is remembered after the step",
    "running_variance_after": "what is remembered after the step",
    "y": "sigmoid of x W + b",
    "penalty": "what is added to the loss",
    "mu": "means of the code",
    "log_variance": "logarithms of the variances of the code",
    "noise": "standard normal noise",
    "d_sample": "gradient of the rest of the loss with respect to the sample",
    "sample": "code that the decoder is given",
    "kl": "divergence from the standard normal distribution",
    "d_mu": "gradient of kl and of what comes through the sample",
    "d_log_variance": "gradient of kl and of what comes through the sample",
    "epoch": "epochs, counted from 0",
    "level": "level of each epoch",
    "W_steps": "weights after each step",
    "average_steps": "average after each step",
    "target": "images to compare with",
    "map": "index at each place of the window",
    "ssim": "mean of the map",
    "dW": "gradient of W",
    "db": "gradient of b",
    "lr": "learning rate of each step",
    "b_steps": "biases after each step",
} | {f"d{name}": f"gradient with respect to {name}" for name in ("U", "b_U", "h0", "c0", "gamma", "beta", "v", "g")}


def made(
    name: str,
    group: str,
    conventions: Mapping[str, Any],
    inputs: Mapping[str, Array],
    in_words: str | tuple[str, ...],
    aimed_at: str,
    chapter: str,
    **more: Any,  # fields of a `Vector`; `optional` names what an answer need not hold
) -> Vector:
    """Make a case, whose operation is its group unless told otherwise."""
    optional = more.pop("optional", ())
    operation = more.get("operation", group)
    inputs = dict(inputs)
    if operation == "layer":  # the shape of the output is that of its gradient
        shape = recompute("layer", inputs | {"d_output": 0.0}, conventions, 20)["output"].shape
        inputs["d_output"] = Draw(f"{name}/d_output").normal(*shape)
    found = recompute(operation, inputs, conventions, DIGITS)
    stages: dict[str, dict[str, Array]] = {stage: {} for stage in ("forward", "loss", "gradients", "updates")}
    for key, value in found.items():
        own = next((stage for stage, keys in _STAGES.items() if key in keys), None)
        stages[own or ("gradients" if key.startswith("d") else "forward")][key] = value
    B = {"B": len(inputs["x"])} if "x" in inputs else {}
    sizes = B | {"inputs": next(iter(inputs.values())).size, "outputs": next(iter(found.values())).size}
    return Vector(
        name=name,
        group=group,
        sizes=more.pop("sizes", sizes),
        conventions=conventions,
        in_words=(in_words,) if isinstance(in_words, str) else in_words,
        aimed_at=aimed_at,
        chapter=chapter,
        inputs=inputs,
        stages={stage: arrays for stage, arrays in stages.items() if arrays},
        required=tuple(key for key in found if key not in optional),
        meanings=MEANINGS | more.pop("meanings", {}),
        spec=2,
        **more,
    )


def of_layer(layer: Any, x: Array, **training: Any) -> dict[str, Any]:
    """Return the conventions of a layer: its fields, but for what the parameters begin with."""
    fields = {key: value for key, value in asdict(layer).items() if key not in ("init_W", "init_U", "forget_bias")}
    images = {"image_layout": "NHWC"} if x.ndim == 4 else {}
    return {"layer": type(layer).__name__} | images | fields | training
