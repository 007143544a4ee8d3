"""Mistakes in what is asked of a code besides its reconstruction, and in the index of how alike two images are."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchdae.activations import sigmoid
from scratchdae.arguments import Array, Params
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Row, Unknown, Wrong
from scratchdae.conformance.explainer.recognised import factor
from scratchdae.conformance.explainer.retold import retold

_VARIATIONAL: tuple[Row, ...] = (
    ("log_of_deviation", "kl variance, sample variance",
     "log_variance is taken for the logarithm of the standard deviation"),
    ("log_of_deviation:sample", "sample variance", "the sample's spread is exp(log_variance), the variance"),
    ("deviation_given", "kl variance, sample variance", "log_variance is taken for the standard deviation itself"),
    ("means_missing", "kl mean", "mu² is left out of the divergence"),
    ("one_missing", "kl one", "the 1 is left out of the divergence"),
    ("logarithm_missing", "kl one", "log_variance is left out of the divergence"),
    ("variance_missing", "kl one", "exp(log_variance) is left out of the divergence"),
    ("noise_subtracted", "noise", "the noise is subtracted"),
    ("sample_detached", "backward", "nothing comes back through the sample"),
    ("noise_missing", "noise", "the sample is mu: the noise is not used"),
)  # fmt: skip
_KL: tuple[Row, ...] = (
    ("mean_of_divergences", "mean", "the divergence is that of each example, averaged: not that of the mean"),
    ("one_sided", "kl", "the term of 1 - rho is missing"),
    ("squares_instead", "kl", "the squared difference from rho is taken in place of the divergence"),
    ("other_rho", "rho", "rho is {value}", Unknown("rho", 0.0, (), (0.05, 0.01, 0.1), "rate")),
    ("kl_reversed", "kl", "the divergence is the other way: of the mean from rho"),
    ("cross_entropy_instead", "kl", "the cross-entropy is taken in place of the divergence: a constant more"),
)
_CONTRACTIVE: tuple[Row, ...] = (
    ("slope_not_squared", "slope", "y (1 - y) is not squared"),
    ("slope_missing", "slope", "y (1 - y) is left out: weight decay"),
    ("slope_of_tanh", "slope", "the slope is 1 - y², that of tanh"),
    ("slope_constant", "backward", "y is taken for a constant in backward: the gradient through it is missing"),
    ("norm_in_place_of_square", "norm", "the norm of each example's Jacobian is taken, not its square"),
)
_SSIM: tuple[Row, ...] = (
    ("uniform_window", "window", "the window is uniform, not a normal density"),
    ("unbiased_variances", "spread", "variances and covariance are divided by n - 1"),
    ("constants_not_squared", "constants", "C1 and C2 are k · range, not squared"),
    ("constants_missing", "constants", "C1 and C2 are left out"),
    ("with_border", "border", "the window goes over the border, padded with zeros"),
    ("dissimilarity", "sign", "1 - ssim is given, the loss, not the index"),
    ("covariance_alone", "index", "the means are not compared: contrast and structure alone"),
)


def variational(case: Case) -> Account:
    """Tell a code that is drawn, and its divergence from the standard normal distribution."""
    divisors = {"sum": 1, "paper": len(case.inputs["mu"]), "mean": case.inputs["mu"].size}

    def _forward(t: Mapping[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Params:
        mu, log_variance = t["mu"], t["log_variance"]
        log_variance = 2 * log_variance if "log_of_deviation" in wrong else log_variance
        log_variance = np.log(log_variance**2) if "deviation_given" in wrong else log_variance
        terms = ("one_missing" not in wrong) + ("logarithm_missing" not in wrong) * log_variance
        terms = terms - ("variance_missing" not in wrong) * np.exp(log_variance)
        terms = terms - ("means_missing" not in wrong) * mu * mu
        kl = wrong.get("kl_factor", 1.0) * -0.5 * terms.sum(axis=(-2, -1)) / divisors[c["reduction"]]
        spread = np.exp((1.0 if "log_of_deviation:sample" in wrong else 0.5) * log_variance)
        times = 0 if "noise_missing" in wrong else -1 if "noise_subtracted" in wrong else 1
        sample = mu + times * spread * t["noise"]
        return {"sample": sample.real if "sample_detached" in wrong else sample, "kl": kl}

    sizes = {"B": case.inputs["mu"].shape[0], "D": case.inputs["mu"].shape[1]}
    whole = factor("kl_factor", "the divergence, with its gradient,", sizes, "kl factor")
    wanted = {"mu": "d_mu", "log_variance": "d_log_variance"}
    cotangents = {"sample": case.inputs["d_sample"], "kl": np.ones(())}
    return retold(case, _forward, _VARIATIONAL, wanted, cotangents, sizes, whole)


def activity_penalty(case: Case) -> Account:
    """Tell a penalty of a code."""
    sparse = case.conventions["penalty"] == "kl"
    x = case.inputs["x"]
    sizes = {"B": len(x), "units": x.shape[1] if sparse else len(case.inputs["b"])}
    whole = factor("penalty_factor", "the penalty, with its gradient,", sizes, "penalty factor")
    wanted = {"x": "d_input"} | {name: f"d{name}" for name in ("W", "b") if name in case.inputs}
    forward, rows = (_sparse, _KL) if sparse else (_contractive, _CONTRACTIVE)
    return retold(case, forward, rows, wanted, {"penalty": np.ones(())}, sizes, whole)


def _sparse(t: Mapping[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Params:
    x, rho = t["x"], wrong.get("other_rho", c["rho"])
    p = x if "mean_of_divergences" in wrong else x.mean(axis=-2, keepdims=True)
    terms = rho * np.log(rho / p) + (1 - rho) * np.log((1 - rho) / (1 - p))
    terms = rho * np.log(rho / p) if "one_sided" in wrong else (p - rho) ** 2 if "squares_instead" in wrong else terms
    if "kl_reversed" in wrong:
        terms = p * np.log(p / rho) + (1 - p) * np.log((1 - p) / (1 - rho))
    if "cross_entropy_instead" in wrong:
        terms = -rho * np.log(p) - (1 - rho) * np.log(1 - p)
    return {"penalty": wrong.get("penalty_factor", 1.0) * c["weight"] * terms.mean(axis=-2).sum(axis=-1)}


def _contractive(t: Mapping[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Params:
    x, W = t["x"], t["W"]
    y = sigmoid(x @ W + t["b"][..., None, :])
    slope = 1 - y * y if "slope_of_tanh" in wrong else y * (1 - y)
    slope = slope.real if "slope_constant" in wrong else slope
    slope = np.sqrt(slope) if "slope_not_squared" in wrong else slope
    slope = np.ones_like(slope) if "slope_missing" in wrong else slope
    each = (slope * slope * (W * W).sum(axis=-2)[..., None, :]).sum(axis=-1)
    each = np.sqrt(each) if "norm_in_place_of_square" in wrong else each
    return {"y": y, "penalty": wrong.get("penalty_factor", 1.0) * c["weight"] * each.mean(axis=-1)}


def ssim(case: Case) -> Account:
    """Tell the index."""
    other = 1.0 if case.conventions["range"] != 1 else 255.0
    rows = (*_SSIM, ("other_range", "range", f"the range is {other:g}, where the case has another"))

    def _forward(t: Mapping[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Params:
        k, full = c["window"], other if "other_range" in wrong else c["range"]
        line = np.exp(-((np.arange(k) - (k - 1) / 2) ** 2) / (2 * c["sigma"] ** 2))
        line = np.ones(k) if "uniform_window" in wrong else line
        w = np.outer(line, line) / line.sum() ** 2
        c1, c2 = (c[name] * full for name in ("k1", "k2"))
        c1, c2 = (c1, c2) if "constants_not_squared" in wrong else (c1**2, c2**2)
        c1, c2 = (0.0, 0.0) if "constants_missing" in wrong else (c1, c2)
        images = [t["x"], t["target"]]
        if "with_border" in wrong:
            edge = (k // 2, k // 2)
            images = [np.pad(one, [*[(0, 0)] * (one.ndim - 2), edge, edge]) for one in images]
        a, b = (np.lib.stride_tricks.sliding_window_view(one, (k, k), (-2, -1)) for one in images)
        mean_a, mean_b = (np.einsum("...ij,ij", one, w) for one in (a, b))
        a, b = a - mean_a[..., None, None], b - mean_b[..., None, None]
        n = k * k / (k * k - 1) if "unbiased_variances" in wrong else 1.0
        spreads = n * np.einsum("...ij,ij", a * a + b * b, w), n * np.einsum("...ij,ij", a * b, w)
        index = (2 * spreads[1] + c2) / (spreads[0] + c2)
        if "covariance_alone" not in wrong:
            index = index * (2 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
        index = 1 - index if "dissimilarity" in wrong else index
        return {"map": index, "ssim": index.mean(axis=(-3, -2, -1))}

    return retold(case, _forward, rows, {"x": "d_input"}, {"ssim": np.ones(())}, {"B": len(case.inputs["x"])})
