"""Mistakes in the cross-entropy of class labels."""

import numpy as np

from scratchdae.activations import sigmoid, softmax, softplus
from scratchdae.arguments import Array
from scratchdae.conformance.explainer.account import Named, Unknown, Wrong, mistakes

EPSILONS = (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12, 1e-15)
_KERAS = Named(
    1e-7, "clipped_probabilities",
    "probabilities are clipped to [1e-7, 1 - 1e-7] before the logarithm, as in Keras: beyond the gradient is 0",
)  # fmt: skip
SWITCHES = mistakes(
    ("softmax_twice", "terms", "a loss of logits is given probabilities: the softmax is taken twice"),
    ("softmax_over_batch", "terms", "the softmax runs over the batch, not over the classes"),
    ("naive_softmax", "terms", "the largest logit is not taken out before exp, which overflows: inf / inf is NaN"),
    ("naive_logarithms", "terms", "the logarithm is taken of a probability that has rounded to 0: the loss is inf"),
    ("sigmoids_instead", "terms", "a sigmoid for each class is used in place of the softmax"),
    ("squared_error_instead", "terms",
     "the squared error of the probabilities is computed in place of the cross-entropy"),
    ("clipped_probabilities", "terms",
     "probabilities are clipped to [{value}, 1 - {value}] before the logarithm",
     Unknown("epsilon", 0.0, (_KERAS,), EPSILONS, "log")),
    ("squared_error_in_loss", "terms",
     "the loss is the squared error of the probabilities; its gradient is that of the cross-entropy"),
    ("squared_error_of_a", "terms", "the squared error of the logits is computed in place of the cross-entropy"),
    ("gradient_of_probabilities", "terms",
     "the gradient is that of the probabilities, -t / p: the softmax's Jacobian is missing"),
    ("epsilon_in_softmax", "terms", "{value} is added to the sum of exp that the softmax divides by",
     Unknown("epsilon", 0.0, (), EPSILONS, "log")),
    ("epsilon_in_logarithm", "terms", "{value} is added inside the logarithm, and the gradient follows",
     Unknown("epsilon", 0.0, (), EPSILONS, "log")),
    ("epsilon_in_loss_only", "terms",
     "{value} is added inside the logarithm of the loss; its gradient has no trace of it",
     Unknown("epsilon", 0.0, (), EPSILONS, "log")),
    ("labels_from_one", "labels", "labels are counted from 1: each stands for the class before"),
    ("labels_off_by_one", "labels", "each label stands for the class after"),
    ("label_smoothing", "labels", "labels are smoothed by {value}", Unknown("smoothing", 0.0, (), (0.1,))),
    ("one_hot_not_subtracted", "", "the gradient is softmax(a), from which the label is not subtracted"),
)  # fmt: skip


RARE = mistakes(
    ("class_0_ignored", "labels", "the examples of class 0 are ignored, and not counted among those averaged over"),
    ("class_0_ignored:counted", "labels", "the examples of class 0 are ignored, but counted in the average"),
    ("all_labels", "labels", "each example has the labels of all: log p[:, labels], averaged"), late=True)  # fmt: skip


def terms(a: Array, t: Array, wrong: Wrong, dtype: str) -> tuple[Array, Array, float]:
    """Tell the cross-entropy of each example, its gradient, and how far the rounding of p alone can take the sum."""
    K = a.shape[1]
    shift = ("labels_off_by_one" in wrong) - ("labels_from_one" in wrong)
    smoothing = wrong.get("label_smoothing", 0.0)
    hot = (1 - smoothing) * np.eye(K)[(t + shift) % K] + smoothing / K
    if {"class_0_ignored", "class_0_ignored:counted"} & set(wrong):
        counts = (t != 0) * (len(t) / max((t != 0).sum(), 1) if "class_0_ignored" in wrong else 1.0)
        return counts * _from_logits(a, hot), counts[:, None] * (softmax(a) - hot), 0.0
    hot = np.broadcast_to(hot.mean(axis=0), hot.shape) if "all_labels" in wrong else hot
    kept = 0 if "one_hot_not_subtracted" in wrong else 1
    if "sigmoids_instead" in wrong:
        values = (softplus(-np.abs(a)) + ((a >= 0) - hot) * a).sum(axis=1)
        return values, sigmoid(a) - kept * hot, 0.0
    if "softmax_twice" in wrong:
        p = softmax(a)
        return _from_logits(p, hot), _through_softmax(p, softmax(p) - kept * hot), 0.0
    if {"squared_error_in_loss", "squared_error_of_a"} & set(wrong):
        of_a = "squared_error_of_a" in wrong
        e = (a if of_a else softmax(a)) - hot
        return (e**2).sum(axis=1), 2 * e if of_a else e, 0.0
    if "gradient_of_probabilities" in wrong:
        return _from_logits(a, hot), -hot / softmax(a), 0.0
    if "epsilon_in_softmax" in wrong:
        e = np.exp(a - a.max(axis=1, keepdims=True))
        p = e / (e.sum(axis=1, keepdims=True) + wrong["epsilon_in_softmax"])
        return -np.where(hot > 0, hot * np.log(p), 0).sum(axis=1), p - kept * hot, 0.0
    if "softmax_over_batch" in wrong:
        logs = a - a.max(axis=0) - np.log(np.exp(a - a.max(axis=0)).sum(axis=0))
        return -np.where(hot > 0, hot * logs, 0).sum(axis=1), np.exp(logs) * hot.sum(axis=0) - kept * hot, 0.0
    if _OF_PROBABILITIES & set(wrong):
        return _of_probabilities(a, hot, kept, wrong, dtype)
    return _from_logits(a, hot), softmax(a) - kept * hot, 0.0


_OF_PROBABILITIES = {
    "naive_softmax", "naive_logarithms", "clipped_probabilities", "squared_error_instead", "epsilon_in_logarithm",
    "epsilon_in_loss_only",
}  # fmt: skip


def _from_logits(a: Array, hot: Array) -> Array:
    largest = a.max(axis=1, keepdims=True)
    shifted = a - largest
    others = np.exp(shifted)
    others[np.arange(len(a)), shifted.argmax(axis=1)] = 0  # the largest is 1 itself
    losses: Array = np.log1p(others.sum(axis=1)) - (hot * shifted).sum(axis=1)
    return losses


def _through_softmax(p: Array, dp: Array) -> Array:
    da: Array = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    return da


def _of_probabilities(a: Array, hot: Array, kept: int, wrong: Wrong, dtype: str) -> tuple[Array, Array, float]:
    if "naive_softmax" in wrong:
        e = np.exp(a.astype(dtype))
        p = (e / e.sum(axis=1, keepdims=True)).astype(np.float64)
    else:
        p = softmax(a).astype(dtype).astype(np.float64)
    inside = np.ones(p.shape, bool)
    if "squared_error_instead" in wrong:
        return ((p - hot) ** 2).sum(axis=1), _through_softmax(p, 2 * (p - kept * hot)), 0.0
    if "clipped_probabilities" in wrong:
        low = np.asarray(wrong["clipped_probabilities"], dtype)
        inside = (p >= low) & (p <= 1 - low)
        clipped = np.clip(p, float(low), float(1 - low))
        values = -np.where(hot > 0, hot * np.log(clipped), 0).sum(axis=1)
        gradients = _through_softmax(p, np.where(inside, -kept * hot / clipped, 0))
        return values, gradients, 4 * float(np.finfo(dtype).eps) * float(np.abs(values).sum() + len(a))
    added = wrong.get("epsilon_in_logarithm", wrong.get("epsilon_in_loss_only", 0.0))
    values = -np.where(hot > 0, hot * np.log(p + added), 0).sum(axis=1)
    if "epsilon_in_logarithm" in wrong:
        gradients = _through_softmax(p, -kept * hot / (p + added))
        return values, gradients, 4 * float(np.finfo(dtype).eps) * float(np.abs(values).sum() + len(a))
    finite = np.abs(values[np.isfinite(values)]).sum()
    return values, p - kept * hot, 4 * float(np.finfo(dtype).eps) * float(finite + len(a))
