# ruff: noqa: E501, E731
# fmt: off
"""Mistakes in NumPy: layers of images, dense ones, and the LSTM."""

import numpy as np
from held_numpy import relu, s
from held_row import Rows

ROWS = Rows("numpy", "np")
wrong = ROWS.wrong


def elementwise(i, c, f, df):
    """f(x, c, i), df(d, x, c, i)."""
    return {"output": f(i["x"], c, i), "d_input": df(i["d_output"], i["x"], c, i)}


def dense(i, c, forward=lambda x, W, b: x @ W + b, d_in=lambda d, W: d @ W.T, dW=lambda x, d: x.reshape(-1, x.shape[-1]).T @ d.reshape(-1, d.shape[-1]), db=lambda d: d.reshape(-1, d.shape[-1]).sum(0)):
    x, W, b, d = i["x"], i["W"], i["b"], i["d_output"]
    return {"output": forward(x, W, b), "d_input": d_in(d, W), "dW": dW(x, d), "db": db(d)}


D, DS = "layer/dense*", "layer/dense_of_sequences"
_dW = lambda x, d: x.reshape(-1, x.shape[-1]).T @ d.reshape(-1, d.shape[-1])
_db = lambda d: d.reshape(-1, d.shape[-1]).sum(0)
wrong("dense_no_bias", "The bias is not added.", D, dense, forward=lambda x, W, b: x @ W)
wrong("dense_averaged", "dW and db are averaged over the batch although d_output is an average already.", D, dense, dW=lambda x, d: _dW(x, d) / len(x), db=lambda d: _db(d) / len(d))
wrong("dense_db_mean", "db is a mean over the batch, dW a sum.", D, dense, db=lambda d: d.reshape(-1, d.shape[-1]).mean(0))
wrong("dense_db_last", "db is that of the last example.", "layer/dense", dense, db=lambda d: d[-1])
wrong("dense_last_step", "dW and db of a sequence are those of its last step: the loop over time overwrites.", DS, dense, dW=lambda x, d: x[:, -1].T @ d[:, -1], db=lambda d: d[:, -1].sum(0))
wrong("dense_time_mean", "The gradients of the weights are averaged over time, summed over the batch.", DS, dense, dW=lambda x, d: _dW(x, d) / x.shape[1], db=lambda d: _db(d) / d.shape[1])
wrong("dense_one_axis", "db sums the batch alone, and takes the first step of what is left.", DS, dense, db=lambda d: d.sum(0)[0])
wrong("dense_relu", "A rectifier is left in the dense layer.", D, dense, forward=lambda x, W, b: np.maximum(x @ W + b, 0))
wrong("dense_reshaped_W", "W is kept as (units, inputs) and reshaped, not transposed.", D, dense, forward=lambda x, W, b: x @ W.reshape(W.shape[::-1]).T + b, d_in=lambda d, W: d @ W.reshape(W.shape[::-1]))
wrong("dense_reshaped_backward", "In the backward pass W is reshaped where it should be transposed.", D, dense, d_in=lambda d, W: d @ W.reshape(W.shape[::-1]))
wrong("dense_bias_gradient_count", "db is the number of examples: the derivative of the bias is taken as 1 without the gradient from above.", D, dense, db=lambda d: np.full(d.shape[-1], float(d[..., 0].size)))
wrong("dense_detached_rows", "The input's gradient is divided by the batch.", D, dense, d_in=lambda d, W: d @ W.T / len(d))
wrong("pair_dense_bias_mean", ("The bias is not added.", "dW is averaged over the batch."), D, dense, forward=lambda x, W, b: x @ W, dW=lambda x, d: _dW(x, d) / len(x))
wrong("pair_dense_relu_last", ("A rectifier is left in the forward pass.", "db is averaged over the batch."), D, dense, forward=lambda x, W, b: np.maximum(x @ W + b, 0), db=lambda d: _db(d) / len(d))

# --- activations as layers, dropout, noise, shapes ---

E = elementwise
back = lambda d, x, c, i: d
wrong("layer_sigmoid_raw", "The sigmoid layer's backward takes x (1 - x) of its input, not of its output.", "layer/sigmoid_layer", E, f=lambda x, c, i: s(x), df=lambda d, x, c, i: d * x * (1 - x))
wrong("layer_sigmoid_none", "The sigmoid layer has no derivative in backward.", "layer/sigmoid_layer", E, f=lambda x, c, i: s(x), df=back)
wrong("layer_tanh_not_squared", "The tanh layer's backward is 1 - y in place of 1 - y².", "layer/tanh_layer", E, f=lambda x, c, i: np.tanh(x), df=lambda d, x, c, i: d * (1 - np.tanh(x)))
wrong("layer_tanh_sigmoid", "The tanh layer computes 2 s(x) - 1, the argument not doubled.", "layer/tanh_layer", E, f=lambda x, c, i: 2 * s(x) - 1, df=lambda d, x, c, i: d * 2 * s(x) * s(-x))
wrong("layer_relu_mask_of_gradient", "The rectifier's backward cuts negative gradients and not those of negative inputs.", "layer/relu_layer", E, f=lambda x, c, i: np.maximum(x, 0), df=lambda d, x, c, i: np.maximum(d, 0))
wrong("layer_relu_at_zero", "The rectifier passes the gradient at exactly 0.", "layer/relu_layer", E, f=lambda x, c, i: np.maximum(x, 0), df=lambda d, x, c, i: d * (x >= 0))
wrong("layer_leaky_keras_slope", "The leaky rectifier has Keras' old slope of 0.3.", "layer/leakyrelu_layer", E, f=lambda x, c, i: np.where(x > 0, x, 0.3 * x), df=lambda d, x, c, i: d * np.where(x > 0, 1, 0.3))
wrong("layer_leaky_zero_backward", "The leaky rectifier's backward is 0 for negative inputs.", "layer/leakyrelu_layer", E, f=lambda x, c, i: np.where(x > 0, x, c["slope"] * x), df=lambda d, x, c, i: d * (x > 0))
wrong("layer_identity_relu", "A rectifier stands where the layer should be the identity.", "layer/identity_layer", E, f=lambda x, c, i: relu(x, c), df=lambda d, x, c, i: d * (x > 0))
DROP = "layer/dropout*"
keep = lambda x, c, i: x * i["keep"] / (1 - c["rate"])
wrong("dropout_unscaled", "Dropout does not scale up what is kept.", DROP, E, f=lambda x, c, i: x * i["keep"], df=lambda d, x, c, i: d * i["keep"])
wrong("dropout_by_rate", "Dropout divides by the rate and not by 1 - rate.", DROP, E, f=lambda x, c, i: x * i["keep"] / c["rate"], df=lambda d, x, c, i: d * i["keep"] / c["rate"])
wrong("dropout_times_keep", "Dropout multiplies by 1 - rate as if it were test time.", DROP, E, f=lambda x, c, i: x * i["keep"] * (1 - c["rate"]), df=lambda d, x, c, i: d * i["keep"] * (1 - c["rate"]))
wrong("dropout_backward_unscaled", "Dropout's backward applies the mask but not the scale.", DROP, E, f=keep, df=lambda d, x, c, i: d * i["keep"])
wrong("dropout_backward_open", "Dropout's backward does not apply the mask, only the scale.", DROP, E, f=keep, df=lambda d, x, c, i: d / (1 - c["rate"]))
wrong("dropout_redrawn", "Dropout draws a new mask in backward.", DROP, E, f=keep, df=lambda d, x, c, i: d * (np.random.default_rng(0).random(d.shape) >= c["rate"]) / (1 - c["rate"]))
wrong("dropout_inverted", "Dropout drops what should be kept.", DROP, E, f=lambda x, c, i: x * ~i["keep"] / (1 - c["rate"]), df=lambda d, x, c, i: d * ~i["keep"] / (1 - c["rate"]))
wrong("dropout_actual_rate", "Dropout scales by the part that was kept in this draw, not by that which is expected.", DROP, E, f=lambda x, c, i: x * i["keep"] / i["keep"].mean(), df=lambda d, x, c, i: d * i["keep"] / i["keep"].mean())
wrong("dropout_whole_channels", "The mask of an image's first pixel drops whole channels.", "layer/dropout_of_images", E, f=lambda x, c, i: x * i["keep"][:, :1, :1] / (1 - c["rate"]), df=lambda d, x, c, i: d * i["keep"][:, :1, :1] / (1 - c["rate"]))
wrong("noise_variance", "The noise layer squares its standard deviation.", "layer/gaussian_noise", E, f=lambda x, c, i: x + c["std"] ** 2 * i["noise"], df=back)
wrong("noise_gradient", "The noise layer's backward multiplies the gradient by the noise.", "layer/gaussian_noise", E, f=lambda x, c, i: x + c["std"] * i["noise"], df=lambda d, x, c, i: d * c["std"] * i["noise"])
wrong("noise_multiplied", "The noise is multiplied, x (1 + std noise), forwards and backwards.", "layer/gaussian_noise", E, f=lambda x, c, i: x * (1 + c["std"] * i["noise"]), df=lambda d, x, c, i: d * (1 + c["std"] * i["noise"]))
wrong("noise_off", "The noise layer is in evaluation mode.", "layer/gaussian_noise", E, f=lambda x, c, i: x, df=back)
wrong("flatten_channels_first", "Images are flattened channels first.", "layer/flatten", E, f=lambda x, c, i: x.transpose(0, 3, 1, 2).reshape(len(x), -1), df=lambda d, x, c, i: d.reshape(len(x), x.shape[3], *x.shape[1:3]).transpose(0, 2, 3, 1))
wrong("flatten_column_major", "Images are flattened in column-major order.", "layer/flatten", E, f=lambda x, c, i: np.stack([one.ravel("F") for one in x]), df=lambda d, x, c, i: np.stack([one.reshape(x.shape[1:], order="F") for one in d]))
wrong("flatten_batch_mixed", "Flattening in column-major order takes the batch axis along, so that examples are mixed.", "layer/flatten", E, f=lambda x, c, i: x.ravel("F").reshape(len(x), -1), df=lambda d, x, c, i: d.ravel().reshape(x.shape, order="F"))
wrong("flatten_width_height", "Height and width are exchanged before flattening.", "layer/flatten", E, f=lambda x, c, i: x.transpose(0, 2, 1, 3).reshape(len(x), -1), df=lambda d, x, c, i: d.reshape(len(x), x.shape[2], x.shape[1], x.shape[3]).transpose(0, 2, 1, 3))
wrong("reshape_column_major", "The reshape is in column-major order.", "layer/reshape", E, f=lambda x, c, i: np.stack([one.reshape(c["shape"], order="F") for one in x]), df=lambda d, x, c, i: np.stack([one.ravel("F") for one in d]))
wrong("reshape_channels_first", "The numbers are taken to lie channels first.", "layer/reshape", E, f=lambda x, c, i: x.reshape(len(x), c["shape"][2], *c["shape"][:2]).transpose(0, 2, 3, 1), df=lambda d, x, c, i: d.transpose(0, 3, 1, 2).reshape(x.shape))
wrong("reshape_backward_order", "The backward pass of the reshape brings the channels to the front first.", "layer/reshape", E, f=lambda x, c, i: x.reshape(len(x), *c["shape"]), df=lambda d, x, c, i: d.transpose(0, 3, 1, 2).reshape(x.shape))
rep = lambda x, c, i: np.repeat(x[:, None], c["n"], 1)
wrong("repeat_mean", "The backward pass of RepeatVector averages over the steps.", "layer/repeat_vector", E, f=rep, df=lambda d, x, c, i: d.mean(1))
wrong("repeat_last", "The backward pass of RepeatVector is the last step's gradient.", "layer/repeat_vector", E, f=rep, df=lambda d, x, c, i: d[:, -1])
wrong("repeat_first", "The backward pass of RepeatVector is the first step's gradient.", "layer/repeat_vector", E, f=rep, df=lambda d, x, c, i: d[:, 0])
wrong("repeat_entries", "Entries are repeated one by one and reshaped, so that features are mixed.", "layer/repeat_vector", E, f=lambda x, c, i: np.repeat(x, c["n"], 1).reshape(len(x), c["n"], -1), df=lambda d, x, c, i: d.reshape(len(x), -1, c["n"]).sum(2))
wrong("repeat_batch_sum", "The backward pass of RepeatVector sums over the batch and hands every example the same.", "layer/repeat_vector", E, f=rep, df=lambda d, x, c, i: np.repeat(d.sum((0, 1))[None], len(x), 0))
up = lambda x, c, i: x.repeat(c["factor"][0], 1).repeat(c["factor"][1], 2)


def blocks(d, c):
    (f, g), (B, H, W, C) = c["factor"], d.shape
    return d.reshape(B, H // f, f, W // g, g, C)


def bilinear(x, c):
    H, W = x.shape[1:3]
    r = np.clip((np.arange(H * c["factor"][0]) + 0.5) / c["factor"][0] - 0.5, 0, H - 1)
    q = np.clip((np.arange(W * c["factor"][1]) + 0.5) / c["factor"][1] - 0.5, 0, W - 1)
    r0, q0 = np.minimum(r.astype(int), H - 2), np.minimum(q.astype(int), W - 2)
    r, q = (r - r0)[:, None, None], (q - q0)[:, None]
    top, bottom = x[:, r0], x[:, r0 + 1]
    rows = top * (1 - r) + bottom * r
    return rows[:, :, q0] * (1 - q) + rows[:, :, q0 + 1] * q


UP = "layer/upsampling*"
up_back = lambda d, x, c, i: blocks(d, c).sum((2, 4))
wrong("up_bilinear", "Upsampling is bilinear in the forward pass.", UP, E, f=lambda x, c, i: bilinear(x, c), df=up_back)
wrong("up_mean", "The backward pass of upsampling averages the copies.", UP, E, f=up, df=lambda d, x, c, i: blocks(d, c).mean((2, 4)))
wrong("up_corner", "The backward pass of upsampling takes the first copy alone.", UP, E, f=up, df=lambda d, x, c, i: blocks(d, c)[:, :, 0, :, 0])
wrong("up_tiled", "The whole image is tiled: its pixels are not repeated in place.", UP, E, f=lambda x, c, i: np.tile(x, (1, *c["factor"], 1)), df=lambda d, x, c, i: d.reshape(len(x), c["factor"][0], x.shape[1], c["factor"][1], x.shape[2], x.shape[3]).sum((1, 3)))
wrong("up_zeros", "Pixels are spread with zeros between them, not repeated.", UP, E, f=lambda x, c, i: _nails(x, c), df=lambda d, x, c, i: d[:, :: c["factor"][0], :: c["factor"][1]])
wrong("up_max", "The backward pass of upsampling takes the largest of the copies' gradients.", UP, E, f=up, df=lambda d, x, c, i: blocks(d, c).max((2, 4)))
wrong("up_down_only", "The backward pass sums down the rows and takes one column.", UP, E, f=up, df=lambda d, x, c, i: blocks(d, c).sum(2)[:, :, :, 0])
wrong("pair_up_bilinear_mean", ("Upsampling is bilinear in the forward pass.", "The backward pass averages the copies."), UP, E, f=lambda x, c, i: bilinear(x, c), df=lambda d, x, c, i: blocks(d, c).mean((2, 4)))
wrong("pair_dropout", ("Dropout does not scale up what is kept.", "The backward pass does not apply the mask."), DROP, E, f=lambda x, c, i: x * i["keep"], df=back)
wrong("pair_repeat", ("Entries are repeated one by one and reshaped.", "The backward pass averages over the steps."), "layer/repeat_vector", E, f=lambda x, c, i: np.repeat(x, c["n"], 1).reshape(len(x), c["n"], -1), df=lambda d, x, c, i: d.mean(1))


def _nails(x, c):
    y = np.zeros((len(x), x.shape[1] * c["factor"][0], x.shape[2] * c["factor"][1], x.shape[3]))
    y[:, :: c["factor"][0], :: c["factor"][1]] = x
    return y


# --- convolution -----------------------------------------------------------------------------------------------------


def before(n, k, st, padding):
    """(windows, padding before, padding after) along one axis."""
    if padding == "valid":
        return (n - k) // st + 1, 0, 0
    out = -(-n // st)
    more = max((out - 1) * st + k - n, 0)
    return out, more // 2, more - more // 2


def conv(i, c, pad=before, mode=None, flip=False, flip_back=False, kernel=lambda W: W, strides=None, bias=lambda y, b: y + b, dW=lambda g, x: g, db=lambda d: d.sum((0, 1, 2)), d_in=lambda dx, x: dx, shift=0, assign=False, skip=lambda r, q: False, unpadded=False, kernel_back=None):
    """Convolve window by window."""
    x, W, b, d = i["x"], kernel(i["W"]), i["b"], i["d_output"]
    (kh, kw), (sh, sw) = c["kernel"], strides(c["stride"]) if strides else c["stride"]
    (H, t, u), (V, le, ri) = pad(x.shape[1], kh, sh, c["padding"]), pad(x.shape[2], kw, sw, c["padding"])
    H, V = d.shape[1:3]
    t, le = t + shift, le + shift
    sides = ((0, 0), (t, u + kh + sh * H), (le, ri + kw + sw * V), (0, 0))
    xp = np.pad(x, sides)
    if mode:
        xp[:, : t + x.shape[1] + u, : le + x.shape[2] + ri] = np.pad(x, ((0, 0), (t, u), (le, ri), (0, 0)), mode=mode)
    Wf = W[::-1, ::-1] if flip else W
    Wb = kernel_back(i["W"]) if kernel_back else (W[::-1, ::-1] if flip_back else Wf)
    y, dx, g = np.zeros(d.shape), np.zeros(xp.shape), np.zeros(W.shape)
    for r in range(H):
        for q in range(V):
            at = np.s_[:, r * sh : r * sh + kh, q * sw : q * sw + kw]
            y[:, r, q] = np.tensordot(xp[at], Wf, 3)
            if skip(r, q):
                continue
            g += np.tensordot(xp[at], d[:, r, q], ((0,), (0,)))
            part = np.tensordot(d[:, r, q], Wb, ((1,), (3,)))
            dx[at] = part if assign else dx[at] + part
    if flip:
        g = g[::-1, ::-1]
    back = dx[:, : x.shape[1], : x.shape[2]] if unpadded else dx[:, t : t + x.shape[1], le : le + x.shape[2]]
    return {"output": bias(y, b), "d_input": d_in(back, x), "dW": dW(g, x), "db": db(d)}


def symmetric(n, k, st, padding):
    return ((n - k) // st + 1, 0, 0) if padding == "valid" else (0, k // 2, k // 2)


def late(n, k, st, padding):
    out, a, b = before(n, k, st, padding)
    return out, b, a


C, CSAME, CVALID = "layer/conv_same* layer/conv_valid*", "layer/conv_same*", "layer/conv_valid*"
wrong("conv_flipped", "The kernel is flipped, as in mathematics' convolution, forwards and backwards.", C, conv, flip=True)
wrong("conv_flipped_backward", "The kernel is flipped in the gradient of the input where it should not be.", C, conv, flip_back=True)
wrong("conv_symmetric_padding", "The padding is k // 2 on both sides.", CSAME, conv, pad=symmetric)
wrong("conv_odd_pixel_first", "The odd pixel of padding goes before the first.", CSAME, conv, pad=late)
wrong("conv_edge_padding", "The border is padded by repeating the edge.", CSAME, conv, mode="edge")
wrong("conv_reflect_padding", "The border is padded by reflection.", "layer/conv_same layer/conv_same_stride*", conv, mode="reflect")
wrong("conv_no_bias", "The bias is not added.", C, conv, bias=lambda y, b: y)
wrong("conv_db_mean", "db is a mean over the batch and the pixels.", C, conv, db=lambda d: d.mean((0, 1, 2)))
wrong("conv_db_batch_mean", "db and dW are averaged over the batch.", C, conv, db=lambda d: d.sum((1, 2)).mean(0), dW=lambda g, x: g / len(x))
wrong("conv_dW_pixels", "dW is averaged over the windows.", C, conv, dW=lambda g, x: g / (x.shape[1] * x.shape[2]))
wrong("conv_dW_flipped", "dW comes out flipped.", C, conv, dW=lambda g, x: g[::-1, ::-1])
wrong("conv_dx_assigned", "Overlapping windows overwrite one another's gradient of the input in place of adding.", C, conv, assign=True)
wrong("conv_dx_not_cropped", "The padding is not cut off at the right place: the gradient of the input is shifted by it.", CSAME, conv, unpadded=True)
wrong("conv_shifted", "Windows begin one pixel too early.", CVALID, conv, shift=1)
wrong("conv_channels_exchanged", "The kernel's axes of channels and filters are exchanged by a reshape.", C, conv, kernel=lambda W: W.reshape(*W.shape[:2], W.shape[3], W.shape[2]).swapaxes(2, 3))
wrong("conv_channels_averaged", "The sum over channels is a mean.", C, conv, kernel=lambda W: W / W.shape[2], dW=lambda g, x: g / x.shape[3])
wrong("conv_strides_exchanged", "The strides down and across are exchanged.", "layer/conv_valid_stride*", conv, strides=lambda st: st[::-1])
wrong("conv_kernel_transposed", "Rows and columns of the kernel are exchanged.", "layer/conv_same layer/conv_same_stride_2_even", conv, kernel=lambda W: W.swapaxes(0, 1), dW=lambda g, x: g.swapaxes(0, 1))
wrong("conv_first_channel", "Only the first channel is convolved.", C, conv, kernel=lambda W: W * np.array([1, 0]).reshape(1, 1, 2, 1), dW=lambda g, x: g * np.array([1, 0]).reshape(1, 1, 2, 1))
wrong("conv_last_window", "The loop of the backward pass ends one row early.", "layer/conv_same layer/conv_valid", conv, skip=lambda r, q: r == 1)
wrong("conv_relu", "A rectifier is left behind the convolution.", C, conv, bias=lambda y, b: np.maximum(y + b, 0))
wrong("conv_kernel_reordered", "The kernel is read as (filters, channels, height, width) from the same numbers.", C, conv, kernel=lambda W: W.reshape(W.shape[3], W.shape[2], *W.shape[:2]).transpose(2, 3, 1, 0), dW=lambda g, x: g.transpose(3, 2, 0, 1).reshape(g.shape))
wrong("conv_zero_bias_gradient", "db is left at zero.", C, conv, db=lambda d: 0 * d.sum((0, 1, 2)))
wrong("pair_conv_flip_mean", ("The kernel is flipped.", "db is a mean over the batch and the pixels."), C, conv, flip=True, db=lambda d: d.mean((0, 1, 2)))
wrong("pair_conv_padding_assign", ("The odd pixel of padding goes before the first.", "Overlapping windows overwrite one another's gradient of the input."), CSAME, conv, pad=late, assign=True)
wrong("pair_conv_bias_flip_back", ("The bias is not added.", "The kernel is flipped in the gradient of the input."), C, conv, bias=lambda y, b: y, flip_back=True)


def spread(i, c, flip=False, write=False, crop=lambda k, st: max(k - st, 0) // 2, bias=None, db=lambda d: d.sum((0, 1, 2)), flip_back=False, dW=lambda g, x: g, kernel=lambda W: W, gap=0):
    """Convolve transposed: each pixel of the input puts a kernel down."""
    x, W, b, d = i["x"], kernel(i["W"]), i["b"], i["d_output"]
    (kh, kw), (sh, sw) = c["kernel"], c["stride"]
    H, V = d.shape[1:3]
    t, le = (crop(k, st) if c["padding"] == "same" else 0 for k, st in ((kh, sh), (kw, sw)))
    big = np.zeros((len(x), H + kh + sh + 2 + gap, V + kw + sw + 2 + gap, W.shape[2]))
    D, reached = np.zeros_like(big), np.zeros_like(big, bool)
    D[:, t : t + H, le : le + V] = d
    Wf = W[::-1, ::-1] if flip else W
    Wb = W[::-1, ::-1] if flip_back else Wf
    dx, g = np.zeros_like(x), np.zeros_like(W)
    for r in range(x.shape[1]):
        for q in range(x.shape[2]):
            at = np.s_[:, r * sh + gap : r * sh + gap + kh, q * sw + gap : q * sw + gap + kw]
            put = np.tensordot(x[:, r, q], Wf, ((1,), (3,)))
            big[at] = put if write else big[at] + put
            reached[at] = True
            dx[:, r, q] = np.tensordot(D[at], Wb, 3)
            g += np.tensordot(D[at], x[:, r, q], ((0,), (0,)))
    if flip:
        g = g[::-1, ::-1]
    cut = np.s_[:, t : t + H, le : le + V]
    y = big[cut]
    return {"output": bias(y, b, reached[cut]) if bias else y + b, "d_input": dx, "dW": dW(g, x), "db": db(d)}


CT = "layer/conv_transpose_*"
wrong("convt_flipped", "The kernel of the transposed convolution is flipped.", CT, spread, flip=True)
wrong("convt_written_over", "Overlapping pixels are written over, not added up.", CT, spread, write=True)
wrong("convt_crop_zero", "Nothing is cut off before the first pixel: the output is cut at its end.", "layer/conv_transpose_same*", spread, crop=lambda k, st: 0)
wrong("convt_crop_half_kernel", "k // 2 pixels are cut off before the first, whatever the stride, as PyTorch's padding does.", "layer/conv_transpose_same*", spread, crop=lambda k, st: k // 2)
wrong("convt_no_bias", "The bias is not added.", CT, spread, bias=lambda y, b, at: y)
wrong("convt_bias_reached", "Only pixels that a kernel reaches have the bias.", "layer/conv_transpose_stride_beyond_kernel", spread, bias=lambda y, b, at: y + b * at)
wrong("convt_flip_back", "The kernel is flipped in the backward pass.", CT, spread, flip_back=True)
wrong("convt_db_mean", "db is a mean.", CT, spread, db=lambda d: d.mean((0, 1, 2)))
wrong("convt_dW_flipped", "dW comes out flipped.", CT, spread, dW=lambda g, x: g[::-1, ::-1])
wrong("convt_dW_mean", "dW is averaged over the batch.", CT, spread, dW=lambda g, x: g / len(x))
wrong("convt_channels_reshaped", "The kernel is read as (height, width, channels, filters) from the same numbers.", CT, spread, kernel=lambda W: W.reshape(*W.shape[:2], W.shape[3], W.shape[2]).swapaxes(2, 3), dW=lambda g, x: g.swapaxes(2, 3).reshape(g.shape))
wrong("convt_shifted", "The spread image lies one pixel off.", "layer/conv_transpose_valid*", spread, gap=1)
wrong("pair_convt_flip_bias", ("The kernel is flipped.", "The bias is not added."), CT, spread, flip=True, bias=lambda y, b, at: y)
wrong("pair_convt_crop_mean", ("Nothing is cut off before the first pixel.", "dW is averaged over the batch."), "layer/conv_transpose_same*", spread, crop=lambda k, st: 0, dW=lambda g, x: g / len(x))

# --- pooling ---------------------------------------------------------------------------------------------------------


def pool(i, c, take, share, fill=np.nan, pad=before, add=True):
    """take(window) -> (B, C); share(window, d) -> the window's gradient. Windows are (B, pixels, C), NaN where padded."""
    x, d = i["x"], i["d_output"]
    (kh, kw), (sh, sw) = c["pool"], c["stride"]
    (H, V) = d.shape[1:3]
    (_, t, _), (_, le, _) = pad(x.shape[1], kh, sh, c["padding"]), pad(x.shape[2], kw, sw, c["padding"])
    big = np.full((len(x), x.shape[1] + 2 * kh + sh, x.shape[2] + 2 * kw + sw, x.shape[3]), fill)
    big[:, t : t + x.shape[1], le : le + x.shape[2]] = x
    y, dx = np.zeros_like(d), np.zeros_like(big)
    for r in range(H):
        for q in range(V):
            at = np.s_[:, r * sh : r * sh + kh, q * sw : q * sw + kw]
            window = big[at].reshape(len(x), kh * kw, -1)
            y[:, r, q] = take(window)
            part = share(window, d[:, r, q]).reshape(big[at].shape)
            dx[at] = dx[at] + part if add else np.where(part != 0, part, dx[at])
    return {"output": y, "d_input": dx[:, t : t + x.shape[1], le : le + x.shape[2]]}


def largest(w):
    return np.nanmax(w, 1)


def first(w, d):
    at = np.argmax(np.where(np.isnan(w), -np.inf, w), 1)
    return (np.arange(w.shape[1])[None, :, None] == at[:, None]) * d[:, None]


def last(w, d):
    at = w.shape[1] - 1 - np.argmax(np.where(np.isnan(w), -np.inf, w)[:, ::-1], 1)
    return (np.arange(w.shape[1])[None, :, None] == at[:, None]) * d[:, None]


def equal(w, d):
    return (w == np.nanmax(w, 1, keepdims=True)) * d[:, None]


def mean(w):
    return np.nanmean(w, 1)


def even(w, d):
    return ~np.isnan(w) * d[:, None] / (~np.isnan(w)).sum(1, keepdims=True)


MP, AP = "layer/max_pool*", "layer/average_pool*"
wrong("maxpool_ties_all", "Of equal pixels all have the whole gradient.", MP, pool, take=largest, share=equal)
wrong("maxpool_ties_shared", "Equal pixels share the gradient.", MP, pool, take=largest, share=lambda w, d: equal(w, d) / equal(w, np.ones_like(d)).sum(1, keepdims=True))
wrong("maxpool_ties_last", "Of equal pixels the last has the gradient.", MP, pool, take=largest, share=last)
wrong("maxpool_overwrites", "A pixel that is the largest of two windows has the gradient of the later one alone.", MP, pool, take=largest, share=first, add=False)
wrong("maxpool_zero_padding", "The border is padded with zeros, which win over negative pixels.", "layer/max_pool_same*", pool, take=largest, share=first, fill=0.0)
wrong("maxpool_spread", "The gradient goes to all pixels of the window in equal parts.", MP, pool, take=largest, share=even)
wrong("maxpool_everywhere", "The gradient goes to all pixels of the window, whole.", MP, pool, take=largest, share=lambda w, d: np.ones_like(w) * d[:, None])
wrong("maxpool_mean", "The mean of the window is taken, not the largest.", MP, pool, take=mean, share=even)
wrong("maxpool_absolute", "The pixel of the largest absolute value is taken.", MP, pool, take=lambda w: np.take_along_axis(w, np.argmax(np.nan_to_num(np.abs(w)), 1)[:, None], 1)[:, 0], share=lambda w, d: (np.arange(w.shape[1])[None, :, None] == np.argmax(np.nan_to_num(np.abs(w)), 1)[:, None]) * d[:, None])
wrong("maxpool_min", "The smallest pixel is taken.", MP, pool, take=lambda w: np.nanmin(w, 1), share=lambda w, d: (w == np.nanmin(w, 1, keepdims=True)) * d[:, None])
wrong("maxpool_over_channels", "The largest is taken over the channels as well.", MP, pool, take=lambda w: np.nanmax(w, (1, 2))[:, None] + np.zeros(w.shape[2]), share=first)
wrong("maxpool_times_value", "The gradient is multiplied by the pixel's value.", MP, pool, take=largest, share=lambda w, d: np.nan_to_num(w) * first(w, d))
wrong("avgpool_sum", "The sum of the window is taken for its mean, forwards and backwards.", AP, pool, take=lambda w: np.nansum(w, 1), share=lambda w, d: ~np.isnan(w) * d[:, None])
wrong("avgpool_backward_sum", "The backward pass of the mean gives each pixel the whole gradient.", AP, pool, take=mean, share=lambda w, d: ~np.isnan(w) * d[:, None])
wrong("avgpool_padding_counted", "Pixels of the padding are counted in the mean.", "layer/average_pool_same", pool, take=lambda w: np.nansum(w, 1) / w.shape[1], share=lambda w, d: np.ones_like(w) * d[:, None] / w.shape[1])
wrong("avgpool_backward_counted", "The padding is counted in the backward pass, not in the forward.", "layer/average_pool_same", pool, take=mean, share=lambda w, d: np.ones_like(w) * d[:, None] / w.shape[1])
wrong("avgpool_max_backward", "The backward pass of the mean is that of the maximum.", AP, pool, take=mean, share=first)
wrong("avgpool_root", "The mean divides by the number of rows of the window alone.", AP, pool, take=lambda w: np.nansum(w, 1) / 2, share=lambda w, d: ~np.isnan(w) * d[:, None] / 2)
wrong("pair_pool_zero_last", ("The border is padded with zeros.", "The gradient goes to all pixels of the window in equal parts."), "layer/max_pool_same*", pool, take=largest, share=even, fill=0.0)
wrong("pair_pool_overwrite_ties", ("Equal pixels share the gradient.", "A pixel of two windows has the later one's gradient alone."), MP, pool, take=largest, share=lambda w, d: equal(w, d) / equal(w, np.ones_like(d)).sum(1, keepdims=True), add=False)
wrong("pair_avgpool", ("Pixels of the padding are counted in the mean.", "The backward pass gives each pixel the whole gradient."), "layer/average_pool_same", pool, take=lambda w: np.nansum(w, 1) / w.shape[1], share=lambda w, d: np.ones_like(w) * d[:, None])

# --- LSTM ------------------------------------------------------------------------------------------------------------

IFGO = (0, 1, 2, 3)


class Cell:
    order = IFGO  # which quarter is i, f, g, o
    gate = staticmethod(s)
    full = False

    def dgate(self, v):
        return v * (1 - v)

    def dgates(self, i, f, o):
        return self.dgate(i), self.dgate(f), self.dgate(o)

    def phi(self, v):
        return np.tanh(v) if self.c["activation"] == "tanh" else np.maximum(v, 0)

    def dphi(self, v):  # of the value of φ
        return 1 - v**2 if self.c["activation"] == "tanh" else (v > 0).astype(float)

    phi_c, dphi_c = phi, dphi

    def start(self, i, B, H):
        return i.get("h0", np.zeros((B, H))), i.get("c0", np.zeros((B, H)))

    def pre(self, x, h, W, U, b):
        return x @ W + h @ U + b

    def forget_bias(self):
        return 0.0

    def new_c(self, f, c, i, g):
        return f * c + i * g

    def steps(self, x):
        return range(x.shape[1])

    def carry_h(self, da, U):
        return da @ U.T

    def carry_c(self, dc, f):
        return dc * f

    def df(self, dc, c_before, c_now):
        return dc * c_before

    def keep(self, total, part):
        return total + part

    def h_for_U(self, h_before, h_now):
        return h_before

    def upstream(self, d, T, B, H):
        if self.c["return_sequences"]:
            return d
        full = np.zeros((B, T, H))
        full[:, -1] = d
        return full

    def pick(self, out):
        return out if self.c["return_sequences"] else out[:, -1]

    def bias_gradient(self, parts):
        return sum(p.sum(0) for p in parts)

    def extra_dc(self, dh, o, phi_c):
        return dh * o * self.dphi_c(phi_c)

    def last(self, answer, v):
        return answer

    def run(self, inp, c):
        self.c, (B, T, _), H = c, inp["x"].shape, len(inp["U"])
        x, W, U, b = inp["x"], inp["W"], inp["U"], inp["b"]
        where = np.concatenate([np.arange(H) + k * H for k in self.order])  # columns of i f g o
        h, cell = self.start(inp, B, H)
        out, mem, gates, cells = np.zeros((B, T, H)), {}, np.zeros((B, T, 4 * H)), np.zeros((B, T, H))
        for t in self.steps(x):
            a = self.pre(x[:, t], h, W, U, b)[:, where]
            i, f, o = self.gate(a[:, :H]), self.gate(a[:, H : 2 * H] + self.forget_bias()), self.gate(a[:, 3 * H :])
            g = self.phi(a[:, 2 * H : 3 * H])
            now = self.new_c(f, cell, i, g)
            pc = self.phi_c(now)
            h_now = o * pc
            mem[t] = (i, f, g, o, cell, now, pc, h, h_now)
            gates[:, t], cells[:, t] = np.concatenate([i, f, g, o], 1), now
            out[:, t], h, cell = h_now, h_now, now
        d, dh, dc = self.upstream(inp["d_output"], T, B, H), np.zeros((B, H)), np.zeros((B, H))
        dx, dW, dU, parts = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U), []
        for t in reversed(list(self.steps(x))):
            i, f, g, o, cb, cn, pc, hb, hn = mem[t]
            dh = dh + d[:, t]
            dc = dc + self.extra_dc(dh, o, pc)
            ki, kf, ko = self.dgates(i, f, o)
            da = np.concatenate([dc * g * ki, self.df(dc, cb, cn) * kf, dc * i * self.dphi(g), dh * pc * ko], 1)
            raw = np.zeros_like(da)
            raw[:, where] = da
            dx[:, t] = raw @ W.T
            dW = self.keep(dW, x[:, t].T @ raw)
            dU = self.keep(dU, self.h_for_U(hb, hn).T @ raw)
            parts.append(raw)
            dh, dc = self.carry_h(raw, U), self.carry_c(dc, f)
        answer = {"output": self.pick(out), "d_input": dx, "dW": dW, "dU": dU, "db": self.bias_gradient(parts)}
        return self.last(answer | ({"gates": gates, "c": cells} if self.full else {}), locals())


def lstm(i, c, **methods):
    return type("Mine", (Cell,), methods)().run(i, c)


L, LR, LL, LH = "layer/lstm_*", "layer/lstm_relu*", "layer/lstm_*last_output", "layer/lstm_initial_state*"
LT = "layer/lstm_initial_state* layer/lstm_last_output layer/lstm_s*"
SEQ = "layer/lstm_sequence layer/lstm_last_output layer/lstm_relu* layer/lstm_initial* layer/lstm_saturated"
wrong("lstm_order_ifog", "The gates are in the order i f o g.", L, lstm, order=(0, 1, 3, 2))
wrong("lstm_order_figo", "The gates are in the order f i g o.", L, lstm, order=(1, 0, 2, 3))
wrong("lstm_order_igfo", "The gates are in TensorFlow's old order i g f o.", L, lstm, order=(0, 2, 1, 3))
wrong("lstm_order_iofg", "The gates are in the order i o f g.", L, lstm, order=(0, 2, 3, 1))
wrong("lstm_order_gifo", "The gates are in the order g i f o.", L, lstm, order=(1, 2, 0, 3))
wrong("lstm_forget_bias", "1 is added to the forget gate's pre-activation.", L, lstm, forget_bias=lambda m: 1.0)
wrong("lstm_state_zero", "The states begin at zero although others are given.", LH, lstm, start=lambda m, i, B, H: (np.zeros((B, H)), np.zeros((B, H))))
wrong("lstm_states_exchanged", "h0 and c0 are exchanged.", LH, lstm, start=lambda m, i, B, H: (i["c0"], i["h0"]))
wrong("lstm_no_c0", "c0 is ignored; h0 is used.", LH, lstm, start=lambda m, i, B, H: (i["h0"], np.zeros((B, H))))
wrong("lstm_no_forget", "There is no forget gate: the cell state is added to.", L, lstm, new_c=lambda m, f, c, i, g: c + i * g, carry_c=lambda m, dc, f: dc, dgates=lambda m, i, f, o: (m.dgate(i), 0 * f, m.dgate(o)))
wrong("lstm_coupled", "The forget gate is 1 - i.", L, lstm, new_c=lambda m, f, c, i, g: (1 - i) * c + i * g)
wrong("lstm_output_no_phi", "h is o c: the activation of the cell state is left out.", LT, lstm, phi_c=lambda m, v: v, dphi_c=lambda m, v: 1)
wrong("lstm_relu_candidate_only", "relu is used for the candidate and tanh for the cell state.", LR, lstm, phi_c=lambda m, v: np.tanh(v), dphi_c=lambda m, v: 1 - v**2)
wrong("lstm_relu_cell_only", "relu is used for the cell state and tanh for the candidate.", LR, lstm, phi=lambda m, v: np.tanh(v), dphi=lambda m, v: 1 - v**2)
wrong("lstm_tanh_for_relu", "tanh is used at both places, whatever activation is asked.", LR, lstm, phi=lambda m, v: np.tanh(v), dphi=lambda m, v: 1 - v**2, phi_c=lambda m, v: np.tanh(v), dphi_c=lambda m, v: 1 - v**2)
wrong("lstm_candidate_sigmoid", "The candidate is a sigmoid like the gates.", LT, lstm, phi=lambda m, v: s(v), dphi=lambda m, v: v * (1 - v), full=True)
wrong("lstm_hard_sigmoid", "The gates are hard sigmoids, as in the first Keras.", L, lstm, gate=staticmethod(lambda v: np.clip(0.2 * v + 0.5, 0, 1)), dgate=lambda m, v: 0.2 * ((v > 0) & (v < 1)), full=True)
wrong("lstm_gate_derivative_f", "The derivative f (1 - f) of the forget gate is left out.", L, lstm, dgates=lambda m, i, f, o: (m.dgate(i), 1, m.dgate(o)))
wrong("lstm_gate_derivative_o", "The derivative o (1 - o) of the output gate is left out.", L, lstm, dgates=lambda m, i, f, o: (m.dgate(i), m.dgate(f), 1), full=True)
wrong("lstm_gate_derivative_all", "The derivatives of all three gates are left out.", L, lstm, dgate=lambda m, v: 1)
wrong("lstm_gate_derivative_tanh", "The gates' derivatives are those of tanh.", L, lstm, dgate=lambda m, v: 1 - v**2)
wrong("lstm_candidate_derivative", "The derivative of the candidate is left out.", L, lstm, dphi=lambda m, v: 1, dphi_c=Cell.dphi)
wrong("lstm_cell_derivative", "The derivative of the cell state's activation is left out in backward.", L, lstm, dphi_c=lambda m, v: 1)
wrong("lstm_truncated", "No gradient goes back through the recurrent weights.", SEQ, lstm, carry_h=lambda m, da, U: 0)
wrong("lstm_cell_cut", "No gradient goes back through the cell state.", SEQ, lstm, carry_c=lambda m, dc, f: 0)
wrong("lstm_cell_ungated", "The cell state's gradient goes back without the forget gate.", SEQ, lstm, carry_c=lambda m, dc, f: dc)
wrong("lstm_df_now", "The forget gate's gradient uses the new cell state, not the one before.", L, lstm, df=lambda m, dc, cb, cn: dc * cn)
wrong("lstm_dU_now", "dU uses the new hidden state, not the one before.", L, lstm, h_for_U=lambda m, hb, hn: hn)
wrong("lstm_dW_overwritten", "dW and dU are overwritten at each step: those of the first step are left.", SEQ, lstm, keep=lambda m, total, part: part)
wrong("lstm_db_one_step", "db is that of the last step alone.", SEQ, lstm, bias_gradient=lambda m, parts: parts[0].sum(0))
wrong("lstm_db_batch_mean", "db is averaged over the batch.", L, lstm, bias_gradient=lambda m, parts: sum(p.mean(0) for p in parts))
wrong("lstm_reversed", "Time runs backwards.", SEQ, lstm, steps=lambda m, x: range(x.shape[1] - 1, -1, -1))
wrong("lstm_first_output", "The first output is returned for the last.", "layer/lstm_last_output layer/lstm_relu_last_output layer/lstm_initial_state_last_output", lstm, pick=lambda m, out: out[:, 0])
wrong("lstm_gradient_every_step", "The gradient of the last output is given to every step.", "layer/lstm_last_output layer/lstm_relu_last_output layer/lstm_initial_state_last_output", lstm, upstream=lambda m, d, T, B, H: np.repeat(d[:, None], T, 1))
wrong("lstm_bias_twice", "The bias is added twice, once for the input and once for the state.", L, lstm, pre=lambda m, x, h, W, U, b: x @ W + b + h @ U + b)
wrong("lstm_no_recurrence", "The hidden state is not fed back.", SEQ, lstm, pre=lambda m, x, h, W, U, b: x @ W + b, carry_h=lambda m, da, U: 0)
wrong("lstm_no_bias", "The bias is left out.", L, lstm, pre=lambda m, x, h, W, U, b: x @ W + h @ U)
wrong("lstm_cell_of_squared", "The derivative of the cell's activation is 1 - c², of the cell state and not of its tanh.", LT, lstm, extra_dc=lambda m, dh, o, pc: dh * o * (1 - np.arctanh(np.clip(pc, -1 + 1e-15, 1 - 1e-15)) ** 2))
wrong("lstm_dW_time_mean", "The gradients of the weights are averaged over time.", SEQ, lstm, last=lambda m, ans, v: ans | {k: ans[k] / v["T"] for k in ("dW", "dU", "db")})
wrong("lstm_clip", "The gradients at each step are clipped to [-0.05, 0.05] before they go back.", SEQ, lstm, carry_h=lambda m, da, U: np.clip(da @ U.T, -0.05, 0.05))
wrong("pair_lstm_order_forget", ("The gates are in the order i f o g.", "1 is added to the forget gate's pre-activation."), L, lstm, order=(0, 1, 3, 2), forget_bias=lambda m: 1.0)
wrong("pair_lstm_cut", ("No gradient goes back through the cell state.", "The derivative of the output gate is left out."), SEQ, lstm, carry_c=lambda m, dc, f: 0, dgates=lambda m, i, f, o: (m.dgate(i), m.dgate(f), 1))
wrong("pair_lstm_state_dU", ("The states begin at zero although others are given.", "dU uses the new hidden state."), LH, lstm, start=lambda m, i, B, H: (np.zeros((B, H)), np.zeros((B, H))), h_for_U=lambda m, hb, hn: hn)
wrong("pair_lstm_truncated_bias", ("No gradient goes back through the recurrent weights.", "The bias is added twice."), SEQ, lstm, carry_h=lambda m, da, U: 0, pre=lambda m, x, h, W, U, b: x @ W + b + h @ U + b)
