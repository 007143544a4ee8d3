"""Exercises 03, 05, 06 and 07: the autoencoder there and back, equations (1) to (12) of `scratchdae.autoencoder`."""

import numpy as np

from scratchdae import autoencoder
from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params
from scratchdae.exercises.exercise import Task, exercise


def _encode(x: Array, W: Array, b: Array) -> Array:
    return autoencoder.encode({"W": W, "b": b}, x)


def _decode(y: Array, W: Array, b_prime: Array) -> Array:
    return sigmoid(autoencoder.decode({"W": W, "b_prime": b_prime}, y))


def _softmax(a: Array) -> Array:
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


encode_decode = exercise(
    3, "encode_decode",
    Task(
        "encode", {"x": "BD unit", "W": "DH weights", "b": "H"}, ("y",),
        _encode,
        {
            "no sigmoid": lambda x, W, b: x @ W + b,
            "no bias": lambda x, W, b: sigmoid(x @ W),
            "twice": lambda x, W, b: sigmoid(sigmoid(x @ W + b)),
            "centred": lambda x, W, b: sigmoid((x - x.mean(0)) @ W + b),
            "bias outside": lambda x, W, b: sigmoid(x @ W) + b,
            "falls": lambda x, W, b: sigmoid(-(x @ W + b)),
            "the exponent of a part": lambda x, W, b: sigmoid(x @ W - b),
            "tanh": lambda x, W, b: np.tanh(x @ W + b),
            "softmax": lambda x, W, b: _softmax(x @ W + b),
            "rectifier": lambda x, W, b: np.maximum(x @ W + b, 0),
            "columns": lambda x, W, b: sigmoid(x @ W + b).T,
        },
    ),
    Task(
        "decode", {"y": "BH unit", "W": "DH weights", "b_prime": "D"}, ("z",),
        _decode,
        {
            "no sigmoid": lambda y, W, b: y @ W.T + b,
            "no bias": lambda y, W, b: sigmoid(y @ W.T),
            "reshaped": lambda y, W, b: sigmoid(y @ W.reshape(W.shape[::-1]) + b),
            "s(y)": lambda y, W, b: sigmoid(sigmoid(y) @ W.T + b),
            "twice": lambda y, W, b: sigmoid(sigmoid(y @ W.T + b)),
            "bias outside": lambda y, W, b: sigmoid(y @ W.T) + b,
            "the exponent of a part": lambda y, W, b: sigmoid(y @ W.T - b),
            "falls": lambda y, W, b: sigmoid(-(y @ W.T + b)),
            "tanh": lambda y, W, b: np.tanh(y @ W.T + b),
            "softmax": lambda y, W, b: _softmax(y @ W.T + b),
            "columns": lambda y, W, b: sigmoid(y @ W.T + b).T,
            "the inverse": lambda y, W, b: sigmoid(y @ np.linalg.pinv(W) + b),
        },
    ),
)  # fmt: skip


def _back(da_z: Array, x_tilde: Array, y: Array, params: Params) -> Params:
    H, D = y.shape[1], da_z.shape[1]
    whole = {"b": np.zeros(H), "b_prime": np.zeros(D)} | params
    return autoencoder.backward(da_z, autoencoder.Cache(x_tilde, y), whole)[1]


def _decoder(da_z: Array, y: Array) -> Array:
    return da_z.T @ y


def _encoder(da_z: Array, x_tilde: Array, y: Array, W: Array) -> Array:
    return _back(da_z, x_tilde, y, {"W": W})["W"] - _decoder(da_z, y)


def _tied(da_z: Array, x_tilde: Array, y: Array, W: Array) -> Array:
    return _back(da_z, x_tilde, y, {"W": W})["W"]


tied_gradient = exercise(
    5, "tied_gradient",
    Task(
        "decoder_part", {"da_z": "BD", "y": "BH unit"}, ("dW",),
        _decoder,
        {
            "transposed": lambda da_z, y: y.T @ da_z,
            "averaged again": lambda da_z, y: da_z.T @ y / len(y),
            "turned": lambda da_z, y: -da_z.T @ y,
            "a slope too many": lambda da_z, y: da_z.T @ (y * (1 - y)),
            "slope in place of y": lambda da_z, y: da_z.T @ (1 - y),
            "the first example alone": lambda da_z, y: np.outer(da_z[0], y[0]),
            "the last example alone": lambda da_z, y: np.outer(da_z[-1], y[-1]),
            "summed before the product": lambda da_z, y: np.outer(da_z.sum(0), y.sum(0)),
            "averaged before the product": lambda da_z, y: np.outer(da_z.mean(0), y.mean(0)),
        },
    ),
    Task(
        "encoder_part", {"da_z": "BD", "x_tilde": "BD unit", "y": "BH unit", "W": "DH weights"}, ("dW",),
        _encoder,
        {
            "no slope": lambda da_z, x, y, W: x.T @ (da_z @ W),
            "tanh's slope": lambda da_z, x, y, W: x.T @ (da_z @ W * (1 - y**2)),
            "half a slope": lambda da_z, x, y, W: x.T @ (da_z @ W * y),
            "the other half": lambda da_z, x, y, W: x.T @ (da_z @ W * (1 - y)),
            "slope of a": lambda da_z, x, y, W: x.T @ (da_z @ W * sigmoid(y) * (1 - sigmoid(y))),
            "averaged again": lambda da_z, x, y, W: x.T @ (da_z @ W * y * (1 - y)) / len(y),
            "turned": lambda da_z, x, y, W: -x.T @ (da_z @ W * y * (1 - y)),
            "transposed": lambda da_z, x, y, W: (da_z @ W * y * (1 - y)).T @ x,
            "slope of x̃": lambda da_z, x, y, W: (x * (1 - x)).T @ (da_z @ W),
            "from da_z, not from x̃": lambda da_z, x, y, W: da_z.T @ (da_z @ W * y * (1 - y)),
            "the decoder's part": lambda da_z, x, y, W: da_z.T @ y,
            "both parts": _tied,
        },
    ),
    Task(
        "tied_gradient", {"da_z": "BD", "x_tilde": "BD unit", "y": "BH unit", "W": "DH weights"}, ("dW",),
        _tied,
        {
            "no encoder": lambda da_z, x, y, W: da_z.T @ y,
            "no decoder": _encoder,
            "mean of both": lambda *a: _tied(*a) / 2,
            "difference": lambda da_z, x, y, W: _encoder(da_z, x, y, W) - da_z.T @ y,
            "difference, turned": lambda da_z, x, y, W: da_z.T @ y - _encoder(da_z, x, y, W),
            "no slope": lambda da_z, x, y, W: da_z.T @ y + x.T @ (da_z @ W),
            "tanh's slope": lambda da_z, x, y, W: da_z.T @ y + x.T @ (da_z @ W * (1 - y**2)),
            "averaged again": lambda *a: _tied(*a) / len(a[0]),
            "encoder doubled": lambda *a: 2 * _encoder(*a),
            "decoder doubled": lambda da_z, x, y, W: 2 * da_z.T @ y,
            "encoder averaged again": lambda da_z, x, y, W: da_z.T @ y + _encoder(da_z, x, y, W) / len(y),
            "decoder averaged again": lambda da_z, x, y, W: da_z.T @ y / len(y) + _encoder(da_z, x, y, W),
        },
    ),
)  # fmt: skip


def _biases(da_z: Array, y: Array, W: Array) -> tuple[Array, Array]:
    grads = _back(da_z, np.zeros_like(da_z), y, {"W": W})
    return grads["b"], grads["b_prime"]


def _da_y(da_z: Array, y: Array, W: Array) -> Array:
    return np.asarray(da_z @ W * y * (1 - y))


biases = exercise(
    6, "biases",
    Task(
        "bias_gradients", {"da_z": "BD", "y": "BH unit", "W": "DH weights"}, ("db", "db_prime"),
        _biases,
        {
            "averaged again": lambda *a: (_biases(*a)[0] / len(a[0]), _biases(*a)[1] / len(a[0])),
            "db averaged again": lambda *a: (_biases(*a)[0] / len(a[0]), _biases(*a)[1]),
            "db' averaged again": lambda *a: (_biases(*a)[0], _biases(*a)[1] / len(a[0])),
            "exchanged": lambda *a: _biases(*a)[::-1],
            "over the wrong axis": lambda *a: (_da_y(*a).sum(1), a[0].sum(1)),
            "not summed": lambda *a: (_da_y(*a), a[0]),
            "no slope": lambda da_z, y, W: ((da_z @ W).sum(0), da_z.sum(0)),
            "tanh's slope": lambda da_z, y, W: ((da_z @ W * (1 - y**2)).sum(0), da_z.sum(0)),
            "half a slope": lambda da_z, y, W: ((da_z @ W * y).sum(0), da_z.sum(0)),
            "the other half": lambda da_z, y, W: ((da_z @ W * (1 - y)).sum(0), da_z.sum(0)),
            "the last example alone": lambda da_z, y, W: _biases(da_z[-1:], y[-1:], W),
            "y itself in db": lambda da_z, y, W: (y.sum(0), da_z.sum(0)),
            "kept an axis": lambda *a: (_biases(*a)[0][None], _biases(*a)[1][None]),
            "a sum of everything": lambda *a: (_biases(*a)[0].sum(), _biases(*a)[1].sum()),
            "times y": lambda da_z, y, W: ((_da_y(da_z, y, W) * y).sum(0), da_z.sum(0)),
            "slope of the mean": lambda da_z, y, W: ((da_z @ W).sum(0) * y.mean(0) * (1 - y.mean(0)), da_z.sum(0)),
            "turned": lambda *a: (-_biases(*a)[0], -_biases(*a)[1]),
            "slope after the sum": lambda da_z, y, W: ((da_z.sum(0) @ W) * (y * (1 - y)).mean(0), da_z.sum(0)),
        },
    ),
)  # fmt: skip


def _untied(da_z: Array, x_tilde: Array, y: Array, W_prime: Array) -> tuple[Array, Array]:
    grads = _back(da_z, x_tilde, y, {"W": np.zeros_like(W_prime.T), "W_prime": W_prime})
    return grads["W"], grads["W_prime"]


untied = exercise(
    7, "untied",
    Task(
        "untied_gradients", {"da_z": "BD", "x_tilde": "BD unit", "y": "BH unit", "W_prime": "HD weights"}, ("dW", "dW_prime"),
        _untied,
        {
            "the last example alone": lambda da_z, x, y, V: _untied(da_z[-1:], x[-1:], y[-1:], V),
            "exchanged": lambda *a: _untied(*a)[::-1],
            "nothing in dW": lambda da_z, x, y, V: (np.zeros(V.T.shape), y.T @ da_z),
            "dW from da_z": lambda da_z, x, y, V: (da_z.T @ (da_z @ V.T * y * (1 - y)), y.T @ da_z),
            "W' reshaped": lambda da_z, x, y, V: (x.T @ (da_z @ V.reshape(V.shape[::-1]) * y * (1 - y)), y.T @ da_z),
            "as if tied": lambda da_z, x, y, V: (_untied(da_z, x, y, V)[0] + da_z.T @ y, y.T @ da_z),
            "as if tied, both": lambda da_z, x, y, V: (_untied(da_z, x, y, V)[0] + da_z.T @ y, y.T @ da_z + _untied(da_z, x, y, V)[0].T),
            "dW' transposed": lambda da_z, x, y, V: (_untied(da_z, x, y, V)[0], da_z.T @ y),
            "dW transposed": lambda da_z, x, y, V: (_untied(da_z, x, y, V)[0].T, y.T @ da_z),
            "no slope": lambda da_z, x, y, V: (x.T @ (da_z @ V.T), y.T @ da_z),
            "tanh's slope": lambda da_z, x, y, V: (x.T @ (da_z @ V.T * (1 - y**2)), y.T @ da_z),
            "half a slope": lambda da_z, x, y, V: (x.T @ (da_z @ V.T * y), y.T @ da_z),
            "dW' from x̃": lambda da_z, x, y, V: (_untied(da_z, x, y, V)[0], _untied(da_z, x, y, V)[0].T),
            "averaged again": lambda *a: tuple(g / len(a[0]) for g in _untied(*a)),
            "dW' averaged again": lambda *a: (_untied(*a)[0], _untied(*a)[1] / len(a[0])),
            "dW averaged again": lambda *a: (_untied(*a)[0] / len(a[0]), _untied(*a)[1]),
            "turned": lambda *a: tuple(-g for g in _untied(*a)),
            "a hidden slope in dW'": lambda da_z, x, y, V: (_untied(da_z, x, y, V)[0], (y * (1 - y)).T @ da_z),
        },
    ),
)  # fmt: skip
