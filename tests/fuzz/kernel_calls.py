# ruff: noqa: E501  # a table: a call a line
"""The compiled twins: parameters of wrong shapes, dtypes, strides and names, labels out of range.

A twin that reads or writes beyond an array may kill the process, or may not: so each input is one of many in its process.
"""

import copy

import numpy as np
from api_calls import ALSO, T, X, dae, machine, net, options, rng
from malformed import array, relative
from verdict import Case

import scratchdae as s
from scratchdae import autoencoder, backend, layers
from scratchdae.kernels.boltzmann import steps as boltzmann
from scratchdae.kernels.perceptron import steps as perceptron


def untied():
    return s.DenoisingAutoencoder(4, 3, rng(), tied=False, dtype=np.float32)


def pictures():
    made = [layers.Conv2D(2), layers.ReLU(), layers.MaxPool2D(), layers.UpSampling2D(), layers.Conv2DTranspose(1)]
    return s.Sequential(made, (6, 6, 1), rng(), dtype=np.float32)


def sequences():
    return s.Sequential([layers.LSTM(3), layers.Dense(2)], (5, 2), rng(), output_shape=(2,), dtype=np.float32)


def fit(make, params, x, target=None, batch_size=2, later=None):
    """Train a model with parameters that somebody has put there; labels may change meanwhile, as in shared memory."""

    def change(record, params):
        if later is not None:
            target[...] = later

    model = make()
    model.params = params
    return s.fit(model, x, target, on_epoch=change, **options(backend="numba", epochs=2, batch_size=batch_size))


def image(*shape):
    return np.random.default_rng(3).random(shape)


def batch(make, B, *axes):
    x = X[:B].astype(make().dtype)[(*axes, ...)]
    return {"params": make().params, "x_tilde": x, "x": x, "lr": 0.1, "l2": 0.1}


LAYERS = [
    (layers.Conv2D(2), (2, 6, 6, 1)), (layers.Conv2DTranspose(2), (2, 3, 3, 2)), (layers.LSTM(3), (2, 4, 2)),
    (layers.MaxPool2D(), (2, 4, 4, 1)), (layers.UpSampling2D(), (2, 2, 2, 3)), (layers.ReLU(), (4, 3)),
]  # fmt: skip
TWIN = backend.loops(autoencoder, "numba")
STEPS = ["params", "params", "x_tilde", "x", "lr"]
ROWS = [  # what is called, its arguments, which of them are replaced, and whether it is a door: else it is given arrays
    *[(TWIN.sgd_step, batch(make, B), STEPS, True) for B in (1, 6) for make in (dae, untied)],
    *[(TWIN.sgd_steps, batch(make, 6, None), STEPS, True) for make in (dae, untied)],
    (perceptron, {"weights": [image(4, 5), image(5, 3)], "biases": [np.ones(5), np.ones(3)], "x": X[None], "t": T[None], "lr": 0.1}, ["weights", "biases", "x", "t"], False),
    *[(fit, {"make": make, "params": make().params, "x": X, "batch_size": B}, ["params"], True) for B in (1, 5) for make in (dae, untied, machine)],
    (boltzmann, {"params": machine().params, "v": X[None], "hidden": image(1, 6, 3), "lr": 0.1}, ["params", "v", "hidden"], False),
    (fit, {"make": net, "params": net().params, "x": X, "target": T}, ["params", "target"], True),
    (fit, {"make": pictures, "params": pictures().params, "x": image(4, 6, 6, 1)}, ["params"], True),
    (fit, {"make": sequences, "params": sequences().params, "x": image(4, 5, 2), "target": image(4, 2)}, ["params", "target"], True),
    (fit, {"make": net, "params": net().params, "x": X, "target": T, "later": 0}, ["later"], True),
    *[(layer.forward, {"params": layer.init(shape[1:], rng()), "x": image(*shape)}, ["params", "x"] if layer.init(shape[1:], rng()) else ["x"], False) for layer, shape in LAYERS],
    *[(layer.backward, {"cache": layer.forward(layer.init(shape[1:], rng()), image(*shape))[1], "d_output": image(shape[0], *layer.output_shape(shape[1:]))}, ["d_output"], False) for layer, shape in LAYERS],
]  # fmt: skip
LATER = [-1, 3, 10**6, -(10**12), 2**62, np.array([0, 0, 0, 0, 0, 99])]  # labels that are none


def warm(root):
    """Compile what good calls need, so that the limits of time are about malformed ones."""
    for function, arguments, _, _ in ROWS:
        function(**copy.deepcopy(arguments))


def of_arrays(original, draw):
    """Change one array into another array, of those in a dict or a list."""
    if isinstance(original, dict | list):
        key = draw.choice(list(original) if isinstance(original, dict) else range(len(original)))
        changed = original.copy()
        did, changed[key] = of_arrays(original[key], draw)
        return f"{did} in {key}", changed
    return array(original, draw)


def case(draw, folder):
    """Draw a call and a malformed relative of one argument, mostly of the arrays in it."""
    function, good, replaced, door = draw.choice(ROWS)
    arguments, argument = copy.deepcopy(good), draw.choice(replaced)
    if argument == "later":
        did, arguments[argument] = "", draw.choice(LATER)
    elif not door or (argument == "params" and draw.random() < 0.7):
        did, arguments[argument] = of_arrays(arguments[argument], draw)
    else:
        did, arguments[argument] = relative(argument, arguments[argument], draw)
    names = (argument, *ALSO.get(argument, ()), *(good[argument] if isinstance(good[argument], dict) else ()))
    names += ("W", "b") if argument in ("params", "weights", "biases") else ()
    names += ("t", "labels") if argument in ("later", "target") else ("dy",)
    of = getattr(function, "__self__", getattr(arguments.get("make"), "__name__", ""))
    others = (
        {}
        if argument == "later"
        else {name: value for name, value in arguments.items() if name not in (argument, "make", "cache")}
    )
    return Case(
        f"{function.__name__} {of} ({argument}: {did} {arguments.get('batch_size', '')})",
        names,
        lambda: function(**arguments),
        others,
        folder,
    )
