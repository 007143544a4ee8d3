"""Clipping of gradients: by their global norm, under each framework's convention, and by value."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from generate.decimals import exact, number, sqrt
from generate.draw import Draw
from generate.vector import Vector
from scratchdae.arguments import Array

TORCH_EPSILON = 1e-6  # that PyTorch adds to the norm

_MEANINGS = {
    "dW": "gradient of W",
    "db": "gradient of b",
    "norm": "global norm before clipping: the root of the sum of the squares of both",
    "clipped_dW": "clipped gradient of W",
    "clipped_db": "clipped gradient of b",
}
_FORMULAS = {
    "none": "every entry is cut to [-limit, limit]",
    "torch": "all is multiplied by limit / (norm + 1e-6) where that is below 1",
    "optax": "all is multiplied by limit / norm where the norm exceeds the limit",
    "keras": "all is multiplied by limit / norm where the norm exceeds the limit (global_clipnorm, not clipnorm)",
}


def cases() -> Iterator[Vector]:
    draw = Draw("clipping")
    dW, db = draw.normal(3, 4), draw.normal(5)
    aims = {
        "torch": "1e-6 left out; each array clipped by a norm of its own",
        "optax": "1e-6 added; each array clipped by a norm of its own",
        "keras": "clipnorm, which clips each array by itself, in place of global_clipnorm",
    }
    for framework, aim in aims.items():
        yield _case(f"clip_norm_{framework}", framework, dW, db, 0.75, aim)
    yield _case("clip_norm_short", "optax", dW, db, 8.0, "gradients shorter than the limit made longer")
    three_four_five = np.array([[3.0, 0], [0, 0]]), np.array([0, -4.0, 0])
    aims = {"torch": "1e-6 left out, which shortens by a part in five million", "optax": "1e-6 added to the norm"}
    for framework, aim in aims.items():
        aim = f"a norm that is the limit to the bit: {aim}"
        yield _case(f"clip_norm_at_the_limit_{framework}", framework, *three_four_five, 5.0, aim)
    yield _case("clip_value", "none", dW, db, 0.5, "the norm clipped, which keeps the direction, or one side alone")
    ends = np.array([[0.5, -0.5], [0, -800]]), np.array([0.25, 800, -0.5])
    yield _case("clip_value_at_the_limit", "none", *ends, 0.5, "an entry at the limit that is changed")


def _case(name: str, framework: str, dW: Array, db: Array, limit: float, aimed_at: str) -> Vector:
    exact_dW, exact_db = exact(dW), exact(db)
    norm = sqrt((exact_dW**2).sum() + (exact_db**2).sum())
    forward: dict[str, Any] = {}
    if framework == "none":
        bound = number(limit)
        clipped = [np.minimum(np.maximum(g, -bound), bound) for g in (exact_dW, exact_db)]
    else:
        forward["norm"] = norm
        length = norm + number(TORCH_EPSILON) if framework == "torch" else norm
        factor = min(number(limit) / length, number(1))
        clipped = [factor * g for g in (exact_dW, exact_db)]
    return Vector(
        name=name,
        group="clipping",
        sizes={"P": dW.shape[0], "Q": dW.shape[1], "R": len(db)},
        conventions={"clip": "value" if framework == "none" else "norm", "limit": limit, "framework": framework},
        in_words=(_FORMULAS[framework],),
        aimed_at=aimed_at,
        chapter="24_exploding_gradients",
        inputs={"dW": dW, "db": db},
        stages={"forward": forward | {"clipped_dW": clipped[0], "clipped_db": clipped[1]}},
        required=("clipped_dW", "clipped_db"),
        meanings=_MEANINGS,
    )
