"""Fifty steps of gradient descent: what a small mistake in a gradient becomes in the end."""

from collections.abc import Iterator

import numpy as np

from generate.autoencoder import Options, forward_backward, parameters
from generate.corruption import MEANINGS, corrupt
from generate.decimals import Decimals, arithmetic, exact, number
from generate.draw import Draw
from generate.vector import Vector

STEPS, KEPT = 50, (1, 10, 50)  # all steps, and those after which the weights are kept
B, D, H = 2, 5, 3

_MEANINGS = MEANINGS | {
    "x": "clean batch of each step",
    "mask": "True where a component of the batch is destroyed",
    "W": "weights before the first step, (visible, hidden)",
    "b": "hidden biases before the first step",
    "b_prime": "visible biases before the first step",
    "losses": "loss of each step, before it is taken",
    **{f"W_after_{step}": f"weights after step {step}" for step in KEPT},
    f"b_after_{STEPS}": "hidden biases in the end",
    f"b_prime_after_{STEPS}": "visible biases in the end",
}


def cases() -> Iterator[Vector]:
    accumulated = "gradients that are not zeroed, so that each step takes all before it as well"
    yield _case("train_cross_entropy", Options(), 0.25, accumulated, "21_zero_grad")
    stale = "a loss after the step for one before it; a gradient that is slightly wrong and trains all the same"
    yield _case("train_squared_error", Options(loss="squared_error"), 0.5, stale, "26_wrong_backward")
    smaller = "a learning rate that means another step because the loss is reduced otherwise"
    yield _case("train_cross_entropy_mean", Options(reduction="mean"), 2.0, smaller, "31_conformance")


def _case(name: str, options: Options, lr: float, aimed_at: str, chapter: str) -> Vector:
    draw = Draw(name)
    first, x, mask = parameters(draw, D, H, tied=True), draw.uniform(STEPS, B, D), draw.mask(STEPS, B, D)
    params = {key: exact(value) for key, value in first.items()}
    losses: list[Decimals] = []
    after: dict[str, Decimals] = {}
    with arithmetic(100):  # nothing saturates
        for step, (clean, destroyed) in enumerate(zip(exact(x), mask, strict=True), start=1):
            found = forward_backward(params, corrupt("masking", clean, {"mask": destroyed}), clean, options)
            losses.append(found["loss"]["loss"])
            params = {key: value - number(lr) * found["gradients"][f"d{key}"] for key, value in params.items()}
            after |= {f"{key}_after_{step}": value for key, value in params.items() if step in KEPT}
    last = (f"b_after_{STEPS}", f"b_prime_after_{STEPS}")
    kept = (*(f"W_after_{step}" for step in KEPT), *last)
    return Vector(
        name=name,
        group="training",
        sizes={"B": B, "D": D, "H": H, "steps": STEPS},
        conventions=options.conventions | {"optimizer": "sgd", "lr": lr, "steps": STEPS},
        in_words=(*options.in_words, "every parameter θ becomes θ - lr dθ after each batch"),
        aimed_at=aimed_at,
        chapter=chapter,
        inputs={"x": x, "mask": mask, **first},
        stages={"forward": {"losses": np.array(losses), **{key: after[key] for key in kept}}},
        required=("losses", *kept),
        meanings=_MEANINGS,
    )
