"""What holds for every layer: its name, its fields, its shapes."""

import json
from dataclasses import asdict, fields

import numpy as np
import pytest

from scratchdae import layers
from scratchdae.layers import LAYERS

ARGUMENTS = {
    "Dense": (3,),
    "Conv2D": (4, (3, 2)),
    "Conv2DTranspose": (4, 2, (2, 1)),
    "Reshape": ((4, 6),),
    "Dropout": (0.5,),
    "GaussianNoise": (0.1,),
    "LSTM": (3,),
    "RepeatVector": (2,),
}
IMAGE = (6, 4, 1)
SHAPES = {"LSTM": (6, 4), "RepeatVector": (6,)}


def build(name):
    return LAYERS[name](*ARGUMENTS.get(name, ()))


@pytest.mark.parametrize("name", LAYERS)
def test_rebuilt_from_json(name):
    """A checkpoint holds a layer as its name and fields."""
    layer = build(name)
    entry = json.loads(json.dumps({"layer": type(layer).__name__, **asdict(layer)}))
    again = LAYERS[entry.pop("layer")](**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()})
    assert again == layer
    assert hash(again) == hash(layer)
    with pytest.raises(AttributeError):
        setattr(layer, fields(layer)[0].name if fields(layer) else "x", 1)


@pytest.mark.parametrize("name", LAYERS)
def test_output_shape_is_that_of_the_output(name, rng):
    layer, shape = build(name), SHAPES.get(name, IMAGE)
    params = layer.init(shape, rng, np.float64)
    assert layer.forward(params, rng.normal(size=(2, *shape)))[0].shape == (2, *layer.output_shape(shape))


def test_every_layer_is_exported():
    assert set(LAYERS) <= set(layers.__all__)
    assert list(LAYERS) == [layer.__name__ for layer in LAYERS.values()]
