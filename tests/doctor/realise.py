"""A training, a plain dict, made into what a user has: `build`, `step`, data; and run."""

import copy
import functools
import importlib
import time
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from networks import initialise, layers_with_weights, network
from torch import nn

CAP = 10.0  # of an FVU; what is not finite counts as this
SEEDS = (0, 1, 2)
PLAIN = {  # every field of a training, as it is where nothing is said
    "family": "", "data_seed": 0, "n": 1000, "scale": 1.0, "shift": 0.0, "shuffled": 0.0, "rows": None, "alike": None,
    "outliers": None, "prepared": None, "kind": "dense", "hidden": [16, 4], "channels": [], "pools": 0, "kernel": 3,
    "down": "max", "up": "resize", "cell": "lstm", "layers": 1, "act": "relu", "code_linear": False, "norm": None,
    "dropout": 0.0, "extra_head": False, "output": "linear", "loss": "mse", "reduction": "mean", "optimizer": "adam",
    "lr": 1e-3, "batch": 32, "steps": 300, "noise": ["none", 0.0], "noise_style": "torch",
    "metric_noise": ["none", 0.0],
    "init": {"kind": "default", "value": 0.0, "gain": 1.0, "recurrent_gain": 1.0, "hidden_bias": 0.0, "dead": 0.0,
             "output_gain": 1.0, "output_bias": 0.0},
    "l2": 0.0, "l2_style": "decay", "clip": None, "gamma": None, "gamma_style": "scheduler",
    "style": {"module": "sequential", "loss": "module", "split_step": False, "flatten": False, "raw255": False,
              "zero_first": True},
    "bugs": [], "causes": [],
}  # fmt: skip


class Realised(NamedTuple):
    """A training as code."""

    build: Any
    step: Any
    x: torch.Tensor
    held_out: torch.Tensor
    prepare: Any  # a batch as the step makes it before the noise
    corrupt: Any  # by the noise of the metric, with a generator's draws
    reconstruct: Any
    mean: torch.Tensor  # of the twin's training data, in the step's units


@functools.lru_cache(64)
def family(split, name, seed, n):
    """Draw the data of a family of a split, in its own units."""
    draw = importlib.import_module(f"families_{split}").FAMILIES[name].draw
    return draw(np.random.default_rng(seed), n).astype(np.float32)


def data(t):
    """Give training data, held-out data and the mean of what the twin learns from, as the user holds them."""
    raw = family(t["split"], t["family"], t["data_seed"], t["n"]).copy()
    rng = np.random.default_rng(t["data_seed"] + 1)
    if t["shuffled"]:  # columns made independent of each other, with the same margins
        flat = raw.reshape(len(raw), -1)
        for j in rng.permutation(flat.shape[1])[: round(t["shuffled"] * flat.shape[1])]:
            flat[:, j] = rng.permutation(flat[:, j])
    cut = len(raw) * 4 // 5
    x, held_out = raw[:cut], raw[cut:]
    mean = x.mean(0)
    if t["outliers"]:
        share, size = t["outliers"]
        hit = rng.random(len(x)) < share
        x = np.where(hit.reshape(-1, *[1] * (x.ndim - 1)), x + size * x.std() * rng.standard_normal(x.shape), x)
    if t["rows"]:
        x = x[: t["rows"]]
    if t["alike"]:
        x = np.resize(x[: t["alike"]], x.shape)
    arrays = [(a * t["scale"] + t["shift"]) * (255.0 if t["style"]["raw255"] else 1.0) for a in (x, held_out, mean)]
    if t["prepared"] == "standardise":
        centre, spread = arrays[0].mean(0), arrays[0].std()
        arrays = [(a - centre) / max(spread, 1e-12) for a in arrays]
    if t["prepared"] == "unit":
        low, high = arrays[0].min(), arrays[0].max()
        arrays = [(a - low) / max(high - low, 1e-12) for a in arrays]
    return [torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in arrays]


LOSSES = {  # as a module, as a function of torch, by hand
    "mse": (nn.MSELoss, F.mse_loss, lambda z, x: (z - x) ** 2),
    "l1": (nn.L1Loss, F.l1_loss, lambda z, x: (z - x).abs()),
    "huber": (nn.SmoothL1Loss, F.smooth_l1_loss, lambda z, x: F.smooth_l1_loss(z, x, reduction="none")),
    "bce": (nn.BCELoss, F.binary_cross_entropy,
            lambda z, x: -(x * torch.log(z + 1e-7) + (1 - x) * torch.log(1 - z + 1e-7))),
    "bce_hand": (None, None, lambda z, x: -(x * torch.log(z) + (1 - x) * torch.log(1 - z))),
    "bce_logits": (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, lambda z, x: F.softplus(z) - x * z),
}  # fmt: skip


def criterion(t):
    """Make the loss of a training, in its style."""
    module, function, hand = LOSSES[t["loss"]]
    how, reduction = t["style"]["loss"], t["reduction"]
    if reduction == "per_example":
        return lambda z, x: hand(z, x).flatten(1).sum(1).mean()
    if how == "hand" or t["loss"] == "bce_hand":
        return lambda z, x: getattr(hand(z, x), reduction)()
    if how == "module":
        return module(reduction=reduction)
    return lambda z, x: function(z, x, reduction=reduction)


def noise(t, kind, strength, spread, low, high):
    """Make the function that corrupts a batch; with a generator it is the metric's, whose draws are fixed."""
    style = t["noise_style"]

    def uniform(x, g):
        if g is not None:
            return torch.rand(x.shape, generator=g)
        return torch.from_numpy(np.random.rand(*x.shape)).float() if style == "numpy" else torch.rand(x.shape)  # noqa: NPY002

    def normal(x, g):
        if g is not None:
            return torch.randn(x.shape, generator=g)
        if style == "numpy":
            return torch.from_numpy(np.random.normal(0, 1, tuple(x.shape))).float()  # noqa: NPY002
        return torch.normal(0.0, 1.0, x.shape) if style == "bernoulli" else torch.randn_like(x)

    def corrupt(x, g=None):
        if kind == "gaussian":
            return x + strength * spread * normal(x, g)
        if kind == "masking":
            if style == "dropout":  # the survivors are scaled up; in training a layer of the model does it
                return x if g is None else x * (uniform(x, g) >= strength) / (1 - strength)
            if style == "bernoulli" and g is None:
                return x * torch.bernoulli(torch.full_like(x, 1 - strength))
            return x * (uniform(x, g) >= strength)
        if kind == "salt":
            u = uniform(x, g)
            return torch.where(u < strength / 2, low, torch.where(u > 1 - strength / 2, high, x))
        return x

    return corrupt


def optimizer_of(t, parameters):
    """Make the optimizer."""
    decay = t["l2"] if t["l2_style"] == "decay" else 0.0
    kinds = {
        "sgd": lambda p: torch.optim.SGD(p, lr=t["lr"], weight_decay=decay),
        "momentum": lambda p: torch.optim.SGD(p, lr=t["lr"], momentum=0.9, weight_decay=decay),
        "nesterov": lambda p: torch.optim.SGD(p, lr=t["lr"], momentum=0.9, nesterov=True, weight_decay=decay),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=t["lr"], weight_decay=decay),
        "adam": lambda p: torch.optim.Adam(p, lr=t["lr"], weight_decay=decay),
        "adamw": lambda p: torch.optim.AdamW(p, lr=t["lr"], weight_decay=decay or 0.01),
        "nadam": lambda p: torch.optim.NAdam(p, lr=t["lr"], weight_decay=decay),
        "adamax": lambda p: torch.optim.Adamax(p, lr=t["lr"], weight_decay=decay),
    }
    return kinds[t["optimizer"]](parameters)


def realise(t):
    """Write a training out."""
    torch.set_num_threads(1)
    x, held_out, mean = data(t)
    flat = t["style"]["flatten"] or (t["kind"] == "dense" and x.dim() > 2)
    bug = {(b["id"], b.get("mode")): b for b in t["bugs"]}
    ids = {b["id"]: b for b in t["bugs"]}

    def prepare(batch):
        if t["style"]["raw255"]:
            batch = batch / 255.0
        return batch.view(batch.shape[0], -1) if flat else batch

    ready = prepare(x)
    centre = prepare(mean[None])[0]
    spread, low, high = ready.std(), ready.min(), ready.max()
    if t["alike"] or t["rows"] or t["outliers"]:  # the noise is the one that the twin has
        spread = prepare(held_out).std()
    corrupt = noise(t, *t["noise"], spread, low, high)
    loss_of = criterion(t)
    memory: dict[str, Any] = {}  # what a script keeps in its globals

    def build(seed):
        torch.manual_seed(seed)
        model = network(t, tuple(ready.shape[1:]))
        initialise(model, t, ready.mean(0).flatten())
        parameters = list(model.parameters())
        layers = layers_with_weights(model)
        mode = ids["C02"]["mode"] if "C02" in ids else None
        of = {n: list(module.parameters()) for n, (_, module) in enumerate(layers)}
        if mode == "decoder_only":
            parameters = [p for n in range(len(layers) // 2, len(layers)) for p in of[n]]
        if mode == "encoder_only":
            parameters = [p for n in range(len(layers) // 2) for p in of[n]]
        if mode in ("frozen", "frozen_first"):  # all but the last layer, or the first alone
            for n in range(len(layers) - 1 if mode == "frozen" else 1):
                for p in of[n]:
                    p.requires_grad_(False)
        optimizer = optimizer_of(t, parameters)
        if mode in ("recreated", "recreated_first"):
            name, old = layers[-1 if mode == "recreated" else 0]
            parent, _, child = name.rpartition(".")
            fresh = copy.deepcopy(old)
            fresh.reset_parameters()
            setattr(model.get_submodule(parent), child, fresh)
        memory.clear()
        if t["gamma"] and t["gamma_style"] == "scheduler":
            memory["scheduler"] = torch.optim.lr_scheduler.ExponentialLR(optimizer, t["gamma"])
        return model, optimizer

    def output(model, noisy):
        if t["style"]["split_step"]:
            code = model.encoder(noisy)
            return model.decoder(code if model.between is None else model.between(code))
        return model(noisy)

    def target_of(batch, noisy):
        mode = ids["C03"]["mode"] if "C03" in ids else None
        if mode == "rolled":
            return batch.roll(1, 0)
        if mode == "permuted":
            share = round(ids["C03"]["value"] * len(batch))
            return torch.cat([batch[:share][torch.randperm(share)], batch[share:]])
        if mode == "previous":
            before, memory["batch"] = memory.get("batch", batch), batch
            return before if len(before) == len(batch) else batch
        return noisy if ("F24", "noisy_target") in bug else batch

    def loss_on(model, z, target):
        mode = ids["C04"]["mode"] if "C04" in ids else None
        if mode == "mean":
            return loss_of(z.mean(0), target.mean(0))
        if mode == "columns":
            some = max(round(ids["C04"]["value"] * z.shape[1]), 1)
            return loss_of(z[:, :some], target[:, :some])
        if mode == "rows":
            some = max(round(ids["C04"]["value"] * z.shape[0]), 1)
            return loss_of(z[:some], target[:some])
        if mode == "own":  # of the output with itself
            return loss_of(z, z.detach())
        return loss_of(z, target)

    def step(model, optimizer, batch):
        if ("C08", "eval") in bug:
            model.eval()
        if ("C09", "step") in bug:
            batch = batch[:1].expand_as(batch)
        x = prepare(batch)
        noisy = corrupt(x)
        zero = "F07" not in ids
        if zero and t["style"]["zero_first"]:
            optimizer.zero_grad()
        z = output(model, noisy)
        loss = loss_on(model, z, target_of(x, noisy))
        if t["l2"] and t["l2_style"] == "hand":
            loss = loss + t["l2"] * sum(p.pow(2).sum() for p in model.parameters())
        if zero and not t["style"]["zero_first"]:
            optimizer.zero_grad()
        if ("C01", "loss") in bug:
            loss = loss.detach().requires_grad_()
        if ("C11", "no_backward") not in bug:
            loss.backward()
        if t["clip"]:
            nn.utils.clip_grad_norm_(model.parameters(), t["clip"])
        memory["step"] = memory.get("step", 0) + 1
        every = ids["C11"]["value"] if "C11" in ids and ids["C11"]["mode"] != "no_backward" else 1
        if every and memory["step"] % every == 0:
            optimizer.step()
        if t["gamma"]:
            if t["gamma_style"] == "scheduler":
                memory["scheduler"].step()
            else:
                for group in optimizer.param_groups:
                    group["lr"] *= t["gamma"]
        return loss

    @torch.no_grad()
    def reconstruct(model, noisy):
        z = model(noisy)
        return torch.sigmoid(z) if t["loss"] == "bce_logits" else z

    seen = noise(t, *t["metric_noise"], prepare(held_out).std(), low, high)
    return Realised(build, step, x, held_out, prepare, seen, reconstruct, centre)


def run(t, seed, seconds=30.0):
    """Train, and measure: give the FVU on held-out data."""
    code = realise(t)
    np.random.seed(seed)  # noqa: NPY002
    model, optimizer = code.build(seed)
    rng, started = np.random.default_rng(seed), time.perf_counter()
    order = np.empty(0, dtype=int)
    size = min(t["batch"], len(code.x))
    model.train()
    for n in range(t["steps"]):
        if len(order) < size:
            order = rng.permutation(len(code.x))
        now, order = order[:size], order[size:]
        loss = code.step(model, optimizer, code.x[now])
        if n % 20 == 0 and (not torch.isfinite(loss.detach()) or time.perf_counter() - started > seconds):
            break
    return fvu(code, model)


def fvu(code, model):
    """Measure the fraction of the variance that the reconstruction misses, of held-out data, in evaluation mode."""
    model.eval()
    x = code.prepare(code.held_out)
    z = code.reconstruct(model, code.corrupt(x, torch.Generator().manual_seed(12345)))
    value = float(((z - x).double() ** 2).sum() / ((x - code.mean).double() ** 2).sum())
    return min(value, CAP) if np.isfinite(value) else CAP


def metric(t, seeds=SEEDS):
    """Average over seeds; their median where one of them is odd."""
    values = [run(t, seed) for seed in seeds]
    return float(np.median(values) if max(values) - min(values) > 0.3 else np.mean(values))


def clearly_better(after, before):
    """Judge whether an FVU is worth the name of a repair."""
    return before - after > 0.05 + 0.5 * after
