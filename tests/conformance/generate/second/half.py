"""What is computed in half precision, float16: eleven bits, nothing beyond 65504, and a tolerance of its own."""

from collections.abc import Iterator

import numpy as np

from generate.draw import Draw
from generate.second.made import made
from generate.vector import Vector
from scratchdae.arguments import Array

_COMPUTED = "in half precision, whatever sums are kept in; the answer is in the precision of the adapter"


def cases() -> Iterator[Vector]:
    draw = Draw("half_dense")
    inputs = {"x": draw.normal(3, 5), "W": draw.normal(5, 7), "b": draw.normal(7), "d_output": draw.normal(3, 7)}
    words = ("output = 1 / (1 + exp(-(x W + b))); its gradients", _COMPUTED)
    aim = "the derivative of the sigmoid left out; dW or db averaged over the batch"
    yield _case("half_dense", "dense", inputs, words, aim)
    draw = Draw("half_squared_error")
    a = 60 + 8 * draw.normal(2, 20)
    words = ("loss = mean of (a - target)² over all entries; d_a is its gradient", _COMPUTED)
    aim = "a sum in half precision, which overflows beyond 65504; a mean over the batch alone"
    yield _case("half_squared_error", "squared_error", {"a": a, "target": draw.uniform(2, 20)}, words, aim)
    a = np.array([[-11, -9, -1, 0, 9, 11], [0.5, 2, 9.5, -9.5, -2, 1]])
    target = np.array([[0, 1, 1, 0, 1, 0], [1, 1, 1, 0, 0, 0]], dtype=np.float64)
    words = ("loss = mean of log(1 + exp(a)) - target a over all entries; d_a is its gradient", _COMPUTED)
    aim = "the logarithm of a probability that half precision has rounded to 0 or 1"
    yield _case("half_cross_entropy", "cross_entropy", {"a": a, "target": target}, words, aim)


def _case(name: str, function: str, inputs: dict[str, Array], in_words: tuple[str, str], aimed_at: str) -> Vector:
    inputs = {key: value.astype(np.float16).astype(np.float64) for key, value in inputs.items()}
    meanings = {"target": "targets", "loss": "the loss", "d_a": "gradient with respect to a"}
    conventions = {"function": function, "precision": "float16"}
    return made(name, "half", conventions, inputs, in_words, aimed_at, "16_round_off", meanings=meanings)
