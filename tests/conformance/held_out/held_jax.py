# ruff: noqa: E501
# fmt: off
"""Mistakes in JAX and optax: stop_gradient, default precision, axes, optax's chains and defaults."""

import os
import sys

if "jax" not in sys.modules:  # hundreds of tiny programs: compiling is all that takes time here
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

import jax
import numpy as np
import optax
from held_row import Rows
from jax import numpy as jnp

ROWS = Rows("jax", "jx")
wrong = ROWS.wrong


def precise(f):
    def run(i, c, **how):
        with jax.enable_x64(True):
            return {k: np.asarray(v, np.float64) for k, v in f({k: jnp.asarray(v) for k, v in i.items()}, c, **how).items()}

    return run


@precise
def activation(t, c, f):
    y, back = jax.vjp(lambda a: f(a, c), t["a"])
    return {"value": y, "d_input": back(t["d_output"])[0]}


wrong("softmax_axis0", "jax.nn.softmax has axis=0.", "activation/softmax_*", activation, f=lambda a, c: jax.nn.softmax(a, axis=0))
wrong("leaky_default", "jax.nn.leaky_relu has its default negative_slope.", "activation/leaky_relu_ordinary", activation, f=lambda a, c: jax.nn.leaky_relu(a))
wrong("leaky_kink", "jax.nn.leaky_relu is used, whose derivative at 0 is 1.", "activation/leaky_relu_at_the_kink", activation, f=lambda a, c: jax.nn.leaky_relu(a, c["slope"]))
wrong("relu_maximum", "jnp.maximum(a, 0) halves the gradient at 0.", "activation/relu_at_the_kink", activation, f=lambda a, c: jnp.maximum(a, 0))
wrong("hard_sigmoid", "jax.nn.hard_sigmoid stands for the sigmoid.", "activation/sigmoid_*", activation, f=lambda a, c: jax.nn.hard_sigmoid(a))
wrong("softplus_where", "jnp.where chooses between a and log(1 + exp(a)), and the branch not taken makes the gradient NaN.", "activation/softplus_extreme", activation, f=lambda a, c: jnp.where(a > 30, a, jnp.log(1 + jnp.exp(a))))
wrong("sigmoid_float32", "The function runs in JAX's default precision, single, though double is announced.", "activation/sigmoid_*", activation, f=lambda a, c: jax.nn.sigmoid(a.astype(jnp.float32)).astype(jnp.float64))
wrong("tanh_stop", "The activation is wrapped in stop_gradient.", "activation/tanh_*", activation, f=lambda a, c: jax.lax.stop_gradient(jnp.tanh(a)))


@precise
def loss(t, c, f):
    value, d = jax.value_and_grad(lambda a: f(a, t["target"], c))(t["a"])
    return {"loss": value, "d_a": d}


def by(v, a, c):
    return v.sum() / (a.size if c["reduction"] == "mean" else len(a))


wrong("l2_loss_half", "optax.l2_loss, which has a factor 1/2, stands for the squared error.", "loss/squared_error_*", loss, f=lambda a, t, c: by(optax.l2_loss(a, t), a, c))
wrong("huber_delta", "optax.huber_loss keeps its delta of 1.", "loss/huber_*", loss, f=lambda a, t, c: by(optax.huber_loss(a, t), a, c))
wrong("bce_mean", "optax.sigmoid_binary_cross_entropy(...).mean() stands for the sum over components.", "loss/cross_entropy_paper", loss, f=lambda a, t, c: optax.sigmoid_binary_cross_entropy(a, t).mean())
wrong("bce_of_sigmoid", "The logits go through the sigmoid first.", "loss/cross_entropy_*", loss, f=lambda a, t, c: by(optax.sigmoid_binary_cross_entropy(jax.nn.sigmoid(a), t), a, c))
wrong("mae_kink", "jnp.abs has the derivative 1 at 0.", "loss/absolute_error_ties", loss, f=lambda a, t, c: by(jnp.abs(a - t), a, c))
wrong("log_cosh", "optax.log_cosh stands for the Huber loss.", "loss/huber_mean loss/huber_paper", loss, f=lambda a, t, c: by(optax.log_cosh(a, t), a, c))
wrong("sce_sum", "optax.softmax_cross_entropy_with_integer_labels is summed over the batch.", "loss/softmax_cross_entropy_*", loss, f=lambda a, t, c: optax.softmax_cross_entropy_with_integer_labels(a, t).sum())
wrong("sce_axis", "log_softmax runs over the batch.", "loss/softmax_cross_entropy_*", loss, f=lambda a, t, c: -jax.nn.log_softmax(a, 0)[jnp.arange(len(a)), t].mean())
wrong("sce_outer", "log p[:, labels] picks all labels for all examples, and is averaged over them.", "loss/softmax_cross_entropy_paper", loss, f=lambda a, t, c: -jax.nn.log_softmax(a)[:, t].mean())
wrong("pair_l2_mean", ("optax.l2_loss has a factor 1/2.", "It is averaged over all entries."), "loss/squared_error_paper loss/squared_error_ties", loss, f=lambda a, t, c: optax.l2_loss(a, t).mean())
wrong("pair_huber_sum", ("optax.huber_loss keeps its delta of 1.", "It is summed over the batch."), "loss/huber_*", loss, f=lambda a, t, c: optax.huber_loss(a, t).sum())


@precise
def ae(t, c, hidden=jax.nn.sigmoid, stop_y=False, stop_V=False, target=lambda x, xt: x, criterion=None, l2=lambda c, w: c["l2"] * sum((v**2).sum() for v in w), corrupt=None, argnums=None):
    kind = c["corruption"]
    x = t["x"]
    xt = x
    if kind in ("masking", "salt_and_pepper"):
        xt = jnp.where(t["mask"], t["coin"] if kind == "salt_and_pepper" else 0.0, x)
    elif kind == "gaussian":
        xt = x + c["sigma"] * t["noise"]
    xt = corrupt(t, c) if corrupt else xt
    p = {k: t[k] for k in ("W", "b", "b_prime", "W_prime") if k in t}

    def run(p):
        y = hidden(xt @ p["W"] + p["b"])
        y = jax.lax.stop_gradient(y) if stop_y else y
        V = p["W"].T if c["tied"] else p["W_prime"]
        V = jax.lax.stop_gradient(V) if stop_V else V
        a = y @ V + p["b_prime"]
        z = jax.nn.sigmoid(a) if c["output"] == "sigmoid" else a
        g = target(x, xt)
        v = criterion(a, z, g, c) if criterion else by(optax.sigmoid_binary_cross_entropy(a, g) if c["loss"] == "cross_entropy" else (z - g) ** 2, a, c)
        return v + l2(c, [p[k] for k in ("W", "W_prime") if k in p]), z

    (value, z), g = jax.value_and_grad(run, has_aux=True)(p)
    return {"z": z, "loss": value} | {f"d{k}": v for k, v in g.items()}


AE, TIED, L2 = "autoencoder/tied_cross_entropy autoencoder/tied_cross_entropy_salt_and_pepper autoencoder/tied_squared_error autoencoder/untied_squared_error_linear", "autoencoder/tied_cross_entropy autoencoder/tied_cross_entropy_mean autoencoder/tied_squared_error", "autoencoder/tied*_l2"
PAPER = "autoencoder/tied_cross_entropy autoencoder/tied_squared_error autoencoder/untied_cross_entropy autoencoder/untied_squared_error_linear"
wrong("ae_stop_decoder", "stop_gradient is put on the tied decoder's weights.", TIED, ae, stop_V=True)
wrong("ae_stop_hidden", "stop_gradient is put on the hidden representation.", AE, ae, stop_y=True)
wrong("ae_mean", "jnp.mean stands for the sum over components.", PAPER, ae, criterion=lambda a, z, g, c: (optax.sigmoid_binary_cross_entropy(a, g) if c["loss"] == "cross_entropy" else (z - g) ** 2).mean())
wrong("ae_l2_loss", "optax.l2_loss halves the squared error.", "autoencoder/*squared_error*", ae, criterion=lambda a, z, g, c: by(optax.l2_loss(z, g), a, c))
wrong("ae_target", "The corrupted batch is the target.", AE, ae, target=lambda x, xt: xt)
wrong("ae_uncorrupted", "The key of the corruption is not used: the clean batch is encoded.", AE, ae, corrupt=lambda t, c: t["x"])
wrong("ae_softplus_hidden", "The hidden activation is softplus.", AE, ae, hidden=jax.nn.softplus)
wrong("ae_global_norm", "The penalty is optax.global_norm, not its square.", L2, ae, l2=lambda c, w: c["l2"] * optax.global_norm(w))
wrong("ae_l2_half", "The penalty has a factor 1/2.", L2, ae, l2=lambda c, w: 0.5 * c["l2"] * sum((v**2).sum() for v in w))
wrong("pair_ae_stop_target", ("stop_gradient is put on the tied decoder's weights.", "The corrupted batch is the target."), TIED, ae, stop_V=True, target=lambda x, xt: xt)


@precise
def optimizer(t, c, make):
    p = {k: t[k] for k in ("W", "b")}
    rule = make(c, lambda n: t["lr"][n])
    state, after = rule.init(p), []
    for dW, db in zip(t["dW"], t["db"], strict=True):
        up, state = rule.update({"W": dW, "b": db}, state, p)
        p = optax.apply_updates(p, up)
        after.append(p)
    return {f"{k}_steps": jnp.stack([q[k] for q in after]) for k in p}


wrong("opt_eps_root", "eps is passed as eps_root.", "optimizer/adam_optax optimizer/adam_optax_tiny", optimizer, make=lambda c, lr: optax.adam(lr, eps=0.0, eps_root=c["eps"]))
wrong("opt_eps_for_root", "eps_root is passed as eps.", "optimizer/adam_optax_eps_root_tiny", optimizer, make=lambda c, lr: optax.adam(lr, eps=c["eps"]))
wrong("opt_adamw_default", "optax.adamw keeps its weight decay of 1e-4.", "optimizer/adamw_optax", optimizer, make=lambda c, lr: optax.adamw(lr))
wrong("opt_decay_order", "add_decayed_weights stands before scale_by_adam: it is L2.", "optimizer/adamw_optax", optimizer, make=lambda c, lr: optax.chain(optax.add_decayed_weights(c["weight_decay"]), optax.scale_by_adam(), optax.scale_by_learning_rate(lr)))
wrong("pair_opt_decay_last", ("add_decayed_weights stands after the change of sign, so that weights grow.", "The decay is not multiplied by the learning rate."), "optimizer/adamw_optax", optimizer, make=lambda c, lr: optax.chain(optax.scale_by_adam(), optax.scale_by_learning_rate(lr), optax.add_decayed_weights(c["weight_decay"])))
wrong("pair_opt_rms_torch", ("optax.rmsprop keeps its decay rate of 0.9 where PyTorch has 0.99.", "Its eps is inside the root."), "optimizer/rmsprop_torch optimizer/rmsprop_torch_tiny", optimizer, make=lambda c, lr: optax.rmsprop(lr))
wrong("opt_rms_centred", "optax.rmsprop is not told to be centred.", "optimizer/rmsprop_optax_centred", optimizer, make=lambda c, lr: optax.rmsprop(lr, c["decay_rate"], c["eps"]))
wrong("opt_rms_trace_first", "The trace stands before the rescaling by the mean square.", "optimizer/rmsprop_optax_momentum", optimizer, make=lambda c, lr: optax.chain(optax.trace(c["momentum"]), optax.scale_by_rms(c["decay_rate"], c["eps"]), optax.scale_by_learning_rate(lr)))
wrong("opt_ema", "optax.ema stands for optax.trace.", "optimizer/sgd_optax_momentum", optimizer, make=lambda c, lr: optax.chain(optax.ema(c["momentum"], debias=False), optax.scale_by_learning_rate(lr)))
wrong("opt_schedule_constant", "The learning rate of step 0 is used for all steps.", "optimizer/sgd_optax_* optimizer/adam_optax", optimizer, make=lambda c, lr: optax.adam(lr(0)) if c["rule"] == "adam" else optax.sgd(lr(0), c["momentum"], c["nesterov"]))
wrong("pair_opt_nesterov_ema", ("optax.sgd is not told to use Nesterov's momentum.", "The learning rate of step 0 is used for all steps."), "optimizer/sgd_optax_nesterov", optimizer, make=lambda c, lr: optax.sgd(lr(0), c["momentum"]))


@precise
def layer(t, c, f):
    d = t.pop("d_output")
    drawn = {k: t.pop(k) for k in ("keep", "noise") if k in t}
    y, back = jax.vjp(lambda w: f(w | drawn, c), t)
    g = back(d)[0]
    return {"output": y, "d_input": g.pop("x")} | {f"d{k}": v for k, v in g.items() if k not in ("h0", "c0")}


HWIO = ("NHWC", "HWIO", "NHWC")


def cv(x, W, c, padding=None, **how):
    return jax.lax.conv_general_dilated(x, W, c["stride"], padding or c["padding"].upper(), dimension_numbers=HWIO, **how)


wrong("conv_same_lower", "padding='SAME_LOWER' puts the odd pixel before the first.", "layer/conv_same_even_kernel layer/conv_same_stride_2_odd", layer, f=lambda t, c: cv(t["x"], t["W"], c, "SAME_LOWER") + t["b"])
wrong("conv_flipped", "The kernel is flipped with jnp.flip.", "layer/conv_valid layer/conv_same", layer, f=lambda t, c: cv(t["x"], jnp.flip(t["W"], (0, 1)), c) + t["b"])
wrong("convt_lax", "jax.lax.conv_transpose is used, which does not flip the kernel.", "layer/conv_transpose_same layer/conv_transpose_valid", layer, f=lambda t, c: jax.lax.conv_transpose(t["x"], t["W"].swapaxes(2, 3), c["stride"], c["padding"].upper(), dimension_numbers=HWIO) + t["b"])
wrong("avg_counted", "reduce_window divides by the size of the window, padding included.", "layer/average_pool_same", layer, f=lambda t, c: jax.lax.reduce_window(t["x"], 0.0, jax.lax.add, (1, *c["pool"], 1), (1, *c["stride"], 1), "SAME") / 9)
wrong("max_zero", "The initial value of reduce_window is 0, so negative pixels lose.", "layer/max_pool layer/max_pool_same_negative", layer, f=lambda t, c: jnp.maximum(jax.lax.reduce_window(t["x"], -jnp.inf, jax.lax.max, (1, *c["pool"], 1), (1, *c["stride"], 1), c["padding"].upper()), 0))
wrong("up_linear", "jax.image.resize has method='linear'.", "layer/upsampling", layer, f=lambda t, c: jax.image.resize(t["x"], (len(t["x"]), t["x"].shape[1] * c["factor"][0], t["x"].shape[2] * c["factor"][1], t["x"].shape[3]), "linear"))
wrong("up_tile", "jnp.tile stands for jnp.repeat.", "layer/upsampling", layer, f=lambda t, c: jnp.tile(t["x"], (1, *c["factor"], 1)))
wrong("dense_default", "Matrix products run in single precision.", "layer/dense", layer, f=lambda t, c: (t["x"].astype(jnp.float32) @ t["W"].astype(jnp.float32)).astype(jnp.float64) + t["b"])


def cell(t, c, order=(0, 1, 2, 3), forget=0.0, stop=False, phi=None, gate=jax.nn.sigmoid):
    x, phi = t["x"], phi or getattr(jax.nn, c["activation"])
    h = t.get("h0", jnp.zeros((len(x), len(t["U"]))))
    m = t.get("c0", jnp.zeros((len(x), len(t["U"]))))
    out = []
    for k in range(x.shape[1]):
        h = jax.lax.stop_gradient(h) if stop else h
        parts = jnp.split(x[:, k] @ t["W"] + h @ t["U"] + t["b"], 4, 1)
        i, f, g, o = (parts[n] for n in order)
        m = gate(f + forget) * m + gate(i) * phi(g)
        h = gate(o) * phi(m)
        out.append(h)
    return jnp.stack(out, 1) if c["return_sequences"] else out[-1]


L = "layer/lstm_*"
wrong("lstm_haiku_order", "The gates are split in Haiku's order i g f o.", "layer/lstm_sequence", layer, f=lambda t, c: cell(t, c, (0, 2, 1, 3)))
wrong("lstm_forget_one", "1 is added to the forget gate, as Haiku does.", "layer/lstm_sequence", layer, f=lambda t, c: cell(t, c, forget=1.0))
wrong("lstm_stop", "stop_gradient is put on the carried hidden state.", "layer/lstm_sequence", layer, f=lambda t, c: cell(t, c, stop=True))
wrong("lstm_hard_gates", "The gates are hard sigmoids.", "layer/lstm_sequence", layer, f=lambda t, c: cell(t, c, gate=jax.nn.hard_sigmoid))
wrong("pair_lstm_order_stop", ("The gates are split in Haiku's order i g f o.", "stop_gradient is put on the carried hidden state."), "layer/lstm_sequence", layer, f=lambda t, c: cell(t, c, (0, 2, 1, 3), stop=True))


@precise
def training(t, c, stop=False, rule=lambda c: optax.sgd(c["lr"]), target=lambda x, xt: x, reduce=by):
    tx = rule(c)

    def value(p, x, m):
        xt = jnp.where(m, 0, x)
        V = jax.lax.stop_gradient(p["W"].T) if stop else p["W"].T
        a = jax.nn.sigmoid(xt @ p["W"] + p["b"]) @ V + p["b_prime"]
        g = target(x, xt)
        return reduce(optax.sigmoid_binary_cross_entropy(a, g) if c["loss"] == "cross_entropy" else (jax.nn.sigmoid(a) - g) ** 2, a, c)

    def step(carry, batch):
        p, state = carry
        v, g = jax.value_and_grad(value)(p, *batch)
        up, state = tx.update(g, state, p)
        p = optax.apply_updates(p, up)
        return (p, state), (v, p)

    p = {k: t[k] for k in ("W", "b", "b_prime")}
    _, (v, after) = jax.lax.scan(step, (p, tx.init(p)), (t["x"], t["mask"]))
    return {"losses": v} | {f"W_after_{n}": after["W"][n - 1] for n in (1, 10, 50)} | {f"{k}_after_50": after[k][49] for k in ("b", "b_prime")}


wrong("train_stop", "stop_gradient is put on the tied decoder.", "training/train_cross_entropy", training, stop=True)
wrong("train_adam", "optax.adam stands for optax.sgd.", "training/train_cross_entropy", training, rule=lambda c: optax.adam(c["lr"]))
wrong("train_mean", "The mean of all entries is trained on.", "training/train_cross_entropy", training, reduce=lambda v, a, c: v.mean())
wrong("pair_train_nesterov_target", ("optax.sgd has Nesterov's momentum of 0.5.", "The corrupted batch is the target."), "training/train_cross_entropy", training, rule=lambda c: optax.sgd(c["lr"], 0.5, True), target=lambda x, xt: xt)
