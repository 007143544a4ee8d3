# ruff: noqa: E501
# fmt: off
"""Mistakes in PyTorch: layers of images in another framework's conventions, nn.LSTM, dropout."""

import torch
from held_row import Rows
from held_torch import N, T
from torch.nn import functional as F

ROWS = Rows("torch", "pt")
wrong = ROWS.wrong


def layer(i, c, f):
    """f(tensors, conventions) -> output; autograd for the rest."""
    t = T(i)
    leaves = [k for k in ("x", "W", "U", "b") if k in t]
    for k in leaves:
        t[k].requires_grad_()
    y = f(t, c)
    grads = torch.autograd.grad(y, [t[k] for k in leaves], t["d_output"], allow_unused=True, materialize_grads=True)
    return N({"output": y} | {"d_input" if k == "x" else f"d{k}": g for k, g in zip(leaves, grads, strict=True)})


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def sides(x, c, window):
    """Padding (left, right, top, bottom) of 'same'."""
    if c["padding"] == "valid":
        return [0, 0, 0, 0]
    out = []
    for n, k, st in reversed(list(zip(x.shape[2:], c[window], c["stride"], strict=True))):
        more = max((-(-n // st) - 1) * st + k - n, 0)
        out += [more // 2, more - more // 2]
    return out


def conv(t, c, W=lambda W: W.permute(3, 2, 0, 1), pad=lambda s: s, mode="constant", bias=lambda b: b, x=lambda x: x, out=lambda y: y):
    a = nchw(x(t["x"]))
    s = pad(sides(a, c, "kernel"))
    a = F.pad(a, s, mode=mode) if any(s) else a
    return out(nhwc(F.conv2d(a, W(t["W"]), bias(t["b"]), tuple(c["stride"]))))


C, CS, CV = "layer/conv_same* layer/conv_valid*", "layer/conv_same*", "layer/conv_valid*"
wrong("conv_symmetric", "padding=kernel // 2 stands for 'same' at a stride of 2: the windows lie one pixel off.", "layer/conv_same_stride_2_even", layer, f=lambda t, c: nhwc(F.conv2d(nchw(t["x"]), t["W"].permute(3, 2, 0, 1), t["b"], 2, padding=1)))
wrong("conv_pad_order", "F.pad is given the sides of the rows first, where it wants those of the columns.", "layer/conv_same_even_kernel layer/conv_same_stride_2_odd", layer, f=lambda t, c: _repadded(t, c))
wrong("conv_pad_late", "The odd pixel of padding is put before the first.", CS, layer, f=lambda t, c: conv(t, c, pad=lambda s: [s[1], s[0], s[3], s[2]]))
wrong("conv_replicate", "padding_mode='replicate'.", CS, layer, f=lambda t, c: conv(t, c, mode="replicate"))
wrong("conv_circular", "padding_mode='circular'.", CS, layer, f=lambda t, c: conv(t, c, mode="circular"))
wrong("conv_weight_view", "The kernel is brought to (filters, channels, height, width) by view, not by permute.", C, layer, f=lambda t, c: conv(t, c, W=lambda W: W.reshape(W.shape[3], W.shape[2], *W.shape[:2])))
wrong("conv_weight_transposed", "permute(3, 2, 1, 0) exchanges the kernel's rows and columns.", "layer/conv_same layer/conv_same_stride_2_even", layer, f=lambda t, c: conv(t, c, W=lambda W: W.permute(3, 2, 1, 0)))
wrong("conv_flipped", "The kernel is flipped with torch.flip.", C, layer, f=lambda t, c: conv(t, c, W=lambda W: W.permute(3, 2, 0, 1).flip(2, 3)))
wrong("conv_image_view", "The image is brought to channels first by view, not by permute.", C, layer, f=lambda t, c: conv(t, c, x=lambda x: x.reshape(len(x), x.shape[3], *x.shape[1:3]).permute(0, 2, 3, 1)))
wrong("conv_no_bias", "bias=False.", C, layer, f=lambda t, c: conv(t, c, bias=lambda b: None))
wrong("conv_detached_bias", "The bias is a buffer and has no gradient.", C, layer, f=lambda t, c: conv(t, c, bias=lambda b: b.detach()))
wrong("conv_output_view", "The output is brought back to channels last by view.", C, layer, f=lambda t, c: conv(t, c, out=lambda y: nchw(y).reshape(y.shape)))
wrong("conv_half", "The convolution runs in bfloat16.", C, layer, f=lambda t, c: nhwc(F.conv2d(F.pad(nchw(t["x"]), sides(nchw(t["x"]), c, "kernel")).bfloat16(), t["W"].permute(3, 2, 0, 1).bfloat16(), t["b"].bfloat16(), tuple(c["stride"]))).double())
wrong("pair_conv_flip_bias", ("The kernel is flipped.", "bias=False."), C, layer, f=lambda t, c: conv(t, c, W=lambda W: W.permute(3, 2, 0, 1).flip(2, 3), bias=lambda b: None))
wrong("pair_conv_late_transposed", ("The odd pixel of padding is put before the first.", "The kernel's rows and columns are exchanged."), "layer/conv_same_stride_2_even", layer, f=lambda t, c: conv(t, c, pad=lambda s: [s[1], s[0], s[3], s[2]], W=lambda W: W.permute(3, 2, 1, 0)))


def _repadded(t, c):
    a = nchw(t["x"])
    s = sides(a, c, "kernel")
    y = F.conv2d(F.pad(a, [s[2], s[3] + 9, s[0], s[1] + 9]), t["W"].permute(3, 2, 0, 1), t["b"], tuple(c["stride"]))
    return nhwc(y[:, :, : t["d_output"].shape[1], : t["d_output"].shape[2]])


def convt(t, c, W=lambda W: W.permute(3, 2, 0, 1), start=lambda k, st: max(k - st, 0) // 2, bias=True):
    x = nchw(t["x"])
    more = tuple(max(st - k, 0) for k, st in zip(c["kernel"], c["stride"], strict=True))
    y = F.conv_transpose2d(x, W(t["W"]), t["b"] if bias else None, tuple(c["stride"]), output_padding=more)
    H, V = t["d_output"].shape[1:3]
    r, q = (start(k, st) if c["padding"] == "same" else 0 for k, st in zip(c["kernel"], c["stride"], strict=True))
    return nhwc(y[:, :, r : r + H, q : q + V])


CT, CTS = "layer/conv_transpose*", "layer/conv_transpose_same*"
wrong("convt_padding_1", "padding=1, output_padding=1 stands for 'same' at a stride of 2.", "layer/conv_transpose_same_stride_2", layer, f=lambda t, c: nhwc(F.conv_transpose2d(nchw(t["x"]), t["W"].permute(3, 2, 0, 1), t["b"], 2, padding=1, output_padding=1)))
wrong("convt_weight_view", "The kernel is brought to PyTorch's layout by view.", CT, layer, f=lambda t, c: convt(t, c, W=lambda W: W.reshape(W.shape[3], W.shape[2], *W.shape[:2])))
wrong("convt_flipped", "The kernel is flipped.", CT, layer, f=lambda t, c: convt(t, c, W=lambda W: W.permute(3, 2, 0, 1).flip(2, 3)))
wrong("convt_no_bias", "bias=False.", CT, layer, f=lambda t, c: convt(t, c, bias=False))
wrong("convt_cut_end", "The border is cut off at the end alone.", CTS, layer, f=lambda t, c: convt(t, c, start=lambda k, st: 0))


def pool_max(t, c, value=-torch.inf, out=lambda y: y):
    x = nchw(t["x"])
    return nhwc(out(F.max_pool2d(F.pad(x, sides(x, c, "pool"), value=value), tuple(c["pool"]), tuple(c["stride"]))))


wrong("max_zero_padded", "The image is padded with zeros before max_pool2d.", "layer/max_pool_same*", layer, f=lambda t, c: pool_max(t, c, 0.0))
wrong("max_lp", "F.lp_pool2d with a norm of 2 stands for the maximum.", "layer/max_pool layer/max_pool_overlapping", layer, f=lambda t, c: nhwc(F.lp_pool2d(nchw(t["x"]), 2.0, tuple(c["pool"]), tuple(c["stride"]))))
wrong("max_amax", "The maximum is amax over unfolded windows, which shares the gradient among ties.", "layer/max_pool_ties", layer, f=lambda t, c: nhwc(nchw(t["x"]).unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))))
wrong("max_adaptive", "adaptive_max_pool2d takes the last row in, which no window sees.", "layer/max_pool layer/max_pool_overlapping", layer, f=lambda t, c: nhwc(F.adaptive_max_pool2d(nchw(t["x"]), t["d_output"].shape[1:3])))
wrong("avg_include_pad", "avg_pool2d counts the padding, as it does unless told otherwise.", "layer/average_pool_same", layer, f=lambda t, c: _padded_average(t, c))
wrong("avg_adaptive", "adaptive_avg_pool2d takes the pixels in that no window sees.", "layer/average_pool", layer, f=lambda t, c: nhwc(F.adaptive_avg_pool2d(nchw(t["x"]), t["d_output"].shape[1:3])))
wrong("avg_divisor", "divisor_override is 2.", "layer/average_pool", layer, f=lambda t, c: nhwc(F.avg_pool2d(nchw(t["x"]), tuple(c["pool"]), tuple(c["stride"]), divisor_override=2)))
wrong("up_bilinear", "F.interpolate has mode='bilinear'.", "layer/upsampling*", layer, f=lambda t, c: nhwc(F.interpolate(nchw(t["x"]), scale_factor=tuple(map(float, c["factor"])), mode="bilinear")))
wrong("up_bicubic", "F.interpolate has mode='bicubic'.", "layer/upsampling*", layer, f=lambda t, c: nhwc(F.interpolate(nchw(t["x"]), scale_factor=tuple(map(float, c["factor"])), mode="bicubic")))
wrong("up_repeat", "Tensor.repeat stands for repeat_interleave: the image is tiled.", "layer/upsampling*", layer, f=lambda t, c: t["x"].repeat(1, *c["factor"], 1))


def _padded_average(t, c):
    x = nchw(t["x"])
    return nhwc(F.avg_pool2d(F.pad(x, sides(x, c, "pool")), tuple(c["pool"]), tuple(c["stride"])))


wrong("flatten_nchw", "The image is made channels first before flatten.", "layer/flatten", layer, f=lambda t, c: nchw(t["x"]).flatten(1))
wrong("reshape_nchw", "view(B, C, H, W) and a permute stand for the reshape.", "layer/reshape", layer, f=lambda t, c: nhwc(t["x"].reshape(len(t["x"]), c["shape"][2], *c["shape"][:2])))
wrong("repeat_vector", "repeat_interleave and a view stand for the repeated vector.", "layer/repeat_vector", layer, f=lambda t, c: t["x"].repeat_interleave(c["n"], 1).reshape(len(t["x"]), c["n"], -1))
wrong("dropout_unscaled", "The mask of dropout is applied without 1 / (1 - rate).", "layer/dropout*", layer, f=lambda t, c: t["x"] * t["keep"])
wrong("dropout_rate_kept", "The rate is taken for the probability of keeping.", "layer/dropout*", layer, f=lambda t, c: t["x"] * t["keep"] / c["rate"])
wrong("dropout_redrawn", "F.dropout draws a mask of its own.", "layer/dropout*", layer, f=lambda t, c: _drawn(t, c))
wrong("dense_transposed", "weight is set to W.view(out, in) and not to W.T.", "layer/dense*", layer, f=lambda t, c: F.linear(t["x"], t["W"].reshape(t["W"].shape[::-1]), t["b"]))
wrong("dense_no_bias", "nn.Linear has bias=False.", "layer/dense*", layer, f=lambda t, c: F.linear(t["x"], t["W"].T))
wrong("leaky_layer", "nn.LeakyReLU has its default slope.", "layer/leakyrelu_layer", layer, f=lambda t, c: F.leaky_relu(t["x"]))
wrong("tanh_layer_hard", "nn.Hardtanh stands for tanh.", "layer/tanh_layer", layer, f=lambda t, c: F.hardtanh(t["x"]))


def _drawn(t, c):
    torch.manual_seed(0)
    return F.dropout(t["x"], c["rate"])


def lstm(t, c, W=lambda W: W, both=False, first=True, state=None, pick=lambda y, c: y if c["return_sequences"] else y[:, -1], flip=False, cut=False):
    """nn.LSTM with weights carried over from the case's layout."""
    x, U = t["x"], t["U"]
    x = x.flip(1) if flip else x
    cells = torch.nn.LSTM(x.shape[2], len(U), batch_first=first, dtype=x.dtype)
    w = {"weight_ih_l0": W(t["W"]).T, "weight_hh_l0": W(U).T, "bias_ih_l0": W(t["b"][None])[0], "bias_hh_l0": W(t["b"][None])[0] * float(both)}
    if cut:
        w["weight_hh_l0"] = w["weight_hh_l0"].detach()
    given = (t["h0"][None], t["c0"][None]) if "h0" in t else None
    if state:
        given = state(given)
    y, _ = torch.func.functional_call(cells, w, (x, given) if given else (x,))
    return pick(y, c)


def quarters(*order):
    return lambda W: torch.cat([W.chunk(4, 1)[k] for k in order], 1)


LT, LH, LAST = "layer/lstm_initial_state* layer/lstm_last_output layer/lstm_one_step layer/lstm_s*", "layer/lstm_initial_state*", "layer/lstm_last_output layer/lstm_initial_state_last_output"
wrong("lstm_two_biases", "The bias is given to both biases of nn.LSTM.", LT, layer, f=lambda t, c: lstm(t, c, both=True))
wrong("lstm_order_ifog", "The weights are taken to be ordered i f o g.", LT, layer, f=lambda t, c: lstm(t, c, W=quarters(0, 1, 3, 2)))
wrong("lstm_order_iogf", "The weights are taken to be in ONNX's order i o f g.", LT, layer, f=lambda t, c: lstm(t, c, W=quarters(0, 2, 3, 1)))
wrong("lstm_no_state", "The initial states are not passed.", LH, layer, f=lambda t, c: lstm(t, c, state=lambda s: None))
wrong("lstm_states_swapped", "(c0, h0) is passed for (h0, c0).", LH, layer, f=lambda t, c: lstm(t, c, state=lambda s: (s[1], s[0])))
wrong("lstm_first", "output[:, 0] is returned for the last output.", LAST, layer, f=lambda t, c: lstm(t, c, pick=lambda y, c: y[:, 0]))
wrong("lstm_reversed", "The sequence is flipped, as for the reverse direction.", "layer/lstm_sequence layer/lstm_last_output layer/lstm_saturated", layer, f=lambda t, c: lstm(t, c, flip=True))
wrong("lstm_tanh_for_relu", "nn.LSTM knows tanh alone and is used where relu is asked.", "layer/lstm_relu*", layer, f=lambda t, c: lstm(t, c))
wrong("lstm_mean_pooled", "The mean over time is returned for the last output.", "layer/lstm_last_output", layer, f=lambda t, c: lstm(t, c, pick=lambda y, c: y.mean(1)))
wrong("lstm_detached_U", "The recurrent weights are detached.", LT, layer, f=lambda t, c: lstm(t, c, cut=True))
wrong("pair_lstm_order_biases", ("The weights are taken to be ordered i f o g.", "The bias is given to both biases."), LT, layer, f=lambda t, c: lstm(t, c, W=quarters(0, 1, 3, 2), both=True))
wrong("pair_lstm_state_first", ("The initial states are not passed.", "The weights are taken to be in ONNX's order."), LH, layer, f=lambda t, c: lstm(t, c, state=lambda s: None, W=quarters(0, 2, 3, 1)))
