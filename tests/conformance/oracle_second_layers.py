"""Layers of version 2 at fifty digits or more, forwards alone; the numbers differentiate themselves."""

import math

import numpy as np
from mpmath import mp, mpf
from oracle_functions import ACTIVATIONS, sigmoid, softmax, tanh, where_positive
from oracle_numbers import Number, exp, log1p, normal_cdf, sqrt, values


def elu(leaves, _, conventions):
    x = leaves["x"]
    floor = mpf(conventions["alpha"]) * (exp(x) - 1)
    return {"output": where_positive(x, x, floor)}


def gelu(leaves, _, conventions):
    x = leaves["x"]
    if conventions["approximate"] == "none":
        return {"output": x * normal_cdf(x)}
    return {"output": mpf(0.5) * x * (1 + tanh(mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x * x * x)))}


def silu(leaves, _, __):
    return {"output": leaves["x"] * sigmoid(leaves["x"])}


def softplus(leaves, _, __):
    return {"output": log1p(exp(leaves["x"]))}


def probabilities(leaves, _, __):
    return {"output": softmax(leaves["x"])}


def tied_dense(leaves, _, __):
    return {"output": leaves["x"] @ leaves["W"].T + leaves["b"]}


def weight_norm(leaves, _, __):
    """A column of v divided by its length and multiplied by its g."""
    v = leaves["v"]
    W = leaves["g"] * v / sqrt((v * v).sum(axis=0))
    return {"W": W, "output": leaves["x"] @ W + leaves["b"]}


def batch_norm(leaves, inputs, conventions):
    """One channel after another, each a list of numbers."""
    x, C = leaves["x"], leaves["x"].shape[-1]
    flat, eps, old = x.reshape(-1, C), mpf(conventions["eps"]), mpf(conventions["decay_rate"])
    n, output, found = len(flat), np.empty(flat.shape, dtype=object), {}
    means, variances = values(inputs["running_mean"]), values(inputs["running_variance"])
    for k in range(C):
        mean, variance = Number(means[k]), Number(variances[k])
        if conventions["training"]:
            mean = flat[:, k].sum() / n
            apart = flat[:, k] - mean
            variance = (apart * apart).sum() / n
            divisor = n - 1 if conventions["running"] == "unbiased" else n
            means[k] = old * means[k] + (1 - old) * mean.value
            variances[k] = old * variances[k] + (1 - old) * variance.value * n / divisor
        root = sqrt(np.array(variance + eps, dtype=object))
        output[:, k] = (flat[:, k] - mean) / root * leaves["gamma"][k] + leaves["beta"][k]
    if conventions["training"]:
        found = {"running_mean_after": means, "running_variance_after": variances}
    return {"output": output.reshape(x.shape), **found}


def layer_norm(leaves, _, conventions):
    x = leaves["x"]
    flat, eps = x.reshape(-1, x.shape[-1]), mpf(conventions["eps"])
    output = np.empty(flat.shape, dtype=object)
    for n, row in enumerate(flat):
        apart = row - row.sum() / len(row)
        variance = (apart * apart).sum() / len(row)
        root = sqrt(np.array(variance + eps, dtype=object))
        output[n] = leaves["gamma"] * (apart / root) + leaves["beta"]
    return {"output": output.reshape(x.shape)}


def gru(leaves, _, conventions):
    """One unit at a time: three sums of an example and a unit, the third in two parts."""
    x, W, U, b = (leaves[name] for name in ("x", "W", "U", "b"))
    (B, T, F), H, after = x.shape, conventions["units"], conventions["reset"] == "after"
    phi = ACTIVATIONS[conventions["activation"]]
    h = np.full((B, H), Number(0), dtype=object)
    outputs = np.empty((B, T, H), dtype=object)
    for t in range(T):
        new, r, z = (np.empty((B, H), dtype=object) for _ in range(3))
        for n, u in np.ndindex(B, H):
            for gate, column in ((r, u), (z, H + u)):
                total = b[column] + sum(x[n, t, k] * W[k, column] for k in range(F))
                gate[n, u] = sigmoid(total + sum(h[n, k] * U[k, column] for k in range(H)))
        for n, u in np.ndindex(B, H):
            column = 2 * H + u
            total = b[column] + sum(x[n, t, k] * W[k, column] for k in range(F))
            if after:
                inner = sum(h[n, k] * U[k, column] for k in range(H)) + leaves["b_U"][u]
                total = total + r[n, u] * inner
            else:
                total = total + sum(r[n, k] * h[n, k] * U[k, column] for k in range(H))
            candidate = np.asarray(phi(np.array(total, dtype=object), None), dtype=object)[()]
            new[n, u] = (1 - z[n, u]) * candidate + z[n, u] * h[n, u]
        h = new
        outputs[:, t] = h
    return {"output": outputs if conventions["return_sequences"] else h}


def convolved(leaves, _, conventions):
    """Sum over every pixel that a kernel's entry meets; dilation, groups, and one axis in place of two."""
    x, W = leaves["x"], leaves["W"]
    one = x.ndim == 3
    x, W = (x[:, None], W[None]) if one else (x, W)
    (kh, kw, per, F), (B, height, width, _) = W.shape, x.shape
    sh, sw = (1, conventions["stride"]) if one else conventions["stride"]
    dh, dw = conventions.get("dilation", (1, 1))
    rows, top = places(height, (kh - 1) * dh + 1, sh, conventions["padding"])
    columns, left = places(width, (kw - 1) * dw + 1, sw, conventions["padding"])
    output, filters = np.empty((B, rows, columns, F), dtype=object), F // conventions.get("groups", 1)
    for n, r, c, f in np.ndindex(output.shape):
        total = 1 * leaves["b"][f]
        for i, j, k in np.ndindex(kh, kw, per):
            h, w = r * sh + i * dh - top, c * sw + j * dw - left
            if 0 <= h < height and 0 <= w < width:
                total = total + x[n, h, w, f // filters * per + k] * W[i, j, k, f]
        output[n, r, c, f] = total
    return {"output": output[:, 0] if one else output}


def places(size, reach, stride, padding):
    """How many windows there are along an axis, and how many pixels of padding come first."""
    if padding == "valid":
        return (size - reach) // stride + 1, 0
    count = math.ceil(size / stride)
    return count, max((count - 1) * stride + reach - size, 0) // 2


def spread(leaves, _, conventions):
    """Give every step to the steps of a longer sequence that its kernel reaches."""
    x, W, b, s = leaves["x"], leaves["W"], leaves["b"], conventions["stride"]
    (B, T, C), (k, F, _) = x.shape, W.shape
    valid = conventions["padding"] == "valid"
    steps = T * s + (max(k - s, 0) if valid else 0)
    first = 0 if valid else max((T - 1) * s + k - steps, 0) // 2
    output = np.empty((B, steps, F), dtype=object)
    for n, h, f in np.ndindex(output.shape):
        total = 1 * b[f]
        for t, c in np.ndindex(T, C):
            i = h + first - t * s
            if 0 <= i < k:
                total = total + x[n, t, c] * W[i, f, c]
        output[n, h, f] = total
    return {"output": output}


SECOND = {
    "ELU": elu,
    "GELU": gelu,
    "SiLU": silu,
    "Softplus": softplus,
    "Softmax": probabilities,
    "TiedDense": tied_dense,
    "WeightNormDense": weight_norm,
    "BatchNorm": batch_norm,
    "LayerNorm": layer_norm,
    "GRU": gru,
    "Conv1D": convolved,
    "Conv1DTranspose": spread,
    "DilatedConv2D": convolved,
    "GroupedConv2D": convolved,
}
