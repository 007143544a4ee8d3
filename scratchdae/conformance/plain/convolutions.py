"""Layers that slide a kernel over images or sequences, and those that stamp it onto them."""

import numpy as np

from scratchdae.arguments import Array


def conv_2d(
    x: Array, W: Array, b: Array, padding: str, stride: list[int], d_output: Array,
    dilation: tuple[int, int] = (1, 1),
) -> dict[str, Array]:  # fmt: skip
    """A convolution of images (B, height, width, C) with W (kh, kw, C, F), which is not flipped."""
    kh, kw, C, F = W.shape
    sh, sw = stride
    dh, dw = dilation
    size = np.array(x.shape[1:3])
    reach = (np.array((kh, kw)) - 1) * dilation + 1  # pixels from the first to the last that the kernel sees
    windows = (size - reach) // stride + 1
    if padding == "same":
        windows = (size + stride - 1) // stride
    pad = np.maximum((windows - 1) * stride + reach - size, 0)
    before = pad // 2  # an odd one more comes after
    after = pad - before
    height, width = size
    rows, columns = windows
    top, left = before
    bottom, right = after
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))

    output = np.zeros((len(x), rows, columns, F)) + b
    d_padded = np.zeros(padded.shape)
    dW = np.zeros(W.shape)
    for i in range(kh):
        for j in range(kw):
            entry = (i, j)  # of the kernel: a matrix
            down = slice(i * dh, i * dh + rows * sh, sh)
            across = slice(j * dw, j * dw + columns * sw, sw)
            seen = padded[:, down, across]
            output = output + seen @ W[entry]

            d_seen = d_output @ W[entry].T
            d_padded[:, down, across] = d_padded[:, down, across] + d_seen
            dW[entry] = seen.reshape(-1, C).T @ d_output.reshape(-1, F)
    d_input = d_padded[:, top : top + height, left : left + width]
    db = d_output.sum(axis=(0, 1, 2))
    return {"output": output, "d_input": d_input, "dW": dW, "db": db}


def grouped_conv_2d(
    x: Array, W: Array, b: Array, padding: str, stride: list[int], groups: int, d_output: Array
) -> dict[str, Array]:
    """A convolution in which each group of filters sees its own group of channels alone."""
    C = x.shape[3]
    kh, kw, group_C, F = W.shape
    group_F = F // groups
    sh, sw = stride
    size = np.array(x.shape[1:3])
    kernel = np.array((kh, kw))
    windows = (size - kernel) // stride + 1
    if padding == "same":
        windows = (size + stride - 1) // stride
    pad = np.maximum((windows - 1) * stride + kernel - size, 0)
    before = pad // 2  # an odd one more comes after
    after = pad - before
    height, width = size
    rows, columns = windows
    top, left = before
    bottom, right = after
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))

    output = np.zeros((len(x), rows, columns, F)) + b
    d_padded = np.zeros(padded.shape)
    dW = np.zeros(W.shape)
    channels = np.arange(C).reshape(groups, group_C)
    filters = np.arange(F).reshape(groups, group_F)
    for q in range(groups):
        own = channels[q]  # those that the group sees
        made = filters[q]  # those that the group has
        d_made = d_output[..., made]
        for i in range(kh):
            for j in range(kw):
                entry = (i, j)  # of the kernel: a matrix
                down = slice(i, i + rows * sh, sh)
                across = slice(j, j + columns * sw, sw)
                K = W[entry][:, made]
                seen = padded[:, down, across][..., own]
                output[..., made] = output[..., made] + seen @ K

                d_padded[:, down, across, own] = d_padded[:, down, across, own] + d_made @ K.T
                dW[entry][:, made] = seen.reshape(-1, group_C).T @ d_made.reshape(-1, group_F)
    d_input = d_padded[:, top : top + height, left : left + width]
    db = d_output.sum(axis=(0, 1, 2))
    return {"output": output, "d_input": d_input, "dW": dW, "db": db}


def conv_2d_transpose(
    x: Array, W: Array, b: Array, padding: str, stride: list[int], d_output: Array
) -> dict[str, Array]:
    """A transposed convolution: every pixel stamps W (kh, kw, F, C), times itself, onto a larger image."""
    kh, kw, F, _ = W.shape
    sh, sw = stride
    size = np.array(x.shape[1:3])
    kernel = np.array((kh, kw))
    larger = size * stride  # the size of the output
    if padding == "valid":
        larger = size * stride + np.maximum(kernel - stride, 0)
    pad = np.maximum((size - 1) * stride + kernel - larger, 0)
    before = pad // 2  # an odd one more comes after
    after = pad - before
    height, width = size
    rows, columns = larger
    top, left = before
    bottom, right = after

    canvas = np.zeros((len(x), top + rows + bottom, left + columns + right, F))
    d_canvas = np.pad(d_output, ((0, 0), (top, bottom), (left, right), (0, 0)))
    d_input = np.zeros(x.shape)
    dW = np.zeros(W.shape)
    for r in range(height):
        for c in range(width):
            for i in range(kh):
                for j in range(kw):
                    entry = (i, j)  # of the kernel: a matrix
                    row = r * sh + i
                    column = c * sw + j
                    canvas[:, row, column] = canvas[:, row, column] + x[:, r, c] @ W[entry].T

                    d_stamp = d_canvas[:, row, column]
                    d_input[:, r, c] = d_input[:, r, c] + d_stamp @ W[entry]
                    dW[entry] = dW[entry] + d_stamp.T @ x[:, r, c]
    output = canvas[:, top : top + rows, left : left + columns] + b
    db = d_output.sum(axis=(0, 1, 2))
    return {"output": output, "d_input": d_input, "dW": dW, "db": db}


def conv_1d(x: Array, W: Array, b: Array, padding: str, stride: int, d_output: Array) -> dict[str, Array]:
    """A convolution of sequences (B, T, C) with W (k, C, F), which is not flipped."""
    B, T, C = x.shape
    k, C, F = W.shape
    steps = (T - k) // stride + 1
    if padding == "same":
        steps = (T + stride - 1) // stride
    pad = max((steps - 1) * stride + k - T, 0)
    before = pad // 2  # an odd one more comes after
    after = pad - before
    padded = np.pad(x, ((0, 0), (before, after), (0, 0)))

    output = np.zeros((B, steps, F)) + b
    d_padded = np.zeros(padded.shape)
    dW = np.zeros(W.shape)
    for i in range(k):
        entry = i  # of the kernel: a matrix
        along = slice(i, i + steps * stride, stride)
        seen = padded[:, along]
        output = output + seen @ W[entry]

        d_seen = d_output @ W[entry].T
        d_padded[:, along] = d_padded[:, along] + d_seen
        dW[entry] = seen.reshape(-1, C).T @ d_output.reshape(-1, F)
    d_input = d_padded[:, before : before + T]
    db = d_output.sum(axis=(0, 1))
    return {"output": output, "d_input": d_input, "dW": dW, "db": db}


def conv_1d_transpose(
    x: Array, W: Array, b: Array, padding: str, stride: int, d_output: Array
) -> dict[str, Array]:  # fmt: skip
    """A transposed convolution: every step stamps W (k, F, C), times itself, onto a longer sequence."""
    B, T, _ = x.shape
    k, F, _ = W.shape
    steps = T * stride
    if padding == "valid":
        steps = T * stride + max(k - stride, 0)
    pad = max((T - 1) * stride + k - steps, 0)
    before = pad // 2  # an odd one more comes after
    after = pad - before

    canvas = np.zeros((B, before + steps + after, F))
    d_canvas = np.pad(d_output, ((0, 0), (before, after), (0, 0)))
    d_input = np.zeros(x.shape)
    dW = np.zeros(W.shape)
    for t in range(T):
        for i in range(k):
            entry = i  # of the kernel: a matrix
            step = t * stride + i
            canvas[:, step] = canvas[:, step] + x[:, t] @ W[entry].T

            d_stamp = d_canvas[:, step]
            d_input[:, t] = d_input[:, t] + d_stamp @ W[entry]
            dW[entry] = dW[entry] + d_stamp.T @ x[:, t]
    output = canvas[:, before : before + steps] + b
    db = d_output.sum(axis=(0, 1))
    return {"output": output, "d_input": d_input, "dW": dW, "db": db}
