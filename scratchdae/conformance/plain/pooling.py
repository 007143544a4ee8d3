"""Layers that make an image smaller, window by window, or larger."""

import numpy as np

from scratchdae.arguments import Array


def average_pool(
    x: Array, padding: str, pool: list[int], stride: list[int], d_output: Array
) -> dict[str, Array]:  # fmt: skip
    """The mean of each window, over its pixels inside the image."""
    B, height, width, C = x.shape
    kh, kw = pool
    sh, sw = stride
    size = np.array((height, width))
    kernel = np.array(pool)
    windows = (size - kernel) // stride + 1
    if padding == "same":
        windows = (size + stride - 1) // stride
    pad = np.maximum((windows - 1) * stride + kernel - size, 0)
    before = pad // 2  # an odd one more comes after
    after = pad - before
    rows, columns = windows
    top, left = before
    bottom, right = after
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    inside = np.pad(np.ones(x.shape), ((0, 0), (top, bottom), (left, right), (0, 0)))

    output = np.zeros((B, rows, columns, C))
    d_padded = np.zeros(padded.shape)
    for r in range(rows):
        for c in range(columns):
            down = slice(r * sh, r * sh + kh)
            across = slice(c * sw, c * sw + kw)
            total = padded[:, down, across].sum(axis=(1, 2))
            count = inside[:, down, across].sum(axis=(1, 2))
            output[:, r, c] = total / count

            d_total = d_output[:, r, c] / count
            d_padded[:, down, across] = d_padded[:, down, across] + d_total[:, None, None]
    d_input = d_padded[:, top : top + height, left : left + width]
    return {"output": output, "d_input": d_input}


def max_pool(x: Array, padding: str, pool: list[int], stride: list[int], d_output: Array) -> dict[str, Array]:
    """The largest pixel of each window; of equal ones, the first gets the gradient."""
    B, height, width, C = x.shape
    kh, kw = pool
    sh, sw = stride
    size = np.array((height, width))
    kernel = np.array(pool)
    windows = (size - kernel) // stride + 1
    if padding == "same":
        windows = (size + stride - 1) // stride
    pad = np.maximum((windows - 1) * stride + kernel - size, 0)
    before = pad // 2  # an odd one more comes after
    after = pad - before
    rows, columns = windows
    top, left = before
    bottom, right = after
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=-np.inf)

    output = np.zeros((B, rows, columns, C))
    d_padded = np.zeros(padded.shape)
    for r in range(rows):
        for c in range(columns):
            down = slice(r * sh, r * sh + kh)
            across = slice(c * sw, c * sw + kw)
            window = padded[:, down, across]
            largest = window.max(axis=(1, 2))
            output[:, r, c] = largest

            equal = window == largest[:, None, None]
            nth = np.cumsum(equal.reshape(B, kh * kw, C), axis=1).reshape(B, kh, kw, C)
            chosen = equal * (nth == 1)
            d_window = chosen * d_output[:, r, c][:, None, None]
            d_padded[:, down, across] = d_padded[:, down, across] + d_window
    d_input = d_padded[:, top : top + height, left : left + width]
    return {"output": output, "d_input": d_input}


def up_sampling(x: Array, factor: list[int], d_output: Array) -> dict[str, Array]:
    """Every pixel becomes a block of equal pixels."""
    B, height, width, C = x.shape
    fh, fw = factor
    output = np.zeros((B, height * fh, width * fw, C))
    d_input = np.zeros(x.shape)
    for i in range(fh):
        for j in range(fw):
            output[:, i::fh, j::fw] = x
            d_input = d_input + d_output[:, i::fh, j::fw]
    return {"output": output, "d_input": d_input}
