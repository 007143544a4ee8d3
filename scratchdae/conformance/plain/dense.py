"""Layers that multiply by a matrix of weights, and those that only rearrange."""

import numpy as np

from scratchdae.arguments import Array


def dense(x: Array, W: Array, b: Array, d_output: Array) -> dict[str, Array]:
    """A fully connected layer; the rows that it multiplies may be the steps of sequences."""
    D, H = W.shape
    output = x @ W + b

    d_input = d_output @ W.T
    rows = x.reshape(-1, D)
    d_rows = d_output.reshape(-1, H)
    dW = rows.T @ d_rows
    db = d_rows.sum(axis=0)
    return {"output": output, "d_input": d_input, "dW": dW, "db": db}


def tied_dense(x: Array, W: Array, b: Array, d_output: Array) -> dict[str, Array]:
    """A fully connected layer whose W (units, inputs) is that of another layer and enters transposed."""
    output = x @ W.T + b

    d_input = d_output @ W
    dW = d_output.T @ x
    db = d_output.sum(axis=0)
    return {"output": output, "d_input": d_input, "dW": dW, "db": db}


def weight_norm_dense(x: Array, v: Array, g: Array, b: Array, d_output: Array) -> dict[str, Array]:
    """A fully connected layer whose weights to each unit have the direction of v and the length g."""
    axis = 0  # the inputs of a unit
    square = (v**2).sum(axis=axis, keepdims=True)
    norm = np.sqrt(square)
    direction = v / norm
    W = g * direction
    output = x @ W + b

    d_input = d_output @ W.T
    dW = x.T @ d_output
    db = d_output.sum(axis=0)
    dg = (dW * direction).sum(axis=0)
    d_direction = dW * g
    # A change of v along itself changes its length alone, which has no effect.
    along = (d_direction * direction).sum(axis=axis, keepdims=True)
    dv = (d_direction - along * direction) / norm
    return {"W": W, "output": output, "d_input": d_input, "db": db, "dv": dv, "dg": dg}


def flatten(x: Array, d_output: Array) -> dict[str, Array]:
    """Images (B, height, width, C) become rows."""
    B, height, width, C = x.shape
    order = (0, 1, 2, 3)  # of the axes: the last runs fastest
    ordered = x.transpose(order)
    output = ordered.reshape(B, height * width * C)

    d_ordered = d_output.reshape(ordered.shape)
    d_input = d_ordered.transpose(np.argsort(order))
    return {"output": output, "d_input": d_input}


def reshape(x: Array, shape: list[int], d_output: Array) -> dict[str, Array]:
    """Rows become images (B, height, width, C)."""
    B, D = x.shape
    height, width, C = shape
    order = (0, 1, 2, 3)  # of the axes: the last runs fastest
    ordered = x.reshape(np.take((B, height, width, C), order))
    output = ordered.transpose(np.argsort(order))

    d_ordered = d_output.transpose(order)
    d_input = d_ordered.reshape(B, D)
    return {"output": output, "d_input": d_input}


def repeat_vector(x: Array, n: int, d_output: Array) -> dict[str, Array]:
    """A row becomes a sequence of n copies of itself."""
    B, D = x.shape
    output = np.zeros((B, n, D))
    d_input = np.zeros((B, D))
    for t in range(n):
        output[:, t] = x
        d_input = d_input + d_output[:, t]
    return {"output": output, "d_input": d_input}
