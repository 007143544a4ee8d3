# ruff: noqa: E501
"""Wrong implementations of what was named last, each with the case that shows it and the name that it must have.

They are written apart from the explainer, with automatic differentiation where there are gradients.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F

from scratchdae.conformance import load_cases

PLANTED = []  # name of the mistake, case, implementation
GRADIENTS = {"x": "d_input", "a": "d_a", "mu": "d_mu", "log_variance": "d_log_variance"}


@functools.cache
def cases():
    return {case.name: case for case in load_cases()}


def plant(case, **named):
    """Take implementations by names; ``__`` stands for a colon."""
    PLANTED.extend((name.replace("__", ":"), case, answer) for name, answer in named.items())


def tensors(i):
    return {k: torch.tensor(np.array(v)).requires_grad_(v.dtype.kind == "f") for k, v in i.items()}


def differentiated(forward, of=None):
    """Answer with the outputs of a forward pass; its gradients, or those of another, are autograd's."""

    def answer(i, c):
        told, t = {}, tensors(i)
        for which in (forward, of or forward):
            out = which(t, c)
            out = out if isinstance(out, dict) else {"output": out}
            told = {k: v.detach().numpy() for k, v in out.items()} if which is forward else told
        scalars = ("loss", "penalty", "kl")
        total = sum(
            (v * t[f"d_{k}"]).sum() if f"d_{k}" in t else v for k, v in out.items() if k in scalars or f"d_{k}" in t
        )
        leaves = {
            k: v for k, v in t.items() if v.requires_grad and not k.startswith(("d_", "running", "noise", "target"))
        }
        grads = torch.autograd.grad(total, leaves.values(), allow_unused=True)
        zeros = (torch.zeros_like(v) if g is None else g for v, g in zip(leaves.values(), grads, strict=True))
        return told | {GRADIENTS.get(k, f"d{k}"): g.numpy() for k, g in zip(leaves, zeros, strict=True)}

    return answer


def by_hand(value, derivative):
    """Answer with a function and with what somebody takes for its derivative: of a, and of the value."""

    def answer(i, c):
        y = value(i["a"], c)
        return {"value": y, "d_input": i["d_output"] * derivative(i["a"], y, c)}

    return answer


def elementwise(f):
    return differentiated(
        lambda t, c: {
            "loss": f(t["a"], t["target"], c).sum() / (t["a"].numel() if c["reduction"] == "mean" else len(t["a"]))
        }
    )


def mixed(loss, gradient):
    """Answer with the loss of one and the gradient of another."""
    return lambda i, c: {"loss": elementwise(loss)(i, c)["loss"], "d_a": elementwise(gradient)(i, c)["d_a"]}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# ---------------------------------------------------------------- losses
def bce(a, t, c):
    return F.binary_cross_entropy_with_logits(a, t, reduction="none")


def square(a, t, c):
    return (a - t) ** 2


plant(
    "cross_entropy_paper",
    one_sided__in_loss=mixed(lambda a, t, c: -t * F.logsigmoid(a), bce),
    one_sided__in_gradients=mixed(bce, lambda a, t, c: -t * F.logsigmoid(a)),
    label_smoothing__in_loss=mixed(lambda a, t, c: bce(a, 0.9 * t + 0.05, c), bce),
    one_sided__below=elementwise(lambda a, t, c: -(1 - t) * F.logsigmoid(-a)),
    targets_inverted=elementwise(lambda a, t, c: bce(a, 1 - t, c)),
    softmax_instead=elementwise(lambda a, t, c: -t * F.log_softmax(a, 1)),
    pos_weight__in_gradients=mixed(
        bce, lambda a, t, c: F.binary_cross_entropy_with_logits(a, t, pos_weight=torch.tensor(3.0), reduction="none")
    ),
)
plant(
    "cross_entropy_extreme",
    logarithms_cut__in_loss=mixed(
        lambda a, t, c: -t * F.logsigmoid(a).clamp(min=-100) - (1 - t) * F.logsigmoid(-a).clamp(min=-100), bce
    ),
)
plant(
    "squared_error_paper",
    log_cosh_instead=elementwise(lambda a, t, c: torch.log(torch.cosh(a - t))),
    cubed_error_instead=elementwise(lambda a, t, c: (a - t).abs() ** 3),
    fourth_power_instead=elementwise(lambda a, t, c: (a - t) ** 4),
    huber_of_1_instead=elementwise(lambda a, t, c: F.huber_loss(a, t, reduction="none")),
    absolute_error_instead__in_gradients=mixed(square, lambda a, t, c: (a - t).abs()),
    root_of_loss__in_loss=lambda i, c: (lambda told: told | {"loss": np.sqrt(told["loss"])})(elementwise(square)(i, c)),
)
plant("huber_mean", half_missing=elementwise(lambda a, t, c: torch.where((a - t).abs() <= c["delta"], (a - t) ** 2, F.huber_loss(a, t, delta=c["delta"], reduction="none"))))  # fmt: skip

# ---------------------------------------------------------------- activations
plant("leaky_relu_ordinary", elu_of_slope=by_hand(lambda a, c: np.where(a > 0, a, c["slope"] * np.expm1(np.minimum(a, 0))), lambda a, y, c: np.where(a > 0, 1, y + c["slope"])))  # fmt: skip
plant("softplus_ordinary", derivative_of_relu=by_hand(lambda a, c: np.logaddexp(0, a), lambda a, y, c: a > 0))
plant(
    "sigmoid_ordinary",
    derivative_is_value=by_hand(lambda a, c: sigmoid(a), lambda a, y, c: y),
    derivative_is_complement=by_hand(lambda a, c: sigmoid(a), lambda a, y, c: 1 - y),
    derivative_is_square=by_hand(lambda a, c: sigmoid(a), lambda a, y, c: y * y),
    derivative_has_plus=by_hand(lambda a, c: sigmoid(a), lambda a, y, c: y * (1 + y)),
    derivative_is_complement_squared=by_hand(lambda a, c: sigmoid(a), lambda a, y, c: (1 - y) ** 2),
    function__hardtanh=by_hand(lambda a, c: np.clip(a, -1, 1), lambda a, y, c: np.abs(a) < 1),
    function__softsign=by_hand(lambda a, c: a / (1 + np.abs(a)), lambda a, y, c: (1 - np.abs(y)) ** 2),
)
plant(
    "silu_layer",
    derivative_is_gate=lambda i, c: {"output": i["x"] * sigmoid(i["x"]), "d_input": i["d_output"] * sigmoid(i["x"])},
)
plant("softmax_ordinary", fused_with_cross_entropy=lambda i, c: (lambda y: {"value": y, "d_input": y - i["d_output"]})(F.softmax(torch.tensor(i["a"]), 1).numpy()))  # fmt: skip
plant("tanh_ordinary", derivative_of_tanh_has_plus=by_hand(lambda a, c: np.tanh(a), lambda a, y, c: 1 + y * y))
plant("elu_alpha", leaky_instead=differentiated(lambda t, c: F.leaky_relu(t["x"], c["alpha"])))

# ---------------------------------------------------------------- corruptions, noise, clipping
plant(
    "masking",
    masked_with_mean__example=lambda i, c: {"x_tilde": np.where(i["mask"], i["x"].mean(1, keepdims=True), i["x"])},
    masked_with_mean__component=lambda i, c: {"x_tilde": np.where(i["mask"], i["x"].mean(0), i["x"])},
    masked_with_example_before=lambda i, c: {"x_tilde": np.where(i["mask"], np.roll(i["x"], 1, 0), i["x"])},
    masked_with_example_after=lambda i, c: {"x_tilde": np.where(i["mask"], np.roll(i["x"], -1, 0), i["x"])},
    another_mask=lambda i, c: {"x_tilde": i["x"] * (np.random.default_rng(0).random(i["x"].shape) > 0.3)},
)
plant("gaussian", noise_alone=lambda i, c: {"x_tilde": c["sigma"] * i["noise"]})
plant("gaussian_noise", noise_alone=lambda i, c: {"output": c["std"] * i["noise"], "d_input": i["d_output"]})
plant("dropout", another_mask=lambda i, c: (lambda kept: {"output": i["x"] * kept, "d_input": i["d_output"] * kept})((np.random.default_rng(0).random(i["x"].shape) > c["rate"]) / (1 - c["rate"])))  # fmt: skip
plant(
    "clip_value",
    sign_lost=lambda i, c: {
        f"clipped_{k}": np.where(np.abs(i[k]) > c["limit"], c["limit"], i[k]) for k in ("dW", "db")
    },
    signs_alone=lambda i, c: {f"clipped_{k}": c["limit"] * np.sign(i[k]) for k in ("dW", "db")},
)


# ---------------------------------------------------------------- autoencoders and stacks
def autoencoder(i, c, *, decode=None, units=1.0, of_weights=slice(None), of_biases=slice(None), target=None):
    """Answer as the squared error asks, by hand."""
    x, W = i["x"], i["W"]
    seen = np.where(i["mask"], 0, x) if "mask" in i else x
    V = W.T if c["tied"] else i["W_prime"]
    y = sigmoid(seen @ W + i["b"]) * units
    z = sigmoid(y @ (V if decode is None else decode(W)) + i["b_prime"])
    by = x.size if c["reduction"] == "mean" else len(x)
    da = 2 * (z - x) / by * z * (1 - z)
    dy = da @ V.T * y * (1 - y / units if np.ndim(units) == 0 else 1 - np.divide(y, units, out=0 * y, where=units != 0))
    told = {
        "z": z,
        "loss": np.sum((z - (x if target is None else seen)) ** 2) / by,
        "db": dy[of_biases].sum(0),
        "db_prime": da[of_biases].sum(0),
    }
    encoder, decoder = seen[of_weights].T @ dy[of_weights], y[of_weights].T @ da[of_weights]
    return told | ({"dW": encoder + decoder.T} if c["tied"] else {"dW": encoder, "dW_prime": decoder})


plant(
    "tied_squared_error",
    weights_of_last=lambda i, c: autoencoder(i, c, of_weights=slice(-1, None)),
    weights_of_first=lambda i, c: autoencoder(i, c, of_weights=slice(1)),
    biases_of_last=lambda i, c: autoencoder(i, c, of_biases=slice(-1, None)),
    gradients_of_last=lambda i, c: autoencoder(i, c, of_weights=slice(-1, None), of_biases=slice(-1, None)),
    corrupted_target__in_loss=lambda i, c: autoencoder(i, c, target="seen"),
    hidden_dropped=lambda i, c: autoencoder(
        i, c, units=np.where(np.arange(len(i["b"])) % 2, 0, len(i["b"]) / np.ceil(len(i["b"]) / 2))
    ),
)
plant("untied_squared_error", decoder_tied__in_z=lambda i, c: autoencoder(i, c, decode=lambda W: W.T))


def finetuned(i, c, *, cut=(), momentum=0.0, nesterov=False, decay=0.0, frozen="", lr=None, rule=torch.optim.SGD):
    """Fine-tune with PyTorch's optimizers."""
    p = {k: v for k, v in tensors(i).items() if k[:2] in ("W_", "b_")}
    own = {"momentum": momentum, "nesterov": nesterov} if rule is torch.optim.SGD else {}
    step = rule([v for k, v in p.items() if k[2:] != frozen], lr or c["lr"], weight_decay=decay, **own)
    told = {}
    for _ in range(c["steps"]):
        step.zero_grad()
        h = torch.tensor(i["x"])
        for k in "12":
            h = torch.sigmoid(h @ p[f"W_{k}"] + p[f"b_{k}"])
            h = h.detach() if k in cut else h
        a = h @ p["W_out"] + p["b_out"]
        loss = F.cross_entropy(a, torch.tensor(i["labels"]).long())
        loss.backward()
        if not told:
            told = {"probabilities": F.softmax(a, 1).detach().numpy(), "loss": loss.detach().numpy()}
            told |= {f"d{k}": (0 * v.detach() if v.grad is None else v.grad.clone()).numpy() for k, v in p.items()}
        step.step()
    return told | {f"{k}_after": v.detach().numpy() for k, v in p.items()}


plant(
    "finetune_two_layers",
    layer_1_cut=lambda i, c: finetuned(i, c, cut="1"),
    layers_cut=lambda i, c: finetuned(i, c, cut="2"),
    momentum=lambda i, c: finetuned(i, c, momentum=0.9),
    nesterov=lambda i, c: finetuned(i, c, momentum=0.9, nesterov=True),
    weight_decay=lambda i, c: finetuned(i, c, decay=0.01),
    lr_is__0_001=lambda i, c: finetuned(i, c, lr=1e-3),
    rule__Adam=lambda i, c: finetuned(i, c, rule=torch.optim.Adam),
    layer_2_frozen=lambda i, c: finetuned(i, c, frozen="2"),
    softmax_frozen=lambda i, c: finetuned(i, c, frozen="out"),
)

# ---------------------------------------------------------------- layers
plant(
    "upsampling_not_square",
    largest_copy=lambda i, c: {
        "output": i["x"].repeat(c["factor"][0], 1).repeat(c["factor"][1], 2),
        "d_input": i["d_output"].reshape(2, 2, 3, 5, 2, 3).max((2, 4)),
    },
)
plant("average_pool", adaptive_windows=differentiated(lambda t, c: F.adaptive_avg_pool2d(t["x"].permute(0, 3, 1, 2), (2, 1)).permute(0, 2, 3, 1)))  # fmt: skip
plant(
    "max_pool",
    adaptive_windows=differentiated(
        lambda t, c: F.adaptive_max_pool2d(t["x"].permute(0, 3, 1, 2), (2, 2)).permute(0, 2, 3, 1)
    ),
    gradient_times_value=differentiated(
        lambda t, c: F.max_pool2d(t["x"].permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1),
        lambda t, c: F.max_pool2d(t["x"].permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1) ** 2 / 2,
    ),
)


def normalised(t, c, *, eps=None, mean=lambda m: m, decay=None, scale=0.0, axes=(0,), root=lambda v: v):
    x = t["x"]
    m = mean(x.mean(axes, keepdim=True))
    v = ((x - m) ** 2).mean(axes, keepdim=True)
    told = {"output": (t["gamma"] + scale) * (x - m) / (v + (eps or c["eps"])) ** 0.5 + t["beta"]}
    if axes == (0,):
        kept = decay or c["decay_rate"]
        mean, variance = x.mean(0), x.var(0, unbiased=c["running"] == "unbiased")
        told |= {"running_mean_after": kept * t["running_mean"] + (1 - kept) * mean}
        told |= {"running_variance_after": kept * t["running_variance"] + (1 - kept) * root(variance)}
    return told


plant(
    "batch_norm_biased",
    other_eps=differentiated(lambda t, c: normalised(t, c, eps=1e-5)),
    other_decay_rate=differentiated(lambda t, c: normalised(t, c, decay=0.99)),
    mean_constant=differentiated(lambda t, c: normalised(t, c, mean=torch.Tensor.detach)),
    deviation_remembered=differentiated(lambda t, c: normalised(t, c, root=torch.sqrt)),
)
plant(
    "layer_norm",
    mean_not_subtracted=differentiated(lambda t, c: normalised(t, c, mean=torch.zeros_like, axes=(1,))),
    gamma_from_0=differentiated(lambda t, c: normalised(t, c, scale=1.0, axes=(1,))),
)


def recurrent(
    t, c, *, order=(0, 1, 2), bias=1.0, phi=torch.tanh, gate=torch.sigmoid, update=lambda r, z: z, reset=lambda r, z: r
):
    """Return the outputs of gated recurrent units whose reset comes before the product."""
    h, outputs = torch.zeros(len(t["x"]), c["units"], dtype=torch.float64), []
    W, U, b = ([t[k].chunk(3, -1)[n] for n in order] for k in ("W", "U", "b"))
    for x in t["x"].unbind(1):
        r, z = (gate(x @ W[n] + h @ U[n] + bias * b[n]) for n in (0, 1))
        n = phi(x @ W[2] + (reset(r, z) * h) @ U[2] + bias * b[2])
        z = update(r, z)
        h = (1 - z) * n + z * h
        outputs.append(h)
    return torch.stack(outputs, 1)


plant(
    "gru_reset_before",
    gates__nzr=differentiated(lambda t, c: recurrent(t, c, order=(2, 1, 0))),
    update_for_reset=differentiated(lambda t, c: recurrent(t, c, reset=lambda r, z: z)),
    update_missing=differentiated(lambda t, c: recurrent(t, c, update=lambda r, z: 0 * z)),
    candidate_linear=differentiated(lambda t, c: recurrent(t, c, phi=lambda a: a)),
    candidate_sigmoid=differentiated(lambda t, c: recurrent(t, c, phi=torch.sigmoid)),
    hard_sigmoid=differentiated(lambda t, c: recurrent(t, c, gate=lambda a: (a / 6 + 0.5).clamp(0, 1))),
    old_hard_sigmoid=differentiated(lambda t, c: recurrent(t, c, gate=lambda a: (0.2 * a + 0.5).clamp(0, 1))),
    bias_missing=differentiated(lambda t, c: recurrent(t, c, bias=0.0)),
    bias_doubled=differentiated(lambda t, c: recurrent(t, c, bias=2.0)),
)


class Derivative(torch.autograd.Function):
    """Multiply by what somebody takes for a derivative."""

    @staticmethod
    def forward(ctx, a, value, derivative):
        ctx.slope = derivative
        return value.clone()

    @staticmethod
    def backward(ctx, d):
        return d * ctx.slope, None, None


def lstm(t, c, *, cell=None, candidate=None, gate=None, i_of=lambda i: i, forget=lambda f: f):
    """Return the outputs of long short-term memory, with derivatives of the caller."""
    h, k = (t.get(name, torch.zeros(len(t["x"]), c["units"], dtype=torch.float64)) for name in ("h0", "c0"))
    outputs = []
    for x in t["x"].unbind(1):
        a = (x @ t["W"] + h @ t["U"] + t["b"]).chunk(4, -1)
        i, f, o = (
            torch.sigmoid(a[n])
            if gate is None
            else Derivative.apply(a[n], torch.sigmoid(a[n]).detach(), gate(a[n].detach()))
            for n in (0, 1, 3)
        )
        g = (
            torch.tanh(a[2])
            if candidate is None
            else Derivative.apply(a[2], torch.tanh(a[2]).detach(), candidate(a[2].detach()))
        )
        k = forget(f) * k + i_of(i) * g
        h = o * (torch.tanh(k) if cell is None else Derivative.apply(k, torch.tanh(k).detach(), cell(k.detach())))
        outputs.append(h)
    return torch.stack(outputs, 1) if c["return_sequences"] else h


LSTM = "lstm_initial_state"
plant(
    LSTM,
    c_derivative_of_a=differentiated(lambda t, c: lstm(t, c, cell=lambda k: 1 - k**2)),
    g_derivative_of_a=differentiated(lambda t, c: lstm(t, c, candidate=lambda a: 1 - a**2)),
    g_derivative_of_sigmoid=differentiated(
        lambda t, c: lstm(t, c, candidate=lambda a: torch.tanh(a) * (1 - torch.tanh(a)))
    ),
    gate_derivative_of_a=differentiated(lambda t, c: lstm(t, c, gate=lambda a: a * (1 - a))),
    gate_derivative_of_gate=differentiated(
        lambda t, c: lstm(t, c, gate=lambda a: torch.sigmoid(torch.sigmoid(a)) * torch.sigmoid(-torch.sigmoid(a)))
    ),
    gate_derivative_of_tanh=differentiated(lambda t, c: lstm(t, c, gate=lambda a: 1 - torch.sigmoid(a) ** 2)),
    gate_derivative_is_value=differentiated(lambda t, c: lstm(t, c, gate=torch.sigmoid)),
    gate_derivative_is_complement=differentiated(lambda t, c: lstm(t, c, gate=lambda a: torch.sigmoid(-a))),
    c_derivative_not_squared=differentiated(lambda t, c: lstm(t, c, cell=lambda k: 1 - torch.tanh(k))),
    g_derivative_not_squared=differentiated(lambda t, c: lstm(t, c, candidate=lambda a: 1 - torch.tanh(a))),
    input_missing=differentiated(lambda t, c: lstm(t, c, i_of=torch.ones_like)),
)


# ---------------------------------------------------------------- codes, averages, schedules, rules
def drawn(t, c, terms=lambda m, s: 1 + s - m**2 - s.exp(), sign=1):
    m, s = t["mu"], t["log_variance"]
    return {
        "sample": m + sign * (s / 2).exp() * t["noise"],
        "kl": -0.5 * terms(m, s).sum() / {"sum": 1, "paper": len(m), "mean": m.numel()}[c["reduction"]],
    }


plant(
    "vae_mean",
    logarithm_missing=differentiated(lambda t, c: drawn(t, c, lambda m, s: 1 - m**2 - s.exp())),
    variance_missing=differentiated(lambda t, c: drawn(t, c, lambda m, s: 1 + s - m**2)),
    noise_subtracted=differentiated(lambda t, c: drawn(t, c, sign=-1)),
)


def sparse(of):
    return differentiated(lambda t, c: {"penalty": c["weight"] * of(t["x"].mean(0), c["rho"]).sum()})


plant(
    "sparse_kl",
    one_sided=sparse(lambda p, r: r * (r / p).log()),
    squares_instead=sparse(lambda p, r: (p - r) ** 2),
    other_rho=sparse(lambda p, r: 0.05 * (0.05 / p).log() + 0.95 * (0.95 / (1 - p)).log()),
)
plant("contractive", slope_of_tanh=differentiated(lambda t, c: {"penalty": c["weight"] * ((1 - torch.sigmoid(t["x"] @ t["W"] + t["b"]) ** 2) ** 2 @ (t["W"] ** 2).sum(0)).mean()}))  # fmt: skip


def averaged(i, c, decay=None, late=0):
    average, after = i["W"], []
    for W in [i["W"], *i["W_steps"]][1 - late :][: len(i["W_steps"])]:
        average = (decay or c["decay"]) * average + (1 - (decay or c["decay"])) * W
        after.append(average)
    return {"average_steps": np.stack(after)}


plant(
    "average_from_first",
    other_decay=lambda i, c: averaged(i, c, 0.999),
    a_step_late=lambda i, c: averaged(i, c, late=1),
)
plant("schedule_exponential", other_factor=lambda i, c: {"level": c["first"] * 0.9 ** i["epoch"]})
plant("schedule_step", other_factor=lambda i, c: {"level": c["first"] * 0.1 ** (i["epoch"] // c["every"])})


def steps(i, rule, **options):
    told = {}
    for name in ("W", "b"):
        p = torch.nn.Parameter(torch.tensor(np.array(i[name])))
        own, after = rule([p], lr=0.1, **options), []
        for g, lr in zip(i[f"d{name}"], i["lr"], strict=True):
            own.param_groups[0]["lr"], p.grad = float(lr), torch.tensor(g)
            own.step()
            after.append(p.detach().numpy().copy())
        told[f"{name}_steps"] = np.stack(after)
    return told


def adam(i, c, count):
    told = {}
    for name in ("W", "b"):
        p, m, v, after = i[name], 0.0, 0.0, []
        for n, (g, lr) in enumerate(zip(i[f"d{name}"], i["lr"], strict=True)):
            m, v, t = c["beta1"] * m + (1 - c["beta1"]) * g, c["beta2"] * v + (1 - c["beta2"]) * g * g, count(n)
            p = p - lr * m / (1 - c["beta1"] ** t) / (np.sqrt(v / (1 - c["beta2"] ** t)) + c["eps"])
            after.append(p)
        told[f"{name}_steps"] = np.stack(after)
    return told


plant(
    "adagrad_torch",
    rule__Adam=lambda i, c: steps(i, torch.optim.Adam),
    rule__RMSprop=lambda i, c: steps(i, torch.optim.RMSprop),
)
plant(
    "adam_torch",
    counted_twice=lambda i, c: adam(i, c, lambda n: 2 * n + 1),
    counted_twice__before=lambda i, c: adam(i, c, lambda n: 2 * n + 2),
    counted_never=lambda i, c: adam(i, c, lambda n: 1),
)


def by_rule(i, update):
    """Take the steps of a rule: `update` returns what is subtracted, and the state to come."""
    told = {}
    for name in ("W", "b"):
        p, kept, after, grads = i[name], (0 * i[name],) * 3, [], i[f"d{name}"]
        for n, lr in enumerate(i["lr"]):
            change, kept = update(grads, n, lr, *kept)
            p = p - change
            after.append(p)
        told[f"{name}_steps"] = np.stack(after)
    return told


def nesterov_added(c, g, n, lr, u, *rest):
    u = c["momentum"] * u + g[n]
    return lr * (u + c["momentum"] * u), (u, *rest)


def damped(c, g, n, lr, u, *rest):
    u = c["momentum"] * (u + (1 - c["dampening"] * (n > 0)) * g[n])
    return lr * u, (u, *rest)


def root_mean_square(c, g, n, lr, u, v, w, *, centre=None, keep=None):
    kept = c["decay_rate"]
    v = (kept * v + (1 - kept) * g[n] ** 2) if keep is None else keep * v + g[n] ** 2
    w = kept * w + (1 - kept) * g[n]
    return lr * g[n] / (np.sqrt(centre(v, w) if centre else v) + c["eps"]), (u, v, w)


plant(
    "sgd_plain",
    gradient_a_step_early=lambda i, c: by_rule(i, lambda g, n, lr, *s: (lr * g[min(n + 1, len(g) - 1)], s)),
)
plant("sgd_torch_nesterov", nesterov_added=lambda i, c: by_rule(i, functools.partial(nesterov_added, c)))
plant("sgd_torch_dampening", gradient_damped=lambda i, c: by_rule(i, functools.partial(damped, c)))
plant("rmsprop_torch", squares_summed=lambda i, c: by_rule(i, functools.partial(root_mean_square, c, keep=1.0)))
plant(
    "rmsprop_torch_centred",
    mean_not_squared__absolute=lambda i, c: by_rule(
        i, functools.partial(root_mean_square, c, centre=lambda v, m: np.abs(v - m))
    ),
)
plant("adamw_torch", decay_shrinks_gradient=lambda i, c: adam({**i, "dW": i["dW"] * (1 - c["weight_decay"])} | ({"db": i["db"] * (1 - c["weight_decay"])} if c["decayed"] == "all" else {}), c, lambda n: n + 1))  # fmt: skip


def trained(i, c, *, rate=lambda t, n: 1.0, change=lambda g, whole: g, order=(), kept_alias=False):
    """Train with the loss of the case, a step a batch, by automatic differentiation."""
    p = {k: v for k, v in tensors(i).items() if k in ("W", "b", "b_prime")}

    def loss(n):
        x = torch.tensor(i["x"][n])
        y = torch.sigmoid(torch.where(torch.tensor(i["mask"][n]), 0, x) @ p["W"] + p["b"])
        total = F.binary_cross_entropy_with_logits(y @ p["W"].T + p["b_prime"], x, reduction="sum")
        return total / (x.numel() if c["reduction"] == "mean" else len(x))

    losses, after = [], []
    for n in range(len(i["x"])):
        losses.append(loss(n).item())
        for names in [[k] for k in order] or [list(p)]:
            grads = torch.autograd.grad(loss(n), [p[k] for k in names])
            whole = torch.cat([g.ravel() for g in grads])
            for k, g in zip(names, grads, strict=True):
                p[k] = (p[k] - c["lr"] * rate(n, len(i["x"])) * change(g, whole)).detach().requires_grad_()
        after.append({k: v.detach().numpy() for k, v in p.items()})
    told = {"losses": np.array(losses)}
    for step in range(len(after)):
        shown = after[-1 if kept_alias else step]
        told |= {f"{k}_after_{step + 1}": v for k, v in shown.items()}
    return told


plant(
    "train_cross_entropy",
    lr_warms_up__5=lambda i, c: trained(i, c, rate=lambda t, n: min(1, (t + 1) / 5)),
    lr_warms_up__10__0=lambda i, c: trained(i, c, rate=lambda t, n: min(1, t / 10)),
    lr_falls_as_root=lambda i, c: trained(i, c, rate=lambda t, n: (t + 1) ** -0.5),
    lr_falls_to_0=lambda i, c: trained(i, c, rate=lambda t, n: 1 - t / n),
    lr_cosine=lambda i, c: trained(i, c, rate=lambda t, n: (1 + np.cos(np.pi * t / n)) / 2),
    lr_times__0_9=lambda i, c: trained(i, c, rate=lambda t, n: 0.9**t),
    sign_of_gradient=lambda i, c: trained(i, c, change=lambda g, _: g.sign()),
    reported_last=lambda i, c: trained(i, c, kept_alias=True),
    lr_factor__sign=lambda i, c: trained(i, c, change=lambda g, _: -g),
    **{"in_turn__b_prime-W-b": lambda i, c: trained(i, c, order=("b_prime", "W", "b"))},
)


# ---------------------------------------------------------------- recurrent layers, again
def unrolled(i, c, *, back=lambda d: d, out_gate=True, through_c=True, keep=lambda total, part: total + part):
    """Return long short-term memory with a backward pass by hand."""
    H, T = c["units"], i["x"].shape[1]
    h, k = (i.get(name, np.zeros((len(i["x"]), H))) for name in ("h0", "c0"))
    steps, outputs = [], []
    for t in range(T):
        a = i["x"][:, t] @ i["W"] + h @ i["U"] + i["b"]
        gi, f, g, o = (f(a[:, n * H : (n + 1) * H]) for n, f in enumerate((sigmoid, sigmoid, np.tanh, sigmoid)))
        new = f * k + gi * g
        steps.append((gi, f, g, o, k, new, h))
        h, k = o * np.tanh(new), new
        outputs.append(h)
    sequence = c["return_sequences"]
    dh, dc, sums, d_input = 0 * h, 0 * h, {"dW": 0, "dU": 0, "db": 0}, []
    for t in reversed(range(T)):
        gi, f, g, o, old, new, before = steps[t]
        dh = dh + (i["d_output"][:, t] if sequence else i["d_output"] * (t == T - 1))
        y = np.tanh(new)
        dc = dc + dh * o * (1 - y * y)
        do = dh * y * (o * (1 - o) if out_gate else 1)
        da = np.concatenate([dc * g * gi * (1 - gi), dc * old * f * (1 - f), dc * gi * (1 - g * g), do], 1)
        parts = {"dW": i["x"][:, t].T @ da, "dU": before.T @ da}
        sums = {"db": sums["db"] + da.sum(0)} | {name: keep(sums[name], part) for name, part in parts.items()}
        d_input.append(da @ i["W"].T)
        dh, dc = back(da @ i["U"].T), (dc * f if through_c else 0 * dc)
    told = {"output": np.stack(outputs, 1) if sequence else h, "d_input": np.stack(d_input[::-1], 1)} | sums
    return told | ({"dh0": dh, "dc0": dc} if "h0" in i else {})


def pooled(pool, d=None):
    """Pool the outputs of all steps; the gradient follows, or is that of the last."""
    every = lambda t, c: lstm(t, {**c, "return_sequences": True})  # noqa: E731
    return differentiated(lambda t, c: pool(every(t, c)), d and (lambda t, c: d(every(t, c))))


plant(
    LSTM,
    dW_dU_of_first_step=lambda i, c: unrolled(i, c, keep=lambda total, part: part),
    dh_clipped=lambda i, c: unrolled(i, c, back=lambda d: d.clip(-0.05, 0.05)),
    o_derivative_missing=lambda i, c: unrolled(i, c, out_gate=False),
)
plant(
    "lstm_last_output",
    mean_pooled=pooled(lambda y: y.mean(1)),
    sum_pooled=pooled(lambda y: y.sum(1)),
    max_pooled=pooled(lambda y: y.max(1)[0]),
    first_pooled__forwards=pooled(lambda y: y[:, 0], lambda y: y[:, -1]),
    mean_pooled__forwards=pooled(lambda y: y.mean(1), lambda y: y[:, -1]),
)


# ---------------------------------------------------------------- images and rows
def convolved(i, c, *, border="constant", read=lambda W: W, dW=lambda g, x: g, db=lambda g, dy: g):
    """Convolve by PyTorch with an odd kernel, stride 1 and `same`."""
    t = tensors({k: i[k] for k in ("x", "W", "b", "d_output")})
    kh, kw = i["W"].shape[:2]
    x, K = t["x"].permute(0, 3, 1, 2), read(t["W"]).permute(3, 2, 0, 1)
    padding = (kw // 2, kw // 2, kh // 2, kh // 2)
    if border == "constant":
        inner = F.pad(x, padding)
    else:  # the gradient of what is copied to the border is dropped
        copied = F.pad(x.detach(), padding, mode=border)
        inner = copied + F.pad(x - x.detach(), padding)
    y = F.conv2d(inner, K, t["b"]).permute(0, 2, 3, 1)
    g = torch.autograd.grad((y * t["d_output"]).sum(), [t["x"], t["W"], t["b"]])
    x, dy = i["x"], i["d_output"]
    told = {"output": y.detach().numpy(), "d_input": g[0].numpy()}
    return told | {"dW": dW(g[1].numpy(), x), "db": db(g[2].numpy(), dy)}


def swapped(W):
    return W.reshape(*W.shape[:2], W.shape[3], W.shape[2]).swapaxes(2, 3)


plant(
    "conv_same",
    kernel_read__hw21=lambda i, c: convolved(i, c, read=swapped),
    border_reflected__cut=lambda i, c: convolved(i, c, border="reflect"),
    **{"db_factor:1/B·pixels": lambda i, c: convolved(i, c, db=lambda g, dy: g / dy[..., 0].size)},
)
plant("average_pool", divided_by_rows=differentiated(lambda t, c: 3 * F.avg_pool2d(t["x"].permute(0, 3, 1, 2), (2, 3)).permute(0, 2, 3, 1)))  # fmt: skip
plant(
    "max_pool",
    root_of_squares=differentiated(lambda t, c: F.lp_pool2d(t["x"].permute(0, 3, 1, 2), 2.0, 2).permute(0, 2, 3, 1)),
    over_channels=lambda i, c: (
        lambda told: told | {"output": np.repeat(told["output"].max(3, keepdims=True), i["x"].shape[3], 3)}
    )(differentiated(lambda t, c: F.max_pool2d(t["x"].permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1))(i, c)),
)


def affine(i, c, *, W=None, db=None):
    W = i["W"] if W is None else W
    rows, d = i["x"].reshape(-1, len(W)), i["d_output"].reshape(-1, W.shape[1])
    told = {"output": i["x"] @ W + i["b"], "d_input": i["d_output"] @ W.T, "dW": rows.T @ d}
    return told | {"db": d.sum(0) if db is None else np.full(W.shape[1], db)}


plant(
    "dense",
    W_read_as_out_in__forwards=lambda i, c: affine(i, c, W=i["W"].reshape(i["W"].shape[::-1]).T),
    db_of_ones=lambda i, c: affine(i, c, db=float(len(i["x"]))),
)
plant(
    "reshape",
    channels_first_order__backwards=lambda i, c: {
        "output": i["x"].reshape(i["d_output"].shape),
        "d_input": i["d_output"].transpose(0, 3, 1, 2).reshape(i["x"].shape),
    },
)
plant(
    "flatten",
    batch_mixed=lambda i, c: {
        "output": i["x"].ravel("F").reshape(len(i["x"]), -1),
        "d_input": i["d_output"].ravel().reshape(i["x"].shape, order="F"),
    },
    channels_first_order__forwards=lambda i, c: {
        "output": i["x"].transpose(0, 3, 1, 2).reshape(len(i["x"]), -1),
        "d_input": i["d_output"].reshape(i["x"].shape),
    },
)
plant(
    "repeat_vector",
    summed_over_batch=lambda i, c: {
        "output": np.stack([i["x"]] * i["d_output"].shape[1], 1),
        "d_input": np.repeat(i["d_output"].sum((0, 1))[None], len(i["x"]), 0),
    },
)
plant(
    "upsampling",
    zeros_between=lambda i, c: {
        "output": np.kron(i["x"], np.eye(1, np.prod(c["factor"])).reshape(1, *c["factor"], 1)),
        "d_input": i["d_output"][:, :: c["factor"][0], :: c["factor"][1]],
    },
)

# ---------------------------------------------------------------- others
plant(
    "sigmoid_ordinary",
    function__log_sigmoid=by_hand(lambda a, c: -np.logaddexp(0, -a), lambda a, y, c: sigmoid(-a)),
    function__hard_sigmoid__forwards=by_hand(lambda a, c: np.clip(a / 6 + 0.5, 0, 1), lambda a, y, c: y * (1 - y)),
)
plant("sigmoid_extreme", clipped_forwards=by_hand(lambda a, c: sigmoid(np.clip(a, -15, 15)), lambda a, y, c: y * (1 - y)))  # fmt: skip
plant(
    "tanh_extreme",
    overflow__both=by_hand(lambda a, c: (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a)), lambda a, y, c: 1 - y * y),
)
plant("tanh_ordinary", function__scaled_tanh__forwards=by_hand(lambda a, c: 1.7159 * np.tanh(2 * a / 3), lambda a, y, c: 1 - y * y))  # fmt: skip
plant(
    "softplus_ordinary",
    base_2=by_hand(lambda a, c: np.log2(1 + 2**a), lambda a, y, c: 2**a / (1 + 2**a)),
)
plant(
    "softmax_cross_entropy_paper",
    class_0_ignored=differentiated(lambda t, c: {"loss": F.cross_entropy(t["a"], t["target"].long(), ignore_index=0)}),
    class_0_ignored__counted=differentiated(
        lambda t, c: {
            "loss": F.cross_entropy(t["a"], t["target"].long(), ignore_index=0, reduction="sum") / len(t["a"])
        }
    ),
    all_labels=differentiated(lambda t, c: {"loss": -F.log_softmax(t["a"], 1)[:, t["target"].long()].mean()}),
)
plant(
    "clip_value",
    scaled_by_largest=lambda i, c: {
        f"clipped_{k}": i[k] * min(1, c["limit"] / np.abs(i[k]).max()) for k in ("dW", "db")
    },
)
plant("clip_norm_optax", norm_of_each_array__not_rooted=lambda i, c: {f"clipped_{k}": i[k] * min(1, c["limit"] / (i[k] ** 2).sum()) for k in ("dW", "db")})  # fmt: skip
plant(
    "finetune_two_layers",
    logarithms_reported=lambda i, c: (lambda told: told | {"probabilities": np.log(told["probabilities"])})(
        finetuned(i, c)
    ),
)
plant(
    "tied_squared_error",
    output_tanh=differentiated(
        lambda t, c: (
            lambda z: {
                "z": z,
                "loss": ((z - t["x"]) ** 2).sum() / (t["x"].numel() if c["reduction"] == "mean" else len(z)),
            }
        )(torch.tanh(torch.sigmoid(torch.where(t["mask"], 0, t["x"]) @ t["W"] + t["b"]) @ t["W"].T + t["b_prime"]))
    ),
)
