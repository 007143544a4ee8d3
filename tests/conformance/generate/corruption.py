"""Corruptions, given what was drawn: the mask, the coin or the noise is an input."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from generate.decimals import Decimals, exact, number
from generate.draw import Draw
from generate.vector import Vector
from scratchdae.arguments import Array

SIGMA = 0.3125

IN_WORDS = {
    "none": "x_tilde = x",
    "masking": "x_tilde is 0 where mask is True, x elsewhere; nothing is rescaled",
    "salt_and_pepper": "where mask is True x_tilde is 1 if coin is True, otherwise 0; elsewhere it is x",
    "gaussian": "x_tilde = x + sigma · noise; nothing is clipped",
}
MEANINGS = {
    "x": "clean input",
    "mask": "True where a component is destroyed",
    "coin": "True where a destroyed component becomes 1",
    "noise": "standard normal noise, before it is multiplied by sigma",
    "x_tilde": "corrupted input",
}


def drawn(corruption: str, draw: Draw, shape: tuple[int, int]) -> dict[str, Array]:
    """Draw what a corruption needs: inputs of the case."""
    if corruption == "gaussian":
        return {"noise": draw.normal(*shape)}
    if corruption == "none":
        return {}
    mask = {"mask": draw.mask(*shape)}
    return mask | {"coin": draw.mask(*shape, nu=0.5)} if corruption == "salt_and_pepper" else mask


def corrupt(corruption: str, x: Decimals, inputs: Mapping[str, Array]) -> Decimals:
    """Corrupt a clean batch (B, D), given what was drawn."""
    if corruption == "none":
        return x
    if corruption == "gaussian":
        return x + number(SIGMA) * exact(inputs["noise"])
    value = exact(inputs["coin"]) if corruption == "salt_and_pepper" else number(0)
    return np.where(inputs["mask"], value, x)


def cases() -> Iterator[Vector]:
    for corruption, aim in {
        "masking": "the mask inverted, or the rest rescaled as dropout does",
        "salt_and_pepper": "the coin tossed for intact components, or a destroyed one always the same",
        "gaussian": "sigma taken for the variance; values clipped to [0, 1]",
    }.items():
        draw = Draw(corruption)
        x = draw.uniform(3, 7)
        yield _case(corruption, corruption, x, drawn(corruption, draw, (3, 7)), aim)
    x = Draw("masking_nothing_and_everything").uniform(2, 5)
    mask = np.array([[False] * 5, [True] * 5])
    aim = "an example of which nothing is left, or all: no division by what is kept"
    yield _case("masking_nothing_and_everything", "masking", x, {"mask": mask}, aim)


def _case(name: str, corruption: str, x: Array, given: Mapping[str, Array], aimed_at: str) -> Vector:
    conventions: dict[str, Any] = {"corruption": corruption}
    if corruption == "gaussian":
        conventions["sigma"] = SIGMA
    return Vector(
        name=name,
        group="corruption",
        sizes=dict(zip("BD", x.shape, strict=True)),
        conventions=conventions,
        in_words=(IN_WORDS[corruption],),
        aimed_at=aimed_at,
        chapter="02_denoising",
        inputs={"x": x, **given},
        stages={"forward": {"x_tilde": corrupt(corruption, exact(x), given)}},
        required=("x_tilde",),
        meanings=MEANINGS,
        exact=() if corruption == "gaussian" else ("x_tilde",),
    )
