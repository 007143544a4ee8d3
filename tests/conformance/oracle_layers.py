"""Layers at fifty digits: each output a sum over indices, one at a time, differentiated by the numbers themselves."""

import math

import numpy as np
from mpmath import mpf
from oracle_functions import ACTIVATIONS, sigmoid
from oracle_numbers import Number, differentiate, gradients, numbers, value
from oracle_second_layers import SECOND

LEAVES = ("x", "W", "b", "U", "b_U", "h0", "c0", "gamma", "beta", "v", "g")  # what has a gradient
ELEMENTWISE = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "Identity": "identity",
}


def layer(inputs, conventions):
    leaves = {name: numbers(inputs[name]) for name in LEAVES if name in inputs}
    kind = conventions["layer"]
    if kind in ELEMENTWISE:
        found = {"output": ACTIVATIONS[ELEMENTWISE[kind]](leaves["x"], conventions.get("slope"))}
    else:
        found = LAYERS[kind](leaves, inputs, conventions)
    differentiate(found["output"], inputs["d_output"])
    names = {name: f"d{name}" for name in LEAVES} | {"x": "d_input"}
    return found | {names[name]: gradients(leaf) for name, leaf in leaves.items()}


def dense(leaves, _, __):
    return {"output": leaves["x"] @ leaves["W"] + leaves["b"]}


def padding_before(size, count, kernel, stride, padding):
    return 0 if padding == "valid" else max((count - 1) * stride + kernel - size, 0) // 2


def windows(size, kernel, stride, padding):
    """How many windows there are along an axis, and how many pixels of padding come first."""
    count = (size - kernel) // stride + 1 if padding == "valid" else math.ceil(size / stride)
    return count, padding_before(size, count, kernel, stride, padding)


def conv(leaves, _, conventions):
    x, W, b = leaves["x"], leaves["W"], leaves["b"]
    (B, height, width, C), (kh, kw, _, F), (sh, sw) = x.shape, W.shape, conventions["stride"]
    rows, top = windows(height, kh, sh, conventions["padding"])
    columns, left = windows(width, kw, sw, conventions["padding"])
    output = np.empty((B, rows, columns, F), dtype=object)
    for n, r, c, f in np.ndindex(output.shape):
        total = 1 * b[f]
        for i, j, k in np.ndindex(kh, kw, C):
            h, w = r * sh + i - top, c * sw + j - left
            if 0 <= h < height and 0 <= w < width:
                total = total + x[n, h, w, k] * W[i, j, k, f]
        output[n, r, c, f] = total
    return {"output": output}


def conv_transpose(leaves, _, conventions):
    x, W, b = leaves["x"], leaves["W"], leaves["b"]
    (B, rows, columns, C), (kh, kw, F, _), (sh, sw) = x.shape, W.shape, conventions["stride"]
    valid = conventions["padding"] == "valid"
    height, width = (n * s + valid * max(k - s, 0) for n, k, s in ((rows, kh, sh), (columns, kw, sw)))
    top = padding_before(height, rows, kh, sh, conventions["padding"])
    left = padding_before(width, columns, kw, sw, conventions["padding"])
    output = np.empty((B, height, width, F), dtype=object)
    for n, h, w, f in np.ndindex(output.shape):
        total = 1 * b[f]
        for r, c, k in np.ndindex(rows, columns, C):
            i, j = h + top - r * sh, w + left - c * sw
            if 0 <= i < kh and 0 <= j < kw:
                total = total + x[n, r, c, k] * W[i, j, f, k]
        output[n, h, w, f] = total
    return {"output": output}


def pool(leaves, _, conventions):
    x, (kh, kw), (sh, sw) = leaves["x"], conventions["pool"], conventions["stride"]
    B, height, width, C = x.shape
    rows, top = windows(height, kh, sh, conventions["padding"])
    columns, left = windows(width, kw, sw, conventions["padding"])
    output = np.empty((B, rows, columns, C), dtype=object)
    for n, r, c, k in np.ndindex(output.shape):
        places = [(r * sh + i - top, c * sw + j - left) for i in range(kh) for j in range(kw)]
        seen = [x[n, h, w, k] for h, w in places if 0 <= h < height and 0 <= w < width]
        largest = max(seen, key=value)  # of equal ones the first
        output[n, r, c, k] = 1 * largest if conventions["layer"] == "MaxPool2D" else sum(seen) / len(seen)
    return {"output": output}


def upsampling(leaves, _, conventions):
    x, (down, across) = leaves["x"], conventions["factor"]
    B, height, width, C = x.shape
    output = np.empty((B, height * down, width * across, C), dtype=object)
    for n, h, w, k in np.ndindex(output.shape):
        output[n, h, w, k] = 1 * x[n, h // down, w // across, k]
    return {"output": output}


def reshaped(leaves, _, conventions):
    shape = conventions.get("shape", [-1])
    return {"output": 1 * leaves["x"].reshape(len(leaves["x"]), *shape)}


def repeat(leaves, _, conventions):
    return {"output": np.stack([1 * leaves["x"] for _ in range(conventions["n"])], axis=1)}


def dropout(leaves, inputs, conventions):
    kept = np.where(inputs["keep"], 1 / (1 - mpf(conventions["rate"])), mpf(0))
    return {"output": leaves["x"] * kept}


def gaussian_noise(leaves, inputs, conventions):
    return {"output": leaves["x"] + mpf(conventions["std"]) * numbers(inputs["noise"])}


def lstm(leaves, _, conventions):
    """One cell at a time: four gates of an example and a unit are four sums."""
    x, W, U, b = (leaves[name] for name in ("x", "W", "U", "b"))
    (B, T, F), H = x.shape, conventions["units"]
    phi = ACTIVATIONS[conventions["activation"]]
    zero = np.full((B, H), Number(0), dtype=object)
    h, c = leaves.get("h0", zero), leaves.get("c0", zero)
    outputs, cells, gates = (np.empty((B, T, size), dtype=object) for size in (H, H, 4 * H))
    for t in range(T):
        new_h, new_c = np.empty((B, H), dtype=object), np.empty((B, H), dtype=object)
        for n, u in np.ndindex(B, H):
            sums = []
            for column in (u, H + u, 2 * H + u, 3 * H + u):
                total = 1 * b[column]
                for k in range(F):
                    total = total + x[n, t, k] * W[k, column]
                for k in range(H):
                    total = total + h[n, k] * U[k, column]
                sums.append(np.array(total, dtype=object))
            i, f, o = (sigmoid(sums[gate]) for gate in (0, 1, 3))
            g = np.asarray(phi(sums[2], None), dtype=object)[()]
            new_c[n, u] = f * c[n, u] + i * g
            new_h[n, u] = o * np.asarray(phi(np.array(new_c[n, u], dtype=object), None), dtype=object)[()]
            gates[n, t, u::H] = i, f, g, o
        h, c = new_h, new_c
        outputs[:, t], cells[:, t] = h, c
    output = outputs if conventions["return_sequences"] else h
    return {"output": output, "gates": gates, "c": cells}


LAYERS = SECOND | {
    "Dense": dense,
    "Conv2D": conv,
    "Conv2DTranspose": conv_transpose,
    "MaxPool2D": pool,
    "AveragePool2D": pool,
    "UpSampling2D": upsampling,
    "Flatten": reshaped,
    "Reshape": reshaped,
    "RepeatVector": repeat,
    "Dropout": dropout,
    "GaussianNoise": gaussian_noise,
    "LSTM": lstm,
}
