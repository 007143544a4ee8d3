"""Losses: value and gradient, at ordinary and extreme reconstructions, exact ties and targets of 0 and 1."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from generate.decimals import Decimals, exact, exp, log, number, sigmoid, softmax
from generate.draw import Draw
from generate.vector import Vector
from scratchdae.arguments import Array

DELTA = 0.75  # of Huber's loss: no framework's default

_FORMULAS = {
    "cross_entropy": "L = -Σ_k [x_k log z_k + (1 - x_k) log(1 - z_k)], z = s(a), in nats; a are the logits",
    "squared_error": "L = Σ_k (a_k - x_k)², without a factor 1/2",
    "absolute_error": "L = Σ_k |a_k - x_k|; the gradient is 0 where they are equal",
    "huber": "L = Σ_k e_k² / 2 where |e_k| <= delta, otherwise delta (|e_k| - delta / 2), with e = a - x",
    "softmax_cross_entropy": "L = -log softmax(a)_t, in nats; a are the logits, t the label",
}
_REDUCTIONS = {
    "paper": "summed over the D components of an example, averaged over the B examples",
    "mean": "averaged over all B·D entries",
}
_MEANINGS = {
    "a": "logits of the reconstruction, or the reconstruction itself",
    "target": "clean targets, or labels",
    "loss": "the loss of the batch",
    "d_a": "gradient with respect to a",
}


def cases() -> Iterator[Vector]:
    for loss in ("cross_entropy", "squared_error", "absolute_error", "huber"):
        for reduction in _REDUCTIONS:
            name = f"{loss}_{reduction}"
            draw = Draw(name)
            a, x = draw.normal(3, 7, scale=2 if loss == "cross_entropy" else 1), draw.uniform(3, 7)
            aim = "the other reduction, in the loss or in its gradient; the sign"
            yield _case(name, loss, reduction, a, x, aim, "31_conformance")

    sizes = np.array([0, 1e-3, 5, 17, 38, 104, 800])
    signs, ends = np.array([[1], [-1], [1], [-1]]), np.array([[1], [0], [0], [1]])
    a, x = (signs * sizes).astype(np.float32).astype(np.float64), np.repeat(ends, 7, axis=1).astype(np.float64)
    aim = "log of a rounded probability: inf, NaN, a clip at 1e-7 or at -100; right and wrong answers, targets 0 and 1"
    yield _case("cross_entropy_extreme", "cross_entropy", "paper", a, x, aim, "16_round_off")
    small = -sizes[2:6].astype(np.float64).reshape(2, 2)
    aim = "a confident right answer whose small loss is rounded away, as 1 - z is"
    yield _case("cross_entropy_confident", "cross_entropy", "paper", small, 0 * small, aim, "13_saturated_output")
    aim = "log 2 where nothing is known: the reduction, in the one case that can be checked by head"
    yield _case(
        "cross_entropy_undecided", "cross_entropy", "paper", 0 * x[:3], 0 * x[:3] + 0.5, aim, "09_entropy_floor"
    )

    draw = Draw("ties")
    x = draw.uniform(3, 5)
    error = np.array([[0, DELTA, -DELTA, 0.25, -2], [0, 0, 0, 0, 0], [DELTA, 1, -1, 800, -800]])
    x = np.round(x * 64) / 64  # so that a - x is the error exactly, in float32 too
    for loss, aim in {
        "absolute_error": "another gradient than 0 where reconstruction and target are equal",
        "huber": "the corner: exactly delta is still the square; smooth L1 in its place, which is this over delta",
        "squared_error": "a factor 1/2, and large errors",
    }.items():
        yield _case(f"{loss}_ties", loss, "paper", x + error, x, aim, "15_wrong_objective")

    draw = Draw("softmax_cross_entropy_paper")
    a, t = draw.normal(5, 4, scale=2), draw.labels(5, 4)
    aim = "a mean over B·K in place of B; one_hot - softmax in place of softmax - one_hot"
    yield _case("softmax_cross_entropy_paper", "softmax_cross_entropy", "paper", a, t, aim, "31_conformance")
    a = np.array([[800, -800, 0], [800, -800, 0], [38, 0, 0], [5, 5, 5], [-800, -801, -802]], dtype=np.float64)
    t = np.array([0, 1, 0, 2, 2])
    aim = "log of a softmax that has rounded to 0 or 1; equal logits"
    yield _case("softmax_cross_entropy_extreme", "softmax_cross_entropy", "paper", a, t, aim, "16_round_off")


def loss_and_gradient(loss: str, a: Decimals, target: Decimals, divisor: int) -> tuple[Decimals, Decimals]:
    """Evaluate a loss and its gradient from the formula; the sum over all entries is divided by `divisor`.

    `a` holds logits for the cross-entropies, otherwise the reconstruction; `target` is labels (B,) for the softmax's.
    """
    error = a - target if loss != "softmax_cross_entropy" else a
    if loss == "cross_entropy":
        z = sigmoid(a)
        terms = -(target * log(z) + (1 - target) * log(1 - z))
        gradient = z - target
    elif loss == "squared_error":
        terms, gradient = error * error, 2 * error
    elif loss == "absolute_error":
        terms, gradient = abs(error), _sign(error)
    elif loss == "huber":
        delta = number(DELTA)
        near = abs(error) <= delta
        terms = np.where(near, error * error / 2, delta * (abs(error) - delta / 2))
        gradient = np.where(near, error, delta * _sign(error))
    else:
        rows = np.arange(len(a))
        terms = log(exp(a).sum(axis=1)) - a[rows, target]
        gradient = softmax(a)
        gradient[rows, target] -= 1
    return terms.sum() / divisor, gradient / divisor


def _sign(a: Decimals) -> Decimals:
    return np.where(a > 0, number(1), np.where(a < 0, number(-1), number(0)))


def _case(name: str, loss: str, reduction: str, a: Array, target: Array, aimed_at: str, chapter: str) -> Vector:
    B, D = a.shape
    of_labels = loss == "softmax_cross_entropy"
    conventions: dict[str, Any] = {
        "loss": loss,
        "from": "logits" if loss.endswith("cross_entropy") else "values",
        "reduction": reduction,
    }
    if loss == "huber":
        conventions["delta"] = DELTA
    divisor = B * D if reduction == "mean" else B
    value, d_a = loss_and_gradient(loss, exact(a), target if of_labels else exact(target), divisor)
    words = "averaged over the B examples" if of_labels else _REDUCTIONS[reduction]
    return Vector(
        name=name,
        group="loss",
        sizes={"B": B, "K" if of_labels else "D": D},
        conventions=conventions,
        in_words=(_FORMULAS[loss], f"the loss is {words}"),
        aimed_at=aimed_at,
        chapter=chapter,
        inputs={"a": a, "target": target},
        stages={"loss": {"loss": value}, "gradients": {"d_a": d_a}},
        required=("loss", "d_a"),
        meanings=_MEANINGS,
    )
