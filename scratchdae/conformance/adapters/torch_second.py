"""What version 2 asks, in PyTorch, which has no such penalty, divergence, average by itself, nor index of likeness.

- ``torch.optim.Adagrad`` and ``NAdam`` add eps to the root, ``Adadelta`` inside both; NAdam's beta1 changes with the
  step, by ``momentum_decay``. It keeps their product in the
  default dtype, float32 unless that is changed, which costs float64 parameters 1e-9 in ten
  steps; here the product is begun in the dtype of the parameters.
- Schedules of ``torch.optim.lr_scheduler`` are counted from 0 and change after an epoch: ``LinearLR`` and
  ``CosineAnnealingLR`` take epochs - 1 steps; there is no geometric one, and its warm-up is another.
- ``torch.optim.swa_utils`` averages modules, from the first weights on and without correction.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional as F
from torch.optim import lr_scheduler, swa_utils

from scratchdae.arguments import Array
from scratchdae.conformance.adapter import Unsupported

Tensors = dict[str, Any]
Conventions = Mapping[str, Any]


def activity_penalty(t: Tensors, c: Conventions) -> Tensors:
    """Compute the penalty of a code."""
    if c["penalty"] == "kl":
        mean = torch.stack([t["x"].mean(0), 1 - t["x"].mean(0)])
        wanted = torch.stack([torch.full_like(mean[0], c["rho"]), torch.full_like(mean[0], 1 - c["rho"])])
        return {"penalty": c["weight"] * F.kl_div(mean.log(), wanted, reduction="sum")}
    y = torch.sigmoid(F.linear(t["x"], t["W"].T, t["b"]))
    rows = [torch.autograd.grad(y[:, j].sum(), t["x"], create_graph=True)[0] for j in range(y.shape[1])]
    return {"penalty": c["weight"] * torch.stack(rows).square().sum() / len(y), "y": y}


def variational(t: Tensors, c: Conventions) -> Tensors:
    """Draw a code by given noise, and return its divergence from the standard normal distribution."""
    spread = torch.exp(0.5 * t["log_variance"])
    code, prior = torch.distributions.Normal(t["mu"], spread), torch.distributions.Normal(0.0, 1.0)
    kl = torch.distributions.kl_divergence(code, prior)
    divisor = {"sum": 1, "paper": len(kl), "mean": kl.numel()}[c["reduction"]]
    return {"sample": t["mu"] + spread * t["noise"].detach(), "kl": kl.sum() / divisor}


def schedule(epochs: Array, c: Conventions) -> list[float]:
    """Run a scheduler, and return the learning rate of each epoch."""
    rule = torch.optim.SGD([torch.zeros(1)], lr=c["first"])
    if c["schedule"] == "geometric" or "warm_up" in c:
        raise Unsupported("torch.optim.lr_scheduler has no such schedule")
    scheduler: Any = None
    if c["schedule"] == "linear":
        scheduler = lr_scheduler.LinearLR(rule, 1.0, c["last"] / c["first"], c["epochs"] - 1)
    elif c["schedule"] == "cosine":
        scheduler = lr_scheduler.CosineAnnealingLR(rule, c["epochs"] - 1, c["last"])
    elif c["schedule"] == "step":
        scheduler = lr_scheduler.StepLR(rule, c["every"], c["factor"])
    else:
        scheduler = lr_scheduler.ExponentialLR(rule, c["factor"])
    levels = []
    for epoch in range(int(epochs.max()) + 1):
        levels.append(rule.param_groups[0]["lr"])
        if c["schedule"] == "cosine" and epoch >= c["epochs"] - 1:
            continue  # after which it would rise again
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nothing is trained here
            scheduler.step()
    return [levels[int(epoch)] for epoch in epochs]


def averaging(t: Tensors, c: Conventions) -> Tensors:
    """Average by the function that ``swa_utils.AveragedModel`` is given."""
    if c["start"] == "zero":
        raise Unsupported("torch.optim.swa_utils begins with the first weights")
    update, average, after = swa_utils.get_ema_multi_avg_fn(c["decay"]), t["W"].detach().clone(), []
    for W in t["W_steps"].detach():
        update([average], [W], 0)
        after.append(average.clone())
    return {"average_steps": torch.stack(after)}


def ssim(t: Tensors, c: Conventions) -> Tensors:
    """Compute the index by convolutions with the window."""
    x, y, k = t["x"][:, None], t["target"].detach()[:, None], c["window"]
    line = torch.exp(-((torch.arange(k, dtype=x.dtype) - (k - 1) / 2).square()) / (2 * c["sigma"] ** 2))
    w = torch.outer(line, line)[None, None] / line.sum() ** 2
    centre = y.mean()  # variances of large numbers cancel less from here
    mean_x, mean_y = F.conv2d(x - centre, w), F.conv2d(y - centre, w)
    products = ((x - centre) * (x - centre) + (y - centre) * (y - centre), (x - centre) * (y - centre))
    variances, covariance = (F.conv2d(product, w) for product in products)
    variances, covariance = variances - mean_x.square() - mean_y.square(), covariance - mean_x * mean_y
    c1, c2 = ((c[name] * c["range"]) ** 2 for name in ("k1", "k2"))
    mean_x, mean_y = mean_x + centre, mean_y + centre
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    found = above / ((mean_x.square() + mean_y.square() + c1) * (variances + c2))
    return {"map": found[:, 0], "ssim": found.mean()}


def rule(groups: Any, c: Conventions) -> torch.optim.Optimizer:
    """Make the rule of `torch.optim`."""
    if c["rule"] == "adagrad":
        if c["epsilon"] != "outside":
            raise Unsupported("torch.optim's Adagrad adds eps to the root")
        return torch.optim.Adagrad(groups, initial_accumulator_value=c["initial"], eps=c["eps"])
    if c["rule"] == "adadelta":
        return torch.optim.Adadelta(groups, rho=c["decay_rate"], eps=c["eps"])
    if not c["scheduled"]:
        raise Unsupported("the beta1 of torch.optim's NAdam changes with the step")
    betas = c["beta1"], c["beta2"]
    nadam = torch.optim.NAdam(groups, betas=betas, eps=c["eps"], momentum_decay=c["momentum_decay"])
    for param in (param for group in groups for param in group["params"]):
        state = {"mu_product": torch.ones((), dtype=param.dtype), "step": torch.tensor(0.0)}
        nadam.state[param] = state | {name: torch.zeros_like(param) for name in ("exp_avg", "exp_avg_sq")}
    return nadam


def batch_norm(t: Tensors, c: Conventions) -> Tensors:
    """Normalise channels over the batch; what is remembered changes in place."""
    if c["training"] and c["running"] != "unbiased":
        raise Unsupported("what torch.nn.BatchNorm remembers is the unbiased variance")
    mean, variance = (t[f"running_{name}"].detach().clone() for name in ("mean", "variance"))
    share = 1 - c["decay_rate"]
    x = t["x"].movedim(-1, 1)
    output = F.batch_norm(x, mean, variance, t["gamma"], t["beta"], c["training"], share, c["eps"]).movedim(1, -1)
    after = {"running_mean_after": mean, "running_variance_after": variance} if c["training"] else {}
    return {"output": output, **after}


def gru(t: Tensors, c: Conventions) -> Any:
    """Run the units of torch.nn, whose second bias multiplies r in the candidate."""
    if c["reset"] != "after" or c["activation"] != "tanh":
        raise Unsupported("torch.nn.GRU knows tanh and the reset after the product alone")
    x, U = t["x"], t["U"]
    units = torch.nn.GRU(x.shape[2], len(U), batch_first=True, dtype=x.dtype)
    inner = torch.cat([torch.zeros(2 * len(U), dtype=x.dtype), t["b_U"]])
    weights = {"weight_ih_l0": t["W"].T, "weight_hh_l0": U.T, "bias_ih_l0": t["b"], "bias_hh_l0": inner}
    outputs, _ = torch.func.functional_call(units, weights, (x,))
    return outputs if c["return_sequences"] else outputs[:, -1]
