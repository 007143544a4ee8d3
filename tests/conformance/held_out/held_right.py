# ruff: noqa: E501
# fmt: off
"""Right implementations that compute otherwise: other orders, layouts, forms and precisions, all within tolerance."""

import functools
import math

import numpy as np
from held_numpy import (
    activation,
    ae,
    bce,
    class_loss,
    clipping,
    corruption,
    dae,
    dbce,
    dhub,
    dleaky,
    dse,
    dsig,
    dsoft,
    dtanh,
    hub,
    leaky,
    loss,
    penalty,
    s,
    se,
    sig,
    soft,
    sp,
    tanh,
)
from held_numpy_layers import conv, dense, elementwise, first, largest, lstm, mean, pool, spread, up
from held_numpy_layers import even as evenly
from held_numpy_networks import net, pretrain, stack, training
from held_numpy_optimizers import rule
from held_row import Rows

ROWS = Rows("numpy", "ok")
right = ROWS.right


def kahan(v):
    total = lost = 0.0
    for one in np.asarray(v, np.float64).ravel():
        y = one - lost
        t = total + y
        lost = (t - total) - y
        total = t
    return total


def pairwise(v):
    v = np.ravel(v)
    while len(v) > 1:
        v = np.append(v, 0.0) if len(v) % 2 else v
        v = v[::2] + v[1::2]
    return v[0]


def blocked(a, b, size=2):
    """A matrix product in blocks of the inner index, last block first."""
    starts = range(0, a.shape[1], size)
    return sum((a[:, k : k + size] @ b[k : k + size] for k in reversed(starts)), np.zeros((a.shape[0], b.shape[1]), a.dtype))


SIG, TANH, RELU, LEAKY, SOFT, PLUS = (f"activation/{n}_*" for n in ("sigmoid", "tanh", "relu", "leaky_relu", "softmax", "softplus"))
right("sigmoid", "The sigmoid by cases of its sign.", SIG, activation, f=sig, df=dsig)
right("sigmoid_tanh", "The sigmoid as (1 + tanh(a/2)) / 2.", SIG, activation, f=lambda a, c: 0.5 * (1 + np.tanh(a / 2)), df=lambda a, y, d, c: d * y * (1 - y))
right("sigmoid_log", "The sigmoid as exp(-log(1 + exp(-a))).", SIG, activation, f=lambda a, c: np.exp(-np.logaddexp(0, -a)), df=lambda a, y, d, c: d * np.exp(-np.logaddexp(0, -a) - np.logaddexp(0, a)))
right("sigmoid_float32", "The sigmoid in single precision, announced as such.", SIG, activation, "float32", f=sig, df=lambda a, y, d, c: d * y * (1 - y))
right("sigmoid_naive", "The sigmoid as 1 / (1 + exp(-a)), whose overflow is harmless.", SIG, activation, f=lambda a, c: 1 / (1 + np.exp(-a)), df=lambda a, y, d, c: d * y * (1 - y))
right("tanh_cosh", "The derivative of tanh as 1 / cosh².", "activation/tanh_ordinary", activation, f=tanh, df=lambda a, y, d, c: d / np.cosh(a) ** 2)
right("tanh_sigmoid", "tanh as 2 s(2a) - 1.", TANH, activation, f=lambda a, c: 2 * s(2 * a) - 1, df=dtanh)
right("tanh_product", "The derivative of tanh as (1 - y)(1 + y), in single precision.", TANH, activation, "float32", f=tanh, df=lambda a, y, d, c: d * (1 - y) * (1 + y))
right("relu_product", "ReLU as (a + |a|) / 2.", RELU, activation, f=lambda a, c: (a + np.abs(a)) / 2, df=lambda a, y, d, c: d * (y > 0))
right("leaky_two_rectifiers", "The leaky rectifier as max(a, 0) - slope max(-a, 0).", LEAKY, activation, f=lambda a, c: np.maximum(a, 0) - c["slope"] * np.maximum(-a, 0), df=dleaky)
right("leaky", "The leaky rectifier by a choice.", LEAKY, activation, f=leaky, df=dleaky)
right("softplus_max", "Softplus as max(a, 0) + log1p(exp(-|a|)).", PLUS, activation, f=lambda a, c: np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))), df=lambda a, y, d, c: d * s(a))
right("softplus_prime_of_value", "The derivative of softplus from its value, 1 - exp(-y).", PLUS, activation, f=sp, df=lambda a, y, d, c: d * -np.expm1(-y))
right("softmax", "The softmax with the largest taken out.", SOFT, activation, f=soft, df=dsoft)
right("softmax_log", "The softmax as the exponential of a log-softmax.", SOFT, activation, f=lambda a, c: np.exp(a - np.logaddexp.reduce(a, axis=-1, keepdims=True)), df=dsoft)
right("softmax_jacobian", "The softmax's backward with the whole Jacobian, by einsum.", SOFT, activation, f=soft, df=lambda a, y, d, c: np.einsum("bij,bj->bi", np.einsum("bi,ij->bij", y, np.eye(y.shape[1])) - np.einsum("bi,bj->bij", y, y), d))
right("activation_complex_step", "The derivative by a complex step.", "activation/sigmoid_ordinary", activation, f=sig, df=lambda a, y, d, c: d * (1 / (1 + np.exp(-(a + 1e-200j)))).imag / 1e-200)
right("tanh_complex_step", "The derivative of tanh by a complex step.", "activation/tanh_ordinary", activation, f=tanh, df=lambda a, y, d, c: d * np.tanh(a + 1e-200j).imag / 1e-200)

CE = "loss/cross_entropy_*"
right("bce", "The cross-entropy in two terms that are never negative.", CE, loss, entry=bce, slope=dbce)
right("bce_logaddexp", "The cross-entropy as two log-sigmoids.", CE, loss, entry=lambda a, t, c: t * np.logaddexp(0, -a) + (1 - t) * np.logaddexp(0, a), slope=lambda a, t, c: s(a) * (1 - t) - t * s(-a))
right("bce_means", "The mean over the batch of sums, row by row.", "loss/cross_entropy_paper loss/cross_entropy_extreme", lambda i, c: loss(i, c, bce, dbce) | {"loss": np.mean([bce(a, t, c).sum() for a, t in zip(i["a"], i["target"], strict=True)])})
right("bce_kahan", "The cross-entropy with a compensated sum.", CE, lambda i, c: loss(i, c, bce, dbce) | {"loss": kahan(bce(i["a"], i["target"], c)) / (i["a"].size if c["reduction"] == "mean" else len(i["a"]))})
right("mse_pairwise", "The squared error with a tree of sums, as a GPU's.", "loss/squared_error_*", lambda i, c: loss(i, c, se, dse) | {"loss": pairwise(se(i["a"], i["target"], c)) / (i["a"].size if c["reduction"] == "mean" else len(i["a"]))})
right("mse_expanded", "The squared error as an inner product.", "loss/squared_error_*", lambda i, c: loss(i, c, se, dse) | {"loss": np.vdot(i["a"] - i["target"], i["a"] - i["target"]) / (i["a"].size if c["reduction"] == "mean" else len(i["a"]))})
right("mae_fsum", "The absolute error summed exactly.", "loss/absolute_error_*", lambda i, c: loss(i, c, ae, dae) | {"loss": math.fsum(ae(i["a"], i["target"], c).ravel()) / (i["a"].size if c["reduction"] == "mean" else len(i["a"]))})
right("huber_clip", "The Huber loss as q²/2 + delta (|e| - q), q = min(|e|, delta).", "loss/huber_*", loss, entry=lambda a, t, c: np.minimum(ae(a, t, c), c["delta"]) ** 2 / 2 + c["delta"] * (ae(a, t, c) - np.minimum(ae(a, t, c), c["delta"])), slope=dhub)
right("huber", "The Huber loss by a choice, in single precision.", "loss/huber_*", loss, "float32", entry=hub, slope=dhub)
right("sce", "The softmax cross-entropy with the largest taken out.", "loss/softmax_cross_entropy_*", class_loss)
right("sce_logsumexp", "The softmax cross-entropy with numpy's logaddexp, pair by pair.", "loss/softmax_cross_entropy_*", class_loss, logp=lambda a: a - functools.reduce(np.logaddexp, a.T)[:, None])
right("corrupt_multiplied", "The input times the negated mask.", "corruption/masking*", corruption, how=lambda x, m, k, n, v: x * (1 - m))
right("corrupt_inplace", "Salt and pepper by assignment to a copy.", "corruption/salt_and_pepper", corruption, how=lambda x, m, k, n, v: np.choose(np.where(m, 1 + k, 0), [x, 0.0 * x, 0.0 * x + 1]))
right("corrupt_fused", "The noise added in single precision.", "corruption/gaussian", corruption, "float32", how=lambda x, m, k, n, v: np.float32(v) * n + x)
right("clip_linalg", "The norm of all gradients in one vector; 1e-6 where PyTorch adds it.", "clipping/clip_norm_*", lambda i, c: _clip(i, c))
right("penalty_trace", "The penalty as the trace of WᵀW.", "penalty/*", penalty, f=lambda W, k: k * np.trace(W.T @ W), df=lambda W, k: (k + k) * W)


def _clip(i, c):
    n = np.linalg.norm(np.concatenate([i["dW"].ravel(), i["db"].ravel()]))
    k = min(1.0, c["limit"] / (n + 1e-6 if c["framework"] == "torch" else n))
    return clipping(i, c, lambda dW, db, v: (dW * k, db * k))


AE = "autoencoder/*"
right("ae", "The autoencoder by hand, all that may come out as well.", AE, net, full=True)
right("ae_float32", "The autoencoder by hand in single precision.", AE, net, "float32")
right("ae_blocked", "The matrix products in blocks, the last first.", AE, net, pre=lambda m, x, W, b: blocked(x, W) + b, decode=lambda m, y, V, b: blocked(y, V) + b)
right("ae_einsum", "The gradients by einsum, the biases as products with ones.", AE, net, encoder_part=lambda m, xt, x, da: np.einsum("bi,bj->ij", xt, da), bias=lambda m, d: np.ones(len(d)) @ d)
right("ae_outer", "The gradients as sums of outer products, the last example first.", AE, net, encoder_part=lambda m, xt, x, da: sum(np.outer(xt[k], da[k]) for k in reversed(range(len(xt)))), decoder_part=lambda m, y, a, da: sum(np.outer(y[k], da[k]) for k in reversed(range(len(y)))))
right("ae_column_major", "Weights and batches in column-major order.", AE, lambda i, c: net({k: np.asfortranarray(v) for k, v in i.items()}, c))
right("ae_bias_column", "The bias as a further column of the weights.", AE, net, pre=lambda m, x, W, b: np.hstack([x, np.ones((len(x), 1))]) @ np.vstack([W, b]))
right("ae_fused_ce", "The cross-entropy's gradient through dL/dz and z (1 - z), where nothing saturates.", "autoencoder/tied_cross_entropy autoencoder/untied_cross_entropy", net, dentries=lambda m, a, z, t: ((1 - t) / (1 - z) - t / z) * z * (1 - z))
right("ae_penalty_loop", "The penalty weight by weight, with a compensated sum.", "autoencoder/*_l2", net, penalty=lambda m, l2: l2 * sum(kahan(w**2) for w in m.weights()))
right("training", "Fifty steps by hand.", "training/*", training)
right("training_float32", "Fifty steps in single precision.", "training/*", training, "float32")
right("training_einsum", "Fifty steps with einsum for the gradients.", "training/*", training, model={"encoder_part": lambda m, xt, x, da: np.einsum("bi,bj->ij", xt, da), "dhidden": lambda m, y, a: s(a) * s(-a)})
right("stack", "Fine-tuning by hand.", "stack/finetune*", stack)
right("stack_float32", "Fine-tuning in single precision.", "stack/finetune*", stack, "float32")
right("pretrain", "Pretraining by hand.", "stack/pretrain*", pretrain)
right("optimizer", "All update rules by hand.", "optimizer/*", rule)
right("adam_rewritten", "Adam's corrections moved into the learning rate, eps scaled with them.", "optimizer/adam_torch* optimizer/adam_optax optimizer/adam_optax_tiny", rule, direction=lambda m, mo, v, c, n: mo * (np.sqrt(1 - c["beta2"] ** n) / (1 - c["beta1"] ** n)) / (np.sqrt(v) + c["eps"] * np.sqrt(1 - c["beta2"] ** n)))
right("adam_lerp", "Adam's moments as m + (1 - beta)(g - m).", "optimizer/adam*", rule, moment=lambda m, mo, g, beta: mo + (1 - beta) * (g - mo))
right("sgd_nesterov_rewritten", "Nesterov's step from the two velocities.", "optimizer/sgd_*nesterov", rule, nesterov=lambda m, st, u, before, c: (1 + c["momentum"]) * u - c["momentum"] * before)

right("dense_einsum", "Dense by einsum.", "layer/dense*", dense, forward=lambda x, W, b: np.einsum("...i,ij->...j", x, W) + b, d_in=lambda d, W: np.einsum("...j,ij->...i", d, W))
right("dense_blocked", "Dense with blocked products, in single precision.", "layer/dense", dense, "float32", forward=lambda x, W, b: blocked(x, W) + b)
right("conv", "Convolution window by window.", "layer/conv_same* layer/conv_valid*", conv)


def by_fft(i, c):
    """Output and dW of a convolution by the discrete Fourier transform; the input's gradient window by window."""
    from held_numpy_layers import before

    x, W, d = i["x"], i["W"], i["d_output"]
    (kh, kw), (sh, sw) = c["kernel"], c["stride"]
    (_, t, u), (_, le, ri) = before(x.shape[1], kh, sh, c["padding"]), before(x.shape[2], kw, sw, c["padding"])
    xp = np.pad(x, ((0, 0), (t, u), (le, ri), (0, 0)))
    size = xp.shape[1:3]
    F = np.fft.rfft2(xp, axes=(1, 2))
    full = np.fft.irfft2(np.einsum("bhwc,hwcf->bhwf", F, np.conj(np.fft.rfft2(W, size, axes=(0, 1)))), size, axes=(1, 2))
    y = full[:, : size[0] - kh + 1 : sh, : size[1] - kw + 1 : sw][:, : d.shape[1], : d.shape[2]]
    return conv(i, c) | {"output": y + i["b"]}


def im2col(i, c):
    from held_numpy_layers import before
    from numpy.lib.stride_tricks import sliding_window_view

    x, W, d = i["x"], i["W"], i["d_output"]
    (kh, kw), (sh, sw) = c["kernel"], c["stride"]
    (_, t, u), (_, le, ri) = before(x.shape[1], kh, sh, c["padding"]), before(x.shape[2], kw, sw, c["padding"])
    xp = np.pad(x, ((0, 0), (t, u), (le, ri), (0, 0)))
    cols = sliding_window_view(xp, (kh, kw), axis=(1, 2))[:, ::sh, ::sw].transpose(0, 1, 2, 4, 5, 3)
    rows = cols.reshape(-1, W[..., 0].size)
    flat = d.reshape(-1, d.shape[-1])
    return conv(i, c) | {"output": (rows @ W.reshape(-1, W.shape[3])).reshape(d.shape) + i["b"], "dW": (rows.T @ flat).reshape(W.shape), "db": flat.sum(0)}


right("conv_fft", "Convolution by the Fourier transform.", "layer/conv_same* layer/conv_valid*", by_fft)
right("conv_im2col", "Convolution as one matrix product of all windows.", "layer/conv_same* layer/conv_valid*", im2col)
right("conv_float32", "Convolution window by window in single precision.", "layer/conv_same* layer/conv_valid*", conv, "float32")
right("conv_transpose", "Transposed convolution kernel by kernel.", "layer/conv_transpose*", spread)
right("max_pool", "The largest of each window, the first of ties.", "layer/max_pool*", pool, take=largest, share=first)
right("average_pool", "The mean of each window's own pixels.", "layer/average_pool*", pool, take=mean, share=evenly)
right("upsampling_kron", "Upsampling as a Kronecker product.", "layer/upsampling*", elementwise, f=lambda x, c, i: np.kron(x, np.ones((1, *c["factor"], 1))), df=lambda d, x, c, i: np.add.reduceat(np.add.reduceat(d, range(0, d.shape[1], c["factor"][0]), 1), range(0, d.shape[2], c["factor"][1]), 2))
right("upsampling", "Upsampling by repetition, the backward pass axis by axis.", "layer/upsampling*", elementwise, f=up, df=lambda d, x, c, i: d.reshape(len(d), x.shape[1], c["factor"][0], x.shape[2], c["factor"][1], -1).sum(4).sum(2))
right("repeat_einsum", "RepeatVector's backward as a product with ones.", "layer/repeat_vector", elementwise, f=lambda x, c, i: x[:, None] * np.ones((1, c["n"], 1)), df=lambda d, x, c, i: np.einsum("bnf,n->bf", d, np.ones(c["n"])))
right("dropout_scaled_first", "Dropout that scales before it drops.", "layer/dropout*", elementwise, f=lambda x, c, i: np.where(i["keep"], x * (1 / (1 - c["rate"])), 0), df=lambda d, x, c, i: np.where(i["keep"], d * (1 / (1 - c["rate"])), 0))
right("lstm", "The LSTM by hand, with gates and cell states told.", "layer/lstm_*", lstm, full=True)
right("lstm_float32", "The LSTM by hand in single precision.", "layer/lstm_*", lstm, "float32")
right("lstm_one_product", "The LSTM with one matrix product of [x, h].", "layer/lstm_*", lstm, pre=lambda m, x, h, W, U, b: np.hstack([x, h]) @ np.vstack([W, U]) + b)
right("lstm_tanh_gates", "The gates as (1 + tanh(a/2)) / 2.", "layer/lstm_*", lstm, gate=staticmethod(lambda v: 0.5 + 0.5 * np.tanh(v / 2)))
