"""Mistakes in normalisation: which mean, where eps, what is a constant in backward, what is remembered."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchdae.arguments import Array, Params
from scratchdae.conformance.case import Case
from scratchdae.conformance.explainer.account import Account, Row, Unknown, Wrong
from scratchdae.conformance.explainer.retold import of_layer

_BOTH: tuple[Row, ...] = (
    ("eps_outside", "root", "eps is added to the root, not inside it"),
    ("eps_missing", "root", "eps is left out"),
    ("other_eps", "root", "eps is {value}, where the case has another",
     Unknown("eps", 0.0, (), (1e-3, 1e-5, 1e-6, 1e-8, 1e-12), "log")),
    ("mean_not_subtracted", "mean", "the mean is not subtracted, as in RMS norm"),
    ("mean_constant", "backward", "the mean is taken for a constant in backward"),
    ("variance_for_root", "root", "the root of the variance is not taken"),
    ("scale_and_shift_exchanged", "affine", "gamma and beta are taken for one another"),
    ("affine_missing", "affine", "gamma and beta are left out"),
    ("gamma_from_0", "affine", "the scale is 1 + gamma"),
)  # fmt: skip
_OF_THE_BATCH: tuple[Row, ...] = (
    ("statistics_constant", "backward", "mean and variance are taken for constants in backward"),
    ("variance_constant", "backward", "the variance is taken for a constant in backward"),
    ("unbiased_in_output", "spread", "the output is divided by the root of the variance with n - 1, not n"),
)
_TRAINING: tuple[Row, ...] = (
    *_OF_THE_BATCH,
    ("deviation_remembered", "remembered", "the root of the variance is remembered"),
    ("other_decay_rate", "decay", "decay_rate is {value}, where the case has another",
     Unknown("decay_rate", 0.0, (), (0.9, 0.99, 0.1, 0.999), "rate")),
    ("decay_for_share", "decay", "decay_rate is taken for the share of the new, as PyTorch's momentum is"),
    ("statistics_not_remembered", "decay, remembered", "what is remembered does not change"),
    ("remembered_instead", "statistics", "what is remembered normalises the batch, as in evaluation"),
    ("statistics_of_each_example", "statistics", "mean and variance are those of each example, as in layer norm"),
)  # fmt: skip
_EVALUATION: tuple[Row, ...] = (
    ("batch_instead", "statistics", "the batch is normalised by its own statistics, not by what is remembered"),
    ("remembered_a_deviation", "root", "running_variance is taken for a standard deviation"),
)
_NORMS: tuple[Row, ...] = (
    ("norm_of_all", "norm", "v is divided by the norm of all of it, not of each unit's weights"),
    ("norm_of_inputs", "norm", "the norm is over the units, not over the inputs"),
    ("norm_missing", "norm", "v is not divided by its norm"),
    ("norm_constant", "backward", "the norm is taken for a constant in backward"),
)


def batch_norm(case: Case) -> Account:
    """Tell batch normalisation, in training or in evaluation."""
    n_axes, training = case.inputs["x"].ndim, case.conventions["training"]
    biased = case.conventions["running"] == "biased"

    def _forward(t: Mapping[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Params:
        mean, variance = t["running_mean"], t["running_variance"]
        axes, x = tuple(range(-n_axes, -1)), t["x"]
        axes = (-n_axes,) if "over_batch_alone" in wrong else axes
        axes = tuple(range(1 - n_axes, 0)) if "statistics_of_each_example" in wrong else axes
        new_mean, new_variance, n = _moments(x, axes, wrong)
        own = training if "batch_instead" not in wrong else True
        used = (new_mean, new_variance) if own and "remembered_instead" not in wrong else (mean, variance)
        told = {"output": _scaled(t, x - used[0], used[1], c["eps"], n_axes, wrong)}
        if not training:
            return told
        new_mean, new_variance, n = _moments(x.real, tuple(range(-n_axes, -1)), {})
        spread = 1.0 if biased != ("other_n_remembered" in wrong) else n / (n - 1)
        old = 1 - c["decay_rate"] if "decay_for_share" in wrong else wrong.get("other_decay_rate", c["decay_rate"])
        new_variance = np.sqrt(new_variance) if "deviation_remembered" in wrong else new_variance
        old = 1.0 if "statistics_not_remembered" in wrong else old
        after = {"mean": (mean, new_mean), "variance": (variance, spread * new_variance)}
        new = {
            f"running_{name}_after": old * a + (1 - old) * b.reshape(-1, a.size)[0] for name, (a, b) in after.items()
        }
        return told | new

    other = "without" if not biased else "with"
    remembered = f"the variance is remembered {other} n / (n - 1)"
    rows = _BOTH + (_TRAINING if training else _EVALUATION)
    rows += (("other_n_remembered", "remembered", remembered),) if training else ()
    if n_axes > 2:
        rows += (("over_batch_alone", "statistics", "mean and variance are over the batch alone, not the pixels"),)
    n = case.inputs["x"].size // case.inputs["x"].shape[-1]
    return of_layer(case, _forward, rows, {"B": len(case.inputs["x"]), "n": n})


def layer_norm(case: Case) -> Account:
    """Tell layer normalisation."""
    n_axes = case.inputs["x"].ndim

    def _forward(t: Mapping[str, Array], c: Mapping[str, Any], wrong: Wrong) -> Params:
        axes: tuple[int, ...] = (-n_axes,) if "over_batch" in wrong else (-1,)
        axes = tuple(range(1 - n_axes, 0)) if "over_all_of_an_example" in wrong else axes
        mean, variance, _ = _moments(t["x"], axes, wrong)
        return {"output": _scaled(t, t["x"] - mean, variance, c["eps"], n_axes, wrong)}

    rows = (*_BOTH, *_OF_THE_BATCH, ("over_batch", "statistics", "mean and variance are over the batch"))
    if n_axes > 2:
        rows += (("over_all_of_an_example", "statistics", "mean and variance are over the steps as well"),)
    return of_layer(case, _forward, rows, {"B": len(case.inputs["x"]), "C": case.inputs["x"].shape[-1]})


def weight_norm(case: Case) -> Account:
    """Tell a layer whose weights have a direction and a length."""

    def _forward(t: Mapping[str, Array], _: Mapping[str, Any], wrong: Wrong) -> Params:
        v, g, b = t["v"], t["g"][..., None, :], t["b"][..., None, :]
        axes = (-2, -1) if "norm_of_all" in wrong else (-1,) if "norm_of_inputs" in wrong else (-2,)
        length = np.sqrt((v * v).sum(axis=axes, keepdims=True))
        length = length.real if "norm_constant" in wrong else length
        W = g * v / (1.0 if "norm_missing" in wrong else length)
        return {"W": W, "output": t["x"] @ W + b}

    return of_layer(case, _forward, _NORMS)


def _moments(x: Array, axes: tuple[int, ...], wrong: Wrong) -> tuple[Array, Array, int]:
    n = int(np.prod([x.shape[axis] for axis in axes]))
    mean = x.mean(axis=axes, keepdims=True)
    mean = mean.real if {"statistics_constant", "mean_constant"} & set(wrong) else mean
    mean = 0 * mean if "mean_not_subtracted" in wrong else mean
    variance = ((x - mean) ** 2).sum(axis=axes, keepdims=True) / (n - 1 if "unbiased_in_output" in wrong else n)
    constant = {"statistics_constant", "variance_constant"} & set(wrong)
    return mean, variance.real if constant else variance, n


def _scaled(t: Mapping[str, Array], apart: Array, variance: Array, eps: float, n_axes: int, wrong: Wrong) -> Array:
    eps = wrong.get("other_eps", eps)
    root = np.sqrt(variance + eps)
    if "eps_outside" in wrong:
        root = np.sqrt(variance) + eps
    if "eps_missing" in wrong:
        root = np.sqrt(variance)
    if "variance_for_root" in wrong or "remembered_a_deviation" in wrong:
        root = variance + eps
    gamma, beta = (t[name].reshape(*t[name].shape[:-1], *(1,) * (n_axes - 1), -1) for name in ("gamma", "beta"))
    gamma = gamma + ("gamma_from_0" in wrong)
    if "scale_and_shift_exchanged" in wrong:
        gamma, beta = beta, gamma
    return apart / root if "affine_missing" in wrong else gamma * apart / root + beta
