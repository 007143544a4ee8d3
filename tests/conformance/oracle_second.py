"""Operations that version 2 adds, at fifty digits or more: penalties, a code that is drawn, schedules, SSIM."""

import numpy as np
from mpmath import mp, mpf
from oracle_functions import sigmoid, terms
from oracle_numbers import differentiate, exp, gradients, log, numbers, values


def activity_penalty(inputs, conventions):
    x, weight, found = numbers(inputs["x"]), mpf(conventions["weight"]), {}
    if conventions["penalty"] == "kl":
        rho, mean = mpf(conventions["rho"]), x.sum(axis=0) / len(x)
        kl = rho * log(rho * (1 / mean)) + (1 - rho) * log((1 - rho) * (1 / (1 - mean)))
        total, leaves = weight * kl.sum(), {"d_input": x}
    else:
        W, b = numbers(inputs["W"]), numbers(inputs["b"])
        y = sigmoid(x @ W + b)
        total = 0
        for n, i, j in np.ndindex(len(x), *W.shape):  # entries of every example's Jacobian
            entry = y[n, j] * (1 - y[n, j]) * W[i, j]
            total = total + entry * entry
        total = weight / len(x) * total
        found, leaves = {"y": y}, {"d_input": x, "dW": W, "db": b}
    differentiate(total)
    return found | {"penalty": total} | {name: gradients(leaf) for name, leaf in leaves.items()}


def variational(inputs, conventions):
    mu, log_variance, noise = numbers(inputs["mu"]), numbers(inputs["log_variance"]), values(inputs["noise"])
    sample = mu + exp(mpf(0.5) * log_variance) * noise
    terms = mpf(-0.5) * (1 + log_variance - mu * mu - exp(log_variance))
    divisor = {"sum": 1, "paper": len(terms), "mean": terms.size}[conventions["reduction"]]
    kl = terms.sum() / divisor
    differentiate(np.append(sample.ravel(), kl), np.append(values(inputs["d_sample"]).ravel(), mpf(1)))
    return {"sample": sample, "kl": kl, "d_mu": gradients(mu), "d_log_variance": gradients(log_variance)}


def schedule(inputs, conventions):
    return {"level": np.array([_level(int(epoch), conventions) for epoch in inputs["epoch"]], dtype=object)}


def _level(epoch, c):
    first, kind, warm_up = mpf(c["first"]), c["schedule"], c.get("warm_up", 0)
    if epoch < warm_up:
        return first * (epoch + 1) / (warm_up + 1)
    epoch -= warm_up
    if kind == "constant":
        return first
    if kind == "step":
        return first * mpf(c["factor"]) ** (epoch // c["every"])
    if kind == "exponential":
        return first * mpf(c["factor"]) ** epoch
    last, done = mpf(c["last"]), min(mpf(epoch) / (c["epochs"] - 1), mpf(1))
    if kind == "geometric":
        return first * mp.exp(done * mp.log(last / first))
    share = (1 - mp.cos(mp.pi * done)) / 2 if kind == "cosine" else done
    return first + share * (last - first)


def averaging(inputs, conventions):
    decay, average, after = mpf(conventions["decay"]), values(inputs["W"]), []
    if conventions["start"] == "zero":
        average = 0 * average
    for step, W in enumerate(values(inputs["W_steps"]), start=1):
        average = decay * average + (1 - decay) * W
        after.append(average / (1 - decay**step) if conventions["start"] == "zero" else average)
    return {"average_steps": np.stack(after)}


def ssim(inputs, conventions):
    """The index at every place of the window inside the images, weighted by a normal density that sums to 1."""
    x, y, size = numbers(inputs["x"]), values(inputs["target"]), conventions["window"]
    middle = mpf(size - 1) / 2
    line = [mp.exp(-((i - middle) ** 2) / (2 * mpf(conventions["sigma"]) ** 2)) for i in range(size)]
    w = np.array([[a * b for b in line] for a in line], dtype=object)
    w = w / w.sum()
    range_ = mpf(conventions["range"])
    c1, c2 = (mpf(conventions["k1"]) * range_) ** 2, (mpf(conventions["k2"]) * range_) ** 2
    found = np.empty((len(x), x.shape[1] - size + 1, x.shape[2] - size + 1), dtype=object)
    for n, r, c in np.ndindex(found.shape):
        a, b = x[n, r : r + size, c : c + size], y[n, r : r + size, c : c + size]
        mean_a, mean_b = (w * a).sum(), (w * b).sum()
        variance_a, variance_b = (w * (a - mean_a) * (a - mean_a)).sum(), (w * (b - mean_b) ** 2).sum()
        covariance = (w * (a - mean_a) * (b - mean_b)).sum()
        above = (2 * mean_b * mean_a + c1) * (2 * covariance + c2)
        found[n, r, c] = above / ((mean_a * mean_a + mean_b**2 + c1) * (variance_a + variance_b + c2))
    total = found.sum() / found.size
    differentiate(total)
    return {"map": found, "ssim": total, "d_input": gradients(x)}


def half(inputs, conventions):
    """What half precision is held to is exact."""
    if conventions["function"] == "dense":
        x, W, b = (numbers(inputs[name]) for name in ("x", "W", "b"))
        output = sigmoid(x @ W + b)
        differentiate(output, inputs["d_output"])
        return {"output": output, "d_input": gradients(x), "dW": gradients(W), "db": gradients(b)}
    a = numbers(inputs["a"])
    each = terms(a, values(inputs["target"]), {"loss": conventions["function"]})
    loss = each.sum() / each.size
    differentiate(loss)
    return {"loss": loss, "d_a": gradients(a)}
