"""The penalty of the weights' squares, alone: the coefficient means what the formula says."""

from collections.abc import Iterator

from generate.decimals import exact, number
from generate.draw import Draw
from generate.vector import Vector

_MEANINGS = {"W": "weights", "penalty": "l2 · Σ W²", "dW": "its gradient, 2 · l2 · W"}


def cases() -> Iterator[Vector]:
    for name, l2, shape, aim in (
        ("l2_small", 0.001, (5, 3), "a factor 1/2, as PyTorch's weight_decay has it"),
        ("l2_large", 8.0, (1, 7), "a mean over the weights, or a root: the norm in place of its square"),
    ):
        W = Draw(name).normal(*shape)
        w = exact(W)
        yield Vector(
            name=name,
            group="penalty",
            sizes=dict(zip("PQ", shape, strict=True)),
            conventions={"l2": l2},
            in_words=("penalty = l2 · Σ W², without a factor 1/2 and not divided by anything",),
            aimed_at=aim,
            chapter="15_wrong_objective",
            inputs={"W": W},
            stages={"loss": {"penalty": number(l2) * (w * w).sum()}, "gradients": {"dW": 2 * number(l2) * w}},
            required=("penalty", "dW"),
            meanings=_MEANINGS,
        )
