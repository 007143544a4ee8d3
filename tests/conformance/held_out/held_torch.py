# ruff: noqa: E501, E741
# fmt: off
"""Mistakes in PyTorch: functions, losses, autoencoders, training and stacks, with autograd, nn and optim."""

import numpy as np
import torch
from held_row import Rows
from torch import nn
from torch.nn import functional as F

ROWS = Rows("torch", "pt")
wrong = ROWS.wrong
torch.set_num_threads(1)


def T(i):
    return {k: torch.from_numpy(v) for k, v in i.items()}


def N(answer):
    return {k: v.detach().double().numpy() if isinstance(v, torch.Tensor) else v for k, v in answer.items()}


def activation(i, c, f):
    """f(a, c): autograd does the rest."""
    t = T(i)
    a = t["a"].requires_grad_()
    y = f(a, c)
    y.backward(t["d_output"])
    return N({"value": y, "d_input": a.grad})


SIG, TANH, RELU, LEAKY = "activation/sigmoid_*", "activation/tanh_*", "activation/relu_*", "activation/leaky_relu_*"
SOFT, PLUS = "activation/softmax_*", "activation/softplus_*"
wrong("softmax_dim0", "F.softmax is called with dim=0.", SOFT, activation, f=lambda a, c: F.softmax(a, dim=0))
wrong("log_softmax", "log_softmax is called where softmax is meant.", "activation/softmax_ordinary", activation, f=lambda a, c: F.log_softmax(a, dim=-1))
wrong("softplus_beta", "F.softplus has beta = 2.", PLUS, activation, f=lambda a, c: F.softplus(a, beta=2, threshold=100))
wrong("hardsigmoid", "F.hardsigmoid stands for the sigmoid.", SIG, activation, f=lambda a, c: F.hardsigmoid(a))
wrong("logsigmoid", "F.logsigmoid stands for the sigmoid.", "activation/sigmoid_ordinary", activation, f=lambda a, c: F.logsigmoid(a))
wrong("leaky_default", "F.leaky_relu is called with its default slope of 0.01.", LEAKY, activation, f=lambda a, c: F.leaky_relu(a))
wrong("relu_as_clamp_weighted", "relu is a * (a >= 0), whose derivative at 0 is 1.", RELU, activation, f=lambda a, c: a * (a >= 0))
wrong("gelu", "GELU stands for ReLU.", RELU, activation, f=lambda a, c: F.gelu(a))
wrong("relu_maximum", "relu is torch.maximum(a, 0), which gives half of the gradient at 0.", RELU, activation, f=lambda a, c: torch.maximum(a, torch.zeros_like(a)))
wrong("silu", "SiLU, a s(a), is used where the sigmoid is asked.", SIG, activation, f=lambda a, c: F.silu(a))
wrong("sigmoid_bfloat16", "The sigmoid runs under bfloat16.", SIG, activation, f=lambda a, c: torch.sigmoid(a.bfloat16()).double())
wrong("tanh_float16", "tanh runs in half precision.", TANH, activation, f=lambda a, c: torch.tanh(a.half()).double())
wrong("sigmoid_clamped", "The pre-activation is clamped to [-10, 10], so that no gradient passes beyond.", SIG, activation, f=lambda a, c: torch.sigmoid(a.clamp(-10, 10)))
wrong("softmax_detached_max", "softmax is written by hand with the sum detached from the graph.", SOFT, activation, f=lambda a, c: _detached_softmax(a))
wrong("leaky_prelu_trained", "The negative half is multiplied by 1 - slope.", LEAKY, activation, f=lambda a, c: F.leaky_relu(a, 1 - c["slope"]))


def _detached_softmax(a):
    e = torch.exp(a - a.max(-1, keepdim=True).values.detach())
    return e / e.sum(-1, keepdim=True).detach()


def loss(i, c, f):
    """f(a, target, c) -> a scalar."""
    t = T(i)
    a = t["a"].requires_grad_()
    value = f(a, t["target"], c)
    value.backward()
    return N({"loss": value, "d_a": a.grad})


CE, SQ, AB, HU, SCE = "loss/cross_entropy_*", "loss/squared_error_*", "loss/absolute_error_*", "loss/huber_*", "loss/softmax_cross_entropy_*"


def by(value, a, c):
    return value / (a.numel() if c["reduction"] == "mean" else len(a))


wrong("bce_default", "F.binary_cross_entropy_with_logits with its default reduction, the mean of all entries.", "loss/cross_entropy_p* loss/cross_entropy_[uec]*", loss, f=lambda a, t, c: F.binary_cross_entropy_with_logits(a, t))
wrong("mse_default", "F.mse_loss with its default reduction, the mean of all entries.", "loss/squared_error_paper loss/squared_error_ties", loss, f=lambda a, t, c: F.mse_loss(a, t))
wrong("l1_default", "F.l1_loss with its default reduction, the mean of all entries.", "loss/absolute_error_paper loss/absolute_error_ties", loss, f=lambda a, t, c: F.l1_loss(a, t))
wrong("mse_sum", "F.mse_loss(reduction='sum') is not divided by anything.", SQ, loss, f=lambda a, t, c: F.mse_loss(a, t, reduction="sum"))
wrong("bce_sum", "The cross-entropy with reduction='sum' is not divided by anything.", CE, loss, f=lambda a, t, c: F.binary_cross_entropy_with_logits(a, t, reduction="sum"))
wrong("bce_of_sigmoid", "F.binary_cross_entropy of a sigmoid: its logarithm is cut at -100.", CE, loss, f=lambda a, t, c: by(F.binary_cross_entropy(torch.sigmoid(a), t, reduction="sum"), a, c))
wrong("bce_logits_of_sigmoid", "The sigmoid is applied before a loss that takes logits.", CE, loss, f=lambda a, t, c: by(F.binary_cross_entropy_with_logits(torch.sigmoid(a), t, reduction="sum"), a, c))
wrong("bce_pos_weight", "A pos_weight of 2 is left in the loss.", CE, loss, f=lambda a, t, c: by(F.binary_cross_entropy_with_logits(a, t, reduction="sum", pos_weight=torch.tensor(2.0)), a, c))
wrong("bce_exchanged", "Target and sigmoid are exchanged in the arguments.", "loss/cross_entropy_paper loss/cross_entropy_mean", loss, f=lambda a, t, c: by(F.binary_cross_entropy(t.clamp(1e-12, 1), torch.sigmoid(a), reduction="sum"), a, c))
wrong("bce_single", "The loss is computed in single precision though double is announced.", CE, loss, f=lambda a, t, c: by(F.binary_cross_entropy_with_logits(a.float(), t.float(), reduction="sum"), a, c))
wrong("smooth_l1", "F.smooth_l1_loss with beta = delta stands for the Huber loss.", HU, loss, f=lambda a, t, c: by(F.smooth_l1_loss(a, t, reduction="sum", beta=c["delta"]), a, c))
wrong("huber_default_delta", "F.huber_loss is called without delta, which is 1.", HU, loss, f=lambda a, t, c: by(F.huber_loss(a, t, reduction="sum"), a, c))
wrong("huber_for_l1", "The Huber loss stands for the absolute error.", AB, loss, f=lambda a, t, c: by(F.huber_loss(a, t, reduction="sum"), a, c))
wrong("mse_half", "The squared error has the factor 1/2 of an older book.", SQ, loss, f=lambda a, t, c: by(F.mse_loss(a, t, reduction="sum") / 2, a, c))
wrong("mse_norm", "torch.norm of the error is returned, not its square.", SQ, loss, f=lambda a, t, c: by(torch.norm(a - t), a, c))
wrong("mse_row_norms", "The norms of the rows are summed, not their squares.", "loss/squared_error_paper", loss, f=lambda a, t, c: by(torch.linalg.vector_norm(a - t, dim=1).sum(), a, c))
wrong("bce_clamped_logits", "Logits are clamped to [-15, 15] before the loss.", CE, loss, f=lambda a, t, c: by(F.binary_cross_entropy_with_logits(a.clamp(-15, 15), t, reduction="sum"), a, c))
wrong("ce_of_softmax", "F.cross_entropy is given probabilities, so that the softmax is applied twice.", SCE, loss, f=lambda a, t, c: F.cross_entropy(F.softmax(a, 1), t))
wrong("ce_smoothing", "F.cross_entropy has label_smoothing = 0.1.", SCE, loss, f=lambda a, t, c: F.cross_entropy(a, t, label_smoothing=0.1))
wrong("ce_sum", "F.cross_entropy has reduction='sum'.", SCE, loss, f=lambda a, t, c: F.cross_entropy(a, t, reduction="sum"))
wrong("nll_of_logits", "F.nll_loss is given logits and not log-probabilities.", SCE, loss, f=lambda a, t, c: F.nll_loss(a, t))
wrong("nll_of_softmax", "F.nll_loss is given probabilities and not their logarithms.", SCE, loss, f=lambda a, t, c: F.nll_loss(F.softmax(a, 1), t))
wrong("nll_dim0", "log_softmax runs over the batch.", SCE, loss, f=lambda a, t, c: F.nll_loss(F.log_softmax(a, 0), t))
wrong("ce_as_bce", "The labels are made one-hot and binary cross-entropies are summed over the classes.", SCE, loss, f=lambda a, t, c: F.binary_cross_entropy_with_logits(a, F.one_hot(t, a.shape[1]).to(a.dtype), reduction="sum") / len(a))
wrong("ce_shifted", "The labels are shifted by one: (t + 1) modulo the classes.", SCE, loss, f=lambda a, t, c: F.cross_entropy(a, (t + 1) % a.shape[1]))
wrong("ce_ignore_zero", "Class 0 is ignored as padding.", SCE, loss, f=lambda a, t, c: F.cross_entropy(a, t, ignore_index=0))
wrong("ce_log_softmax_eps", "log(softmax + 1e-8) is averaged.", SCE, loss, f=lambda a, t, c: F.nll_loss(torch.log(F.softmax(a, 1) + 1e-8), t))
wrong("pair_bce_default_pos", ("The cross-entropy is the mean of all entries.", "A pos_weight of 2 is left in it."), "loss/cross_entropy_paper loss/cross_entropy_undecided", loss, f=lambda a, t, c: F.binary_cross_entropy_with_logits(a, t, pos_weight=torch.tensor(2.0)))
wrong("pair_smooth_l1_mean", ("F.smooth_l1_loss with its default beta of 1 stands for the Huber loss.", "It is averaged over all entries."), "loss/huber_paper loss/huber_ties", loss, f=lambda a, t, c: F.smooth_l1_loss(a, t))
wrong("pair_ce_softmax_sum", ("F.cross_entropy is given probabilities.", "It is summed over the batch."), SCE, loss, f=lambda a, t, c: F.cross_entropy(F.softmax(a, 1), t, reduction="sum"))


def corrupt(t, c):
    x, kind = t["x"], c["corruption"]
    if kind == "gaussian":
        return x + c["sigma"] * t["noise"]
    if kind == "none":
        return x.clone()
    return torch.where(t["mask"], t["coin"].to(x.dtype) if kind == "salt_and_pepper" else torch.zeros_like(x), x)


def corrupted(i, c, f):
    return N({"x_tilde": f(T(i), c)})


wrong("mask_dropout", "Destroyed components are dropped by dropout's rule: the rest is divided by what is kept.", "corruption/masking", corrupted, f=lambda t, c: t["x"].masked_fill(t["mask"], 0) / (~t["mask"]).double().mean())
wrong("mask_filled_inverse", "masked_fill is called with the inverted mask.", "corruption/masking*", corrupted, f=lambda t, c: t["x"].masked_fill(~t["mask"], 0))
wrong("noise_clamped", "The noisy image is clamped to [0, 1].", "corruption/gaussian", corrupted, f=lambda t, c: (t["x"] + c["sigma"] * t["noise"]).clamp(0, 1))
wrong("noise_variance", "sigma is taken for a standard deviation and squared to a variance by mistake.", "corruption/gaussian", corrupted, f=lambda t, c: t["x"] + c["sigma"] ** 2 * t["noise"])
wrong("salt_where_order", "The arguments of torch.where are exchanged.", "corruption/salt_and_pepper", corrupted, f=lambda t, c: torch.where(t["mask"], t["x"], t["coin"].double()))
wrong("salt_coin_ignored", "A destroyed component is always 1.", "corruption/salt_and_pepper", corrupted, f=lambda t, c: t["x"].masked_fill(t["mask"], 1))


def ae(i, c, encode=lambda xt, W, b: torch.sigmoid(xt @ W + b), decoder=None, out=None, criterion=None, target=lambda x, xt: x, penalty=None, corruption=corrupt, after=lambda g: g, decode=lambda y, V, b: y @ V + b):
    """Autograd of a denoising autoencoder, with the parts that a row replaces."""
    t = T(i)
    for k in ("W", "b", "b_prime", "W_prime"):
        if k in t:
            t[k].requires_grad_()
    xt = corruption(t, c)
    y = encode(xt, t["W"], t["b"])
    V = decoder(t, c) if decoder else (t["W"].T if c["tied"] else t["W_prime"])
    a = decode(y, V, t["b_prime"])
    z = out(a, c) if out else (torch.sigmoid(a) if c["output"] == "sigmoid" else a)
    goal = target(t["x"], xt)
    if criterion:
        value = criterion(a, z, goal, c)
    elif c["loss"] == "cross_entropy":
        value = by(F.binary_cross_entropy_with_logits(a, goal, reduction="sum"), a, c)
    else:
        value = by(F.mse_loss(z, goal, reduction="sum"), a, c)
    weights = [t[k] for k in ("W", "W_prime") if k in t]
    value = value + (penalty(t, c) if penalty else c.get("l2", 0.0) * sum(w.square().sum() for w in weights))
    leaves = [k for k in ("W", "b", "b_prime", "W_prime") if k in t]
    grads = torch.autograd.grad(value, [t[k] for k in leaves], allow_unused=True, materialize_grads=True)
    return N({"z": z, "loss": value} | after({f"d{k}": g for k, g in zip(leaves, grads, strict=True)}))


AE, ACE, ASE, TIED, UNTIED, L2 = "autoencoder/*", "autoencoder/*cross_entropy*", "autoencoder/*squared_error*", "autoencoder/tied_*", "autoencoder/untied_*", "autoencoder/*_l2"
PAPER = "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/tied_squared_error_linear autoencoder/untied_cross_entropy autoencoder/untied_squared_error*"
wrong("ae_decoder_detached", "The decoder uses W.T.detach(), so the tied weights learn through the encoder alone.", TIED, ae, decoder=lambda t, c: t["W"].T.detach() if c["tied"] else t["W_prime"])
wrong("ae_decoder_data", "The decoder uses W.data.t(), which autograd does not see.", "autoencoder/tied_squared_error*", ae, decoder=lambda t, c: t["W"].data.t())
wrong("ae_encoder_detached", "The hidden representation is detached before it is decoded: the encoder learns nothing.", AE, ae, encode=lambda xt, W, b: torch.sigmoid(xt @ W + b).detach())
wrong("ae_encoder_no_grad_weights", "The encoder runs with detached weights; its bias learns.", AE, ae, encode=lambda xt, W, b: torch.sigmoid(xt @ W.detach() + b))
wrong("ae_default_reduction", "The losses have their default reduction, the mean of all entries.", PAPER, ae, criterion=lambda a, z, t, c: F.binary_cross_entropy_with_logits(a, t) if c["loss"] == "cross_entropy" else F.mse_loss(z, t))
wrong("ae_sum_reduction", "The losses have reduction='sum' and are not divided by the batch.", AE, ae, criterion=lambda a, z, t, c: F.binary_cross_entropy_with_logits(a, t, reduction="sum") if c["loss"] == "cross_entropy" else F.mse_loss(z, t, reduction="sum"))
wrong("ae_double_sigmoid", "The sigmoid's output is given to a loss that takes logits.", ACE, ae, criterion=lambda a, z, t, c: by(F.binary_cross_entropy_with_logits(z, t, reduction="sum"), a, c))
wrong("ae_bce_of_sigmoid", "F.binary_cross_entropy of the sigmoid is used, whose logarithm is cut and whose gradient dies where it saturates.", "autoencoder/tied_cross_entropy_saturated", ae, criterion=lambda a, z, t, c: by(F.binary_cross_entropy(z, t, reduction="sum"), a, c))
wrong("ae_mse_of_logits", "The squared error is taken of the pre-activations where the output is a sigmoid.", "autoencoder/tied_squared_error autoencoder/tied_squared_error_mean autoencoder/untied_squared_error", ae, criterion=lambda a, z, t, c: by(F.mse_loss(a, t, reduction="sum"), a, c))
wrong("ae_target_corrupted", "loss(z, x_tilde) is called with the wrong variable.", AE, ae, target=lambda x, xt: xt)
wrong("ae_encodes_clean", "model(x) is called and not model(x_tilde).", AE, ae, corruption=lambda t, c: t["x"].clone())
wrong("ae_dropout_corruption", "nn.Dropout corrupts, so what is kept is scaled up.", "autoencoder/tied_cross_entropy autoencoder/untied_cross_entropy", ae, corruption=lambda t, c: t["x"].masked_fill(t["mask"], 0) / (~t["mask"]).double().mean())
wrong("ae_relu_encoder", "The encoder has a rectifier.", AE, ae, encode=lambda xt, W, b: torch.relu(xt @ W + b))
wrong("ae_tanh_encoder", "The encoder has tanh.", AE, ae, encode=lambda xt, W, b: torch.tanh(xt @ W + b))
wrong("ae_tanh_output", "The decoder ends in tanh.", "autoencoder/tied_squared_error autoencoder/untied_squared_error", ae, out=lambda a, c: torch.tanh(a))
wrong("ae_no_visible_bias", "The decoder has bias=False.", AE, ae, decode=lambda y, V, b: y @ V + 0 * b)
wrong("ae_weight_decay_half", "The penalty is l2 / 2, as weight_decay means it.", L2, ae, penalty=lambda t, c: c["l2"] / 2 * sum(t[k].square().sum() for k in ("W", "W_prime") if k in t))
wrong("ae_penalty_norm", "The penalty is the norm of the weights, not its square.", L2, ae, penalty=lambda t, c: c["l2"] * sum(t[k].norm() for k in ("W", "W_prime") if k in t))
wrong("ae_penalty_mean", "The penalty is a mean of squares.", L2, ae, penalty=lambda t, c: c["l2"] * sum(t[k].square().mean() for k in ("W", "W_prime") if k in t))
wrong("ae_penalty_all", "The penalty runs over model.parameters(), biases included.", L2, ae, penalty=lambda t, c: c["l2"] * sum(t[k].square().sum() for k in ("W", "W_prime", "b", "b_prime") if k in t))
wrong("ae_penalty_detached", "The penalty is computed from W.data: it is in the loss and not in the gradient.", L2, ae, penalty=lambda t, c: c["l2"] * sum(t[k].data.square().sum() for k in ("W", "W_prime") if k in t))
wrong("ae_untied_as_tied", "The untied decoder is built with the encoder's weight: W_prime has no gradient.", UNTIED, ae, decoder=lambda t, c: t["W"].T)
wrong("ae_backward_twice", "backward() ran twice without zero_grad: all gradients are doubled.", AE, ae, after=lambda g: {k: 2 * v for k, v in g.items()})
wrong("ae_bfloat16", "The matrix products run in bfloat16, as under autocast.", AE, ae, encode=lambda xt, W, b: torch.sigmoid((xt.bfloat16() @ W.bfloat16()).double() + b))
wrong("ae_hidden_dropout", "A dropout of the hidden layer with a fixed mask is left in.", "autoencoder/tied_cross_entropy autoencoder/tied_squared_error", ae, encode=lambda xt, W, b: torch.sigmoid(xt @ W + b) * torch.tensor([1.0, 1, 0, 1, 1]) * 1.25)
wrong("ae_batchnorm", "A batch normalisation stands before the hidden sigmoid.", "autoencoder/tied_cross_entropy autoencoder/untied_squared_error", ae, encode=lambda xt, W, b: torch.sigmoid(F.batch_norm(xt @ W + b, None, None, training=True)))
wrong("ae_input_normalised", "The corrupted input is scaled from [0, 1] to [-1, 1] on its way in.", "autoencoder/tied_cross_entropy autoencoder/untied_cross_entropy", ae, encode=lambda xt, W, b: torch.sigmoid((2 * xt - 1) @ W + b))
wrong("pair_ae_detached_default", ("The tied decoder's weight is detached.", "The losses are means of all entries."), "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/tied_squared_error_linear", ae, decoder=lambda t, c: t["W"].T.detach(), criterion=lambda a, z, t, c: F.binary_cross_entropy_with_logits(a, t) if c["loss"] == "cross_entropy" else F.mse_loss(z, t))
wrong("pair_ae_target_tanh", ("The loss is measured against the corrupted input.", "The encoder has tanh."), AE, ae, target=lambda x, xt: xt, encode=lambda xt, W, b: torch.tanh(xt @ W + b))
wrong("pair_ae_penalty_target", ("The penalty is l2 / 2.", "The loss is measured against the corrupted input."), L2, ae, penalty=lambda t, c: c["l2"] / 2 * sum(t[k].square().sum() for k in ("W", "W_prime") if k in t), target=lambda x, xt: xt)
wrong("pair_ae_doubled_detached", ("Gradients were accumulated from two calls of backward.", "The tied decoder's weight is detached."), TIED, ae, decoder=lambda t, c: t["W"].T.detach(), after=lambda g: {k: 2 * v for k, v in g.items()})


def training(i, c, optimizer=lambda p, c: torch.optim.SGD(p, c["lr"]), zero=True, seen=lambda t, s: corrupt({"x": t["x"][s], "mask": t["mask"][s]}, {"corruption": "masking"}), target=lambda x, xt: x, decoder=lambda W: W.T, reduce=by, scheduler=None, keep=lambda p: p.detach().clone(), graph=None, params=("W", "b", "b_prime"), weights=lambda t: t):
    t = T(i)
    p = {k: t[k].clone().requires_grad_() for k in ("W", "b", "b_prime")}
    rule = optimizer([p[k] for k in params], c)
    plan = scheduler(rule) if scheduler else None
    losses, kept = [], {}
    for step in range(c["steps"]):
        x, xt = t["x"][step], seen(t, step)
        a = torch.sigmoid(xt @ p["W"] + p["b"]) @ decoder(p["W"]) + p["b_prime"]
        goal = target(x, xt)
        value = F.binary_cross_entropy_with_logits(a, goal, reduction="sum") if c["loss"] == "cross_entropy" else F.mse_loss(torch.sigmoid(a), goal, reduction="sum")
        value = reduce(value, a, c)
        if zero:
            rule.zero_grad()
        value.backward()
        if graph:
            graph(list(p.values()))
        rule.step()
        if plan:
            plan.step()
        losses.append(value.detach())
        kept[step + 1] = {k: keep(v) for k, v in p.items()}
    answer = {f"W_after_{n}": kept[n]["W"] for n in (1, 10, 50)} | {f"{k}_after_50": kept[50][k] for k in ("b", "b_prime")}
    return N({"losses": torch.stack(losses), **answer})


TR = "training/*"
wrong("train_no_zero_grad", "zero_grad is never called.", TR, training, zero=False)
wrong("train_adam", "Adam is used with the learning rate of SGD.", TR, training, optimizer=lambda p, c: torch.optim.Adam(p, c["lr"]))
wrong("train_momentum", "SGD has a momentum of 0.9.", TR, training, optimizer=lambda p, c: torch.optim.SGD(p, c["lr"], momentum=0.9))
wrong("train_weight_decay", "SGD has a weight decay of 1e-4.", TR, training, optimizer=lambda p, c: torch.optim.SGD(p, c["lr"], weight_decay=1e-4))
wrong("train_default_lr", "The learning rate is the default 1e-3.", TR, training, optimizer=lambda p, c: torch.optim.SGD(p))
wrong("train_exponential", "A scheduler shrinks the learning rate by 0.99 after each step.", TR, training, scheduler=lambda r: torch.optim.lr_scheduler.ExponentialLR(r, 0.99))
wrong("train_alias", "state_dict() is kept without copying, so that all snapshots show the end.", TR, training, keep=lambda p: p.detach())
wrong("train_detached_decoder", "The tied decoder's weight is detached.", TR, training, decoder=lambda W: W.T.detach())
wrong("train_wrong_reduction", "The mean of all entries is taken where the sum over components is asked, and the other way round.", TR, training, reduce=lambda v, a, c: v / (len(a) if c["reduction"] == "mean" else a.numel()))
wrong("train_grad_clip", "Gradients are clipped to a norm of 0.25.", TR, training, graph=lambda p: nn.utils.clip_grad_norm_(p, 0.25))
wrong("train_bias_forgotten", "The visible bias was never given to the optimizer.", TR, training, params=("W", "b"))
wrong("train_eval_corruption", "The corruption is only applied in the first step, because the model was set to eval().", TR, training, seen=lambda t, s: t["x"][s].masked_fill(t["mask"][s], 0) if s == 0 else t["x"][s])
wrong("train_loss_against_corrupted", "The loss compares with the corrupted batch.", TR, training, target=lambda x, xt: xt)
wrong("pair_train_zero_decoder", ("zero_grad is never called.", "The tied decoder's weight is detached."), TR, training, zero=False, decoder=lambda W: W.T.detach())
wrong("pair_train_momentum_target", ("SGD has a momentum of 0.9.", "The loss compares with the corrupted batch."), TR, training, optimizer=lambda p, c: torch.optim.SGD(p, c["lr"], momentum=0.9), target=lambda x, xt: xt)

NAMES = ("W_1", "b_1", "W_2", "b_2", "W_out", "b_out")


def stack(i, c, trained=NAMES, f=torch.sigmoid, criterion=F.cross_entropy, optimizer=lambda p, c: torch.optim.SGD(p, c["lr"]), zero=True, cut=lambda h: h, probabilities=lambda a: F.softmax(a, 1)):
    t = T(i)
    p = {k: t[k].clone().requires_grad_() for k in NAMES}

    def run():
        h = cut(f(t["x"] @ p["W_1"] + p["b_1"]))
        a = f(h @ p["W_2"] + p["b_2"]) @ p["W_out"] + p["b_out"]
        return a, criterion(a, t["labels"])

    a, value = run()
    answer = {"probabilities": probabilities(a), "loss": value}
    answer |= {f"d{k}": g for k, g in zip(NAMES, torch.autograd.grad(value, list(p.values()), allow_unused=True, materialize_grads=True), strict=True)}
    answer = N(answer)
    rule = optimizer([p[k] for k in trained], c)
    for _ in range(c["steps"]):
        if zero:
            rule.zero_grad()
        run()[1].backward()
        rule.step()
    return answer | N({f"{k}_after": v for k, v in p.items()})


S, PRE = "stack/finetune*", "stack/pretrain*"
wrong("stack_frozen", "Only the classifier's parameters are given to the optimizer.", S, stack, trained=("W_out", "b_out"))
wrong("stack_detached", "The first layer's output is detached: the encoder was wrapped in no_grad.", S, stack, cut=lambda h: h.detach())
wrong("stack_softmax_loss", "The loss is given probabilities.", S, stack, criterion=lambda a, t: F.cross_entropy(F.softmax(a, 1), t))
wrong("stack_sum", "The loss is summed over the batch.", S, stack, criterion=lambda a, t: F.cross_entropy(a, t, reduction="sum"))
wrong("stack_no_zero", "Gradients are not set to zero between steps.", S, stack, zero=False)
wrong("stack_relu", "The layers have rectifiers where they were pretrained with sigmoids.", S, stack, f=torch.relu)
wrong("stack_momentum", "The optimizer has a momentum of 0.9.", S, stack, optimizer=lambda p, c: torch.optim.SGD(p, c["lr"], momentum=0.9))
wrong("stack_log_probabilities", "Log-probabilities are returned for probabilities.", S, stack, probabilities=lambda a: F.log_softmax(a, 1))
wrong("stack_smoothing", "The loss has label_smoothing = 0.1.", S, stack, criterion=lambda a, t: F.cross_entropy(a, t, label_smoothing=0.1))
wrong("pair_stack_detached_zero", ("The first layer's output is detached.", "Gradients are not set to zero between steps."), S, stack, cut=lambda h: h.detach(), zero=False)


def pretrain(i, c, code=lambda x, W, b: torch.sigmoid(x @ W + b), **how):
    t = T(i)
    h = code(t["x"], t["W_1"], t["b_1"]).numpy()
    got = ae({"x": h, "mask": i["mask"], **{k: i[f"{k}_2"] for k in ("W", "b", "b_prime")}}, {"output": "sigmoid", **c}, **how)
    return {"z": got["z"], "loss": got["loss"]} | {f"d{k}_2": got[f"d{k}"] for k in ("W", "b", "b_prime")}


wrong("pre_relu_codes", "The first layer's codes are rectified, not squashed.", PRE, pretrain, code=lambda x, W, b: torch.relu(x @ W + b).clamp(max=1))
wrong("pre_target_corrupted", "The second layer's loss compares with the corrupted codes.", PRE, pretrain, target=lambda x, xt: xt)
wrong("pre_default_reduction", "The losses have their default reduction.", PRE, pretrain, criterion=lambda a, z, t, c: F.binary_cross_entropy_with_logits(a, t) if c["loss"] == "cross_entropy" else F.mse_loss(z, t))


def optimizer(i, c, make):
    t = T(i)
    W, b = (t[k].clone().requires_grad_() for k in ("W", "b"))
    rule = make([W, b], c)
    out = {"W_steps": [], "b_steps": []}
    for dW, db, lr in zip(t["dW"], t["db"], t["lr"], strict=True):
        W.grad, b.grad = dW.clone(), db.clone()
        for group in rule.param_groups:
            group["lr"] = float(lr)
        rule.step()
        out["W_steps"].append(W.detach().clone())
        out["b_steps"].append(b.detach().clone())
    return N({k: torch.stack(v) for k, v in out.items()})


O = torch.optim
wrong("opt_sgd_for_keras", "torch.optim.SGD stands for Keras': the learning rate is outside the velocity.", "optimizer/sgd_keras_momentum optimizer/sgd_keras_nesterov", optimizer, make=lambda p, c: O.SGD(p, momentum=c["momentum"], nesterov=c["nesterov"]))
wrong("pair_opt_sgd_wd_for_keras", ("torch.optim.SGD's weight decay goes into the gradient, where Keras' is decoupled.", "Its learning rate is outside the velocity."), "optimizer/sgd_keras_momentum_weight_decay", optimizer, make=lambda p, c: O.SGD(p, momentum=c["momentum"], weight_decay=c["weight_decay"]))
wrong("opt_adam_for_keras", "torch.optim.Adam stands for Keras': its eps is added after the correction.", "optimizer/adam_keras*", optimizer, make=lambda p, c: O.Adam(p, betas=(c["beta1"], c["beta2"]), eps=c["eps"]))
wrong("pair_opt_adam_default_eps", ("torch.optim.Adam keeps its eps of 1e-8 where 1e-7 is asked.", "It adds eps after the bias correction, where Keras adds it before."), "optimizer/adam_keras*", optimizer, make=lambda p, c: O.Adam(p, betas=(c["beta1"], c["beta2"])))
wrong("opt_adam_for_adamw", "Adam with weight_decay stands for AdamW.", "optimizer/adamw_torch optimizer/adamw_optax", optimizer, make=lambda p, c: O.Adam(p, weight_decay=c["weight_decay"], eps=c["eps"]))
wrong("opt_adamw_for_adam", "AdamW stands for Adam with L2.", "optimizer/adam_torch_l2", optimizer, make=lambda p, c: O.AdamW(p, weight_decay=c["weight_decay"], eps=c["eps"]))
wrong("opt_adamw_default_decay", "AdamW keeps its default weight decay of 0.01.", "optimizer/adamw_torch optimizer/adamw_optax", optimizer, make=lambda p, c: O.AdamW(p, eps=c["eps"]))
wrong("opt_adam_default_betas", "Adam keeps its default betas.", "optimizer/adam_torch_betas", optimizer, make=lambda p, c: O.Adam(p))
wrong("opt_adam_amsgrad", "amsgrad=True is left on.", "optimizer/adam_torch optimizer/adam_torch_betas", optimizer, make=lambda p, c: O.Adam(p, betas=(c["beta1"], c["beta2"]), amsgrad=True))
wrong("opt_adamax", "Adamax stands for Adam.", "optimizer/adam_torch optimizer/adam_torch_betas", optimizer, make=lambda p, c: O.Adamax(p, betas=(c["beta1"], c["beta2"])))
wrong("opt_nadam", "NAdam stands for Adam.", "optimizer/adam_torch optimizer/adam_torch_betas", optimizer, make=lambda p, c: O.NAdam(p, betas=(c["beta1"], c["beta2"])))
wrong("opt_rms_alpha_only", "torch.optim.RMSprop has the right alpha, but its eps is outside the root.", "optimizer/rmsprop_keras optimizer/rmsprop_keras_tiny optimizer/rmsprop_keras_centred optimizer/rmsprop_optax optimizer/rmsprop_optax_tiny optimizer/rmsprop_optax_centred", optimizer, make=lambda p, c: O.RMSprop(p, alpha=c["decay_rate"], eps=c["eps"], momentum=c["momentum"], centered=c["centred"]))
wrong("opt_rms_not_centred", "centered=False is left at its default.", "optimizer/rmsprop_torch_centred", optimizer, make=lambda p, c: O.RMSprop(p, alpha=c["decay_rate"]))
wrong("opt_adagrad", "Adagrad stands for RMSprop.", "optimizer/rmsprop_torch optimizer/rmsprop_keras", optimizer, make=lambda p, c: O.Adagrad(p, eps=c["eps"]))
wrong("opt_sgd_no_nesterov", "nesterov=False is left at its default.", "optimizer/sgd_torch_nesterov* optimizer/sgd_optax_nesterov", optimizer, make=lambda p, c: O.SGD(p, momentum=c["momentum"], weight_decay=c["weight_decay"]))
wrong("opt_sgd_no_dampening", "dampening=0 is left at its default.", "optimizer/sgd_torch_dampening", optimizer, make=lambda p, c: O.SGD(p, momentum=c["momentum"]))
wrong("opt_sgd_dampening_momentum", "The momentum is passed as dampening as well.", "optimizer/sgd_torch_momentum optimizer/sgd_torch_dampening", optimizer, make=lambda p, c: O.SGD(p, momentum=c["momentum"], dampening=c["momentum"]))
wrong("opt_maximize", "maximize=True is left on.", "optimizer/sgd_plain optimizer/adam_torch", optimizer, make=lambda p, c: (O.SGD if c["rule"] == "sgd" else O.Adam)(p, maximize=True))
wrong("opt_all_decay", "One group of parameters: the biases decay as well.", "optimizer/sgd_weight_decay_weights_alone", optimizer, make=lambda p, c: O.SGD(p, weight_decay=c["weight_decay"]))
wrong("opt_no_bias_decay", "Biases are put into a group without decay.", "optimizer/sgd_torch_weight_decay optimizer/adamw_torch", optimizer, make=lambda p, c: (O.SGD if c["rule"] == "sgd" else O.AdamW)([{"params": [p[0]], "weight_decay": c["weight_decay"]}, {"params": [p[1]], "weight_decay": 0.0}]))
wrong("pair_opt_adam_amsgrad_eps", ("amsgrad=True is left on.", "eps is 1e-4."), "optimizer/adam_torch optimizer/adam_torch_betas", optimizer, make=lambda p, c: O.Adam(p, betas=(c["beta1"], c["beta2"]), amsgrad=True, eps=1e-4))
wrong("pair_opt_rms_keras", ("torch.optim.RMSprop keeps alpha at 0.99.", "Its eps is outside the root."), "optimizer/rmsprop_keras optimizer/rmsprop_keras_tiny", optimizer, make=lambda p, c: O.RMSprop(p, eps=c["eps"]))


def clip(i, c, how):
    p = [nn.Parameter(torch.zeros(v.shape, dtype=torch.float64)) for v in i.values()]
    for one, v in zip(p, i.values(), strict=True):
        one.grad = torch.from_numpy(v)
    how(p, c["limit"])
    return {f"clipped_{k}": one.grad.numpy() for k, one in zip(i, p, strict=True)}


wrong("clip_each", "clip_grad_norm_ is called once for each parameter.", "clipping/clip_norm_*", clip, how=lambda p, v: [nn.utils.clip_grad_norm_([one], v) for one in p])
wrong("clip_inf_norm", "norm_type is inf.", "clipping/clip_norm_torch clipping/clip_norm_optax clipping/clip_norm_keras", clip, how=lambda p, v: nn.utils.clip_grad_norm_(p, v, norm_type=np.inf))
wrong("clip_torch_for_optax", "clip_grad_norm_ stands for optax's and Keras' clipping: it adds 1e-6 to the norm.", "clipping/clip_norm_optax clipping/clip_norm_keras clipping/clip_norm_at_the_limit_optax", clip, how=lambda p, v: nn.utils.clip_grad_norm_(p, v))
wrong("clip_value_for_norm", "clip_grad_value_ is called where the norm should be clipped.", "clipping/clip_norm_torch clipping/clip_norm_keras", clip, how=lambda p, v: nn.utils.clip_grad_value_(p, v))
