"""Layers with mistakes in them: in NumPy loops as people write them, and PyTorch's own used wrongly."""

import numpy as np
from wrong_answers import collection

WRONG, wrong = collection()


def torch_gradients(case, forward):
    """Call ``forward(x, W, b) -> output`` on tensors and let autograd do the rest."""
    import torch

    tensors = {n: torch.tensor(case.inputs[n], requires_grad=True) for n in ("x", "W", "b") if n in case.inputs}
    output = forward(*tensors.values())
    output.backward(torch.tensor(case.inputs["d_output"]))
    names = {"x": "d_input", "W": "dW", "b": "db"}
    return {"output": output.detach().numpy(), **{names[n]: t.grad.numpy() for n, t in tensors.items()}}


def torch_conv(x, W, b, stride=1, padding=0):
    from torch.nn.functional import conv2d

    return conv2d(x.permute(0, 3, 1, 2), W.permute(3, 2, 0, 1), b, stride=stride, padding=padding).permute(0, 2, 3, 1)


@wrong("conv_valid", "kernel_flipped", needs="torch")
def true_convolution(case):
    return torch_gradients(case, lambda x, W, b: torch_conv(x, W.flip(0, 1), b))


@wrong("conv_same_stride_2_even", "symmetric_padding", needs="torch")
def torch_padding_for_same(case):
    pads = [(k - 1) // 2 for k in case.inputs["W"].shape[:2]]
    return torch_gradients(case, lambda x, W, b: torch_conv(x, W, b, case.conventions["stride"], pads))


@wrong("conv_same_even_kernel", "padding_before", needs="torch")
def extra_padding_before(case):
    from torch.nn.functional import pad

    kh, kw = case.inputs["W"].shape[:2]

    def forward(x, W, b):
        top, left = kh // 2, kw // 2
        return torch_conv(pad(x, (0, 0, left, kw - 1 - left, top, kh - 1 - top)), W, b)

    return torch_gradients(case, forward)


@wrong("conv_valid", "channels_reversed")
@wrong("conv_same", "channels_reversed")
def loops_over_channels_backwards(case):
    """A convolution in four loops that takes BGR for RGB."""
    x, W, dy = (case.inputs[n] for n in ("x", "W", "d_output"))
    (kh, kw, C, _), top, left = W.shape, 0, 0
    if case.conventions["padding"] == "same":
        top, left = (kh - 1) // 2, (kw - 1) // 2
        x = np.pad(x, ((0, 0), (top, kh - 1 - top), (left, kw - 1 - left), (0, 0)))
    output, dW, dx = np.zeros(dy.shape) + case.inputs["b"], np.zeros(W.shape), np.zeros(x.shape)
    for n, r, c in np.ndindex(dy.shape[:3]):
        for k in range(C):
            window = x[n, r : r + kh, c : c + kw, C - 1 - k]
            output[n, r, c] += np.tensordot(window, W[:, :, k], 2)
            dW[:, :, k] += window[:, :, None] * dy[n, r, c]
            dx[n, r : r + kh, c : c + kw, C - 1 - k] += W[:, :, k] @ dy[n, r, c]
    h, w = case.inputs["x"].shape[1:3]
    return {"output": output, "d_input": dx[:, top : top + h, left : left + w], "dW": dW, "db": dy.sum((0, 1, 2))}


@wrong("conv_same", "dW_flipped", needs="torch")
def kernel_gradient_flipped(case):
    pads = [k // 2 for k in case.inputs["W"].shape[:2]]
    answer = torch_gradients(case, lambda x, W, b: torch_conv(x, W, b, 1, pads))
    return answer | {"dW": answer["dW"][::-1, ::-1]}


@wrong("conv_valid", "db_not_summed_over_batch", needs="torch")
def bias_gradient_for_each_image(case):
    answer = torch_gradients(case, torch_conv)
    return answer | {"db": case.inputs["d_output"].sum((1, 2))}


@wrong("conv_valid", "transposed:output(0,3,1,2)+d_input(0,3,1,2)+dW(3,2,0,1)", needs="torch")
def torch_layout_left_as_it_is(case):
    answer = torch_gradients(case, torch_conv)
    images = {n: answer[n].transpose(0, 3, 1, 2) for n in ("output", "d_input")}
    return {**images, "dW": answer["dW"].transpose(3, 2, 0, 1), "db": answer["db"]}


@wrong("conv_valid", "kernel_flipped", "gradient_factor:1/B", needs="torch")
def two_mistakes_flipped_and_averaged(case):
    answer = torch_gradients(case, lambda x, W, b: torch_conv(x, W.flip(0, 1), b))
    B = len(case.inputs["x"])
    return answer | {"dW": answer["dW"] / B, "db": answer["db"] / B}


@wrong("conv_transpose_valid", "kernel_flipped", needs="torch")
def transposed_convolution_by_correlation(case):
    from torch.nn.functional import conv_transpose2d

    def forward(x, W, b):
        return conv_transpose2d(x.permute(0, 3, 1, 2), W.flip(0, 1).permute(3, 2, 0, 1), b).permute(0, 2, 3, 1)

    return torch_gradients(case, forward)


@wrong("dense", "gradient_factor:1/B")
def averages_gradients_of_a_layer(case):
    x, W, b, dy = (case.inputs[n] for n in ("x", "W", "b", "d_output"))
    return {"output": x @ W + b, "d_input": dy @ W.T, "dW": x.T @ dy / len(x), "db": dy.mean(0)}


@wrong("dense", "bias_missing")
def forgets_the_bias(case):
    x, W, dy = (case.inputs[n] for n in ("x", "W", "d_output"))
    return {"output": x.dot(W), "d_input": dy.dot(W.T), "dW": x.T.dot(dy), "db": dy.sum(0)}


@wrong("average_pool_same", "padding_counts", needs="torch")
def counts_padding(case):
    from torch.nn.functional import avg_pool2d, pad

    (h, w), (kh, kw), (sh, sw) = case.inputs["x"].shape[1:3], case.conventions["pool"], case.conventions["stride"]
    need_h, need_w = ((-(-n // s) - 1) * s + k - n for n, k, s in ((h, kh, sh), (w, kw, sw)))

    def forward(x):
        x = pad(x.permute(0, 3, 1, 2), (need_w // 2, need_w - need_w // 2, need_h // 2, need_h - need_h // 2))
        return avg_pool2d(x, (kh, kw), (sh, sw)).permute(0, 2, 3, 1)

    return torch_gradients(case, forward)


@wrong("max_pool_ties", "ties_share")
def shares_ties(case):
    x, dy, (kh, kw) = case.inputs["x"], case.inputs["d_output"], case.conventions["pool"]
    output, dx = np.zeros(dy.shape), np.zeros(x.shape)
    for n, r, c, k in np.ndindex(dy.shape):
        place = (n, slice(r * kh, r * kh + kh), slice(c * kw, c * kw + kw), k)
        output[n, r, c, k] = x[place].max()
        best = x[place] == x[place].max()
        dx[place] += best * dy[n, r, c, k] / best.sum()
    return {"output": output, "d_input": dx}


@wrong("upsampling", "tiled")
def tiles_the_image(case):
    x, dy = case.inputs["x"], case.inputs["d_output"]
    h, w = x.shape[1:3]
    return {
        "output": np.tile(x, (1, 2, 2, 1)),
        "d_input": sum(dy[:, i : i + h, j : j + w] for i in (0, h) for j in (0, w)),
    }


@wrong("repeat_vector", "last_copy")
def gradient_of_the_last_copy(case):
    return {"output": np.repeat(case.inputs["x"][:, None], 4, axis=1), "d_input": case.inputs["d_output"][:, -1]}


@wrong("flatten", "channels_first_order", needs="torch")
def torch_flatten(case):
    return torch_gradients(case, lambda x: x.permute(0, 3, 1, 2).flatten(1))


@wrong("dropout", "scale:missing")
def dropout_as_in_2014(case):
    keep = case.inputs["keep"]
    return {"output": case.inputs["x"] * keep, "d_input": case.inputs["d_output"] * keep}


@wrong("dropout", "mask_redrawn")
def dropout_with_two_masks(case):
    scale, again = 1 / (1 - case.conventions["rate"]), np.random.default_rng(3).random((3, 5)) > 0.4
    return {
        "output": case.inputs["x"] * case.inputs["keep"] * scale,
        "d_input": case.inputs["d_output"] * again * scale,
    }


@wrong("gaussian_noise", "std_squared", "gradient_times_noise")
def two_mistakes_in_noise(case):
    i = case.inputs
    return {"output": i["x"] + case.conventions["std"] ** 2 * i["noise"], "d_input": i["d_output"] * i["noise"]}


def torch_lstm(case, *, order=(0, 1, 2, 3), bias_hh=None, flip=False, flip_back=False, detach=False):
    """PyTorch's LSTM, step by step; `order` says which of the case's gates it takes for i, f, g and o."""
    import torch

    p = {n: torch.tensor(case.inputs[n], requires_grad=True) for n in ("x", "W", "U", "b")}
    H = p["U"].shape[0]
    cell = torch.nn.LSTMCell(p["x"].shape[2], H, dtype=torch.float64)
    x = p["x"].flip(1) if flip else p["x"]
    pick = torch.cat([torch.arange(k * H, (k + 1) * H) for k in order])
    zero = torch.zeros(len(x), H, dtype=torch.float64)
    h, c = (torch.tensor(case.inputs[n]) if n in case.inputs else zero for n in ("h0", "c0"))
    second = torch.zeros(4 * H, dtype=torch.float64) if bias_hh is None else p["b"][pick]
    if bias_hh == "separate":
        second = second.detach()
    weights = {
        "weight_ih": p["W"][:, pick].T,
        "weight_hh": p["U"][:, pick].T,
        "bias_ih": p["b"][pick],
        "bias_hh": second,
    }
    outputs = []
    for t in range(x.shape[1]):
        state = (h.detach(), c.detach()) if detach else (h, c)
        h, c = torch.func.functional_call(cell, weights, (x[:, t], state))
        outputs.append(h)
    output = torch.stack(outputs, 1)
    output = output.flip(1) if flip_back else output
    output = output if case.conventions["return_sequences"] else h
    output.backward(torch.tensor(case.inputs["d_output"]))
    grads = {"x": "d_input", "W": "dW", "U": "dU", "b": "db"}
    return {"output": output.detach().numpy(), **{grads[n]: t.grad.numpy() for n, t in p.items()}}


@wrong("lstm_sequence", "gates:ifog", needs="torch")
@wrong("lstm_last_output", "gates:ifog", needs="torch")
def lstm_with_gates_i_f_o_g(case):
    return torch_lstm(case, order=(0, 1, 3, 2))


@wrong("lstm_sequence", "time_reversed", needs="torch")
def lstm_backwards(case):
    return torch_lstm(case, flip=True)


@wrong("lstm_sequence", "time_reversed_and_back", needs="torch")
def lstm_backwards_like_a_bidirectional_one(case):
    return torch_lstm(case, flip=True, flip_back=True)


@wrong("lstm_sequence", "bias_doubled", needs="torch")
def lstm_with_the_bias_copied_into_both(case):
    return torch_lstm(case, bias_hh="separate")


@wrong("lstm_sequence", "bias_doubled_with_gradient", needs="torch")
def lstm_with_one_bias_used_twice(case):
    return torch_lstm(case, bias_hh="shared")


@wrong("lstm_sequence", "no_gradient_through_time", needs="torch")
def lstm_that_detaches_its_state(case):
    return torch_lstm(case, detach=True)


@wrong("lstm_sequence", "gates:ifog", "bias_doubled", needs="torch")
def two_mistakes_in_the_lstm(case):
    return torch_lstm(case, order=(0, 1, 3, 2), bias_hh="separate")


@wrong("lstm_sequence", "forget_bias", needs="torch")
def lstm_with_a_forget_bias(case):
    import dataclasses

    H = case.inputs["U"].shape[0]
    more = case.inputs["b"] + np.repeat([0.0, 1.0, 0.0, 0.0], H)
    return torch_lstm(dataclasses.replace(case, inputs={**case.inputs, "b": more}))


def pooled(case, share):
    """Max pooling of windows that do not overlap, its gradient dealt out by ``share(window)``."""
    x, dy, (kh, kw) = case.inputs["x"], case.inputs["d_output"], case.conventions["pool"]
    output, dx = np.zeros(dy.shape), np.zeros(x.shape)
    for n, r, c, k in np.ndindex(dy.shape):
        place = (n, slice(r * kh, r * kh + kh), slice(c * kw, c * kw + kw), k)
        output[n, r, c, k] = x[place].max()
        dx[place] += dy[n, r, c, k] * share(x[place])
    return {"output": output, "d_input": dx}


@wrong("max_pool", "gradient_to_all")
def gives_every_pixel_the_gradient(case):
    return pooled(case, np.ones_like)


@wrong("max_pool", "gradient_shared_by_all")
def gives_every_pixel_a_part(case):
    return pooled(case, lambda window: np.full(window.shape, 1 / window.size))


@wrong("dense", "W_read_as_out_in")
def reads_a_kernel_of_another_framework(case):
    x, W, b, dy = (case.inputs[n] for n in ("x", "W", "b", "d_output"))
    K = np.reshape(W, (W.shape[1], W.shape[0]))  # (out, in)
    return {"output": x @ K.T + b, "d_input": dy @ K, "dW": (dy.T @ x).reshape(W.shape), "db": dy.sum(0)}


@wrong("flatten", "axes:whc")
def flattens_column_by_column(case):
    x, dy = case.inputs["x"], case.inputs["d_output"]
    B, H, W, C = x.shape
    back = dy.reshape(B, W, H, C).swapaxes(1, 2)
    return {"output": x.swapaxes(1, 2).reshape(B, -1), "d_input": back}


@wrong("reshape", "axes:hcw")
def reshapes_with_channels_in_the_middle(case):
    x, dy = case.inputs["x"], case.inputs["d_output"]
    B, H, W, C = dy.shape
    return {"output": x.reshape(B, H, C, W).swapaxes(2, 3), "d_input": dy.swapaxes(2, 3).reshape(x.shape)}


@wrong("repeat_vector", "each_repeated")
def repeats_components(case):
    x, dy = case.inputs["x"], case.inputs["d_output"]
    return {"output": np.repeat(x, 4, axis=1).reshape(dy.shape), "d_input": dy.reshape(*x.shape, 4).sum(2)}


@wrong("conv_valid_stride_2_1", "strides_exchanged_in_place")
def strides_across_and_down(case):
    x, W, dy = (case.inputs[n] for n in ("x", "W", "d_output"))
    (kh, kw), (across, down) = W.shape[:2], case.conventions["stride"]
    frame = np.pad(x, ((0, 0), (0, 9), (0, 9), (0, 0)))
    output, dW, dx = np.zeros(dy.shape) + case.inputs["b"], np.zeros(W.shape), np.zeros(frame.shape)
    for n, r, c in np.ndindex(dy.shape[:3]):
        place = (n, slice(r * down, r * down + kh), slice(c * across, c * across + kw))
        output[n, r, c] += np.tensordot(frame[place], W, 3)
        dW += frame[place][..., None] * dy[n, r, c]
        dx[place] += W @ dy[n, r, c]
    return {"output": output, "d_input": dx[:, : x.shape[1], : x.shape[2]], "dW": dW, "db": dy.sum((0, 1, 2))}


def torch_gates(case, *, without=(), squash=None, coupled=False):
    """An LSTM in PyTorch by hand, with states left out, another curve in its gates, or a coupled input gate."""
    import torch

    p = {n: torch.tensor(case.inputs[n], requires_grad=True) for n in ("x", "W", "U", "b")}
    B, H = len(p["x"]), p["U"].shape[0]
    zero = torch.zeros(B, H, dtype=torch.float64)
    h, c = (torch.tensor(case.inputs[n]) if n in case.inputs and n not in without else zero for n in ("h0", "c0"))
    outputs, squash = [], squash or torch.sigmoid
    for x in p["x"].unbind(1):
        i, f, g, o = (x @ p["W"] + h @ p["U"] + p["b"]).chunk(4, 1)
        i, f, o = squash(i), squash(f), squash(o)
        c = f * c + (1 - f if coupled else i) * torch.tanh(g)
        h = o * torch.tanh(c)
        outputs.append(h)
    output = torch.stack(outputs, 1)
    output.backward(torch.tensor(case.inputs["d_output"]))
    grads = {"x": "d_input", "W": "dW", "U": "dU", "b": "db"}
    return {"output": output.detach().numpy(), **{grads[n]: t.grad.numpy() for n, t in p.items()}}


@wrong("lstm_initial_state", "c0_ignored", needs="torch")
def lstm_that_forgets_its_cell(case):
    return torch_gates(case, without=("c0",))


@wrong("lstm_initial_state", "h0_ignored", needs="torch")
def lstm_that_forgets_its_output(case):
    return torch_gates(case, without=("h0",))


@wrong("lstm_sequence", "input_coupled", needs="torch")
def lstm_with_one_gate_for_two(case):
    return torch_gates(case, coupled=True)


@wrong("lstm_sequence", "gate_tanh", needs="torch")
def lstm_with_tanh_in_its_gates(case):
    import torch

    return torch_gates(case, squash=torch.tanh)


@wrong("conv_transpose_same_stride_2", "padding_before", "overlap_written_over")
def two_mistakes_padding_and_overlap(case):
    return written_over(case, before=True)


def written_over(case, before):
    """A transposed convolution in loops that assigns each window, and hands back the gradient of what is seen."""
    x, W, dy, s = case.inputs["x"], case.inputs["W"], case.inputs["d_output"], case.conventions["stride"][0]
    (kh, kw), (H, Wd) = W.shape[:2], dy.shape[1:3]
    rows, columns = ((n - 1) * s + k for n, k in zip(x.shape[1:3], (kh, kw), strict=True))
    top, left = ((full - n + before) // 2 for full, n in ((rows, H), (columns, Wd)))
    canvas, owner = np.zeros((len(x), rows, columns, W.shape[2])), np.zeros((rows, columns, 2), int)
    for r, c in np.ndindex(x.shape[1:3]):
        place = (slice(r * s, r * s + kh), slice(c * s, c * s + kw))
        canvas[(slice(None), *place)] = np.einsum("bk,ijfk->bijf", x[:, r, c], W)
        owner[place] = r, c
    above = np.pad(dy, ((0, 0), (top, rows - H - top), (left, columns - Wd - left), (0, 0)))
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for r, c in np.ndindex(x.shape[1:3]):
        place = (slice(r * s, r * s + kh), slice(c * s, c * s + kw))
        seen = above[(slice(None), *place)] * (owner[place] == (r, c)).all(2)[..., None]
        dx[:, r, c] = np.einsum("bijf,ijfk->bk", seen, W)
        dW += np.einsum("bijf,bk->ijfk", seen, x[:, r, c])
    output = canvas[:, top : top + H, left : left + Wd] + case.inputs["b"]
    return {"output": output, "d_input": dx, "dW": dW, "db": dy.sum((0, 1, 2))}
