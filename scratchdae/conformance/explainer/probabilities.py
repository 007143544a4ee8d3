"""Mistakes in the cross-entropy of a sigmoid: logarithms of probabilities that have rounded to 0 or 1.

From the pre-activation the loss is exact. From z = s(a) it is not: where z has rounded to 1 there is nothing left of
1 - z, and everybody invents something else in its place.
"""

from collections.abc import Callable

import numpy as np

from scratchdae.activations import sigmoid, softmax, softplus
from scratchdae.arguments import Array
from scratchdae.conformance.explainer.account import Named, Unknown, Wrong, mistakes

TORCH_EPSILON = float(np.float32(1e-12))  # a constant of single precision in PyTorch, for doubles too
EPSILONS = (1e-3, 1e-5, 1e-7, 1e-8, 1e-10, 1e-12, 1e-15)
_KERAS = Named(
    1e-7, "clipped_probabilities",
    "probabilities are clipped to [1e-7, 1 - 1e-7] before the logarithm, as in Keras: the loss of an entry ends at "
    "16.118, and beyond its gradient is 0",
)  # fmt: skip
_CLIPPED, _ADDED = (Unknown("epsilon", 0.0, named, EPSILONS, "log") for named in ((_KERAS,), ()))

SWITCHES = mistakes(
    ("naive_logarithms", "terms",
     "the logarithms are taken of probabilities, log z and log(1 - z): where these have rounded to 0 that gives inf, "
     "or 0 · inf, which is NaN"),
    ("clamped_logarithms", "terms",
     "the logarithms are taken of probabilities and cut off at -100, as in PyTorch's BCELoss, whose gradient divides "
     "by at least 1e-12 and is 0 where the sigmoid has saturated"),
    ("logarithms_cut", "terms",
     "the logarithms, computed without loss, are cut off at -100, and beyond their gradient is 0"),
    ("sigmoid_twice", "terms", "a loss of pre-activations is given probabilities: the sigmoid is taken twice"),
    ("squared_error_instead", "terms", "the squared error of the sigmoid is computed in place of the cross-entropy"),
    ("softmax_instead", "terms", "the cross-entropy of a softmax is computed, as if the components were classes"),
    ("absolute_error_instead", "terms", "the absolute error of the sigmoid is computed in place of the cross-entropy"),
    ("squared_error_in_loss", "terms",
     "the loss is the squared error of the sigmoid; its gradient is that of the cross-entropy"),
    ("squared_error_of_a", "terms",
     "the squared error of the pre-activation is computed in place of the cross-entropy"),
    ("one_sided", "terms", "the loss is -x log z alone: the term (1 - x) log(1 - z) is missing"),
    ("one_sided:below", "terms", "the loss is -(1 - x) log(1 - z) alone: the term x log z is missing"),
    ("targets_inverted", "terms", "the targets are inverted: 1 - x stands for x"),
    ("kl_divergence", "terms",
     "the loss is the KL divergence of x and z: the entropy of the targets is taken off, which no gradient shows"),
    ("kl_reversed", "terms", "the loss is the KL divergence the other way round, of z from x"),
    ("kl_div", "terms",
     "the loss is PyTorch's KLDivLoss of log z, Σ x (log x - log z), which has no term (1 - x) log(1 - z)"),
    ("kl_div_swapped", "terms",
     "the loss is PyTorch's KLDivLoss with its arguments exchanged, Σ z (log z - log x)"),
    ("focal", "terms", "the loss is the focal loss with gamma = 2: each entry counts (z - x)² times"),
    ("pos_weight", "terms", "what is 1 in the target counts {value} times: a pos_weight",
     Unknown("pos_weight", 1.0, (), (2.0, 0.5, 10.0), "log")),
    ("label_smoothing", "labels", "targets are smoothed by {value}: x (1 - s) + s / 2",
     Unknown("smoothing", 0.0, (), (0.1, 0.2))),
    ("target_and_prediction_swapped", "terms", "target and prediction are exchanged: the logarithms are the target's"),
    ("clipped_probabilities", "terms",
     "probabilities are clipped to [{value}, 1 - {value}] before the logarithm", _CLIPPED),
    ("epsilon_in_logarithm", "terms", "{value} is added inside the logarithms, and the gradient follows", _ADDED),
    ("epsilon_in_loss_only", "terms",
     "{value} is added inside the logarithms of the loss; its gradient has no trace of it", _ADDED),
    ("output_derivative_extra", "output derivative",
     "the gradient has a factor z (1 - z) too many: the cross-entropy cancels it"),
    ("gradient_of_z", "output derivative",
     "the gradient is (z - x) / (z (1 - z)), with respect to z, not to the pre-activation"),
)  # fmt: skip


def terms(a: Array, x: Array, wrong: Wrong, dtype: str) -> tuple[Array, Array, float]:
    """Tell the cross-entropy of each unit, its gradient, and how far the rounding of z alone can take the sum."""
    z = sigmoid(a)
    slope = z * sigmoid(-a)
    rounding = 0.0
    smoothing = wrong.get("label_smoothing", 0.0)
    x = x * (1 - smoothing) + smoothing / 2 if smoothing else x
    if (other := _of_another(a, z, x, slope, wrong)) is not None:
        values, gradients = other
    elif "squared_error_instead" in wrong:
        values, gradients = (z - x) ** 2, 2 * (z - x) * slope
    elif "sigmoid_twice" in wrong:
        values, gradients = softplus(z) - x * z, (sigmoid(z) - x) * slope
    elif "target_and_prediction_swapped" in wrong:
        values, gradients = -(z * np.log(x) + (1 - z) * np.log(1 - x)), (np.log(1 - x) - np.log(x)) * slope
    elif _OF_PROBABILITIES & set(wrong):
        values, gradients, rounding = _of_probabilities(z.astype(dtype), x, wrong, dtype)
    else:
        values, gradients = softplus(-np.abs(a)) + ((a >= 0) - x) * a, z - x
    if "output_derivative_extra" in wrong:
        gradients = gradients * slope
    if "gradient_of_z" in wrong:
        gradients = gradients / slope
    return values, gradients, rounding


def _of_another(a: Array, z: Array, x: Array, slope: Array, wrong: Wrong) -> tuple[Array, Array] | None:
    """Tell another loss that is taken for this one, and its gradients; None if none is."""
    log_z, log_rest = -softplus(-a), -softplus(a)
    cross, rest = -(x * log_z + (1 - x) * log_rest), sigmoid(-a)  # 1 - z, of which nothing is rounded away
    e, w = (1 - x) * z - x * rest, wrong.get("pos_weight", 1.0)  # z - x
    others: dict[str, Callable[[], tuple[Array, Array]]] = {
        "absolute_error_instead": lambda: (np.abs(z - x), np.sign(z - x) * slope),
        "squared_error_in_loss": lambda: ((z - x) ** 2, e),
        "squared_error_of_a": lambda: ((a - x) ** 2, 2 * (a - x)),
        "softmax_instead": lambda: (-x * np.log(softmax(a)), softmax(a) * x.sum(axis=-1, keepdims=True) - x),
        "logarithms_cut": lambda: (-(x * np.maximum(log_z, -100) + (1 - x) * np.maximum(log_rest, -100)),
                                   (1 - x) * z * (log_rest > -100) - x * rest * (log_z > -100)),
        "one_sided": lambda: (-x * log_z, -x * rest),
        "one_sided:below": lambda: (-(1 - x) * log_rest, (1 - x) * z),
        "targets_inverted": lambda: (-((1 - x) * log_z + x * log_rest), z - (1 - x)),
        "kl_div": lambda: (_xlogx(x) - x * log_z, -x * rest),
        "kl_divergence": lambda: (cross + _xlogx(x) + _xlogx(1 - x), z - x),
        "kl_div_swapped": lambda: (z * (log_z - np.log(x)), (log_z - np.log(x) + 1) * slope),
        "kl_reversed": lambda: (z * (log_z - np.log(x)) + rest * (log_rest - np.log(1 - x)),
                                (a - np.log(x) + np.log(1 - x)) * slope),
        "focal": lambda: (cross * e**2, e**3 + cross * 2 * e * slope),
        "pos_weight": lambda: (-(w * x * log_z + (1 - x) * log_rest), (1 - x) * z - w * x * rest),
    }  # fmt: skip
    return next((tell() for id, tell in others.items() if id in wrong), None)


def _xlogx(x: Array) -> Array:
    return np.where(x > 0, x * np.log(np.where(x > 0, x, 1)), 0.0)


_OF_PROBABILITIES = {
    "naive_logarithms", "clamped_logarithms", "clipped_probabilities", "epsilon_in_logarithm", "epsilon_in_loss_only",
}  # fmt: skip


def _of_probabilities(p: Array, x: Array, wrong: Wrong, dtype: str) -> tuple[Array, Array, float]:
    """Tell the logarithms of probabilities p, which are rounded, and the gradients that follow."""
    one = np.ones_like(p)
    inside = np.ones(p.shape, bool)
    added = wrong.get("epsilon_in_logarithm", wrong.get("epsilon_in_loss_only", 0.0))
    if "clipped_probabilities" in wrong:
        low = np.asarray(wrong["clipped_probabilities"], dtype)
        inside = (p >= low) & (p <= 1 - low)
        p = np.clip(p, low, 1 - low)
    rest = (one - p).astype(np.float64) + added  # as much of 1 - z as the rounding of z has left
    p = p.astype(np.float64) + added
    log_p, log_rest = np.log(p), np.log(rest)
    if "clamped_logarithms" in wrong:
        log_p, log_rest = np.maximum(log_p, -100), np.maximum(log_rest, -100)
    values = -(x * log_p + (1 - x) * log_rest)
    size = np.where(inside & (p > 0) & (rest > 0), x + (1 - x) * p / rest, 0) + np.abs(values)
    rounding = 2 * float(np.finfo(dtype).eps) * float(size[np.isfinite(size)].sum())
    if "epsilon_in_logarithm" in wrong:
        return values, (-x / p + (1 - x) / rest) * (p - added) * (rest - added), rounding
    if "clamped_logarithms" in wrong:
        return values, (p - x) / np.maximum(p * rest, TORCH_EPSILON) * (p * rest), rounding
    if "naive_logarithms" in wrong or "epsilon_in_loss_only" in wrong:
        return values, p - added - x, rounding
    return values, np.where(inside, p - x, 0), rounding
