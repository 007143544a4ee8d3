"""What version 2 asks: where the library has it, by the library; the rest by hand, in NumPy."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from scratchdae import schedules
from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params
from scratchdae.layers import ContractiveDense, KLSparsity
from scratchdae.losses import LOSSES

_Backward: TypeAlias = Callable[[Array], Params]
_Conventions: TypeAlias = Mapping[str, Any]


def activity_penalty(inputs: Params, conventions: _Conventions) -> Params:
    """Ask the layers that add such a penalty in training, under a loss that asks for nothing else."""
    x, rng, weight = inputs["x"], np.random.default_rng(0), conventions["weight"]
    if conventions["penalty"] == "kl":
        sparse = KLSparsity(conventions["rho"], weight)
        cache = sparse.forward({}, x, rng)[1]
        return {"penalty": np.asarray(cache.penalty), "d_input": sparse.backward(cache, np.zeros_like(x))[0]}
    layer = ContractiveDense(len(inputs["b"]), weight=weight)
    y, kept = layer.forward({"W": inputs["W"], "b": inputs["b"]}, x, rng)
    dx, grads = layer.backward(kept, np.zeros_like(y))
    answer = {"y": y, "penalty": np.asarray(kept.penalty, x.dtype), "d_input": dx}
    return answer | {f"d{name}": grad for name, grad in grads.items()}


def variational(inputs: Params, conventions: _Conventions) -> Params:
    """Draw a code by given noise, and return its divergence from the standard normal distribution."""
    mu, log_variance, d_sample = inputs["mu"], inputs["log_variance"], inputs["d_sample"]
    spread = np.exp(0.5 * log_variance) * inputs["noise"]
    divisor = {"sum": 1, "paper": len(mu), "mean": mu.size}[conventions["reduction"]]
    kl = -0.5 * (1 + log_variance - mu * mu - np.exp(log_variance)).sum() / divisor
    d_log_variance = 0.5 * np.expm1(log_variance) / divisor + 0.5 * d_sample * spread
    return {"sample": mu + spread, "kl": kl, "d_mu": mu / divisor + d_sample, "d_log_variance": d_log_variance}


def schedule(inputs: Params, conventions: _Conventions) -> Array:
    """Return the levels of epochs."""
    fields = {name: value for name, value in conventions.items() if name not in ("schedule", "warm_up")}
    rule = schedules.KINDS[conventions["schedule"]](**fields)
    if "warm_up" in conventions:
        rule = schedules.WarmUp(conventions["warm_up"], rule)
    return np.array([rule(int(epoch)) for epoch in inputs["epoch"]])


def averaging(inputs: Params, conventions: _Conventions) -> Array:
    """Average weights over the steps, from the first ones or from zeros."""
    decay, zero, after = conventions["decay"], conventions["start"] == "zero", []
    average = 0 * inputs["W"] if zero else inputs["W"]
    for t, W in enumerate(inputs["W_steps"], start=1):
        average = decay * average + (1 - decay) * W
        after.append(average / (1 - decay**t) if zero else average)
    return np.stack(after)


def nadam(inputs: Params, conventions: _Conventions) -> Params:
    """Take the steps of Adam along Nesterov's direction (Dozat 2016)."""
    c, answer = conventions, {}
    steps = np.arange(1, len(inputs["lr"]) + 2)
    mu = c["beta1"] * (1 - 0.5 * 0.96 ** (steps * c["momentum_decay"]) if c["scheduled"] else np.ones(len(steps)))
    product = np.cumprod(mu)
    for name in ("W", "b"):
        value, after = inputs[name], []
        m, v = np.zeros_like(value), np.zeros_like(value)
        for t, (g, lr) in enumerate(zip(inputs[f"d{name}"], inputs["lr"], strict=True)):
            m, v = c["beta1"] * m + (1 - c["beta1"]) * g, c["beta2"] * v + (1 - c["beta2"]) * g * g
            ahead, own = float(mu[t + 1] / (1 - product[t + 1])), float((1 - mu[t]) / (1 - product[t]))
            size = np.sqrt(v / (1 - c["beta2"] ** (t + 1))) + c["eps"]
            value = value - lr * (ahead * m + own * g) / size
            after.append(value)
        answer[f"{name}_steps"] = np.stack(after)
    return answer


def ssim(inputs: Params, conventions: _Conventions) -> Params:
    """Return the index of Wang et al. (2004) of images (B, H, W), and its gradient."""
    x, y, k, c = inputs["x"], inputs["target"], conventions["window"], conventions
    line = np.exp(-((np.arange(k) - (k - 1) / 2) ** 2) / (2 * c["sigma"] ** 2))
    w = (np.outer(line, line) / line.sum() ** 2).astype(x.dtype)
    c1, c2 = ((c[name] * c["range"]) ** 2 for name in ("k1", "k2"))
    a, b = (np.lib.stride_tricks.sliding_window_view(images, (k, k), (1, 2)) for images in (x, y))
    mean_a, mean_b = ((w * one).sum(axis=(3, 4), keepdims=True) for one in (a, b))
    a, b = a - mean_a, b - mean_b  # (B, rows, columns, k, k)
    variances = (w * (a * a + b * b)).sum(axis=(3, 4), keepdims=True)
    above = 2 * mean_a * mean_b + c1, 2 * (w * a * b).sum(axis=(3, 4), keepdims=True) + c2
    below = mean_a * mean_a + mean_b * mean_b + c1, variances + c2
    index = above[0] * above[1] / (below[0] * below[1])
    slope = index * (2 * mean_b / above[0] - 2 * mean_a / below[0] - 2 * a / below[1] + 2 * b / above[1])
    slope, dx = w * slope / index.size, np.zeros_like(x)
    for i, j in np.ndindex(k, k):
        dx[:, i : i + index.shape[1], j : j + index.shape[2]] += slope[..., i, j]
    return {"map": index[..., 0, 0], "ssim": index.mean(), "d_input": dx}


def half(inputs: Params, conventions: _Conventions) -> Params:
    """Compute in float16, and sum squares in float32: in float16 the library's own sum of them would overflow."""
    t = {name: array.astype(np.float16) for name, array in inputs.items()}
    if conventions["function"] == "dense":
        y = sigmoid(t["x"] @ t["W"] + t["b"])
        da = t["d_output"] * y * (1 - y)
        answer = {"output": y, "d_input": da @ t["W"].T, "dW": t["x"].T @ da, "db": da.sum(axis=0)}
    elif conventions["function"] == "squared_error":
        apart = t["a"] - t["target"]
        answer = {"loss": np.asarray((apart * apart).mean(dtype=np.float32)), "d_a": 2 * apart / apart.size}
    else:
        loss, d_a = LOSSES[conventions["function"]](t["a"], t["target"], "mean")
        answer = {"loss": np.asarray(loss), "d_a": d_a}
    return {name: array.astype(inputs["x" if "x" in inputs else "a"].dtype) for name, array in answer.items()}


def layer_norm(inputs: Params, conventions: _Conventions) -> tuple[Params, _Backward]:
    """Normalise each example (Ba, Kiros & Hinton 2016)."""
    x, gamma = inputs["x"], inputs["gamma"]
    apart, axes = x - x.mean(axis=-1, keepdims=True), tuple(range(x.ndim - 1))
    inverse = 1 / np.sqrt((apart * apart).mean(axis=-1, keepdims=True) + conventions["eps"])
    x_hat = apart * inverse

    def backward(dy: Array) -> Params:
        d = dy * gamma
        dx = inverse * (d - d.mean(axis=-1, keepdims=True) - x_hat * (d * x_hat).mean(axis=-1, keepdims=True))
        return {"d_input": dx, "dgamma": (dy * x_hat).sum(axis=axes), "dbeta": dy.sum(axis=axes)}

    return {"output": gamma * x_hat + inputs["beta"]}, backward


def weight_norm(inputs: Params, conventions: _Conventions) -> tuple[Params, _Backward]:
    """Give each unit's weights a length of their own (Salimans & Kingma 2016)."""
    del conventions
    x, v, g = inputs["x"], inputs["v"], inputs["g"]
    length = np.sqrt((v * v).sum(axis=0))
    unit = v / length

    def backward(dy: Array) -> Params:
        dW = x.T @ dy
        dg = (dW * unit).sum(axis=0)
        return {"d_input": dy @ (g * unit).T, "dv": g / length * (dW - unit * dg), "dg": dg, "db": dy.sum(axis=0)}

    return {"W": g * unit, "output": x @ (g * unit) + inputs["b"]}, backward


def convolution(inputs: Params, conventions: _Conventions) -> tuple[Params, _Backward]:
    """Convolve with holes in the kernel, or in groups of channels."""
    x, W = inputs["x"], inputs["W"]  # (B, H, W, C), (kh, kw, C / groups, filters)
    groups, dilation = conventions.get("groups", 1), conventions.get("dilation", (1, 1))
    counts, margins, cuts = [], [(0, 0)], []
    for n, k, s, d in zip(x.shape[1:3], W.shape, conventions["stride"], dilation, strict=False):
        reach, same = (k - 1) * d + 1, conventions["padding"] == "same"
        count = -(-n // s) if same else (n - reach) // s + 1
        more = max((count - 1) * s + reach - n, 0) if same else 0
        counts.append(count)
        margins.append((more // 2, more - more // 2))
        cuts.append([slice(i * d, i * d + (count - 1) * s + 1, s) for i in range(k)])
    framed = np.pad(x, [*margins, (0, 0)])
    images, kernels = np.split(framed, groups, axis=3), np.split(W, groups, axis=3)
    places = [(i, j, (slice(None), cuts[0][i], cuts[1][j])) for i, j in np.ndindex(*W.shape[:2])]
    parts = [
        sum(image[at] @ kernel[i, j] for i, j, at in places) for image, kernel in zip(images, kernels, strict=True)
    ]

    def backward(dy: Array) -> Params:
        d_images, dW = [np.zeros_like(image) for image in images], [np.zeros_like(kernel) for kernel in kernels]
        for group, d in enumerate(np.split(dy, groups, axis=3)):
            for i, j, at in places:
                d_images[group][at] += d @ kernels[group][i, j].T
                dW[group][i, j] = np.tensordot(images[group][at], d, ((0, 1, 2), (0, 1, 2)))
        inside = tuple(slice(before, before + n) for (before, _), n in zip(margins, x.shape, strict=False))
        d_framed = np.concatenate(d_images, axis=3)
        return {"d_input": d_framed[inside], "dW": np.concatenate(dW, axis=3), "db": dy.sum(axis=(0, 1, 2))}

    return {"output": np.concatenate(parts, axis=3) + inputs["b"]}, backward


LAYERS: dict[str, Callable[[Params, _Conventions], tuple[Params, _Backward]]] = {
    "LayerNorm": layer_norm,
    "WeightNormDense": weight_norm,
    "DilatedConv2D": convolution,
    "GroupedConv2D": convolution,
}
