# ruff: noqa: E501, E741, RUF059, C420
"""Mistakes written before the explainer's list of names was read: what a stranger to it would hand in.

Each row is a sentence, the cases that meet the mistake and an implementation with automatic differentiation, which
answers with no more than a case requires. `fresh_names.py` says which ids mean the same, and was written afterwards.
"""

import fnmatch
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from scratchdae.conformance import load_cases


class Fresh(NamedTuple):
    what: str
    answer: Callable
    patterns: tuple

    def cases(self):
        return [case for case in everything() if any(fnmatch.fnmatch(case.id, one) for one in self.patterns)]


FRESH: list[Fresh] = []


@functools.cache
def everything():
    return load_cases(spec=1)


def add(what, patterns, answer):
    FRESH.append(Fresh(what, answer, tuple(patterns.split())))


def mistake(what, patterns):
    def decorate(answer):
        add(what, patterns, answer)
        return answer

    return decorate


def tensors(i, dtype=torch.float64):
    return {k: torch.tensor(np.array(v), dtype=dtype if v.dtype.kind == "f" else None) for k, v in i.items()}


def leaf(v):
    return v.clone().requires_grad_(True)


def out(v):
    return v.detach().numpy()


# ---------------------------------------------------------------- losses
LOGITS = "loss/cross_entropy_paper loss/cross_entropy_mean loss/cross_entropy_undecided"
LOGITS_ALL = LOGITS + " loss/cross_entropy_extreme loss/cross_entropy_confident"
SQUARES = "loss/squared_error_*"
HUBER = "loss/huber_*"
CLASSES = "loss/softmax_cross_entropy_*"


def by(c, t):
    return t.numel() if c["reduction"] == "mean" else len(t)


def loss_of(f):
    def answer(i, c):
        i = tensors(i)
        a = leaf(i["a"])
        loss = f(a, i["target"], c)
        loss.backward()
        return {"loss": out(loss), "d_a": out(a.grad)}

    return answer


def elementwise(f):
    return loss_of(lambda a, t, c: f(a, t, c).sum() / by(c, t))


def softmax_row(f):
    return loss_of(lambda a, t, c: f(a, t, c))


bce = F.binary_cross_entropy_with_logits
none = {"reduction": "none"}
add(
    "root of the mean square in place of the mean square",
    SQUARES,
    loss_of(lambda a, t, c: ((a - t) ** 2).mean() ** 0.5),
)
add("the norm of the error, not squared", SQUARES, loss_of(lambda a, t, c: torch.linalg.norm(a - t)))
add("mean norm of each example's error", "loss/squared_error_paper loss/squared_error_mean",
    loss_of(lambda a, t, c: torch.linalg.norm(a - t, dim=1).mean()))  # fmt: skip
add("absolute error in place of squared error", SQUARES, elementwise(lambda a, t, c: (a - t).abs()))
add("squared error in place of absolute error", "loss/absolute_error_*", elementwise(lambda a, t, c: (a - t) ** 2))
add("half of the squared error", SQUARES, elementwise(lambda a, t, c: 0.5 * (a - t) ** 2))
add("kl_div of the logarithm of z, batchmean, in place of cross-entropy", LOGITS,
    loss_of(lambda a, t, c: F.kl_div(F.logsigmoid(a), t, reduction="batchmean")))  # fmt: skip
add("kl_div, mean, in place of cross-entropy", "loss/cross_entropy_mean",
    loss_of(lambda a, t, c: F.kl_div(F.logsigmoid(a), t, reduction="mean")))  # fmt: skip
add("binary KL divergence: the entropy of the target taken off, same gradient", "loss/cross_entropy_paper loss/cross_entropy_mean",
    elementwise(lambda a, t, c: bce(a, t, **none) + torch.xlogy(t, t) + torch.xlogy(1 - t, 1 - t)))  # fmt: skip
add("binary KL divergence the other way round", LOGITS,
    elementwise(lambda a, t, c: (lambda z: z * (z / t).log() + (1 - z) * ((1 - z) / (1 - t)).log())(a.sigmoid())))  # fmt: skip
add(
    "pos_weight of 3",
    LOGITS_ALL,
    elementwise(lambda a, t, c: bce(a, t, pos_weight=torch.tensor(3.0, dtype=a.dtype), **none)),
)
add("label smoothing of 0.1 on the targets", LOGITS, elementwise(lambda a, t, c: bce(a, t * 0.9 + 0.05, **none)))
add("loss and gradient in bits", LOGITS, elementwise(lambda a, t, c: bce(a, t, **none) / math.log(2)))
add("only x log z, without (1 - x) log (1 - z)", LOGITS, elementwise(lambda a, t, c: -t * F.logsigmoid(a)))
add("focal loss with gamma 2", LOGITS, elementwise(lambda a, t, c: bce(a, t, **none) * (a.sigmoid() - t).abs() ** 2))
add("sigmoid applied twice before the cross-entropy", LOGITS, elementwise(lambda a, t, c: bce(a.sigmoid(), t, **none)))
add("squared error of z in place of cross-entropy", LOGITS,
    elementwise(lambda a, t, c: (a.sigmoid() - t) ** 2))  # fmt: skip
add("epsilon of 1e-7 in the logarithm", LOGITS_ALL,
    elementwise(lambda a, t, c: -(t * (a.sigmoid() + 1e-7).log() + (1 - t) * (1 - a.sigmoid() + 1e-7).log())))  # fmt: skip
add("probabilities clipped at 1e-6", LOGITS_ALL,
    elementwise(lambda a, t, c: F.binary_cross_entropy(a.sigmoid().clamp(1e-6, 1 - 1e-6), t, **none)))  # fmt: skip
add("sum over everything, not divided", LOGITS, loss_of(lambda a, t, c: bce(a, t, reduction="sum")))
add("mean over D and sum over B", "loss/cross_entropy_paper loss/squared_error_paper",
    loss_of(lambda a, t, c: (bce(a, t, **none) if c["loss"] == "cross_entropy" else (a - t) ** 2).sum() / t.shape[1]))  # fmt: skip
add("huber without its constant beyond delta", HUBER,
    elementwise(lambda a, t, c: torch.where((a - t).abs() <= c["delta"], 0.5 * (a - t) ** 2, c["delta"] * (a - t).abs())))  # fmt: skip
add("smooth L1 in place of huber", HUBER, elementwise(lambda a, t, c: F.smooth_l1_loss(a, t, beta=c["delta"], **none)))
add(
    "huber with delta 1",
    "loss/huber_paper loss/huber_mean",
    elementwise(lambda a, t, c: F.huber_loss(a, t, delta=1.0, **none)),
)
add("log cosh in place of huber", HUBER, elementwise(lambda a, t, c: torch.log(torch.cosh(a - t))))
add("huber branches exchanged", HUBER,
    elementwise(lambda a, t, c: torch.where((a - t).abs() > c["delta"], 0.5 * (a - t) ** 2, c["delta"] * ((a - t).abs() - c["delta"] / 2))))  # fmt: skip
add("epsilon of 1e-7 in the logarithm of the softmax", CLASSES,
    softmax_row(lambda a, t, c: F.nll_loss((a.softmax(1) + 1e-7).log(), t)))  # fmt: skip
add(
    "label smoothing of 0.1 in softmax cross-entropy",
    CLASSES,
    softmax_row(lambda a, t, c: F.cross_entropy(a, t, label_smoothing=0.1)),
)
add("a sigmoid for each class in place of a softmax", CLASSES,
    softmax_row(lambda a, t, c: bce(a, F.one_hot(t, a.shape[1]).to(a.dtype), reduction="sum") / len(a)))  # fmt: skip
add("softmax applied twice", CLASSES, softmax_row(lambda a, t, c: F.cross_entropy(a.softmax(1), t)))
add(
    "softmax cross-entropy summed over the batch",
    CLASSES,
    softmax_row(lambda a, t, c: F.cross_entropy(a, t, reduction="sum")),
)


@mistake("loss in bits, gradient in nats", LOGITS)
def bits(i, c):
    answer = elementwise(lambda a, t, c: bce(a, t, **none))(i, c)
    return {"loss": answer["loss"] / math.log(2), "d_a": answer["d_a"]}


@mistake(
    "gradient of the sum beside the loss that is a mean",
    "loss/cross_entropy_mean loss/squared_error_mean loss/huber_mean",
)
def gradient_of_the_sum(i, c):
    f = {"cross_entropy": lambda a, t, c: bce(a, t, **none), "squared_error": lambda a, t, c: (a - t) ** 2}
    f["huber"] = lambda a, t, c: F.huber_loss(a, t, delta=c["delta"], **none)
    answer = elementwise(f[c["loss"]])(i, c)
    return {"loss": answer["loss"], "d_a": answer["d_a"] * i["target"].size}


@mistake("huber's gradient beyond delta is 1, not delta", "loss/huber_paper loss/huber_mean")
def huber_gradient(i, c):
    answer = elementwise(lambda a, t, c: F.huber_loss(a, t, delta=c["delta"], **none))(i, c)
    e = i["a"] - i["target"]
    n = e.size if c["reduction"] == "mean" else len(e)
    return {"loss": answer["loss"], "d_a": np.where(abs(e) <= c["delta"], e, np.sign(e)) / n}


def in_half(dtype):
    def answer(i, c):
        i = tensors(i, dtype)
        a = leaf(i["a"])
        e = bce(a, i["target"], **none) if c["loss"] == "cross_entropy" else (a - i["target"]) ** 2
        loss = e.sum() / by(c, i["target"])
        loss.backward()
        return {"loss": out(loss.double()), "d_a": out(a.grad.double())}

    return answer


add(
    "computed in half precision",
    "loss/cross_entropy_paper loss/cross_entropy_mean loss/squared_error_paper",
    in_half(torch.float16),
)
add(
    "computed in bfloat16",
    "loss/cross_entropy_paper loss/cross_entropy_mean loss/squared_error_paper",
    in_half(torch.bfloat16),
)


# ---------------------------------------------------------------- activations
def function(f):
    def answer(i, c):
        i = tensors(i)
        a = leaf(i["a"])
        value = f(a, c)
        (grad,) = torch.autograd.grad(value, a, i["d_output"])
        return {"value": out(value), "d_input": out(grad)}

    return answer


def slope_of(value, slope):
    """A right value with a wrong derivative, in NumPy."""
    return lambda i, c: {"value": value(i["a"]), "d_input": i["d_output"] * slope(i["a"])}


def sigma(a):
    return 1 / (1 + np.exp(-a))


S, T = "activation/sigmoid_*", "activation/tanh_*"
add("hard sigmoid of older Keras in place of the sigmoid", S, function(lambda a, c: (0.2 * a + 0.5).clamp(0, 1)))
add("tanh in place of the sigmoid", S, function(lambda a, c: a.tanh()))
add("derivative of the sigmoid of a value taken for a pre-activation: a (1 - a)", "activation/sigmoid_ordinary",
    slope_of(sigma, lambda a: a * (1 - a)))  # fmt: skip
add("the sigmoid's derivative y (1 - y) at the sigmoid of y", "activation/sigmoid_ordinary",
    slope_of(sigma, lambda a: sigma(sigma(a)) * (1 - sigma(sigma(a)))))  # fmt: skip
add("derivative 1 - y of tanh", T, slope_of(np.tanh, lambda a: 1 - np.tanh(a)))
add("derivative y (1 - y) for tanh", T, slope_of(np.tanh, lambda a: np.tanh(a) * (1 - np.tanh(a))))
add("softplus that is linear beyond 20", "activation/softplus_*", function(lambda a, c: F.softplus(a)))
add("softplus as log(1 + exp(a)), which overflows", "activation/softplus_*",
    slope_of(lambda a: np.log(1 + np.exp(a)), lambda a: np.exp(a) / (1 + np.exp(a))))  # fmt: skip
add("relu in place of softplus", "activation/softplus_*", function(lambda a, c: a.relu()))
add(
    "slope 0.01 of leaky relu",
    "activation/leaky_relu_* layer/leakyrelu_layer",
    lambda i, c: in_layer(i, c, lambda a, c: F.leaky_relu(a, 0.01)),
)
add("elu in place of leaky relu", "activation/leaky_relu_*", function(lambda a, c: F.elu(a)))
add("gelu in place of relu", "activation/relu_* layer/relu_layer", lambda i, c: in_layer(i, c, lambda a, c: F.gelu(a)))
add("relu that is cut off at 6", "activation/relu_*", function(lambda a, c: F.relu6(2 * a) / 2))
add("silu in place of relu", "activation/relu_*", function(lambda a, c: F.silu(a)))
add("derivative of relu is 1 at zero", "activation/relu_at_the_kink layer/relu_layer",
    lambda i, c: in_layer(i, c, lambda a, c: torch.where(a >= 0, a, 0 * a)))  # fmt: skip
add("derivative of relu is one half at zero", "activation/relu_at_the_kink layer/relu_layer",
    lambda i, c: in_layer(i, c, lambda a, c: 0.5 * (a + a.abs())))  # fmt: skip
add("softmax along the batch", "activation/softmax_ordinary", function(lambda a, c: a.softmax(0)))
add("softmax with the diagonal of its Jacobian", "activation/softmax_*",
    lambda i, c: (lambda p: {"value": p, "d_input": i["d_output"] * p * (1 - p)})(out(tensors(i)["a"].softmax(-1))))  # fmt: skip
add("log softmax in place of softmax", "activation/softmax_*", function(lambda a, c: a.log_softmax(-1)))
add(
    "exp that overflows in the softmax",
    "activation/softmax_extreme",
    function(lambda a, c: a.exp() / a.exp().sum(-1, keepdim=True)),
)
add("the derivative left out", "activation/sigmoid_ordinary activation/tanh_ordinary",
    lambda i, c: {"value": (np.tanh if c["function"] == "tanh" else sigma)(i["a"]), "d_input": i["d_output"]})  # fmt: skip
add("small values lost: 1 - 1/(1 + exp(a))", "activation/sigmoid_extreme", function(lambda a, c: 1 - 1 / (1 + a.exp())))
add("small values lost in tanh by exp(2a) - 1", "activation/tanh_extreme",
    lambda i, c: (lambda y: {"value": y, "d_input": i["d_output"] * (1 - y * y)})(
        1 - 2 / (np.exp(np.minimum(2 * i["a"], 700)) + 1)))  # fmt: skip
add("pre-activations clipped at 30 before the exponential", S, function(lambda a, c: a.clamp(-30, 30).sigmoid()))


def in_layer(i, c, f):
    if "function" in c:
        return function(f)(i, c)
    i = tensors(i)
    x = leaf(i["x"])
    y = f(x, c)
    (grad,) = torch.autograd.grad(y, x, i["d_output"])
    return {"output": out(y), "d_input": out(grad)}


# ---------------------------------------------------------------- corruption and the autoencoder
def destroyed(i, c, fill=0.0, pepper=0.0, salt=1.0):
    if c["corruption"] == "none":
        return i["x"]
    if c["corruption"] == "gaussian":
        return i["x"] + c["sigma"] * i["noise"]
    if c["corruption"] == "masking":
        return torch.where(i["mask"], fill, i["x"])
    return torch.where(i["mask"], torch.where(i["coin"].bool(), salt, pepper).to(i["x"].dtype), i["x"])


def corrupting(f):
    return lambda i, c: {"x_tilde": out(f(tensors(i), c))}


def model(hidden=torch.sigmoid, corrupt=destroyed, target=lambda i, xt: i["x"], weight=None, loss=None, stop="", l2=None,
          dtype=torch.float64, bias=True, post=None):  # fmt: skip
    def answer(i, c):
        original = i
        i = tensors(i, dtype)
        p = {k: leaf(i[k]) for k in ("W", "b", "b_prime", "W_prime") if k in i}
        xt = corrupt(i, c)
        Wd = p.get("W_prime", p["W"].T)
        W = p["W"].detach() if stop == "encoder" else p["W"]
        Wd = Wd.detach() if stop == "decoder" else Wd
        y = hidden(xt @ W + (p["b"] if bias else 0 * p["b"]))
        a = y @ Wd + p["b_prime"]
        z = a.sigmoid() if c["output"] == "sigmoid" else a
        x = target(i, xt)
        if loss is not None:
            e = loss(a, z, x)
        elif c["loss"] == "cross_entropy":
            e = bce(a, x, **none)
        else:
            e = (z - x) ** 2
        e = e * (1 if weight is None else weight(i))
        total = e.sum() / (e.numel() if c["reduction"] == "mean" else len(e))
        weights = [v for k, v in p.items() if k.startswith("W")]
        total = total + (c["l2"] * sum((w**2).sum() for w in weights) if l2 is None else l2(p, c, e))
        grads = torch.autograd.grad(total, list(p.values()), allow_unused=True)
        grads = {f"d{k}": torch.zeros_like(v) if g is None else g for (k, v), g in zip(p.items(), grads, strict=True)}
        found = {"z": z, "loss": total, **grads}
        found = {k: out(v.double() if dtype != torch.float64 else v) for k, v in found.items()}
        return post(found, original, c, out(xt)) if post else found

    return answer


AE = "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/untied_cross_entropy autoencoder/tied_cross_entropy_mean"
MSE = "autoencoder/tied_squared_error autoencoder/untied_squared_error autoencoder/tied_squared_error_mean"
LINEAR = "autoencoder/tied_squared_error_linear autoencoder/untied_squared_error_linear"
TIED = "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/tied_cross_entropy_mean"
add("gelu hidden units", AE, model(F.gelu))
add("relu hidden units", AE, model(torch.relu))
add("leaky relu hidden units", AE, model(F.leaky_relu))
add("tanh hidden units", AE, model(torch.tanh))
add("softmax hidden units", AE, model(lambda a: a.softmax(1)))
add("linear hidden units", AE, model(lambda a: a))
add("the hidden bias left out", AE, model(bias=False))
add("loss on destroyed entries only", AE, model(weight=lambda i: i["mask"].to(i["x"].dtype)))
add("loss on intact entries only", AE, model(weight=lambda i: (~i["mask"]).to(i["x"].dtype)))
add("loss of intact entries weighted by one half", AE, model(weight=lambda i: torch.where(i["mask"], 1.0, 0.5)))
add(
    "mask fill of one half",
    AE + " corruption/masking*",
    lambda i, c: (
        corrupting(lambda i, c: destroyed(i, c, fill=0.5))(i, c)
        if "W" not in i
        else model(corrupt=lambda i, c: destroyed(i, c, fill=0.5))(i, c)
    ),
)
add("mask fill of the batch's mean", AE, model(corrupt=lambda i, c: torch.where(i["mask"], i["x"].mean(), i["x"])))
add("mask fill of 1", "corruption/masking*", corrupting(lambda i, c: destroyed(i, c, fill=1.0)))
add("pepper is -1", "corruption/salt_and_pepper", corrupting(lambda i, c: destroyed(i, c, pepper=-1.0)))
add(
    "pepper is -1 in the autoencoder",
    "autoencoder/tied_cross_entropy_salt_and_pepper",
    model(corrupt=lambda i, c: destroyed(i, c, pepper=-1.0)),
)
add(
    "corrupted input computed and not used",
    AE + " autoencoder/tied_cross_entropy_gaussian autoencoder/tied_cross_entropy_salt_and_pepper",
    model(corrupt=lambda i, c: i["x"]),
)
add("tied weights copied once: nothing flows through the decoder's copy", TIED, model(stop="decoder"))
add("tied weights: the encoder's part missing", TIED, model(stop="encoder"))
add("corrupted input as the target", AE, model(target=lambda i, xt: xt))
add("kept entries scaled up by 1/(1 - nu) as dropout does", AE,
    model(corrupt=lambda i, c: destroyed(i, c) / (1 - i["mask"].double().mean())))  # fmt: skip
add(
    "everything in half precision",
    "autoencoder/tied_cross_entropy autoencoder/tied_squared_error",
    model(dtype=torch.float16),
)
add(
    "everything in bfloat16",
    "autoencoder/tied_cross_entropy autoencoder/tied_squared_error",
    model(dtype=torch.bfloat16),
)
add(
    "everything in single precision",
    "autoencoder/tied_cross_entropy autoencoder/tied_squared_error",
    model(dtype=torch.float32),
)
add(
    "noise with the variance sigma",
    "corruption/gaussian",
    corrupting(lambda i, c: i["x"] + c["sigma"] ** 0.5 * i["noise"]),
)
add("noise with sigma squared", "corruption/gaussian autoencoder/*_gaussian",
    lambda i, c: (model(corrupt=lambda i, c: i["x"] + c["sigma"] ** 2 * i["noise"]) if "W" in i else corrupting(lambda i, c: i["x"] + c["sigma"] ** 2 * i["noise"]))(i, c))  # fmt: skip
add("multiplicative noise", "corruption/gaussian", corrupting(lambda i, c: i["x"] * (1 + c["sigma"] * i["noise"])))
add(
    "noise subtracted",
    "corruption/gaussian autoencoder/*_gaussian",
    lambda i, c: (
        model(corrupt=lambda i, c: i["x"] - c["sigma"] * i["noise"])
        if "W" in i
        else corrupting(lambda i, c: i["x"] - c["sigma"] * i["noise"])
    )(i, c),
)
add(
    "noisy values clipped to 0 and 1",
    "corruption/gaussian autoencoder/*_gaussian",
    lambda i, c: (
        model(corrupt=lambda i, c: destroyed(i, c).clamp(0, 1))
        if "W" in i
        else corrupting(lambda i, c: destroyed(i, c).clamp(0, 1))
    )(i, c),
)
add(
    "the mask of the first example for the whole batch",
    AE,
    model(corrupt=lambda i, c: torch.where(i["mask"][:1], 0.0, i["x"])),
)
add("the mask of the example before", AE, model(corrupt=lambda i, c: torch.where(i["mask"].roll(1, 0), 0.0, i["x"])))
add("the mask inverted", AE, model(corrupt=lambda i, c: torch.where(i["mask"], i["x"], 0.0)))
add("the targets of the example before", AE, model(target=lambda i, xt: i["x"].roll(1, 0)))
add("z (1 - z) on a linear output", LINEAR,
    model(post=lambda f, i, c, xt: deltas(f, i, c, xt, lambda e, z: 2 * e * z * (1 - z))))  # fmt: skip
add(
    "1 - z squared for the slope of a sigmoid output",
    MSE,
    model(post=lambda f, i, c, xt: deltas(f, i, c, xt, lambda e, z: 2 * e * (1 - z * z))),
)
add("the slope of the output left out", MSE, model(post=lambda f, i, c, xt: deltas(f, i, c, xt, lambda e, z: 2 * e)))
add(
    "1 - y squared for the slope of sigmoid hidden units",
    AE,
    model(post=lambda f, i, c, xt: deltas(f, i, c, xt, None, lambda y: 1 - y * y)),
)
add(
    "the slope of the hidden units left out", AE, model(post=lambda f, i, c, xt: deltas(f, i, c, xt, None, lambda y: 1))
)
add(
    "the clean input in the encoder's part of dW",
    AE,
    model(post=lambda f, i, c, xt: deltas(f, i, c, i["x"], None, None, xt)),
)
add(
    "bias values in place of their gradients",
    AE,
    model(post=lambda f, i, c, xt: f | {"db": i["b"], "db_prime": i["b_prime"]}),
)
add(
    "the gradient of the bias averaged over the batch",
    AE,
    model(post=lambda f, i, c, xt: f | {"db": f["db"] / len(xt), "db_prime": f["db_prime"] / len(xt)}),
)
add(
    "every gradient is zero",
    AE,
    model(post=lambda f, i, c, xt: {k: v * 0 if k.startswith("d") else v for k, v in f.items()}),
)
add(
    "every gradient is NaN",
    AE,
    model(post=lambda f, i, c, xt: {k: v * np.nan if k.startswith("d") else v for k, v in f.items()}),
)
add(
    "every gradient has the wrong sign",
    AE,
    model(post=lambda f, i, c, xt: {k: -v if k.startswith("d") else v for k, v in f.items()}),
)
add("a tenth of the loss", AE, model(post=lambda f, i, c, xt: {k: v / 10 if k != "z" else v for k, v in f.items()}))
add(
    "gradients averaged over the batch a second time",
    AE,
    model(post=lambda f, i, c, xt: {k: v / len(xt) if k.startswith("d") else v for k, v in f.items()}),
)
L2S = "autoencoder/tied_cross_entropy_l2 autoencoder/untied_cross_entropy_l2 autoencoder/tied_squared_error_mean_l2"
add("decay of the biases too", L2S, model(l2=lambda p, c, e: c["l2"] * sum((v**2).sum() for v in p.values())))
add(
    "a factor one half in the penalty",
    L2S,
    model(l2=lambda p, c, e: c["l2"] / 2 * sum((v**2).sum() for k, v in p.items() if k[0] == "W")),
)
add(
    "absolute values in the penalty",
    L2S,
    model(l2=lambda p, c, e: c["l2"] * sum(v.abs().sum() for k, v in p.items() if k[0] == "W")),
)
add(
    "the penalty divided by the batch",
    L2S,
    model(l2=lambda p, c, e: c["l2"] / len(e) * sum((v**2).sum() for k, v in p.items() if k[0] == "W")),
)
add(
    "penalty of W only, not W_prime",
    "autoencoder/untied_cross_entropy_l2",
    model(l2=lambda p, c, e: c["l2"] * (p["W"] ** 2).sum()),
)
add("no penalty", L2S, model(l2=lambda p, c, e: 0.0))


def deltas(f, i, c, xt, output_slope, hidden_slope=None, encoded=None):
    """Gradients by hand, with slopes of one's own."""
    W, Wd = i["W"], i.get("W_prime", i["W"].T)
    y, z, n = (
        sigma((xt if encoded is None else encoded) @ W + i["b"]),
        f["z"],
        len(xt) if c["reduction"] == "paper" else xt.size,
    )
    e = z - i["x"]
    squared = c["loss"] == "squared_error"
    slope = output_slope or ((lambda e, z: 2 * e * z * (1 - z)) if squared else (lambda e, z: e))
    d = slope(e, z) / n
    dy = d @ Wd.T
    h = dy * (y * (1 - y) if hidden_slope is None else hidden_slope(y))
    dW, dWd = xt.T @ h, y.T @ d
    g = {"db": h.sum(0), "db_prime": d.sum(0)}
    return f | g | ({"dW": dW, "dW_prime": dWd} if "W_prime" in i else {"dW": dW + dWd.T})


# ---------------------------------------------------------------- optimizers
def rule(f, init=lambda p: None, **change):
    """Steps of f(θ, g, state, lr, t, c) on each parameter by itself."""

    def answer(i, c):
        c, after = {**c, **change}, {}
        for name in ("W", "b"):
            theta, state, rows = i[name].copy(), {}, []
            for t, (g, lr) in enumerate(zip(i[f"d{name}"], i["lr"], strict=True), 1):
                theta = f(theta, g, state, float(lr), t, c, name, i)
                rows.append(theta)
            after[f"{name}_steps"] = np.stack(rows)
        return after

    return answer


def sgd(theta, g, s, lr, t, c, name, i, **o):
    c = {**c, **o}
    wd = c["weight_decay"] * o.get("times", 1) if c["decayed"] == "all" or name == "W" else 0
    if c["decay"] == "gradient":
        g = g + wd * theta
    d, m = (0 if t == 1 else c["dampening"]), c["momentum"]
    inside = c["momentum_lr"] == "inside"
    v = m * s.get("v", 0) + (1 - d) * g * (lr if inside else 1)
    s["v"] = v
    step = v
    if c["nesterov"]:
        step = m * v + (1 - d) * g * (lr if inside else 1)
    if not m:
        step = g * (lr if inside else 1)
    theta = theta * (1 - lr * wd) if c["decay"] == "decoupled" else theta
    return theta - (1 if inside else lr) * step


def adam(
    theta,
    g,
    s,
    lr,
    t,
    c,
    name,
    i,
    eps=None,
    power=0.5,
    correct=True,
    ams=False,
    at=None,
    both=False,
    decay=None,
    l=None,
):
    b1, b2, wd = c["beta1"], c["beta2"], c["weight_decay"]
    eps = c["eps"] if eps is None else eps
    t = t if at is None else at(t, name)
    if c["decay"] == "gradient":
        g = g + wd * theta
    else:
        theta = theta * (1 - (lr if decay is None else decay) * wd)
    m = s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    v = s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
    if ams:
        v = s["max"] = np.maximum(s.get("max", 0), v)
    f1, f2 = (1 - b1**t, 1 - b2**t) if correct is True else ((1 - b1**t, 1) if correct == "m" else (1, 1))
    if both:
        return theta - lr * (m / f1) / (np.sqrt(v / f2 + eps) + eps)
    if c["epsilon"] == "hat":
        return theta - lr * f2**0.5 / f1 * m / (v**power + eps)
    if c["epsilon"] == "inside":
        return theta - lr * m / f1 / (v / f2 + eps) ** power
    return theta - lr * (m / f1) / ((v / f2) ** power + eps)


def rmsprop(theta, g, s, lr, t, c, name, i, power=0.5, first=None, centred=None, inside=None):
    r, wd, m = c["decay_rate"], c["weight_decay"], c["momentum"]
    g = g + wd * theta if c["decay"] == "gradient" else g
    theta = theta * (1 - lr * wd) if c["decay"] == "decoupled" else theta
    v = s["v"] = r * s.get("v", g * g if first else 0) + (1 - r) * g * g
    if c["centred"]:
        a = s["a"] = r * s.get("a", 0) + (1 - r) * g
        v = v - a * a
    size = (v + c["eps"]) ** power if c["epsilon"] == "inside" else v**power + c["eps"]
    step = g / size
    if not m:
        return theta - lr * step
    into = c["momentum_lr"] == "inside"
    s["u"] = m * s.get("u", 0) + step * (lr if into else 1)
    return theta - s["u"] * (1 if into else lr)


def with_options(f, **o):
    return rule(lambda *a: f(*a, **o))


ADAM = "optimizer/adam_torch optimizer/adam_optax optimizer/adam_keras"
TINY = "optimizer/adam_torch_tiny optimizer/adam_optax_tiny"
ALL_ADAM = "optimizer/adam_torch* optimizer/adam_optax optimizer/adam_optax_tiny"


def torch_rule(make):
    def answer(i, c):
        p = {n: leaf(torch.tensor(i[n])) for n in ("W", "b")}
        o, rows = make(list(p.values()), c), {n: [] for n in p}
        for t, lr in enumerate(i["lr"]):
            for group in o.param_groups:
                group["lr"] = float(lr)
            for n, v in p.items():
                v.grad = torch.tensor(i[f"d{n}"][t])
            o.step()
            for n, v in p.items():
                rows[n].append(out(v).copy())
        return {f"{n}_steps": np.stack(v) for n, v in rows.items()}

    return answer


def betas(c):
    return {"betas": (c["beta1"], c["beta2"]), "eps": c["eps"]}


o = torch.optim
add(
    "NAdam in place of Adam",
    "optimizer/adam_torch optimizer/adam_torch_betas",
    torch_rule(lambda p, c: o.NAdam(p, **betas(c))),
)
add(
    "RAdam in place of Adam",
    "optimizer/adam_torch optimizer/adam_torch_betas",
    torch_rule(lambda p, c: o.RAdam(p, **betas(c))),
)
add(
    "Adamax in place of Adam",
    "optimizer/adam_torch optimizer/adam_torch_betas",
    torch_rule(lambda p, c: o.Adamax(p, **betas(c))),
)
add(
    "Adagrad in place of Adam", "optimizer/adam_torch optimizer/adam_torch_betas", torch_rule(lambda p, c: o.Adagrad(p))
)
add(
    "AMSGrad in place of Adam",
    "optimizer/adam_torch optimizer/adam_torch_betas",
    torch_rule(lambda p, c: o.Adam(p, amsgrad=True, **betas(c))),
)
add("Adagrad in place of RMSprop", "optimizer/rmsprop_torch", torch_rule(lambda p, c: o.Adagrad(p)))
add("Adadelta in place of RMSprop", "optimizer/rmsprop_torch", torch_rule(lambda p, c: o.Adadelta(p)))
add(
    "RMSprop in place of Adam",
    "optimizer/adam_torch optimizer/adam_torch_betas",
    torch_rule(lambda p, c: o.RMSprop(p, eps=c["eps"])),
)
add(
    "t counted once for each parameter",
    "optimizer/adam_torch optimizer/adam_torch_betas",
    with_options(adam, at=lambda t, n: 2 * t - (n == "W")),
)
add(
    "t one too large",
    "optimizer/adam_torch optimizer/adam_torch_betas optimizer/adam_keras",
    with_options(adam, at=lambda t, n: t + 1),
)
add(
    "t from 0: division by zero in the first step",
    "optimizer/adam_torch optimizer/adam_torch_betas",
    lambda i, c: np.errstate(all="ignore").__enter__() or with_options(adam, at=lambda t, n: t - 1)(i, c),
)
add("epsilon absent", TINY, with_options(adam, eps=0.0))
add("epsilon squared", TINY, lambda i, c: with_options(adam, eps=c["eps"] ** 2)(i, c))
add("epsilon inside and outside", TINY, with_options(adam, both=True))
add("no square root of v", "optimizer/adam_torch optimizer/adam_torch_betas", with_options(adam, power=1.0))
add("bias correction of the first moment only", ADAM, with_options(adam, correct="m"))
add("no bias correction", ADAM, with_options(adam, correct=False))
add(
    "AdamW's decay not multiplied by the learning rate",
    "optimizer/adamw_torch optimizer/adamw_optax",
    with_options(adam, decay=1.0),
)
add("no square root in RMSprop", "optimizer/rmsprop_torch optimizer/rmsprop_optax", with_options(rmsprop, power=1.0))
add(
    "RMSprop's v begins at the first square",
    "optimizer/rmsprop_torch optimizer/rmsprop_optax",
    with_options(rmsprop, first=True),
)
add("the gradient of the step before", "optimizer/sgd_plain optimizer/sgd_torch_momentum optimizer/adam_torch",
    lambda i, c: right_rule(c)({**i, **{f"d{n}": np.concatenate([0 * i[f"d{n}"][:1], i[f"d{n}"][:-1]]) for n in "Wb"}}, c))  # fmt: skip
add("the learning rate of the step before", "optimizer/sgd_torch_momentum optimizer/sgd_torch_nesterov optimizer/adam_torch",
    lambda i, c: right_rule(c)({**i, "lr": np.concatenate([i["lr"][:1], i["lr"][:-1]])}, c))  # fmt: skip
add("the first learning rate throughout", "optimizer/sgd_torch_momentum optimizer/sgd_torch_nesterov optimizer/adam_torch",
    lambda i, c: right_rule(c)({**i, "lr": 0 * i["lr"] + i["lr"][0]}, c))  # fmt: skip
add(
    "steps uphill",
    "optimizer/sgd_plain optimizer/sgd_torch_momentum optimizer/adam_torch",
    lambda i, c: right_rule(c)({**i, "lr": -i["lr"]}, c),
)
add("biases frozen", "optimizer/sgd_plain optimizer/sgd_torch_momentum optimizer/adam_torch",
    lambda i, c: right_rule(c)(i, c) | {"b_steps": np.repeat(i["b"][None], 10, 0)})  # fmt: skip
add("biases at twice the rate", "optimizer/sgd_plain optimizer/sgd_torch_momentum optimizer/adam_torch",
    lambda i, c: right_rule(c)(i, c) | {"b_steps": right_rule(c)({**i, "lr": 2 * i["lr"]}, c)["b_steps"]})  # fmt: skip
add("momentum as a running mean, (1 - m) g", "optimizer/sgd_torch_momentum optimizer/sgd_optax_momentum",
    rule(lambda th, g, s, lr, t, c, n, i: running(th, g, s, lr, c)))  # fmt: skip
add(
    "no momentum",
    "optimizer/sgd_torch_momentum optimizer/sgd_keras_momentum",
    lambda i, c: with_options(sgd, momentum=0.0)(i, c),
)
add("Nesterov left out", "optimizer/sgd_*_nesterov", lambda i, c: with_options(sgd, nesterov=False)(i, c))
add("momentum with the learning rate at the other place", "optimizer/sgd_torch_momentum optimizer/sgd_keras_momentum",
    lambda i, c: with_options(sgd, momentum_lr="inside" if c["momentum_lr"] == "outside" else "outside")(i, c))  # fmt: skip
add(
    "decay of biases that do not decay",
    "optimizer/sgd_weight_decay_weights_alone",
    lambda i, c: with_options(sgd, decayed="all")(i, c),
)
add("twice the weight decay", "optimizer/sgd_torch_weight_decay optimizer/sgd_weight_decay_weights_alone",
    lambda i, c: with_options(sgd, weight_decay=2 * c["weight_decay"])(i, c))  # fmt: skip
add("the sign of the gradient only", "optimizer/sgd_plain", rule(lambda th, g, s, lr, t, c, n, i: th - lr * np.sign(g)))
add("gradients added up over the steps", "optimizer/sgd_plain optimizer/adam_torch",
    lambda i, c: right_rule(c)({**i, "dW": np.cumsum(i["dW"], 0), "db": np.cumsum(i["db"], 0)}, c))  # fmt: skip


def running(theta, g, s, lr, c):
    s["v"] = c["momentum"] * s["v"] + (1 - c["momentum"]) * g if s.get("v") is not None else (1 - c["momentum"]) * g
    return theta - lr * s["v"]


def right_rule(c):
    return rule({"sgd": sgd, "adam": adam, "adamw": adam, "rmsprop": rmsprop}[c["rule"]])


# ---------------------------------------------------------------- clipping and penalty
def clipped(scale):
    def answer(i, c):
        norms = {k: scale(v, i) for k, v in i.items()}
        return {
            f"clipped_{k}": v * min(1.0, c["limit"] / (norms[k] + (1e-6 if c["framework"] == "torch" else 0)))
            for k, v in i.items()
        }

    return answer


NORMS = "clipping/clip_norm_torch clipping/clip_norm_optax clipping/clip_norm_keras"


def every(i):
    return np.concatenate([v.ravel() for v in i.values()])


add("each array clipped by its own norm", NORMS, clipped(lambda v, i: np.sqrt((v**2).sum())))
add("the squared norm", NORMS, clipped(lambda v, i: (every(i) ** 2).sum()))
add("the largest entry for the norm", NORMS, clipped(lambda v, i: abs(every(i)).max()))
add("the sum of absolute values for the norm", NORMS, clipped(lambda v, i: abs(every(i)).sum()))
add("the root of the mean square for the norm", NORMS, clipped(lambda v, i: np.sqrt((every(i) ** 2).mean())))
add(
    "always scaled to the limit, shorter ones too",
    "clipping/clip_norm_short",
    lambda i, c: {f"clipped_{k}": v * c["limit"] / np.sqrt((every(i) ** 2).sum()) for k, v in i.items()},
)
add(
    "entries clipped in place of the norm",
    NORMS,
    lambda i, c: {f"clipped_{k}": v.clip(-c["limit"], c["limit"]) for k, v in i.items()},
)
add(
    "clipped from above only",
    "clipping/clip_value",
    lambda i, c: {f"clipped_{k}": np.minimum(v, c["limit"]) for k, v in i.items()},
)
add("not clipped at all", NORMS + " clipping/clip_value", lambda i, c: {f"clipped_{k}": v for k, v in i.items()})
add(
    "entries beyond the limit set to zero",
    "clipping/clip_value",
    lambda i, c: {f"clipped_{k}": np.where(abs(v) > c["limit"], 0, v) for k, v in i.items()},
)
add(
    "the norm in place of its square in the penalty",
    "penalty/*",
    lambda i, c: {
        "penalty": c["l2"] * np.sqrt((i["W"] ** 2).sum()),
        "dW": c["l2"] * i["W"] / np.sqrt((i["W"] ** 2).sum()),
    },
)
add(
    "absolute values in place of squares in the penalty",
    "penalty/*",
    lambda i, c: {"penalty": c["l2"] * abs(i["W"]).sum(), "dW": c["l2"] * np.sign(i["W"])},
)
add(
    "half the penalty", "penalty/*", lambda i, c: {"penalty": c["l2"] / 2 * (i["W"] ** 2).sum(), "dW": c["l2"] * i["W"]}
)
add(
    "the mean of the squares in the penalty",
    "penalty/*",
    lambda i, c: {"penalty": c["l2"] * (i["W"] ** 2).mean(), "dW": 2 * c["l2"] * i["W"] / i["W"].size},
)
add(
    "the coefficient squared",
    "penalty/*",
    lambda i, c: {"penalty": c["l2"] ** 2 * (i["W"] ** 2).sum(), "dW": 2 * c["l2"] ** 2 * i["W"]},
)


# ---------------------------------------------------------------- layers
def layer(f, post=None):
    def answer(i, c):
        t = tensors(i)
        p = {k: leaf(t[k]) for k in ("x", "W", "U", "b") if k in t}
        y = f({**t, **p}, c)
        grads = torch.autograd.grad(y, list(p.values()), t["d_output"], allow_unused=True)
        names = {"x": "d_input", "W": "dW", "U": "dU", "b": "db"}
        found = {
            names[k]: out(torch.zeros_like(v) if g is None else g) for (k, v), g in zip(p.items(), grads, strict=True)
        }
        found["output"] = out(y)
        return post(found, i, c) if post else found

    return answer


def around(size, kernel, stride):
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv(i, c, mode="constant", flip=False, bias=True, pads=around, strides=None):
    x, w, s = i["x"].permute(0, 3, 1, 2), i["W"].permute(3, 2, 0, 1), list(strides or c["stride"])
    w = w.flip(2, 3) if flip else w
    if c["padding"] == "same":
        (t, b), (l, r) = (pads(n, k, q) for n, k, q in zip(x.shape[2:], c["kernel"], s, strict=True))
        x = F.pad(x, (l, r, t, b), mode=mode)
    return F.conv2d(x, w, i["b"] if bias else None, s).permute(0, 2, 3, 1)


def after(size, kernel, stride):
    low, high = around(size, kernel, stride)
    return high, low


CONV = "layer/conv_same layer/conv_valid layer/conv_valid_stride_2_1 layer/conv_same_stride_2_odd"
add("the kernel flipped", CONV, layer(lambda i, c: conv(i, c, flip=True)))
add(
    "the border repeated",
    "layer/conv_same layer/conv_same_even_kernel",
    layer(lambda i, c: conv(i, c, mode="replicate")),
)
add(
    "the border reflected",
    "layer/conv_same layer/conv_same_even_kernel",
    layer(lambda i, c: conv(i, c, mode="reflect")),
)
add(
    "the border wrapped around",
    "layer/conv_same layer/conv_same_even_kernel",
    layer(lambda i, c: conv(i, c, mode="circular")),
)
add(
    "the odd pixel of padding first",
    "layer/conv_same_even_kernel layer/conv_same_stride_2_even",
    layer(lambda i, c: conv(i, c, pads=after)),
)
add("no bias in the convolution", CONV, layer(lambda i, c: conv(i, c, bias=False)))
add("db averaged over the pixels", CONV, layer(conv, lambda f, i, c: f | {"db": i["d_output"].mean((0, 1, 2))}))
add("dW averaged over the batch", CONV, layer(conv, lambda f, i, c: f | {"dW": f["dW"] / len(i["x"])}))
add("db of the first example only", CONV, layer(conv, lambda f, i, c: f | {"db": i["d_output"][0].sum((0, 1))}))
add("d_input with the kernel not flipped", "layer/conv_same",
    layer(conv, lambda f, i, c: f | {"d_input": out(torch.conv2d(torch.tensor(i["d_output"]).permute(0, 3, 1, 2), torch.tensor(i["W"]).permute(2, 3, 0, 1), padding=1).permute(0, 2, 3, 1))}))  # fmt: skip


def transposed(i, c, written_over=False, flip=False):
    (kh, kw), (sh, sw) = c["kernel"], c["stride"]
    B, H, W, _ = i["x"].shape
    full = torch.zeros(
        B, max((H - 1) * sh + kh, H * sh), max((W - 1) * sw + kw, W * sw), i["W"].shape[2], dtype=i["x"].dtype
    )
    kernel = i["W"].flip(0, 1) if flip else i["W"]
    for r in range(H):
        for q in range(W):
            patch = torch.einsum("nc,hwoc->nhwo", i["x"][:, r, q], kernel)
            block = (slice(None), slice(r * sh, r * sh + kh), slice(q * sw, q * sw + kw))
            full = full.clone()
            full[block] = patch if written_over else full[block] + patch
    if c["padding"] == "same":
        t, l = (max(k - s, 0) // 2 for k, s in zip(c["kernel"], c["stride"], strict=True))
        full = full[:, t : t + H * sh, l : l + W * sw]
    return full + i["b"]


TRANSPOSED = "layer/conv_transpose_valid layer/conv_transpose_same layer/conv_transpose_valid_stride_2"
add("overlapping pixels written over", TRANSPOSED, layer(lambda i, c: transposed(i, c, written_over=True)))
add("the kernel flipped in the transposed convolution", TRANSPOSED, layer(lambda i, c: transposed(i, c, flip=True)))


def pooled(i, c, f):
    """f(windows (n, C, oh, ow, kh·kw) with NaN for padding) → (n, C, oh, ow)."""
    x, (kh, kw), (sh, sw) = i["x"].permute(0, 3, 1, 2), c["pool"], c["stride"]
    if c["padding"] == "same":
        (t, b), (l, r) = (around(n, k, q) for n, k, q in zip(x.shape[2:], c["pool"], c["stride"], strict=True))
        x = F.pad(x, (l, r, t, b), value=float("nan"))
    w = x.unfold(2, kh, sh).unfold(3, kw, sw)
    return f(w.reshape(*w.shape[:4], kh * kw)).permute(0, 2, 3, 1)


def hollow(w, fill):
    return torch.where(w.isnan(), fill, w)


add(
    "pooling that counts the padding",
    "layer/average_pool_same",
    layer(lambda i, c: pooled(i, c, lambda w: hollow(w, 0.0).mean(-1))),
)
add(
    "a sum in place of the mean of the pool",
    "layer/average_pool layer/average_pool_same",
    layer(lambda i, c: pooled(i, c, lambda w: hollow(w, 0.0).sum(-1))),
)
add("the mean in place of the largest", "layer/max_pool*", layer(lambda i, c: pooled(i, c, lambda w: w.nanmean(-1))))
add(
    "equal pixels share the gradient",
    "layer/max_pool_ties",
    layer(lambda i, c: pooled(i, c, lambda w: hollow(w, -math.inf).amax(-1))),
)
add(
    "the last of equal pixels has the gradient",
    "layer/max_pool_ties",
    layer(lambda i, c: pooled(i, c, lambda w: w.flip(-1).max(-1).values)),
)
add(
    "zeros of the padding win",
    "layer/max_pool_same_negative",
    layer(lambda i, c: pooled(i, c, lambda w: hollow(w, 0.0).max(-1).values)),
)
add(
    "the smallest in place of the largest",
    "layer/max_pool layer/max_pool_overlapping",
    layer(lambda i, c: pooled(i, c, lambda w: w.min(-1).values)),
)
add("average pooling's gradient not divided", "layer/average_pool layer/average_pool_same",
    layer(lambda i, c: pooled(i, c, lambda w: w.nanmean(-1)), lambda f, i, c: f | {"d_input": layer(lambda i, c: pooled(i, c, lambda w: hollow(w, 0.0).sum(-1)))(i, c)["d_input"]}))  # fmt: skip

UP = "layer/upsampling layer/upsampling_3_by_2"


def nearest(i, c):
    return i["x"].repeat_interleave(c["factor"][0], 1).repeat_interleave(c["factor"][1], 2)


add(
    "bilinear upsampling",
    UP,
    layer(
        lambda i, c: F.interpolate(
            i["x"].permute(0, 3, 1, 2), scale_factor=tuple(map(float, c["factor"])), mode="bilinear"
        ).permute(0, 2, 3, 1)
    ),
)
add(
    "upsampling averaged backwards",
    UP,
    layer(nearest, lambda f, i, c: f | {"d_input": f["d_input"] / np.prod(c["factor"])}),
)
add("tiled in place of each pixel repeated", UP, layer(lambda i, c: i["x"].repeat(1, *c["factor"], 1)))
add(
    "kept units not scaled up",
    "layer/dropout layer/dropout_of_images",
    layer(lambda i, c: i["x"] * (i["keep"] >= c["rate"])),
)
add(
    "scaled by 1/rate in place of 1/(1 - rate)",
    "layer/dropout layer/dropout_of_images",
    layer(lambda i, c: i["x"] * (i["keep"] >= c["rate"]) / c["rate"]),
)
add(
    "units dropped that are to be kept",
    "layer/dropout layer/dropout_of_images",
    layer(lambda i, c: i["x"] * (i["keep"] < c["rate"]) / (1 - c["rate"])),
)
add(
    "dropout's gradient not masked",
    "layer/dropout layer/dropout_of_images",
    layer(
        lambda i, c: i["x"] * (i["keep"] >= c["rate"]) / (1 - c["rate"]), lambda f, i, c: f | {"d_input": i["d_output"]}
    ),
)
add(
    "noise multiplied into the gradient",
    "layer/gaussian_noise",
    layer(
        lambda i, c: i["x"] + c["std"] * i["noise"],
        lambda f, i, c: f | {"d_input": i["d_output"] * c["std"] * i["noise"]},
    ),
)
add(
    "dense: dW averaged over the batch",
    "layer/dense*",
    layer(
        lambda i, c: i["x"] @ i["W"] + i["b"],
        lambda f, i, c: f | {"dW": f["dW"] / len(i["x"]), "db": f["db"] / len(i["x"])},
    ),
)
add("dense without bias", "layer/dense*", layer(lambda i, c: i["x"] @ i["W"]))
add("dense: the bias subtracted", "layer/dense*", layer(lambda i, c: i["x"] @ i["W"] - i["b"]))
add("dense: W twice", "layer/dense*", layer(lambda i, c: 2 * i["x"] @ i["W"] + i["b"]))
add(
    "repeat vector: the mean of the gradients",
    "layer/repeat_vector",
    layer(lambda i, c: i["x"][:, None].repeat(1, c["n"], 1), lambda f, i, c: f | {"d_input": f["d_input"] / c["n"]}),
)
add(
    "repeat vector: only the last gradient",
    "layer/repeat_vector",
    layer(lambda i, c: i["x"][:, None].repeat(1, c["n"], 1), lambda f, i, c: f | {"d_input": i["d_output"][:, -1]}),
)
add("flatten channels first", "layer/flatten", layer(lambda i, c: i["x"].permute(0, 3, 1, 2).reshape(len(i["x"]), -1)))
add(
    "reshape in column-major order",
    "layer/reshape",
    lambda i, c: {
        "output": i["x"].reshape(-1, *c["shape"], order="F"),
        "d_input": i["d_output"].reshape(i["x"].shape, order="F"),
    },
)


def lstm(i, c, order=(0, 1, 2, 3), candidate=None, cell=None, forget=True, carry=True, bias=1.0, plus=0.0, swap=False, cut=False,
         backwards=False, first=False, gate=torch.sigmoid, tied=False, out_gate=True):  # fmt: skip
    phi = torch.tanh if c["activation"] == "tanh" else torch.relu
    x = i["x"].flip(1) if backwards else i["x"]
    n = c["units"]
    zero = torch.zeros(len(x), n, dtype=x.dtype)
    h, s = i.get("h0", zero), i.get("c0", zero)
    h, s = (s, h) if swap else (h, s)
    rows = []
    for t in range(x.shape[1]):
        a = (x[:, t] @ i["W"] + (h.detach() if cut else h) @ i["U"] + bias * i["b"]).split(n, 1)
        a = [a[k] for k in order]
        ig, f, g, og = gate(a[0]), gate(a[1] + plus), (candidate or phi)(a[2]), gate(a[3])
        f = (1 - ig) if tied else f
        s = (f if forget else 1) * (s if carry else 0 * s) + ig * g
        h = (og if out_gate else 1) * (cell or phi)(s)
        rows.append(h)
    y = torch.stack(rows[::-1] if backwards else rows, 1)
    return y if c["return_sequences"] else y[:, 0 if first else -1]


LSTM = "layer/lstm_sequence layer/lstm_last_output layer/lstm_initial_state"
add("lstm: gates in the order i f o g", LSTM, layer(lambda i, c: lstm(i, c, order=(0, 1, 3, 2))))
add("lstm: gates in the order f i g o", LSTM, layer(lambda i, c: lstm(i, c, order=(1, 0, 2, 3))))
add("lstm: gates in the order i o f g", LSTM, layer(lambda i, c: lstm(i, c, order=(0, 2, 3, 1))))
add("lstm: no tanh at the candidate", LSTM, layer(lambda i, c: lstm(i, c, candidate=lambda a: a)))
add("lstm: a sigmoid at the candidate", LSTM, layer(lambda i, c: lstm(i, c, candidate=torch.sigmoid)))
add("lstm: no tanh at the cell", LSTM, layer(lambda i, c: lstm(i, c, cell=lambda a: a)))
add("lstm: no forget gate", LSTM, layer(lambda i, c: lstm(i, c, forget=False)))
add("lstm: the cell state not carried", LSTM, layer(lambda i, c: lstm(i, c, carry=False)))
add("lstm: no output gate", LSTM, layer(lambda i, c: lstm(i, c, out_gate=False)))
add("lstm: forget gate 1 - i", LSTM, layer(lambda i, c: lstm(i, c, tied=True)))
add("lstm: a bias counted twice", LSTM + " layer/lstm_one_step", layer(lambda i, c: lstm(i, c, bias=2.0)))
add("lstm: one added to the forget gate's bias", LSTM, layer(lambda i, c: lstm(i, c, plus=1.0)))
add("lstm: no bias", LSTM, layer(lambda i, c: lstm(i, c, bias=0.0)))
add("lstm: hard sigmoid gates", LSTM, layer(lambda i, c: lstm(i, c, gate=lambda a: (0.2 * a + 0.5).clamp(0, 1))))
add(
    "lstm: the first output for the last",
    "layer/lstm_last_output layer/lstm_initial_state_last_output layer/lstm_relu_last_output",
    layer(lambda i, c: lstm(i, c, first=True)),
)
add("lstm: time reversed", LSTM, layer(lambda i, c: lstm(i, c, backwards=True)))
add(
    "lstm: h0 and c0 exchanged",
    "layer/lstm_initial_state layer/lstm_initial_state_last_output",
    layer(lambda i, c: lstm(i, c, swap=True)),
)
add(
    "lstm: begins at zero whatever is given",
    "layer/lstm_initial_state layer/lstm_initial_state_last_output",
    layer(lambda i, c: lstm({k: v for k, v in i.items() if k not in ("h0", "c0")}, c)),
)
add("lstm: no gradient through the output of the step before", LSTM, layer(lambda i, c: lstm(i, c, cut=True)))


# ---------------------------------------------------------------- training and stacks
def training(step=None, rows=lambda x, m: (x, m), lr=lambda c, t: c["lr"], late=False, scale=lambda k: 1.0, hidden=torch.sigmoid, adam_steps=False,
             stale=False, momentum=0.0, accumulate=False, slope=1.0):  # fmt: skip
    def answer(i, c):
        i = tensors(i)
        x, m = rows(i["x"], i["mask"])
        p = {k: leaf(i[k]) for k in ("W", "b", "b_prime")}
        opt = torch.optim.Adam(p.values(), lr=c["lr"]) if adam_steps else None
        v, losses, found, before = {k: 0.0 for k in p}, [], {}, None

        def value(t):
            a = hidden(torch.where(m[t], 0.0, x[t]) @ p["W"] + p["b"]) @ p["W"].T + p["b_prime"]
            e = bce(a, i["x"][t], **none) if c["loss"] == "cross_entropy" else (a.sigmoid() - i["x"][t]) ** 2
            return e.sum() / (e.numel() if c["reduction"] == "mean" else len(e))

        for t in range(len(x)):
            loss = value(t)
            grads = dict(zip(p, torch.autograd.grad(loss, list(p.values())), strict=True))
            use = before if stale and before is not None else grads
            before = grads
            with torch.no_grad():
                for k in p:
                    v[k] = (1.0 if accumulate else momentum) * v[k] + use[k]
                    if opt is None:
                        p[k] -= lr(c, t) * scale(k) * v[k]
                    else:
                        p[k].grad = use[k]
            if opt is not None:
                opt.step()
            losses.append(float((value(t) if late else loss).detach()))
            if t + 1 in (1, 10, 50):
                found[f"W_after_{t + 1}"] = out(p["W"]).copy()
        return found | {"losses": np.array(losses), "b_after_50": out(p["b"]), "b_prime_after_50": out(p["b_prime"])}

    return answer


TRAIN = "training/*"
add("training: the loss after the step", TRAIN, training(late=True))
add("training: momentum 0.9", TRAIN, training(momentum=0.9))
add("training: gradients not zeroed", TRAIN, training(accumulate=True))
add("training: biases frozen", TRAIN, training(scale=lambda k: 1.0 if k == "W" else 0.0))
add("training: biases at twice the rate", TRAIN, training(scale=lambda k: 1.0 if k == "W" else 2.0))
add("training: one mask for all steps", TRAIN, training(rows=lambda x, m: (x, m[:1].expand_as(m))))
add("training: the mask of the batch before", TRAIN, training(rows=lambda x, m: (x, torch.cat([m[:1], m[:-1]]))))
add("training: the input of the batch before", TRAIN, training(rows=lambda x, m: (torch.cat([x[:1], x[:-1]]), m)))
add("training: the gradient of the step before", TRAIN, training(stale=True))
add("training: Adam in place of SGD", TRAIN, training(adam_steps=True))
add("training: a learning rate that falls as 1/t", TRAIN, training(lr=lambda c, t: c["lr"] / (t + 1)))
add("training: no corruption", TRAIN, training(rows=lambda x, m: (x, m & False)))
add("training: tanh hidden units", TRAIN, training(hidden=torch.tanh))
add("training: uphill", TRAIN, training(lr=lambda c, t: -c["lr"]))
add("training: half the learning rate", TRAIN, training(lr=lambda c, t: c["lr"] / 2))


def stack(hidden=torch.sigmoid, reduce="mean", frozen=(), one_by_one=False):
    def answer(i, c):
        i = tensors(i)
        p = {f"{k}_{n}": leaf(i[f"{k}_{n}"]) for n in ("1", "2", "out") for k in "Wb"}

        def value():
            h1 = hidden(i["x"] @ p["W_1"] + p["b_1"])
            h2 = hidden(h1 @ p["W_2"] + p["b_2"])
            a = h2 @ p["W_out"] + p["b_out"]
            loss = (
                F.cross_entropy(a, i["labels"], reduction="sum") / {"mean": len(a), "sum": 1, "all": a.numel()}[reduce]
            )
            return h1, h2, a, loss

        h1, h2, a, loss = value()
        grads = torch.autograd.grad(loss, list(p.values()))
        found = {"a": out(a), "probabilities": out(a.softmax(1)), "loss": out(loss)} | {
            f"d{k}": out(g) for k, g in zip(p, grads, strict=True)
        }
        for _ in range(c["steps"]):
            for names in [["W_out", "b_out"], ["W_2", "b_2"], ["W_1", "b_1"]] if one_by_one else [list(p)]:
                grads = torch.autograd.grad(value()[3], [p[k] for k in names])
                with torch.no_grad():
                    for k, g in zip(names, grads, strict=True):
                        if k not in frozen:
                            p[k] -= c["lr"] * g
        return found | {f"{k}_after": out(v) for k, v in p.items()}

    return answer


FINE = "stack/finetune_two_layers"
add("stack: the first layer frozen", FINE, stack(frozen=("W_1", "b_1")))
add("stack: both layers frozen", FINE, stack(frozen=("W_1", "b_1", "W_2", "b_2")))
add("stack: the biases frozen", FINE, stack(frozen=("b_1", "b_2", "b_out")))
add("stack: gradients below from weights already updated", FINE, stack(one_by_one=True))
add("stack: tanh hidden units", FINE, stack(hidden=torch.tanh))
add("stack: relu hidden units", FINE, stack(hidden=torch.relu))
add("stack: the loss summed over the batch", FINE, stack(reduce="sum"))
add("stack: the loss averaged over the classes too", FINE, stack(reduce="all"))


def pretrain(target=lambda h, ht: h, corrupt=None, hidden=torch.sigmoid, decoder=True):
    def answer(i, c):
        i = tensors(i)
        h = (i["x"] @ i["W_1"] + i["b_1"]).sigmoid()
        ht = torch.where(i["mask"], 0.0, h) if corrupt is None else corrupt(i, h)
        p = {k: leaf(i[f"{k}_2"]) for k in ("W", "b", "b_prime")}
        a = hidden(ht @ p["W"] + p["b"]) @ (p["W"].T if decoder else p["W"].T.detach()) + p["b_prime"]
        x = target(h, ht)
        e = bce(a, x, **none) if c["loss"] == "cross_entropy" else (a.sigmoid() - x) ** 2
        loss = e.sum() / len(e)
        grads = torch.autograd.grad(loss, list(p.values()))
        return {"z": out(a.sigmoid()), "loss": out(loss)} | {f"d{k}_2": out(g) for k, g in zip(p, grads, strict=True)}

    return answer


PRE = "stack/pretrain_*"
add("pretrain: corrupted codes as the target", PRE, pretrain(target=lambda h, ht: ht))
add("pretrain: the codes not corrupted", PRE, pretrain(corrupt=lambda i, h: h))
add(
    "pretrain: pre-activations in place of codes",
    PRE,
    pretrain(corrupt=lambda i, h: torch.where(i["mask"], 0.0, h.logit()), target=lambda h, ht: h),
)
add("pretrain: the input of layer 1 corrupted, not its code", PRE,
    pretrain(corrupt=lambda i, h: (torch.where(F.pad(i["mask"], (0, 1)), 0.0, i["x"]) @ i["W_1"] + i["b_1"]).sigmoid()))  # fmt: skip
add("pretrain: the decoder's copy of W detached", PRE, pretrain(decoder=False))
add("pretrain: tanh hidden units", PRE, pretrain(hidden=torch.tanh))
