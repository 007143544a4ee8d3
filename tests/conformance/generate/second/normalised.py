"""Normalisation: of a channel over the batch, of an example over its channels, of a unit's weights."""

from collections.abc import Iterator

from generate.draw import Draw, short
from generate.second.made import made, of_layer
from generate.vector import Vector
from scratchdae.layers import BatchNorm

_TRAINING = (
    "μ and v are a channel's mean and mean square distance from it over the n numbers that it has in the batch; "
    "output = gamma (x - μ) / sqrt(v + eps) + beta",
    "what is remembered becomes decay_rate times itself plus 1 - decay_rate times μ, and {}",
)
_EVALUATION = "output = gamma (x - running_mean) / sqrt(running_variance + eps) + beta"
_AIM = "eps outside the root; gamma and beta exchanged; statistics that are taken for constants in backward"
_BATCH = (  # name, layer, training, shape, what it is aimed at
    ("batch_norm_unbiased", BatchNorm(), True, (7, 3),
     f"{_AIM}; n for n - 1 in what is remembered, or n - 1 in the output"),
    ("batch_norm_biased", BatchNorm(0.75, 1e-3, "biased"), True, (5, 3),
     "n - 1 for n in what is remembered; decay_rate taken for the share of the new"),
    ("batch_norm_images", BatchNorm(0.75, 0.125), True, (2, 5, 3, 7),
     f"{_AIM}; a mean over the batch alone, or over the channels"),
    ("batch_norm_evaluation", BatchNorm(0.75, 0.0625), False, (5, 3),
     "the statistics of the batch in place of those that are remembered; eps outside the root, or left out"),
)  # fmt: skip


def cases() -> Iterator[Vector]:
    for name, layer, training, shape, aim in _BATCH:
        draw, C = Draw(name), shape[-1]
        inputs = {"x": draw.normal(*shape) + 0.5, "gamma": draw.normal(C) + 1.5, "beta": draw.normal(C)}
        inputs |= {"running_mean": draw.normal(C), "running_variance": draw.uniform(C) + 0.5}
        inputs = {key: short(value) for key, value in inputs.items()}
        spread = "v n / (n - 1)" if layer.running == "unbiased" else "v"
        words = (_TRAINING[0], _TRAINING[1].format(spread)) if training else _EVALUATION
        conventions = of_layer(layer, inputs["x"], training=training)
        yield made(name, "layer", conventions, inputs, words, aim, "11_scaling")
    for name, shape, eps in (("layer_norm", (3, 7), 1e-5), ("layer_norm_of_sequences", (2, 3, 5), 0.125)):
        draw, C = Draw(name), shape[-1]
        inputs = {"x": draw.normal(*shape), "gamma": draw.normal(C), "beta": draw.normal(C)}
        words = (
            "μ and v are the mean and the mean square distance from it over the last axis; output = gamma (x - μ) "
            "/ sqrt(v + eps) + beta"
        )
        aim = f"{_AIM}; statistics over the batch; n - 1 for n"
        yield made(name, "layer", {"layer": "LayerNorm", "eps": eps}, inputs, words, aim, "11_scaling")
    draw = Draw("weight_norm")
    inputs = {"x": draw.normal(3, 5), "v": draw.normal(5, 7), "g": draw.normal(7), "b": draw.normal(7)}
    words = (
        "W = g v / sqrt(Σ v²), the sum over the inputs, so that a unit's weights have the length |g|; output = x W + b"
    )
    aim = "a norm over all of v, or over the units; a norm that is taken for a constant in backward"
    conventions = {"layer": "WeightNormDense", "units": 7}
    yield made("weight_norm", "layer", conventions, inputs, words, aim, "19_conditioning", optional=("W",))
