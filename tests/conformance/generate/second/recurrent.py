"""Gated recurrent units, with the reset after the product and before it."""

from collections.abc import Iterator

from generate.draw import Draw
from generate.second.made import made, of_layer
from generate.vector import Vector
from scratchdae.layers import GRU

_GATES = (
    "r, z = s(x_t W_rz + h_{t-1} U_rz + b_rz), gates r z n in this order; h_t = (1 - z) n + z h_{t-1}, from zeros",
    {"after": "n = φ(x_t W_n + b_n + r (h_{t-1} U_n + b_U)), φ = ", "before": "n = φ(x_t W_n + b_n + (r "
    "h_{t-1}) U_n), φ = "},
)  # fmt: skip
_CASES = (
    ("gru_reset_after", GRU(5, return_sequences=True), (2, 4, 3),
     "the reset before the product; z and 1 - z exchanged; gates in another order (z r n)"),
    ("gru_reset_after_last_output", GRU(3), (2, 3, 5), "b_U not multiplied by r; the first output for the last"),
    ("gru_reset_before", GRU(5, return_sequences=True, reset="before"), (2, 4, 3),
     "the reset after the product; z and 1 - z exchanged"),
    ("gru_reset_before_relu", GRU(3, activation="relu", reset="before"), (3, 4, 2),
     "tanh left at the candidate; the first output for the last"),
)  # fmt: skip


def cases() -> Iterator[Vector]:
    for name, layer, (B, T, F), aim in _CASES:
        draw, H = Draw(name), layer.units
        inputs = {"x": draw.normal(B, T, F), "W": draw.normal(F, 3 * H, scale=0.8)}
        inputs |= {"U": draw.normal(H, 3 * H, scale=0.6), "b": draw.normal(3 * H, scale=0.5)}
        inputs |= {"b_U": draw.normal(H)} if layer.reset == "after" else {}
        words = (_GATES[0], f"{_GATES[1][layer.reset]}{layer.activation}")
        yield made(name, "layer", of_layer(layer, inputs["x"]), inputs, words, aim, "24_exploding_gradients")
